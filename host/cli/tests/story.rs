//! The story of a rule, told by what happens: a regulator, an association and a platform under load, from the first key to a
//! revoked one. `make story` prints it.
#![allow(clippy::disallowed_macros, reason = "a test speaks to whoever runs it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use normgate::contract::Day;
use normgate::{Batch, Config, Gate, GateBuilder, Outcome, embedded};
use normgate_package::set_section;
use normgate_repo::{Generation, Store, reload};
use support::folder;

/// Who asks, again and again: a grown-up and a child, for the same list.
const USERS: [(&str, &str); 2] = [("a grown-up", "a18_60"), ("a child", "a12_16")];

fn request(age_band: &str) -> Batch {
    let text = r#"{"id":"r","ctx":{"now_ms":1767225600000,"local_min":600,"surface":"feed"},
        "user":{"age_band":"AGE","minor_mode":false,"personalization":"on"},
        "candidates":[{"id":"night film","kind":"short_video","age_rating":"r18","scan_state":"done","retrieval_basis":"generic"},
                      {"id":"rooftop dare","kind":"short_video","age_rating":"all","scan_state":"done","retrieval_basis":"generic",
                       "signals":[{"code":"M1","conf_ppm":650000,"source":"classifier"}]},
                      {"id":"weekend hike","kind":"short_video","age_rating":"all","scan_state":"done","retrieval_basis":"generic"}]}"#;
    Batch::from_json(text.replace("AGE", age_band).as_bytes()).unwrap()
}

/// What the regulator's Article 18 must say before any platform switches to it.
const CASE: &str = r#"{"case":"less doubt is enough","modules":["art18"],"as_of":"DAY","request":{"ctx":{"now_ms":1767225600000,"local_min":600},"user":{"age_band":"a12_16","minor_mode":false},"candidates":[{"id":"a","kind":"short_video","age_rating":"all","scan_state":"done","signals":[{"code":"M1","conf_ppm":650000,"source":"classifier"}]}]},"expect":{"verdicts":{"a":{"action":"block","rules":["art18.unsafe-imitation"]}}}}"#;

/// Whom the platform believes, and what each may do.
const CONFIG: &str = r#"
[[repositories]]
name = "national"
root = "norms/metadata/1.root.json"
location = "norms"
authorities = ["film-club", "regulator"]

[authorities.film-club]
effect = "block"

[authorities.regulator]
base = "full"
replaces = ["reference/art18-minors"]
"#;

struct Stage {
    folder: PathBuf,
}

impl Stage {
    fn new() -> Self {
        let folder = folder("story");
        std::fs::write(folder.join("normgate.toml"), CONFIG).unwrap();
        Self { folder: folder.canonicalize().unwrap() }
    }

    /// Types a command, and prints what it prints.
    fn types(&self, who: &str, command: &str) -> String {
        println!("{who}$ {command}");
        let program = Path::new(env!("CARGO_BIN_EXE_normgate")).parent().unwrap().display().to_string();
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(&self.folder)
            .env("PATH", format!("{program}:{}", std::env::var("PATH").unwrap()))
            .env("XDG_CACHE_HOME", self.folder.join("cache"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        said.lines().for_each(|line| println!("    {line}"));
        assert!(output.status.success(), "{command}: {said}");
        said.into_owned()
    }

    fn config(&self) -> Config {
        Config::parse(CONFIG).unwrap()
    }

    /// The gate of a generation of the store: what the program carries, and what was taken.
    fn builder(&self, taken: Option<&Generation>, as_of: Option<Day>) -> GateBuilder {
        let builder = match taken {
            Some(taken) => taken.builder(self.config(), as_of),
            None => Gate::builder().config(self.config()).label("what the program carries"),
        };
        let builder = builder.policies(embedded::arp());
        builder.compiler(|module| normgate::precompile(&module.bytes, normgate::Backend::Native))
    }
}

/// By whom it was judged, for whom, and what was shown: how often.
type Seen = BTreeMap<(String, &'static str, String), u64>;

/// Threads that ask without a pause, until told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    fn on(gate: &Arc<Gate>) -> Self {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Seen::new())));
        let threads = (0..2).map(|_| {
            let (gate, stop, seen) = (Arc::clone(gate), Arc::clone(&stop), Arc::clone(&seen));
            thread::spawn(move || {
                let requests = USERS.map(|(user, age_band)| (user, request(age_band)));
                while !stop.load(Ordering::Relaxed) {
                    for (user, batch) in &requests {
                        let outcome = gate.evaluate(batch);
                        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
                        let by = outcome.generation().unwrap_or_default().to_owned();
                        *seen.lock().unwrap().entry((by, *user, shown(&outcome))).or_default() += 1;
                    }
                }
            })
        });
        Self { threads: threads.collect(), stop, seen }
    }

    fn end(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        Arc::into_inner(self.seen).unwrap().into_inner().unwrap()
    }
}

fn shown(outcome: &Outcome) -> String {
    outcome.ranking().map(|row| row.id().to_owned()).collect::<Vec<_>>().join(", ")
}

/// What each user is shown, printed and handed back.
fn tell(gate: &Gate) -> [String; 2] {
    USERS.map(|(user, age_band)| {
        let outcome = gate.evaluate(&request(age_band));
        println!("    {}: {user} is shown {}", outcome.generation().unwrap_or_default(), shown(&outcome));
        shown(&outcome)
    })
}

/// The regulator's own Article 18: as the reference reads it, but for the confidence from which a classifier is heard.
fn stricter_article_18(from: Day) -> Vec<u8> {
    let reference = embedded::arp().into_iter().find(|module| module.manifest.module == "art18").unwrap();
    let mut manifest = serde_json::to_value(&*reference.manifest).unwrap();
    manifest["id"] = "regulator/art18".into();
    manifest["version"] = "2.0.0".into();
    manifest["effective_from"] = from.to_string().into();
    manifest["replaces"] = serde_json::json!(["reference/art18-minors"]);
    for parameter in manifest["parameters"].as_array_mut().unwrap() {
        if parameter["name"] == "common.t_suspect" {
            parameter["default"] = 600_000.into();
        }
    }
    let mut bytes = reference.bytes.to_vec();
    set_section(&mut bytes, normgate::contract::MANIFEST_SECTION, manifest.to_string().as_bytes());
    bytes
}

/// Its cases: those of the reference, but for those of its threshold, and its own.
fn cases_of_article_18(day: Day) -> String {
    let reference = include_str!("../../../policies/art18-minors/cases.jsonl").lines();
    let kept = reference.filter(|line| !line.trim().is_empty() && !line.contains("699999"));
    let moved = kept.map(|line| {
        let mut case: serde_json::Value = serde_json::from_str(line).unwrap();
        case["as_of"] = day.to_string().into();
        case.to_string()
    });
    moved.chain([CASE.replace("DAY", &day.to_string())]).collect::<Vec<_>>().join("\n")
}

/// A day in the time zone in which rules come into force.
fn day(which: &str) -> Day {
    let output = Command::new("date").env("TZ", "Asia/Shanghai").args(["-d", which, "+%F"]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap()
}

/// Waits until the platform's gate has another generation.
fn arrival(arrived: &Receiver<u64>, number: u64) {
    assert_eq!(arrived.recv_timeout(Duration::from_secs(60)), Ok(number), "the watcher never saw generation {number}");
}

#[test]
fn a_rule_travels_from_its_author_to_a_platform_and_is_taken_back() {
    let stage = Stage::new();
    let tomorrow = day("tomorrow");

    println!("\nA platform judges with what its program carries, and its users never stop asking.\n");
    let gate = Arc::new(stage.builder(None, None).build().unwrap());
    let load = Load::on(&gate);
    let [grown_up, child] = tell(&gate);
    assert!(grown_up.contains("night film") && child.contains("rooftop dare"));

    println!("\nThe regulator begins a repository, and lets an association speak for itself.\n");
    stage.types("regulator", "normgate repo init norms --keys keys");
    stage.types("film-club", "normgate key generate film-club.pem");
    stage.types("regulator", "normgate repo delegate norms film-club --key film-club.pub --keys keys/targets.pem");

    println!("\nThe association publishes its norm.\n");
    std::fs::write(stage.folder.join("night-films.wasm"), include_bytes!("../../../tests/frozen/film-club-0.1.0.wasm"))
        .unwrap();
    std::fs::write(stage.folder.join("night-films.jsonl"), include_str!("../../../tests/frozen/film-club.cases.jsonl"))
        .unwrap();
    stage.types("film-club", "normgate repo sign norms --role film-club --role film-club-data --keys film-club.pem");
    stage.types("film-club", "normgate repo add norms night-films.wasm --cases night-films.jsonl --keys film-club.pem");
    stage.types("regulator", "normgate repo publish norms --keys keys/online.pem");

    println!("\nThe platform syncs. Whoever asks in that moment is answered by the one generation or the other.\n");
    let (announce, arrived) = channel();
    let watching = {
        let (gate, stage) = (Arc::clone(&gate), Stage { folder: stage.folder.clone() });
        reload::watch(Store::open(&stage.folder.join("store")).unwrap(), Duration::from_millis(20), move |taken| {
            gate.swap(stage.builder(Some(&taken), None).generation().unwrap());
            announce.send(taken.number).unwrap();
        })
        .unwrap()
    };
    stage.types("platform", "normgate sync -c normgate.toml --store store");
    arrival(&arrived, 1);
    assert!(!tell(&gate)[0].contains("night film"));

    println!(
        "\nThe regulator ships an Article 18 of its own, in force from tomorrow. Until then it is only watched.\n"
    );
    std::fs::write(stage.folder.join("art18.wasm"), stricter_article_18(tomorrow)).unwrap();
    std::fs::write(stage.folder.join("art18.jsonl"), cases_of_article_18(tomorrow)).unwrap();
    stage.types("regulator", "normgate key generate regulator.pem");
    stage.types(
        "regulator",
        "normgate repo delegate norms regulator --key regulator.pub --keys keys/targets.pem --keys regulator.pem",
    );
    stage.types("regulator", "normgate repo add norms art18.wasm --cases art18.jsonl --keys regulator.pem");
    stage.types("regulator", "normgate repo publish norms --keys keys/online.pem");
    stage.types("platform", "normgate sync -c normgate.toml --store store");
    arrival(&arrived, 2);
    assert!(tell(&gate)[1].contains("rooftop dare"));
    println!("    what would change, counted while users ask:\n");
    (0..100).for_each(|_| drop(gate.evaluate(&request("a12_16"))));
    let diff = gate.shadow_diff();
    diff.to_string().lines().for_each(|line| println!("    {line}"));
    assert!(
        diff.changes
            .iter()
            .any(|change| change.policy.as_deref() == Some("regulator/art18@2.0.0") && change.verdicts > 0)
    );

    println!("\nTomorrow comes: it judges in the place of the reference reading, by itself.\n");
    let store = Store::open(&stage.folder.join("store")).unwrap();
    let taken = store.generation().unwrap().unwrap();
    let next_day = stage.builder(Some(&taken), Some(tomorrow)).build().unwrap();
    assert!(!tell(&next_day)[1].contains("rooftop dare"));
    assert!(!next_day.policy_set().manifests().any(|manifest| manifest.id == "reference/art18-minors"));

    println!(
        "\nThe association's key is in wrong hands. The regulator revokes it, and the platform drops the norm and says why.\n"
    );
    stage.types("regulator", "normgate repo revoke norms film-club --keys keys/targets.pem");
    stage.types("regulator", "normgate repo publish norms --keys keys/online.pem");
    let said = stage.types("platform", "normgate sync -c normgate.toml --store store");
    assert!(said.contains("film-club/night-films"), "{said}");
    arrival(&arrived, 3);
    assert!(tell(&gate)[0].contains("night film"));

    drop(watching);
    let seen = load.end();
    println!("\nAll the while, users were answered, each by one generation, and nobody waited or failed:\n");
    for ((by, user, list), times) in &seen {
        println!("    {times:>8} times by {by}, {user}: {list}");
    }
    // One generation gives one user one answer; a mixture would be a line more.
    let mut asked: Vec<_> = seen.keys().map(|(by, user, _)| (by, user)).collect();
    let all = asked.len();
    asked.dedup();
    assert_eq!(asked.len(), all, "a generation gave two answers");
    assert!(asked.len() >= 6, "{seen:?}");
}

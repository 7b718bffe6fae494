//! The gate against an independent reading of the whole law (`oracle`): the shipped cases, and requests made to be
//! awkward (`adversary`), each judged twice and compared in everything that the wire promises.
//!
//! `NORMGATE_DIFFERENTIAL_REQUESTS` sets how many requests are made, for long runs (a longer run begins like a short
//! one); `NORMGATE_DIFFERENTIAL_SEED` sets from which seed. `--nocapture` shows how often each rule was enforced. A
//! difference is printed with the smallest request that shows it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod adversary;
mod oracle;
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use adversary::Aim;
use normgate::{Artifacts, Batch, Config, Detail, Gate, GateBuilder, Module, Order, OrderBy, embedded, exposure};
use normgate_cases::{DEFAULT_DAY, read};
use oracle::settings::Settings;
use serde_json::{Value, json};
use support::Numbers;

/// Requests under one gate; with it the gates that a run builds grow with its requests.
const REQUESTS_A_GATE: u64 = 1_000;

#[test]
fn the_oracle_answers_every_shipped_case() {
    let mut failures = Vec::new();
    for file in case_files() {
        for case in read(&std::fs::read_to_string(&file).unwrap()).unwrap() {
            // The oracle knows no calendar: it judges as on the day on which everything is in force.
            if case.as_of.is_some_and(|day| day != DEFAULT_DAY.parse().unwrap()) {
                continue;
            }
            let settings = Settings {
                modules: case.modules.clone(),
                parameters: case.parameters.clone(),
                modes: case.config.modes.clone(),
                by_score: case.config.order == OrderBy::Score,
            };
            let differences = case.differences(&oracle::judge(&case.request, &settings));
            if !differences.is_empty() {
                failures.push(format!("{}: {differences:?}", case.case));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The case files: one beside each policy, and those that need several policies at once.
fn case_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let beside =
        std::fs::read_dir(root.join("policies")).unwrap().map(|entry| entry.unwrap().path().join("cases.jsonl"));
    let crossing = std::fs::read_dir(root.join("tests/cases")).unwrap().map(|entry| entry.unwrap().path());
    beside.chain(crossing).filter(|path| path.is_file()).collect()
}

#[test]
fn the_gate_and_the_oracle_agree_on_what_every_place_shows() {
    for place in 0..65_536 {
        assert_eq!(u128::from(exposure(place)), oracle::order::exposure(place), "place {place}");
    }
}

#[test]
fn the_oracle_and_the_manifests_know_the_same_parameters() {
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    for (name, default, low, high) in oracle::settings::NUMBERS {
        known.insert((*name).into(), json!({"default": default, "type": "integer", "min": low, "max": high}));
    }
    for (name, default, choices) in oracle::settings::CHOICES {
        known.insert((*name).into(), json!({"default": default, "type": "term", "choices": choices}));
    }
    let mut declared: BTreeMap<String, Value> = BTreeMap::new();
    for parameter in embedded::arp().iter().flat_map(|module| module.manifest.parameters.clone()) {
        let value = serde_json::to_value(&parameter).unwrap();
        let wanted = ["default", "type", "min", "max", "choices"];
        let fields = wanted.iter().filter_map(|name| Some(((*name).to_owned(), value.get(name)?.clone())));
        declared.insert(parameter.name, Value::Object(fields.collect()));
    }
    assert_eq!(declared, known);
}

#[test]
fn the_gate_and_the_oracle_agree_on_awkward_requests() {
    let setting = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse::<u64>().unwrap());
    let requests = setting("NORMGATE_DIFFERENTIAL_REQUESTS", 12_000);
    let seed = setting("NORMGATE_DIFFERENTIAL_SEED", 0);
    let modules = embedded::arp();
    let aims = adversary::aims(&modules);
    let gates = requests.div_ceil(REQUESTS_A_GATE);

    let next = AtomicU64::new(0);
    let work = || {
        let mut seen = Seen::default();
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && index < gates
            && seen.differences.is_empty()
        {
            judge_many(&modules, &aims, seed, index, &mut seen);
        }
        seen
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut seen = std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|worker| worker.join().unwrap()).reduce(Seen::join).unwrap()
    });

    assert!(seen.differences.is_empty(), "{}", seen.differences.join("\n\n"));
    for rule in modules.iter().flat_map(|module| &module.manifest.rules) {
        seen.fired.entry(rule.id.clone()).or_default();
    }
    for (rule, times) in &seen.fired {
        println!("{times:>9} {rule}");
    }
    println!("{} requests, {} rows", seen.requests, seen.rows);
    let never: Vec<&String> = seen.fired.iter().filter(|(_, times)| **times == 0).map(|(rule, _)| rule).collect();
    assert!(never.is_empty(), "no request fires: {never:?}");
}

/// What a worker has seen.
#[derive(Default)]
struct Seen {
    requests: u64,
    rows: u64,
    /// In how many requests each rule was enforced on something.
    fired: BTreeMap<String, u64>,
    differences: Vec<String>,
}

impl Seen {
    fn join(mut self, other: Seen) -> Seen {
        self.requests += other.requests;
        self.rows += other.rows;
        for (rule, times) in other.fired {
            *self.fired.entry(rule).or_default() += times;
        }
        self.differences.extend(other.differences);
        self
    }

    fn note(&mut self, answer: &Value) {
        self.requests += 1;
        let rows = |list: &str| answer[list].as_array().into_iter().flatten();
        self.rows += rows("verdicts").count() as u64;
        let reasons =
            ["verdicts", "tags"].into_iter().flat_map(rows).flat_map(|row| row["reasons"].as_array()).flatten();
        let lists = ["obligations", "vetoes", "constraints", "promote", "violations"].into_iter().flat_map(rows);
        let mut rules: Vec<&str> = reasons.chain(lists).filter_map(|item| item["rule"].as_str()).collect();
        rules.sort_unstable();
        rules.dedup();
        for rule in rules {
            *self.fired.entry(rule.to_owned()).or_default() += 1;
        }
    }
}

/// Judges the requests of one gate; every fourth gate also asks modules that have provably nothing to say.
fn judge_many(modules: &[Module], aims: &[Aim], seed: u64, index: u64, seen: &mut Seen) {
    let mut numbers = Numbers::new(seed.wrapping_mul(1_000_003).wrapping_add(index));
    let settings = adversary::settings(&mut numbers, index, modules);
    let gate = builder(modules, &settings).build().unwrap();
    let asks_all = (index % 4 == 3).then(|| builder(modules, &settings).without_applicability().build().unwrap());
    for round in 0..REQUESTS_A_GATE {
        let aim = numbers.pick(aims);
        let most = match round {
            0 => 300,
            // The slate is about many rows, everything else about one.
            _ if aim.of_the_slate() => *numbers.pick(&[4, 14, 14, 24]),
            _ => *numbers.pick(&[1, 1, 2, 2, 4, 14]),
        };
        let request = adversary::request(&mut numbers, aim, &settings, most);
        let answer = oracle::judge(&request, &settings);
        seen.note(&answer);
        if let Some(difference) = differs(&gate, &request, &answer) {
            seen.differences.push(report(&gate, &settings, request, difference));
            return;
        }
        if let Some(asks_all) = &asks_all {
            let batch = Batch::from_json(request.to_string().as_bytes()).unwrap();
            let [skipping, asking] = [&gate, asks_all].map(|gate| gate.evaluate(&batch).to_json(Detail::default()));
            assert!(skipping == asking, "applicability changes the answer to {request}");
        }
    }
}

fn builder(modules: &[Module], settings: &Settings) -> GateBuilder {
    let store = Path::new(env!("CARGO_TARGET_TMPDIR")).join("artifacts-differential");
    let by = if settings.by_score { OrderBy::Score } else { OrderBy::Place };
    let config = Config {
        parameters: settings.parameters.clone(),
        modes: settings.modes.clone(),
        order: Order { by },
        ..Config::default()
    };
    Gate::builder()
        .policies(modules.iter().cloned())
        .config(config)
        .artifacts(Artifacts::open(&store).unwrap())
        .as_of(DEFAULT_DAY.parse().unwrap())
}

/// The first difference between the oracle's answer and the gate's, with its place.
fn differs(gate: &Gate, request: &Value, answer: &Value) -> Option<String> {
    let batch = match Batch::from_json(request.to_string().as_bytes()) {
        Ok(batch) => batch,
        Err(error) => return Some(format!("refused: {error}")),
    };
    let mut judged: Value = serde_json::from_str(&gate.evaluate(&batch).to_json(Detail::default())).unwrap();
    if judged["failures"] != json!([]) {
        return Some(format!("failures: {}", judged["failures"]));
    }
    judged["yielding"] = yielding(&judged);
    without(&mut judged, &["id", "decision_id", "policy_set", "failures", "notices"]);
    for list in ["verdicts", "tags"] {
        for row in judged[list].as_array_mut().unwrap() {
            row["reasons"].as_array_mut().unwrap().iter_mut().for_each(|reason| without(reason, &["policy", "cause"]));
        }
    }
    for list in ["violations", "shadow"] {
        judged[list].as_array_mut().unwrap().iter_mut().for_each(|item| without(item, &["policy", "cause"]));
    }
    first_difference("answer", answer, &judged)
}

/// The candidates that notices name whose place is not what was asked for, as sent.
fn yielding(answer: &Value) -> Value {
    let notices = answer["notices"].as_array().unwrap().iter().filter(|notice| notice["code"] == "order-not-applied");
    let named = notices.filter_map(|notice| notice["message"].as_str()?.strip_prefix("candidate ")?.split(' ').next());
    let mut named: Vec<&str> = named.collect();
    named.sort_by_key(|id| id[1..].parse::<u64>().unwrap());
    json!(named)
}

/// Removes what the oracle does not say.
fn without(object: &mut Value, fields: &[&str]) {
    object.as_object_mut().unwrap().retain(|field, _| !fields.contains(&field.as_str()));
}

fn first_difference(place: &str, oracle: &Value, gate: &Value) -> Option<String> {
    match (oracle, gate) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            a.iter().find_map(|(key, value)| first_difference(&format!("{place}.{key}"), value, &b[key]))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => (a.iter().zip(b).enumerate())
            .find_map(|(index, (a, b))| first_difference(&format!("{place}[{index}]"), a, b)),
        _ => (oracle != gate).then(|| format!("{place}:\n  oracle {oracle}\n  gate   {gate}")),
    }
}

/// A difference in words, with the smallest request found that still shows one.
fn report(gate: &Gate, settings: &Settings, mut request: Value, mut difference: String) -> String {
    let still = |request: &Value| differs(gate, request, &oracle::judge(request, settings));
    loop {
        let mut places = Vec::new();
        removable(&request, "", &mut places);
        places.sort_by_key(|place| place.matches('/').count());
        let smaller = places.iter().map(|place| less(&request, place));
        match smaller.into_iter().find_map(|smaller| still(&smaller).map(|shown| (smaller, shown))) {
            Some(found) => (request, difference) = found,
            None => break,
        }
    }
    let (parameters, modes) = (json!(settings.parameters), json!(settings.modes));
    format!("{difference}\nparameters {parameters}\nmodes {modes}\nrequest {request}")
}

/// JSON pointers to everything that a request can do without.
fn removable(value: &Value, at: &str, places: &mut Vec<String>) {
    let needed = ["ctx", "now_ms", "local_min", "id", "tag_id", "code", "source", "conf_ppm", "candidates"];
    let inside: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(field, inner)| (field.clone(), inner)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, inner)| (index.to_string(), inner)).collect(),
        _ => Vec::new(),
    };
    for (name, inner) in inside {
        let place = format!("{at}/{name}");
        removable(inner, &place, places);
        if !needed.contains(&name.as_str()) {
            places.push(place);
        }
    }
}

/// The request without what stands at a place.
fn less(request: &Value, place: &str) -> Value {
    let mut request = request.clone();
    let (parent, name) = place.rsplit_once('/').unwrap();
    match request.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.remove(name)),
        Value::Array(items) => drop(items.remove(name.parse().unwrap())),
        _ => {}
    }
    request
}

//! Random releases of three authorities, through repository, sync and store: whatever a stranger ships is refused by name or
//! usable, a gate opens on every day, and the modules of the two others judge.

use std::sync::atomic::{AtomicUsize, Ordering};

use normgate::contract::Day;
use normgate_repo::names::Kind;
use normgate_repo::publisher::Addition;
use normgate_repo::{Listed, Synced};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::component::{MANIFEST, module, with_manifest};
use crate::scene::Scene;

/// Days on which something may begin.
const DAYS: [&str; 2] = ["2900-01-01", "2900-02-01"];

/// Days on which gates are opened.
const TRIED: [&str; 5] = ["2026-11-28", "2899-12-31", "2900-01-01", "2900-02-01", "2950-01-01"];

/// One release, and whether the platform syncs after it.
#[derive(Clone, Debug)]
struct Step {
    who: usize,
    name: &'static str,
    prefix: &'static str,
    minor: u64,
    column: &'static str,
    effect: Value,
    lo: i64,
    overlays: Value,
    replaces: Value,
    module_from: Option<&'static str>,
    release_from: Option<&'static str>,
    said: bool,
    synced: bool,
}

fn day() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![2 => Just(None), 1 => prop::sample::select(&DAYS[..]).prop_map(Some)]
}

fn step() -> impl Strategy<Value = Step> {
    let what = (
        prop_oneof![1 => Just(0usize), 1 => Just(1), 3 => Just(2)],
        prop::sample::select(vec!["a", "b"]),
        prop::sample::select(vec!["law", "films", "club", "art22", "own"]),
        0u64..4,
        prop::sample::select(vec!["tri", "integer", "integers"]),
        prop::sample::select(vec![json!([{"demote": 300_000}]), json!([{"block": "none"}]), json!([{"label": "ad"}])]),
        prop::sample::select(vec![1i64, 1, 50, 90]),
    );
    let how = (
        prop::sample::select(vec![json!({}), json!({"law.hi": 0}), json!({"films.lo": 99, "law.lo": 7})]),
        prop::sample::select(vec![json!([]), json!(["ministry/a"]), json!(["film-club/a"])]),
        day(),
        day(),
        any::<bool>(),
        prop::bool::weighted(0.4),
    );
    (what, how).prop_map(|((who, name, prefix, minor, column, effect, lo), how)| {
        let (overlays, replaces, module_from, release_from, said, synced) = how;
        Step {
            who,
            name,
            prefix,
            minor,
            column,
            effect,
            lo,
            overlays,
            replaces,
            module_from,
            release_from,
            said,
            synced,
        }
    })
}

/// Two ordered parameters, of which the lower one moves on a day.
fn bounds(prefix: &str, lo: i64) -> Value {
    let parameter = |name: &str, default: i64, dated: Value| {
        json!({"name": format!("{prefix}.{name}"), "type": "integer", "min": 0, "max": 100, "unit": "count",
            "stricter": "smaller", "default": default, "owner": "op", "source": "engineering", "dated": dated})
    };
    json!([parameter("lo", 1, json!([["2900-01-01", lo]])), parameter("hi", 60, json!([]))])
}

impl Step {
    /// The module and its cases. The ministry and the film club ship what is right, the stranger whatever it likes.
    fn made(&self, count: usize) -> (Vec<u8>, String) {
        let (authority, prefix) = match self.who {
            0 => ("ministry", if self.name == "a" { "art22" } else { "law" }),
            1 => ("film-club", if self.name == "a" { "films" } else { "reel" }),
            _ => ("other", self.prefix),
        };
        let right = self.who < 2;
        let version = if right { format!("1.{count}.0") } else { format!("1.{}.0", self.minor) };
        let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
        manifest["id"] = format!("{authority}/{}", self.name).into();
        manifest["module"] = prefix.into();
        manifest["version"] = version.into();
        manifest["law"] = "other".into();
        manifest["effective_from"] = json!(self.module_from);
        manifest["rules"][0]["id"] = format!("{prefix}.rule").into();
        manifest["rules"][0]["effects"] = if right { json!([{"demote": 300_000}]) } else { self.effect.clone() };
        manifest["parameters"] = bounds(prefix, if right { 1 } else { self.lo });
        manifest["ordered"] = json!([[format!("{prefix}.lo"), format!("{prefix}.hi")]]);
        if !right {
            manifest["frames"][0]["columns"] = json!([{"field": format!("x.{authority}.a"), "type": self.column}]);
            manifest["replaces"] = self.replaces.clone();
            if self.overlays.as_object().is_some_and(|overlays| !overlays.is_empty()) {
                manifest["overlays"] = self.overlays.clone();
                manifest["pack"] = "other/pack".into();
                manifest["issuer"] = json!({"zh": "x", "en": "x"});
            }
        }
        let rule = format!("{prefix}.rule");
        let expect = match self.effect[0].as_object().and_then(|effect| effect.keys().next()).map(String::as_str) {
            _ if right => json!({"verdicts": {"a": {"action": "demote", "rules": [rule]}}}),
            Some(action) => json!({"verdicts": {"a": {"action": action, "rules": [rule]}}}),
            None => json!({}),
        };
        let mut case = json!({"case": "1", "expect": expect,
            "request": {"ctx": {"now_ms": 1, "local_min": 1}, "provider": {"norms_adopted": ["other/pack"]}, "candidates": [{"id": "a"}]}});
        if let Some(day) = self.module_from {
            case["as_of"] = day.into();
        }
        (with_manifest(module("", 0, 0, 0), &manifest.to_string()), case.to_string())
    }
}

/// What the store promises after a sync.
fn holds(scene: &Scene, config: &str, synced: &Synced) -> Result<(), TestCaseError> {
    let generation = scene.store().generation().unwrap().unwrap();
    let said: Vec<String> =
        synced.refused.iter().map(|(_, error)| error.to_string()).chain(synced.notices.iter().cloned()).collect();
    // Each release that is to be used is there, or refused by name.
    let today = normgate_repo::today().unwrap();
    let all: Vec<_> = scene.publisher().report().unwrap().files;
    for listed in all.iter().filter(|listed| listed.file.kind == Kind::Module) {
        let follows = |other: &&Listed| {
            other.file.id() == listed.file.id()
                && other.file.kind == Kind::Module
                && other.file.release > listed.file.release
        };
        let superseded = all.iter().filter(follows).any(|other| other.release.in_force(today));
        let file = listed.file.to_string();
        let there = generation.modules.iter().any(|entry| entry.file == file);
        let named = said.iter().any(|sentence| sentence.contains(&file));
        prop_assert!(superseded || there || named, "{} is neither taken nor refused: {:?}", file, said);
    }
    // A gate opens on every day, and the law and the neighbour judge in it.
    for day in TRIED.map(|day| day.parse::<Day>().unwrap()) {
        let gate = scene.gate(config, Some(day));
        for entry in generation.in_force(day).into_iter().filter(|entry| !entry.id.starts_with("other/")) {
            let judges = gate.policy_set().manifests().any(|m| m.id == entry.id && m.version == entry.says.version);
            prop_assert!(judges, "{} does not judge on {}: {:?}", entry.id, day, gate.left_out());
        }
        for left in gate.left_out() {
            prop_assert!(left.id.starts_with("other/"), "{:?}", left);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_stranger_ships_is_refused_by_name_or_usable(
        steps in prop::collection::vec(step(), 1..9),
        replaces in any::<bool>(),
    ) {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let scene = Scene::new(&format!("strangers-{}", COUNT.fetch_add(1, Ordering::Relaxed) % 4));
        let key = scene.key("ministry");
        scene.publisher().delegate("ministry", &[], &[key], &[], 1).unwrap();
        scene.publisher().publish(&scene.all()).unwrap();
        let grant = if replaces { "[authorities.other]\neffect = \"label\"" } else { "[authorities.other]" };
        // Who comes first keeps a prefix that nobody is said to have, so the club is said to have its own.
        let club = "[authorities.film-club]\nprefixes = [\"films\", \"reel\"]";
        let config = (scene.config().replace("\"other\"]", "\"other\", \"ministry\"]"))
            .replace("[authorities.film-club]", club)
            .replace("[authorities.other]", grant)
            + "\n[authorities.ministry]\nbase = \"full\"\n";
        for (count, step) in steps.iter().enumerate() {
            let (bytes, cases) = step.made(count + 2);
            let from = step.release_from.max(step.module_from).map(|day| day.parse().unwrap());
            let addition = Addition { effective_from: from, lower: step.said, withdraw: step.said, ..Addition::default() };
            // What its own program refuses never reaches a platform.
            if scene.publisher().add_module("x.wasm", &bytes, &cases, &addition).is_ok() {
                scene.publisher().publish(&scene.all()).unwrap();
            }
            if step.synced || count + 1 == steps.len() {
                let synced = scene.sync_with(&config);
                holds(&scene, &config, &synced)?;
            }
        }
    }
}

//! Modules of several authorities that do not go together: each that does not fit is left out alone, and whatever the others ship,
//! the modules of whoever may do more judge.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use normgate::contract::{Day, Vocabulary};
use normgate::{Batch, Config, Gate, GateBuilder, Generation, Module, embedded};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::component::{MANIFEST, module, with_manifest};

/// A ministry that may do everything, and two associations with the default grant.
const THREE: &str = "[authorities.ministry]\nbase = \"full\"\n[authorities.aaa]\n[authorities.zzz]\n";

/// A module with one rule that demotes the first row; `more` replaces parts of its manifest.
fn made(id: &str, prefix: &str, version: &str, more: &Value) -> Module {
    let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    (manifest["id"], manifest["module"], manifest["version"]) = (json!(id), json!(prefix), json!(version));
    manifest["rules"][0]["id"] = json!(format!("{prefix}.rule"));
    manifest["rules"][0]["effects"] = json!([{"demote": 300_000}]);
    for (key, value) in more.as_object().unwrap() {
        match key.as_str() {
            "effects" | "modality" | "binds_emergency" => manifest["rules"][0][key] = value.clone(),
            _ => manifest[key] = value.clone(),
        }
    }
    let bytes = with_manifest(module("", 0, 0, 0), &manifest.to_string());
    Module::read(&format!("{id}@{version}.wasm"), &bytes, Vocabulary::shipped()).unwrap()
}

fn plain(id: &str, prefix: &str) -> Module {
    made(id, prefix, "1.0.0", &json!({}))
}

fn builder(config: &str) -> GateBuilder {
    Gate::builder().config(Config::parse(config).unwrap()).as_of("2026-11-01".parse::<Day>().unwrap()).trusting()
}

fn judging(generation: &Generation) -> Vec<String> {
    generation.policy_set().manifests().map(|manifest| manifest.reference()).collect()
}

/// Notices of a code, each as policy and message.
fn said<'g>(generation: &'g Generation, code: &str) -> Vec<(&'g str, &'g str)> {
    let of_code = generation.notices().iter().filter(|notice| notice.code == code);
    of_code.map(|notice| (notice.policy.as_deref().unwrap_or(""), notice.message.as_str())).collect()
}

/// Builds with these modules: what judges and what was left out. Without leaving out, the same modules build nothing.
fn left_out(config: &str, modules: &[Module]) -> (Vec<String>, Vec<String>) {
    let error = builder(config).policies(modules.to_vec()).generation().err().unwrap().to_string();
    let generation = builder_of(config, modules);
    let left = generation.left_out().iter().map(|left| format!("{}@{}: {}", left.id, left.version, left.why));
    let left: Vec<String> = left.collect();
    assert!(left.iter().any(|left| left.ends_with(&error)), "{error} is none of {left:#?}");
    assert_eq!(said(&generation, "left-out").len(), left.len());
    (judging(&generation), left)
}

fn builder_of(config: &str, modules: &[Module]) -> Generation {
    builder(config).policies(modules.to_vec()).tolerant().generation().unwrap()
}

#[test]
fn a_module_beyond_its_grant_or_of_nobody_costs_itself_alone() {
    let law = made("ministry/law", "art22", "1.0.0", &json!({"effects": [{"block": "none"}]}));
    let beyond = made("aaa/beyond", "beyond", "1.0.0", &json!({"effects": [{"block": "none"}]}));
    let unknown = plain("stranger/x", "x");
    let (judging, left) = left_out(THREE, &[law, beyond, unknown, plain("aaa/fits", "fits")]);
    assert_eq!(judging, ["aaa/fits@1.0.0", "ministry/law@1.0.0"]);
    assert!(left[0].contains("aaa/beyond@1.0.0: module aaa/beyond@1.0.0.wasm: beyond the grant of `aaa`"), "{left:#?}");
    assert!(left[1].contains("nothing is granted to this authority"), "{left:#?}");
}

#[test]
fn what_the_law_requires_and_was_left_out_is_missed() {
    let beyond = |modality: &str| {
        made("aaa/beyond", "beyond", "1.0.0", &json!({"effects": [{"block": "none"}], "modality": modality}))
    };
    let missing = |modality: &str| said(&builder_of(THREE, &[beyond(modality)]), "must-missing").len();
    assert_eq!((missing("must"), missing("policy")), (1, 0));
    // The version before judges, so that nothing is missing.
    let before = made("aaa/beyond", "beyond", "0.9.0", &json!({}));
    let generation = builder(THREE).policies([beyond("must")]).last_good([before]).tolerant().generation().unwrap();
    assert_eq!(judging(&generation), ["aaa/beyond@0.9.0"]);
    assert_eq!((said(&generation, "left-out").len(), said(&generation, "must-missing").len()), (1, 0));
    // One that is only awaited is not enough.
    let later = made("aaa/beyond", "beyond", "3.0.0", &json!({"effective_from": "2027-01-01"}));
    let awaited = builder(THREE).policies([beyond("must"), later.clone()]).tolerant().generation().unwrap();
    assert_eq!(said(&awaited, "must-missing").len(), 1);
    let before = made("aaa/beyond", "beyond", "0.9.0", &json!({}));
    let builder_with = builder(THREE).policies([beyond("must"), later]).last_good([before]).tolerant();
    assert_eq!(judging(&builder_with.generation().unwrap()), ["aaa/beyond@0.9.0", "aaa/beyond@3.0.0"]);
    // Taking over from a generation that had it says it once.
    let gate = builder(&THREE.replace("[authorities.aaa]", "[authorities.aaa]\neffect = \"block\""))
        .policies([beyond("must")])
        .build()
        .unwrap();
    gate.swap(builder_of(THREE, &[beyond("must")]));
    assert_eq!(said(&gate.generation(), "must-missing").len(), 1);
}

#[test]
fn of_two_on_one_prefix_the_lower_rank_goes_whichever_came_first() {
    let both = |config: &str, one: &str, other: &str, prefix: &str| {
        left_out(config, &[plain(one, prefix), plain(other, prefix)]).0
    };
    assert_eq!(both(THREE, "aaa/x", "ministry/x", "club"), ["ministry/x@1.0.0"]);
    assert_eq!(both(THREE, "aaa/x", "zzz/x", "club"), ["aaa/x@1.0.0"]);
    let listed = THREE.replace("[authorities.zzz]", "[authorities.zzz]\nprefixes = [\"club\"]");
    assert_eq!(both(&listed, "aaa/x", "zzz/x", "club"), ["zzz/x@1.0.0"]);
    assert_eq!(both(&listed, "ministry/x", "zzz/x", "club"), ["ministry/x@1.0.0"]);
    // What the program carries goes before everybody.
    let mut modules: Vec<Module> = embedded::arp().into_iter().filter(|m| m.manifest.module == "art06").collect();
    modules.push(plain("ministry/content", "art06"));
    assert_eq!(left_out(THREE, &modules).0, ["reference/art06-content@1.0.0"]);
}

#[test]
fn what_does_not_fit_makes_no_outcome_large() {
    let frames = json!([{"name": "candidates", "columns": []}]);
    let rules: Vec<Value> = (0..200)
        .map(|index| {
            let mut rule = serde_json::from_str::<Value>(MANIFEST).unwrap()["rules"][0].clone();
            (rule["id"], rule["effects"]) = (json!(format!("x.rule-{index}")), json!([{"block": "none"}]));
            rule
        })
        .collect();
    let beyond = |n: usize| {
        made(&format!("aaa/n{n}"), "x", "1.0.0", &json!({"frames": frames, "rules": rules, "modality": "must"}))
    };
    let modules: Vec<Module> =
        (0..100).map(beyond).chain([made("zzz/x", "x", "1.0.0", &json!({"effects": [{"block": "none"}]}))]).collect();
    let generation = builder_of(THREE, &modules);
    assert_eq!(generation.left_out().len(), 101);
    assert!(generation.notices().iter().map(|notice| notice.message.len()).sum::<usize>() < 16 << 10);
    // What is said of one authority does not hide what is said of another.
    assert!(said(&generation, "left-out").iter().any(|(policy, _)| *policy == "zzz/x@1.0.0"));
    assert!(said(&generation, "must-missing").iter().any(|(policy, _)| *policy == "zzz/x@1.0.0"));
    assert!(
        said(&generation, "left-out")
            .iter()
            .any(|(_, message)| *message == "the same holds for 92 more modules of `aaa`")
    );
}

#[test]
fn nobody_gives_way_to_a_module_that_is_left_out_itself() {
    let mine = plain("aaa/x", "club");
    let column = |kind: &str| json!([{"name": "candidates", "columns": [{"field": "x.ministry.a", "type": kind}]}]);
    let judging_too = made("ministry/a", "art22", "1.0.0", &json!({"frames": column("tri")}));
    let clashing = made("ministry/b", "club", "1.0.0", &json!({"frames": column("integer")}));
    let (there, _) = left_out(THREE, &[mine.clone(), judging_too, clashing]);
    assert_eq!(there, ["aaa/x@1.0.0", "ministry/a@1.0.0"]);
    // Nobody compiles the one that would go first.
    let manifest = serde_json::to_string(&*plain("ministry/b", "club").manifest).unwrap();
    let empty = with_manifest(wat::parse_str("(component)").unwrap(), &manifest);
    let unheard = Module::read("empty.wasm", &empty, Vocabulary::shipped()).unwrap();
    assert_eq!(left_out(THREE, &[mine, unheard]).0, ["aaa/x@1.0.0"]);
}

#[test]
fn a_prefix_of_the_law_takes_a_grant() {
    for (id, config, prefix, refused) in [
        ("aaa/x", THREE.to_owned(), "art22", true),
        ("aaa/x", THREE.to_owned(), "art05.x", true),
        ("aaa/x", THREE.to_owned(), "artists", false),
        ("ministry/x", THREE.to_owned(), "art22", false),
        ("aaa/x", THREE.replace("[authorities.aaa]", "[authorities.aaa]\nprefixes = [\"art22\"]"), "art22", false),
        ("aaa/x", THREE.replace("[authorities.aaa]", "[authorities.aaa]\nprefixes = [\"art22\"]"), "club", true),
        ("aaa/x", THREE.replace("[authorities.zzz]", "[authorities.zzz]\nprefixes = [\"club\"]"), "club", true),
    ] {
        let built = builder(&config).policies([plain(id, prefix)]).generation();
        assert_eq!(built.is_err(), refused, "{id} {prefix}");
        let there = !judging(&builder_of(&config, &[plain(id, prefix)])).is_empty();
        assert_eq!(there, !refused, "{id} {prefix}");
    }
}

#[test]
fn of_a_column_with_two_types_the_one_that_judges_stays() {
    let reading = |version: &str, kind: &str, from: Value| {
        let frames = json!([{"name": "candidates", "columns": [{"field": "x.aaa.a", "type": kind}]}]);
        made("aaa/norm", "norm", version, &json!({"frames": frames, "effective_from": from}))
    };
    let (old, new) = (reading("1.0.0", "integer", Value::Null), reading("1.1.0", "tri", Value::Null));
    let later = reading("1.2.0", "integer", json!("2026-12-01"));
    let law = plain("ministry/law", "art22");
    let builder = builder(THREE).policies([new, later, law]).last_good([old]);
    assert!(builder.generation().is_err());
    let generation = builder.tolerant().generation().unwrap();
    assert_eq!(judging(&generation), ["aaa/norm@1.1.0", "ministry/law@1.0.0"]);
    let left: Vec<&str> = generation.left_out().iter().map(|left| left.version.as_str()).collect();
    assert_eq!(left, ["1.2.0", "1.0.0"]);
}

#[test]
fn what_nobody_compiles_or_what_is_out_of_order_on_the_day_is_left_out() {
    let law = embedded::arp().into_iter().find(|m| m.manifest.module == "art06").unwrap();
    let builder = Gate::builder().config(Config::parse(THREE).unwrap()).policies([law, plain("aaa/x", "x")]);
    let generation = builder.tolerant().generation().unwrap();
    assert_eq!(judging(&generation), ["reference/art06-content@1.0.0"]);
    assert!(generation.left_out()[0].why.contains("not compiled yet"));

    let parameter = |name: &str, dated: Value| {
        json!({"name": name, "type": "integer", "min": 0, "max": 100, "unit": "count", "stricter": "smaller", "default": 1,
               "owner": "op", "source": "engineering", "dated": dated})
    };
    let bomb = json!({"parameters": [parameter("bomb.lo", json!([["2026-12-01", 50]])), parameter("bomb.hi", json!([]))],
                      "ordered": [["bomb.lo", "bomb.hi"]]});
    let modules = [plain("ministry/law", "art22"), made("aaa/bomb", "bomb", "1.0.0", &bomb)];
    assert_eq!(judging(&builder_of(THREE, &modules)), ["aaa/bomb@1.0.0", "ministry/law@1.0.0"]);
    let day = "2026-12-01".parse::<Day>().unwrap();
    let builder = self::builder(THREE).policies(modules).as_of(day);
    assert!(builder.generation().is_err());
    let generation = builder.tolerant().generation().unwrap();
    assert_eq!(judging(&generation), ["ministry/law@1.0.0"]);
    assert!(generation.left_out()[0].why.contains("50 is above 1"));
}

#[test]
fn who_would_replace_each_other_in_a_circle_all_judge() {
    let replacing =
        |id: &str, prefix: &str, replaces: &str| made(id, prefix, "1.0.0", &json!({"replaces": [replaces]}));
    let config = "[authorities.aaa]\nreplaces = [\"zzz/x\"]\n[authorities.zzz]\nreplaces = [\"aaa/x\"]";
    let modules = [replacing("aaa/x", "a", "zzz/x"), replacing("zzz/x", "z", "aaa/x")];
    assert!(builder(config).policies(modules.clone()).generation().is_err());
    let generation = builder_of(config, &modules);
    // One of the two gives way to the other at most, and neither is lost without the other.
    assert!(!judging(&generation).is_empty());
    assert_eq!(said(&generation, "replaces-ignored").len(), 1);
}

#[test]
fn a_configuration_that_fits_no_module_any_more_is_said_and_costs_nothing() {
    let parameter = json!([{"name": "x.most", "type": "integer", "min": 0, "max": 100, "unit": "count",
        "stricter": "smaller", "default": 1, "owner": "op", "source": "engineering"}]);
    let modules = [made("aaa/x", "x", "1.0.0", &json!({"parameters": parameter}))];
    for (config, message) in [
        ("[parameters]\n\"x.most\" = 500", "parameters.\"x.most\": 500 is outside 0..100 count"),
        ("[parameters]\n\"x.least\" = 5", "parameters.\"x.least\": there is no such parameter"),
        ("[overlays.cac]\n\"x.most\" = 500", "overlays.cac.\"x.most\": 500 is outside 0..100 count"),
        ("[modes]\n\"x.gone\" = \"shadow\"", "modes.\"x.gone\": there is no such rule"),
    ] {
        let config = format!("{config}\n{THREE}");
        assert!(builder(&config).policies(modules.clone()).generation().is_err());
        let generation = builder_of(&config, &modules);
        assert_eq!(judging(&generation), ["aaa/x@1.0.0"]);
        let said = said(&generation, "config-ignored");
        assert!(said.len() == 1 && said[0].1.starts_with(message), "{said:?}");
    }
}

#[test]
fn what_puts_parameters_out_of_order_is_dropped_and_not_what_regulators_prescribe() {
    let more = json!({"parameters": bounds("x", 1), "ordered": [["x.lo", "x.hi"]]});
    let modules = [made("aaa/x", "x", "1.0.0", &more)];
    let values = |config: &str| {
        let config = format!("{config}\n{THREE}");
        assert!(builder(&config).policies(modules.clone()).generation().is_err());
        let generation = builder_of(&config, &modules);
        assert_eq!(said(&generation, "config-ignored").len(), 1);
        ["x.lo", "x.hi"].map(|name| generation.policy_set().parameter(0, name).unwrap())
    };
    assert_eq!(values("[parameters]\n\"x.lo\" = 80\n[overlays.cac]\n\"x.hi\" = 40"), [1, 40]);
    assert_eq!(values("[overlays.cac]\n\"x.hi\" = 0"), [1, 60]);
}

/// What a stranger may ship under a few names, so that everything clashes with everything.
fn stranger() -> impl Strategy<Value = Module> {
    let parts = (
        prop_oneof![Just("aaa"), Just("zzz"), Just("nobody")],
        prop_oneof![Just("x"), Just("y")],
        prop_oneof![Just("art22"), Just("club"), Just("night"), Just("art06")],
        prop_oneof![Just("1.0.0"), Just("1.1.0"), Just("2.0.0")],
    );
    let manifest = (
        prop_oneof![Just("tri"), Just("integer"), Just("integers")],
        prop_oneof![
            Just(json!([{"demote": 1}])),
            Just(json!([{"block": "none"}])),
            Just(json!([{"label": "ad"}])),
            Just(json!([{"obligation": {"code": "preserve.record", "retain_d": 36_500}}])),
        ],
        prop_oneof![Just(None), Just(Some("delivery")), Just(Some("aaa/pack")), Just(Some("zzz/pack"))],
        prop::collection::btree_map(
            prop_oneof![
                Just("art22.lo"),
                Just("art22.hi"),
                Just("club.lo"),
                Just("common.t_suspect"),
                Just("art06.harm_w")
            ],
            prop_oneof![Just(0), Just(1), Just(50), Just(400_000)],
            0..4,
        ),
        prop_oneof![Just(None), Just(Some("2026-10-01")), Just(Some("2026-12-01"))],
        prop_oneof![Just(json!([])), Just(json!(["ministry/law"])), Just(json!(["aaa/x"])), Just(json!(["zzz/x"]))],
        0i64..100,
        prop_oneof![Just("must"), Just("policy")],
    );
    (parts, manifest).prop_map(|((authority, name, prefix, version), manifest)| {
        let (kind, effects, pack, overlays, from, replaces, dated, modality) = manifest;
        let column = json!([{"field": format!("x.{authority}.a"), "type": kind}]);
        let more = json!({
            "frames": [{"name": "candidates", "columns": column}], "effects": effects, "pack": pack,
            "issuer": {"zh": "x", "en": "x"}, "overlays": if pack.is_some() { json!(overlays) } else { json!({}) },
            "effective_from": from, "replaces": replaces, "modality": modality,
            "parameters": bounds(prefix, dated), "ordered": [[format!("{prefix}.lo"), format!("{prefix}.hi")]],
        });
        made(&format!("{authority}/{name}"), prefix, version, &more)
    })
}

/// Two ordered parameters, of which the lower one moves on a day.
fn bounds(prefix: &str, dated: i64) -> Value {
    let parameter = |name: &str, default: i64, dated: Value| {
        json!({"name": format!("{prefix}.{name}"), "type": "integer", "min": 0, "max": 100, "unit": "count",
            "stricter": "smaller", "default": default, "owner": "op", "source": "engineering", "dated": dated})
    };
    json!([parameter("lo", 1, json!([["2026-12-01", dated]])), parameter("hi", 60, json!([]))])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_strangers_ship_the_gate_is_built_and_the_law_is_there(
        strangers in prop::collection::vec(stranger(), 1..8),
        before in prop::collection::vec(stranger(), 0..4),
        adopted in prop::sample::subsequence(vec!["delivery", "aaa/pack", "zzz/pack"], 0..=3),
        tightens in prop_oneof![Just(""), Just("tightens = [\"*\"]\nreplaces = [\"zzz/x\"]\n")],
        day in prop_oneof![Just("2026-09-01"), Just("2026-11-01"), Just("2026-12-01")],
    ) {
        let config = format!("[authorities.ministry]\nbase = \"full\"\n[authorities.aaa]\n{tightens}[authorities.zzz]\n{tightens}");
        let law = || {
            let law = json!({"effects": [{"block": "none"}], "parameters": bounds("art22", 1),
                             "ordered": [["art22.lo", "art22.hi"]]});
            [made("ministry/law", "art22", "1.0.0", &law), plain("ministry/norm", "club")].into_iter()
                .chain(embedded::arp().into_iter().filter(|m| m.manifest.module == "art06"))
        };
        let day = day.parse::<Day>().unwrap();
        let builder = builder(&config).policies(law().chain(strangers)).last_good(before).as_of(day).tolerant();
        let generation = builder.generation().unwrap();
        let there = judging(&generation);
        for id in ["ministry/law@1.0.0", "ministry/norm@1.0.0", "reference/art06-content@1.0.0"] {
            prop_assert!(there.iter().any(|known| known == id), "{} is not among {:?}", id, there);
        }
        // Nothing is told of the law, and everything that is missing is told of its own authority.
        for left in generation.left_out() {
            prop_assert!(!left.id.starts_with("ministry/") && !left.id.starts_with("reference/"), "{:?}", left);
        }
        let gate = Gate::builder().build().unwrap();
        gate.swap(generation);
        let request = json!({"ctx": {"now_ms": 1793532600000i64, "local_min": 600, "surface": "feed"},
            "provider": {"norms_adopted": adopted}, "candidates": [{"id": "a", "scan_state": "done"}]});
        let outcome = gate.evaluate(&Batch::from_json(request.to_string().as_bytes()).unwrap());
        let rules: Vec<&str> = outcome.reasons(&outcome.verdicts[0]).iter().map(|r| outcome.policy_set().rule_id(r.rule)).collect();
        prop_assert!(rules.contains(&"art22.rule") && rules.contains(&"club.rule"), "{:?}", rules);
        prop_assert!(outcome.failures.iter().all(|failure| failure.policy as usize >= there.len() || !there[failure.policy as usize].starts_with("ministry/")));
    }
}

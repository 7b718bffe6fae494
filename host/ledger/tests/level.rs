//! Where the law was kept from acting, the list is kept in full: switching a rule off leaves more evidence, not less.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use normgate::contract::{Modality, Vocabulary};
use normgate::{Batch, Config, Gate, Module, Override, embedded};
use normgate_ledger::{Against, History, Ledger, Level, Query, Recorded, Settings, Why};
use serde_json::{Value, json};
use support::folder;

/// A list of which nobody has to give account.
fn plain() -> Value {
    json!({
        "id": "r",
        "ctx": {"now_ms": 1_767_225_600_000_i64, "local_min": 600, "can_render_labels": true, "surface": "feed", "off_option": true},
        "user": {"ref": "a-user", "age_band": "a18_60", "age_assurance": "id_verified", "personalization": "on"},
        "session": {"continuous_s": 600, "today_s": 1_200},
        "candidates": [{"id": "c", "kind": "article", "scan_state": "done", "retrieval_basis": "generic",
                        "commercial": false, "age_rating": "all", "news": {"is_news": false}}],
    })
}

/// The same with an item that Art 9 has labelled.
fn labelled() -> Value {
    let mut request = plain();
    request["candidates"][0]["aigc"] = json!({"meta_label": "1"});
    request
}

fn gate(config: &str) -> Gate {
    Gate::builder().policies(embedded::arp()).config(Config::parse(config).unwrap()).build().unwrap()
}

/// The levels and reasons of two lists judged by a gate, of which the sample takes none.
fn kept(name: &str, gate: &Gate, requests: [&Value; 2]) -> [(Level, Vec<Why>); 2] {
    let folder = folder(&format!("level-{name}"));
    let ledger = Ledger::open(&folder, Settings { sample_ppm: 0, ..Settings::default() }).unwrap();
    for request in requests {
        let batch = Batch::from_json(request.to_string().as_bytes()).unwrap();
        ledger.record(&batch, &Arc::new(gate.evaluate(&batch))).unwrap();
    }
    ledger.close().unwrap();
    let mut all: Vec<Recorded> = Vec::new();
    let collect = |recorded| {
        all.push(recorded);
        Ok(())
    };
    let history = History::open(&folder).unwrap();
    history.lists(&Query::default(), |_| Ok(()), collect).unwrap();
    assert_eq!(history.verify(&Against::default()).unwrap().findings, Vec::<String>::new());
    let kept: Vec<_> = all.into_iter().map(|list| (list.decision.level, list.decision.why)).collect();
    kept.try_into().unwrap()
}

/// Holds that the first list is kept in full because of a rule that did not act, and that the second is kept as usual.
fn holds(name: &str, gate: &Gate, requests: [&Value; 2]) {
    let kept = kept(name, gate, requests);
    let [(full, why), (usual, none)] = &kept;
    assert!(*full == Level::Full && why.contains(&Why::Unapplied) && !why.contains(&Why::Must), "{name}: {kept:?}");
    assert_eq!((*usual, none.as_slice()), (Level::Commit, &[][..]), "{name}: {kept:?}");
}

#[test]
fn a_rule_in_shadow() {
    holds("shadow", &gate("[modes]\nart09 = \"shadow\"\n"), [&labelled(), &plain()]);
}

#[test]
fn a_rule_that_is_off_whatever_it_would_have_said() {
    for (name, config) in [("off-module", "art09 = \"off\""), ("off-rule", "\"RULE\" = \"off\"")] {
        let module = embedded::arp().into_iter().find(|module| module.manifest.module == "art09").unwrap();
        let must = module.manifest.rules.iter().find(|rule| rule.modality == Modality::Must).unwrap();
        let gate = gate(&format!("[modes]\n{}\n", config.replace("RULE", &must.id)));
        for (level, why) in kept(name, &gate, [&labelled(), &plain()]) {
            assert!(level == Level::Full && why.contains(&Why::Unapplied), "{name}: {why:?}");
        }
    }
    // What no law requires may be off without more being kept.
    let module = embedded::arp().into_iter().find(|module| module.manifest.pack.is_some()).unwrap();
    let gate = gate(&format!("[modes]\n\"{}\" = \"off\"\n", module.manifest.module));
    assert_eq!(kept("off-norm", &gate, [&plain(), &plain()])[0].0, Level::Commit);
}

#[test]
fn a_rule_that_is_observed() {
    let gate = gate("mode = \"observe\"\nobserve_until = \"2099-01-01\"\n");
    // What has nothing but a duty is kept, too, for a rule of the law said so.
    let [(labelled, why), _] = kept("observe", &gate, [&labelled(), &plain()]);
    assert!(labelled == Level::Full && why.contains(&Why::Unapplied), "{why:?}");
}

#[test]
fn a_rule_out_of_its_canary() {
    holds("canary", &gate("[modes]\nart09 = { canary = 0 }\n"), [&labelled(), &plain()]);
}

#[test]
fn a_rule_that_is_overridden() {
    let gate = gate("");
    gate.set_overrides(vec![Override::starting_now("art09", 600, "trouble".into(), "somebody".into())]);
    holds("override", &gate, [&labelled(), &plain()]);
}

#[test]
fn a_rule_that_an_emergency_is_spared() {
    let illegal = |ticket: i64| {
        let mut request = plain();
        request["candidates"][0]["age_rating"] = "r18".into();
        request["user"]["minor_mode"] = true.into();
        request["user"]["age_band"] = "a12_16".into();
        request["candidates"][0]["exempt"] = "emergency".into();
        request["candidates"][0]["exempt_ticket"] = ticket.into();
        request
    };
    let [(full, why), (usual, none)] = kept(
        "spared",
        &gate(""),
        [&illegal(1), &{
            let mut request = plain();
            request["candidates"][0]["exempt"] = "emergency".into();
            request["candidates"][0]["exempt_ticket"] = 1.into();
            request
        }],
    );
    assert!(full == Level::Full && why.contains(&Why::Unapplied), "{why:?}");
    assert_eq!((usual, none.as_slice()), (Level::Commit, &[][..]));
}

#[test]
fn a_rule_that_is_both_in_shadow_and_spared() {
    let mut request = plain();
    request["candidates"][0]["age_rating"] = "r18".into();
    request["user"]["minor_mode"] = true.into();
    request["user"]["age_band"] = "a12_16".into();
    request["candidates"][0]["exempt"] = "emergency".into();
    request["candidates"][0]["exempt_ticket"] = 1.into();
    let gate = gate("mode = \"observe\"\nobserve_until = \"2099-01-01\"\n");
    let [(full, why), _] = kept("both", &gate, [&request, &plain()]);
    assert!(full == Level::Full && why.contains(&Why::Unapplied), "{why:?}");
}

#[test]
fn a_fact_that_request_and_configuration_differ_on() {
    let gate = gate("[provider]\nterritory = \"CN_MAINLAND\"\n");
    let mut elsewhere = plain();
    elsewhere["ctx"]["territory"] = "OTHER".into();
    let [(full, why), (usual, _)] = kept("fact", &gate, [&elsewhere, &plain()]);
    assert!(full == Level::Full && why.contains(&Why::ProviderFact), "{why:?}");
    assert_eq!(usual, Level::Commit);
}

#[test]
fn what_an_association_calls_a_must_fills_nobodys_records() {
    let module = embedded::arp().into_iter().find(|module| module.manifest.module == "art09").unwrap();
    let mut illegal = plain();
    illegal["candidates"][0]["signals"] = json!([{"code": "L8", "source": "authority"}]);
    // The same rules under the name of an association, and of an authority that may do everything.
    let of = |authority: &str| {
        let manifest = serde_json::to_string(&*module.manifest).unwrap();
        let manifest = manifest
            .replace(r#","binds_emergency":true"#, "")
            .replace("reference/art09-synthetic-labels", &format!("{authority}/labels"))
            .replace("art09", "club");
        let mut bytes = module.bytes.to_vec();
        normgate_package::set_section(&mut bytes, "normgate:manifest", manifest.as_bytes());
        Module::read("club.wasm", &bytes, Vocabulary::shipped()).unwrap()
    };
    let judging = |authority: &str, config: &str| {
        let config = Config::parse(&format!(
            "[authorities.club]\neffect = \"block\"\n[authorities.office]\nbase = \"full\"\n{config}"
        ))
        .unwrap();
        Gate::builder().policies([of(authority)]).config(config).trusting().build().unwrap()
    };
    for (name, config) in [("acts", ""), ("shadow", "[modes]\nclub = \"shadow\""), ("off", "[modes]\nclub = \"off\"")] {
        let level = |authority: &str| {
            kept(&format!("{name}-{authority}"), &judging(authority, config), [&illegal, &plain()])[0].clone()
        };
        assert_eq!(level("club"), (Level::Commit, vec![]), "{name}");
        assert_eq!(level("office").0, Level::Full, "{name}");
    }
    // Nor does a module that is gone, or does not fit.
    let beyond = Config::parse("[authorities.club]\neffect = \"label\"\n").unwrap();
    let gate = Gate::builder().policies([of("club")]).config(beyond).trusting().tolerant().build().unwrap();
    assert_eq!(kept("left-out", &gate, [&illegal, &plain()])[0].0, Level::Commit);
    let gate = judging("club", "");
    let empty = Config::parse("[authorities.club]\neffect = \"block\"\n").unwrap();
    gate.swap(Gate::builder().config(empty).trusting().generation().unwrap());
    assert_eq!(kept("gone", &gate, [&illegal, &plain()])[0].0, Level::Commit);
}

//! One decision leaves a ledger for somebody elsewhere: it is judged again there, says nobody's name, and bears no alteration.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use normgate::{Backend, Batch, Config, Gate, GateBuilder, Limits, Module, embedded};
use normgate_ledger::{
    Case, CaseReplayed, History, Ledger, LedgerError, Query, Recipient, Recorded, Redaction, SealingKey, Settings,
};
use serde_json::{Value, json};
use support::folder;

static MODULES: LazyLock<Vec<Module>> = LazyLock::new(embedded::arp);
/// One rule draws, so that `user.ref` decides something.
static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let config = Config::parse("[modes]\n\"art09\" = { canary = 50 }\n").unwrap();
    Gate::builder().policies(MODULES.clone()).config(config).build().unwrap()
});

const EVERYTHING: u32 = 1_000_000;

fn builder() -> GateBuilder {
    Gate::builder().trusting()
}

/// A key of this test.
fn key(name: &str) -> SealingKey {
    let folder = folder(&format!("{name}-keys"));
    fs::create_dir(&folder).unwrap();
    SealingKey::generate(&folder.join("inspector")).unwrap()
}

/// Requests of all shipped cases, with names that cannot stand anywhere by accident.
fn requests() -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let files = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path().join("cases.jsonl"));
    let texts: Vec<String> = files.filter_map(|file| fs::read_to_string(file).ok()).collect();
    let cases = texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut requests: Vec<Value> = cases.filter_map(|mut case| case.get_mut("request").map(Value::take)).collect();
    for (number, request) in requests.iter_mut().enumerate() {
        rename(request);
        request["id"] = format!("original-request-{number}").into();
        if request["user"].is_object() {
            request["user"]["ref"] = format!("original-user-{number}").into();
        }
    }
    requests.retain(|request| Batch::from_json(request.to_string().as_bytes()).is_ok());
    requests
}

/// Renames candidates and tags, wherever they are named.
fn rename(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(rename),
        Value::Object(fields) => {
            for (field, value) in fields {
                match value {
                    Value::String(name) if ["id", "tag_id"].contains(&field.as_str()) => {
                        *name = format!("original-{name}");
                    }
                    Value::Array(names) if field == "matched_tags" => {
                        for name in names {
                            *name = format!("original-{}", name.as_str().unwrap()).into();
                        }
                    }
                    value => rename(value),
                }
            }
        }
        _ => {}
    }
}

/// Judges requests into a ledger that keeps all of them; the decision ids.
fn recorded(folder: &Path, requests: &[Value]) -> Vec<String> {
    let ledger = Ledger::open(folder, Settings { sample_ppm: EVERYTHING, ..Settings::default() }).unwrap();
    let judged = requests.iter().map(|request| {
        let batch = Batch::from_json(request.to_string().as_bytes()).unwrap();
        let outcome = Arc::new(GATE.evaluate(&batch));
        ledger.record(&batch, &outcome).unwrap();
        outcome.decision_id()
    });
    let ids = judged.collect();
    ledger.close().unwrap();
    ids
}

/// Removes the keys of a class.
fn lose(folder: &Path, class: &str) {
    for file in fs::read_dir(folder.join("keys")).unwrap().map(|entry| entry.unwrap().path()) {
        if file.to_string_lossy().ends_with(class) {
            fs::remove_file(file).unwrap();
        }
    }
}

/// The decision of a ledger that has one.
fn only_decision(history: &History) -> String {
    let mut id = None;
    let found = |recorded: Recorded| {
        let outcome: Value = serde_json::from_str(&recorded.outcome.unwrap()).unwrap();
        id = outcome["decision_id"].as_str().map(str::to_owned);
        Ok(())
    };
    history.lists(&Query::default(), |_| Ok(()), found).unwrap();
    id.unwrap()
}

/// A ledger with one decision, and that decision sealed.
fn sealed(name: &str) -> (PathBuf, SealingKey, Vec<u8>) {
    let folder = folder(name);
    let request = json!({
        "id": "original-request",
        "ctx": {"now_ms": 1_767_225_600_000_i64, "local_min": 600, "can_render_labels": true, "surface": "feed"},
        "user": {"ref": "original-user", "personalization": "on"},
        "candidates": [{"id": "original-item", "kind": "article", "aigc": {"meta_label": "1"}}],
    });
    let ids = recorded(&folder, &[request]);
    let key = key(name);
    let case = Case::export(&History::open(&folder).unwrap(), &ids[0], &MODULES, builder()).unwrap();
    let sealed = case.seal(&key.recipient).unwrap();
    (folder, key, sealed)
}

#[test]
fn every_shipped_case_is_judged_again_elsewhere_and_names_nobody() {
    let (folder, requests) = (folder("cases"), requests());
    let ids = recorded(&folder, &requests);
    let history = History::open(&folder).unwrap();
    let verifier = history.verifier().unwrap();
    let key = key("cases");
    let mut vetoes = 0;
    for (number, id) in ids.iter().enumerate() {
        let case = Case::export(&history, id, &MODULES, builder()).unwrap_or_else(|error| panic!("{error}"));
        assert!(!case.text().contains("original-"), "{}", case.text());
        assert_eq!(case.decision_id(), id);
        let proven = case.proven(Some(&verifier)).unwrap();
        assert!(proven.signed);
        assert!(proven.to_string().contains("is among the"), "{proven}");
        vetoes += case.outcome().matches("\"tag:").count();
        // Sealing takes long, and interpreting too: some stand for all.
        if number % 60 == 0 {
            let opened = Case::open(&case.seal(&key.recipient).unwrap(), &key).unwrap();
            for backend in [Backend::Native, Backend::Interpreter] {
                let replayed = opened.replay(builder().backend(backend)).unwrap();
                assert_eq!(replayed, CaseReplayed::Same, "{}", opened.text());
            }
        }
    }
    assert!(ids.len() > 300 && vetoes > 0, "{} decisions, {vetoes} vetoed tags", ids.len());
}

#[test]
fn what_a_canary_drew_is_sealed_with_the_outcome() {
    let (folder, ..) = sealed("draws");
    let draws = || {
        let mut draws = Vec::new();
        let found = |recorded: Recorded| {
            draws = recorded.decision.circumstances.draws.clone();
            assert!(!recorded.to_json(Redaction::Personal).contains("draws"));
            Ok(())
        };
        History::open(&folder).unwrap().lists(&Query::default(), |_| Ok(()), found).unwrap();
        draws
    };
    assert_eq!(draws().len(), 1, "one module is in canary");
    lose(&folder, ".decision.key");
    assert_eq!(draws(), []);
}

#[test]
fn names_are_of_one_case_alone() {
    let (folder, ..) = sealed("names");
    let history = History::open(&folder).unwrap();
    let id = only_decision(&history);
    let export = || Case::export(&history, &id, &MODULES, builder()).unwrap();
    let name = |case: &Case| {
        let outcome: Value = serde_json::from_str(case.outcome()).unwrap();
        (outcome["id"].clone(), outcome["verdicts"][0]["id"].clone())
    };
    let (first, second) = (name(&export()), name(&export()));
    assert!(first.0 != second.0 && first.1 != second.1 && first.0 != first.1);
}

#[test]
fn nothing_of_it_can_be_altered() {
    let (_, key, sealed) = sealed("flipped");
    assert!(Case::open(&sealed, &key).is_ok());
    // Every byte of what is short, and a sample of what is long.
    let places = (0..128).chain((128..sealed.len()).step_by(sealed.len() / 200)).chain([sealed.len() - 1]);
    for place in places {
        let mut altered = sealed.clone();
        altered[place] ^= 1 << (place % 8);
        assert!(Case::open(&altered, &key).is_err(), "byte {place}");
    }
    for length in [0, 10, 30, 50, 100, sealed.len() / 2, sealed.len() - 1] {
        assert!(Case::open(&sealed[..length], &key).is_err(), "{length} bytes");
    }
    let error = Case::open(&sealed[..sealed.len() - 1], &key).unwrap_err().to_string();
    assert_eq!(error, "sealed case: it was altered or cut off since it was sealed, and does not open");
}

#[test]
fn a_wrong_key_is_named() {
    let (_, key, sealed) = sealed("wrong-key");
    let other = self::key("another");
    let error = Case::open(&sealed, &other).unwrap_err().to_string();
    let said = format!(
        "sealed case: it is sealed to the key {}, and this is the key {}",
        key.recipient.id(),
        other.recipient.id()
    );
    assert_eq!(error, said);
    for text in ["", "normgate-sealing-public-x25519:AAAA\n", &other.recipient.text()[1..]] {
        assert!(Recipient::parse(text).is_err(), "{text}");
        assert!(SealingKey::parse(text).is_err(), "{text}");
    }
    assert_eq!(Recipient::parse(&other.recipient.text()).unwrap(), other.recipient);
}

#[test]
fn what_is_not_kept_or_not_at_hand_is_not_exported() {
    let (folder, ..) = sealed("refused");
    let history = History::open(&folder).unwrap();
    let refused = |id: &str, modules: &[Module]| match Case::export(&history, id, modules, builder()) {
        Err(error @ (LedgerError::Absent(_) | LedgerError::KeyGone { .. })) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(refused("0123", &MODULES).contains("no decision 0123"));
    let id = only_decision(&history);
    assert!(refused(&id, &MODULES[1..]).contains("is not among the modules at hand"));
    lose(&folder, ".personal.key");
    assert!(refused(&id, &MODULES).contains("its personal key is gone, so it can be read"));
}

#[test]
fn a_release_with_other_semantics_says_so_and_finds_no_difference() {
    let (_, key, sealed) = sealed("semantics");
    let case = Case::open(&sealed, &key).unwrap();
    let more = Limits { fuel: Limits::default().fuel + 1, ..Limits::default() };
    let CaseReplayed::Other { note, same: true } = case.replay(builder().limits(more)).unwrap() else {
        panic!("other limits are other semantics")
    };
    let (fuel, other) = (format!(" fuel={} ", Limits::default().fuel), format!(" fuel={} ", more.fuel));
    let (theirs, own) = note.split_once(", this program judges by ").unwrap();
    assert!(theirs.starts_with("judged under `") && theirs.contains(&fuel) && own.contains(&other), "{note}");
    // What comes out otherwise under other semantics is no difference.
    let less = Limits { fuel: 1_000, ..Limits::default() };
    let replayed = case.replay(builder().limits(less)).unwrap();
    assert!(matches!(replayed, CaseReplayed::Other { same: false, .. }), "{replayed:?}");
    // Where its modules are none here, it is the same.
    let unbuilt = case.replay(builder().limits(less).policies(MODULES.iter().cloned())).unwrap();
    assert!(matches!(unbuilt, CaseReplayed::Other { same: false, .. }), "{unbuilt:?}");
}

#[test]
fn what_is_held_for_a_case_leaves_when_the_keys_of_its_day_are_gone() {
    let (folder, ..) = sealed("held");
    let history = History::open(&folder).unwrap();
    let id = only_decision(&history);
    let ledger = Ledger::open(&folder, Settings::default()).unwrap();
    ledger.hold(&id, "inquiry", "somebody").unwrap();
    ledger.close().unwrap();
    lose(&folder, ".personal.key");
    lose(&folder, ".decision.key");
    let case = Case::export(&history, &id, &MODULES, builder()).unwrap();
    assert_eq!(case.replay(builder()).unwrap(), CaseReplayed::Same);
    assert!(case.proven(None).unwrap().signed);
    assert!(!case.text().contains("original-"));
}

#[test]
fn another_ledgers_key_proves_nothing() {
    let (_, key, sealed) = sealed("one-ledger");
    let (elsewhere, ..) = self::sealed("another-ledger");
    let case = Case::open(&sealed, &key).unwrap();
    assert!(case.proven(None).is_ok());
    let other = History::open(&elsewhere).unwrap().verifier().unwrap();
    assert!(case.proven(Some(&other)).unwrap_err().to_string().contains("not signed by this ledger's key"));
}

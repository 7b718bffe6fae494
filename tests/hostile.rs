//! Modules that are not what they should be: each is refused or fails with a typed kind, and the others judge on.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use normgate::contract::Vocabulary;
use normgate::{Batch, Detail, FailureKind, Gate, LoadError, Module, embedded};
use support::component::{MANIFEST, module, with_manifest};

fn embedded_module(name: &str) -> Module {
    embedded::arp().into_iter().find(|module| module.manifest.module == name).unwrap()
}

fn batch() -> Batch {
    Batch::from_json(
        br#"{"id":"r","ctx":{"now_ms":1767225600000,"local_min":600,"can_render_labels":true},
            "user":{"personalization":"on"},
            "candidates":[{"id":"a","aigc":{"meta_label":"1"}},{"id":"b","score":1.0}]}"#,
    )
    .unwrap()
}

/// Judges with the hostile module beside art09 and returns its failure, after checking that art09 was not disturbed and
/// that the next request is judged the same.
fn failure(bytes: &[u8]) -> Option<FailureKind> {
    let hostile = Module::read("hostile.wasm", bytes, Vocabulary::shipped()).unwrap();
    let gate = Gate::builder().policies([hostile, embedded_module("art09")]).trusting().build().unwrap();
    let outcome = gate.evaluate(&batch());
    let json: serde_json::Value = serde_json::from_str(&outcome.to_json(Detail::default())).unwrap();
    let first = json["verdicts"].as_array().unwrap().iter().find(|v| v["id"] == "a").unwrap();
    assert!(first["labels"].as_array().unwrap().contains(&"ai.confirmed".into()), "art09 was disturbed: {json}");
    let again: serde_json::Value = serde_json::from_str(&gate.evaluate(&batch()).to_json(Detail::default())).unwrap();
    assert_eq!(json, again, "the next request is judged differently");
    let failure = outcome.failures.first()?;
    assert_eq!(failure.applied, "hold");
    assert!(json["verdicts"].as_array().unwrap().iter().all(|v| v["hold"] == "human_review"), "{json}");
    Some(failure.kind)
}

#[test]
fn an_honest_answer_is_applied() {
    assert_eq!(failure(&module("", 0, 1, 300_000)), None);
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    assert_eq!(failure(&module("(loop (br 0))", 0, 0, 0)), Some(FailureKind::Fuel));
}

#[test]
fn a_trap_is_a_trap() {
    assert_eq!(failure(&module("unreachable", 0, 0, 0)), Some(FailureKind::Trap));
}

#[test]
fn a_row_out_of_range_fails_the_whole_answer() {
    assert_eq!(failure(&module("", 2, 0, 0)), Some(FailureKind::Garbage));
    assert_eq!(failure(&module("", u32::MAX, 0, 0)), Some(FailureKind::Garbage));
}

#[test]
fn an_unknown_effect_fails_the_whole_answer() {
    assert_eq!(failure(&module("", 0, 2, 0)), Some(FailureKind::Garbage));
}

#[test]
fn a_weight_above_one_fails_the_whole_answer() {
    assert_eq!(failure(&module("", 0, 1, 1_000_001)), Some(FailureKind::Garbage));
}

#[test]
fn a_list_without_end_is_cut_off() {
    let body = "(i32.store (i32.const 1028) (i32.const 1000000))";
    assert!(matches!(failure(&module(body, 0, 0, 0)), Some(FailureKind::Output | FailureKind::Garbage)));
}

#[test]
fn memory_beyond_the_limit_is_refused_to_the_guest() {
    // memory.grow answers -1, and the module goes on: no failure, no memory.
    let body = "(if (i32.ne (memory.grow (i32.const 4096)) (i32.const -1)) (then unreachable))";
    assert_eq!(failure(&module(body, 0, 1, 300_000)), None);
}

#[test]
fn a_module_is_fresh_at_every_call() {
    // Traps when a global remembers an earlier call.
    let body = "(if (i32.ne (i32.load (i32.const 4000)) (i32.const 0)) (then unreachable))
                (i32.store (i32.const 4000) (i32.const 1))";
    assert_eq!(failure(&module(body, 0, 1, 300_000)), None);
}

fn refusal(bytes: &[u8]) -> LoadError {
    Module::read("m.wasm", bytes, Vocabulary::shipped()).unwrap_err()
}

#[test]
fn what_is_no_policy_is_refused_with_a_sentence() {
    let whole = module("", 0, 0, 0);
    let with = |manifest: &str| with_manifest(whole.clone(), manifest);
    let sentences = [
        ("text", refusal(b"hello")),
        ("empty", refusal(b"")),
        ("core module", refusal(&wat::parse_str("(module)").unwrap())),
        ("truncated", refusal(&whole[..whole.len() / 2])),
        ("no manifest", refusal(&wat::parse_str("(component)").unwrap())),
        (
            "an import",
            refusal(&wat::parse_str(r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance)))"#).unwrap()),
        ),
        ("a manifest that is no JSON", refusal(&with("{"))),
        (
            "a column that does not exist",
            refusal(&with(
                &MANIFEST
                    .replace(r#""columns":[]"#, r#""columns":[{"field":"colour","type":"term","entries":["red"]}]"#),
            )),
        ),
        ("a rule of another module", refusal(&with(&MANIFEST.replace("hostile.rule", "art18.rule")))),
        (
            "a label that does not exist",
            refusal(&with(&MANIFEST.replace(r#"{"block":"none"}"#, r#"{"label":"evil"}"#))),
        ),
        ("another contract", refusal(&with(&MANIFEST.replace("policy@0.1.0", "policy@9.0.0")))),
        ("a manifest of 50 MB", refusal(&with(&" ".repeat(50 << 20)))),
    ];
    let text: String = sentences.iter().map(|(what, error)| format!("{what}\n    {error}\n")).collect();
    insta::assert_snapshot!(text);
}

#[test]
fn a_component_that_does_not_export_the_contract_is_refused_at_build() {
    let mut bytes = wat::parse_str("(component)").unwrap();
    normgate_package::append_section(&mut bytes, "normgate:manifest", MANIFEST.as_bytes());
    let module = Module::read("m.wasm", &bytes, Vocabulary::shipped()).unwrap();
    let error = Gate::builder().policies([module]).trusting().build().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("m.wasm") && error.contains("judging"), "{error}");
}

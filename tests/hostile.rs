//! Modules that are not what they should be: each is refused or fails with a typed kind, and the others judge on.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use normgate::contract::Vocabulary;
use normgate::{Batch, Detail, FailureKind, Gate, LoadError, Module, embedded};

fn embedded_module(name: &str) -> Module {
    embedded::arp().into_iter().find(|module| module.manifest.module == name).unwrap()
}

/// A manifest that holds on failure and can block.
const MANIFEST: &str = r#"{"contract":"normgate:policy@0.1.0","id":"hostile/module","module":"hostile","version":"1.0.0",
    "title":{"zh":"x","en":"x"},"law":"arp","on_failure":"hold","request":[],"frames":[{"name":"candidates","columns":[]}],
    "parameters":[],"rules":[{"id":"hostile.rule","stage":"candidate","level":"row","modality":"must","basis":"none",
    "source":"engineering","verified":false,"audience":"viewer","sentence":{"zh":"x","en":"x"},"remedy":{"zh":"x","en":"x"},
    "wording":"draft","effects":[{"block":"none"},{"demote":"computed"}]}]}"#;

/// A component that exports the contract, built around the body of `evaluate`. The answer lies at address 1024: four lists
/// of (pointer, length), each one item long, whose cells are at 2048 (row), 2064 (effect), 2080 (value), 2096 (missing).
fn module(body: &str, row: u32, effect: u16, value: i64) -> Vec<u8> {
    // `realloc` hands out one area above the answer, and starts over: nothing here is read back.
    let core = format!(
        r#"(module
            (memory (export "memory") 64)
            (global $next (mut i32) (i32.const 65536))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                (global.get $next)
                (global.set $next (i32.add (global.get $next) (local.get 3))))
            (func (export "normgate:policy/judging@0.1.0#evaluate")
                (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
                (i32.store (i32.const 1024) (i32.const 2048)) (i32.store (i32.const 1028) (i32.const 1))
                (i32.store (i32.const 1032) (i32.const 2064)) (i32.store (i32.const 1036) (i32.const 1))
                (i32.store (i32.const 1040) (i32.const 2080)) (i32.store (i32.const 1044) (i32.const 1))
                (i32.store (i32.const 1048) (i32.const 2096)) (i32.store (i32.const 1052) (i32.const 1))
                (i32.store (i32.const 2048) (i32.const {row}))
                (i32.store16 (i32.const 2064) (i32.const {effect}))
                (i64.store (i32.const 2080) (i64.const {value}))
                {body}
                (i32.const 1024))
        )"#,
        row = row as i32,
    );
    let core = wat::parse_str(&core).unwrap();
    let mut bytes = normgate_package::wrap(&core).unwrap();
    normgate_package::append_section(&mut bytes, "normgate:manifest", MANIFEST.as_bytes());
    bytes
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
    let gate = Gate::builder().policies([hostile, embedded_module("art09")]).build().unwrap();
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
    let good = embedded_module("art18").bytes.to_vec();
    let with = |manifest: &str| {
        let mut bytes = good.clone();
        normgate_package::append_section(&mut bytes, "normgate:manifest", manifest.as_bytes());
        bytes
    };
    let sentences = [
        ("text", refusal(b"hello")),
        ("empty", refusal(b"")),
        ("core module", refusal(&wat::parse_str("(module)").unwrap())),
        ("truncated", refusal(&good[..good.len() / 2])),
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
    let error = Gate::builder().policies([module]).build().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("m.wasm") && error.contains("judging"), "{error}");
}

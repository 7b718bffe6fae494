//! Modules that are not what they should be: each is refused or fails with a typed kind, and the others judge on.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use normgate::contract::Vocabulary;
use normgate::{Batch, Config, Detail, FailureKind, Gate, LoadError, Module, Outcome, embedded};
use serde_json::{Value, json};
use support::component::{MANIFEST, MEMORY, items, made, module, with_manifest};
use support::docs::{files_under, root};

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
fn a_loop_or_a_trap_before_evaluate_is_a_failure_like_any() {
    let starting = |body: &str| made(&format!("{MEMORY} (func $start {body}) (start $start)"), "");
    assert_eq!(failure(&starting("(loop (br 0))")), Some(FailureKind::Fuel));
    assert_eq!(failure(&starting("unreachable")), Some(FailureKind::Trap));
    assert_eq!(failure(&starting("")), None);
}

#[test]
fn recursion_without_end_runs_out_of_stack() {
    let fields = format!("{MEMORY} (func $down (result i32) (i32.add (call $down) (i32.const 1)))");
    assert_eq!(failure(&made(&fields, "(drop (call $down))")), Some(FailureKind::Trap));
}

#[test]
fn a_call_through_nothing_or_division_by_zero_is_a_trap() {
    let table = r#"(memory (export "memory") 8) (table 4 funcref) (type $t (func))"#;
    assert_eq!(failure(&made(table, "(call_indirect (type $t) (i32.const 1))")), Some(FailureKind::Trap));
    assert_eq!(failure(&module("(drop (i32.div_u (i32.const 1) (i32.const 0)))", 0, 1, 1)), Some(FailureKind::Trap));
    assert_eq!(failure(&module("(drop (i32.load (i32.const -4)))", 0, 1, 1)), Some(FailureKind::Trap));
}

#[test]
fn an_answer_that_points_outside_memory_is_garbage() {
    for (at, value) in [(1024, -16), (1028, 0x7fff_ffff), (1032, 0x00ff_fff8)] {
        let body = format!("(i32.store (i32.const {at}) (i32.const {value}))");
        let kind = failure(&module(&body, 0, 1, 1));
        assert!(matches!(kind, Some(FailureKind::Garbage | FailureKind::Output | FailureKind::Trap)), "{kind:?}");
    }
    // Lists of different lengths are no answer either.
    assert_eq!(failure(&module("(i32.store (i32.const 1044) (i32.const 2))", 0, 1, 1)), Some(FailureKind::Garbage));
    // A flag is 0 or 1.
    assert_eq!(failure(&module("(i32.store8 (i32.const 2096) (i32.const 7))", 0, 1, 1)), Some(FailureKind::Garbage));
}

#[test]
fn a_list_beyond_what_an_answer_may_have_is_not_read() {
    let body = "(i32.store (i32.const 1044) (i32.const 40000))";
    assert_eq!(failure(&made(MEMORY, body)), Some(FailureKind::Output));
}

/// The sentence of a module that the gate refuses to build with.
fn refused_at_build(bytes: &[u8]) -> String {
    let module = Module::read("hostile.wasm", bytes, Vocabulary::shipped()).unwrap();
    Gate::builder().policies([module]).trusting().build().err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn memory_and_tables_that_are_declared_too_large_are_refused_at_load() {
    let memory = refused_at_build(&made(r#"(memory (export "memory") 4096)"#, ""));
    assert!(memory.starts_with("module hostile.wasm: ") && memory.contains("memory"), "{memory}");
    let globals = MEMORY.to_owned() + &"(global i64 (i64.const 5))".repeat(5_000);
    let globals = Module::read("hostile.wasm", &made(&globals, ""), Vocabulary::shipped()).unwrap_err().to_string();
    assert!(globals.contains("more than 4096 globals and segments"), "{globals}");
    let table = refused_at_build(&made(r#"(memory (export "memory") 8) (table 1000000 funcref)"#, ""));
    assert!(table.starts_with("module hostile.wasm: ") && table.contains("table"), "{table}");
}

#[test]
fn what_the_sdk_does_not_make_is_refused_at_load() {
    let vectors = "(drop (f64x2.div (v128.const f64x2 1 1) (v128.const f64x2 3 3)))";
    let error = refused_at_build(&module(vectors, 0, 1, 300_000));
    assert!(error.starts_with("module hostile.wasm: ") && error.contains("SIMD"), "{error}");
    let tail = r#"(memory (export "memory") 8) (func $f (return_call $f))"#;
    let error = refused_at_build(&made(tail, "(call $f)"));
    assert!(error.contains("tail calls"), "{error}");
}

#[test]
fn a_memory_may_say_how_far_it_would_like_to_grow() {
    assert_eq!(failure(&made(r#"(memory (export "memory") 8 65536)"#, &items(&[(0, 1, 300_000)]))), None);
}

/// Everything a module can remember between calls: it traps when any of it is as an earlier call left it.
#[test]
fn no_call_remembers_another() {
    let fields = r#"(memory (export "memory") 8 256) (table $t 4 8 funcref) (global $calls (mut i32) (i32.const 0))
        (global $far (mut i64) (i64.const 7)) (func $f) (elem declare func $f)"#;
    let remembers = [
        // A global, counted on.
        "(if (global.get $calls) (then unreachable)) (global.set $calls (i32.add (global.get $calls) (i32.const 1)))",
        "(if (i64.ne (global.get $far) (i64.const 7)) (then unreachable)) (global.set $far (i64.const 8))",
        // Memory: near the answer, at the end, and beyond the first size.
        "(if (i32.load (i32.const 4000)) (then unreachable)) (i32.store (i32.const 4000) (i32.const 1))",
        "(if (i64.ne (i64.load (i32.const 524280)) (i64.const 0)) (then unreachable)) (i64.store (i32.const 524280) (i64.const -1))",
        "(if (i32.ne (memory.size) (i32.const 8)) (then unreachable)) (drop (memory.grow (i32.const 4)))
         (if (i32.load (i32.const 700000)) (then unreachable)) (i32.store (i32.const 700000) (i32.const 1))",
        // A table: an entry, and its size.
        "(if (i32.eqz (ref.is_null (table.get $t (i32.const 1)))) (then unreachable)) (table.set $t (i32.const 1) (ref.func $f))",
        "(if (i32.ne (table.size $t) (i32.const 4)) (then unreachable)) (drop (table.grow $t (ref.func $f) (i32.const 2)))",
    ];
    for body in remembers {
        // `failure` judges twice with one gate and compares.
        assert_eq!(failure(&made(fields, &format!("{body} {}", items(&[(0, 1, 300_000)])))), None, "{body}");
    }
}

#[test]
fn a_module_that_would_trap_at_its_third_call_never_gets_there() {
    let fields = r#"(memory (export "memory") 8) (global $calls (mut i32) (i32.const 0))"#;
    let body = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (if (i32.ge_u (global.get $calls) (i32.const 3)) (then unreachable))";
    let bytes = made(fields, &format!("{body} {}", items(&[(0, 1, 300_000)])));
    for _ in 0..5 {
        assert_eq!(failure(&bytes), None);
    }
}

#[test]
fn a_component_of_another_version_of_the_contract_is_refused_at_load() {
    for version in ["0.0.1", "0.2.0", "1.0.0"] {
        let text = format!(
            r#"(component (component $i) (instance $i (instantiate $i)) (export "normgate:policy/judging@{version}" (instance $i)))"#
        );
        let bytes = with_manifest(wat::parse_str(&text).unwrap(), MANIFEST);
        let error = refused_at_build(&bytes);
        assert!(error.starts_with("module hostile.wasm: ") && error.contains("judging"), "{error}");
    }
}

/// What one module leaves in its slot of the pool is not there for the next, also when it trapped in the middle.
#[test]
fn a_slot_is_clean_after_whoever_used_it() {
    let memory = r#"(memory (export "memory") 8 256)"#;
    // Fills memory with ones, grown pages included, and traps.
    let litter = "(drop (memory.grow (i32.const 8))) (memory.fill (i32.const 65536) (i32.const 1) (i32.const 983040)) unreachable";
    // Adds up what it finds where nothing of its own lies. Columns are handed over below 512 KiB here.
    let sum = "(local.set 0 (i32.const 524288)) (drop (memory.grow (i32.const 8)))
        (loop
            (if (i64.ne (i64.load (local.get 0)) (i64.const 0)) (then unreachable))
            (local.set 0 (i32.add (local.get 0) (i32.const 8)))
            (br_if 0 (i32.lt_u (local.get 0) (i32.const 1048576))))";
    let gate = |bytes: &[u8], name: &str| {
        let manifest = MANIFEST.replace("hostile/module", &format!("hostile/{name}"));
        let module = Module::read(name, &with_manifest(bytes.to_vec(), &manifest), Vocabulary::shipped()).unwrap();
        Gate::builder().policies([module]).trusting().build().unwrap()
    };
    let (litters, sums) = (gate(&made(memory, litter), "litter"), gate(&made(memory, sum), "sum"));
    for _ in 0..200 {
        assert_eq!(litters.evaluate(&batch()).failures[0].kind, FailureKind::Trap);
        let outcome = sums.evaluate(&batch());
        assert!(outcome.failures.is_empty(), "another call's bytes were there: {:?}", outcome.failures);
    }
}

#[test]
fn a_module_gets_the_columns_that_it_declares_and_no_more() {
    // It traps when the list of frames or of columns is longer than declared: one frame, no column.
    let body = "(if (i32.ne (local.get 10) (i32.const 1)) (then unreachable))
        (if (i32.ne (i32.load offset=8 (local.get 9)) (i32.const 0)) (then unreachable))";
    assert_eq!(failure(&module(body, 0, 1, 300_000)), None);
    // And what it is handed is shorter than what a fuller batch holds: nothing of the user reaches it.
    let scalars = "(if (i32.ne (local.get 6) (i32.const 0)) (then unreachable))";
    assert_eq!(failure(&module(scalars, 0, 1, 300_000)), None);
}

#[test]
fn order_duplicates_and_overlaps_of_an_answer_leave_no_trace() {
    let judge = |answer: &[(u32, u16, i64)]| {
        let bytes = made(MEMORY, &items(answer));
        let hostile = Module::read("odd.wasm", &bytes, Vocabulary::shipped()).unwrap();
        let gate = Gate::builder().policies([hostile, embedded_module("art09")]).trusting().build().unwrap();
        let outcome = gate.evaluate(&batch());
        let mut answer: serde_json::Value = serde_json::from_str(&outcome.to_json(Detail::default())).unwrap();
        assert_eq!(answer["failures"], serde_json::json!([]));
        // The set differs by the module's bytes, and nothing else may.
        for key in ["policy_set", "decision_id"] {
            answer[key].take();
        }
        answer
    };
    let sorted = [(0, 1, 300_000), (0, 1, 700_000), (1, 0, 0), (1, 1, 500_000)];
    let expected = judge(&sorted);
    let mut backwards = sorted;
    backwards.reverse();
    assert_eq!(judge(&backwards), expected);
    assert_eq!(judge(&[&sorted[..], &sorted[..], &backwards[..]].concat()), expected);
    assert_eq!(judge(&[(1, 1, 500_000), (0, 1, 300_000), (1, 0, 0)]), expected, "the stronger effect is enough");
}

/// A module of one rule with one effect, which it can do without. It names the row and carries the value that its first row tells it to.
fn told(stage: &str, level: &str, effect: &Value) -> Module {
    let integer = |field: &str| json!({"field": field, "type": "integer"});
    let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    manifest["frames"][0]["columns"] = json!([integer("topic_id"), integer("dup_group")]);
    let rule = &mut manifest["rules"][0];
    (rule["stage"], rule["level"]) = (stage.into(), level.into());
    (rule["effects"], rule["optional_effects"]) = (json!([effect]), json!([0]));
    let body = "(local.set 0 (i32.load offset=4 (local.get 9)))
        (i64.store32 (i32.const 2048) (i64.load (i32.load offset=12 (local.get 0))))
        (i64.store (i32.const 2080) (i64.load (i32.load offset=64 (local.get 0))))";
    Module::read("told.wasm", &with_manifest(module(body, 0, 0, 0), &manifest.to_string()), Vocabulary::shipped())
        .unwrap()
}

#[test]
fn what_is_not_granted_is_held_to_the_same_bounds() {
    const NOTHING: &str = "[authorities.hostile]\neffect = \"allow\"\nlabels = []\nobligations = []\nvetoes = []
        tags = \"keep\"\nconstraints = false\npromote = false\nviolations = false";
    let verdicts = json!([{"block": "none"}, {"demote": 1}, {"demote": "computed"}, {"label": "ad"}, "promote",
        {"obligation": {"code": "pause.dispatch", "args": {"pause_s": "computed"}}}, {"veto": "engagement_raw"}, {"veto": "tag"},
        "violation"]);
    let effects = |level: &str| {
        let mut effects = verdicts.as_array().unwrap().clone();
        match level {
            "tag" => effects.push(json!({"tag": "delete"})),
            "request" => {
                effects.push(json!({"constraint": {"kind": "min", "codes": ["E*"], "count": 1, "slots": 2}}));
            }
            _ => {}
        }
        effects
    };
    let batch = |row: u32, value: i64| {
        let candidate = |id: &str| json!({"id": id, "topic_id": row, "dup_group": value});
        let request = json!({"ctx": {"now_ms": 1_767_225_600_000i64, "local_min": 600},
            "user": {"tags": [{"tag_id": "t0"}, {"tag_id": "t1"}]}, "candidates": [candidate("a"), candidate("b")]});
        Batch::from_json(request.to_string().as_bytes()).unwrap()
    };
    let alone = Gate::builder().policies([embedded_module("art09")]).build().unwrap();
    let order = |outcome: &Outcome| -> Vec<_> { outcome.verdicts.iter().map(|v| (v.row, v.judgement)).collect() };
    let kinds = |outcome: &Outcome| -> Vec<_> {
        outcome.failures.iter().map(|failure| (failure.kind, failure.message.clone())).collect()
    };
    let mut fitting = 0;
    for (stage, level) in
        [("candidate", "row"), ("candidate", "tag"), ("candidate", "request"), ("slate", "row"), ("slate", "request")]
    {
        for effect in effects(level) {
            let module = told(stage, level, &effect);
            let gate = |config: &str| {
                // Failures are what is asked for here, so that the breaker stays out of it.
                let config = Config::parse(&format!("[breaker]\nfailures = 1000000\n{config}")).unwrap();
                let builder = Gate::builder().policies([module.clone(), embedded_module("art09")]).config(config);
                builder.trusting().build().unwrap()
            };
            let (granted, nothing) = (gate(""), gate(NOTHING));
            for row in [0, 1, 2, 3, 1_000_000, u32::MAX - 1, u32::MAX] {
                for value in [0, 1, 2, 1_000_000, 1_000_001, -1, i64::MIN, i64::MAX] {
                    let batch = batch(row, value);
                    let what = format!("{effect} of a {level} in the {stage} stage, row {row}, value {value}");
                    let (granted, nothing) = (granted.evaluate(&batch), nothing.evaluate(&batch));
                    assert_eq!(kinds(&granted), kinds(&nothing), "{what}");
                    assert!(kinds(&nothing).iter().all(|(kind, _)| *kind == FailureKind::Garbage), "{what}");
                    assert_eq!(order(&nothing), order(&alone.evaluate(&batch)), "{what}");
                    fitting += usize::from(nothing.failures.is_empty());
                }
            }
        }
    }
    assert_eq!(fitting, 600, "items in bounds");
}

#[test]
fn an_answer_has_sixteen_items_a_row_and_a_thousand_besides() {
    let body = |count: usize| {
        let lists = [(1024, 0x2_0000), (1032, 0x3_0000), (1040, 0x4_0000), (1048, 0x5_0000)];
        let list = |(list, cells)| {
            format!(
                "(i32.store (i32.const {list}) (i32.const {cells})) (i32.store (i32.const {}) (i32.const {count}))",
                list + 4
            )
        };
        lists.map(list).concat()
    };
    // Two rows and the request.
    let most = 16 * 3 + 1_024;
    assert_eq!(failure(&module(&body(most), 0, 1, 0)), None);
    assert_eq!(failure(&module(&body(most + 1), 0, 1, 0)), Some(FailureKind::Output));
}

fn refusal(bytes: &[u8]) -> LoadError {
    Module::read("m.wasm", bytes, Vocabulary::shipped()).unwrap_err()
}

/// A component with one more custom section, whatever it has of that name already.
fn twice(component: &[u8], name: &str, data: &str) -> Vec<u8> {
    let mut more = b"\0asm\x0d\0\x01\0".to_vec();
    normgate_package::set_section(&mut more, name, data.as_bytes());
    [component, &more[8..]].concat()
}

/// A component with one manifest where a scanner meets it first, in its core module, and one where we read it.
fn nested(manifest: &str) -> Vec<u8> {
    let harmless = manifest.replace("hostile", "harmless");
    let text = format!(r#"(component (core module (@custom "normgate:manifest" {harmless:?})))"#);
    with_manifest(wat::parse_str(&text).unwrap(), manifest)
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
        ("two manifests", refusal(&twice(&whole, "normgate:manifest", MANIFEST))),
        ("a manifest in the core module too", refusal(&nested(MANIFEST))),
        ("two records of its making", refusal(&twice(&twice(&whole, "normgate:build", "{}"), "normgate:build", "{}"))),
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
        ("an older contract", refusal(&with(&MANIFEST.replace("policy@0.1.0", "policy@0.0.1")))),
        ("a function of 200 KB", refusal(&made(MEMORY, &"(drop (i32.const 1))".repeat(60_000)))),
        (
            "a component of 9 MB",
            refusal(&{
                let mut bytes = whole.clone();
                bytes.resize(9 << 20, 0);
                bytes
            }),
        ),
        ("a manifest of 50 MB", refusal(&with(&" ".repeat(50 << 20)))),
    ];
    let text: String = sentences.iter().map(|(what, error)| format!("{what}\n    {error}\n")).collect();
    insta::assert_snapshot!(text);
}

#[test]
fn a_component_that_does_not_export_the_contract_is_refused_at_build() {
    let mut bytes = wat::parse_str("(component)").unwrap();
    normgate_package::set_section(&mut bytes, "normgate:manifest", MANIFEST.as_bytes());
    let module = Module::read("m.wasm", &bytes, Vocabulary::shipped()).unwrap();
    let error = Gate::builder().policies([module]).trusting().build().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("m.wasm") && error.contains("judging"), "{error}");
}

/// Every test that docs/hostile.md names for an attack is there.
#[test]
fn the_page_of_attacks_names_tests_that_exist() {
    let page = std::fs::read_to_string(root().join("docs/hostile.md")).unwrap();
    let (_, tried) = page.split_once("## What was tried").unwrap();
    let sources: String = ["host", "sdk", "tests", "wit"]
        .map(|folder| files_under(folder, "rs"))
        .concat()
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    let names: Vec<&str> = tried
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.matches('_').count() > 2)
        .collect();
    assert!(names.len() > 40, "{names:?}");
    for name in names {
        assert!(sources.contains(&format!("fn {name}(")), "docs/hostile.md names `{name}`, and no test is called so");
    }
}

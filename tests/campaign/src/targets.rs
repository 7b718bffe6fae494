//! Bodies of the fuzz targets: each takes any bytes, and must neither panic nor break its promise.

use std::sync::OnceLock;

use normgate::contract::{Manifest, Vocabulary};
use normgate::{Batch, BuildError, Config, Detail, Gate, Language, Limits, Module, Outcome, embedded};
use serde_json::{Value, json};

use crate::manifests::{Author, EFFECTS, HOSTILE, Shape, manifest as manifest_of};
use crate::requests::{INNOCENTS, said};

/// A target: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets; the folder of the same name under `fuzz/corpus` holds inputs.
pub const ALL: [Target; 5] = [
    ("request_json", request_json),
    ("manifest", manifest),
    ("component", component),
    ("merge", merge),
    ("config", config),
];

/// Work enough for any list that fits an input, and little enough that a loop without end is over at once.
const LIMITS: Limits = Limits {
    fuel: 2_000_000,
    budget: 40_000_000,
    memory: 32 << 20,
    stack: 256 << 10,
    deadline_ticks: 200,
    request_ticks: 200,
};

/// A gate of everything that the library carries.
fn gate() -> &'static Gate {
    static GATE: OnceLock<Gate> = OnceLock::new();
    GATE.get_or_init(|| built("", embedded::arp()))
}

/// A grant under which made modules may see everything and do nothing: what they may do without is dropped.
const NOTHING: &str =
    "[authorities.hostile]\ncolumns = [\"*\"]\neffect = \"allow\"\nlabels = []\nobligations = []\nvetoes = []\ntags = \"keep\"
    constraints = false\npromote = false\nviolations = false";

#[expect(clippy::panic, reason = "without its gate a target has nothing to say")]
fn built(config: &str, modules: Vec<Module>) -> Gate {
    match build(config, modules) {
        Ok(gate) => gate,
        Err(error) => panic!("{error}"),
    }
}

/// A gate of these modules under a configuration, which may refuse them. It asks a module however often that failed.
fn build(config: &str, modules: Vec<Module>) -> Result<Gate, BuildError> {
    let config = Config::parse(&format!("{config}\n[breaker]\nfailures = {}", u32::MAX))?;
    Gate::builder().policies(modules).config(config).limits(LIMITS).trusting().build()
}

/// A request: read, judged and written with everything that can be said about it. No shipped module fails on it.
pub fn request_json(data: &[u8]) {
    let Ok(batch) = Batch::from_json(data) else { return };
    let outcome = gate().evaluate(&batch);
    assert!(outcome.failures.is_empty(), "a shipped module fails: {:?}", outcome.failures);
    assert_eq!(outcome.verdicts.len(), batch.candidates());
    written(&outcome);
    written(&gate().preflight(&batch));
}

/// The line is JSON, in either language.
fn written(outcome: &Outcome) {
    for language in [Language::Zh, Language::En] {
        let line = outcome.to_json(Detail { explain: Some(language), evidence: true });
        assert!(serde_json::from_str::<Value>(&line).is_ok(), "no JSON: {line}");
    }
}

/// A manifest: what is accepted is written, read again, and the same.
pub fn manifest(data: &[u8]) {
    let vocabulary = Vocabulary::shipped();
    let Ok(manifest) = Manifest::from_json(data, vocabulary) else { return };
    let text = serde_json::to_string(&manifest).unwrap_or_default();
    let again = Manifest::from_json(text.as_bytes(), vocabulary);
    assert_eq!(again.ok().as_ref(), Some(&manifest), "{text}");
    let _ = vocabulary.extended([&manifest]);
}

/// A component: read, compiled and asked, with all that it asks for granted and with nothing. Whatever it is, the outcome is
/// whole.
pub fn component(data: &[u8]) {
    let Ok(module) = Module::read("fuzz.wasm", data, Vocabulary::shipped()) else { return };
    let request = br#"{"id":"r","ctx":{"now_ms":1767225600000,"local_min":600},"user":{"tags":[{"tag_id":"t"}]},
        "candidates":[{"id":"a","kind":"article","score":2.0},{"id":"b","price_fen":7}]}"#;
    let Ok(batch) = Batch::from_json(request) else { return };
    for config in ["", NOTHING] {
        if let Ok(gate) = build(config, vec![module.clone()]) {
            written(&gate.evaluate(&batch));
        }
    }
}

/// An answer: up to 64 items of 11 bytes (row, effect, flag, value), given by a module that says what its rows tell it to.
/// Whatever it is, the others say what they say without it, and no row is judged milder. Where nothing is granted to the module, the
/// same answers are refused, and the others' alone counts.
pub fn merge(data: &[u8]) {
    static GATES: OnceLock<[Gate; 3]> = OnceLock::new();
    let [with, nothing, without] = GATES.get_or_init(|| {
        let innocents = || embedded::arp().into_iter().filter(|m| INNOCENTS.contains(&m.manifest.module.as_str()));
        let with = || innocents().chain([echo()]).collect();
        [built("", with()), built(NOTHING, with()), built("", innocents().collect())]
    });
    let item = |(index, item): (usize, &[u8])| {
        let [row, effect, missing, value @ ..] = item else { return Value::Null };
        let row = if *row == u8::MAX { u32::MAX } else { u32::from(*row) };
        // One effect in eleven and one flag in sixteen is none.
        let effect = u64::from(effect % (EFFECTS as u8 + 1));
        let missing = if missing % 16 == 15 { 2 } else { u64::from(missing & 1) };
        let value = value.iter().rfold(0, |value, byte| value << 8 | i64::from(*byte));
        json!({"id": format!("c{index}"), "author_id": u64::from(row) | effect << 32 | missing << 48, "topic_id": value,
               "aigc": {"meta_label": "1"}, "score": 1.0})
    };
    let candidates: Vec<Value> = data.chunks_exact(11).take(64).enumerate().map(item).collect();
    let line = json!({"ctx": {"now_ms": 1_767_225_600_000u64, "local_min": 600, "can_render_labels": true},
                      "user": {"tags": [{"tag_id": "t0"}, {"tag_id": "t1"}]}, "candidates": candidates});
    let Ok(batch) = Batch::from_json(line.to_string().as_bytes()) else { return };
    let (attacked, alone) = (with.evaluate(&batch), without.evaluate(&batch));
    let powerless = nothing.evaluate(&batch);
    // In the slate stage the lists differ by what was withheld before.
    let refused = |outcome: &Outcome| -> Vec<_> {
        let first = outcome.failures.iter().filter(|failure| failure.stage == "candidate");
        first.map(|failure| (failure.policy, failure.kind, failure.message.clone())).collect()
    };
    assert_eq!(refused(&powerless), refused(&attacked));
    assert_eq!(said(&powerless, |_| true, |policy| policy > 0), said(&alone, |_| true, |_| true));
    assert!(serde_json::from_str::<Value>(&attacked.to_json(Detail::default())).is_ok());
    // `hostile/…` comes before `reference/…`.
    let innocent = |policy: u16| policy > 0;
    assert_eq!(said(&attacked, innocent, innocent), said(&alone, |_| true, |_| true));
    for verdict in &alone.verdicts {
        let other = attacked.verdicts.iter().find(|other| other.row == verdict.row).map(|other| other.judgement);
        assert_eq!(other, other.map(|other| other.join(verdict.judgement)), "row {} is judged milder", verdict.row);
    }
}

/// A module that answers an item a row: row, effect and flag from its first column, the value from its second.
#[expect(clippy::panic, reason = "it is made from constants")]
fn echo() -> Module {
    let lists = [(1024, 4_096), (1032, 5_120), (1040, 6_144), (1048, 7_168)].map(|(list, cells)| {
        format!(
            "(i32.store (i32.const {list}) (i32.const {cells})) (i32.store (i32.const {}) (local.get $rows))",
            list + 4
        )
    });
    let text = format!(
        r#"(module
            (memory (export "memory") 8)
            (global $next (mut i32) (i32.const 65536))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                (global.get $next)
                (global.set $next (i32.add (global.get $next) (local.get 3))))
            (func (export "normgate:policy/judging@0.1.0#evaluate")
                (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
                (local $rows i32) (local $at i32) (local $code i64) (local $codes i32) (local $values i32)
                (local.set $rows (i32.load (local.get 9)))
                (local.set $codes (i32.load offset=12 (i32.load offset=4 (local.get 9))))
                (local.set $values (i32.load offset=64 (i32.load offset=4 (local.get 9))))
                {lists}
                (block $done (loop $on
                    (br_if $done (i32.ge_u (local.get $at) (local.get $rows)))
                    (local.set $code (i64.load (i32.add (local.get $codes) (i32.shl (local.get $at) (i32.const 3)))))
                    (i64.store32 offset=4096 (i32.shl (local.get $at) (i32.const 2)) (local.get $code))
                    (i64.store16 offset=5120 (i32.shl (local.get $at) (i32.const 1))
                        (i64.shr_u (local.get $code) (i64.const 32)))
                    (i64.store offset=6144 (i32.shl (local.get $at) (i32.const 3))
                        (i64.load (i32.add (local.get $values) (i32.shl (local.get $at) (i32.const 3)))))
                    (i64.store8 offset=7168 (local.get $at) (i64.shr_u (local.get $code) (i64.const 48)))
                    (local.set $at (i32.add (local.get $at) (i32.const 1)))
                    (br $on)))
                (i32.const 1024)))"#,
        lists = lists.concat()
    );
    let made = wat::parse_str(&text).map_err(|error| error.to_string()).and_then(|core| {
        let mut bytes = normgate_package::wrap(&core)?;
        let manifest = dispensable(&manifest_of(&Author::of(HOSTILE, "echo"), Shape::Echo).to_string());
        normgate_package::set_section(&mut bytes, "normgate:manifest", manifest.as_bytes());
        Module::read("echo.wasm", &bytes, Vocabulary::shipped()).map_err(|error| error.to_string())
    });
    match made {
        Ok(module) => module,
        Err(error) => panic!("{error}"),
    }
}

/// The same manifest of a module that can do without any of its effects.
fn dispensable(manifest: &str) -> String {
    let mut manifest: Value = serde_json::from_str(manifest).unwrap_or_default();
    for rule in manifest["rules"].as_array_mut().into_iter().flatten() {
        rule["optional_effects"] = (0..rule["effects"].as_array().map_or(0, Vec::len)).collect();
    }
    manifest.to_string()
}

/// A configuration: parsed, and held against everything that the library carries. What fits, judges.
pub fn config(data: &[u8]) {
    let Ok(config) = std::str::from_utf8(data).map_err(drop).and_then(|text| Config::parse(text).map_err(drop)) else {
        return;
    };
    // The compiled modules of `gate` are shared, so building one more costs little.
    let _keeps_them = gate();
    let Ok(gate) = Gate::builder().policies(embedded::arp()).config(config).limits(LIMITS).trusting().build() else {
        return;
    };
    if let Ok(batch) = Batch::from_json(br#"{"ctx":{"now_ms":1,"local_min":1},"candidates":[{"id":"a"},{"id":"b"}]}"#) {
        written(&gate.evaluate(&batch));
    }
}

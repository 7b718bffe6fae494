//! What one module can make its host keep: everything at its bound at once, on a list of 500, with every byte counted.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use normgate::contract::bounds::{MAX_EFFECTS, MAX_INPUTS, MAX_LISTED, MAX_MANIFEST_BYTES, MAX_RULES};
use normgate::contract::{Day, Vocabulary};
use normgate::{ArgumentValue, Batch, Config, Detail, FailureKind, Gate, Module};
use serde_json::{Value, json};
use support::component::{MANIFEST, made, with_manifest};

const MIB: usize = 1 << 20;
/// What the host may keep for a module besides the module's own memory, of which there are 32 MiB at most.
const OF_THE_HOST: usize = 32 * MIB;

const ROWS: usize = 500;
/// As much memory as a module may have on a short list.
const ALL: &str = r#"(memory (export "memory") 16)"#;
/// Items that an answer may have for a list of 500 and as many tags.
const ITEMS: usize = 16 * (ROWS + ROWS + 1) + 1_024;

/// Counts what is held, the most that was, and how often something was asked for.
struct Counting;

static ASKED: AtomicUsize = AtomicUsize::new(0);
static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code, reason = "an allocator has no other way to be written")]
// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(held, Ordering::Relaxed);
        ASKED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Held while bytes are counted: there is one count for the process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The most that `f` held beyond what was held before, with what it returns.
fn most<T>(f: impl FnOnce() -> T) -> (usize, T) {
    let before = HELD.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let result = f();
    (MOST.load(Ordering::Relaxed).saturating_sub(before), result)
}

/// A manifest with as many rules and effects as there may be, as large as one may be; four effects a rule.
fn manifest(level: &str, effects: &Value) -> String {
    let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    let rule = manifest["rules"][0].clone();
    let rules = (0..MAX_RULES).map(|number| {
        let mut rule = rule.clone();
        rule["id"] = json!(format!("hostile.{}{number}", "r".repeat(100)));
        rule["level"] = json!(level);
        rule["effects"] = effects.clone();
        rule
    });
    manifest["rules"] = rules.collect();
    manifest["frames"] = json!([{"name": "candidates", "columns": []}, {"name": "tags", "columns": []}]);
    let room = (MAX_MANIFEST_BYTES - manifest.to_string().len()) / MAX_RULES;
    for rule in manifest["rules"].as_array_mut().unwrap() {
        rule["sentence"]["en"] = json!("s".repeat(room.min(2_000)));
        rule["remedy"]["en"] = json!("r".repeat(room.saturating_sub(2_000).min(2_000)));
    }
    manifest.to_string()
}

/// The body of `evaluate` for so many items, each different: item `i` is about row `i % ROWS` (or the request), in effect
/// `i / ROWS`, with the value `i % values`.
fn filled(items: usize, of_request: bool, values: usize) -> String {
    let row =
        if of_request { "(i32.const -1)".into() } else { format!("(i32.rem_u (local.get 0) (i32.const {ROWS}))") };
    let effect = format!("(i32.rem_u (i32.div_u (local.get 0) (i32.const {ROWS})) (i32.const {MAX_EFFECTS}))");
    let effect = if of_request { format!("(i32.rem_u (local.get 0) (i32.const {MAX_EFFECTS}))") } else { effect };
    let mut body = String::new();
    for (list, cells) in [(1024, 0x4_0000), (1032, 0x6_0000), (1040, 0x8_0000), (1048, 0xc_0000)] {
        body += &format!("(i32.store (i32.const {list}) (i32.const {cells}))");
        body += &format!("(i32.store (i32.const {}) (i32.const {items}))", list + 4);
    }
    body + &format!(
        "(local.set 0 (i32.const 0))
         (loop
            (i32.store (i32.add (i32.const 0x40000) (i32.shl (local.get 0) (i32.const 2))) {row})
            (i32.store16 (i32.add (i32.const 0x60000) (i32.shl (local.get 0) (i32.const 1))) {effect})
            (i64.store (i32.add (i32.const 0x80000) (i32.shl (local.get 0) (i32.const 3)))
                (i64.extend_i32_u (i32.rem_u (local.get 0) (i32.const {values}))))
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get 0) (i32.const {items}))))"
    )
}

fn module(level: &str, effects: &Value, items: usize) -> Module {
    let bytes = made(ALL, &filled(items, level == "request", ROWS));
    let bytes = with_manifest(bytes, &manifest(level, effects));
    let (held, module) = most(|| Module::read("full.wasm", &bytes, Vocabulary::shipped()).unwrap());
    assert!(held < 64 * MIB, "reading the module held {} MiB", held / MIB);
    module
}

/// A list of 500 and as many tags, with the longest names there are.
fn request() -> Batch {
    let name = |kind: &str, row: usize| format!("{kind}{row:04}{}", "n".repeat(1_024 - 5));
    let candidates: Vec<Value> = (0..ROWS)
        .map(|row| {
            json!({"id": name("c", row), "exempt": if row % 2 == 0 { "emergency" } else { "none" },
            "exempt_ticket": 1, "score": row as f64})
        })
        .collect();
    let tags: Vec<Value> = (0..ROWS).map(|row| json!({"tag_id": name("t", row)})).collect();
    let request = json!({"ctx": {"now_ms": 1_793_532_600_000i64, "local_min": 600}, "user": {"tags": tags},
        "candidates": candidates});
    Batch::from_json(request.to_string().as_bytes()).unwrap()
}

fn gate(config: &str, module: Module) -> Gate {
    let day: Day = "2026-11-01".parse().unwrap();
    let config = Config::parse(config).unwrap();
    Gate::builder().policies([module]).config(config).as_of(day).trusting().build().unwrap()
}

#[test]
fn a_module_at_every_bound_at_once_costs_its_host_little() {
    let _alone = alone();
    let owed = json!({"obligation": {"code": "pause.dispatch", "deadline_s": 1, "retain_d": 1,
        "args": {"changes": true, "label": 1, "pause_s": "computed"}}});
    let shapes = [
        ("row", json!([{"demote": "computed"}, {"block": "none"}, {"label": "ad"}, {"demote": 500_000}])),
        ("row", json!([owed, owed, owed, owed])),
        ("row", json!(["violation", "promote", owed, {"veto": "engagement_raw"}])),
        ("tag", json!([{"tag": "delete"}, {"tag": "suppress"}, owed, "violation"])),
        ("tag", json!([{"veto": "tag"}, {"veto": "tag"}, {"veto": "tag"}, {"veto": "tag"}])),
        ("request", json!([owed, {"veto": "tag"}, "violation", {"veto": "price_parity"}])),
    ];
    let modes = ["", "[modes]\nhostile = \"shadow\"", "mode = \"observe\"\nobserve_until = \"2099-01-01\""];
    let batch = request();
    for (level, effects) in &shapes {
        let full = module(level, effects, ITEMS);
        for mode in modes {
            let gate = gate(mode, full.clone());
            // What is made once, by the first request, is the host's own.
            drop(gate.evaluate(&batch));
            let begin = Instant::now();
            let (held, outcome) = most(|| gate.evaluate(&batch));
            let took = begin.elapsed();
            assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
            let (written, line) = most(|| outcome.to_json(Detail::default()));
            println!(
                "{ITEMS} items of {level} {effects} {mode:?}: {:.1} MiB and {took:?}; written {:.1} MiB of {:.1}",
                held as f64 / MIB as f64,
                written as f64 / MIB as f64,
                line.len() as f64 / MIB as f64,
            );
            assert!(held < OF_THE_HOST, "{level} {effects} {mode:?} held {} MiB", held / MIB);
        }
        // One item more, and nothing of the answer is looked at.
        let outcome = gate("", module(level, effects, ITEMS + 1)).evaluate(&batch);
        let kinds: Vec<FailureKind> = outcome.failures.iter().map(|failure| failure.kind).collect();
        assert_eq!(kinds, [FailureKind::Output]);
    }
}

#[test]
fn what_an_answer_repeats_is_kept_once() {
    let _alone = alone();
    // Four million items of nothing but zeroes would cost the module nothing; as many as it may have are one item.
    let owed = json!({"obligation": {"code": "pause.dispatch", "args": {"pause_s": 20}}});
    let manifest = MANIFEST.replace(r#"{"demote":"computed"}"#, &owed.to_string());
    let zeroes = |items: usize| {
        let lists = [(1024, 0x4_0000), (1032, 0x6_0000), (1040, 0x8_0000), (1048, 0xc_0000)];
        let list = |(list, cells)| {
            format!(
                "(i32.store (i32.const {list}) (i32.const {cells})) (i32.store (i32.const {}) (i32.const {items}))",
                list + 4
            )
        };
        let ones = format!(
            "(local.set 0 (i32.const 0))
             (loop (i32.store16 (i32.add (i32.const 0x60000) (i32.shl (local.get 0) (i32.const 1))) (i32.const 1))
                (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if 0 (i32.lt_u (local.get 0) (i32.const {items}))))"
        );
        let body = lists.map(list).concat() + &ones;
        let bytes = with_manifest(made(ALL, &body), &manifest);
        gate("", Module::read("zeroes.wasm", &bytes, Vocabulary::shipped()).unwrap())
    };
    let batch = request();
    let judged = |items: usize| {
        let gate = zeroes(items);
        drop(gate.evaluate(&batch));
        let (held, outcome) = most(|| gate.evaluate(&batch));
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
        assert_eq!(outcome.obligations.len(), 1);
        held
    };
    let (one, many) = (judged(1), judged(ITEMS));
    // The answer itself is lifted: fifteen bytes an item.
    assert!(many < one + ITEMS * 15 + 64 * 1_024, "{many} bytes for {ITEMS} items, {one} for one");
}

#[test]
fn of_numbers_for_one_row_and_effect_one_is_kept() {
    let _alone = alone();
    let owed = json!({"obligation": {"code": "pause.dispatch", "args": {"pause_s": "computed"}}});
    let manifest = MANIFEST.replace(r#"{"demote":"computed"}"#, &format!(r#"{{"demote":"computed"}},{owed}"#));
    for (effect, mode) in [(1, ""), (1, "[modes]\nhostile = \"shadow\""), (2, ""), (2, "[modes]\nhostile = \"shadow\"")]
    {
        let judged = |items: usize| {
            // Every item is about the first row, and carries a number of its own, the least one last.
            let lists = [(1024, 0x4_0000), (1032, 0x6_0000), (1040, 0x8_0000), (1048, 0xc_0000)];
            let list = |(list, cells)| {
                format!(
                    "(i32.store (i32.const {list}) (i32.const {cells})) (i32.store (i32.const {}) (i32.const {items}))",
                    list + 4
                )
            };
            let cells = format!(
                "(local.set 0 (i32.const 0))
                 (loop (i32.store16 (i32.add (i32.const 0x60000) (i32.shl (local.get 0) (i32.const 1))) (i32.const {effect}))
                    (i64.store (i32.add (i32.const 0x80000) (i32.shl (local.get 0) (i32.const 3)))
                        (i64.sub (i64.const 400000) (i64.extend_i32_u (local.get 0))))
                    (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if 0 (i32.lt_u (local.get 0) (i32.const {items}))))"
            );
            let bytes = with_manifest(made(ALL, &(lists.map(list).concat() + &cells)), &manifest);
            let gate = gate(mode, Module::read("numbers.wasm", &bytes, Vocabulary::shipped()).unwrap());
            let batch = plain();
            drop(gate.evaluate(&batch));
            let (held, outcome) = most(|| gate.evaluate(&batch));
            assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
            let said = (outcome.obligations.len(), outcome.shadow.len(), outcome.reasons(&outcome.verdicts[0]).len());
            let demotion = outcome.verdicts.iter().filter_map(|verdict| verdict.judgement.demotion).next();
            (held, said, demotion, outcome.obligations.first().and_then(|owed| owed.args.clone()))
        };
        let (one, many) = (judged(1), judged(ITEMS));
        assert_eq!(many.1, one.1, "{effect} {mode}");
        assert_eq!(many.2, one.2.map(|_| 400_001 - ITEMS as u32));
        let owed = many.3.as_ref().and_then(|args| args.iter().next().map(|(_, value)| value));
        assert_eq!(owed, one.3.map(|_| ArgumentValue::Number(400_001 - ITEMS as i64)));
        // The answer itself is lifted: fifteen bytes an item.
        assert!(many.0 < one.0 + ITEMS * 15 + 64 * 1_024, "{} bytes for {ITEMS} items, {} for one", many.0, one.0);
    }
}

/// A list of 500 rows that nobody exempts, and as many tags.
fn plain() -> Batch {
    let rows = |kind: &str, name: &str| (0..ROWS).map(|row| json!({name: format!("{kind}{row}")})).collect::<Vec<_>>();
    let request = json!({"ctx": {"now_ms": 1_793_532_600_000i64, "local_min": 600}, "user": {"tags": rows("t", "tag_id")},
        "candidates": rows("c", "id")});
    Batch::from_json(request.to_string().as_bytes()).unwrap()
}

/// What is asked of the allocator to build a gate of so many modules, each with as many columns of terms of its own as may be, of which
/// a quarter is every module's.
fn built(modules: usize) -> usize {
    let module = |number: usize| {
        let column = |column: usize| {
            let name = if column < MAX_INPUTS / 4 { format!("all{column}") } else { format!("m{number}c{column}") };
            json!({"field": format!("x.hostile.{name}"), "type": "terms", "entries": [format!("t{}", number % 100), "u"]})
        };
        let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
        manifest["id"] = json!(format!("hostile/m{number}"));
        manifest["module"] = json!(format!("m{number}"));
        manifest["rules"][0]["id"] = json!(format!("m{number}.rule"));
        manifest["frames"][0]["columns"] = (0..MAX_INPUTS).map(column).collect();
        manifest["replaces"] = (0..MAX_LISTED).map(|other| json!(format!("hostile/m{other}"))).collect();
        let bytes = with_manifest(made(ALL, ""), &manifest.to_string());
        Module::read("columns.wasm", &bytes, Vocabulary::shipped()).unwrap()
    };
    let modules: Vec<Module> = (0..modules).map(module).collect();
    let day: Day = "2026-11-01".parse().unwrap();
    let builder = || Gate::builder().policies(modules.clone()).as_of(day).trusting();
    // Compiled once; then only the rest is counted.
    let _compiled = builder().build().unwrap();
    let before = ASKED.load(Ordering::Relaxed);
    let gate = builder().build().unwrap();
    let asked = ASKED.load(Ordering::Relaxed) - before;
    // One notice a module, and of one authority a few.
    let outcome = gate.evaluate(&plain());
    let ignored: Vec<_> = outcome.notices.iter().filter(|notice| notice.code == "replaces-ignored").collect();
    assert!((2..=9).contains(&ignored.len()) && ignored.iter().all(|notice| notice.message.len() < 400), "{ignored:?}");
    asked
}

#[test]
fn building_takes_as_much_for_each_module_however_many_there_are() {
    let _alone = alone();
    let (few, many) = (built(8), built(64));
    assert!(many < few * 8 * 3 / 2, "{few} for 8 modules, {many} for 64");
}

//! Modules written by hand: spies, which look for what another call left and report it; liars, whose answers are none; hogs,
//! burners and floods, which take what they can get, against the rules or within them.
//!
//! A spy plants the canary of its request somewhere, and looks in the same place for one that was there before. On an
//! instance of its own it finds nothing.

use crate::manifests::{BLOCK, DEMOTE, EFFECTS, REPORT};
use crate::numbers::Numbers;
use crate::requests::CANARY;

/// Pages of memory, which fit on the shortest list.
const PAGES: u32 = 8;

/// The core module of a spy, a liar, a hog, a burner or a flood.
pub(crate) struct Spy {
    pub(crate) core: Vec<u8>,
    /// Whether its answers are against the contract, so that nothing of them may ever be used.
    pub(crate) illegal: bool,
}

/// One of them.
pub(crate) fn any(numbers: &mut Numbers) -> Result<Spy, String> {
    match numbers.position(12) {
        0..5 => spy(numbers),
        5..8 => liar(numbers),
        8..10 => hog(numbers),
        10 => {
            let times = *numbers.pick(&[100_000, 200_000, 390_000]);
            burner(numbers, times)
        }
        _ => {
            let items = *numbers.pick(&[1_000, 4_000, 100_000]);
            flood(numbers, items)
        }
    }
}

/// One that takes all there is: for a gate with the limits of a platform.
pub(crate) fn heavy(numbers: &mut Numbers) -> Result<Spy, String> {
    if numbers.position(2) == 0 {
        burner(numbers, i32::MAX)
    } else {
        {
            let items = *numbers.pick(&[40_000, 1_400_000]);
            flood(numbers, items)
        }
    }
}

/// One that says one thing in order: this effect of the first row.
pub(crate) fn honest(effect: u16) -> Result<Spy, String> {
    let said = item("(i32.const 0)", effect, 0, 0);
    core(
        &memory(PAGES),
        "",
        &format!("(if (i32.lt_u (local.get 0) (i32.ne (i32.load (local.get 9)) (i32.const 0))) (then {said}))"),
        false,
    )
}

/// One that remembers, or looks where others have been.
pub(crate) fn spy(numbers: &mut Numbers) -> Result<Spy, String> {
    // What was there before is seen; what is there now is one's own.
    let swap = |address: usize| {
        format!("(local.set $seen (i64.load (i32.const {address}))) (i64.store (i32.const {address}) (local.get $own))")
    };
    let scan = |from: &str, to: &str| {
        format!(
            "(local.set $at {from})
             (block $done (loop $on
                (br_if $done (i32.ge_u (i32.add (local.get $at) (i32.const 7)) {to}))
                (if (i64.eq (i64.shr_u (i64.load (local.get $at)) (i64.const 40)) (i64.const {CANARY}))
                    (then (if (i64.ne (i64.load (local.get $at)) (local.get $own))
                        (then (local.set $seen (i64.load (local.get $at)))))))
                (local.set $at (i32.add (local.get $at) (i32.const 8)))
                (br $on)))"
        )
    };
    let end = "(i32.mul (memory.size) (i32.const 65536))";
    let kept = "(local.set $seen (global.get $kept))";
    let (fields, realloc, body) = match numbers.position(10) {
        0 => (memory(PAGES), String::new(), format!("{kept} (global.set $kept (local.get $own))")),
        1 => (memory(PAGES), String::new(), swap(4_096 + numbers.position(7_000) * 8)),
        2 => (memory(PAGES), String::new(), swap(524_280)),
        3 => {
            let grow =
                format!("(if (i32.eq (memory.size) (i32.const {PAGES})) (then (drop (memory.grow (i32.const 4)))))");
            (memory(PAGES), String::new(), format!("{grow} {}", swap(700_000)))
        }
        // A table holds 64 bits as functions and nulls.
        4 => {
            let table = "(table $t 64 funcref) (func $f) (elem declare func $f)";
            let body = "(loop $on
                (if (i32.eqz (ref.is_null (table.get $t (local.get $at))))
                    (then (local.set $seen
                        (i64.or (local.get $seen) (i64.shl (i64.const 1) (i64.extend_i32_u (local.get $at)))))))
                (table.set $t (local.get $at) (select (result funcref) (ref.func $f) (ref.null func)
                    (i32.wrap_i64 (i64.and (i64.shr_u (local.get $own) (i64.extend_i32_u (local.get $at))) (i64.const 1)))))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br_if $on (i32.lt_u (local.get $at) (i32.const 64))))";
            (format!("{} {table}", memory(PAGES)), String::new(), body.to_owned())
        }
        // All of memory beyond what it needs itself.
        5 => (memory(6), String::new(), scan("(i32.const 65536)", end)),
        // Before anything was handed over.
        6 => {
            let locals = "(local $at i32) (local $seen i64) (local $own i64)";
            let scan = scan("(i32.const 65536)", end);
            let start = format!("(func $start {locals} {scan} (global.set $kept (local.get $seen))) (start $start)");
            (format!("{} {start}", memory(6)), String::new(), kept.to_owned())
        }
        // Pages that are new to it; it leaves them full, and traps half of the time.
        7 => {
            let scan = scan("(i32.const 262144)", end);
            let fill = "(local.set $at (i32.const 262144))
                (loop $more
                    (i64.store (local.get $at) (local.get $own))
                    (local.set $at (i32.add (local.get $at) (i32.const 64)))
                    (br_if $more (i32.lt_u (local.get $at) (i32.const 524288))))";
            let trap = if numbers.position(2) == 0 { "unreachable" } else { "" };
            let grow = "(if (i32.lt_u (memory.size) (i32.const 8)) (then (drop (memory.grow (i32.const 4)))))";
            (memory(4), String::new(), format!("{grow} {scan} {fill} {trap}"))
        }
        // The area that it hands out, before the host writes there.
        8 => {
            let scan = scan("(global.get $next)", "(i32.add (global.get $next) (local.get 3))");
            let found = "(if (i64.ne (local.get $seen) (i64.const 0)) (then (global.set $kept (local.get $seen))))";
            (memory(6), format!("{scan} {found}"), kept.to_owned())
        }
        // A segment that is gone once it was dropped: the second call would trap.
        _ => {
            let drop = "(memory.init $d (i32.const 3000) (i32.const 0) (i32.const 8)) (data.drop $d)";
            (format!(r#"{} (data $d "12345678")"#, memory(PAGES)), String::new(), drop.to_owned())
        }
    };
    let report = format!(
        "(if (i32.and (i32.eqz (local.get 0)) (i32.and (i64.ne (local.get $seen) (i64.const 0))
                (i64.ne (local.get $seen) (local.get $own))))
            (then {} (i64.store (i32.const 2080) (local.get $seen))))",
        item("(i32.const 0)", REPORT, 0, 0)
    );
    core(&fields, &realloc, &format!("{body} {report}"), false)
}

/// One whose answer is against the contract.
fn liar(numbers: &mut Numbers) -> Result<Spy, String> {
    let rows = "(i32.load (local.get 9))";
    let beyond = format!("(i32.add {rows} (i32.const {}))", numbers.position(5));
    let row = |row: &str| format!("(i32.const {row})");
    let (stage, lie) = match numbers.position(13) {
        0..4 => (0, item(&beyond, BLOCK, 0, 0)),
        4 => (1, item(&beyond, 7, 0, 0)),
        5 => (0, item(&row("-1"), DEMOTE, 1, 0)),
        6 => (0, item(&row("0"), EFFECTS + numbers.position(60_000) as u16, 0, 0)),
        7 => (0, item(&row("0"), DEMOTE, *numbers.pick(&[-1, 1_000_001, i64::MIN, i64::MAX]), 0)),
        8 => (0, item(&row("0"), BLOCK, 0, 2 + numbers.position(254) as u8)),
        9 => (0, format!("{} (i32.store (i32.const 1044) (i32.const 0))", item(&row("0"), BLOCK, 0, 0))),
        // A tag that is not there, and a request's effect on a row.
        10 => (0, item(&row("7"), 3, 0, 0)),
        11 => (0, item(&row("0"), 6, 0, 0)),
        // An effect of the other stage.
        _ => (0, item(&row("0"), 7, 0, 0)),
    };
    core(&memory(PAGES), "", &format!("(if (i32.eq (local.get 0) (i32.const {stage})) (then {lie}))"), true)
}

/// One that takes what it can get.
fn hog(numbers: &mut Numbers) -> Result<Spy, String> {
    let more = "(func $down (result i32) (i32.add (call $down) (i32.const 1)))";
    let body = match numbers.position(8) {
        0 | 1 => "(loop $on (br $on))",
        2 => {
            "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
              (memory.fill (i32.const 65536) (i32.const 90) (i32.const 900000))"
        }
        3 => "(drop (call $down))",
        4 => "(i32.store (i32.const 1024) (i32.const 65536)) (i32.store (i32.const 1028) (i32.const 1000000))",
        5 => "(i32.store (i32.const 1036) (i32.const -1))",
        6 => "(return (i32.const 524284))",
        _ => "(memory.fill (i32.const 65536) (i32.const 94) (i32.const 450000)) unreachable",
    };
    core(&format!("{} {more}", memory(PAGES)), "", body, false)
}

/// One that spends what it may and answers in order: others pay for it, or the clock does.
fn burner(numbers: &mut Numbers, times: i32) -> Result<Spy, String> {
    let smallest = "(f64.const 0x1p-1074)";
    let step = match numbers.position(8) {
        0 | 1 => String::new(),
        2 => "(drop (ref.func $f))".into(),
        3 => "(drop (memory.grow (i32.const 60000)))".into(),
        4 => "(drop (table.grow $t (ref.null func) (i32.const 60000)))".into(),
        5 => "(memory.fill (i32.const 65536) (i32.const 0) (i32.const 0))".into(),
        6 => format!("(f64.store (i32.const 3072) (f64.div {smallest} (f64.load (i32.const 3088))))"),
        _ => "(f64.store (i32.const 3072) (f64.sqrt (f64.load (i32.const 3088))))".into(),
    };
    let table = "(table $t 4 funcref) (func $f) (elem declare func $f)";
    let body = format!(
        "(f64.store (i32.const 3088) {smallest})
         (loop $on {step}
            (br_if $on (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const {times}))))"
    );
    core(&format!("{} {table}", memory(PAGES)), "", &body, false)
}

/// One that says everything of every row, again and again.
fn flood(numbers: &mut Numbers, items: usize) -> Result<Spy, String> {
    // Every effect of a row's rules, or obligations alone.
    let effect = *numbers.pick(&["(i32.rem_u (local.get $at) (i32.const 3))", "(i32.const 2)"]);
    // The four lists lie one behind the other, each item taking 4 + 2 + 8 + 1 bytes.
    let [rows, effects, values, missing] = [0, 4, 6, 14].map(|bytes| 0x4_0000 + items * bytes);
    let lists: String = [(1024, rows), (1032, effects), (1040, values), (1048, missing)]
        .map(|(list, cells)| {
            let count = list + 4;
            format!(
                "(i32.store (i32.const {list}) (i32.const {cells})) (i32.store (i32.const {count}) (i32.const {items}))"
            )
        })
        .concat();
    let body = format!(
        "(if (i32.and (i32.eqz (local.get 0)) (i32.ne (i32.load (local.get 9)) (i32.const 0))) (then {lists}
            (loop $on
                (i32.store offset={rows} (i32.shl (local.get $at) (i32.const 2))
                    (i32.rem_u (local.get $at) (i32.load (local.get 9))))
                (i32.store16 offset={effects} (i32.shl (local.get $at) (i32.const 1)) {effect})
                (br_if $on (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const {items}))))))"
    );
    let pages = (0x4_0000 + items * 15) / 65_536 + 1;
    core(&memory(u32::try_from(pages).unwrap_or(u32::MAX).max(PAGES)), "", &body, false)
}

fn memory(pages: u32) -> String {
    format!(r#"(memory (export "memory") {pages} 512)"#)
}

/// Puts one item into the answer.
fn item(row: &str, effect: u16, value: i64, missing: u8) -> String {
    let counts: String =
        [1028, 1036, 1044, 1052].map(|at| format!("(i32.store (i32.const {at}) (i32.const 1))")).concat();
    format!(
        "{counts} (i32.store (i32.const 2048) {row}) (i32.store16 (i32.const 2064) (i32.const {effect}))
         (i64.store (i32.const 2080) (i64.const {value})) (i32.store8 (i32.const 2096) (i32.const {missing}))"
    )
}

/// A core module that exports the contract. The answer lies at 1024 and is empty unless `body` makes it otherwise; areas are
/// handed out from 65,536 on. `$own` is the request's canary, the first column of the request frame.
fn core(fields: &str, realloc: &str, body: &str, illegal: bool) -> Result<Spy, String> {
    let lists: String = [(1024, 2048), (1032, 2064), (1040, 2080), (1048, 2096)]
        .map(|(list, cell)| {
            format!(
                "(i32.store (i32.const {list}) (i32.const {cell})) (i32.store (i32.const {}) (i32.const 0))",
                list + 4
            )
        })
        .concat();
    let text = format!(
        r#"(module
            {fields}
            (global $next (mut i32) (i32.const 65536))
            (global $kept (mut i64) (i64.const 0))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32) (local $seen i64) (local $own i64)
                (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                {realloc}
                (global.get $next)
                (global.set $next (i32.add (global.get $next) (local.get 3))))
            (func (export "normgate:policy/judging@0.1.0#evaluate")
                (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
                (local $own i64) (local $seen i64) (local $at i32)
                (local.set $own (i64.load (local.get 7)))
                {lists}
                {body}
                (i32.const 1024)))"#
    );
    wat::parse_str(&text).map(|core| Spy { core, illegal }).map_err(|error| error.to_string())
}

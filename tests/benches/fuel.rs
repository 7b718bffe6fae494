//! What a unit of fuel takes, sequence by sequence: prices are right when no sequence takes ten times what ordinary work takes.
//!
//! `make fuel` prints nanoseconds a unit and fails when one is beyond. Prices stand in `host/src/price.rs`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use normgate::contract::{Stage, Vocabulary};
use normgate::{Batch, Gate, Limits, Module, embedded};
use serde_json::{Value, json};
use support::Numbers;
use support::component::made;

/// How many times ordinary work a unit may take at most.
const FACTOR: f64 = 10.0;

/// What is known to be beyond, because no price of an operator knows how large the memory is. A list that lets a module have so much is
/// long, and the deadline ends such a call.
const KNOWN: [&str; 4] = [
    "32 MiB, read in no order",
    "2 MiB, each line naming the next",
    "4 MiB, each line naming the next",
    "32 MiB, each line naming the next",
];

/// Units that a sequence is repeated for, about.
const UNITS: u64 = 4_000_000;

/// Repetitions of a sequence without a branch between them.
const UNROLLED: usize = 16;

/// A memory with a page to work on, and what the sequences speak of.
const FIELDS: &str = r#"(memory (export "memory") 16 512)
    (table $t 16 4096 funcref) (type $nothing (func)) (func $f (type $nothing)) (func $g (type $nothing))
    (elem (table $t) (i32.const 0) func $f $g) (elem $passive func $f $g) (data $bytes "0123456789abcdef")
    (global $i (mut i32) (i32.const 1)) (global $r (mut funcref) (ref.null func))"#;

/// Sequences that leave nothing on the stack. `$a`, `$b` are i32 of 7 and 3, `$l`, `$m` the same as i64; `$x`, `$y` f64 and `$u`, `$v` f32
/// that are denormal; `$n` is the count.
const SEQUENCES: &[(&str, &str)] = &[
    ("i32.add", "(local.set $a (i32.add (local.get $a) (local.get $b)))"),
    ("i64.add chain", "(local.set $l (i64.add (local.get $l) (i64.const 3)))"),
    ("i64.mul", "(local.set $l (i64.mul (local.get $l) (local.get $m)))"),
    ("i32.div_u", "(local.set $a (i32.or (i32.div_u (local.get $a) (local.get $b)) (i32.const -64)))"),
    ("i64.div_s", "(local.set $l (i64.or (i64.div_s (local.get $l) (local.get $m)) (i64.const 0x7fffffffffffff00)))"),
    ("i64.rem_u", "(local.set $l (i64.or (i64.rem_u (local.get $l) (local.get $m)) (i64.const 0x7fffffffffffff00)))"),
    (
        "i64.popcnt, clz, ctz, rotl",
        "(local.set $l (i64.rotl (i64.add (i64.popcnt (local.get $l)) (i64.add (i64.clz (local.get $l)) (i64.ctz (local.get $l)))) (local.get $m)))",
    ),
    ("select", "(local.set $a (select (local.get $a) (local.get $b) (local.get $a)))"),
    ("load and store", "(i32.store (i32.const 70000) (i32.add (i32.load (i32.const 70000)) (i32.const 1)))"),
    ("store chain through memory", "(i64.store (local.get $p) (i64.add (i64.load (local.get $p)) (i64.const 1)))"),
    (
        "load of cold lines",
        "(local.set $p (i32.and (i32.add (i32.mul (i32.add (local.get $p) (i32.load (local.get $p))) (i32.const 1664525)) (i32.const 1013904223)) (i32.const 0xffffc)))",
    ),
    ("global.get, set", "(global.set $i (i32.add (global.get $i) (i32.const 1)))"),
    ("ref.func", "(drop (ref.func $f))"),
    ("ref.func, global.set", "(global.set $r (ref.func $f))"),
    ("ref.null, is_null", "(local.set $a (ref.is_null (global.get $r)))"),
    ("table.get", "(drop (table.get $t (i32.const 1)))"),
    ("table.set", "(table.set $t (i32.const 3) (table.get $t (i32.const 1)))"),
    ("table.size", "(drop (table.size $t))"),
    ("table.grow by 0", "(drop (table.grow $t (ref.null func) (i32.const 0)))"),
    ("table.grow, refused", "(drop (table.grow $t (ref.null func) (i32.const 1000000)))"),
    ("table.fill of 0", "(table.fill $t (i32.const 0) (ref.null func) (i32.and (local.get $n) (i32.const 0)))"),
    ("table.copy of 0", "(table.copy $t $t (i32.const 0) (i32.const 0) (i32.and (local.get $n) (i32.const 0)))"),
    (
        "table.copy of 8",
        "(table.copy $t $t (i32.const 8) (i32.const 0) (i32.add (i32.and (local.get $n) (i32.const 0)) (i32.const 8)))",
    ),
    ("table.init of 0", "(table.init $t $passive (i32.const 0) (i32.const 0) (i32.and (local.get $n) (i32.const 0)))"),
    ("elem.drop", "(elem.drop $passive)"),
    ("data.drop", "(data.drop $bytes)"),
    ("memory.size", "(local.set $a (memory.size))"),
    ("memory.grow by 0", "(drop (memory.grow (i32.const 0)))"),
    ("memory.grow, refused", "(drop (memory.grow (i32.const 60000)))"),
    ("memory.fill of 0", "(memory.fill (i32.const 70000) (i32.const 1) (i32.and (local.get $n) (i32.const 0)))"),
    (
        "memory.fill of 64",
        "(memory.fill (i32.const 70000) (i32.const 1) (i32.add (i32.and (local.get $n) (i32.const 0)) (i32.const 64)))",
    ),
    ("memory.fill of 64 KiB", "(memory.fill (i32.const 65536) (i32.const 1) (i32.const 65536))"),
    ("memory.copy of 0", "(memory.copy (i32.const 70000) (i32.const 80000) (i32.and (local.get $n) (i32.const 0)))"),
    ("memory.copy of 8, constant", "(memory.copy (i32.const 70000) (i32.const 80000) (i32.const 8))"),
    (
        "memory.copy of 8",
        "(memory.copy (i32.const 70000) (i32.const 80000) (i32.add (i32.and (local.get $n) (i32.const 0)) (i32.const 8)))",
    ),
    ("memory.copy of 64 KiB", "(memory.copy (i32.const 65536) (i32.const 131073) (i32.const 65536))"),
    ("memory.init of 0", "(memory.init $bytes (i32.const 70000) (i32.const 0) (i32.and (local.get $n) (i32.const 0)))"),
    ("call", "(call $f)"),
    ("call_indirect", "(call_indirect $t (type $nothing) (i32.and (local.get $n) (i32.const 1)))"),
    (
        "br_table",
        "(block $o (block $p1 (block $p2 (br_table $p2 $p1 $o (i32.and (local.get $a) (i32.const 3)))) (local.set $a (i32.mul (local.get $a) (i32.const 1103515245)))) (local.set $a (i32.add (local.get $a) (i32.const 12345))))",
    ),
    (
        "branches not foreseen",
        "(local.set $a (i32.add (i32.mul (local.get $a) (i32.const 1103515245)) (i32.const 12345))) (if (i32.and (i32.shr_u (local.get $a) (i32.const 16)) (i32.const 1)) (then (local.set $b (i32.add (local.get $b) (local.get $a)))))",
    ),
    ("f64.add, denormal", "(local.set $x (f64.add (local.get $x) (local.get $y)))"),
    (
        "f64.mul, denormal",
        "(local.set $x (f64.mul (local.get $y) (f64.const 1.5)))  (local.set $y (f64.mul (local.get $x) (f64.const 0.6666)))",
    ),
    (
        "f64.div, denormal",
        "(drop (f64.div (local.get $x) (f64.const 3)))  (local.set $x (f64.div (local.get $x) (f64.const 1.0001)))",
    ),
    ("f64.sqrt, denormal", "(local.set $x (f64.mul (f64.sqrt (local.get $x)) (f64.const 0x1p-1030)))"),
    ("f64.sqrt", "(local.set $w (f64.sqrt (f64.add (local.get $w) (f64.const 2))))"),
    ("f64.min", "(local.set $x (f64.min (local.get $x) (local.get $y)))"),
    ("f64.floor", "(local.set $w (f64.add (f64.floor (local.get $w)) (local.get $x)))"),
    (
        "f64.lt, denormal",
        "(local.set $a (i32.add (local.get $a) (f64.lt (f64.reinterpret_i64 (i64.extend_i32_u (local.get $a))) (local.get $y))))",
    ),
    ("f32.mul, denormal", "(local.set $u (f32.mul (local.get $u) (f32.const 1.01)))"),
    ("f32.div, denormal", "(local.set $u (f32.div (local.get $u) (f32.const 1.0001)))"),
    (
        "f32.demote_f64, denormal",
        "(local.set $z (f64.mul (local.get $z) (f64.const 1.0000001))) (f32.store (i32.const 70000) (f32.demote_f64 (local.get $z)))",
    ),
    (
        "f64.promote_f32, denormal",
        "(local.set $w (f64.add (local.get $w) (f64.promote_f32 (f32.reinterpret_i32 (i32.and (local.tee $a (i32.add (local.get $a) (i32.const 5))) (i32.const 0x3fffff))))))",
    ),
    (
        "i64.trunc_f64_s",
        "(local.set $l (i64.add (local.get $l) (i64.trunc_f64_s (f64.reinterpret_i64 (i64.and (local.get $l) (i64.const 0xffff))))))",
    ),
    (
        "i64.trunc_sat_f64_u",
        "(local.set $l (i64.add (i64.const 1) (i64.add (local.get $l) (i64.trunc_sat_f64_u (f64.reinterpret_i64 (local.get $l))))))",
    ),
    (
        "f64.convert_i64_u",
        "(local.set $l (i64.or (i64.reinterpret_f64 (f64.convert_i64_u (local.get $l))) (i64.const 1)))",
    ),
    (
        "f64.convert_i64_s",
        "(local.set $l (i64.or (i64.reinterpret_f64 (f64.convert_i64_s (local.get $l))) (i64.const 1)))",
    ),
    ("f64.copysign, abs, neg", "(local.set $x (f64.copysign (f64.abs (local.get $x)) (f64.neg (local.get $y))))"),
];

/// Ways to be made and to end, of a module each: fields of its core, and what it does.
fn lives() -> Vec<(&'static str, String, String)> {
    let memory = |pages: u32| format!(r#"(memory (export "memory") {pages})"#);
    let segments = |count: u32, step: u32| -> String {
        (0..count).map(|index| format!(r#"(data (i32.const {}) "x")"#, 65536 + index * step)).collect()
    };
    let touch = |pages: u32| {
        format!(
            "(local.set 0 (i32.const 65536)) (loop (i32.store (local.get 0) (i32.const 1))
            (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 4096))) (i32.const {}))))",
            pages * 65_536 - 4_096
        )
    };
    // Where to read next depends on what was read, as far as the processor knows.
    let in_no_order = |pages: u32| {
        format!(
            "{} (local.set 0 (i32.const 65536)) (local.set 1 (i32.const 600000)) (loop
            (local.set 0 (i32.and
                (i32.add
                    (i32.mul (i32.add (local.get 0) (i32.shr_u (i32.load (local.get 0)) (i32.const 1))) (i32.const 1664525))
                    (i32.const 1013904223))
                (i32.const {})))
            (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))",
            touch(pages),
            pages * 65_536 - 4
        )
    };
    // Each line of the memory names the next one to read, in no order and in one cycle: there is nothing else to do meanwhile.
    let chase = |pages: u32| {
        let lines = pages * 1_024;
        format!(
            "(local.set 0 (i32.const 0)) (loop
            (i32.store (i32.shl (local.get 0) (i32.const 6))
                (i32.shl (i32.and (i32.add (i32.mul (local.get 0) (i32.const 1664525)) (i32.const 1013904223)) (i32.const {last}))
                    (i32.const 6)))
            (br_if 0 (i32.le_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const {last}))))
            (local.set 0 (i32.const 0)) (local.set 1 (i32.const 40000)) (loop
            (local.set 0 {}(local.get 0){})
            (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
            (i32.store (i32.const 1024) (i32.const 2048)) (i32.store (i32.const 1028) (i32.const 1))
            (i32.store (i32.const 1032) (i32.const 2064)) (i32.store (i32.const 1036) (i32.const 1))
            (i32.store (i32.const 1040) (i32.const 2080)) (i32.store (i32.const 1044) (i32.const 1))
            (i32.store (i32.const 1048) (i32.const 2096)) (i32.store (i32.const 1052) (i32.const 1))
            (i32.store (i32.const 2048) (i32.const 0)) (i32.store (i32.const 2064) (i32.const 0)) (i64.store (i32.const 2080) (i64.const 0))
            (i32.store (i32.const 2096) (i32.const 0))",
            "(i32.load ".repeat(8 * UNROLLED),
            ")".repeat(8 * UNROLLED),
            last = lines - 1,
        )
    };
    let globals = "(global funcref (ref.func $z))".repeat(4_000);
    let elements = format!("(elem (i32.const 0) funcref {})", "(ref.func $z) ".repeat(4_000)).repeat(100);
    let functions: String = (0..4_000).map(|_| "$z ").collect();
    vec![
        ("an instance of two pages", memory(2), String::new()),
        ("an instance of 32 MiB", memory(512), String::new()),
        ("4 MiB touched", memory(64), touch(64)),
        ("32 MiB touched", memory(512), touch(512)),
        ("32 MiB grown and touched", memory(2), format!("(drop (memory.grow (i32.const 510))) {}", touch(512))),
        ("1 MiB, read in no order", memory(16), in_no_order(16)),
        ("4 MiB, read in no order", memory(64), in_no_order(64)),
        ("8 MiB, read in no order", memory(128), in_no_order(128)),
        ("32 MiB, read in no order", memory(512), in_no_order(512)),
        ("512 KiB, each line naming the next", memory(8), chase(8)),
        ("1 MiB, each line naming the next", memory(16), chase(16)),
        ("2 MiB, each line naming the next", memory(32), chase(32)),
        ("4 MiB, each line naming the next", memory(64), chase(64)),
        ("32 MiB, each line naming the next", memory(512), chase(512)),
        ("a segment for every second page", memory(512) + &segments(4_000, 8_192), String::new()),
        (
            "4,000 globals of functions",
            format!("{} (func $z) (elem declare func $z) {}", memory(2), globals),
            String::new(),
        ),
        (
            "4,000 elements",
            format!("{} (func $z) (table 4096 funcref) (elem (i32.const 0) func {functions})", memory(2)),
            String::new(),
        ),
        ("400,000 elements", format!("{} (func $z) (table 4096 funcref) {elements}", memory(2)), String::new()),
        (
            "a table of functions",
            format!("{} (func $z) (elem declare func $z) (table 4096 4096 funcref (ref.func $z))", memory(2)),
            String::new(),
        ),
    ]
}

/// A list of so many rows.
fn list(rows: usize) -> Batch {
    let mut list = Batch::builder("bench");
    list.request("ctx.now_ms", 1_793_532_600_000_i64).unwrap().request("ctx.local_min", 600_i64).unwrap();
    for row in 0..rows {
        list.candidate(&row.to_string()).unwrap();
    }
    list.build().unwrap()
}

/// Nanoseconds and units of one call, its instance and its end included: the fastest of some.
fn measure(bytes: &[u8], batch: &Batch) -> Result<(f64, u64), String> {
    let limits =
        Limits { fuel: 1 << 40, budget: 1 << 50, deadline_ticks: 1 << 20, request_ticks: 1 << 20, ..Limits::default() };
    let module = Module::read("bench.wasm", bytes, Vocabulary::shipped()).map_err(|error| error.to_string())?;
    let gate =
        Gate::builder().policies([module]).limits(limits).trusting().build().map_err(|error| error.to_string())?;
    let outcome = gate.evaluate(batch);
    if let Some(failure) = outcome.failures.first() {
        return Err(failure.message.clone());
    }
    let units = gate.stats().modules[0].fuel;
    let time = |_| {
        let parts = gate.with_call_in(Stage::Candidate, "hostile", batch, |call| gate.time_call("hostile", call));
        parts.flatten().unwrap().iter().sum::<Duration>()
    };
    let fastest = (0..7).map(time).min().unwrap();
    Ok((fastest.as_secs_f64() * 1e9, units))
}

fn sequence(text: &str, times: u64) -> Vec<u8> {
    let run = format!(
        r#"{FIELDS} (func $run (local $n i32) (local $a i32) (local $b i32) (local $p i32) (local $l i64) (local $m i64)
            (local $x f64) (local $y f64) (local $w f64) (local $z f64) (local $u f32) (local $v f32)
            (local.set $n (i32.const {times})) (local.set $a (i32.const 7)) (local.set $b (i32.const 3))
            (local.set $l (i64.const 7)) (local.set $m (i64.const 3)) (local.set $p (i32.const 70000))
            (local.set $x (f64.const 0x1p-1030)) (local.set $y (f64.const 0x1.8p-1040)) (local.set $z (f64.const 0x1.8p-135))
            (local.set $u (f32.const 0x1p-130)) (local.set $v (f32.const 0x1p-140))
            (loop $again {}
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"#,
        text.repeat(UNROLLED)
    );
    made(&run, "(call $run)")
}

/// A list on which most rules fire, of every column.
fn dense(rows: u64) -> Batch {
    let line = support::request_with(&mut Numbers::new(rows), rows, 8);
    let mut request: Value = serde_json::from_str(&line).unwrap();
    request["ctx"]["territory"] = json!("CN_MAINLAND");
    request["ctx"]["algo_type"] = json!("push");
    Batch::from_json(request.to_string().as_bytes()).unwrap()
}

/// Nanoseconds that a unit of the shipped modules takes on a dense list, all of their calls together.
fn ordinary() -> f64 {
    let gate = Gate::builder().policies(embedded::arp()).build().unwrap();
    let batch = dense(10_000);
    let before: u64 = gate.stats().modules.iter().map(|module| module.fuel).sum();
    assert!(gate.evaluate(&batch).failures.is_empty(), "a module failed");
    let units = gate.stats().modules.iter().map(|module| module.fuel).sum::<u64>() - before;
    let run = |_| {
        let calls = gate.calls(&batch).into_iter();
        let parts = calls.filter_map(|(module, stage, batch)| {
            gate.with_call_in(stage, &module, &batch, |call| gate.time_call(&module, call)).flatten()
        });
        parts.flatten().sum::<Duration>()
    };
    let fastest = (0..9).map(run).min().unwrap();
    fastest.as_secs_f64() * 1e9 / units as f64
}

fn main() -> ExitCode {
    if !std::env::args().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    let ordinary = ordinary();
    println!("{:<40}{:>10}{:>10}{:>12}{:>12}", "", "ns a unit", "ordinary", "units once", "ns once");
    println!("{:<40}{ordinary:>10.3}{:>10.1}", "the shipped modules on a dense list", 1.0);
    let mut code = ExitCode::SUCCESS;
    let mut row = |name: &str, measured: Result<(f64, u64), String>, once: u64| match measured {
        Ok((nanos, units)) => {
            let (each, factor) = (nanos / units as f64, nanos / units as f64 / ordinary);
            let (units, nanos) = (units as f64 / once as f64, nanos / once as f64);
            println!("{name:<40}{each:>10.3}{factor:>10.1}{units:>12.1}{nanos:>12.1}");
            if factor > FACTOR && !KNOWN.contains(&name) {
                println!("{name} is too cheap for what it takes");
                code = ExitCode::FAILURE;
            }
        }
        Err(refused) => println!("{name:<40}refused: {}", refused.lines().next().unwrap_or_default()),
    };
    let (short, long) = (list(1), list(65_536));
    let (idle_nanos, idle_units) = measure(&sequence("", 1), &short).unwrap();
    for (name, text) in SEQUENCES {
        let without =
            |(nanos, units): (f64, u64)| ((nanos - idle_nanos).max(0.0), units.saturating_sub(idle_units).max(1));
        // A few times to see what it costs, then as often as is wanted.
        let measured = measure(&sequence(text, 64), &short).map(without).and_then(|(_, units)| {
            let times = (UNITS * 64 / units).clamp(64, 1 << 20);
            Ok((without(measure(&sequence(text, times), &short)?), times))
        });
        match measured {
            Ok((measured, times)) => row(name, Ok(measured), times * UNROLLED as u64),
            Err(refused) => row(name, Err(refused), 1),
        }
    }
    for (name, fields, body) in lives() {
        row(name, measure(&made(&fields, &body), &long), 1);
    }
    code
}

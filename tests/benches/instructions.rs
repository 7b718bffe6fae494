//! A guard against regressions that no clock decides: instructions of a fixed workload, counted by callgrind.
//!
//! `make instructions` prints every count beside the one recorded in `instructions.txt` and fails when one has risen by more
//! than `TOLERANCE`; with `NORMGATE_ACCEPT=1` it records the new ones. Counts hold for one compiler, one wasmtime and one family
//! of processors, since Cranelift uses what the processor has; on another, record first and compare then.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench fails by panicking")]

#[path = "judging/feed.rs"]
mod feed;
#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, ExitCode};

use normgate::{Allocation, Artifacts, Batch, Detail, Gate, Limits, embedded};
use support::native;

/// Counts wander by a few parts in ten thousand, as seeds of hash tables do.
const TOLERANCE: f64 = 0.02;

const ROWS: u64 = 500;
/// Runs of each part that are counted together; figures are of one.
const RUNS: u64 = 10;

/// Tells this program to be the workload.
const INSIDE: &str = "--inside";

const PARTS: [&str; 5] = ["parse", "judge", "write", "judge dense", "native"];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    if let Some(position) = args.iter().position(|arg| arg == INSIDE) {
        workload(Path::new(&args[position + 1]), &args[position + 2]);
        return ExitCode::SUCCESS;
    }
    if !args.iter().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    let program = std::env::current_exe().unwrap();
    let target =
        program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).unwrap_or(Path::new("target"));
    let folder = target.join("bench").join("instructions");
    std::fs::create_dir_all(&folder).unwrap();
    let counts = count(&program, &folder);
    let record = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.txt");
    if std::env::var_os("NORMGATE_ACCEPT").is_some() {
        std::fs::write(&record, text(&counts)).unwrap();
    }
    compare(&counts, &std::fs::read_to_string(&record).unwrap_or_default())
}

/// Counts the parts, each in a run of its own, between entry and exit of [`counted`].
fn count(program: &Path, folder: &Path) -> Vec<(&'static str, u64)> {
    println!("counting under callgrind; the first time compiles the modules under it too, which takes a minute");
    let count = |part: &'static str| {
        let dump = folder.join("callgrind.out");
        let status = Command::new("valgrind")
            .args(["--tool=callgrind", "--quiet", "--toggle-collect=*counted*"])
            .arg(format!("--callgrind-out-file={}", dump.display()))
            .arg(program)
            .arg(INSIDE)
            .arg(folder.join("artifacts"))
            .arg(part)
            .status()
            .unwrap_or_else(|error| panic!("valgrind cannot be started ({error}); it is the package valgrind"));
        assert!(status.success(), "{part} failed under valgrind");
        let dump = std::fs::read_to_string(&dump).unwrap();
        let total = dump.lines().find_map(|line| line.strip_prefix("totals:")).map(str::trim);
        let total = total.and_then(|total| total.parse::<u64>().ok());
        (part, total.unwrap_or_else(|| panic!("{part} has no total")) / RUNS)
    };
    PARTS.into_iter().map(count).collect()
}

fn text(counts: &[(&str, u64)]) -> String {
    let mut text = String::from(
        "# Instructions of one list of 500, as callgrind counts them; `make instructions` compares, and with NORMGATE_ACCEPT=1 records.\n",
    );
    for (part, count) in counts {
        let _ = writeln!(text, "{part} = {count}");
    }
    text
}

fn compare(counts: &[(&str, u64)], recorded: &str) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    println!("{:<14}{:>14}{:>14}{:>10}", "", "now", "recorded", "change");
    for (part, count) in counts {
        let before = recorded.lines().filter_map(|line| line.split_once(" = ")).find(|(name, _)| name == part);
        let Some(before) = before.and_then(|(_, count)| count.parse::<u64>().ok()) else {
            println!("{part:<14}{count:>14}{:>14}", "none");
            continue;
        };
        let change = *count as f64 / before as f64 - 1.0;
        println!("{part:<14}{count:>14}{before:>14}{:>+9.2} %", change * 100.0);
        if change > TOLERANCE {
            println!("{part} has risen by more than {} %", TOLERANCE * 100.0);
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// What is counted. Everything runs once before, so that what is made once is not in the counts.
fn workload(artifacts: &Path, part: &str) {
    // Not from the pool: what a pooled memory was used for before is cleared again at each reset, and would be counted.
    // Under callgrind everything takes fifty times as long.
    let limits = Limits { deadline_ticks: 1 << 20, request_ticks: 1 << 20, ..Limits::default() };
    let gate = Gate::builder()
        .limits(limits)
        .policies(embedded::arp())
        .artifacts(Artifacts::open(artifacts).unwrap())
        .allocation(Allocation::OnDemand)
        .build()
        .unwrap();
    let line = feed::content(ROWS);
    let reader = gate.reader();
    let read = || reader.read(line.as_bytes()).unwrap();
    let (batch, dense) = (read(), Batch::from_json(feed::dense(ROWS).as_bytes()).unwrap());
    let outcome = gate.evaluate(&batch);
    assert!(outcome.failures.is_empty() && gate.evaluate(&dense).failures.is_empty(), "a module failed");
    let written = outcome.to_json(Detail::default());
    assert!(!written.is_empty(), "nothing was written");
    // The calls are made before, since a native policy takes its own: none is made or cloned while counting.
    let calls = gate.calls(&batch).into_iter().map(|(module, stage, batch)| {
        let evaluate = native::POLICIES.iter().find(|(name, _)| *name == module).unwrap().1;
        (evaluate, gate.with_call_in(stage, &module, &batch, |call| native::call(&call)).unwrap())
    });
    let calls: Vec<_> = calls.collect();
    let mut rounds: Vec<_> = (0..RUNS).map(|_| calls.clone()).collect();

    match part {
        "parse" => counted(&mut || drop(read())),
        "judge" => counted(&mut || drop(gate.evaluate(&batch))),
        "write" => counted(&mut || drop(outcome.to_json(Detail::default()))),
        "judge dense" => counted(&mut || drop(gate.evaluate(&dense))),
        "native" => counted(&mut || {
            for (evaluate, call) in rounds.pop().unwrap_or_default() {
                drop(evaluate(call));
            }
        }),
        other => panic!("no part is called {other}"),
    }
}

/// Callgrind counts inside this function and nowhere else, and writes what it counted at its end.
#[inline(never)]
fn counted(part: &mut dyn FnMut()) {
    for _ in 0..RUNS {
        std::hint::black_box(&mut *part)();
    }
}

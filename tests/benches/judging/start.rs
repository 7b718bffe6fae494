//! From the start of a process to its first decision: compiling the set, and with compiled artifacts at hand.
//!
//! Each start is a process of its own: within one, what is compiled is shared.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use normgate::{Artifacts, Gate, embedded};
use serde_json::{Value, json};

use crate::feed;
use crate::measure::{Effort, Samples, Summary, folder};
use crate::stream::process_cpu;

/// Asks this program for one start, with the folder of artifacts behind it.
pub(crate) const CHILD: &str = "--start";

/// One start, in a process that does nothing else.
pub(crate) fn child(artifacts: &str) {
    let begin = Instant::now();
    let artifacts = Artifacts::open(Path::new(artifacts)).unwrap();
    let gate = Gate::builder().policies(embedded::arp()).artifacts(artifacts).build().unwrap();
    let built = begin.elapsed();
    // The line is the operator's; making it here is not part of a start.
    let line = feed::content(500);
    let made = Instant::now();
    let batch = gate.reader().read(line.as_bytes()).unwrap();
    let outcome = gate.evaluate(&batch);
    let first = made.elapsed();
    assert!(outcome.failures.is_empty() && outcome.ranking().count() > 0, "the first decision is none");
    let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
    println!("{}", json!({"ms": ms(built + first), "build_ms": ms(built), "cpu_ms": ms(process_cpu())}));
}

pub(crate) fn run(effort: Effort, summary: &mut Summary) {
    let (cold, warm) = if effort.is_full() { (3, 31) } else { (1, 1) };
    let artifacts = folder().join("artifacts");
    println!("\nstart to first decision, a list of 500, ms");
    for (name, times) in [("cold_start", cold), ("warm_start", warm)] {
        let (mut all, mut build, mut cpu, mut process) =
            (Samples::default(), Samples::default(), Samples::default(), Samples::default());
        for _ in 0..times {
            if name == "cold_start" {
                let _ = std::fs::remove_dir_all(&artifacts);
            }
            let begin = Instant::now();
            let child = Command::new(std::env::current_exe().unwrap()).arg(CHILD).arg(&artifacts).output().unwrap();
            process.push(begin.elapsed().as_secs_f64() * 1e3);
            assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
            let times: Value = serde_json::from_slice(&child.stdout).unwrap();
            let of = |key: &str| times[key].as_f64().unwrap();
            all.push(of("ms"));
            build.push(of("build_ms"));
            cpu.push(of("cpu_ms"));
        }
        summary.spread(&format!("{name}.ms"), &all);
        summary.spread(&format!("{name}.build_ms"), &build);
        summary.spread(&format!("{name}.cpu_ms"), &cpu);
        summary.spread(&format!("{name}.process_ms"), &process);
        println!(
            "{name:<12} {:>8.1} ({:.1}..{:.1}), of it {:.1} building the gate; the process {:.1}, its CPU {:.1}",
            all.median(),
            all.at(0.1),
            all.at(0.9),
            build.median(),
            process.median(),
            cpu.median()
        );
    }
    let _ = std::fs::remove_dir_all(&artifacts);
}

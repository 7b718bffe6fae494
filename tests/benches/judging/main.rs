//! What the sandbox costs: modules and the set against the same policies compiled natively, JSON to JSON, threads, start.
//!
//! A plain main, no harness: what is compared has to be measured alternately in one process, results have to be equal
//! before anything is timed, and the figures have to come out under flat keys (target/bench/summary.json). Neither
//! criterion nor divan does any of the three. docs/performance.md says what each key means.
//!
//! Times are of single calls; figures are medians, with the 10th and 90th percentile beside them. Another process that
//! takes the core shows in the upper percentile and not in the median, so a shared machine widens spreads and leaves
//! figures alone.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench fails by panicking")]

mod feed;
#[expect(dead_code, reason = "the peers open what this one wrote, and measure longer")]
mod measure;
mod modules;
mod rows;
mod start;
mod stream;
#[path = "../../support/mod.rs"]
mod support;

use normgate::{Gate, embedded};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let Some(position) = args.iter().position(|arg| arg == start::CHILD) {
        start::child(args.get(position + 1).map_or("", String::as_str));
        return;
    }
    // `cargo test` runs benches too, once and without meaning.
    let effort = if args.iter().any(|arg| arg == "--bench") { measure::Effort::FULL } else { measure::Effort::ONCE };
    let mut summary = measure::Summary::fresh();
    summary.machine();
    let gate = Gate::builder().policies(embedded::arp()).build().unwrap();
    // Large lists last: what they leave behind is measured by itself.
    modules::parts(&gate, effort, &mut summary, "");
    stream::json(&gate, effort, &mut summary);
    stream::threads(&gate, effort, &mut summary);
    stream::tail(&gate, effort, &mut summary);
    stream::memory(&gate, effort, &mut summary);
    start::run(effort, &mut summary);
    modules::run(&gate, effort, &mut summary);
    modules::parts(&gate, effort, &mut summary, "after_large.");
    rows::run(&gate, effort, &mut summary);
    if effort.is_full() {
        summary.write();
    }
}

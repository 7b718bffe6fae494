//! Three rules in other engines, held against ours and timed beside it, in one process and alternately.
//!
//! Every engine gets the list in its own values, made before the clock runs, and its rules compiled: what is timed is
//! judging and reading the verdicts. Ours is the same from a built batch: the three modules are asked on fresh instances and
//! their answers read. `evaluate`, with merging, ordering, obligations and reasons, which no other engine has, stands beside it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench fails by panicking")]

mod engines;
mod list;
#[path = "../../benches/judging/measure.rs"]
#[expect(dead_code, reason = "shared with the benches of the main workspace, which use all of it")]
mod measure;

use std::path::Path;

use list::List;
use measure::{Effort, Samples, Summary, us};

fn main() {
    let plugin = std::env::args().nth(1).expect("the first argument is Extism's plug-in; `make bench` builds it");
    let list = List::new(500);
    let mut ours = list::ours(&list);
    let expected = ours();
    let mut peers: Vec<(&str, engines::Judge)> = vec![
        ("evaluate", Box::new(list::ours_whole(&list))),
        ("cedar", engines::cedar(&list)),
        ("regorus", engines::regorus(&list)),
        ("cel", engines::cel(&list)),
        ("lua", engines::lua(&list)),
        ("rhai", engines::rhai(&list)),
        ("extism", engines::extism(&list, Path::new(&plugin))),
    ];
    for (name, judge) in &mut peers {
        let verdicts = judge();
        for (row, (theirs, ours)) in verdicts.iter().zip(&expected).enumerate() {
            assert_eq!(theirs, ours, "{name} judges row {row} otherwise: {}", list.candidates[row]);
        }
        assert_eq!(verdicts.len(), expected.len(), "{name} did not judge every row");
    }
    let fired = |bits: u8| expected.iter().filter(|verdict| **verdict & bits != 0).count();
    println!(
        "all agree on 500 rows: {} labelled, {} unsafe, {} unfit, {} profile prices",
        fired(3),
        fired(4),
        fired(24),
        fired(32)
    );

    let (mut our_times, mut times) = (Samples::default(), vec![Samples::default(); peers.len()]);
    Effort::LONG.rounds(|| {
        for ((_, judge), times) in peers.iter_mut().zip(&mut times) {
            // Ours between any two of theirs, so that all meet the same machine.
            our_times.push(warm(&mut ours));
            times.push(warm(judge));
        }
    });
    let mut summary = Summary::open();
    let (us, evaluate) = (our_times.median(), times[0].median());
    summary.spread("peer.ours.us", &our_times);
    println!("{:<10}{:>10}  {:<20}{:>10}", "", "us a list", "p10..p90", "ours x");
    println!(
        "{:<10}{us:>10.0}  {:<20}{:>10}",
        "ours",
        format!("{:.0}..{:.0}", our_times.at(0.1), our_times.at(0.9)),
        1
    );
    for ((name, _), times) in peers.iter().zip(&times) {
        let median = times.median();
        summary.spread(&format!("peer.{name}.us"), times);
        if *name != "evaluate" {
            summary.set(format!("peer.{name}.vs_us"), median / us);
            summary.set(format!("peer.{name}.vs_evaluate"), median / evaluate);
        }
        let spread = format!("{:.0}..{:.0}", times.at(0.1), times.at(0.9));
        println!("{name:<10}{median:>10.0}  {spread:<20}{:>10.1}", median / us);
    }
    summary.write();
}

/// Microseconds of a call that follows others of its kind: the one before left its own data in the caches.
fn warm(mut judge: impl FnMut() -> Vec<u8>) -> f64 {
    judge();
    (0..3).map(|_| us(&mut judge)).collect::<Samples>().median()
}

//! What the sandbox costs: each module and the set on fresh instances, against the same policies compiled natively.
//!
//! One run, interleaved; every figure is the median of rounds, in microseconds a list, with the ratio beside it. Results
//! are compared before anything is timed. `vs native` counts lowering, call, lifting and drop on one side, the policy
//! functions over the same encoded columns on the other; merging and ordering are in neither.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use normgate::{Batch, Gate, embedded};
use serde_json::{Value, json};
use support::{Numbers, native, request_with};

const SIZES: [u64; 4] = [10, 100, 500, 2_000];

fn main() {
    // `cargo test` runs benches too, once and without timing.
    let rounds = if std::env::args().any(|arg| arg == "--bench") { 60 } else { 1 };
    let gate = Gate::builder().policies(embedded::arp()).build().unwrap();
    println!(
        "median of {rounds} rounds, us a list; 2 columns a module: sandbox (fresh instance), and ratio to native\n"
    );
    print!("{:>6}", "rows");
    for (module, _) in native::POLICIES {
        print!("{module:>10}{:>7}", "ratio");
    }
    println!("{:>10}{:>7}{:>12}{:>12}", "set", "ratio", "native set", "evaluate");
    for rows in SIZES {
        let batch = Batch::from_json(request(rows).as_bytes()).unwrap();
        let calls: Vec<_> = native::POLICIES
            .iter()
            .map(|(module, _)| gate.with_call(module, &batch, |call| native::call(&call)).unwrap())
            .collect();
        for ((module, evaluate), call) in native::POLICIES.iter().zip(&calls) {
            let sandboxed = gate.ask_module(module, &batch).unwrap().unwrap();
            assert_eq!(sandboxed.effects, evaluate(call.clone()).effects, "{module} differs from its native twin");
        }
        let mut sandbox = vec![Vec::new(); calls.len()];
        let mut natively = vec![Vec::new(); calls.len()];
        let mut whole = Vec::new();
        for _ in 0..rounds {
            for (index, ((module, evaluate), call)) in native::POLICIES.iter().zip(&calls).enumerate() {
                sandbox[index].push(time(10, || (), |()| gate.ask_module(module, &batch)));
                natively[index].push(time(10, || call.clone(), evaluate));
            }
            whole.push(time(10, || (), |()| gate.evaluate(&batch)));
        }
        print!("{rows:>6}");
        let (mut set, mut native_set) = (0.0, 0.0);
        for (sandbox, natively) in sandbox.iter_mut().zip(&mut natively) {
            let (a, b) = (median(sandbox), median(natively));
            print!("{a:>10.1}{:>7.2}", a / b);
            set += a;
            native_set += b;
        }
        println!("{set:>10.1}{:>7.2}{native_set:>12.1}{:>12.1}", set / native_set, median(&mut whole));
    }
}

/// Microseconds a call, over a few calls; the setup is not counted.
fn time<S, R>(calls: u32, mut setup: impl FnMut() -> S, mut f: impl FnMut(S) -> R) -> f64 {
    let mut total = Duration::ZERO;
    for _ in 0..calls {
        let input = setup();
        let start = Instant::now();
        let result = black_box(f(black_box(input)));
        total += start.elapsed();
        drop(result);
    }
    total.as_secs_f64() * 1e6 / f64::from(calls)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

//! What the sandbox costs: each module and the set on fresh instances, against the same policies compiled natively.
//!
//! One run, interleaved; every figure is the median of rounds, in microseconds a list, with the ratio beside it. Results
//! are compared before anything is timed. A ratio counts lowering, call, lifting and drop on one side, the policy function
//! over the same encoded columns on the other; merging and ordering are in `evaluate` only.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use normgate::{Batch, Gate, embedded};
use serde_json::{Value, json};
use support::{Numbers, native, request_with};

const SIZES: [u64; 4] = [10, 100, 500, 2_000];

/// The three modules that were there first, measured as a set of their own.
const FIRST: [&str; 3] = ["art09", "art17", "art18"];

fn main() {
    // `cargo test` runs benches too, once and without timing.
    let rounds = if std::env::args().any(|arg| arg == "--bench") { 40 } else { 1 };
    let gate = Gate::builder().policies(embedded::arp()).build().unwrap();
    println!(
        "median of {rounds} rounds, us a list: candidate stage on a fresh instance, then its ratio to the native policy"
    );
    measure(&gate, rounds, "a feed: one item in ten carries signals, one in ten is AI-made", feed);
    measure(&gate, rounds, "everything at once: two values in three are known, most rules fire", |rows| {
        let mut request: Value = serde_json::from_str(&request_with(&mut Numbers::new(rows), rows, 8)).unwrap();
        request["ctx"]["territory"] = json!("CN_MAINLAND");
        request["ctx"]["algo_type"] = json!("push");
        request.to_string()
    });
}

/// A list as a platform would send it: most items are harmless, and most columns are the same everywhere.
fn feed(rows: u64) -> String {
    let candidates: Vec<Value> = (0..rows)
        .map(|row| {
            let mut item = json!({
                "id": format!("c{row}"), "kind": "short_video", "score": 1.0 - row as f64 / 1e5, "rank_pos": row,
                "scan_state": "done", "retrieval_basis": "personal", "commercial": false, "age_rating": "all",
                "matched_tags": ["t1"], "topic_id": row % 50, "author_id": row % 200, "aigc": {"meta_label": "none"},
                "news": {"is_news": false}, "engage": {"author_state": "normal"},
            });
            if row % 10 == 3 {
                item["signals"] = json!([{"code": "H1", "conf_ppm": 420_000, "source": "classifier"},
                                         {"code": "M1", "conf_ppm": 960_000, "source": "classifier"}]);
            }
            if row % 10 == 7 {
                item["aigc"]["meta_label"] = json!("1");
            }
            item
        })
        .collect();
    json!({
        "id": "feed",
        "ctx": {"territory": "CN_MAINLAND", "algo_type": "push", "surface": "feed", "now_ms": 1_767_225_600_000i64,
                "local_min": 600, "day_type": "weekend", "can_render_labels": true, "off_option": true},
        "user": {"age_band": "a18_60", "age_assurance": "id_verified", "personalization": "on", "recs_switch": "on",
                 "tags": [{"tag_id": "t1", "in_dictionary": true, "review": "approved", "state": "active",
                           "sensitive": false}]},
        "session": {"continuous_s": 600, "today_s": 1_200},
        "candidates": candidates,
    })
    .to_string()
}

fn measure(gate: &Gate, rounds: usize, title: &str, request: impl Fn(u64) -> String) {
    let name = |name: &str| format!("{name:<16}");
    let mut head = format!("\n{title}\n{}", name(""));
    let mut lines: Vec<String> = native::POLICIES.iter().map(|(module, _)| name(module)).collect();
    let (mut three, mut all, mut whole) = (name("09 + 17 + 18"), name("all modules"), name("evaluate"));
    for rows in SIZES {
        head += &format!("{:>10}{:>7}", format!("n={rows}"), "ratio");
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
        let mut evaluate_whole = Vec::new();
        for _ in 0..rounds {
            for (index, ((module, evaluate), call)) in native::POLICIES.iter().zip(&calls).enumerate() {
                sandbox[index].push(time(10, || (), |()| gate.ask_module(module, &batch)));
                natively[index].push(time(10, || call.clone(), evaluate));
            }
            evaluate_whole.push(time(10, || (), |()| gate.evaluate(&batch)));
        }
        let (mut first, mut every) = ((0.0, 0.0), (0.0, 0.0));
        for (index, (module, _)) in native::POLICIES.iter().enumerate() {
            let (a, b) = (median(&mut sandbox[index]), median(&mut natively[index]));
            lines[index] += &format!("{a:>10.1}{:>7.1}", a / b);
            every = (every.0 + a, every.1 + b);
            if FIRST.contains(module) {
                first = (first.0 + a, first.1 + b);
            }
        }
        three += &format!("{:>10.1}{:>7.1}", first.0, first.0 / first.1);
        all += &format!("{:>10.1}{:>7.1}", every.0, every.0 / every.1);
        whole += &format!("{:>10.1}{:>7}", median(&mut evaluate_whole), "");
    }
    println!("{head}");
    for line in lines.iter().chain([&three, &all, &whole]) {
        println!("{line}");
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

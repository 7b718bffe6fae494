//! Time a row as lists grow: whatever the host does with a list, it does it row by row.

use normgate::{Batch, Config, ConstraintItem, Detail, Gate, RuleRef, embedded};
use serde_json::{Value, json};

use crate::feed;
use crate::measure::{Effort, Samples, Summary, us};

/// As many rows as a request may have are the last.
const SIZES: [u64; 3] = [1_000, 10_000, normgate::MAX_ROWS as u64];

/// Microseconds a row of each part, at each size: what is quadratic grows from column to column.
pub(crate) fn run(gate: &Gate, effort: Effort, summary: &mut Summary) {
    let sizes = if effort.is_full() { &SIZES[..] } else { &SIZES[..1] };
    let observing = Config::parse("mode = \"observe\"\nobserve_until = \"2099-01-01\"").unwrap();
    let observing = Gate::builder().policies(embedded::arp()).config(observing).build().unwrap();
    println!("\nmicroseconds a row, at {sizes:?} rows");
    let mut part = |name: &str, measured: &dyn Fn(&str) -> f64, line: &dyn Fn(u64) -> String| {
        let mut figures = Vec::new();
        for rows in sizes {
            let line = line(*rows);
            let samples: Samples = (0..if effort.is_full() { 5 } else { 1 }).map(|_| measured(&line)).collect();
            let a_row = samples.median() / *rows as f64;
            summary.set(format!("rows.{name}.n{rows}.us"), a_row);
            figures.push(a_row);
        }
        let figures: String = figures.iter().map(|figure| format!("{figure:>10.3}")).collect();
        println!("{name:<12}{figures}");
    };
    let read = |line: &str| Batch::from_json(line.as_bytes()).unwrap();
    let judged = |line: &str| gate.evaluate(&read(line));
    part("read", &|line| us(|| read(line)), &feed::content);
    let judge = |line: &str| {
        let batch = read(line);
        us(|| gate.evaluate(&batch))
    };
    part("judge", &judge, &feed::content);
    part("emergency", &judge, &emergencies);
    let observe = |line: &str| {
        let batch = read(line);
        us(|| observing.evaluate(&batch))
    };
    part("observe", &observe, &illegal);
    let write = |line: &str| {
        let outcome = judged(line);
        us(|| outcome.to_json(Detail::default()))
    };
    part("write", &write, &feed::content);
    let arrange = |line: &str| {
        let mut outcome = judged(line);
        // Every second slot shall hold one of the rows with signals, which are few and come late.
        outcome.constraints = (0..16).map(|_| demand(outcome.verdicts.len() as i64)).collect();
        us(|| outcome.arrange())
    };
    part("arrange", &arrange, &feed::content);
}

fn demand(rows: i64) -> ConstraintItem {
    let codes = vec!["M*".to_owned(), "H1".to_owned()];
    ConstraintItem { kind: "min".into(), codes, count: rows / 2, slots: rows / 2, rule: RuleRef { policy: 0, rule: 0 } }
}

/// A list on which every row is an emergency that some rule would have withheld.
fn emergencies(rows: u64) -> String {
    changed(rows, |item| {
        (item["exempt"], item["exempt_ticket"]) = (json!("emergency"), json!(4_711));
        (item["kind"], item["age_rating"]) = (json!("news"), Value::Null);
        item["news"] = json!({"is_news": true, "origin": "reprint", "source_listed": "not_listed"});
    })
}

/// A list on which every row is illegal.
fn illegal(rows: u64) -> String {
    changed(rows, |item| item["signals"] = json!([{"code": "L8", "source": "authority"}]))
}

fn changed(rows: u64, change: impl Fn(&mut Value)) -> String {
    let mut request: Value = serde_json::from_str(&feed::content(rows)).unwrap();
    request["candidates"].as_array_mut().unwrap().iter_mut().for_each(change);
    request.to_string()
}

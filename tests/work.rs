//! What the work of shipped modules grows with: the values of a list, and nothing faster. Counted in units, never by the clock.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use normgate::contract::Day;
use normgate::{Batch, BreakerState, Config, Gate, embedded};
use serde_json::{Value, json};

/// Sources of a signal, strongest last, so that the rows on one code say different things.
const SOURCES: [&str; 6] = ["declared", "classifier", "db_fuzzy", "db_exact", "human", "authority"];

fn gate(config: &str) -> Gate {
    let day: Day = "2026-11-01".parse().unwrap();
    Gate::builder().policies(embedded::arp()).config(Config::parse(config).unwrap()).as_of(day).build().unwrap()
}

/// A request of a minor, by which most rules look at what a row says.
fn request(tags: Vec<Value>, candidates: Vec<Value>) -> Batch {
    let request = json!({
        "ctx": {"now_ms": 1_793_532_600_000i64, "local_min": 600, "surface": "feed"},
        "user": {"age_band": "a12_16", "age_assurance": "id_verified", "tags": tags},
        "candidates": candidates,
    });
    Batch::from_json(request.to_string().as_bytes()).unwrap()
}

/// So many signals of one row: each on a code of its own, or all on a few.
fn signals(count: usize, codes: usize) -> Value {
    let signal = |n: usize| {
        let (code, letter) = (n % codes, ["L", "H", "M", "E"][n % codes % 4]);
        json!({"code": format!("{letter}{}.c{code}", code % 4 + 1), "source": SOURCES[n % 6], "conf_ppm": 450_000})
    };
    (0..count).map(signal).collect()
}

/// Tags that rules are against, every other one deleted by its user.
fn tags(count: usize) -> Vec<Value> {
    let tag = |n: usize| {
        let state = if n.is_multiple_of(2) { "user_deleted" } else { "active" };
        json!({"tag_id": format!("t{n}"), "in_dictionary": false, "sensitive": true, "state": state, "signals": signals(2, 2)})
    };
    (0..count).map(tag).collect()
}

/// A row that matches so many tags, spread over all of them from the last one on.
fn matching(row: usize, count: usize, tags: usize) -> Value {
    let matched: Vec<String> = (0..count).map(|n| format!("t{}", tags - 1 - (row + n * 7) % tags)).collect();
    json!({"id": format!("c{row}"), "retrieval_basis": "personal", "matched_tags": matched})
}

/// Units that each module takes for a request.
fn units(request: &Batch) -> BTreeMap<String, u64> {
    let gate = gate("");
    let outcome = gate.evaluate(request);
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    gate.stats().modules.into_iter().map(|module| (module.policy, module.fuel)).collect()
}

/// Holds what `many` takes beyond `none` against what `few` does: where `many` has `times` as many values as `few`, each of its
/// values takes at most so many percent of what each of these takes.
fn hold(what: &str, [none, few, many]: [Batch; 3], times: u64, percent: u64) {
    let (none, few, many) = (units(&none), units(&few), units(&many));
    for (module, none) in none {
        let beyond = |of: &BTreeMap<String, u64>| of[&module].saturating_sub(none);
        // What a module does not look at costs it next to nothing either way.
        let (few, many) = (beyond(&few).max(10_000), beyond(&many));
        assert!(
            many * 100 <= few * times * percent,
            "{what}: {module} takes {few} for few and {many} for {times} times as many"
        );
    }
}

#[test]
fn each_value_of_a_row_takes_the_same_however_many_there_are() {
    let rows = |of: &dyn Fn(usize) -> Value| (0..200).map(of).collect::<Vec<_>>();
    for codes in [3, usize::MAX] {
        let list = |count: usize| {
            request(vec![], rows(&|row| json!({"id": format!("c{row}"), "signals": signals(count, codes)})))
        };
        hold("signals of a row", [list(0), list(4), list(64)], 16, 200);
        let list = |count: usize| {
            let mut tags = tags(200);
            tags.iter_mut().for_each(|tag| tag["signals"] = signals(count, codes));
            request(tags, vec![])
        };
        hold("signals of a tag", [list(0), list(4), list(64)], 16, 200);
    }
    let list = |count: usize| request(tags(64), rows(&|row| matching(row, count, 64)));
    hold("matched tags of a row", [list(0), list(4), list(64)], 16, 200);
}

#[test]
fn finding_a_tag_takes_the_same_among_however_many() {
    let rows = |count: usize, tags: usize| (0..200).map(|row| matching(row, count, tags)).collect::<Vec<_>>();
    let beyond = |count: usize| {
        let (with, without) =
            (units(&request(tags(count), rows(32, count))), units(&request(tags(count), rows(0, count))));
        with.into_iter()
            .map(|(module, with)| (module.clone(), with.saturating_sub(without[&module])))
            .collect::<BTreeMap<_, _>>()
    };
    let (few, many) = (beyond(8), beyond(1_024));
    for (module, many) in many {
        let few = few[&module].max(10_000);
        // Halving takes seven steps more.
        assert!(many <= few * 4, "{module} takes {few} among 8 tags and {many} among 1,024");
    }
}

#[test]
fn repeats_are_found_in_whatever_order_groups_come() {
    let list = |rows: usize, group: &dyn Fn(usize) -> usize| {
        let row = |n: usize| {
            json!({"id": format!("c{n}"), "kind": "article", "retrieval_basis": "query", "rank_pos": n, "dup_group": group(n),
                "scan_state": "done", "signals": []})
        };
        let list = request(vec![], (0..rows).map(row).collect());
        assert_eq!(gate("").evaluate(&list).shown, rows, "the slate is judged");
        list
    };
    let descending = |rows: usize| list(rows, &move |n| rows - n);
    hold("groups that go down", [list(1, &|_| 0), descending(500), descending(8_000)], 16, 200);
}

#[test]
fn a_request_at_every_bound_is_judged_and_opens_no_breaker() {
    let gate = gate("[breaker]\nfailures = 1\nbackoff_ms = 600000");
    // As many values as an ordinary list may have, of many tags or few, and as many as there may be at all.
    for (rows, user) in [(240, 500), (250, 8), (3_900, 8_000)] {
        let row = |n: usize| {
            let mut row = matching(n, 64, user);
            row["signals"] = signals(64, usize::MAX);
            row["dup_group"] = json!(rows - n);
            row["rank_pos"] = json!(n);
            row
        };
        let list = request(tags(user), (0..rows).map(row).collect());
        let outcome = gate.evaluate(&list);
        assert!(outcome.failures.is_empty(), "{rows} rows: {:?}", outcome.failures);
        assert!(gate.stats().modules.iter().all(|module| module.breaker == BreakerState::Closed));
    }
}

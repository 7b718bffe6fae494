//! Properties over generated requests: judging twice gives the same bytes, skipping changes nothing, adding a module never
//! loosens, the order is the one sent but for demotions, and every module says in the sandbox what it says natively.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::OnceLock;

use normgate::contract::Effect;
use normgate::{Action, Batch, Detail, Gate, Outcome, Verdict, embedded};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{Numbers, generated_request, native, request_with};

fn gate(modules: impl Fn(&str) -> bool) -> Gate {
    Gate::builder().policies(embedded::arp().into_iter().filter(|m| modules(&m.manifest.module))).build().unwrap()
}

fn all() -> &'static Gate {
    static GATE: OnceLock<Gate> = OnceLock::new();
    GATE.get_or_init(|| gate(|_| true))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn judging_twice_gives_the_same_bytes(seed in any::<u64>()) {
        let batch = Batch::from_json(generated_request(seed, 12).as_bytes()).unwrap();
        let first = all().evaluate(&batch).to_json(Detail::default());
        let elsewhere = std::thread::scope(|scope| {
            scope.spawn(|| all().evaluate(&batch).to_json(Detail::default())).join().unwrap()
        });
        prop_assert_eq!(first, elsewhere);
    }

    #[test]
    fn applicability_changes_no_byte(seed in any::<u64>()) {
        static ASKS_ALL: OnceLock<Gate> = OnceLock::new();
        let asks_all = ASKS_ALL.get_or_init(|| {
            Gate::builder().policies(embedded::arp()).without_applicability().build().unwrap()
        });
        let batch = Batch::from_json(generated_request(seed, 12).as_bytes()).unwrap();
        prop_assert_eq!(all().evaluate(&batch).to_json(Detail::default()), asks_all.evaluate(&batch).to_json(Detail::default()));
    }

    #[test]
    fn a_module_acts_only_on_rows_that_its_failure_may_reach(seed in any::<u64>()) {
        let batch = Batch::from_json(generated_request(seed, 12).as_bytes()).unwrap();
        let outcome = all().evaluate(&batch);
        let set = outcome.policy_set();
        for verdict in &outcome.verdicts {
            for reason in outcome.reasons(verdict).iter().filter(|reason| reason.effect >= Action::Demote) {
                let module = &set.manifests().nth(usize::from(reason.rule.policy)).unwrap().module;
                let reached = all().failure_reaches(module, &batch, verdict.row);
                prop_assert_eq!(reached, Some(true), "{} of row {}", set.rule_id(reason.rule), verdict.row);
            }
        }
    }

    #[test]
    fn adding_a_module_never_loosens(seed in any::<u64>()) {
        static FEWER: OnceLock<Gate> = OnceLock::new();
        let fewer = FEWER.get_or_init(|| gate(|module| module != "art18" && !is_slate(module)));
        static MORE: OnceLock<Gate> = OnceLock::new();
        let more = MORE.get_or_init(|| gate(|module| !is_slate(module)));
        let batch = Batch::from_json(generated_request(seed, 12).as_bytes()).unwrap();
        let (few, many) = (fewer.evaluate(&batch), more.evaluate(&batch));
        for verdict in &few.verdicts {
            let with = many.verdicts.iter().find(|other| other.row == verdict.row).unwrap().judgement;
            prop_assert_eq!(verdict.judgement.join(with), with);
        }
        prop_assert!(many.obligations.len() >= few.obligations.len());
        prop_assert!(many.vetoes.len() >= few.vetoes.len());
    }

    #[test]
    fn where_nobody_demotes_the_order_is_the_one_sent_whatever_the_scores(seed in any::<u64>()) {
        static DEMOTES_NONE: OnceLock<Gate> = OnceLock::new();
        let gate = DEMOTES_NONE.get_or_init(|| gate(|module| !demotes(module)));
        let request = request(seed);
        let outcome = gate.evaluate(&read(&request));
        let order: Vec<usize> = outcome.verdicts.iter().map(|verdict| verdict.row as usize).collect();
        prop_assert_eq!(order, withheld_last(&outcome, base_order(&request)));
    }

    #[test]
    fn scores_move_nobody(seed in any::<u64>(), factor in -3.0..3.0f64, shift in -1e3..1e3f64, missing in any::<prop::sample::Index>()) {
        let request = request(seed);
        let verdicts = |request: &Value| all().evaluate(&read(request)).to_json(Detail::default()).split_once("\"scope\"").unwrap().1.to_owned();
        let expected = verdicts(&request);
        let mut other = request.clone();
        let rows = other["candidates"].as_array_mut().unwrap();
        for row in rows.iter_mut() {
            row["score"] = json!(row["score"].as_f64().unwrap_or(1.0) * factor + shift);
        }
        prop_assert_eq!(&verdicts(&other), &expected);
        if let Some(row) = missing.get(&other["candidates"].as_array().unwrap().clone()).as_object() {
            let id = row["id"].clone();
            for row in other["candidates"].as_array_mut().unwrap().iter_mut().filter(|row| row["id"] == id) {
                row["score"] = Value::Null;
            }
            prop_assert_eq!(&verdicts(&other), &expected);
        }
    }

    #[test]
    fn a_pinned_row_keeps_its_place_unless_it_is_withheld_or_the_law_demotes_it(seed in any::<u64>(), pins in any::<u64>()) {
        let mut request = request(seed);
        for (index, row) in request["candidates"].as_array_mut().unwrap().iter_mut().enumerate() {
            row["pinned"] = json!(pins >> (index % 64) & 1 == 1);
        }
        let outcome = all().evaluate(&read(&request));
        let base = withheld_last(&outcome, base_order(&request));
        let held = |verdict: &Verdict| request["candidates"][verdict.row as usize]["pinned"] == true && !verdict.judgement.must_demote;
        for (place, verdict) in outcome.verdicts[..outcome.shown].iter().enumerate().filter(|(_, verdict)| held(verdict)) {
            prop_assert_eq!(base[place], verdict.row as usize);
        }
        prop_assert_eq!(&base[outcome.shown..], outcome.verdicts[outcome.shown..].iter().map(|v| v.row as usize).collect::<Vec<_>>());
        // What constraints and hints make of it keeps them too.
        let slate = outcome.arrange();
        for (place, verdict) in outcome.verdicts[..outcome.shown].iter().enumerate().filter(|(_, verdict)| held(verdict)) {
            prop_assert_eq!(slate.rows[place], verdict.row);
        }
    }

    #[test]
    fn the_sandbox_says_what_the_native_policy_says(seed in any::<u64>()) {
        let batch = Batch::from_json(generated_request(seed, 12).as_bytes()).unwrap();
        for (module, evaluate) in native::POLICIES {
            let sandboxed = all().ask_module(module, &batch).unwrap().unwrap();
            let natively = all().with_call(module, &batch, |call| evaluate(native::call(&call))).unwrap();
            prop_assert_eq!(sandboxed.rows, natively.rows, "{}", module);
            prop_assert_eq!(sandboxed.effects, natively.effects, "{}", module);
            prop_assert_eq!(sandboxed.values, natively.values, "{}", module);
            prop_assert_eq!(sandboxed.missing, natively.missing, "{}", module);
        }
    }
}

/// A generated request that has rows.
fn request(seed: u64) -> Value {
    let mut numbers = Numbers::new(seed);
    let rows = 1 + numbers.below(14);
    serde_json::from_str(&request_with(&mut numbers, rows, 3)).unwrap()
}

fn read(request: &Value) -> Batch {
    Batch::from_json(request.to_string().as_bytes()).unwrap()
}

/// Rows by position, those without one last, ties as sent.
fn base_order(request: &Value) -> Vec<usize> {
    let rows = request["candidates"].as_array().unwrap();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|row| rows[*row]["rank_pos"].as_u64().unwrap_or(u64::MAX));
    order
}

fn withheld_last(outcome: &Outcome, order: Vec<usize>) -> Vec<usize> {
    let withheld =
        |row: &usize| outcome.verdicts.iter().any(|v| v.row as usize == *row && v.judgement.action() == Action::Block);
    let (withheld, mut shown): (Vec<usize>, Vec<usize>) = order.into_iter().partition(withheld);
    shown.extend(withheld);
    shown
}

/// Whether a shipped module has a rule that demotes.
fn demotes(module: &str) -> bool {
    let manifests = embedded::arp().into_iter().map(|m| m.manifest).filter(|m| m.module == module);
    manifests.flat_map(|m| m.effects().map(|(_, e)| matches!(e, Effect::Demote(_))).collect::<Vec<_>>()).any(|d| d)
}

/// A block of the candidate stage can free a later copy in the slate stage, and that is right; so the property is stated
/// for the candidate stage.
fn is_slate(module: &str) -> bool {
    matches!(module, "art11" | "art12")
}

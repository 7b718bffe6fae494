//! Properties over generated requests: judging twice gives the same bytes, skipping changes nothing, adding a module never
//! loosens, and every module says in the sandbox what it says natively.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::OnceLock;

use normgate::{Action, Batch, Detail, Gate, embedded};
use proptest::prelude::*;
use support::{generated_request, native};

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

/// A block of the candidate stage can free a later copy in the slate stage, and that is right; so the property is stated
/// for the candidate stage.
fn is_slate(module: &str) -> bool {
    matches!(module, "art11" | "art12")
}

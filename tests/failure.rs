//! What happens when a module fails, again and again: last good version, failure policy, breaker, budget, overrides, stats.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use normgate::contract::{Day, Stage, Vocabulary};
use normgate::{
    Action, Allocation, Batch, BreakerState, Circumstances, Config, Detail, Disturbance, FailureKind, Gate,
    GateBuilder, Limits, Module, Outcome, Override, embedded,
};
use serde_json::{Value, json};
use support::component::{MANIFEST, module, with_manifest};

fn read(bytes: &[u8]) -> Module {
    Module::read("made.wasm", bytes, Vocabulary::shipped()).unwrap()
}

/// A module around the body of `evaluate`; where it answers, it demotes the first row to 300,000 ppm.
fn made(body: &str) -> Module {
    read(&module(body, 0, 1, 300_000))
}

/// The same, under another name.
fn named(name: &str, body: &str) -> Module {
    let manifest =
        MANIFEST.replace("hostile/module", &format!("hostile/{name}")).replace("hostile.rule", &format!("{name}.rule"));
    let manifest = manifest.replace(r#""module":"hostile""#, &format!(r#""module":"{name}""#));
    read(&with_manifest(module(body, 0, 1, 300_000), &manifest))
}

fn builder(config: &str) -> GateBuilder {
    let day: Day = "2026-11-01".parse().unwrap();
    Gate::builder().config(Config::parse(config).unwrap()).as_of(day).trusting()
}

fn batch() -> Batch {
    Batch::from_json(
        br#"{"ctx":{"now_ms":1793532600000,"local_min":600,"can_render_labels":true},
            "candidates":[{"id":"a","aigc":{"meta_label":"1"}},{"id":"b"}]}"#,
    )
    .unwrap()
}

fn failures(outcome: &Outcome) -> Vec<(FailureKind, &str)> {
    outcome.failures.iter().map(|failure| (failure.kind, failure.applied)).collect()
}

#[test]
fn the_last_good_version_stands_in() {
    let gate = builder("").policies([made("unreachable")]).last_good([made("")]).build().unwrap();
    let outcome = gate.evaluate(&batch());
    assert_eq!(failures(&outcome), [(FailureKind::Trap, "last_good")]);
    let verdict = outcome.verdicts.iter().find(|v| v.row == 0).unwrap();
    assert_eq!(verdict.judgement.weight_ppm(), 300_000);
    // It was the old module's rule, and the set knows that it might be.
    assert_eq!(outcome.policy_set().policy_reference(outcome.reasons(verdict)[0].rule.policy), "hostile/module@1.0.0");
    let without = builder("").policies([made("unreachable")]).build().unwrap();
    assert_ne!(without.policy_set().digest(), gate.policy_set().digest());
    // Where both fail, the failure policy decides; a last good version of another module is of no use.
    for last_good in [made("unreachable"), made("(loop (br 0))"), named("other", "")] {
        let gate = builder("").policies([made("unreachable")]).last_good([last_good]).build().unwrap();
        assert_eq!(failures(&gate.evaluate(&batch())), [(FailureKind::Trap, "hold")]);
    }
}

#[test]
fn what_happens_on_failure_is_the_platforms_to_say() {
    let applied = |config: &str| {
        let gate = builder(config).policies([made("unreachable")]).build().unwrap();
        let outcome = gate.evaluate(&batch());
        (outcome.failures[0].applied, outcome.shown)
    };
    assert_eq!(applied(""), ("hold", 0));
    assert_eq!(applied("[on_failure]\nhostile = \"allow\""), ("allow", 2));
    // In shadow it could have done nothing, so failing does nothing.
    assert_eq!(applied("[modes]\nhostile = \"shadow\""), ("allow", 2));
}

#[test]
fn a_module_that_keeps_failing_is_left_out_and_tried_again() {
    let gate = builder("[breaker]\nfailures = 3\nbackoff_ms = 600000").policies([made("unreachable")]).build().unwrap();
    let stats = || gate.stats().modules[0].clone();
    for _ in 0..3 {
        assert_eq!(stats().breaker, BreakerState::Closed);
        assert_eq!(failures(&gate.evaluate(&batch())), [(FailureKind::Trap, "hold")]);
    }
    assert_eq!((stats().breaker, stats().calls), (BreakerState::Open, 3));
    // Left out: the same failure policy, no call, and the outcome says why.
    let outcome = gate.evaluate(&batch());
    assert_eq!(failures(&outcome), [(FailureKind::Trap, "hold")]);
    assert!(outcome.failures[0].message.starts_with("not asked: it failed too often in a row"));
    assert_eq!(stats().calls, 3);
}

#[test]
fn a_module_that_works_in_one_stage_and_fails_in_the_other_is_left_out_too() {
    let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    let mut slate = manifest["rules"][0].clone();
    slate["id"] = json!("hostile.slate");
    slate["stage"] = json!("slate");
    manifest["rules"].as_array_mut().unwrap().push(slate);
    let two = |body: &str| read(&with_manifest(module(body, 0, 1, 300_000), &manifest.to_string()));
    let fails = "(if (i32.eq (local.get 0) (i32.const 1)) (then unreachable))";
    let gate = builder("[breaker]\nfailures = 3\nbackoff_ms = 600000").policies([two(fails)]).build().unwrap();
    for _ in 0..3 {
        assert_eq!(gate.stats().modules[0].breaker, BreakerState::Closed);
        assert_eq!(failures(&gate.evaluate(&batch())), [(FailureKind::Trap, "hold")]);
    }
    assert_eq!(gate.stats().modules[0].breaker, BreakerState::Open);
    // A probe is one request, with both of its stages; when it works, the breaker closes.
    let fails_on_one = "(if (i32.and (i32.eq (local.get 0) (i32.const 1)) (i32.eq (i32.load (local.get 9)) (i32.const 1))) (then unreachable))";
    let gate = builder("[breaker]\nfailures = 1\nbackoff_ms = 0").policies([two(fails_on_one)]).build().unwrap();
    let one = Batch::from_json(br#"{"ctx":{"now_ms":1,"local_min":1},"candidates":[{"id":"a"}]}"#).unwrap();
    for _ in 0..3 {
        gate.evaluate(&one);
        assert_eq!(gate.stats().modules[0].breaker, BreakerState::Open);
    }
    gate.evaluate(&batch());
    assert_eq!(gate.stats().modules[0].breaker, BreakerState::Closed);
}

#[test]
fn a_module_that_answers_too_slowly_is_left_out_as_if_it_had_failed() {
    // More work until a call takes more than half of its time, and is heard all the same.
    let limits =
        Limits { fuel: 1 << 50, budget: 1 << 52, deadline_ticks: 100, request_ticks: 10_000, ..Limits::default() };
    let mut work = 100_000_000u64;
    loop {
        let gate = builder("[breaker]\nfailures = 1\nbackoff_ms = 600000").policies([made(&spending(work))]);
        let gate = gate.limits(limits).build().unwrap();
        let outcome = gate.evaluate(&batch());
        assert_eq!(failures(&outcome), [], "it ended before it was slow");
        if gate.stats().modules[0].breaker == BreakerState::Open {
            assert_eq!(failures(&gate.evaluate(&batch())), [(FailureKind::Deadline, "hold")]);
            return;
        }
        work = work / 4 * 5;
    }
}

#[test]
fn associations_together_take_no_time_from_the_law() {
    // Fuel ends nothing here, so that time does: three authorities whose modules go on for ever.
    let limits = Limits { fuel: 1 << 50, budget: 1 << 52, deadline_ticks: 20, request_ticks: 200, ..Limits::default() };
    let names = ["aa0", "aa1", "bb0", "bb1", "cc0", "cc1"];
    let grants = "[authorities.aa]\neffect = \"demote\"\n[authorities.bb]\neffect = \"demote\"\n[authorities.cc]\neffect = \"demote\"\n";
    let burners = names.map(|name| of(&name[..2], name, "(loop (br 0))"));
    let gate = builder(grants).policies(burners).policies(embedded::arp()).limits(limits).build().unwrap();
    let outcome = gate.evaluate(&batch());
    let of_the_law =
        |failure: &&normgate::Failure| outcome.policy_set().policy_reference(failure.policy).starts_with("reference/");
    assert!(!outcome.failures.iter().any(|failure| of_the_law(&failure)), "{:?}", outcome.failures);
    let kinds: Vec<FailureKind> = outcome.failures.iter().map(|failure| failure.kind).collect();
    assert_eq!(kinds, [FailureKind::Deadline; 6]);
    // 200 ms a call and 0.8 s for all of them: the last ones are not asked.
    let unasked = outcome.failures.iter().filter(|failure| failure.message.starts_with("not asked")).count();
    assert!((1..6).contains(&unasked), "{unasked}");
}

#[test]
fn a_module_that_works_again_is_let_in_without_a_restart() {
    // It speaks of the second row, so a list of one makes it fail.
    let gate = builder("[breaker]\nfailures = 1\nbackoff_ms = 0").policies([read(&module("", 1, 1, 300_000))]);
    let gate = gate.build().unwrap();
    let one = Batch::from_json(br#"{"ctx":{"now_ms":1,"local_min":1},"candidates":[{"id":"a"}]}"#).unwrap();
    // With no time to wait, every request is a probe.
    for calls in 1..4 {
        assert_eq!(failures(&gate.evaluate(&one)), [(FailureKind::Garbage, "hold")]);
        assert_eq!((gate.stats().modules[0].breaker, gate.stats().modules[0].calls), (BreakerState::Open, calls));
    }
    assert_eq!(failures(&gate.evaluate(&batch())), []);
    assert_eq!(gate.stats().modules[0].breaker, BreakerState::Closed);
}

/// A module of an authority, under a name of its own.
fn of(authority: &str, name: &str, body: &str) -> Module {
    let manifest = MANIFEST.replace("hostile/module", &format!("{authority}/{name}"));
    let manifest = manifest.replace("hostile.rule", &format!("{name}.rule"));
    let manifest = manifest.replace(r#""module":"hostile""#, &format!(r#""module":"{name}""#));
    let manifest =
        manifest.replace(r#"{"block":"none"},{"demote":"computed"}"#, r#"{"label":"ad"},{"demote":"computed"}"#);
    read(&with_manifest(module(body, 0, 1, 300_000), &manifest))
}

/// The body of a module that spends so many units, about, and answers.
fn spending(units: u64) -> String {
    format!(
        "(local.set 0 (i32.const {}))
         (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
        units / 5
    )
}

/// What a set says, without what names the set.
fn said(outcome: &Outcome) -> Value {
    let mut answer: Value = serde_json::from_str(&outcome.to_json(Detail::default())).unwrap();
    for key in ["policy_set", "decision_id", "notices", "shadow"] {
        answer[key].take();
    }
    answer
}

#[test]
fn what_one_authority_spends_takes_no_turn_from_another() {
    let burners = ["aaa0", "aaa1", "aaa2", "aaa3", "aaa4", "aaa5", "aaa6"];
    let grants = "[authorities.aaa]\neffect = \"demote\"\n[authorities.zzz]\neffect = \"demote\"\n";
    let with = |config: &str, body: &str| {
        let modules = burners.map(|name| of("aaa", name, body));
        let modules = modules.into_iter().chain([of("zzz", "zzz", "")]).chain(embedded::arp());
        builder(&format!("{grants}{config}")).policies(modules).build().unwrap()
    };
    let shadow: String = burners.iter().map(|name| format!("{name} = \"shadow\"\n")).collect();
    let alone = builder(grants).policies(embedded::arp()).policies([of("zzz", "zzz", "")]).build().unwrap();
    let alone = said(&alone.evaluate(&batch()));
    assert_eq!(alone["failures"], json!([]));
    for (config, overridden) in [("", false), (&*format!("[modes]\n{shadow}"), false), ("", true)] {
        // Each spends less than a call may and succeeds, or goes on for ever.
        for (body, kind) in [(spending(15_000_000), FailureKind::Budget), ("(loop (br 0))".into(), FailureKind::Fuel)] {
            let gate = with(config, &body);
            let entry = |name: &&str| Override::starting_now(name, 600, "it burns".into(), "a test".into());
            gate.set_overrides(burners.iter().filter(|_| overridden).map(entry).collect());
            let outcome = gate.evaluate(&batch());
            let of_aaa = |failure: &&normgate::Failure| {
                outcome.policy_set().policy_reference(failure.policy).starts_with("aaa/")
            };
            let failures: Vec<FailureKind> = outcome.failures.iter().filter(of_aaa).map(|f| f.kind).collect();
            assert_eq!(failures.len(), outcome.failures.len(), "another authority was not heard: {config}");
            assert!(failures.contains(&kind) && failures.contains(&FailureKind::Budget), "{config}: {failures:?}");
            // What the others say is what they say alone; the burners say the same as zzz of the first row, or hold it.
            let together = said(&outcome);
            for key in ["obligations", "vetoes", "tags", "constraints", "violations"] {
                assert_eq!(together[key], alone[key], "{config}: {key}");
            }
            let labels = |said: &Value| {
                let rows = said["verdicts"].as_array().unwrap().iter();
                rows.map(|row| (row["id"].to_string(), row["labels"].clone())).collect::<BTreeMap<_, _>>()
            };
            assert_eq!(labels(&together), labels(&alone), "{config}");
        }
    }
}

#[test]
fn modules_that_act_are_asked_first_and_those_only_observed_spend_apart() {
    let config = "[authorities.aaa]\n[authorities.zzz]\nbase = \"full\"\n[modes]\na = \"shadow\"\n";
    let modules = [of("aaa", "a", "(loop (br 0))"), of("aaa", "b", ""), of("zzz", "z", "")];
    let law = embedded::arp().into_iter().filter(|module| module.manifest.module == "art09");
    let gate = builder(config).policies(modules).policies(law).build().unwrap();
    let asked: Vec<String> = gate.calls(&batch()).into_iter().map(|(module, ..)| module).collect();
    assert_eq!(asked, ["art09", "z", "b", "a"], "the law, who may do everything, the others, the observed");
    let outcome = gate.evaluate(&batch());
    assert_eq!(failures(&outcome), [(FailureKind::Fuel, "allow")]);
    let verdict = outcome.verdicts.iter().find(|v| v.row == 0).unwrap();
    let by: Vec<String> =
        outcome.reasons(verdict).iter().map(|r| outcome.policy_set().rule_id(r.rule).into()).collect();
    assert!(by.contains(&"b.rule".to_owned()) && by.contains(&"z.rule".to_owned()), "{by:?}");
}

#[test]
fn failures_stand_in_the_order_of_policies_whoever_was_asked_first() {
    let config = "[authorities.aaa]\n[authorities.zzz]\nbase = \"full\"\n";
    let gate =
        builder(config).policies([of("aaa", "a", "unreachable"), of("zzz", "z", "unreachable")]).build().unwrap();
    let asked: Vec<String> = gate.calls(&batch()).into_iter().map(|(module, ..)| module).collect();
    assert_eq!(asked, ["z", "a"]);
    let outcome = gate.evaluate(&batch());
    assert_eq!(outcome.failures.iter().map(|failure| failure.policy).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_grant_says_what_an_authority_may_spend_and_its_stand_ins_spend_of_the_same() {
    let kinds = |budget: &str| {
        let config = format!("[authorities.aaa]\n{budget}");
        let modules = ["a", "b", "c"].map(|name| of("aaa", name, &spending(4_000_000)));
        let outcome = builder(&config).policies(modules).build().unwrap().evaluate(&batch());
        outcome.failures.iter().map(|failure| failure.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(""), []);
    assert_eq!(kinds("budget = 6000000"), [FailureKind::Budget; 2]);
    assert_eq!(kinds("budget = 1000000"), [FailureKind::Fuel, FailureKind::Budget, FailureKind::Budget]);
    assert_eq!(kinds("budget = 0"), [FailureKind::Budget; 3]);
    // The module spends what the one before it would have needed.
    let config = "[authorities.hostile]\nbase = \"full\"\nbudget = 5000000\n";
    let gate = builder(config).policies([made("(loop (br 0))")]).last_good([made("")]).build().unwrap();
    assert_eq!(failures(&gate.evaluate(&batch())), [(FailureKind::Fuel, "hold")]);
}

#[test]
fn a_call_that_ends_in_the_middle_is_charged_with_all_that_it_might_have_used() {
    let charged = |body: &str, limits: Limits| {
        let gate = builder("").policies([made(body)]).limits(limits).build().unwrap();
        let outcome = gate.evaluate(&batch());
        (
            outcome.failures[0].kind,
            gate.stats().modules[0].fuel,
            outcome.circumstances.disturbed.first().map(|d| d.fuel),
        )
    };
    let limits = Limits { fuel: 5_000_000, ..Limits::default() };
    let (kind, fuel, _) = charged(&format!("{} unreachable", spending(1_000_000)), limits);
    assert!(kind == FailureKind::Trap && fuel > limits.fuel, "{fuel}");
    let load = format!("{} (drop (i32.load (i32.const -8)))", spending(1_000_000));
    assert!(charged(&load, limits).1 > limits.fuel);
    // Work for hours, and a tick of time.
    let limits = Limits { fuel: 1 << 50, budget: 1 << 52, deadline_ticks: 1, ..Limits::default() };
    let (kind, fuel, noted) = charged("(loop (br 0))", limits);
    assert!(kind == FailureKind::Deadline && fuel > limits.fuel && noted == Some(fuel), "{kind:?} {fuel} {noted:?}");
}

#[test]
fn when_the_time_of_a_request_is_over_nobody_else_is_asked_and_judging_again_says_the_same() {
    let limits = Limits { request_ticks: 0, ..Limits::default() };
    let gate = builder("").policies([made("")]).limits(limits).build().unwrap();
    let outcome = gate.evaluate(&batch());
    assert_eq!(failures(&outcome), [(FailureKind::Deadline, "hold")]);
    assert_eq!(outcome.failures[0].message, "not asked: the time for this request is over");
    assert_eq!(gate.stats().modules[0].calls, 0);
    // Times are in no digest: a machine that has more of it judges the same, because it is told.
    let elsewhere = builder("").policies([made("")]).generation().unwrap();
    let again = elsewhere.replay(&batch(), &outcome.circumstances);
    assert_eq!(again.to_json(Detail::default()), outcome.to_json(Detail::default()));
}

#[test]
fn what_takes_long_costs_much() {
    let fuel = |body: &str| {
        let fields = r#"(memory (export "memory") 2 512) (func $f) (elem declare func $f)"#;
        let bytes =
            support::component::made(fields, &format!("{body} {}", support::component::items(&[(0, 1, 300_000)])));
        let gate = builder("").policies([read(&bytes)]).build().unwrap();
        let outcome = gate.evaluate(&batch());
        outcome.failures.first().map_or(Ok(gate.stats().modules[0].fuel), |failure| Err(failure.kind))
    };
    let plain = fuel("").unwrap();
    assert!(plain > 100_000, "an instance has a price: {plain}");
    let often = |sequence: &str| {
        fuel(&format!(
            "(local.set 0 (i32.const 1000)) (loop {sequence} (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"
        ))
        .map(|fuel| fuel.saturating_sub(plain) / 1_000)
    };
    for (sequence, least) in [
        ("(drop (ref.func $f))", 100),
        ("(drop (memory.grow (i32.const 60000)))", 100),
        ("(memory.fill (i32.const 70000) (i32.const 1) (i32.const 0))", 100),
        ("(drop (f64.div (f64.const 0x1p-1030) (f64.const 3)))", 100),
        ("(drop (f64.mul (f64.const 0x1p-1030) (f64.const 0.5)))", 100),
        ("(drop (i64.div_s (i64.const 7) (i64.extend_i32_u (local.get 0))))", 20),
        ("(local.set 1 (i32.load (i32.load (i32.load (i32.const 70000)))))", 9),
    ] {
        let each = often(sequence).unwrap_or(u64::MAX);
        assert!(each >= least, "{sequence} costs {each}");
    }
    // Memory is paid for when it is there: the first touch of a page takes as long as thousands of operators.
    let grown = fuel("(drop (memory.grow (i32.const 8)))").unwrap();
    assert!(grown - plain > 8 * 65_536 / 4, "{grown}");
    // A module may start with more, as those of earlier releases do; a unit of it counts four times then.
    let starting = |pages: u32| {
        let bytes = support::component::made(
            &format!(r#"(memory (export "memory") {pages})"#),
            &format!("{} {}", spending(3_000_000), support::component::items(&[(0, 1, 300_000)])),
        );
        let gate = builder("").policies([read(&bytes)]).build().unwrap();
        let failed = gate.evaluate(&batch()).failures.first().map(|failure| failure.kind);
        failed.map_or(Ok(gate.stats().modules[0].fuel), Err)
    };
    assert!(starting(64).unwrap() > 3 * starting(16).unwrap());
    assert_eq!(starting(65), Err(FailureKind::Memory));
    // Nobody has more than the caches of a core hold on a list of two rows.
    assert_eq!(fuel("(if (i32.ne (memory.grow (i32.const 15)) (i32.const -1)) (then unreachable))").err(), None);
}

/// A module that goes on for ever on lists of more than so many rows.
fn loops_above(rows: u32) -> Module {
    read(&module(
        &format!("(if (i32.gt_u (i32.load (local.get 9)) (i32.const {rows})) (then (loop (br 0))))"),
        0,
        1,
        300_000,
    ))
}

fn list(rows: usize, signals: usize) -> Batch {
    let mut list = Batch::builder("long");
    list.request("ctx.now_ms", 1_793_532_600_000i64).unwrap().request("ctx.local_min", 600i64).unwrap();
    let codes =
        ["M1", "L8", "H4", "E1", "M2", "H8", "L11.fraud", "L11.minor"].map(|code| (code, 500_000u32, "classifier"));
    for row in 0..rows {
        list.candidate(&format!("c{row}")).unwrap().set("signals", &codes[..signals]).unwrap();
    }
    list.build().unwrap()
}

#[test]
fn a_long_list_that_a_module_fails_on_opens_no_breaker() {
    let config = "[breaker]\nfailures = 3\nbackoff_ms = 600000";
    let long = list(40_000, 0);
    let gate = builder(config).policies([loops_above(10_000)]).build().unwrap();
    for _ in 0..5 {
        assert_eq!(failures(&gate.evaluate(&long)), [(FailureKind::Fuel, "hold")]);
    }
    assert_eq!(gate.stats().modules[0].breaker, BreakerState::Closed);
    assert_eq!(failures(&gate.evaluate(&batch())), []);
    // One that goes on for ever on lists that anybody sends is left out.
    let gate = builder(config).policies([loops_above(1)]).build().unwrap();
    for _ in 0..3 {
        assert_eq!(failures(&gate.evaluate(&batch())), [(FailureKind::Fuel, "hold")]);
    }
    assert_eq!(gate.stats().modules[0].breaker, BreakerState::Open);
}

#[test]
fn the_longest_lists_are_judged_and_ordinary_ones_after_them_as_ever() {
    let gate = builder("[breaker]\nfailures = 1\nbackoff_ms = 600000").policies(embedded::arp()).build().unwrap();
    let before = gate.evaluate(&batch()).to_json(Detail::default());
    let longest = list(normgate::MAX_ROWS, normgate::MAX_LISTED / normgate::MAX_ROWS);
    assert_eq!(failures(&gate.evaluate(&longest)), []);
    assert_eq!(gate.evaluate(&batch()).to_json(Detail::default()), before);
}

#[test]
fn a_grant_bounds_work_and_memory_of_an_authority() {
    let fails = |grant: &str, body: &str| {
        let config = format!("[authorities.hostile]\nbase = \"full\"\n{grant}");
        let gate = builder(&config).policies([made(body)]).build().unwrap();
        gate.evaluate(&batch()).failures.first().map(|failure| failure.kind)
    };
    let busy = "(local.set 0 (i32.const 0))
        (loop (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if 0 (i32.lt_u (local.get 0) (i32.const 100000))))";
    assert_eq!(fails("", busy), None);
    assert_eq!(fails("fuel = 10000", busy), Some(FailureKind::Fuel));
    // The made module starts with 512 KiB.
    assert_eq!(fails("memory = 524288", ""), None);
    assert_eq!(fails("memory = 262144", ""), Some(FailureKind::Memory));
}

#[test]
fn a_module_that_speaks_in_the_other_stage_is_not_heard_there() {
    // Its manifest has a rule of each stage, and it names the slate rule's effect in both.
    let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    let mut slate = manifest["rules"][0].clone();
    slate["id"] = json!("hostile.slate");
    slate["stage"] = json!("slate");
    slate["effects"] = json!([{"block": "none"}]);
    manifest["rules"].as_array_mut().unwrap().push(slate);
    let lying = read(&with_manifest(module("", 0, 2, 0), &manifest.to_string()));
    let outcome = builder("").policies([lying]).build().unwrap().evaluate(&batch());
    assert_eq!(failures(&outcome), [(FailureKind::Grant, "dropped")]);
    assert_eq!(outcome.failures[0].message, "hostile.slate belongs to the other stage");
    // In its own stage it was heard.
    assert_eq!(outcome.shown, 1);
}

#[test]
fn an_override_puts_a_module_into_shadow_for_a_while_and_every_outcome_says_so() {
    let gate = builder("").policies([made("")]).build().unwrap();
    let weight = |outcome: &Outcome| outcome.verdicts.iter().find(|v| v.row == 0).unwrap().judgement.weight_ppm();
    assert_eq!(weight(&gate.evaluate(&batch())), 300_000);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let entry = |at_ms: i64, until_ms: i64| Override {
        module: "hostile".into(),
        off: false,
        at_ms,
        until_ms,
        reason: "demotes everything, ticket 4711".into(),
        by: "night shift".into(),
    };
    gate.set_overrides(vec![entry(now, now + 600_000)]);
    let outcome = gate.evaluate(&batch());
    assert_eq!((weight(&outcome), outcome.shadow.len()), (1_000_000, 1));
    assert_eq!(outcome.notices[0].code, "override");
    assert!(outcome.notices[0].message.ends_with("by an override of night shift: demotes everything, ticket 4711"));
    assert_eq!(gate.stats().overridden, 1);
    // It ends by itself, and it never began before it was written.
    for over in [entry(now - 10, now - 1), entry(now + 600_000, now + 700_000)] {
        gate.set_overrides(vec![over]);
        assert_eq!(weight(&gate.evaluate(&batch())), 300_000);
    }
}

#[test]
fn the_record_of_overrides_is_read_line_by_line() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("overrides.jsonl");
    let _ = std::fs::remove_file(&path);
    assert_eq!(Override::read(&path).unwrap(), []);
    let entry = |module: &str, until_ms| Override {
        module: module.into(),
        off: false,
        at_ms: 0,
        until_ms,
        reason: "r".into(),
        by: "b".into(),
    };
    for entry in [entry("art18", 10), entry("art09", 20), entry("art18", 0)] {
        entry.append(&path).unwrap();
    }
    assert_eq!(Override::read(&path).unwrap(), [entry("art09", 20), entry("art18", 0)]);
    entry("art18", 48 * 3_600_000).append(&path).unwrap();
    let sentence =
        "line 4: an override lasts at most 86400 s, from its beginning and from now; change the configuration";
    let error = Override::read(&path).unwrap_err().to_string();
    assert!(error.ends_with(sentence), "{error}");
    // Nothing lasts for ever because a number overflows, and nothing is laid in for later.
    let soon = now() + 3_600_000;
    for (at_ms, until_ms) in
        [(i64::MIN + 1, i64::MAX), (i64::MAX, i64::MAX), (i64::MIN, soon), (soon, now() + 90_000_000)]
    {
        std::fs::remove_file(&path).unwrap();
        let wrong = Override { at_ms, ..entry("art18", until_ms) };
        wrong.append(&path).unwrap();
        assert!(Override::read(&path).is_err(), "{at_ms} to {until_ms}");
        // Handed over as it is, it does nothing either.
        let gate = builder("").policies([made("")]).build().unwrap();
        gate.set_overrides(vec![Override { module: "hostile".into(), ..wrong }]);
        assert_eq!((gate.evaluate(&batch()).shadow.len(), gate.stats().overridden), (0, 0));
    }
    // What was written before a module could be switched off reads as it did.
    let old = r#"{"module":"art18","at_ms":0,"until_ms":10,"reason":"r","by":"b"}"#;
    assert_eq!(serde_json::from_str::<Override>(old).unwrap(), entry("art18", 10));
    assert_eq!(serde_json::to_string(&entry("art18", 10)).unwrap(), old);
}

fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}

#[test]
fn what_is_off_is_not_run_and_what_the_law_requires_is_missed_in_every_outcome() {
    let module = || made("(loop (br 0))");
    let asked = |gate: &normgate::Gate| gate.stats().modules.iter().map(|module| module.calls).sum::<u64>();
    let missed = |outcome: &Outcome| outcome.notices.iter().filter(|notice| notice.code == "must-weakened").count();
    // By an override: it is asked in shadow, and not at all when it is off.
    let gate = builder("").policies([module()]).build().unwrap();
    let shadow = Override::starting_now("hostile", 600, "ticket 4711".into(), "night shift".into());
    for (off, calls) in [(false, 1), (true, 0)] {
        gate.set_overrides(vec![Override { off, ..shadow.clone() }]);
        let before = asked(&gate);
        let outcome = gate.evaluate(&batch());
        assert_eq!((asked(&gate) - before, outcome.failures.len() as u64, outcome.shadow.len()), (calls, calls, 0));
        assert_eq!((outcome.notices[0].code, missed(&outcome)), ("override", usize::from(off)));
        assert_eq!(outcome.notices[0].message.starts_with("off until"), off);
        assert_eq!(gate.stats().overridden, 1 + u64::from(off));
    }
    // By a mode: of the module, its only rule or its release. Then it is not even loaded.
    for name in ["hostile", "\"hostile.rule\"", "\"hostile/module@1.0.0\""] {
        let gate = builder(&format!("[modes]\n{name} = \"off\"")).policies([module()]).build().unwrap();
        let outcome = gate.evaluate(&batch());
        assert_eq!((gate.policy_set().manifests().count(), outcome.failures.len()), (0, 0), "{name}");
        assert_eq!((missed(&outcome), outcome.shown), (1, outcome.verdicts.len()), "{name}");
    }
    // One rule of two is off, and the other is judged.
    let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    manifest["rules"][0]["effects"] = json!([{"demote": 300_000}]);
    let mut other = manifest["rules"][0].clone();
    other["id"] = json!("hostile.other");
    manifest["rules"].as_array_mut().unwrap().push(other);
    let two = read(&with_manifest(self::module("", 0, 0, 0), &manifest.to_string()));
    let judge = |config: &str| builder(config).policies([two.clone()]).build().unwrap().evaluate(&batch());
    let said =
        |outcome: &Outcome| (outcome.verdicts.iter().map(|v| outcome.reasons(v).len()).sum(), outcome.shadow.len());
    assert_eq!((said(&judge("")), said(&judge("[modes]\nhostile = \"shadow\""))), ((1, 0), (0, 1)));
    assert_eq!(said(&judge("[modes]\n\"hostile.rule\" = \"off\"")), (0, 0));
    assert_eq!(said(&judge("[modes]\nhostile = \"off\"\n\"hostile.rule\" = \"enforce\"")), (1, 0));
    let off = judge("[modes]\n\"hostile.other\" = \"off\"");
    assert_eq!((said(&off), missed(&off)), ((1, 0), 1));
    assert_ne!(off.policy_set().digest(), judge("").policy_set().digest());
}

#[test]
fn whatever_its_versions_are_called_a_policy_is_off_as_a_whole() {
    let release = |version: &str, prefix: &str| {
        let manifest = MANIFEST.replace("1.0.0", version).replace("hostile.rule", &format!("{prefix}.rule"));
        let manifest = manifest.replace(r#""module":"hostile""#, &format!(r#""module":"{prefix}""#));
        read(&with_manifest(module("", 0, 1, 300_000), &manifest))
    };
    let (old, new) = (release("1.0.0", "before"), release("1.1.0", "hostile"));
    for name in ["hostile", "before", "\"hostile/module\""] {
        for (policies, before) in [(vec![old.clone(), new.clone()], vec![]), (vec![new.clone()], vec![old.clone()])] {
            let said = |mode: &str| {
                let config = format!("[modes]\n{name} = \"{mode}\"");
                let gate = builder(&config).policies(policies.clone()).last_good(before.clone()).build().unwrap();
                let outcome = gate.evaluate(&batch());
                (
                    outcome.verdicts.iter().map(|verdict| outcome.reasons(verdict).len()).sum::<usize>(),
                    outcome.shadow.len(),
                    gate.policy_set().manifests().count(),
                )
            };
            assert_eq!(said("enforce"), (1, 0, 1), "{name}");
            assert_eq!(said("shadow"), (0, 1, 1), "{name}");
            assert_eq!(said("off"), (0, 0, 0), "{name}");
        }
    }
    // So it is with an override, by whichever name; `fails` stands in nowhere.
    let failing = |version: &str| {
        let manifest = MANIFEST.replace("1.0.0", version);
        read(&with_manifest(module("unreachable", 0, 1, 300_000), &manifest))
    };
    let gate = builder("").policies([failing("1.1.0")]).last_good([old]).build().unwrap();
    assert_eq!(failures(&gate.evaluate(&batch())), [(FailureKind::Trap, "last_good")]);
    for name in ["hostile", "before", "hostile/module"] {
        for off in [false, true] {
            let entry = Override::starting_now(name, 600, "ticket 4711".into(), "night shift".into());
            gate.set_overrides(vec![Override { off, ..entry }]);
            let outcome = gate.evaluate(&batch());
            assert!(outcome.verdicts.iter().all(|verdict| outcome.reasons(verdict).is_empty()), "{name} {off}");
            assert_eq!(outcome.failures.is_empty(), off, "{name} {off}");
        }
    }
}

#[test]
fn where_a_release_is_off_the_one_before_it_judges() {
    let release = |version: &str, body: &str| {
        let manifest = MANIFEST.replace("1.0.0", version);
        read(&with_manifest(module(body, 0, 1, 300_000), &manifest))
    };
    let (old, new) = (release("1.0.0", ""), release("1.1.0", "(loop (br 0))"));
    let config = "[modes]\n\"hostile/module@1.1.0\" = \"off\"";
    for beside in [true, false] {
        let (policies, before) =
            if beside { (vec![old.clone(), new.clone()], vec![]) } else { (vec![new.clone()], vec![old.clone()]) };
        let outcome = builder(config).policies(policies).last_good(before).build().unwrap().evaluate(&batch());
        let weight = outcome.verdicts.iter().find(|v| v.row == 0).unwrap().judgement.weight_ppm();
        assert_eq!((weight, outcome.failures.len()), (300_000, 0));
        assert!(outcome.notices.iter().all(|notice| notice.code != "must-weakened"));
    }
}

#[test]
fn stats_count_what_each_module_did() {
    let modules = embedded::arp().into_iter().filter(|m| m.manifest.module == "art09");
    let gate = builder("").policies(modules).policies([made("unreachable")]).build().unwrap();
    let blocked = Batch::from_json(
        br#"{"ctx":{"now_ms":1793532600000,"local_min":600},
            "candidates":[{"id":"a","signals":[{"code":"L8","source":"authority"}]},{"id":"b"},
                          {"id":"e","exempt":"emergency","exempt_ticket":1}]}"#,
    )
    .unwrap();
    for _ in 0..4 {
        gate.evaluate(&blocked);
    }
    let stats = gate.stats();
    assert_eq!((stats.requests, stats.rows, stats.emergencies), (4, 12, 4));
    assert_eq!(stats.withheld, 8, "one by its rule and one by the failing module, each time");
    let [hostile, art09] = &stats.modules[..] else { panic!("{stats:?}") };
    assert_eq!(hostile.failures, [(FailureKind::Trap, 4)].into());
    assert_eq!(art09.withheld, [("art09.illegal-stop".to_owned(), 4)].into());
    assert_eq!((art09.calls, art09.failures.len()), (4, 0));
    assert!(art09.p50_us > 0.0 && art09.p99_us >= art09.p50_us && art09.fuel > 0);
    let text = stats.to_prometheus();
    for line in [
        "# TYPE normgate_module_failures_total counter",
        "normgate_module_failures_total{policy=\"hostile/module@1.0.0\",kind=\"trap\"} 4",
        "normgate_requests_total 4",
        "normgate_evaluate_seconds_count 4",
        "normgate_evaluate_seconds_bucket{le=\"+Inf\"} 4",
        "normgate_module_call_seconds_count{policy=\"reference/art09-synthetic-labels@1.0.0\"} 4",
        "normgate_module_breaker_opened_total{policy=\"hostile/module@1.0.0\"} 0",
        "normgate_notices_total{code=\"emergency-row\"} 4",
        "normgate_notices_total{code=\"provider-fact\"} 0",
        &format!("normgate_generation_info{{generation=\"\",policy_set=\"{}\"}} 1", stats.policy_set),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(text.contains("rule=\"art09.illegal-stop\"} 4"), "{text}");
}

#[test]
fn where_memory_comes_from_changes_no_byte() {
    let judge = |allocation: Allocation| {
        let gate = builder("").policies(embedded::arp()).allocation(allocation).build().unwrap();
        (0..40)
            .map(|seed| {
                let line = support::generated_request(seed, 12);
                gate.evaluate(&Batch::from_json(line.as_bytes()).unwrap()).to_json(Detail::default())
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(judge(Allocation::Pooled), judge(Allocation::OnDemand));
}

#[test]
fn failing_withholds_at_most_what_the_module_could() {
    // It could only demote, so that is all that its failure does.
    let manifest = MANIFEST.replace(r#"{"block":"none"},{"demote":"computed"}"#, r#"{"demote":400000},{"label":"ad"}"#);
    let mild = read(&with_manifest(module("unreachable", 0, 0, 0), &manifest));
    let outcome = builder("").policies([mild]).build().unwrap().evaluate(&batch());
    assert_eq!(failures(&outcome), [(FailureKind::Trap, "demote")]);
    assert!(
        outcome.verdicts.iter().all(|v| v.judgement.action() == Action::Demote && v.judgement.weight_ppm() == 400_000)
    );
}

/// What the shipped modules make of a list under a configuration when one of them fails so: the outcome of judging it again.
fn shipped_failing(config: &str, module: &str, kind: FailureKind, clock_ms: i64, request: &Value) -> Outcome {
    let failing = embedded::arp().into_iter().find(|m| m.manifest.module == module).unwrap();
    let stage = if failing.manifest.has_stage(Stage::Slate) { "slate" } else { "candidate" };
    let disturbance = Disturbance {
        module: failing.digest_text(),
        stage: stage.to_owned(),
        kind,
        message: "made to fail".to_owned(),
        fuel: 0,
    };
    let generation = builder(config).policies(embedded::arp()).generation().unwrap();
    let as_of = Some("2026-11-01".parse().unwrap());
    let circumstances = Circumstances { clock_ms, as_of, disturbed: vec![disturbance], ..Circumstances::default() };
    generation.replay(&Batch::from_json(request.to_string().as_bytes()).unwrap(), &circumstances)
}

/// The ids of rows that are withheld because a module failed.
fn held(outcome: &Outcome) -> Vec<String> {
    let verdicts = outcome.verdicts[outcome.shown..].iter();
    let held = verdicts.filter(|verdict| {
        outcome.reasons(verdict).iter().any(|reason| outcome.policy_set().rule_id(reason.rule) == "host.failure")
    });
    let mut ids: Vec<String> = held.map(|verdict| outcome.candidate_id(verdict.row).to_owned()).collect();
    ids.sort();
    ids
}

/// A row of a feed on which nobody finds anything, but for what is said here.
fn row(id: &str, said: Value) -> Value {
    let mut row = json!({
        "id": id, "kind": "short_video", "scan_state": "done", "signals": [], "news": {"is_news": false},
        "aigc": {"meta_label": "none"}, "retrieval_basis": "context", "age_rating": "all",
    });
    for (key, value) in said.as_object().unwrap() {
        row[key] = value.clone();
    }
    row
}

fn feed(surface: &str, user: Value, rows: &[Value]) -> Value {
    json!({
        "ctx": {"now_ms": 1_793_532_600_000_i64, "local_min": 600, "surface": surface, "can_render_labels": true,
                "territory": "CN_MAINLAND", "algo_type": "push"},
        "user": user, "candidates": rows,
    })
}

#[test]
fn a_failure_holds_the_rows_that_the_modules_rules_could_concern_and_no_others() {
    let adult = json!({"age_band": "a18_60", "age_assurance": "id_verified"});
    let news = |said: Value| json!({ "news": said });
    let rows = [
        row("video", json!({})),
        row("said-nothing", news(json!({}))),
        row("news", news(json!({"is_news": true}))),
        row("of-kind-news", json!({"kind": "news", "news": {}})),
        row("of-kind-news-and-none", json!({"kind": "news"})),
        row("by-tags", json!({"matched_tags": ["t"], "retrieval_basis": "personal"})),
        row("by-no-tags", json!({"matched_tags": [], "retrieval_basis": "personal"})),
        row("illegal-perhaps", json!({"signals": [{"code": "L8", "source": "classifier", "conf_ppm": 1000}]})),
        row("for-adults", json!({"signals": [{"code": "M2", "source": "human", "conf_ppm": 1_000_000}]})),
        row("not-scanned", json!({"scan_state": "pending"})),
        row("declared", json!({"aigc": {"meta_label": "none", "declared": true}})),
        row("game", json!({"kind": "game"})),
        row("emergency", json!({"exempt": "emergency", "exempt_ticket": 1, "news": {"is_news": true}})),
    ];
    let all: Vec<&str> = {
        let mut ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
        ids.retain(|id| *id != "emergency");
        ids.sort_unstable();
        ids
    };
    let unknown = json!({});
    let unassured = json!({"age_band": "a18_60"});
    let child = json!({"age_band": "a12_16", "age_assurance": "id_verified"});
    for (module, surface, user, expected) in [
        ("art13", "feed", &adult, &["news", "of-kind-news"][..]),
        ("art13", "push", &adult, &["news", "of-kind-news", "said-nothing"]),
        ("art10", "feed", &adult, &["by-tags"]),
        ("art06", "feed", &adult, &["illegal-perhaps", "not-scanned"]),
        ("art09", "feed", &adult, &["declared", "illegal-perhaps"]),
        ("art18", "feed", &adult, &[]),
        ("art18", "feed", &unknown, &all[..]),
        ("art18", "feed", &unassured, &all[..]),
        ("art18", "feed", &child, &all[..]),
        ("art18", "minor_zone", &adult, &all[..]),
        // It does not hold.
        ("art14", "feed", &adult, &[]),
    ] {
        let outcome = shipped_failing("", module, FailureKind::Trap, 0, &feed(surface, user.clone(), &rows));
        assert_eq!(outcome.failures.len(), 1, "{module}");
        assert_eq!(held(&outcome), expected, "{module} on {surface} for {user}");
    }
    // Where no notice can stand beside it, what is for adults only could have been held for its label.
    let mut blind = feed("feed", adult, &rows);
    blind["ctx"]["can_render_labels"] = json!(false);
    assert_eq!(held(&shipped_failing("", "art18", FailureKind::Trap, 0, &blind)), ["for-adults"]);
    // A module that says nothing of it concerns every row.
    let outcome = builder("").policies([made("unreachable")]).build().unwrap().evaluate(&batch());
    assert_eq!(held(&outcome), ["a", "b"]);
}

#[test]
fn what_is_done_when_the_host_is_at_fault_is_the_operators_to_say() {
    let adult = json!({"age_band": "a18_60", "age_assurance": "id_verified"});
    let rows = [row("video", json!({})), row("news", json!({"news": {"is_news": true}}))];
    let request = feed("feed", adult, &rows);
    let applied = |config: &str, module: &str, kind: FailureKind| {
        let outcome = shipped_failing(config, module, kind, 0, &request);
        (outcome.failures[0].kind, outcome.failures[0].applied, held(&outcome).len())
    };
    for kind in [FailureKind::Host, FailureKind::Overload] {
        for (config, module, expected) in [
            ("", "art13", ("hold", 1)),
            ("[on_failure]\nhost = \"module\"", "art13", ("hold", 1)),
            ("[on_failure]\nhost = \"allow\"", "art13", ("allow", 0)),
            ("[on_failure]\nhost = \"hold\"\nart13 = \"allow\"", "art13", ("hold", 1)),
            ("[on_failure]\nart13 = \"allow\"", "art13", ("allow", 0)),
            ("[on_failure]\nhost = \"hold\"", "art14", ("hold", 2)),
            // Its rules could have withheld nothing.
            ("[on_failure]\nhost = \"hold\"", "art16", ("allow", 0)),
        ] {
            assert_eq!(applied(config, module, kind), (kind, expected.0, expected.1), "{config} {module}");
        }
    }
    // It is no word on what a module does by itself.
    let by_itself = applied("[on_failure]\nhost = \"allow\"", "art13", FailureKind::Trap);
    assert_eq!(by_itself, (FailureKind::Trap, "hold", 1));
    let wrong = Config::parse("[on_failure]\nhost = \"pass\"").unwrap_err().to_string();
    assert!(wrong.contains("line 2") && wrong.contains("`module`, `allow`, `hold`"), "{wrong}");
}

#[test]
fn one_switch_lets_all_pass_for_a_while_and_every_outcome_says_so() {
    let adult = json!({"age_band": "a18_60", "age_assurance": "id_verified"});
    let request = feed("feed", adult, &[row("video", json!({})), row("news", json!({"news": {"is_news": true}}))]);
    let switch = |what: &str, more: &str| {
        format!("[on_failure]\nall = {{ until = \"2027-01-01T00:00:00Z\", do = \"{what}\" }}\n{more}")
    };
    let until = 1_798_761_600_000;
    for (config, at_ms, kind, applied, rows) in [
        (switch("allow", ""), until - 1, FailureKind::Trap, "allow", 0),
        (switch("allow", ""), until, FailureKind::Trap, "hold", 1),
        // It goes before what is said of one module, and of the host.
        (switch("allow", "art13 = \"hold\"\nhost = \"hold\""), until - 1, FailureKind::Host, "allow", 0),
        (switch("hold", "art13 = \"allow\"\nhost = \"allow\""), until - 1, FailureKind::Host, "hold", 1),
        (switch("hold", "art13 = \"allow\""), until, FailureKind::Trap, "allow", 0),
    ] {
        let outcome = shipped_failing(&config, "art13", kind, at_ms, &request);
        assert_eq!((outcome.failures[0].applied, held(&outcome).len()), (applied, rows), "{config} at {at_ms}");
    }
    // The notices, and an alarm; an instant may be written in TOML's own way, and a day begins in Shanghai.
    let codes = |config: &str| {
        let gate = builder(config).policies(embedded::arp()).build().unwrap();
        let outcome = gate.evaluate(&Batch::from_json(request.to_string().as_bytes()).unwrap());
        let told = |notice: &&normgate::Notice| ["on-failure-all", "must-weakened"].contains(&notice.code);
        let codes: Vec<_> = outcome.notices.iter().filter(told).map(|notice| notice.code).collect();
        let counted = "normgate_notices_total{code=\"on-failure-all\"} ";
        let counted =
            gate.stats().to_prometheus().lines().find_map(|line| line.strip_prefix(counted).map(str::to_owned));
        (codes, counted.unwrap())
    };
    let both = vec!["on-failure-all", "must-weakened"];
    for until in ["\"9999-01-01T00:00:00Z\"", "\"9999-01-01\"", "9999-01-01", "9999-01-01T00:00:00Z"] {
        let config = format!("[on_failure]\nall = {{ until = {until}, do = \"allow\" }}");
        assert_eq!(codes(&config), (both.clone(), "1".into()), "{until}");
    }
    assert_eq!(
        codes("[on_failure]\nall = { until = \"9999-01-01\", do = \"hold\" }"),
        (vec!["on-failure-all"], "1".into())
    );
    assert_eq!(codes("[on_failure]\nall = { until = \"2020-01-01\", do = \"allow\" }"), (vec![], "0".into()));
    for (wrong, sentence) in [
        ("all = \"allow\"", "expected struct Switch"),
        ("all = { do = \"allow\" }", "missing field `until`"),
        ("all = { until = \"soon\", do = \"allow\" }", "invalid instant `soon`: expected YYYY-MM-DDThh:mm:ssZ"),
        ("all = { until = \"2027-01-01\", do = \"pass\" }", "`hold` or `allow`"),
    ] {
        let error = Config::parse(&format!("[on_failure]\n{wrong}")).unwrap_err().to_string();
        assert!(error.contains(sentence), "{wrong}: {error}");
    }
}

#[test]
fn who_lets_the_law_pass_for_good_says_so_in_every_outcome() {
    let weakened = |config: &str| {
        let gate = builder(config).policies(embedded::arp()).build().unwrap();
        let outcome = gate.evaluate(&batch());
        let told = outcome.notices.iter().filter(|notice| notice.code == "must-weakened");
        told.map(|notice| (notice.policy.clone(), notice.message.clone())).collect::<Vec<_>>()
    };
    for quiet in
        ["", "[on_failure]\nart13 = \"hold\"\nhost = \"module\"", "[on_failure]\nart14 = \"allow\"\nhost = \"hold\""]
    {
        assert_eq!(weakened(quiet), [], "{quiet}");
    }
    let [(policy, message)] = &weakened("[on_failure]\nart13 = \"allow\"")[..] else { panic!("one notice") };
    assert_eq!(policy.as_deref(), Some("reference/art13-news@1.0.0"));
    assert!(message.starts_with("[on_failure] art13 = allow:") && message.contains("art13.no-permit"), "{message}");
    let [(None, message)] = &weakened("[on_failure]\nhost = \"allow\"")[..] else { panic!("one notice") };
    assert!(message.ends_with("art06, art09, art10, art13, art18"), "{message}");
    // It is another set, which judges otherwise.
    let digest =
        |config: &str| builder(config).policies(embedded::arp()).build().unwrap().policy_set().digest().to_owned();
    let said = [
        "",
        "[on_failure]\nart13 = \"allow\"",
        "[on_failure]\nhost = \"allow\"",
        "[on_failure]\nall = { until = \"2027-01-01\", do = \"allow\" }",
    ];
    let digests: std::collections::BTreeSet<String> = said.into_iter().map(digest).collect();
    assert_eq!(digests.len(), said.len());
    assert_eq!(digest(""), digest("[on_failure]\nhost = \"module\""));
}

#[test]
fn a_clock_that_dies_takes_no_rule_out_of_force_and_starts_no_gate() {
    static CLOCK: AtomicI64 = AtomicI64::new(0);
    let alive = 1_793_532_600_000;
    let clocked = || Gate::builder().policies(embedded::arp()).clock(|| CLOCK.load(Ordering::Relaxed));
    let request = r#"{"ctx":{"now_ms":1793532600000,"local_min":600},
        "candidates":[{"id":"a","signals":[{"code":"L8","source":"authority"}]}]}"#;
    let request = Batch::from_json(request.as_bytes()).unwrap();
    let error = clocked().generation().unwrap_err().to_string();
    assert_eq!(
        error,
        "the clock: it stands in 1970-01-01, before this program was made; set it, or name the day to judge by (--as-of)"
    );
    assert!(clocked().as_of("2026-11-01".parse().unwrap()).build().is_ok());
    CLOCK.store(alive, Ordering::Relaxed);
    let gate = clocked().build().unwrap();
    let behind = |outcome: &Outcome| outcome.notices.iter().filter(|notice| notice.code == "clock-behind").count();
    for (clock_ms, told) in [(alive, 0), (alive - 3_600_000, 0), (alive - 90_000_000, 1), (0, 1), (alive, 0)] {
        CLOCK.store(clock_ms, Ordering::Relaxed);
        let outcome = gate.evaluate(&request);
        assert_eq!((outcome.shown, behind(&outcome)), (0, told), "{clock_ms}");
        // The time that was judged by is on the record.
        assert_eq!(outcome.circumstances.clock_ms, alive);
        let again = gate.generation().replay(&request, &outcome.circumstances);
        assert_eq!(again.to_json(Detail::default()), outcome.to_json(Detail::default()));
    }
    assert_eq!(gate.stats().noticed["clock-behind"], 2);
}

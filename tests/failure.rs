//! What happens when a module fails, again and again: last good version, failure policy, breaker, budget, overrides, stats.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use normgate::contract::{Day, Vocabulary};
use normgate::{
    Action, Allocation, Batch, BreakerState, Config, Detail, FailureKind, Gate, GateBuilder, Limits, Module, Outcome,
    Override, embedded,
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

#[test]
fn modules_share_the_work_of_a_request_and_whoever_comes_too_late_is_not_asked() {
    let limits = Limits { fuel: 1_000_000, budget: 2_500_000, ..Limits::default() };
    let hogs = ["h1", "h2", "h3", "h4"].map(|name| named(name, "(loop (br 0))"));
    let gate = builder("").policies(hogs).limits(limits).build().unwrap();
    let outcome = gate.evaluate(&batch());
    let kinds: Vec<FailureKind> = outcome.failures.iter().map(|failure| failure.kind).collect();
    assert_eq!(kinds, [FailureKind::Fuel, FailureKind::Fuel, FailureKind::Budget, FailureKind::Budget]);
    // By default four modules may use up their work, and the honest set beside them is judged as ever.
    let hogs = ["a1", "a2", "a3", "a4"].map(|name| named(name, "(loop (br 0))"));
    let config = "[modes]\na1 = \"shadow\"\na2 = \"shadow\"\na3 = \"shadow\"\na4 = \"shadow\"";
    let crowded = builder(config).policies(hogs).policies(embedded::arp()).build().unwrap().evaluate(&batch());
    let alone = builder("").policies(embedded::arp()).build().unwrap().evaluate(&batch());
    assert_eq!(crowded.failures.len(), 4);
    let verdicts = |outcome: &Outcome| {
        let answer: Value = serde_json::from_str(&outcome.to_json(Detail::default())).unwrap();
        (answer["verdicts"].clone(), answer["obligations"].clone())
    };
    assert_eq!(verdicts(&crowded), verdicts(&alone));
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
    // The made module starts with 4 MiB.
    assert_eq!(fails("memory = 8388608", ""), None);
    assert_eq!(fails("memory = 1048576", ""), Some(FailureKind::Memory));
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
        &format!(
            "normgate_module_failures_total{{policy_set=\"{}\",policy=\"hostile/module@1.0.0\",kind=\"trap\"}} 4",
            stats.policy_set
        ),
        &format!("normgate_requests_total{{policy_set=\"{}\"}} 4", stats.policy_set),
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

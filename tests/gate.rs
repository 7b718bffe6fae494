//! What an embedder sees of the gate beyond verdicts: preflight, arranging, observing, emergency rows, notices.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use normgate::contract::{Day, Vocabulary};
use normgate::{Action, Batch, Config, Detail, Expiry, Gate, Limits, Module, Outcome, Target, embedded};
use serde_json::{Value, json};
use support::component::{module, with_manifest};

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// The embedded set. Kept for the whole run, so that other gates share its compiled modules.
fn set() -> &'static Gate {
    static SET: OnceLock<Gate> = OnceLock::new();
    SET.get_or_init(|| Gate::builder().policies(embedded::arp()).as_of(day("2026-11-01")).build().unwrap())
}

fn configured(text: &str, as_of: &str) -> Gate {
    let config = Config::parse(text).unwrap();
    Gate::builder().policies(embedded::arp()).config(config).as_of(day(as_of)).build().unwrap()
}

/// A request for an adult's feed with these candidates, benign but for what they say.
fn request(candidates: &[Value]) -> Value {
    let candidates: Vec<Value> = candidates
        .iter()
        .enumerate()
        .map(|(index, own)| {
            let mut row = json!({"id": format!("c{index}"), "kind": "article", "rank_pos": index, "scan_state": "done",
                "retrieval_basis": "generic", "signals": [], "commercial": false, "news": {"is_news": false}});
            row.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
            row
        })
        .collect();
    json!({"ctx": {"territory": "CN_MAINLAND", "algo_type": "push", "surface": "feed", "now_ms": 1793532600000i64,
            "local_min": 600, "can_render_labels": true, "choice_entry_shown": true, "nonpersonal_option": true,
            "notice_seen_version": 3},
        "user": {"age_band": "a18_60", "age_assurance": "id_verified", "personalization": "on", "elder_mode": false},
        "session": {"continuous_s": 60, "today_s": 60},
        "provider": {"notice_version": 3, "disclosure_url_ok": true}, "candidates": candidates})
}

fn read(request: &Value) -> Batch {
    Batch::from_json(request.to_string().as_bytes()).unwrap()
}

fn slate_ids(outcome: &Outcome) -> Vec<&str> {
    outcome.arrange().rows.iter().map(|row| outcome.candidate_id(*row)).collect()
}

fn notices(outcome: &Outcome) -> Vec<&str> {
    outcome.notices.iter().map(|notice| notice.code).collect()
}

/// Nine plain rows on a first screen, and then what a test adds.
fn first_screen(added: &[Value]) -> Batch {
    let mut rows = vec![json!({}); 9];
    rows.extend_from_slice(added);
    let mut request = request(&rows);
    request["ctx"]["surface"] = json!("home_first_screen");
    read(&request)
}

#[test]
fn a_constraint_lifts_the_best_row_that_satisfies_it_to_the_end_of_its_slots() {
    let encouraged = json!({"signals": [{"code": "E4", "source": "human"}]});
    let outcome = set().evaluate(&first_screen(&[encouraged.clone(), encouraged]));
    assert_eq!(outcome.constraints.len(), 1);
    let slate = outcome.arrange();
    assert_eq!(slate_ids(&outcome), ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c9", "c7", "c8", "c10"]);
    assert!(slate.unmet.is_empty());
}

#[test]
fn a_withheld_row_is_never_lifted_and_an_unmet_constraint_says_so() {
    // Encouraged, and illegal: it is withheld, and the pool has nothing else. A doubtful signal does not satisfy.
    let illegal = json!({"signals": [{"code": "E4", "source": "human"}, {"code": "L8", "source": "authority"}]});
    let doubtful = json!({"signals": [{"code": "E4", "source": "classifier", "conf_ppm": 800000}]});
    let config = "[parameters]\n\"art11.positive_min\" = 2";
    let outcome = configured(config, "2026-11-01").evaluate(&first_screen(&[
        illegal,
        doubtful,
        json!({"signals": [{"code": "E1", "source": "db_exact"}]}),
    ]));
    let slate = outcome.arrange();
    assert_eq!(slate.rows.len(), outcome.shown);
    assert!(!slate_ids(&outcome).contains(&"c9"));
    assert_eq!(slate_ids(&outcome)[7], "c11");
    assert_eq!((slate.unmet.len(), slate.unmet[0].found, slate.unmet[0].constraint.count), (1, 1, 2));
}

#[test]
fn a_promoted_row_goes_first_unless_it_was_demoted() {
    let mut elder = request(&[
        json!({}),
        json!({"service_class": "medical"}),
        json!({"service_class": "civic", "signals": [{"code": "H1", "source": "human"}]}),
    ]);
    elder["user"] =
        json!({"age_band": "a60p", "age_assurance": "id_verified", "personalization": "on", "elder_mode": true});
    let outcome = set().evaluate(&read(&elder));
    assert_eq!(outcome.promote.len(), 2);
    assert_eq!(slate_ids(&outcome), ["c1", "c0", "c2"]);
}

/// Ids in final order.
fn order(outcome: &Outcome) -> Vec<&str> {
    outcome.verdicts.iter().map(|verdict| outcome.candidate_id(verdict.row)).collect()
}

/// What is said of candidates whose place is not what was asked for.
fn not_applied(outcome: &Outcome) -> Vec<&str> {
    let notices = outcome.notices.iter().filter(|notice| notice.code == "order-not-applied");
    notices.map(|notice| notice.message.as_str()).collect()
}

#[test]
fn a_pinned_row_keeps_its_place_and_what_yields_says_so() {
    let gate = set();
    let harmful = |pinned: bool| json!({"signals": [{"code": "H1", "source": "human"}], "pinned": pinned});
    let seen = |pinned: bool| json!({"seen_24h": 3, "pinned": pinned});
    let plain = |pinned: bool| json!({"pinned": pinned});
    let judged = |rows: &[Value]| gate.evaluate(&read(&request(rows)));

    // `art12.seen` is no `must` rule, so its demotion yields to the pin.
    let outcome = judged(&[seen(true), plain(false), plain(false)]);
    assert_eq!(order(&outcome), ["c0", "c1", "c2"]);
    assert_eq!(not_applied(&outcome), ["candidate c0 is demoted and pinned, so it keeps its place"]);

    // A `must` rule goes before a pin.
    let outcome = judged(&[harmful(true), plain(false), plain(false)]);
    assert_eq!(order(&outcome), ["c1", "c2", "c0"]);
    assert_eq!(
        not_applied(&outcome),
        ["candidate c0 is pinned and demoted by a `must` rule, so it does not keep its place"]
    );

    // So does a block, and places are counted without what is withheld.
    let illegal = json!({"signals": [{"code": "L8", "source": "authority"}], "pinned": true});
    let outcome = judged(&[illegal, plain(true), plain(true)]);
    assert_eq!(order(&outcome), ["c1", "c2", "c0"]);
    assert_eq!(not_applied(&outcome), ["candidate c0 is pinned and withheld, so it has no place"]);

    // Others flow around pinned rows; who stands higher for it than its weight asks says so.
    let outcome = judged(&[seen(false), plain(false), plain(true), plain(true)]);
    assert_eq!(order(&outcome), ["c1", "c0", "c2", "c3"]);
    assert_eq!(
        not_applied(&outcome),
        ["candidate c0 is demoted and stands higher than its weight asks, because other rows are pinned"]
    );

    // Nothing yields, nothing is said.
    let outcome = judged(&[plain(true), seen(false), plain(true)]);
    assert_eq!(order(&outcome), ["c0", "c1", "c2"]);
    assert_eq!(not_applied(&outcome).len(), 1);
    let outcome = judged(&[plain(true), plain(false), plain(true)]);
    assert_eq!((order(&outcome), not_applied(&outcome).len()), (vec!["c0", "c1", "c2"], 0));
}

#[test]
fn a_constraint_and_a_hint_yield_to_a_pin() {
    let encouraged = json!({"signals": [{"code": "E4", "source": "human"}]});
    let mut rows = vec![json!({"pinned": true}); 9];
    rows.push(encouraged);
    let mut whole = request(&rows);
    whole["ctx"]["surface"] = json!("home_first_screen");
    let outcome = set().evaluate(&read(&whole));
    let slate = outcome.arrange();
    assert_eq!(slate_ids(&outcome), ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"]);
    assert_eq!((slate.unmet.len(), slate.unmet[0].found), (1, 0));
    assert_eq!(
        not_applied(&outcome),
        ["art11.positive-share asks for 1 rows among the first 8, and pinned rows leave 0 of them there"]
    );
    // One row that moves makes room.
    whole["candidates"][3]["pinned"] = json!(false);
    let outcome = set().evaluate(&read(&whole));
    assert_eq!(slate_ids(&outcome), ["c0", "c1", "c2", "c9", "c4", "c5", "c6", "c7", "c8", "c3"]);
    assert_eq!((outcome.arrange().unmet.len(), not_applied(&outcome).len()), (0, 0));

    let mut elder = request(&[json!({"pinned": true}), json!({}), json!({"service_class": "medical"})]);
    elder["user"] =
        json!({"age_band": "a60p", "age_assurance": "id_verified", "personalization": "on", "elder_mode": true});
    assert_eq!(slate_ids(&set().evaluate(&read(&elder))), ["c0", "c2", "c1"]);
}

#[test]
fn an_order_by_score_is_configured_digested_and_says_when_a_score_is_missing() {
    let by_score = configured("[order]\nby = \"score\"\n", "2026-11-01");
    assert_ne!(by_score.policy_set().digest(), set().policy_set().digest());
    assert_eq!(
        configured("[order]\nby = \"place\"\n", "2026-11-01").policy_set().digest(),
        set().policy_set().digest()
    );
    assert!(Config::parse("[order]\nby = \"scores\"\n").unwrap_err().to_string().contains("scores"));

    let mut request = request(&[json!({"score": 0.1}), json!({"score": 0.9}), json!({"score": 0.5})]);
    assert_eq!(order(&set().evaluate(&read(&request))), ["c0", "c1", "c2"]);
    let outcome = by_score.evaluate(&read(&request));
    assert_eq!((order(&outcome), not_applied(&outcome).len()), (vec!["c1", "c2", "c0"], 0));
    request["candidates"][1]["score"] = Value::Null;
    let outcome = by_score.evaluate(&read(&request));
    assert_eq!(order(&outcome), ["c0", "c1", "c2"]);
    assert_eq!(
        not_applied(&outcome),
        ["candidate c1 has no score, so the order is that of places; [order] by = \"score\" needs every row's"]
    );
    // An empty list lacks no score.
    request["candidates"] = json!([]);
    assert_eq!(not_applied(&by_score.evaluate(&read(&request))).len(), 0);
}

#[test]
fn preflight_says_before_retrieval_what_judging_the_list_says_of_the_request() {
    let gate = set();
    let key = |outcome: &Outcome| -> BTreeSet<(String, String)> {
        let rule = |rule| outcome.policy_set().rule_id(rule).to_owned();
        let owed = outcome.obligations.iter().filter(|o| o.target == Target::Request);
        let vetoed = outcome.vetoes.iter().map(|v| (v.feature.to_string(), rule(v.rule)));
        owed.map(|o| (outcome.owed(o).to_owned(), rule(o.rule))).chain(vetoed).collect()
    };
    let mut said = 0;
    for folder in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies")).unwrap() {
        let Ok(cases) = std::fs::read_to_string(folder.unwrap().path().join("cases.jsonl")) else { continue };
        for case in cases.lines().filter(|line| !line.trim().is_empty()) {
            let case: Value = serde_json::from_str(case).unwrap();
            let batch = read(&case["request"]);
            let (before, after) = (gate.preflight(&batch), gate.evaluate(&batch));
            assert!(before.verdicts.is_empty());
            let (before, after) = (key(&before), key(&after));
            assert!(before.is_subset(&after), "{}: {:?}", case["case"], before.difference(&after).collect::<Vec<_>>());
            said += before.len();
        }
    }
    assert!(said > 100, "{said}");
}

#[test]
fn an_observed_set_reports_what_enforcing_would_do_and_does_nothing() {
    let illegal = json!({"signals": [{"code": "L8", "source": "authority"}]});
    let batch = first_screen(&[illegal, json!({"signals": [{"code": "E4", "source": "human"}]})]);
    let enforced = set().evaluate(&batch);
    let observing = configured("mode = \"observe\"\nobserve_until = \"2026-12-01\"", "2026-11-01");
    let observed = observing.evaluate(&batch);
    assert!(observed.verdicts.iter().all(|verdict| verdict.judgement.action() == Action::Allow));
    assert_eq!(observed.shown, batch.candidates());
    assert!(observed.obligations.is_empty() && observed.constraints.is_empty() && observed.violations.is_empty());
    assert_eq!(notices(&observed), ["observed"]);
    // The slate stage saw the list without the withheld row, as it would when enforced.
    let reported: Vec<&str> = observed.shadow.iter().map(|item| item.effect).collect();
    let owed = reported.iter().filter(|effect| **effect == "obligation").count();
    assert_eq!(owed, enforced.obligations.len());
    assert!(reported.contains(&"block") && reported.contains(&"constraint"));
    assert_ne!(observing.policy_set().digest(), set().policy_set().digest());
    // The day comes, and the same configuration enforces.
    let later = configured("mode = \"observe\"\nobserve_until = \"2026-12-01\"", "2026-12-01").evaluate(&batch);
    assert_eq!((later.shown, notices(&later).len()), (enforced.shown, 0));
}

#[test]
fn observing_has_an_end() {
    let error = |text: &str| {
        let config = Config::parse(text).unwrap();
        Gate::builder().policies(embedded::arp()).config(config).build().err().unwrap().to_string()
    };
    assert_eq!(
        error("mode = \"observe\""),
        "mode: `observe` needs the day on which it ends: add observe_until = \"YYYY-MM-DD\""
    );
    assert!(error("observe_until = \"2026-12-01\"").starts_with("observe_until: it goes with mode = \"observe\""));
}

/// The embedded set with a module that traps in the place of Art 6's.
fn set_without_art06() -> Gate {
    let modules = embedded::arp().into_iter().map(|honest| match honest.manifest.module.as_str() {
        "art06" => {
            let manifest = serde_json::to_string(&*honest.manifest).unwrap();
            let bytes = with_manifest(module("unreachable", 0, 0, 0), &manifest);
            Module::read("trap.wasm", &bytes, Vocabulary::shipped()).unwrap()
        }
        _ => honest,
    });
    Gate::builder().policies(modules.collect::<Vec<_>>()).trusting().as_of(day("2026-11-01")).build().unwrap()
}

#[test]
fn an_earthquake_warning_reaches_a_minor_at_night_whatever_fails() {
    let mut night = request(&[
        json!({"kind": "push_message", "scan_state": "none", "exempt": "emergency", "exempt_ticket": 77, "retrieval_basis": null}),
        json!({"scan_state": "none"}),
    ]);
    night["ctx"]["surface"] = json!("push");
    night["ctx"]["local_min"] = json!(1380);
    night["user"] = json!({"age_band": "a8_12", "minor_mode": true, "personalization": "off", "recs_switch": "off"});
    for gate in [set(), &set_without_art06()] {
        let outcome = gate.evaluate(&read(&night));
        let shown: Vec<&str> = outcome.ranking().map(|row| row.id()).collect();
        assert_eq!(shown, ["c0"], "{:?}", outcome.failures);
        let notice = outcome.notices.iter().find(|notice| notice.code == "emergency-row").unwrap();
        assert!(notice.message.starts_with("candidate c0 is an emergency under ticket 77: not withheld"), "{notice:?}");
        assert!(notice.message.contains("art18.curfew") && notice.message.contains("art17.recs-off"), "{notice:?}");
    }
    let outcome = set_without_art06().evaluate(&read(&night));
    assert_eq!(outcome.failures.len(), 1);
    assert!(outcome.notices[0].message.contains("host.failure"), "{:?}", outcome.notices);
}

#[test]
fn the_use_of_an_emergency_row_is_recorded_even_when_it_changes_nothing() {
    let outcome = set().evaluate(&read(&request(&[json!({"exempt": "emergency", "exempt_ticket": 5})])));
    assert_eq!(
        outcome.notices[0].message,
        "candidate c0 is an emergency under ticket 5: no rule would have withheld or demoted it"
    );
}

#[test]
fn a_request_out_of_scope_that_carries_what_only_a_covered_one_has_is_noticed() {
    for (territory, algo_type, row, found) in [
        ("OTHER", "push", json!({"retrieval_basis": "personal"}), "was retrieved on a personal basis"),
        ("CN_MAINLAND", "none", json!({"matched_tags": ["t1"]}), "matches tags of the user"),
        ("CN_MAINLAND", "none", json!({"kind": "work_order"}), "is of kind work_order"),
        ("OTHER", "none", json!({"kind": "product_offer"}), "is of kind product_offer"),
        ("OTHER", "none", json!({"matched_tags": []}), ""),
        ("CN_MAINLAND", "push", json!({"retrieval_basis": "personal"}), ""),
    ] {
        let mut request = request(&[json!({}), row]);
        request["ctx"]["territory"] = json!(territory);
        request["ctx"]["algo_type"] = json!(algo_type);
        let outcome = set().evaluate(&read(&request));
        let contradiction = outcome.notices.iter().find(|notice| notice.code == "scope-contradiction");
        assert_eq!(contradiction.is_some(), !found.is_empty(), "{territory} {algo_type}");
        assert!(contradiction.is_none_or(|notice| notice.message.contains(&format!("candidate c1 {found}"))));
    }
}

#[test]
fn a_time_far_from_the_clock_is_noticed_in_live_use_only() {
    let far = read(&request(&[]));
    assert!(notices(&set().evaluate(&far)).is_empty());
    let live = Gate::builder().policies(embedded::arp()).build().unwrap();
    let mut old = request(&[]);
    old["ctx"]["now_ms"] = json!(1_000_000_000_000i64);
    assert_eq!(notices(&live.evaluate(&read(&old))), ["clock-skew"]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    old["ctx"]["now_ms"] = json!(now);
    assert!(notices(&live.evaluate(&read(&old))).is_empty());
}

#[test]
fn the_longest_list_is_judged_within_the_limits() {
    // Work grows with the rows and no faster, so a sixteenth of the longest list says how much the longest takes.
    let mut numbers = support::Numbers::new(7);
    let line = support::request_with(&mut numbers, normgate::MAX_ROWS as u64 / 16, 3);
    let gate = Gate::builder().policies(embedded::arp()).as_of(day("2026-11-01")).build().unwrap();
    let outcome = gate.evaluate(&Batch::from_json(line.as_bytes()).unwrap());
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    for module in gate.stats().modules {
        let most = module.fuel / module.calls.max(1) * 16;
        // As much again for every 32,768 values of a list, and this has two rows of them.
        assert!(most < Limits::default().fuel * 3, "{} would use {most} units", module.policy);
    }
}

#[test]
fn one_gate_serves_many_threads() {
    let gate = set();
    let batch = first_screen(&[json!({"signals": [{"code": "H1", "source": "human"}]})]);
    let expected = gate.evaluate(&batch).to_json(normgate::Detail::default());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(gate.evaluate(&batch).to_json(normgate::Detail::default()), expected);
                }
            });
        }
    });
}

#[test]
fn a_provider_that_filed_owes_the_display_of_its_number_wherever_the_provisions_reach() {
    let filed = configured("[filing]\nnumber = \"0001\"\n", "2026-11-01");
    let owed = |gate: &Gate, request: &Value| {
        let outcome = gate.evaluate(&read(request));
        let rules = outcome.obligations.iter().filter(|owed| outcome.owed(owed) == "display.filing_no");
        rules.map(|owed| outcome.policy_set().rule_id(owed.rule).to_owned()).collect::<Vec<_>>()
    };
    let mut request = request(&[json!({})]);
    assert_eq!(owed(&filed, &request), ["host.filing"]);
    assert_eq!(owed(set(), &request), [""; 0]);
    assert_ne!(filed.policy_set().digest(), set().policy_set().digest());
    request["ctx"]["territory"] = "OTHER".into();
    assert_eq!(owed(&filed, &request), [""; 0]);
    assert!(Config::parse("[filing]\n").unwrap_err().to_string().contains("number"));
}

#[test]
fn what_has_expired_is_said_in_every_outcome_until_it_is_synced() {
    let gate = Gate::builder().policies(embedded::arp()).build().unwrap();
    let batch = read(&request(&[json!({})]));
    let stale = |outcome: &Outcome| outcome.notices.iter().filter(|notice| notice.code == "stale").count();
    assert_eq!(stale(&gate.evaluate(&batch)), 0);
    let expiry = |repository: &str, expires_ms: i64| Expiry { repository: repository.into(), expires_ms };
    gate.set_expiries(vec![expiry("ministry", 1), expiry("club", i64::MAX), expiry("union", 0)]);
    let outcome = gate.evaluate(&batch);
    let said: Vec<&str> = outcome.notices.iter().filter(|n| n.code == "stale").map(|n| n.message.as_str()).collect();
    assert!(said.len() == 2 && said[0].contains("the repository ministry expired on 1970-01-01"), "{said:?}");
    assert_eq!(gate.stats().stale, 1);
    assert!(gate.stats().to_prometheus().contains("normgate_stale_requests_total"));
    // Judged again, it says the same.
    let circumstances = serde_json::from_str(&serde_json::to_string(&outcome.circumstances).unwrap()).unwrap();
    let again = gate.generation().replay(&batch, &circumstances);
    assert_eq!(again.to_json(Detail::default()), outcome.to_json(Detail::default()));
    gate.set_expiries(vec![expiry("ministry", i64::MAX)]);
    assert_eq!(stale(&gate.evaluate(&batch)), 0);
}

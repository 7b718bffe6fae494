//! A gate that changes while it judges: generations that take over under load, canaries, effective dates, versions and
//! replacements, what rules in shadow would change, and the trial of a proposed generation.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use normgate::contract::{Day, Modality, Stage, Vocabulary};
use normgate::{
    Action, Batch, Bounds, Config, Detail, Draw, Gate, GateBuilder, Module, Outcome, Ruling, ShadowChange, Verdict,
    embedded,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::component::{MANIFEST, module, with_manifest};

/// Effects of the made modules.
const BLOCK: u16 = 0;
const DEMOTE: u16 = 1;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn builder(config: &str) -> GateBuilder {
    Gate::builder().config(Config::parse(config).unwrap()).as_of(day("2026-11-01")).trusting()
}

/// A release of a made policy: one rule, which speaks of the first row alone.
struct Release {
    id: &'static str,
    prefix: &'static str,
    version: &'static str,
    manifest: Value,
}

fn release(id: &'static str, prefix: &'static str, version: &'static str) -> Release {
    Release { id, prefix, version, manifest: json!({}) }
}

impl Release {
    fn with(mut self, field: &str, value: Value) -> Self {
        self.manifest[field] = value;
        self
    }

    fn saying(&self, effect: u16, value: i64) -> Module {
        self.around("", effect, value)
    }

    fn around(&self, body: &str, effect: u16, value: i64) -> Module {
        let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
        manifest["id"] = json!(self.id);
        manifest["module"] = json!(self.prefix);
        manifest["version"] = json!(self.version);
        manifest["rules"][0]["id"] = json!(format!("{}.rule", self.prefix));
        manifest.as_object_mut().unwrap().extend(self.manifest.as_object().unwrap().clone());
        let bytes = with_manifest(module(body, 0, effect, value), &manifest.to_string());
        Module::read(&format!("{}@{}.wasm", self.id, self.version), &bytes, Vocabulary::shipped()).unwrap()
    }
}

/// Two rows with scores, for a user with this reference.
fn request(user: Option<&str>) -> Batch {
    let request = json!({"ctx": {"now_ms": 1793532600000i64, "local_min": 600, "surface": "feed", "can_render_labels": true},
        "user": {"ref": user},
        "candidates": [{"id": "a", "score": 0.9, "rank_pos": 0}, {"id": "b", "score": 0.5, "rank_pos": 1}]});
    Batch::from_json(request.to_string().as_bytes()).unwrap()
}

fn first(outcome: &Outcome) -> &Verdict {
    outcome.verdicts.iter().find(|verdict| verdict.row == 0).unwrap()
}

fn weight(outcome: &Outcome) -> u32 {
    first(outcome).judgement.weight_ppm()
}

fn codes(outcome: &Outcome) -> Vec<&str> {
    outcome.notices.iter().map(|notice| notice.code).collect()
}

/// Which policies put the first row where it is, and which would.
fn speakers(outcome: &Outcome) -> (Vec<String>, Vec<String>) {
    let policy = |index: u16| outcome.policy_set().policy_reference(index);
    let enforced = outcome.reasons(first(outcome)).iter().map(|reason| policy(reason.rule.policy));
    (enforced.collect(), outcome.shadow.iter().map(|item| policy(item.rule.policy)).collect())
}

#[test]
fn a_thousand_swaps_under_load_lose_no_request_and_mix_no_generation() {
    let releases = [
        ("calm", release("hostile/module", "hostile", "1.0.0").saying(DEMOTE, 300_000), 300_000),
        ("strict", release("hostile/module", "hostile", "1.0.1").saying(DEMOTE, 600_000), 600_000),
    ];
    let constant = release("hostile/constant", "constant", "1.0.0").saying(DEMOTE, 900_000);
    let builders =
        releases.clone().map(|(name, module, _)| builder("").policies([module, constant.clone()]).label(name));
    // One of each stays, so that its compiled module does.
    let _kept = [builders[0].generation().unwrap(), builders[1].generation().unwrap()];
    let [calm, _] = &builders;
    let gate = Gate::builder().build().unwrap();
    gate.swap(calm.generation().unwrap());
    let digests: BTreeMap<&str, String> = builders
        .iter()
        .zip(&releases)
        .map(|(b, (name, ..))| (*name, b.generation().unwrap().policy_set().digest().to_owned()))
        .collect();

    let (done, judged) = (AtomicBool::new(false), AtomicU64::new(0));
    let batch = request(None);
    let work = || {
        while !done.load(Ordering::Relaxed) {
            let outcome = gate.evaluate(&batch);
            let name = outcome.generation().unwrap();
            let (.., expected) = releases.iter().find(|(known, ..)| *known == name).unwrap();
            assert_eq!(weight(&outcome), *expected, "the answer is of another generation than {name}");
            assert_eq!(outcome.policy_set().digest(), digests[name]);
            assert_eq!((outcome.failures.len(), outcome.verdicts.len()), (0, 2));
            let said = format!("\"policy_set\":\"{}\",\"generation\":\"{name}\"", digests[name]);
            assert!(outcome.to_json(Detail::default()).contains(&said));
            judged.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..3).map(|_| scope.spawn(work)).collect();
        for swap in 0..1_000 {
            let before = gate.swap(builders[(swap + 1) % 2].generation().unwrap());
            assert_eq!(before.label(), Some(releases[swap % 2].0));
            // Every tenth waits until somebody was judged; the others come as fast as they can.
            let seen = judged.load(Ordering::Relaxed);
            while swap % 10 == 0
                && judged.load(Ordering::Relaxed) == seen
                && workers.iter().any(|worker| !worker.is_finished())
            {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
    });

    let (stats, judged) = (gate.stats(), judged.into_inner());
    assert!(judged >= 100);
    assert_eq!((stats.requests, stats.swaps, stats.generation.as_deref()), (judged, 1_001, Some("calm")));
    let text = stats.to_prometheus();
    let info = format!("normgate_generation_info{{generation=\"calm\",policy_set=\"{}\"}} 1", stats.policy_set);
    assert!(text.lines().any(|line| line == info), "{text}");
    // No total is the total of one set, so that none moves when another takes over.
    assert!(text.lines().any(|line| line == format!("normgate_requests_total {judged}")), "{text}");
    assert_eq!(text.matches("policy_set=").count(), 1, "{text}");
    // The module that every generation has was asked in each, and its counters came along.
    let calls = |policy: &str| stats.modules.iter().find(|module| module.policy == policy).unwrap().calls;
    assert_eq!(calls("hostile/constant@1.0.0"), judged);
    assert!(calls("hostile/module@1.0.0") <= judged);
}

#[test]
fn an_open_breaker_stays_open_over_a_swap_and_a_new_release_starts_afresh() {
    let config = "[breaker]\nfailures = 1\nbackoff_ms = 600000";
    let broken = release("hostile/module", "hostile", "1.0.0").around("unreachable", BLOCK, 0);
    let gate = builder(config).policies([broken.clone()]).build().unwrap();
    let left_out = |outcome: &Outcome| outcome.failures.first().is_some_and(|f| f.message.starts_with("not asked"));
    assert!(!left_out(&gate.evaluate(&request(None))));
    gate.swap(builder(config).policies([broken]).label("same module").generation().unwrap());
    assert!(left_out(&gate.evaluate(&request(None))));
    let mended = release("hostile/module", "hostile", "1.0.1").saying(DEMOTE, 1);
    gate.swap(builder(config).policies([mended]).generation().unwrap());
    assert_eq!(gate.evaluate(&request(None)).failures.len(), 0);
}

#[test]
fn an_outcome_names_its_generation_only_where_that_has_a_name() {
    let unnamed = builder("").build().unwrap().evaluate(&request(None));
    assert_eq!(unnamed.generation(), None);
    assert!(!unnamed.to_json(Detail::default()).contains("generation"));
}

/// A gate with two made modules, whose rules act for so many percent of users.
fn canary(percent: impl std::fmt::Display) -> Gate {
    let modules = ["one", "two"].map(|name| {
        let id = if name == "one" { "hostile/one" } else { "hostile/two" };
        release(id, name, "1.0.0").saying(DEMOTE, if name == "one" { 300_000 } else { 900_000 })
    });
    builder(&format!("[modes]\none = {{ canary = {percent} }}\n\"two.rule\" = {{ canary = {percent} }}"))
        .policies(modules)
        .build()
        .unwrap()
}

/// The policies that act for a user, by index in the set.
fn acting(gate: &Gate, user: Option<&str>) -> BTreeSet<u16> {
    let outcome = gate.evaluate(&request(user));
    assert_eq!(outcome.draws.len(), 2);
    let acting: BTreeSet<u16> = outcome.reasons(first(&outcome)).iter().map(|reason| reason.rule.policy).collect();
    // Whom a rule does not act for, it reports for.
    assert_eq!(outcome.shadow.len() + acting.len(), 2);
    acting
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_canary_is_stable_by_user_and_raising_it_only_adds_users(user in "[a-z0-9]{1,12}", low in 0u32..=1_000_000, more in 0u32..=1_000_000, whole: bool) {
        // In millionths, and as a percentage with its decimals.
        let unit = if whole { 10_000 } else { 1 };
        let [low, high] = [low, (low + more).min(1_000_000)].map(|ppm| f64::from(ppm / unit * unit) / 10_000.0);
        let user = Some(user.as_str());
        let (few, many) = (acting(&canary(low), user), acting(&canary(high), user));
        prop_assert!(few.is_subset(&many));
        prop_assert_eq!(&acting(&canary(low), user), &few);
        let gate = canary(high);
        for Draw { policy, hundredth } in gate.evaluate(&request(user)).draws {
            let acts = many.contains(&policy);
            let fits = if acts { f64::from(hundredth) < high } else { f64::from(hundredth) + 1.0 > high };
            prop_assert!(fits);
        }
    }
}

#[test]
fn a_canary_acts_for_about_its_share_of_users_and_each_module_for_others() {
    let gate = canary(30);
    let users: Vec<String> = (0..400).map(|user| format!("u{user}")).collect();
    let acting: Vec<BTreeSet<u16>> = users.iter().map(|user| acting(&gate, Some(user))).collect();
    for policy in [0, 1] {
        let share = acting.iter().filter(|policies| policies.contains(&policy)).count();
        assert!((90..150).contains(&share), "30 % of 400 users are {share}");
    }
    assert!(acting.iter().any(|policies| policies.len() == 1), "both modules have the same users");
    // Nobody, everybody; and whoever has no reference comes last.
    assert!(users.iter().all(|user| self::acting(&canary(0), Some(user)).is_empty()));
    assert!(users.iter().take(20).all(|user| self::acting(&canary(100), Some(user)).len() == 2));
    assert_eq!((self::acting(&canary(99), None).len(), self::acting(&canary(100), None).len()), (0, 2));
    assert_ne!(gate.policy_set().digest(), canary(31).policy_set().digest());
    assert_eq!(gate.policy_set().digest(), canary("30.0").policy_set().digest());
    assert_ne!(gate.policy_set().digest(), canary("30.5").policy_set().digest());
    // A first hour for one user of a thousand.
    let few = canary(0.1);
    let users = (0..4_000).map(|user| self::acting(&few, Some(&format!("u{user}"))).len());
    let acting = users.filter(|acting| *acting > 0).count();
    assert!((1..30).contains(&acting), "twice 0.1 % of 4,000 users are {acting}");
}

#[test]
fn a_canary_is_a_percentage() {
    for wrong in ["-1", "101", "1000"] {
        let error = Config::parse(&format!("[modes]\nart18 = {{ canary = {wrong} }}")).unwrap_err().to_string();
        let said = format!("line 2: a canary is a percentage of users from 0 to 100, not {wrong}");
        assert_eq!(error, said);
    }
    let error = Config::parse("[modes]\nart18 = { canary = 0.00001 }").unwrap_err().to_string();
    assert_eq!(error, "line 2: a canary is a percentage of users with four decimals at most, not 0.00001");
}

#[test]
fn a_module_in_preview_is_observed_before_its_date_and_enforced_from_it() {
    let module = release("hostile/module", "hostile", "1.0.0").with("effective_from", json!("2026-12-01"));
    let module = module.saying(DEMOTE, 300_000);
    let on = |mode: &str, at: &str| {
        let gate = builder(mode).policies([module.clone()]).as_of(day(at)).build().unwrap();
        let outcome = gate.evaluate(&request(None));
        (weight(&outcome), outcome.shadow.len())
    };
    let preview = "[modes]\nhostile = \"preview\"";
    assert_eq!([on("", "2026-11-30"), on(preview, "2026-11-30")], [(1_000_000, 0), (1_000_000, 1)]);
    assert_eq!([on("", "2026-12-01"), on(preview, "2026-12-01")], [(300_000, 0), (300_000, 0)]);
}

#[test]
fn of_one_policy_the_highest_version_judges_and_a_lower_one_stands_in() {
    let old = release("hostile/module", "hostile", "1.9.0").saying(DEMOTE, 300_000);
    let new = release("hostile/module", "hostile", "1.10.0");
    let judge = |modules: Vec<Module>| builder("").policies(modules).build().unwrap().evaluate(&request(None));
    let outcome = judge(vec![new.saying(DEMOTE, 600_000), old.clone()]);
    assert_eq!(speakers(&outcome), (vec!["hostile/module@1.10.0".into()], vec![]));
    assert_eq!(codes(&outcome), ["superseded"]);
    let outcome = judge(vec![old.clone(), new.around("unreachable", BLOCK, 0)]);
    assert_eq!((weight(&outcome), outcome.failures[0].applied), (300_000, "last_good"));
    // One version with two contents is a mistake; the same bytes twice are one module.
    let error =
        builder("").policies([old.clone(), release("hostile/module", "hostile", "1.9.0").saying(BLOCK, 0)]).build();
    assert_eq!(
        error.err().unwrap().to_string(),
        "policy hostile/module@1.9.0 is given twice, with different bytes: hostile/module@1.9.0.wasm and \
         hostile/module@1.9.0.wasm; a new release needs a higher version"
    );
    assert_eq!(weight(&judge(vec![old.clone(), old])), 300_000);
}

#[test]
fn a_version_that_is_not_in_force_yet_is_observed_while_the_one_before_judges() {
    let old = release("hostile/module", "hostile", "1.0.0").saying(DEMOTE, 300_000);
    let new =
        release("hostile/module", "hostile", "1.1.0").with("effective_from", json!("2026-12-01")).saying(BLOCK, 0);
    let on = |at: &str| builder("").policies([old.clone(), new.clone()]).as_of(day(at)).build().unwrap();
    let before = on("2026-11-30").evaluate(&request(None));
    assert_eq!(speakers(&before), (vec!["hostile/module@1.0.0".into()], vec!["hostile/module@1.1.0".into()]));
    assert_eq!(codes(&before), ["awaited"]);
    let after = on("2026-12-01").evaluate(&request(None));
    assert_eq!(speakers(&after), (vec!["hostile/module@1.1.0".into()], vec![]));
    // The diff says what the day will change.
    let gate = on("2026-11-30");
    gate.evaluate(&request(None));
    let change = &gate.shadow_diff().changes[1];
    assert_eq!(
        (change.rule.as_deref(), change.policy.as_deref()),
        (Some("hostile.rule"), Some("hostile/module@1.1.0"))
    );
    assert_eq!((change.surface.as_deref(), change.verdicts, change.withheld), (Some("feed"), 1, 1));
}

#[test]
fn a_release_in_canary_acts_for_its_users_and_the_one_before_for_all_others() {
    let old = release("hostile/module", "hostile", "1.0.0").saying(DEMOTE, 300_000);
    let new = release("hostile/module", "hostile", "1.1.0").saying(DEMOTE, 600_000);
    let at = |mode: &str| {
        let config = format!("[modes]\n\"hostile/module@1.1.0\" = {mode}");
        builder(&config).policies([old.clone(), new.clone()]).build().unwrap()
    };
    let users: Vec<String> = (0..200).map(|user| format!("u{user}")).collect();
    let moved = |gate: &Gate| -> BTreeSet<&String> {
        let acts = |user: &&String| {
            let outcome = gate.evaluate(&request(Some(user)));
            let (acting, observed) = speakers(&outcome);
            // One of the two acts for everybody; the new one is always heard.
            assert_eq!(acting.len(), 1);
            assert_eq!(observed.len(), usize::from(acting[0].ends_with("@1.0.0")));
            assert_eq!(outcome.draws.iter().map(|draw| draw.policy).collect::<Vec<_>>(), [1]);
            acting[0].ends_with("@1.1.0")
        };
        users.iter().filter(acts).collect()
    };
    let [few, many] = ["{ canary = 20 }", "{ canary = 60 }"].map(|mode| {
        let gate = at(mode);
        // Nobody is without the rule, so nothing is weakened.
        assert_eq!(codes(&gate.evaluate(&request(None))), ["beside"]);
        moved(&gate)
    });
    assert!(few.is_subset(&many) && (20..60).contains(&few.len()) && (90..150).contains(&many.len()));
    let shadow = at("\"shadow\"").evaluate(&request(None));
    assert_eq!(speakers(&shadow), (vec!["hostile/module@1.0.0".into()], vec!["hostile/module@1.1.0".into()]));
    assert_eq!(codes(&at("\"enforce\"").evaluate(&request(None))), ["superseded"]);
    // Where nobody was before it, a release that does not act leaves what is required to nobody.
    let alone = builder("[modes]\n\"hostile/module@1.1.0\" = \"shadow\"").policies([new.clone()]).build().unwrap();
    assert_eq!(codes(&alone.evaluate(&request(None))), ["must-weakened"]);
}

const BOTH: &str = "[authorities.hostile]\nbase = \"full\"\n[authorities.cac]\nbase = \"full\"\n";

#[test]
fn a_module_replaces_another_where_the_platform_lets_its_authority_and_nowhere_else() {
    let reading = release("hostile/module", "hostile", "1.0.0").saying(DEMOTE, 300_000);
    let real = release("cac/rule", "cac", "1.0.0").with("replaces", json!(["hostile/module"]));
    let judge = |config: &str, modules: [Module; 2]| {
        builder(config).policies(modules).build().map(|g| g.evaluate(&request(None)))
    };
    let allowed = format!("{BOTH}replaces = [\"hostile/module\"]");
    let outcome = judge(&allowed, [reading.clone(), real.saying(DEMOTE, 700_000)]).unwrap();
    assert_eq!(speakers(&outcome), (vec!["cac/rule@1.0.0".into()], vec![]));
    assert_eq!((weight(&outcome), codes(&outcome)), (700_000, vec!["replaced"]));
    // Where it may not, both judge, and the stricter counts.
    let outcome = judge(BOTH, [reading.clone(), real.saying(DEMOTE, 700_000)]).unwrap();
    assert_eq!((weight(&outcome), codes(&outcome)), (300_000, vec!["replaces-ignored"]));
    assert_eq!(
        outcome.notices[0].message,
        "it would replace hostile/module, which [authorities.cac] does not let it, so all judge; \
         replaces = [\"hostile/module\"] there would"
    );
    // Trusting a manifest does not go so far.
    assert_eq!(codes(&judge("", [reading.clone(), real.saying(DEMOTE, 700_000)]).unwrap()), ["replaces-ignored"]);
    // It may take over the names of the rules too; without the right that is a clash.
    let same =
        release("cac/rule", "hostile", "1.0.0").with("replaces", json!(["hostile/module"])).saying(DEMOTE, 700_000);
    assert_eq!(weight(&judge(&allowed, [reading.clone(), same.clone()]).unwrap()), 700_000);
    let error = judge(BOTH, [reading.clone(), same]).err().unwrap().to_string();
    assert!(
        error.starts_with("policies cac/rule@1.0.0 and hostile/module@1.0.0 both use the prefix `hostile`"),
        "{error}"
    );
    // Until it is in force it is observed, and the reading judges.
    let awaited = real.with("effective_from", json!("2026-12-01")).saying(DEMOTE, 700_000);
    let outcome = judge(&allowed, [reading, awaited]).unwrap();
    assert_eq!(speakers(&outcome), (vec!["hostile/module@1.0.0".into()], vec!["cac/rule@1.0.0".into()]));
}

#[test]
fn what_is_missing_ignored_and_said_in_shadow_is_counted() {
    let modules = || embedded::arp().into_iter().filter(|m| ["art06", "art17"].contains(&m.manifest.module.as_str()));
    let gate = builder("[modes]\nart06 = \"shadow\"").policies(modules()).build().unwrap();
    let batch = Batch::from_json(
        br#"{"ctx":{"now_ms":1793532600000,"local_min":600,"surface":"push","colour":"blue"},"user":{"age":14},
            "candidates":[{"id":"a"},{"id":"b","scan_state":"done","retrieval_basis":"generic"}]}"#,
    )
    .unwrap();
    for _ in 0..3 {
        gate.evaluate(&batch);
    }
    let text = gate.stats().to_prometheus();
    for line in [
        "normgate_input_ignored_total 6",
        "normgate_missing_input_total{column=\"request.user.personalization\"} 3",
        "normgate_missing_input_total{column=\"request.ctx.off_option\"} 3",
        "normgate_rule_shadow_requests_total{policy=\"reference/art06-content@1.0.0\",rule=\"art06.unscanned\"} 3",
        "normgate_rule_shadow_withheld_total{policy=\"reference/art06-content@1.0.0\",rule=\"art06.unscanned\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    // What is said in shadow rests on what is missing too, and decides nothing.
    assert!(!text.contains("column=\"candidates.signals\""), "{text}");
}

#[test]
fn the_last_requests_are_written_when_a_breaker_opens() {
    let path = std::env::temp_dir().join(format!("normgate-last-{}.jsonl", std::process::id()));
    let broken = release("hostile/module", "hostile", "1.0.0").around("unreachable", BLOCK, 0);
    let config = "[breaker]\nfailures = 2\nbackoff_ms = 600000";
    let gate = builder(config).policies([broken]).recording(8).last_requests(&path).build().unwrap();
    let batch = request(None);
    gate.evaluate(&batch);
    assert!(!path.exists(), "no breaker is open yet");
    gate.evaluate(&batch);
    // Another thread writes, and whoever reads sees a whole file or none.
    let text = std::iter::repeat_with(|| std::fs::read_to_string(&path)).find_map(Result::ok).unwrap();
    let read: Vec<Batch> = text.lines().map(|line| Batch::from_json(line.as_bytes()).unwrap()).collect();
    assert_eq!(read.len(), 2);
    assert!(read.iter().all(|read| read.canonical() == batch.canonical()));
    // On any other alarm whoever is called asks for them.
    gate.evaluate(&batch);
    assert_eq!(gate.write_last_requests(&path).unwrap(), 3);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(gate.write_last_requests(&path.join("no folder")).is_err());
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_request_is_written_as_it_was_sent() {
    for seed in 0..60 {
        let line = support::generated_request(seed, 9);
        let batch = Batch::from_json(line.as_bytes()).unwrap();
        let again = Batch::from_json(batch.to_json().as_bytes()).unwrap();
        assert_eq!(String::from_utf8(again.canonical()), String::from_utf8(batch.canonical()), "{line}");
    }
}

#[test]
fn modules_that_replace_each_other_are_refused() {
    let one = release("hostile/module", "hostile", "1.0.0").with("replaces", json!(["cac/rule"])).saying(DEMOTE, 1);
    let other = release("cac/rule", "cac", "1.0.0").with("replaces", json!(["hostile/module"])).saying(DEMOTE, 1);
    let config = "[authorities.hostile]\nbase = \"full\"\nreplaces = [\"cac/rule\"]\n\
                  [authorities.cac]\nbase = \"full\"\nreplaces = [\"hostile/module\"]";
    let error = builder(config).policies([one, other]).build().err().unwrap().to_string();
    assert_eq!(
        error,
        "authorities.hostile.replaces: hostile/module would in the end replace itself; let one side replace the other"
    );
}

#[test]
fn what_the_law_requires_is_not_weakened_silently() {
    let noticed = |config: &str| {
        let gate = builder(config).policies(embedded::arp()).build().unwrap();
        let outcome = gate.evaluate(&request(None));
        let built = gate.generation().notices().to_vec();
        assert!(built.iter().all(|notice| outcome.notices.contains(notice)));
        (built, gate.stats().to_prometheus())
    };
    let (notices, series) = noticed("[modes]\n\"art18.curfew\" = \"shadow\"\nart09 = { canary = 10 }");
    let said: Vec<(&str, &str)> = notices.iter().map(|n| (n.code, n.policy.as_deref().unwrap_or_default())).collect();
    assert_eq!(
        said[..],
        [
            ("must-weakened", "reference/art09-synthetic-labels@1.0.0"),
            ("must-weakened", "reference/art18-minors@1.0.0")
        ]
    );
    assert_eq!(notices[1].message, "[modes] keeps what the law requires from acting: art18.curfew (shadow)");
    assert!(notices[0].message.contains("art09.ai-confirmed (canary 10 %)"), "{}", notices[0].message);
    assert!(series.contains("code=\"must-weakened\",policy=\"reference/art18-minors@1.0.0\"} 1"), "{series}");
    // A rule that is the operator's option, a norm that nobody has to adopt, and a canary of everybody are none of this.
    let rules = embedded::arp().into_iter().flat_map(|module| module.manifest.rules.clone());
    let option = rules.into_iter().find(|rule| rule.modality == Modality::Policy).unwrap().id;
    let mild =
        format!("[modes]\n\"{option}\" = \"shadow\"\n\"art05.delivery\" = \"shadow\"\nart09 = {{ canary = 100 }}");
    assert_eq!(noticed(&mild).0, []);
}

#[test]
fn a_generation_without_what_the_law_requires_says_what_is_missing() {
    let gate = builder("").policies(embedded::arp()).build().unwrap();
    let all_but = |left_out: &'static str| embedded::arp().into_iter().filter(move |m| m.manifest.module != left_out);
    gate.swap(builder("").policies(all_but("art18")).generation().unwrap());
    let outcome = gate.evaluate(&request(None));
    assert_eq!(codes(&outcome), ["must-missing"]);
    assert_eq!(outcome.notices[0].policy.as_deref(), Some("reference/art18-minors@1.0.0"));
    // A norm requires nothing; and what is replaced is not missing.
    let real = release("cac/minors", "cac", "1.0.0").with("replaces", json!(["reference/art18-minors"]));
    let config = "[authorities.cac]\nbase = \"full\"\nreplaces = [\"reference/art18-minors\"]";
    let gate = builder("").policies(embedded::arp()).build().unwrap();
    gate.swap(
        builder(config).policies(all_but("art05.delivery")).policies([real.saying(DEMOTE, 1)]).generation().unwrap(),
    );
    assert_eq!(codes(&gate.evaluate(&request(None))), ["replaced"]);
}

/// What changes from one outcome to another, counted as the diff does, and what the first one shows where a verdict changes.
fn difference(now: &Outcome, then: &Outcome) -> [u64; 5] {
    let exposure = |place: usize| (1e6 / (place as f64 + 2.0).log2()).round() as u64;
    let place = |outcome: &Outcome, row: u32| outcome.verdicts[..outcome.shown].iter().position(|v| v.row == row);
    let [mut verdicts, mut withheld, mut moved, mut lost] = [0; 4];
    for verdict in &now.verdicts {
        let other = then.verdicts.iter().find(|other| other.row == verdict.row).unwrap();
        let key = |v: &Verdict| (v.judgement.action(), Outcome::hold(v), v.judgement.weight_ppm());
        verdicts += u64::from(key(verdict) != key(other));
        withheld += u64::from(verdict.judgement.action() < Action::Block && other.judgement.action() == Action::Block);
        let (before, after) = (place(now, verdict.row), place(then, verdict.row));
        moved += u64::from(before.is_some() && after.is_some() && before != after);
        lost += before.map_or(0, exposure).saturating_sub(after.map_or(0, exposure));
    }
    let shown = if verdicts == 0 { 0 } else { (0..now.shown).map(exposure).sum() };
    [verdicts, withheld, moved, lost, shown]
}

/// Modules in which a rule says one thing when another one acts and another when that is in shadow: Art 9 puts one label in the
/// place of another, and Art 10 withholds rows by what it does to tags. Of these the diff may say more, or less, than happens.
const CHAINED: [&str; 2] = ["art09", "art10"];

#[test]
fn the_shadow_diff_is_the_difference_of_two_real_evaluations() {
    let requests: Vec<(Option<String>, Batch)> = (0..150)
        .map(|seed| {
            let line = support::generated_request(seed, 14);
            let request: Value = serde_json::from_str(&line).unwrap();
            (request["ctx"]["surface"].as_str().map(str::to_owned), Batch::from_json(line.as_bytes()).unwrap())
        })
        .collect();
    let tried = |module: &Module| {
        let of_the_list = module.manifest.rules.iter().all(|rule| rule.stage == Stage::Candidate);
        module.manifest.pack.is_none() && of_the_list && !CHAINED.contains(&&*module.manifest.module)
    };
    let mut all = 0;
    for tried in embedded::arp().into_iter().filter(tried) {
        // Beside a module that always acts, so that what is applied and what would be meet.
        let beside = embedded::arp().into_iter().filter(|m| m.manifest.module == "art13" && m.digest != tried.digest);
        let modules: Vec<Module> = beside.chain([tried.clone()]).collect();
        let prefix = &tried.manifest.module;
        let gate = |mode: &str| {
            builder(&format!("[modes]\n\"{prefix}\" = \"{mode}\"")).policies(modules.clone()).build().unwrap()
        };
        let (shadow, enforced) = (gate("shadow"), gate("enforce"));
        let mut expected: BTreeMap<Option<String>, [u64; 5]> = BTreeMap::new();
        for (surface, request) in &requests {
            let change = difference(&shadow.evaluate(request), &enforced.evaluate(request));
            let sums = expected.entry(surface.clone()).or_default();
            sums.iter_mut().zip(change).for_each(|(sum, number)| *sum += number);
        }
        // A surface on which nothing was said has no line, and nothing would change there.
        expected.retain(|_, sums| *sums != [0; 5]);
        let together = shadow.shadow_diff().changes.into_iter().filter(|change| change.rule.is_none());
        let counted: BTreeMap<Option<String>, [u64; 4]> = together
            .filter(|change| change.verdicts > 0)
            .map(|c| (c.surface, [c.verdicts, c.withheld, c.moved, c.exposure_ppm]))
            .collect();
        let expected: BTreeMap<Option<String>, [u64; 4]> = (expected.into_iter())
            .map(|(surface, [verdicts, withheld, moved, lost, shown])| {
                (surface, [verdicts, withheld, moved, lost * 1_000_000 / shown.max(1)])
            })
            .collect();
        assert_eq!(counted, expected, "{prefix}");
        all += expected.values().map(|[verdicts, ..]| verdicts).sum::<u64>();
    }
    assert!(all > 500, "{all}");
}

#[test]
fn the_diff_weighs_each_rule_alone_and_all_together_and_follows_a_set_that_stays() {
    let modules = || {
        [
            release("hostile/one", "one", "1.0.0").saying(DEMOTE, 300_000),
            release("hostile/two", "two", "1.0.0").saying(BLOCK, 0),
        ]
    };
    let shadowed = || builder("[modes]\none = \"shadow\"\ntwo = \"shadow\"").policies(modules());
    let gate = shadowed().build().unwrap();
    for _ in 0..4 {
        gate.evaluate(&request(None));
    }
    let diff = gate.shadow_diff();
    let row = |change: &ShadowChange| {
        let ShadowChange { rule, requests, effects, verdicts, withheld, moved, exposure_ppm, .. } = change;
        (rule.clone(), [*requests, *effects, *verdicts, *withheld, *moved, *exposure_ppm])
    };
    // The first of two places shows 1, the second 0.63. Demoted below the second, the first row loses 0.37 of 1.63 and the other
    // moves up; withheld it loses all it had.
    assert_eq!(
        diff.changes.iter().map(row).collect::<Vec<_>>(),
        [
            (None, [4, 8, 4, 4, 4, 613_147]),
            (Some("one.rule".into()), [4, 4, 4, 0, 8, 226_294]),
            (Some("two.rule".into()), [4, 4, 4, 4, 4, 613_147]),
        ]
    );
    let json: Value = serde_json::to_value(&diff).unwrap();
    assert_eq!(json["changes"][1]["rule"], "one.rule");
    let table = diff.to_string();
    assert!(table.lines().nth(1).unwrap().contains("all together") && table.contains("22.63 %"), "{table}");
    // The same set goes on counting; another one starts.
    gate.swap(shadowed().label("again").generation().unwrap());
    gate.evaluate(&request(None));
    assert_eq!((gate.shadow_diff().changes[0].requests, gate.shadow_diff().generation.as_deref()), (5, Some("again")));
    gate.swap(builder("[modes]\none = \"shadow\"").policies(modules()).generation().unwrap());
    assert_eq!(gate.shadow_diff().changes, []);
    assert_eq!(gate.shadow_diff().to_string(), "nothing was said in shadow\n");
}

/// A gate that keeps its last eight requests, after it has judged nine.
fn recorded(config: &str, module: Module) -> Gate {
    let gate = builder(config).policies([module]).recording(8).build().unwrap();
    for _ in 0..9 {
        gate.evaluate(&request(None));
    }
    gate
}

#[test]
fn a_proposal_within_bounds_judges_at_once() {
    let gate = recorded("", release("hostile/module", "hostile", "1.0.0").saying(DEMOTE, 300_000));
    let next = release("hostile/module", "hostile", "1.1.0").saying(DEMOTE, 600_000);
    let trial = gate.propose(builder("").policies([next]).label("next"), &Bounds::default()).unwrap();
    assert_eq!((trial.ruling, trial.proposed.requests, trial.alarms.len()), (Ruling::Accepted, 8, 0));
    let outcome = gate.evaluate(&request(None));
    assert_eq!((weight(&outcome), outcome.generation()), (600_000, Some("next")));
    // Trying counts nowhere.
    assert_eq!((gate.stats().requests, gate.stats().modules[0].calls), (10, 1));
}

#[test]
fn a_module_that_withholds_or_fails_too_much_stays_in_shadow_and_the_one_before_goes_on() {
    let good = release("hostile/module", "hostile", "1.0.0").saying(DEMOTE, 300_000);
    let next = release("hostile/module", "hostile", "1.1.0");
    for (bad, alarm) in [
        (
            next.saying(BLOCK, 0),
            "on 8 recorded requests 50.00 % of the candidates are withheld, 0.00 % before; at most 2.00 points more are in bounds",
        ),
        (
            next.around("unreachable", BLOCK, 0),
            "on 8 recorded requests 100.00 % of the requests see a module fail, 0.00 % before; at most 0.10 points more are in bounds",
        ),
    ] {
        let gate = recorded("", good.clone());
        let other = release("hostile/other", "other", "1.0.0").saying(DEMOTE, 200_000);
        let trial = gate.propose(builder("").policies([bad, other]), &Bounds::default()).unwrap();
        assert_eq!(trial.ruling, Ruling::Held);
        assert!(trial.alarms.iter().any(|said| said == alarm), "{:?}", trial.alarms);
        assert_eq!(trial.held, ["hostile/module@1.1.0", "hostile/other@1.0.0"]);
        let outcome = gate.evaluate(&request(None));
        assert_eq!(weight(&outcome), 300_000);
        assert_eq!(outcome.notices.iter().filter(|notice| notice.code == "held").count(), 2);
        assert_eq!(speakers(&outcome).0, ["hostile/module@1.0.0"]);
    }
}

#[test]
fn a_release_that_is_held_is_tried_again_with_the_next_proposal() {
    let gate = recorded("", release("hostile/module", "hostile", "1.0.0").saying(DEMOTE, 300_000));
    let bad = || release("hostile/module", "hostile", "1.1.0").saying(BLOCK, 0);
    let propose = |config: &str, modules: Vec<Module>, bounds: &Bounds| {
        let trial = gate.propose(builder(config).policies(modules), bounds).unwrap();
        (trial.ruling, trial.held, gate.evaluate(&request(None)))
    };
    let held = vec!["hostile/module@1.1.0".to_owned()];
    assert_eq!(propose("", vec![bad()], &Bounds::default()).1, held);
    // It holds back nothing else of what is proposed with it.
    let stricter = "[provider]\nterritory = \"CN_MAINLAND\"";
    let later = release("hostile/later", "later", "1.0.0").with("effective_from", json!("2027-01-01")).saying(BLOCK, 0);
    let before = gate.policy_set().digest().to_owned();
    let (ruling, again, outcome) = propose(stricter, vec![bad(), later], &Bounds::default());
    assert_eq!((ruling, again, weight(&outcome)), (Ruling::Held, held, 300_000));
    assert_ne!(outcome.policy_set().digest(), before);
    // Under bounds that let it, it judges.
    let wide = Bounds { withheld_ppm: 500_000, ..Bounds::default() };
    let (ruling, held, outcome) = propose(stricter, vec![bad()], &wide);
    assert_eq!((ruling, held, outcome.shown), (Ruling::Accepted, vec![], 1));
}

#[test]
fn an_urgent_release_judges_whatever_its_trial_says() {
    let gate = recorded("", release("hostile/module", "hostile", "1.0.0").saying(DEMOTE, 300_000));
    let urgent = release("hostile/module", "hostile", "1.1.0").saying(BLOCK, 0);
    let proposal = builder("").policies([urgent]).urgent(["hostile/module".to_owned()]);
    let trial = gate.propose(proposal, &Bounds::default()).unwrap();
    assert_eq!((trial.ruling, trial.alarms.len(), trial.held.len()), (Ruling::Accepted, 1, 0));
    assert_eq!(gate.evaluate(&request(None)).shown, 1);
}

#[test]
fn urgency_takes_a_grant_and_ends_far_beyond_the_bounds() {
    let next = release("hostile/module", "hostile", "1.1.0");
    let propose = |config: &str, bad: Module, bounds: &Bounds| {
        let gate = recorded(config, release("hostile/module", "hostile", "1.0.0").saying(DEMOTE, 300_000));
        let proposal = builder(config).policies([bad]).urgent(["hostile/module".to_owned()]);
        let trial = gate.propose(proposal, bounds).unwrap();
        (trial.ruling, trial.held.len(), gate.evaluate(&request(None)).shown)
    };
    let default = "[authorities.hostile]\neffect = \"block\"\n";
    let granted = format!("{default}urgent = true");
    let bounds = Bounds::default();
    // Its authority marks it urgent, and that alone is nothing.
    assert_eq!(propose(default, next.saying(BLOCK, 0), &bounds), (Ruling::Held, 1, 2));
    assert_eq!(propose(&granted, next.saying(BLOCK, 0), &bounds), (Ruling::Accepted, 0, 1));
    assert_eq!(propose("[authorities.hostile]\nbase = \"full\"", next.saying(BLOCK, 0), &bounds).0, Ruling::Accepted);
    let narrow = "[authorities.hostile]\nbase = \"full\"\nurgent = false";
    assert_eq!(propose(narrow, next.saying(BLOCK, 0), &bounds).0, Ruling::Held);
    // What fails in every request, or withholds more than half, waits for a person.
    assert_eq!(propose(&granted, next.around("unreachable", BLOCK, 0), &bounds), (Ruling::Held, 1, 2));
    let strict = Bounds { urgent_withheld_ppm: 400_000, ..bounds };
    assert_eq!(propose(&granted, next.saying(BLOCK, 0), &strict), (Ruling::Held, 1, 2));
}

#[test]
fn a_proposal_that_goes_beyond_by_itself_is_refused() {
    // No module is new, so there is none to leave in shadow: it is the configuration that withholds.
    let module = release("hostile/module", "hostile", "1.0.0").saying(BLOCK, 0);
    let gate = recorded("[modes]\nhostile = \"shadow\"", module.clone());
    let before = gate.policy_set().digest().to_owned();
    let trial = gate.propose(builder("").policies([module]), &Bounds::default()).unwrap();
    assert_eq!((trial.ruling, gate.policy_set().digest()), (Ruling::Refused, &*before));
    assert_eq!((gate.stats().refused, gate.stats().swaps), (1, 0));
    assert_eq!(gate.evaluate(&request(None)).shown, 2);
    // A proposal that cannot be built changes nothing either, and without recorded requests nothing is tried.
    let clash =
        ["one", "two"].map(|name| release(if name == "one" { "hostile/one" } else { "hostile/two" }, "same", "1.0.0"));
    let clash = clash.map(|release| release.saying(DEMOTE, 1));
    assert!(gate.propose(builder("").policies(clash), &Bounds::default()).is_err());
    assert_eq!(gate.policy_set().digest(), before);
    let unrecorded = builder("").build().unwrap();
    let strict = release("hostile/module", "hostile", "1.0.0").saying(BLOCK, 0);
    let trial = unrecorded.propose(builder("").policies([strict]), &Bounds::default()).unwrap();
    assert_eq!((trial.ruling, trial.proposed.requests), (Ruling::Accepted, 0));
}

#[test]
fn a_release_that_replaces_another_and_is_held_leaves_it_in_place() {
    let allowed = format!("{BOTH}replaces = [\"hostile/module\"]");
    let gate = recorded(&allowed, release("hostile/module", "hostile", "1.0.0").saying(DEMOTE, 300_000));
    let real = release("cac/rule", "hostile", "1.0.0").with("replaces", json!(["hostile/module"])).saying(BLOCK, 0);
    let trial = gate.propose(builder(&allowed).policies([real]), &Bounds::default()).unwrap();
    assert_eq!((trial.ruling, &trial.held[..]), (Ruling::Held, &["cac/rule@1.0.0".to_owned()][..]));
    let outcome = gate.evaluate(&request(None));
    assert_eq!(speakers(&outcome), (vec!["hostile/module@1.0.0".into()], vec!["cac/rule@1.0.0".into()]));
}

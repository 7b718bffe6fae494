//! Who may do what: grants, facts about the operator, values that only tighten.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use normgate::contract::{Day, Vocabulary};
use normgate::{Batch, Config, Detail, Gate, GateBuilder, Module, Outcome, embedded};
use serde_json::{Value, json};
use support::component::{MANIFEST, module, with_manifest};

/// A module of the authority `hostile`, whose one rule has these effects and which reads these candidate columns.
fn made(columns: &Value, effects: &Value, more: &Value) -> Module {
    let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    manifest["frames"][0]["columns"] = columns.clone();
    manifest["rules"][0]["effects"] = effects.clone();
    for (key, value) in more.as_object().unwrap() {
        match key.as_str() {
            "optional_effects" => manifest["rules"][0][key] = value.clone(),
            _ => manifest[key] = value.clone(),
        }
    }
    let bytes = with_manifest(module("", 0, 0, 300_000), &manifest.to_string());
    Module::read("made.wasm", &bytes, Vocabulary::shipped()).unwrap()
}

fn builder(config: &str) -> GateBuilder {
    Gate::builder().config(Config::parse(config).unwrap()).as_of("2026-11-01".parse::<Day>().unwrap())
}

/// The sentence with which a module is refused; empty when it loads.
fn refusal(config: &str, module: Module) -> String {
    let built = builder(config).policies([module]).trusting().build();
    built.err().map(|error| error.to_string()).unwrap_or_default()
}

fn plain() -> Module {
    made(&json!([]), &json!([{"demote": 300_000}]), &json!({}))
}

#[test]
fn the_library_grants_nothing_that_nobody_wrote_down() {
    let error = builder("").policies([plain()]).build().err().unwrap().to_string();
    assert_eq!(
        error,
        "module made.wasm: beyond the grant of `hostile`: nothing is granted to this authority; grant it in \
         normgate.toml under the line `[authorities.hostile]`, or mark it optional"
    );
    // With a table of authorities, trust does not help whoever is not in it; and what the program carries still loads.
    assert!(refusal("[authorities.other]", plain()).contains("nothing is granted"));
    assert!(builder("[authorities.other]").policies(embedded::arp()).build().is_ok());
    let error = builder("[authorities.hostile]").policies([plain()]).build().err().unwrap().to_string();
    assert!(error.contains("not compiled yet, and this process compiles only what it carries"), "{error}");
}

#[test]
fn an_association_may_demote_and_not_more_unless_the_platform_says_so() {
    let association = "[authorities.hostile]";
    let tri = |field: &str| json!([{"field": field, "type": "tri"}]);
    let none = json!([]);
    let demote = json!([{"demote": 300_000}]);
    for (columns, effects, refused) in [
        (&none, &demote, ""),
        (&tri("commercial"), &demote, ""),
        (&none, &json!([{"block": "none"}]), "rule hostile.rule may cause withholding rows"),
        (&none, &json!([{"block": "human_review"}]), "withholding rows"),
        (&tri("competitor"), &demote, "it reads `candidates.competitor`"),
        (&tri("engage.self_affiliated"), &demote, "it reads `candidates.engage.self_affiliated`"),
        (&none, &json!([{"veto": "exclusive_penalty"}]), "a veto on `exclusive_penalty`"),
        (&none, &json!([{"veto": "engagement_raw"}]), ""),
    ] {
        let error = refusal(association, made(columns, effects, &json!({})));
        assert_eq!(error.is_empty(), refused.is_empty(), "{error}");
        assert!(error.contains(refused), "{error}");
        assert_eq!(refusal("[authorities.hostile]\nbase = \"full\"", made(columns, effects, &json!({}))), "");
    }
}

#[test]
fn every_part_of_a_grant_can_be_narrowed() {
    let obligation = json!([{"obligation": {"code": "review.human"}}]);
    let label = json!([{"label": "ad"}]);
    let block = json!([{"block": "none"}]);
    for (grant, effects, refused) in [
        ("labels = [\"spend_notice\"]", &label, "the label `ad`"),
        ("obligations = []", &obligation, "the obligation `review.human`"),
        ("vetoes = []", &json!([{"veto": "engagement_raw"}]), "a veto on `engagement_raw`"),
        ("violations = false", &json!(["violation"]), "findings about the operator"),
        ("promote = false", &json!(["promote"]), "promoting rows"),
        ("effect = \"label\"", &json!([{"demote": 1}]), "demoting rows"),
        ("effect = \"allow\"", &label, "the label `ad`"),
    ] {
        let module = || made(&json!([]), effects, &json!({}));
        let error = refusal(&format!("[authorities.hostile]\nbase = \"full\"\n{grant}"), module());
        assert!(error.contains(refused), "{grant}: {error}");
        assert_eq!(refusal("[authorities.hostile]\nbase = \"full\"", module()), "");
    }
    assert_eq!(refusal("[authorities.hostile]\neffect = \"block\"", made(&json!([]), &block, &json!({}))), "");
    let column = json!([{"field": "kind", "type": "term", "entries": ["ad"]}]);
    let demote = json!([{"demote": 1}]);
    let narrow = "[authorities.hostile]\ncolumns = [\"request.*\", \"candidates.aigc.*\"]";
    assert!(refusal(narrow, made(&column, &demote, &json!({}))).contains("it reads `candidates.kind`"));
    let wide = "[authorities.hostile]\ncolumns = [\"candidates.kind\"]";
    assert_eq!(refusal(wide, made(&column, &demote, &json!({}))), "");
}

#[test]
fn what_is_optional_is_taken_away_instead_of_refused() {
    // The made module names effect 0 of row 0 whatever happens.
    let optional = made(
        &json!([{"field": "competitor", "type": "tri", "optional": true}]),
        &json!([{"block": "none"}, {"demote": 1}]),
        &json!({"optional_effects": [0]}),
    );
    let batch = Batch::from_json(br#"{"ctx":{"now_ms":1,"local_min":1},"candidates":[{"id":"a"}]}"#).unwrap();
    let judged = |config: &str| {
        let gate = builder(config).policies([optional.clone()]).trusting().build().unwrap();
        gate.evaluate(&batch)
    };
    let granted = judged("[authorities.hostile]\nbase = \"full\"");
    assert_eq!((granted.shown, granted.failures.len()), (0, 0));
    let withheld = judged("[authorities.hostile]");
    assert_eq!((withheld.shown, withheld.failures.len()), (1, 0));
    assert_ne!(granted.policy_set().digest(), withheld.policy_set().digest());
}

#[test]
fn a_wide_grant_reads_as_sentences() {
    let config = Config::parse(
        "[authorities.club]\nprefixes = [\"club\"]\n[authorities.cac]\nbase = \"full\"\n[authorities.shop]\n\
         vetoes = [\"price_parity\"]\ntightens = [\"art06.*\"]\nprefixes = [\"art22\", \"shop\"]\nretain_d = 400\nurgent = true",
    );
    let sentences: Vec<String> =
        config.unwrap().authorities.unwrap().iter().flat_map(|(name, grant)| grant.wider_than_default(name)).collect();
    assert!(sentences[0].starts_with("the authority `cac` may read candidates.author_id, candidates.competitor"));
    let (cac, shop): (Vec<&String>, Vec<&String>) =
        sentences.iter().partition(|s| s.starts_with("the authority `cac`"));
    for right in
        ["tighten any parameter", "use any prefix", "kept for as long", "mark releases urgent", "bind emergency"]
    {
        assert!(cac.iter().any(|sentence| sentence.contains(right)), "{right}: {cac:#?}");
    }
    let said = |what: &str| format!("the authority `shop` may {what}, which an association may not by default");
    let rights = [
        "veto price_parity",
        "tighten art06.*, once adopted",
        "use the prefixes art22",
        "have records kept for 400 days",
        "mark releases urgent, which a trial then holds only beyond the wider bounds",
    ];
    assert_eq!(shop, rights.map(said).iter().collect::<Vec<_>>());
}

fn read(request: &Value) -> Batch {
    Batch::from_json(request.to_string().as_bytes()).unwrap()
}

fn codes(outcome: &Outcome) -> Vec<&str> {
    outcome.notices.iter().map(|notice| notice.code).collect()
}

/// A reprint of news, from a listed source, with everything benign.
fn news(provider: &Value) -> Value {
    json!({"ctx": {"now_ms": 1793532600000i64, "local_min": 600, "surface": "feed"}, "provider": provider,
        "candidates": [{"id": "n", "kind": "news", "scan_state": "done", "signals": [], "news": {"is_news": true,
            "origin": "reprint", "source_listed": "listed", "attribution": "complete"}}]})
}

#[test]
fn facts_of_the_operator_win_and_the_stricter_of_two_is_judged() {
    let art13 = || embedded::arp().into_iter().filter(|m| m.manifest.module == "art13");
    let judge = |config: &str, provider: Value| {
        let outcome = builder(config).policies(art13()).build().unwrap().evaluate(&read(&news(&provider)));
        let fired: Vec<String> = outcome.verdicts[0..1]
            .iter()
            .flat_map(|v| outcome.reasons(v))
            .map(|r| outcome.policy_set().rule_id(r.rule).to_owned())
            .collect();
        (fired, codes(&outcome).iter().filter(|code| **code == "provider-fact").count())
    };
    let fired = |rules: &[&str], notices| (rules.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>(), notices);
    let permits = "[provider]\npermits = [\"reprint\", \"platform\"]";
    // Said once, it need not be sent.
    assert_eq!(judge("", json!({})), fired(&["art13.no-permit"], 0));
    assert_eq!(judge(permits, json!({})), fired(&[], 0));
    assert_eq!(judge(permits, json!({"permits": ["platform", "reprint"]})).0, fired(&[], 0).0);
    // A request cannot add a permit, and may lack one.
    assert_eq!(
        judge("[provider]\npermits = [\"platform\"]", json!({"permits": ["reprint"]})),
        fired(&["art13.no-permit"], 1)
    );
    assert_eq!(judge(permits, json!({"permits": ["platform"]})), fired(&["art13.wrong-permit"], 1));
    // The earlier expiry counts, whoever says it.
    let expired = format!("{permits}\npermit_expiry_ms = 1000");
    assert_eq!(judge(&expired, json!({"permit_expiry_ms": 4102444800000i64})), fired(&["art13.no-permit"], 1));
    let valid = format!("{permits}\npermit_expiry_ms = 4102444800000");
    assert_eq!(judge(&valid, json!({"permit_expiry_ms": 1000})), fired(&["art13.no-permit"], 1));
}

#[test]
fn a_request_cannot_leave_the_territory_or_a_norm_that_was_adopted() {
    let judge = |config: &str, request: Value| {
        builder(config).policies(embedded::arp()).build().unwrap().evaluate(&read(&request))
    };
    let elsewhere = json!({"ctx": {"now_ms": 1, "local_min": 1, "territory": "OTHER"}, "candidates": []});
    let scope = |config: &str| serde_json::to_value(judge(config, elsewhere.clone()).scope).unwrap();
    assert_eq!(scope(""), "out");
    assert_eq!(scope("[provider]\nterritory = \"CN_MAINLAND\""), "in");
    assert_eq!(scope("[provider]\nterritory = \"OTHER\""), "out");
    let adopted = "[provider]\nnorms_adopted = [\"delivery\", \"film-club\"]";
    let order = |norms: Value| {
        json!({"ctx": {"now_ms": 1, "local_min": 1, "algo_type": "dispatch"}, "provider": {"norms_adopted": norms},
            "candidates": [{"id": "o", "kind": "work_order", "work": {"continuous_s": 15_000}}]})
    };
    let norm_enforced = |outcome: &Outcome| {
        outcome
            .verdicts
            .iter()
            .flat_map(|v| outcome.reasons(v))
            .any(|r| outcome.policy_set().rule_id(r.rule) == "art05.delivery.fatigue")
    };
    assert!(!norm_enforced(&judge("", order(json!([])))));
    assert!(norm_enforced(&judge(adopted, order(json!([])))));
    assert!(norm_enforced(&judge("[provider]\nnorms_adopted = []", order(json!(["delivery", "of-our-own"])))));
}

#[test]
fn a_wrong_fact_is_refused_with_its_place() {
    let error = |config: &str| builder(config).build().err().unwrap().to_string();
    assert_eq!(
        error("[provider]\npermits = [\"fly\"]"),
        "provider.permits[0]: `fly` is none of edit_publish, reprint, platform"
    );
    assert!(
        error("[provider]\nunheard_of = 1").starts_with("provider.unheard_of:"),
        "{}",
        error("[provider]\nunheard_of = 1")
    );
}

#[test]
fn nobody_loosens_the_law_and_overlays_only_tighten() {
    let built = |config: &str| builder(config).policies(embedded::arp()).build();
    let error = |config: &str| built(config).err().unwrap().to_string();
    assert_eq!(
        error("[parameters]\n\"art18.topup_single_8_fen\" = 6000"),
        "parameters.\"art18.topup_single_8_fen\": 6000 is outside 0..5000 fen"
    );
    assert!(built("[parameters]\n\"art09.retain_d\" = 365").is_ok());
    assert_eq!(
        error("[parameters]\n\"art09.retain_d\" = 400\n[overlays.cac]\n\"art09.retain_d\" = 365"),
        "overlays.cac.\"art09.retain_d\": 365 is looser than the value in force; an overlay only tightens"
    );
    assert!(error("[overlays.cac]\n\"art06.no_such\" = 1").contains("there is no such parameter"));
    // The regulator's value wins over a looser one of the operator, and gives way to a stricter one.
    let weight = |config: &str| {
        let request = json!({"ctx": {"now_ms": 1793532600000i64, "local_min": 600, "surface": "feed"},
            "candidates": [{"id": "a", "scan_state": "done", "signals": [{"code": "H1", "source": "human"}]}]});
        let art06 = embedded::arp().into_iter().filter(|m| m.manifest.module == "art06");
        let outcome = builder(config).policies(art06).build().unwrap().evaluate(&read(&request));
        (outcome.verdicts[0].judgement.weight_ppm(), codes(&outcome).join(" "))
    };
    let overlay = "[overlays.cac]\n\"art06.harm_w\" = 100000\n";
    assert_eq!(weight(overlay), (100_000, String::new()));
    assert_eq!(weight(&format!("{overlay}[parameters]\n\"art06.harm_w\" = 300000")), (100_000, String::new()));
    assert_eq!(weight(&format!("{overlay}[parameters]\n\"art06.harm_w\" = 50000")), (50_000, "overlay-ignored".into()));
}

/// A sector norm that says these values for parameters of other modules.
fn norm(overlays: &Value) -> Module {
    made(
        &json!([]),
        &json!([{"label": "ad"}]),
        &json!({"pack": "hostile/conduct", "issuer": {"zh": "x", "en": "x"}, "overlays": overlays}),
    )
}

#[test]
fn an_adopted_norm_tightens_and_never_loosens() {
    let weight = |overlays: Value, norms: Value| {
        let request = json!({"ctx": {"now_ms": 1793532600000i64, "local_min": 600, "surface": "feed"},
            "provider": {"norms_adopted": norms},
            "candidates": [{"id": "z"}, {"id": "a", "scan_state": "done", "signals": [{"code": "H1", "source": "human"}]}]});
        let modules = embedded::arp().into_iter().filter(|m| m.manifest.module == "art06").chain([norm(&overlays)]);
        let outcome = builder("").policies(modules).trusting().build().unwrap().evaluate(&read(&request));
        let verdict = outcome.verdicts.iter().find(|v| outcome.candidate_id(v.row) == "a").unwrap().judgement;
        let answer: Value = serde_json::from_str(&outcome.to_json(Detail::default())).unwrap();
        (verdict.weight_ppm(), codes(&outcome).join(" "), answer["violations"].clone())
    };
    let tighter = json!({"art06.harm_w": 50_000});
    assert_eq!(weight(tighter.clone(), json!(["hostile/conduct"])), (50_000, "tightened".into(), json!([])));
    assert_eq!(weight(tighter, json!([])), (200_000, String::new(), json!([])));
    let looser = json!({"art06.harm_w": 900_000});
    assert_eq!(weight(looser.clone(), json!(["hostile/conduct"])), (200_000, "art05.loosening".into(), json!([])));
    assert_eq!(weight(looser, json!([])), (200_000, String::new(), json!([])));
}

#[test]
fn an_adopted_norm_that_loosens_the_law_is_a_finding() {
    let ctx = json!({"now_ms": 1, "local_min": 1});
    let request = json!({"ctx": ctx, "provider": {"norms_adopted": ["hostile/conduct"]}, "candidates": []});
    let modules = embedded::arp().into_iter().filter(|m| m.manifest.module == "art18");
    let modules = modules.chain([norm(&json!({"art18.game_to_min": 1320}))]);
    let outcome = builder("").policies(modules).trusting().build().unwrap().evaluate(&read(&request));
    let answer: Value = serde_json::from_str(&outcome.to_json(Detail::default())).unwrap();
    assert_eq!(answer["violations"], json!([{"rule": "art05.loosening", "target": null, "cause": "fact"}]));
    assert_eq!(
        answer["notices"][0]["message"],
        "1320 for `art18.game_to_min` would loosen the value in force, or is not legal; that value was kept"
    );
}

#[test]
fn only_a_norm_tightens_parameters_of_others() {
    let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    manifest["overlays"] = json!({"art06.harm_w": 1});
    let bytes = with_manifest(module("", 0, 0, 0), &manifest.to_string());
    let error = Module::read("made.wasm", &bytes, Vocabulary::shipped()).unwrap_err().to_string();
    assert_eq!(
        error,
        "module made.wasm: overlays: only a sector norm tightens parameters of other modules; name its `pack`"
    );
}

#[test]
fn the_example_of_the_manual_is_a_configuration() {
    let manual = include_str!("../docs/operating.md");
    let example = manual.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let film_club = include_bytes!("frozen/film-club-0.1.0.wasm");
    let film_club = Module::read("film-club.wasm", film_club, Vocabulary::shipped()).unwrap();
    let gate = builder(example).policies(embedded::arp()).policies([film_club]).trusting().build().unwrap();
    assert_eq!(gate.policy_set().manifests().count(), embedded::arp().len() + 1);
}

/// A sector norm of an authority that labels, under this pack, with these values for parameters of others.
fn norm_of(id: &str, pack: &str, overlays: &Value) -> Module {
    let name = id.replace('/', ".");
    made(
        &json!([]),
        &json!([{"label": "ad"}]),
        &json!({"id": id, "module": name, "rules": [rule(&format!("{name}.rule"))], "pack": pack,
                "issuer": {"zh": "x", "en": "x"}, "overlays": overlays}),
    )
}

fn rule(id: &str) -> Value {
    let manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    let mut rule = manifest["rules"][0].clone();
    (rule["id"], rule["effects"]) = (json!(id), json!([{"label": "ad"}]));
    rule
}

/// What a harmful row weighs beside these norms, where the provider adopted these packs; and the notices that are about norms.
fn beside(config: &str, norms: Vec<Module>, adopted: &[&str]) -> (u32, Vec<String>) {
    let request = json!({"ctx": {"now_ms": 1793532600000i64, "local_min": 600, "surface": "feed"},
        "provider": {"norms_adopted": adopted},
        "candidates": [{"id": "z"}, {"id": "a", "scan_state": "done", "signals": [{"code": "H1", "source": "human"}]}]});
    let modules = embedded::arp().into_iter().filter(|m| m.manifest.module == "art06").chain(norms);
    let outcome = builder(config).policies(modules).trusting().build().unwrap().evaluate(&read(&request));
    let verdict = outcome.verdicts.iter().find(|v| outcome.candidate_id(v.row) == "a").unwrap().judgement;
    (
        verdict.weight_ppm(),
        outcome.notices.iter().map(|notice| format!("{}: {}", notice.code, notice.message)).collect(),
    )
}

#[test]
fn nobody_is_adopted_by_the_name_of_somebody_elses_pack() {
    let overlays = json!({"art06.harm_w": 0, "common.t_suspect": 1, "common.unknown_age": "minor"});
    let config = "[authorities.club]\neffect = \"label\"\ncolumns = []\ntightens = [\"*\"]\n";
    for pack in ["delivery", "guild/pack", "nobody", "club/"] {
        let norm = norm_of("club/norm", pack, &overlays);
        let (weight, notices) = beside(config, vec![norm.clone()], &["delivery", pack]);
        assert_eq!(weight, 200_000, "{pack}");
        assert!(notices.len() == 1 && notices[0].starts_with("pack-ignored: its pack"), "{notices:?}");
        // It is observed, and nothing more.
        let request = read(&json!({"ctx": {"now_ms": 1, "local_min": 1}, "provider": {"norms_adopted": [pack]},
            "candidates": [{"id": "a"}]}));
        let outcome = builder(config).policies([norm]).trusting().build().unwrap().evaluate(&request);
        assert_eq!((outcome.reasons(&outcome.verdicts[0]).len(), outcome.shadow.len()), (0, 1));
    }
    assert_eq!(beside(config, vec![norm_of("club/norm", "club/norm", &overlays)], &["club/norm"]).0, 0);
    // The packs of the vocabulary stay those of whom it names, and of the reference reading.
    for (id, weight) in [("association/x", 0), ("reference/x", 0), ("club/x", 200_000)] {
        let authority = id.split('/').next().unwrap();
        let base = if authority == "reference" { "full" } else { "association" };
        let config = format!("[authorities.{authority}]\nbase = \"{base}\"\ntightens = [\"*\"]");
        assert_eq!(beside(&config, vec![norm_of(id, "delivery", &overlays)], &["delivery"]).0, weight, "{id}");
    }
}

#[test]
fn a_norm_tightens_what_its_grant_names_and_every_outcome_says_so() {
    let overlays = json!({"art06.harm_w": 50_000, "common.t_confirm": 900_000});
    let norm = || vec![norm_of("club/norm", "club/norm", &overlays)];
    let adopted = &["club/norm"];
    let ignored = |names: &str| {
        format!(
            "overlay-ignored: of its values for other modules' parameters these are not taken: {names}: [authorities.club] does \
             not let it (`tightens`)"
        )
    };
    assert_eq!(
        beside("[authorities.club]", norm(), adopted),
        (200_000, vec![ignored("art06.harm_w, common.t_confirm")])
    );
    let granted = "[authorities.club]\ntightens = [\"art06.*\"]";
    let tightened = "tightened: being adopted, it tightens art06.harm_w to 50000".to_owned();
    let (weight, mut notices) = beside(granted, norm(), adopted);
    notices.sort();
    assert_eq!((weight, notices), (50_000, vec![ignored("common.t_confirm"), tightened]));
    assert_eq!(beside(granted, norm(), &[]), (200_000, vec![ignored("common.t_confirm")]));
    assert_eq!(beside("[authorities.club]\nbase = \"full\"", norm(), adopted).0, 50_000);
}

#[test]
fn values_out_of_order_and_a_fifth_norm_are_a_notice_and_no_error() {
    let all = |names: &[&str]| -> String {
        names.iter().map(|name| format!("[authorities.{name}]\ntightens = [\"*\"]\n")).collect()
    };
    // Suspecting from where nothing is confirmed any more.
    let inverted = norm_of("club/norm", "club/norm", &json!({"common.t_confirm": 1, "art06.harm_w": 50_000}));
    let (weight, notices) = beside(&all(&["club"]), vec![inverted], &["club/norm"]);
    assert_eq!(weight, 200_000, "what is out of order is not taken, nor what comes with it");
    assert!(notices[0].contains("those of art06: they would be out of order"), "{notices:?}");
    // Four are heard: one of each authority before anybody's second.
    let mut norms: Vec<Module> = (0..5)
        .map(|n| norm_of(&format!("aaa/n{n}"), &format!("aaa/n{n}"), &json!({"art06.harm_w": 100_000 - n})))
        .collect();
    norms.push(norm_of("zzz/norm", "zzz/norm", &json!({"art06.harm_w": 7})));
    let adopted = ["aaa/n0", "aaa/n1", "aaa/n2", "aaa/n3", "aaa/n4", "zzz/norm"];
    let (weight, notices) = beside(&all(&["aaa", "zzz"]), norms, &adopted);
    assert_eq!(weight, 7);
    let untaken: Vec<&String> = notices.iter().filter(|notice| notice.starts_with("overlay-ignored")).collect();
    assert!(untaken.len() == 2 && untaken[0].contains("4 other norms tighten it"), "{notices:?}");
    assert_eq!(notices.iter().filter(|notice| notice.starts_with("tightened")).count(), 4);
}

#[test]
fn records_are_kept_no_longer_than_a_grant_lets_ask() {
    let module = |days: i64| {
        made(&json!([]), &json!([{"obligation": {"code": "preserve.record", "retain_d": days}}]), &json!({}))
    };
    let kept = |config: &str, days: i64| {
        let gate = builder(config).policies([module(days)]).trusting().build().unwrap();
        let outcome = gate.evaluate(&read(&json!({"ctx": {"now_ms": 1, "local_min": 1}, "candidates": [{"id": "a"}]})));
        (outcome.obligations[0].retain_d, codes(&outcome).join(" "))
    };
    let granted = |rest: &str| format!("[authorities.hostile]\n{rest}");
    assert_eq!(kept(&granted(""), 36_500), (None, "retention-cut".into()));
    assert_eq!(kept(&granted("retain_d = 400"), 36_500), (Some(400), "retention-cut".into()));
    assert_eq!(kept(&granted("retain_d = 400"), 365), (Some(365), String::new()));
    assert_eq!(kept(&granted("base = \"full\""), 36_500), (Some(36_500), String::new()));
    assert_eq!(kept(&granted("base = \"full\"\nretain_d = 400"), 36_500), (Some(400), "retention-cut".into()));
}

#[test]
fn emergency_rows_are_bound_by_who_may_do_everything() {
    let mut bound = rule("art06.illegal-confirmed");
    bound["binds_emergency"] = json!(true);
    bound["effects"] = json!([{"demote": 1}]);
    let module = || made(&json!([]), &json!([{"demote": 1}]), &json!({"module": "art06", "rules": [bound]}));
    let error = refusal("[authorities.hostile]\nprefixes = [\"art06\"]", module());
    assert!(
        error.contains("rule art06.illegal-confirmed binds emergency rows, which takes base = \"full\""),
        "{error}"
    );
    assert_eq!(refusal("[authorities.hostile]\nbase = \"full\"", module()), "");
}

#[test]
fn nobody_speaks_under_the_names_of_the_host() {
    let refused = |prefix: &str, id: &str| {
        let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
        (manifest["module"], manifest["rules"][0]["id"]) = (json!(prefix), json!(id));
        let bytes = with_manifest(module("", 0, 0, 0), &manifest.to_string());
        Module::read("made.wasm", &bytes, Vocabulary::shipped()).is_err()
    };
    for (prefix, id) in [
        ("host", "host.failure"),
        ("host.x", "host.x.y"),
        ("common", "common.x"),
        ("common.x", "common.x.y"),
        ("art05", "art05.loosening"),
        ("film", "film.club.rule"),
    ] {
        assert!(refused(prefix, id), "{id}");
    }
    assert!(!refused("film.club", "film.club.rule") && !refused("hostel", "hostel.rule"));
}

#[test]
fn every_name_of_a_configuration_matches_something_or_is_refused_with_the_nearest() {
    let refused = |config: &str| {
        let built = builder(config).policies(embedded::arp()).build();
        built.map(drop).map_err(|error| error.to_string())
    };
    let grant = |line: &str| format!("[authorities.club]\n{line}");
    let kinds = [
        (
            "[overlays.p]\n\"art6.harm_w\" = 1".to_owned(),
            "overlays.p.\"art6.harm_w\": there is no such parameter; did you mean `art06.harm_w`?",
        ),
        (
            "[parameters]\n\"art06.harmw\" = 1".to_owned(),
            "parameters.\"art06.harmw\": there is no such parameter; did you mean `art06.harm_w`?",
        ),
        ("[parameters]\n\"common.t_suspekt\" = 1".to_owned(), "did you mean `common.t_suspect`?"),
        (
            "[parameters]\nnothing_like_it = 1".to_owned(),
            "there is no such parameter; `normgate inspect` lists those of a module",
        ),
        (
            "[modes]\nart99 = \"shadow\"".to_owned(),
            "modes.\"art99\": there is no such module or rule; did you mean `art09`?",
        ),
        ("[modes]\n\"art18-minors\" = \"shadow\"".to_owned(), "there is no such module or rule; did you mean `art18`?"),
        (
            "[modes]\n\"reference/art18-minor\" = \"off\"".to_owned(),
            "there is no such policy; did you mean `reference/art18-minors`?",
        ),
        ("[modes]\n\"art18.curfw\" = \"shadow\"".to_owned(), "did you mean `art18.curfew`?"),
        (
            "[modes]\n\"reference/art18-minors@9.9.9\" = {canary=10}".to_owned(),
            "there is no such release; did you mean `reference/art18-minors@1.0.0`?",
        ),
        (
            "[modes]\n\"reference/art18-minor@1.0.0\" = \"off\"".to_owned(),
            "did you mean `reference/art18-minors@1.0.0`?",
        ),
        (
            "[on_failure]\nart31 = \"allow\"".to_owned(),
            "on_failure.\"art31\": there is no such module; did you mean `art",
        ),
        ("[on_failure]\nart13-news = \"allow\"".to_owned(), "there is no such module; did you mean `art13`?"),
        (grant("tightens = [\"art6.*\"]"), "authorities.club.tightens `art6.*`: there is no such parameter"),
        (grant("tightens = [\"art06.harm\"]"), "did you mean `art06.harm_w`?"),
        (grant("columns = [\"candidate.*\"]"), "authorities.club.columns `candidate.*`: there is no such column"),
        (grant("columns = [\"candidates.knd\"]"), "did you mean `candidates.kind`?"),
        (grant("labels = [\"aigc-visble\"]"), "authorities.club.labels `aigc-visble`: there is no such label"),
        (grant("obligations = [\"review.humn\"]"), "did you mean `review.human`?"),
        (grant("vetoes = [\"price_partiy\"]"), "did you mean `price_parity`?"),
        (
            grant("replaces = [\"reference/art18-minor\"]"),
            "there is no such policy; did you mean `reference/art18-minors`?",
        ),
    ];
    for (config, why) in kinds {
        let error = refused(&config).expect_err(&config);
        assert!(error.contains(why), "{config}\n{error}");
    }
    for config in [
        "[overlays.p]\n\"art06.harm_w\" = 1\n\"common.t_suspect\" = 400000",
        "[modes]\nart18 = \"enforce\"\n\"reference/art18-minors\" = \"enforce\"\n\"art18.curfew\" = \"enforce\"\n\"reference/art18-minors@1.0.0\" = \"enforce\"",
        "[authorities.club]\ntightens = [\"art06.*\", \"common.*\"]\ncolumns = [\"*\", \"candidates.x.club.*\"]\nvetoes = [\"tag\"]\nprefixes = [\"later.*\"]",
    ] {
        assert_eq!(refused(config), Ok(()), "{config}");
    }
    // What this program carries is known, also where it is not loaded; and what a store holds is left for a notice.
    let few =
        || builder("[modes]\nart18 = \"enforce\"\nart99 = \"shadow\"").policies(embedded::arp().into_iter().take(1));
    assert!(few().generation().unwrap_err().to_string().contains("art99"));
    let gate = few().tolerant().generation().unwrap();
    let ignored: Vec<_> = gate.notices().iter().filter(|notice| notice.code == "config-ignored").collect();
    assert_eq!(ignored.len(), 2, "{ignored:?}");
    assert!(few().of_a_larger_set().generation().unwrap().notices().is_empty());
}

#[test]
fn what_everybody_writes_once_is_told_with_the_way_out() {
    for (config, why) in [
        (
            "[parameters]\nart06.harm_w = 150000",
            "parameters.art06.harm_w: a name with a dot stands in quotes: \"art06.harm_w\" = 150000",
        ),
        (
            "[overlays.p]\nart06.harm_w = 150000",
            "overlays.p.art06.harm_w: a name with a dot stands in quotes: \"art06.harm_w\" = 150000",
        ),
        ("[parameters.art06]\nharm_w = 1", "stands in quotes: \"art06.harm_w\" = 1"),
        (
            "[modes]\nart14.over-recommend = \"shadow\"",
            "modes.art14.over-recommend: a name with a dot stands in quotes: \"art14.over-recommend\" = \"shadow\"",
        ),
        (
            "[on_failure]\nart05.delivery = \"allow\"",
            "a name with a dot stands in quotes: \"art05.delivery\" = \"allow\"",
        ),
        ("[modes]\nart14.over-recommend = { canary = 5 }", "\"art14.over-recommend\" = { canary = 5 }"),
        (
            "[parameters]\n\"art06.harm_w\" = 0.15",
            "parameters.\"art06.harm_w\": invalid value `0.15`: expected a whole number; of a share, millionths: 150000",
        ),
        (
            "[parameters]\n\"art06.harm_w\" = true",
            "invalid value `true`: expected a whole number, or a choice in quotes",
        ),
        ("[parameters]\n\"art06.harm_w\" = [1]", "expected a whole number, or a choice in quotes"),
        (
            "mode = \"observe\"\nobserve_until = \"2027-01-01T08:00\"",
            "`2027-01-01T08:00` is not a day; write YYYY-MM-DD",
        ),
        ("mode = \"observe\"\nobserve_until = 2027-01-01T08:00:00", "is not a day; write YYYY-MM-DD"),
        ("mode = \"observe\"\nobserve_until = \"2027-01-01Z\"", "`2027-01-01Z` is not a day"),
        ("mode = \"obsreve\"", "line 1: "),
    ] {
        let error = Config::parse(config).unwrap_err().to_string();
        assert!(error.contains(why), "{config}\n{error}");
    }
    // A day may stand without quotes, as TOML has days.
    let quoted = Config::parse("mode = \"observe\"\nobserve_until = \"2027-01-01\"").unwrap();
    let plain = Config::parse("mode = \"observe\"\nobserve_until = 2027-01-01").unwrap();
    assert_eq!((quoted.observe_until, quoted.mode), (plain.observe_until, plain.mode));
    assert_eq!(plain.observe_until, Some("2027-01-01".parse().unwrap()));
}

#[test]
fn a_norm_that_is_adopted_and_not_there_or_weakened_is_a_notice() {
    let noticed = |config: &str| {
        let gate = builder(config).policies(embedded::arp()).build().unwrap();
        let outcome = gate.evaluate(&read(&news(&json!({}))));
        let of_norms = outcome.notices.iter().filter(|notice| notice.code.starts_with("norm-"));
        of_norms.map(|notice| format!("{}: {}", notice.code, notice.message)).collect::<Vec<_>>()
    };
    let adopting = |norm: &str, more: &str| noticed(&format!("[provider]\nnorms_adopted = [\"{norm}\"]\n{more}"));
    assert_eq!(adopting("delivery", ""), [""; 0]);
    assert_eq!(
        adopting("delivry", ""),
        [
            "norm-missing: `delivry` is adopted, and no module carries this norm, so that nothing of it is judged; did you mean `delivery`?"
        ]
    );
    assert_eq!(
        adopting("club/words", ""),
        ["norm-missing: `club/words` is adopted, and no module carries this norm, so that nothing of it is judged"]
    );
    let delivery =
        embedded::arp().into_iter().find(|module| module.manifest.pack.as_deref() == Some("delivery")).unwrap();
    let weakened = adopting("delivery", &format!("[modes]\n\"{}\" = \"shadow\"", delivery.manifest.module));
    let rule = &delivery.manifest.rules[0].id;
    assert!(
        weakened.len() == 1
            && weakened[0].starts_with("norm-weakened: `delivery` is adopted, and the configuration weakens it: ")
            && weakened[0].contains(&format!("{rule} (shadow)")),
        "{weakened:?}"
    );
    assert_eq!(
        noticed(&format!("[modes]\n\"{}\" = \"shadow\"", delivery.manifest.module)),
        [""; 0],
        "nobody adopted it"
    );
}

#[test]
fn a_parameter_of_an_adopted_norm_that_is_loosened_is_named() {
    let parameter = json!({"name": "hostile.limit", "type": "integer", "min": 0, "max": 10, "unit": "count", "stricter": "smaller",
        "default": 5, "owner": "op", "source": "engineering", "dated": []});
    let more = json!({"pack": "hostile/conduct", "issuer": {"zh": "x", "en": "x"}, "parameters": [parameter]});
    let module = made(&json!([]), &json!([{"label": "ad"}]), &more);
    for (value, loosened) in [(4, false), (5, false), (6, true)] {
        let config =
            format!("[provider]\nnorms_adopted = [\"hostile/conduct\"]\n[parameters]\n\"hostile.limit\" = {value}");
        let gate = builder(&config).policies([module.clone()]).trusting().generation().unwrap();
        let said = gate.notices().iter().any(|n| n.message.contains("hostile.limit = 6, looser than 5"));
        assert_eq!(said, loosened, "{value}: {:?}", gate.notices());
    }
}

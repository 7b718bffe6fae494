//! What a record needs of judging: a request of the columns that are read is judged the same, and so is one judged again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use normgate::{Backend, Batch, Config, Detail, Gate, GateBuilder, Generation, Override, embedded};
use serde_json::Value;
use support::component::module;
use support::generated_request;

/// Requests of all shipped cases, and generated ones with every column.
fn requests() -> Vec<Batch> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let files = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path().join("cases.jsonl"));
    let texts = files.filter_map(|file| std::fs::read_to_string(file).ok());
    let cases = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    let cases =
        cases.filter_map(|line| serde_json::from_str::<Value>(&line).ok()?.get("request").map(Value::to_string));
    let generated = (0..40).map(|seed| generated_request(seed, 12));
    cases.chain(generated).filter_map(|line| Batch::from_json(line.as_bytes()).ok()).collect()
}

fn builder() -> GateBuilder {
    Gate::builder().policies(embedded::arp())
}

/// The request as a record keeps it, in two parts.
fn kept(batch: &Batch, generation: &Generation) -> Batch {
    let read = generation.policy_set().columns_read();
    let part = |personal: bool| {
        batch.canonical_part(|spec| spec.personal == personal && read.binary_search(&spec.name).is_ok())
    };
    generation.reader().read_canonical(&[part(false), part(true)].concat()).unwrap()
}

#[test]
fn a_canonical_request_reads_back_as_itself() {
    let gate = builder().build().unwrap();
    for batch in requests() {
        let text = batch.canonical();
        let again = gate.reader().read_canonical(&text).unwrap();
        assert_eq!(String::from_utf8_lossy(&again.canonical()), String::from_utf8_lossy(&text));
    }
}

#[test]
fn a_line_that_is_not_canonical_is_refused_by_name() {
    let reader = builder().build().unwrap().reader();
    let head = "id=null\ncandidates=1\ntags=0\nrequest.ctx.local_min=[600]\nrequest.ctx.now_ms=[1767225600000]\n";
    let whole = format!("{head}candidates.id=[\"a\"]\n");
    assert!(reader.read_canonical(whole.as_bytes()).is_ok());
    for (line, path) in [
        ("candidates.id=[\"a\",\"b\"]\n", "candidates.id"),
        ("candidates.id=[]\n", "candidates.id"),
        ("candidates.id=[\"a\"\n", "candidates.id"),
        ("candidates.id=[\"a\"]\ncandidates.kind=[\"novel\"]\n", "candidates.kind"),
        ("candidates.id=[\"a\"]\ncandidates=2\n", "candidates"),
        ("candidates.id=[\"a\"]\nid=\"r1\"\n", "id"),
        ("candidates=99999999\n", "candidates"),
        ("candidates.id\n", "candidates.id"),
    ] {
        let error = reader.read_canonical(format!("{head}{line}").as_bytes()).unwrap_err();
        assert!(error.path.starts_with(path), "{line}: {error}");
    }
}

#[test]
fn columns_that_nobody_reads_change_nothing() {
    let provider = "[provider]\npermits = [\"reprint\"]\nnotice_version = 7\nterritory = \"CN_MAINLAND\"\n";
    for (only, config) in [("", provider), ("art09", "")] {
        let modules = embedded::arp().into_iter().filter(|module| module.manifest.module.starts_with(only));
        let gate = Gate::builder().policies(modules).config(Config::parse(config).unwrap()).build().unwrap();
        let generation = gate.generation();
        let mut less = 0;
        for batch in requests() {
            let (outcome, kept) = (gate.evaluate(&batch), kept(&batch, &generation));
            less += usize::from(kept.canonical().len() < batch.canonical().len());
            let again = generation.replay(&kept, &outcome.circumstances);
            let id = outcome.decision_id();
            assert_eq!(again.to_json_of(&id, Detail::default()), outcome.to_json(Detail::default()));
            assert_eq!(again.circumstances, outcome.circumstances);
        }
        assert!(only.is_empty() || less > 100, "requests have columns that one module does not read");
    }
}

#[test]
fn what_disturbed_a_list_disturbs_it_again() {
    let spin = normgate::Module::read(
        "spin.wasm",
        &module("(loop (br 0))", 0, 1, 300_000),
        normgate::contract::Vocabulary::shipped(),
    )
    .unwrap();
    let build = || {
        let config =
            Config::parse("[breaker]\nfailures = 1\nbackoff_ms = 60000\n[on_failure]\nhostile = \"hold\"\n").unwrap();
        Gate::builder().policies([spin.clone()]).config(config).trusting()
    };
    let (gate, elsewhere) = (build().build().unwrap(), build().generation().unwrap());
    let request = br#"{"ctx":{"now_ms":1793532600000,"local_min":600},"candidates":[{"id":"a"}]}"#;
    let batch = Batch::from_json(request).unwrap();
    let first = gate.evaluate(&batch);
    assert!(first.circumstances.disturbed.is_empty(), "fuel ends a call the same way every time");
    let second = gate.evaluate(&batch);
    assert_eq!(second.circumstances.disturbed.len(), 1, "the breaker is open");
    for outcome in [first, second] {
        let again = elsewhere.replay(&batch, &outcome.circumstances);
        assert_eq!(again.to_json(Detail::default()), outcome.to_json(Detail::default()));
    }
}

#[test]
fn an_override_is_in_force_again() {
    let gate = builder().build().unwrap();
    let entry = Override::starting_now("art09", 600, "a test".into(), "nobody".into());
    let off = Override { module: "art06".into(), off: true, ..entry.clone() };
    gate.set_overrides(vec![
        entry.clone(),
        off.clone(),
        Override { until_ms: entry.at_ms, module: "art18".into(), ..entry.clone() },
    ]);
    let outcome = gate.evaluate(&requests()[0]);
    assert_eq!(outcome.circumstances.overrides, [entry, off], "one that is over is not in force");
    let recorded = serde_json::to_string(&outcome.circumstances).unwrap();
    assert_eq!(serde_json::from_str::<normgate::Circumstances>(&recorded).unwrap(), outcome.circumstances);
    let elsewhere = builder().generation().unwrap();
    let again = elsewhere.replay(&requests()[0], &outcome.circumstances);
    assert_eq!(again.to_json(Detail::default()), outcome.to_json(Detail::default()));
    let codes: Vec<&str> = again.notices.iter().map(|notice| notice.code).collect();
    assert_eq!(codes.iter().filter(|code| **code == "override").count(), 2);
    assert!(codes.contains(&"must-weakened"));
}

#[test]
fn a_canary_draws_the_same_again() {
    let config = "[modes]\n\"art09\" = { canary = 50 }\n\"art14\" = \"shadow\"\n";
    let gate = builder().config(Config::parse(config).unwrap()).build().unwrap();
    let described = gate.policy_set().describe();
    let elsewhere = builder().config(Config::parse(&described.config).unwrap()).generation().unwrap();
    assert_eq!(elsewhere.policy_set().digest(), described.policy_set);
    let mut acted = 0;
    assert!(!elsewhere.policy_set().columns_read().iter().any(|column| column == "request.user.ref"));
    for user in 0..12 {
        let line = format!(
            r#"{{"ctx":{{"now_ms":1793532600000,"local_min":600,"can_render_labels":true}},"user":{{"ref":"u{user}"}},
                "candidates":[{{"id":"a","aigc":{{"meta_label":"1"}}}}]}}"#
        );
        let batch = Batch::from_json(line.as_bytes()).unwrap();
        let outcome = gate.evaluate(&batch);
        acted += usize::from(outcome.shadow.is_empty());
        // What was noticed of the generation is said again, whatever was there before it elsewhere.
        assert!(outcome.circumstances.notices.iter().any(|notice| notice.code == "must-weakened"));
        let circumstances = serde_json::to_string(&outcome.circumstances).unwrap();
        assert_eq!(outcome.circumstances.draws.len(), 1, "one module is in canary");
        // Who the user was is neither kept nor needed.
        let kept = kept(&batch, &elsewhere);
        assert!(kept.request_text("request.user.ref").is_none());
        let again = elsewhere.replay(&kept, &serde_json::from_str(&circumstances).unwrap());
        assert_eq!(again.circumstances, outcome.circumstances);
        assert_eq!(again.to_json_of(&outcome.decision_id(), Detail::default()), outcome.to_json(Detail::default()));
    }
    assert!((1..12).contains(&acted), "{acted} of 12 users are on one side");
}

#[test]
fn a_described_set_builds_the_same_set() {
    let config = "mode = \"observe\"\nobserve_until = \"2099-01-01\"\n[parameters]\n\"art06.harm_w\" = 150000\n\
        [overlays.province]\n\"art06.harm_w\" = 100000\n[modes]\n\"art14\" = \"shadow\"\n[on_failure]\nart09 = \"allow\"\n\
        [provider]\nnorms_adopted = [\"delivery\"]\n";
    let set = |builder: GateBuilder| builder.generation().unwrap().policy_set().describe();
    let described = set(builder().config(Config::parse(config).unwrap()));
    let again = set(builder().config(Config::parse(&described.config).unwrap()));
    assert_eq!(again.policy_set, described.policy_set);
    assert_eq!(again.config, described.config);
    let policy = described.policies.iter().find(|policy| policy.id.contains("art06")).unwrap();
    assert_eq!(policy.parameters["art06.harm_w"], 100_000);
    assert_eq!(
        serde_json::from_str::<normgate::SetDescription>(&serde_json::to_string(&described).unwrap()).unwrap(),
        described
    );
}

#[test]
fn an_interpreter_says_the_same_and_counts_the_same_work() {
    let config = "[modes]\n\"art09\" = { canary = 50 }\n\"art14\" = \"shadow\"\n";
    let build = || builder().config(Config::parse(config).unwrap());
    let (native, interpreter) = (build().build().unwrap(), build().backend(Backend::Interpreter).build().unwrap());
    assert_eq!(interpreter.policy_set().digest(), native.policy_set().digest());
    let elsewhere = build().backend(Backend::Interpreter).generation().unwrap();
    for batch in requests() {
        let outcome = native.evaluate(&batch);
        let again = elsewhere.replay(&kept(&batch, &elsewhere), &outcome.circumstances);
        assert_eq!(again.to_json_of(&outcome.decision_id(), Detail::default()), outcome.to_json(Detail::default()));
        interpreter.evaluate(&batch);
    }
    let fuel = |gate: &Gate| -> Vec<(String, u64, u64)> {
        gate.stats().modules.into_iter().map(|module| (module.policy, module.calls, module.fuel)).collect()
    };
    assert_eq!(fuel(&interpreter), fuel(&native));
    assert!(fuel(&native).iter().all(|(.., fuel)| *fuel > 0), "every module was asked");
}

#[test]
fn an_interpreter_ends_a_call_where_its_work_is_used_up() {
    for body in
        ["(loop (br 0))", "unreachable", "(drop (i32.load (i32.const -8)))", "(drop (memory.grow (i32.const 9999)))"]
    {
        let module = normgate::Module::read(
            "hostile.wasm",
            &module(body, 0, 1, 300_000),
            normgate::contract::Vocabulary::shipped(),
        )
        .unwrap();
        let line = br#"{"ctx":{"now_ms":1793532600000,"local_min":600},"candidates":[{"id":"a"}]}"#;
        let judge = |backend| {
            let gate = Gate::builder().policies([module.clone()]).trusting().backend(backend).build().unwrap();
            let outcome = gate.evaluate(&Batch::from_json(line).unwrap());
            (outcome.to_json(Detail::default()), gate.stats().modules[0].fuel)
        };
        assert_eq!(judge(Backend::Interpreter), judge(Backend::Native), "{body}");
    }
}

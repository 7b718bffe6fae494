//! Every case that a policy ships passes, and every rule is fired by one of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use normgate::contract::{Effect, Quantity};
use normgate_cases::{Runner, mutate, read};

/// The case files: one beside each policy, and those that need several policies at once.
fn case_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join("policies"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join("cases.jsonl"))
        .chain(std::fs::read_dir(root.join("tests/cases")).into_iter().flatten().map(|entry| entry.unwrap().path()))
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

#[test]
fn every_shipped_case_passes_and_fires_every_rule() {
    let modules = normgate::embedded::arp();
    let mut never: BTreeSet<String> =
        modules.iter().flat_map(|module| module.manifest.rules.iter().map(|rule| rule.id.clone())).collect();
    let mut runner = Runner::new(modules, None);
    let mut failures = Vec::new();
    let mut count = 0;
    for file in case_files() {
        let cases =
            read(&std::fs::read_to_string(&file).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        for case in &cases {
            let report = runner.run(case);
            for rule in &report.fired {
                never.remove(rule);
            }
            count += 1;
            if !report.passed() {
                failures.push(format!("{}: {:?} {:?}", report.case, report.error, report.differences));
            }
        }
    }
    assert!(count > 0, "no case file was found");
    assert!(failures.is_empty(), "{} of {count} cases failed:\n{}", failures.len(), failures.join("\n"));
    assert!(never.is_empty(), "no shipped case fires: {never:?}");
}

#[test]
fn no_two_rules_share_a_sentence_without_saying_so() {
    let modules = normgate::embedded::arp();
    let rules: Vec<_> = modules.iter().flat_map(|module| &module.manifest.rules).collect();
    for (index, rule) in rules.iter().enumerate() {
        for other in &rules[..index] {
            let shared = rule.sentence.zh == other.sentence.zh || rule.sentence.en == other.sentence.en;
            let declared =
                rule.shares_sentence_with.contains(&other.id) || other.shares_sentence_with.contains(&rule.id);
            assert!(!shared || declared, "{} and {} say the same; declare shares_sentence_with", rule.id, other.id);
        }
    }
}

#[test]
fn a_shipped_case_notices_when_a_threshold_moves_by_one() {
    for module in normgate::embedded::arp() {
        let manifest = Arc::clone(&module.manifest);
        // A case names what is owed and not until when, so figures that are only a deadline or a retention show elsewhere.
        let only_a_date = |what: &str| {
            manifest.effects().any(|(_, effect)| match effect {
                Effect::Obligation(owed) => owed.deadline_s.iter().chain(&owed.retain_d).any(
                    |quantity| matches!(quantity, Quantity::Parameter(name) if what.starts_with(&format!("{name}:"))),
                ),
                _ => false,
            })
        };
        let file = case_files().into_iter().find(|file| {
            let policy = file.parent().unwrap().join("policy.toml");
            std::fs::read_to_string(policy)
                .is_ok_and(|text| text.contains(&format!("module = \"{}\"", manifest.module)))
        });
        let cases = read(&std::fs::read_to_string(file.unwrap()).unwrap()).unwrap();
        let mut runner = Runner::new(vec![module], None);
        let unnoticed: Vec<String> = mutate(&mut runner, &cases, |_, _| {})
            .into_iter()
            .filter(|mutation| mutation.what.starts_with(&format!("{}.", manifest.module)))
            .filter(|mutation| mutation.tried > 0 && mutation.noticed == 0 && !only_a_date(&mutation.what))
            .map(|mutation| mutation.what)
            .collect();
        assert!(unnoticed.is_empty(), "no case of {} notices {unnoticed:?}", manifest.module);
    }
}

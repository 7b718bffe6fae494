//! The pages on the law say what the modules do: they are generated where a manifest knows, and compared where it does not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use normgate::contract::{Manifest, Modality, Provenance, Rule, Vocabulary, dsa, law};
use normgate::embedded;
use support::docs::{files_under, generated, generated_below, root};

/// The shipped manifests by folder, in the order of articles.
fn policies() -> Vec<(String, Arc<Manifest>)> {
    let folder = |place: &str| place.rsplit('/').next().unwrap_or(place).to_owned();
    embedded::arp().into_iter().map(|module| (folder(&module.place), module.manifest)).collect()
}

fn rules(policies: &[(String, Arc<Manifest>)]) -> impl Iterator<Item = (&Manifest, &Rule)> {
    policies.iter().flat_map(|(_, manifest)| manifest.rules.iter().map(move |rule| (&**manifest, rule)))
}

fn conditions() -> law::Conditions {
    law::conditions(&std::fs::read_to_string(root().join("docs/law/conditions.toml")).unwrap()).unwrap()
}

#[test]
fn every_rule_has_a_condition_and_every_parameter_is_in_one() {
    let policies = policies();
    let gaps = |conditions: &law::Conditions| law::gaps(policies.iter().map(|(_, manifest)| &**manifest), conditions);
    let mut lines = conditions();
    assert_eq!(gaps(&lines), [""; 0]);
    // The comparison goes both ways.
    let art08 = lines.get_mut("art08").unwrap();
    art08.remove("rest-reminder");
    art08.insert("rest-remainder".into(), "After {adult_rest_m}.".into());
    lines.insert("art36".into(), BTreeMap::new());
    assert_eq!(
        gaps(&lines),
        [
            "the line `art08.rest-remainder` names no rule",
            "the line `art08.rest-remainder` names no parameter `adult_rest_m`",
            "`art08.rest-reminder` has no line",
            "no line of art08 mentions `common.unknown_age`",
            "no module `art36`",
        ]
    );
}

#[test]
fn the_decision_tables_are_generated() {
    let policies = policies();
    let conditions = conditions();
    let mut pages = BTreeSet::new();
    for (folder, manifest) in &policies {
        let page = format!("docs/law/modules/{}.md", manifest.module);
        generated(&page, &law::module_page(Vocabulary::shipped(), folder, manifest, &conditions));
        pages.insert(root().join(page));
    }
    let found: BTreeSet<_> = files_under("docs/law/modules", "md").into_iter().map(|(path, _)| path).collect();
    assert_eq!(found, pages, "a page without a module");

    let named: Vec<(&str, &Manifest)> = policies.iter().map(|(folder, m)| (folder.as_str(), &**m)).collect();
    let manifests: Vec<&Manifest> = named.iter().map(|(_, manifest)| *manifest).collect();
    generated_below("policies/README.md", &law::policies(&named));
    generated_below("docs/law/instruments.md", &law::instruments(Vocabulary::shipped(), &manifests));
    generated_below("docs/law/open-points.md", &law::open_points(&manifests));
}

/// What stands in backticks, with the value that is said of it: `` `art06.harm_w` = 200000 ``.
fn quoted(text: &str) -> Vec<(&str, Option<&str>)> {
    let mut found = Vec::new();
    for line in text.lines() {
        let parts: Vec<&str> = line.split('`').collect();
        for pair in parts[1..].chunks(2) {
            let value = pair.get(1).and_then(|after| after.strip_prefix(" = "));
            found.push((pair[0], value.and_then(|value| value.split([' ', ',', ')', ';', '.']).next())));
        }
    }
    found
}

#[test]
fn the_pages_name_rules_and_parameters_that_exist_with_their_defaults() {
    let policies = policies();
    let mut names: BTreeSet<String> = rules(&policies).map(|(_, rule)| rule.id.clone()).collect();
    let mut defaults = BTreeMap::new();
    for (_, manifest) in &policies {
        names.insert(manifest.module.clone());
        defaults.extend(manifest.parameters.iter().map(|p| (p.name.clone(), p.default.to_string())));
    }
    let ours = |name: &str| name.starts_with("common.") || law::article_number(name).is_some();
    for (path, text) in files_under("docs/law", "md").into_iter().chain(files_under("policies", "md")) {
        for (name, value) in quoted(&text).into_iter().filter(|(name, _)| ours(name)) {
            let known = names.contains(name) || defaults.contains_key(name);
            assert!(known, "{} names `{name}`, which is no rule, parameter or module", path.display());
            if let Some(value) = value {
                let default = defaults.get(name).map(String::as_str);
                assert_eq!(Some(value), default, "{}: the default of `{name}`", path.display());
            }
        }
    }
}

/// The rows of the first table of a page, without its header.
fn first_table(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    rows.skip(2).map(cells).collect()
}

#[test]
fn each_of_the_thirty_five_articles_has_one_row() {
    let text = std::fs::read_to_string(root().join("docs/law/articles.md")).unwrap();
    let mut linked = BTreeSet::new();
    let rows = first_table(&text);
    for (number, row) in (1..).zip(&rows) {
        assert_eq!(row[0], number.to_string(), "the articles stand in order, once each");
        let modules: Vec<&str> =
            row[2].split("](modules/").skip(1).filter_map(|rest| rest.split(".md)").next()).collect();
        for module in &modules {
            assert_eq!(law::article_number(module), Some(number), "{module} stands with its article");
            linked.insert((*module).to_owned());
        }
        let known = ["module", "host", "outside", "not software"].iter().any(|kind| row[2].starts_with(kind));
        assert!(known && row[2].starts_with("module") != modules.is_empty(), "Art {number}: {}", row[2]);
        assert!(!row[3].is_empty(), "Art {number} gives no reason");
    }
    assert_eq!(rows.len(), 35);
    assert_eq!(linked, policies().iter().map(|(_, manifest)| manifest.module.clone()).collect());
}

#[test]
fn every_instrument_that_a_rule_rests_on_is_described() {
    let text = std::fs::read_to_string(root().join("docs/law/instruments.md")).unwrap();
    let described: BTreeSet<String> = first_table(&text).into_iter().map(|row| row[0].clone()).collect();
    let named = &Vocabulary::shipped().instruments;
    for handle in named.keys() {
        assert!(described.contains(handle), "instruments.md gives no date for {handle}");
    }
    for (_, rule) in rules(&policies()) {
        for handle in law::handles_of(rule) {
            assert!(named.contains_key(handle), "{} rests on {handle}, which the vocabulary does not name", rule.id);
        }
    }
}

/// Arts 31 and 32 name the articles whose breach they punish; of Arts 9 and 28 the paragraph decides.
fn liability(manifest: &Manifest, rule: &Rule) -> &'static str {
    match law::article_number(&manifest.module) {
        Some(9) if rule.basis.contains("ARP 9 ¶2") => "ARP 32",
        Some(7..=10 | 14 | 16 | 17 | 22 | 24 | 26) => "ARP 31",
        Some(6 | 11 | 13 | 15 | 18..=21 | 27) => "ARP 32",
        other => panic!("{} has a liability, and neither Art 31 nor 32 names its article {other:?}", rule.id),
    }
}

#[test]
fn liability_follows_from_the_article() {
    // Duties of another law, which punishes them itself: personal information, news pop-ups, advertising, promotions.
    let elsewhere = ["art10.sensitive-tag", "art13.rehash", "art14.paid-rank", "art21.was-price"];
    for (manifest, rule) in rules(&policies()) {
        let carried = matches!(rule.source, Provenance::Statute | Provenance::Instrument)
            && rule.modality == Modality::Must
            && !elsewhere.contains(&rule.id.as_str());
        let expected = carried.then(|| liability(manifest, rule));
        assert_eq!(rule.liability.as_deref(), expected, "{}", rule.id);
    }
}

#[test]
fn the_rules_on_l_codes_and_no_others_say_illegal_content() {
    let policies = policies();
    let illegal: Vec<&str> =
        rules(&policies).filter(|(_, rule)| rule.illegal).map(|(_, rule)| rule.id.as_str()).collect();
    let on_l_codes = [
        "art06.illegal-confirmed",
        "art06.illegal-suspected",
        "art09.illegal-stop",
        "art18.harm-minor",
        "art19.fraud-block",
    ];
    assert_eq!(illegal, on_l_codes);
}

#[test]
fn a_statement_of_reasons_follows_from_the_effects() {
    let policies = policies();
    let of = |id: &str| {
        let (_, rule) = rules(&policies).find(|(_, rule)| rule.id == id).unwrap();
        dsa::dsa(rule).map(|dsa| (dsa.visibility.join(" ").replace("DECISION_VISIBILITY_CONTENT_", ""), dsa.account))
    };
    let content = |names: &str| Some((names.to_owned(), None));
    assert_eq!(of("art06.illegal-confirmed"), content("DISABLED"));
    assert_eq!(of("art06.harmful-confirmed"), content("DISABLED DEMOTED"));
    assert_eq!(of("art09.illegal-stop"), content("REMOVED"));
    assert_eq!(of("art09.ai-possible"), content("LABELLED DISABLED"));
    assert_eq!(of("art18.curfew"), content("AGE_RESTRICTED"));
    assert_eq!(of("art18.age-fit"), content("AGE_RESTRICTED DEMOTED"));
    assert_eq!(of("art18.prompt"), content("LABELLED DISABLED"), "a hold for a label restricts nobody by age");
    assert_eq!(of("art19.ads"), content("DISABLED"), "elder mode is no age restriction");
    assert_eq!(of("art14.fake-account"), Some(("DISABLED".into(), Some("DECISION_ACCOUNT_SUSPENDED"))));
    assert_eq!(of("art16.notice-missing"), None);
    // Every rule about minors that withholds does so by age, and no rule of another subject does.
    for (manifest, rule) in rules(&policies) {
        let by_age =
            dsa::dsa(rule).is_some_and(|dsa| dsa.visibility.iter().any(|name| name.ends_with("AGE_RESTRICTED")));
        let withholds = rule.effects.contains(&normgate::contract::Effect::Block(normgate::contract::Block::None));
        let about_minors = manifest.module == "art18" || rule.id == "art10.minor-tag";
        assert_eq!(by_age, about_minors && withholds, "{}", rule.id);
    }
}

#[test]
fn the_pages_link_to_what_exists() {
    for (path, text) in files_under("docs/law", "md").into_iter().chain(files_under("policies", "md")) {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            if !file.is_empty() && !file.contains("://") {
                let linked = path.parent().unwrap().join(file);
                assert!(linked.exists(), "{} links to {target}, which does not exist", path.display());
            }
        }
    }
}

//! docs/runbook.md and docs/operating, run as they stand: commands as typed, and no series that a scrape does not have.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{ended, film_club, folder, normgate, text};

const RUNBOOK: &str = include_str!("../../../docs/runbook.md");
const ALERTS: &str = include_str!("../../../docs/operating/alerts.yml");
const DASHBOARD: &str = include_str!("../../../docs/operating/dashboard.json");

const CONFIG: &str = r#"
[modes]
art06 = "shadow"

[authorities.film-club]
columns = ["request.ctx.local_min", "candidates.age_rating"]
effect = "block"
prefixes = ["club"]

[[repositories]]
name = "norms"
root = "norms/metadata/1.root.json"
location = "norms"
authorities = ["film-club"]
"#;

/// Types a line in a folder, as whoever is called in the night does.
fn typed(folder: &Path, command: &str) -> (Option<i32>, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_normgate")).parent().unwrap();
    let others = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths([program.to_owned()].into_iter().chain(std::env::split_paths(&others)));
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", path.unwrap())
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .output()
        .unwrap();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

fn done(folder: &Path, command: &str) -> String {
    let (code, said) = typed(folder, command);
    assert_eq!(code, Some(0), "$ {command}\n{said}");
    said
}

/// A desk at night: a configuration, requests, a ledger, a store, modules in a folder, and a witness.
fn desk(name: &str) -> PathBuf {
    let folder = folder(name);
    let frozen = include_bytes!("../../../tests/frozen/film-club-0.1.0.wasm");
    fs::create_dir_all(folder.join("modules")).unwrap();
    fs::create_dir_all(folder.join("exchange")).unwrap();
    fs::write(folder.join("night-films.wasm"), frozen).unwrap();
    fs::write(folder.join("modules/1.0.wasm"), frozen).unwrap();
    fs::write(folder.join("modules/1.1.wasm"), film_club(|manifest| manifest["version"] = "1.1.0".into())).unwrap();
    fs::write(folder.join("cases.jsonl"), include_str!("../../../tests/frozen/film-club.cases.jsonl")).unwrap();
    fs::write(folder.join("normgate.toml"), CONFIG).unwrap();
    let row = r#"{"id":"c1","kind":"article","age_rating":"r18"}"#;
    let lines = (0..3).map(|n| {
        format!(r#"{{"id":"r{n}","ctx":{{"now_ms":1767225600000,"local_min":600,"surface":"push","colour":1}},"candidates":[{row}]}}"#)
    });
    fs::write(folder.join("requests.jsonl"), lines.collect::<Vec<_>>().join("\n")).unwrap();
    for command in [
        "normgate repo init norms --keys keys",
        "normgate key generate film-club.pem",
        "normgate repo delegate norms film-club --key film-club.pub --keys keys/targets.pem",
        "normgate repo sign norms --role film-club --role film-club-data --keys film-club.pem",
        "normgate repo add norms night-films.wasm --keys film-club.pem",
        "normgate repo publish norms --keys keys/online.pem",
        "normgate sync -c normgate.toml --store store",
        "normgate key generate witness.pem",
        "normgate eval -c normgate.toml -i requests.jsonl --ledger decisions --stats now.prom > answers.jsonl",
    ] {
        done(&folder, command);
    }
    folder
}

/// The lines of the page that are typed, in order.
fn commands() -> Vec<&'static str> {
    RUNBOOK.lines().filter_map(|line| line.strip_prefix("$ ")).collect()
}

#[test]
fn what_the_runbook_says_is_typed_and_works() {
    let folder = desk("operating/runbook");
    let commands = commands();
    assert!(commands.len() >= 13, "the page lost its commands: {commands:?}");
    for command in commands {
        let (code, said) = typed(&folder, command);
        // Without a witness the end of a ledger is nobody's word but its writer's.
        let expected = if command == "normgate ledger verify decisions" { 3 } else { 0 };
        assert_eq!(code, Some(expected), "$ {command}\n{said}");
        if command.starts_with("normgate ledger anchor") {
            done(
                &folder,
                "normgate ledger cosign exchange/checkpoint.note --state witness.json --key witness.pem \
                 --ledger-key decisions/ledger.pub > exchange/cosigned.note",
            );
            done(&folder, command);
        }
    }
    assert_eq!(fs::read_to_string(folder.join("last-requests.jsonl")).unwrap().lines().count(), 3);
    // What is no file is not replaced by one.
    std::os::unix::fs::symlink("answers.jsonl", folder.join("elsewhere")).unwrap();
    let (code, said) = typed(&folder, "normgate eval -i requests.jsonl --last-requests elsewhere > again.jsonl");
    assert!(code == Some(2) && said.contains("elsewhere: it is there and no regular file"), "{said}");
}

#[test]
fn every_alarm_of_the_runbook_has_a_rule_and_every_rule_a_section() {
    let sections: Vec<&str> = RUNBOOK.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert!(RUNBOOK.starts_with("# Runbook: nine alarms\n") && sections.len() == 9, "{sections:?}");
    let anchor = |title: &str| {
        let kept = title.to_lowercase().chars().filter(|c| c.is_alphanumeric() || *c == ' ').collect::<String>();
        kept.replace(' ', "-")
    };
    let anchors: BTreeSet<String> = sections.iter().map(|title| anchor(title)).collect();
    let alerts: Value = serde_yaml_ng::from_str(ALERTS).unwrap();
    let mut named = BTreeSet::new();
    for rule in alerts["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        assert!(["page", "ticket"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{rule}");
        assert!(rule["annotations"]["summary"].is_string(), "{rule}");
        let section = rule["annotations"]["runbook"].as_str().unwrap().strip_prefix("docs/runbook.md#").unwrap();
        assert!(anchors.contains(section), "{section} is none of {anchors:?}");
        named.insert(section.to_owned());
    }
    assert_eq!(named, anchors);
}

#[test]
fn every_series_that_an_alarm_or_a_panel_names_is_in_a_scrape() {
    let folder = desk("operating/series");
    let scrape = fs::read_to_string(folder.join("now.prom")).unwrap();
    // Name and labels of what was scraped.
    let mut scraped: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in scrape.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels =
            labels.split('"').step_by(2).map(|label| label.trim_matches([',', '=', '}'])).filter(|l| !l.is_empty());
        scraped.entry(name).or_default().extend(labels);
    }
    let alerts: Value = serde_yaml_ng::from_str(ALERTS).unwrap();
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let rules = alerts["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let expressions: Vec<&str> = rules.chain(targets).map(|rule| rule["expr"].as_str().unwrap()).collect();
    let series = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_owned);
        words.filter(|word| word.starts_with("normgate_")).collect()
    };
    let mut named = BTreeSet::new();
    for expression in expressions {
        for name in series(expression) {
            assert!(scraped.contains_key(name.as_str()), "no `{name}` in a scrape: {expression}\n{scrape}");
            named.insert(name);
        }
        // What is summed by stands on the series that is summed.
        for (labels, summed) in expression.split(" by (").skip(1).filter_map(|rest| rest.split_once(')')) {
            let name = &series(summed)[0];
            for label in labels.split(", ").filter(|label| *label != "instance") {
                assert!(scraped[name.as_str()].contains(label), "`{name}` has no label {label}: {expression}");
            }
        }
        assert_eq!(expression.matches('(').count(), expression.matches(')').count(), "{expression}");
    }
    assert!(named.len() > 20, "{named:?}");
}

#[test]
fn the_log_has_times_and_a_form_for_programs() {
    let dir = folder("operating/log");
    let config = dir.join("normgate.toml");
    fs::write(&config, "[modes]\n\"art18.curfew\" = \"shadow\"\n").unwrap();
    let config = config.to_str().unwrap();
    let said = text(&normgate(&["eval", "-c", config]).stderr);
    let line = said.lines().find(|line| line.contains("must-weakened")).unwrap();
    let (time, _) = line.split_once(' ').unwrap();
    assert!(time.len() > 19 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{line}");
    let said = text(&normgate(&["eval", "-c", config, "--log", "json"]).stderr);
    let events: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let weakened = events.iter().find(|event| event["policy"] == "reference/art18-minors@1.0.0").unwrap();
    assert!(weakened["timestamp"].as_str().unwrap().ends_with('Z') && weakened["level"] == "WARN", "{weakened}");
    assert!(weakened["message"].as_str().unwrap().starts_with("must-weakened: "), "{weakened}");
}

#[test]
fn a_cause_is_said_once() {
    let missing = folder("operating/cause").join("nowhere.jsonl");
    let said = text(&normgate(&["eval", "-i", missing.to_str().unwrap()]).stderr);
    assert_eq!(said.matches("No such file").count(), 1, "{said}");
    let said = text(&normgate(&["eval", "-p", missing.to_str().unwrap()]).stderr);
    assert_eq!(said.matches("No such file").count(), 1, "{said}");
    let said = text(&normgate(&["sync", "-c", missing.to_str().unwrap(), "--store", "s"]).stderr);
    assert_eq!(said.matches("No such file").count(), 1, "{said}");
}

#[test]
fn a_code_is_explained_in_both_languages() {
    let english = ended(0, &["explain", "L9", "M1.fan.x"]);
    for part in [
        "L9  Obscenity, gambling, violence, or inciting crime.",
        "place: Provisions on the Governance of the Online Information Content Ecosystem (ECO), article 6, item 9",
        "what it is not: Sexual suggestion, which is H4.",
        "not settled: The order of items is not checked",
        "read by: art06 (L*), art09 (L*)",
        "M1.fan.x  Content that induces minors",
        "not listed; it means what the code above it means: M1.fan",
    ] {
        assert!(english.contains(part), "{part}\n{english}");
    }
    let chinese = ended(0, &["explain", "H1", "--lang", "zh"]);
    assert!(chinese.contains("依据：《网络信息内容生态治理规定》第七条第（一）项"), "{chinese}");
    for (code, sentence) in [
        ("L99", "there is no signal code `L99`; of L there are L1, L2,"),
        ("M1.", "there is no signal code `M1.`; of M there are M1, M2, M3, M4"),
        ("l11.Fraud", "did you mean the signal code L11.fraud?"),
        ("X1", "there is no signal code `X1`; codes begin with E, L, H or M"),
    ] {
        let output = normgate(&["explain", code]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(sentence), "{}", text(&output.stderr));
    }
}

#[test]
fn readiness_says_what_the_codes_mean_that_were_sent() {
    let path = folder("operating/codes").join("sample.jsonl");
    let signal = |code: &str| format!(r#"{{"code":"{code}","source":"human"}}"#);
    let line = format!(
        r#"{{"ctx":{{"now_ms":1767225600000,"local_min":600}},"candidates":[{{"id":"a","signals":[{},{}]}},{{"id":"b","signals":[{}]}}]}}"#,
        signal("L9"),
        signal("H1"),
        signal("L9")
    );
    fs::write(&path, line).unwrap();
    let said = ended(0, &["check", "--readiness", "-i", path.to_str().unwrap()]);
    let (_, codes) = said.split_once("signal codes that were sent").unwrap();
    assert!(
        codes.contains("       2  L9  Obscenity, gambling") && codes.contains("       1  H1  An exaggerated"),
        "{said}"
    );
}

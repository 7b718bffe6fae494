//! Reports and differences as a person asks for them: from a profile, from a ledger, from a file of requests.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::{ended, folder, normgate, text};

const PROVIDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reports/provider.toml");
const CALENDAR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reports/calendar.toml");

/// The output of a command that succeeds.
fn said(args: &[&str]) -> String {
    ended(0, args)
}

/// The errors of a command that ends with this code.
fn refused(args: &[&str], code: i32) -> String {
    let output = normgate(args);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output.stderr));
    assert!(output.stdout.is_empty(), "{args:?}: {}", text(&output.stdout));
    text(&output.stderr)
}

fn requests(dir: &Path, count: usize) -> String {
    let list = |number: usize| {
        let age = ["a12_16", "a18_60"][number % 2];
        json!({
            "id": format!("r{number}"),
            "ctx": {"now_ms": 1_767_225_600_000_i64, "local_min": 600, "can_render_labels": true, "surface": "feed", "off_option": true},
            "user": {"ref": format!("u{number}"), "age_band": age, "age_assurance": "id_verified", "personalization": "on"},
            "session": {"continuous_s": 900, "today_s": 900},
            "candidates": [{"id": format!("c{number}"), "kind": "article", "scan_state": "done", "retrieval_basis": "generic",
                            "commercial": false, "age_rating": "all", "aigc": {"meta_label": "1"}}],
        })
        .to_string()
    };
    let file = dir.join("requests.jsonl");
    fs::write(&file, (0..count).map(|number| list(number) + "\n").collect::<String>()).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_provider_is_told_from_its_profile() {
    let only = ["--only", "art09,art18", "--as-of", "2026-11-01"];
    let page = said(
        &[&["report", "disclosure", "--profile", PROVIDER, "--lang", "zh", "--format", "html"], &only[..]].concat(),
    );
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"zh-CN\">") && page.contains("art18.curfew"));
    let page = said(&[&["report", "disclosure", "--profile", PROVIDER], &only[..]].concat());
    assert!(page.contains("# Sample recommender: how it recommends") && page.contains("Rules as on**: 2026-11-01"));

    let filing = ["report", "filing", "--profile", PROVIDER, "--calendar", CALENDAR];
    let record: Value = serde_json::from_str(&said(&filing)).unwrap();
    assert_eq!(record["record"]["algorithm"]["category"], "个性化推送类");
    assert_eq!(record["deadlines"][0]["last_day"], "2091-01-16");
    let asked = said(&[&filing[..], &["--event", "end", "--on", "2091-03-09"]].concat());
    assert!(asked.contains("\"last_day\": \"2091-04-09\""), "{asked}");
    let beyond = refused(&[&filing[..], &["--event", "end", "--on", "2091-12-20"]].concat(), 2);
    assert!(beyond.contains("2092-01-01 lies outside of the calendar"), "{beyond}");
    let uncounted = refused(&["report", "filing", "--profile", PROVIDER, "--event", "end", "--on", "2091-03-09"], 2);
    assert!(uncounted.contains("--calendar"), "{uncounted}");

    assert!(said(&["report", "badge", "--profile", PROVIDER, "--lang", "zh"]).contains("(<https://beian.cac.gov.cn>)"));

    let dir = folder("report/profile");
    let lacking = dir.join("provider.toml");
    fs::write(
        &lacking,
        fs::read_to_string(PROVIDER).unwrap().replace("mau = 1200000", "mau = -1").replace("filing_no", "#"),
    )
    .unwrap();
    let lacking = lacking.to_str().unwrap();
    let errors = refused(&["report", "filing", "--profile", lacking], 1);
    assert!(errors.contains("provider.toml: subject.mau: -1 is not a whole number from 0"), "{errors}");
    assert!(errors.contains("filing_no: is missing") && errors.lines().count() == 2, "{errors}");
    assert!(refused(&["report", "badge", "--profile", lacking], 1).contains("filing_no"));
}

#[test]
fn a_ledger_is_assessed_and_compared() {
    let dir = folder("report/ledger");
    let input = requests(&dir, 8);
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let (ledger, only) = (path("ledger"), ["--only", "art09,art18"]);
    let answers = said(&[&["eval", "-i", &input, "--ledger", &ledger, "--sample-ppm", "1000000"], &only[..]].concat());
    let confirmed: String = (answers.lines().take(5))
        .map(|line| {
            let answer: Value = serde_json::from_str(line).unwrap();
            let id = &answer["verdicts"][0]["id"];
            json!({"decision_id": answer["decision_id"], "shown": [id], "labels_rendered": [{"candidate": id, "label": "ai.confirmed"}]})
                .to_string()
                + "\n"
        })
        .collect();
    fs::write(path("confirmations.jsonl"), confirmed).unwrap();
    said(&["ledger", "confirm", &ledger, "-i", &path("confirmations.jsonl")]);

    let figures: Value =
        serde_json::from_str(&said(&["report", "self-assessment", &ledger, "--format", "json"])).unwrap();
    assert_eq!((&figures["lists"]["full"], &figures["groups"]["minor"]["lists"]), (&8.into(), &4.into()));
    assert_eq!(
        (&figures["synthetic"]["feed"]["rendered"], &figures["synthetic"]["feed"]["unconfirmed"]),
        (&5.into(), &3.into())
    );
    let page = said(&["report", "self-assessment", &ledger, "--lang", "zh", "--format", "html"]);
    assert!(page.contains("标识已渲染的占 100.00 %") && !page.contains("u1") && !page.contains("c1<"));
    let of_provider = said(&["report", "self-assessment", &ledger, "--profile", PROVIDER]);
    assert!(of_provider.contains("| incident response | 安全运营部 |"), "{of_provider}");
    assert!(of_provider.contains("Not in the register: ethics review"), "{of_provider}");
    assert!(said(&["report", "self-assessment", &ledger, "--to", "2020-01-01"]).contains("**Lists judged**: 0"));

    // The set that was recorded, with another parameter.
    fs::write(path("stricter.toml"), "[parameters]\n\"art18.rest_s\" = 600\n").unwrap();
    let stricter = path("stricter.toml");
    let (json_file, html_file) = (path("diff.json"), path("diff.html"));
    let diff = ["diff", "--ledger", &ledger, "--to-config", &stricter];
    let table = said(&[&diff[..], &["--json", &json_file, "--html", &html_file]].concat());
    assert!(table.contains("8 lists compared, 4 come out otherwise"), "{table}");
    assert!(table.lines().any(|line| line.starts_with("art18.rest ")), "{table}");
    let counted: Value = serde_json::from_str(&fs::read_to_string(json_file).unwrap()).unwrap();
    assert_eq!((&counted["obligations"]["remind.rest"], &counted["base"]["recorded"]), (&json!([4, 0]), &true.into()));
    assert!(fs::read_to_string(html_file).unwrap().contains("what was recorded, but for -c"));
    // Another day, other modules, and both sides given.
    assert!(said(&["diff", "--ledger", &ledger, "--to-as-of", "2020-01-01"]).contains("8 come out otherwise"));
    let without = said(&["diff", "--ledger", &ledger, "--to-only", "art18"]);
    assert!(without.lines().any(|line| line.starts_with("art09.ai-confirmed ")), "{without}");
    let given = said(&[&["diff", "--ledger", &ledger, "--to-config", &stricter], &only[..]].concat());
    assert!(given.contains("base   --only art09,art18\n") && given.contains("4 come out otherwise"), "{given}");
    // Names only where they are asked for, and every look is on the record.
    let first: Value = serde_json::from_str(answers.lines().next().unwrap()).unwrap();
    let first = first["decision_id"].as_str().unwrap();
    assert!(!table.contains(first) && said(&[&diff[..], &["--personal"]].concat()).contains(first));
    let log = fs::read_to_string(Path::new(&ledger).join("access.jsonl")).unwrap();
    assert!(log.contains("\"command\":\"report\"") && log.contains("\"command\":\"diff\""), "{log}");

    assert!(refused(&["diff", "--ledger", &ledger], 2).contains("nothing differs"));
    assert!(refused(&["diff", "--to-only", "art18"], 2).contains("--ledger"));
}

#[test]
fn requests_are_compared_and_bad_lines_are_said() {
    let dir = folder("report/requests");
    let input = requests(&dir, 4);
    fs::write(&input, fs::read_to_string(&input).unwrap() + "hello\n").unwrap();
    let output = normgate(&["diff", "-i", &input, "--only", "art09,art18", "--to-only", "art18", "--personal"]);
    assert_eq!(output.status.code(), Some(1));
    let (table, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(table.contains("4 lists compared, 4 come out otherwise") && table.contains("#1 r0 c0"), "{table}");
    assert!(errors.contains("line 5"), "{errors}");
    let same = said(&["diff", "-i", &requests(&dir, 4), "--only", "art18", "--to-only", "art18"]);
    assert!(same.contains("4 lists compared, 0 come out otherwise"), "{same}");
}

//! A recorded decision as others get it: told to whom it concerns, as statements of reasons, as a table, held for a case, and
//! against what became of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{ended, folder, normgate, text};

/// A child's feed: something generated, something not for children, something illegal.
fn request(number: usize) -> Value {
    json!({
        "id": format!("r{number}"),
        "ctx": {"now_ms": 1_767_225_600_000_i64, "local_min": 600, "can_render_labels": true, "surface": "feed"},
        "user": {"ref": "user-secret", "age_band": "a12_16", "age_assurance": "id_verified", "minor_mode": true, "personalization": "off",
                 "tags": [{"tag_id": "tag-secret", "in_dictionary": false, "review": "rejected", "state": "active"}]},
        "candidates": [
            {"id": "made", "kind": "article", "scan_state": "done", "aigc": {"meta_label": "1"}},
            {"id": "unsafe", "kind": "short_video", "scan_state": "done",
             "signals": [{"code": "M1", "conf_ppm": 960_000, "source": "classifier"}]},
            {"id": "illegal", "kind": "article", "scan_state": "done", "signals": [{"code": "L8", "source": "authority"}]},
        ],
    })
}

/// A ledger of so many lists, and their answers.
fn recorded(dir: &Path, lists: usize) -> (PathBuf, Vec<Value>) {
    let requests = dir.join("requests.jsonl");
    fs::write(&requests, (0..lists).map(|number| request(number).to_string() + "\n").collect::<String>()).unwrap();
    let ledger = dir.join("ledger");
    let answers = ended(0, &["eval", "-i", requests.to_str().unwrap(), "--ledger", ledger.to_str().unwrap()]);
    (ledger, answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn a_decision_is_told_to_whom_it_concerns() {
    let dir = folder("account/told");
    let (ledger, answers) = recorded(&dir, 2);
    let (ledger, id) = (ledger.to_str().unwrap(), answers[1]["decision_id"].as_str().unwrap());
    let to = |reader: &str, more: &[&str]| {
        ended(0, &[&["explain", id, "--ledger", ledger, "--to", reader][..], more].concat())
    };
    let viewer = to("viewer", &["--lang", "en"]);
    for part in [
        "## made: not shown",
        "AI-generated.",
        "required by Algorithmic Recommendation Management Provisions, Art. 9 ¶1",
        "age band: `a12_16`",
        "In force since",
        "12377",
        id,
    ] {
        assert!(viewer.contains(part), "{part} in {viewer}");
    }
    assert!(!viewer.contains("appears to break the law"), "what is said to an author is not said to a viewer");
    let author = to("author", &["--lang", "en", "--candidate", "illegal"]);
    assert!(author.contains("appears to break the law") && !author.contains("age band"), "{author}");
    assert!(to("officer", &[]).contains("appears to break the law"));
    let nobody = normgate(&["explain", id, "--ledger", ledger, "--candidate", "nobody"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(text(&nobody.stderr).contains("no candidate `nobody` is in this decision"), "{}", text(&nobody.stderr));
    let requests = dir.join("requests.jsonl");
    let nobody = normgate(&["explain", "-i", requests.to_str().unwrap(), "--candidate", "nobody"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(text(&nobody.stderr).contains("no candidate `nobody` is in "), "{}", text(&nobody.stderr));
    let chinese = to("viewer", &["--lang", "zh", "--format", "html"]);
    assert!(chinese.contains("lang=\"zh") && chinese.contains("第二十二条"));

    // The receipt is the leaf that a proof proves.
    let leaf = viewer.lines().find_map(|line| line.strip_prefix("- **Record**: `")).unwrap().trim_end_matches('`');
    let proof = dir.join("proof.json");
    fs::write(&proof, ended(0, &["ledger", "prove", ledger, id])).unwrap();
    assert!(ended(0, &["ledger", "check-proof", proof.to_str().unwrap()]).contains(leaf));
}

#[test]
fn restrictions_leave_as_statements_of_reasons_that_name_no_person() {
    let dir = folder("account/dsa");
    let (ledger, _) = recorded(&dir, 2);
    let ledger = ledger.to_str().unwrap();
    let lines = ended(0, &["ledger", "export", ledger, "--dsa", "--territorial-scope", "DE"]);
    assert!(!lines.contains("user-secret") && !lines.contains("tag-secret") && !lines.contains("a12_16"), "{lines}");
    let statements: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of =
        |rule: &str| statements.iter().find(|statement| statement["puid"].as_str().unwrap().ends_with(rule)).unwrap();
    let illegal = of("art06.illegal-confirmed");
    assert_eq!(illegal["decision_ground"], "DECISION_GROUND_ILLEGAL_CONTENT");
    assert_eq!(illegal["automated_detection"], "No");
    assert_eq!(illegal["incompatible_content_ground"], Value::Null);
    let minors = of("art18.age-fit");
    assert_eq!(minors["decision_visibility"], json!(["DECISION_VISIBILITY_CONTENT_AGE_RESTRICTED"]));
    assert_eq!(of("art09.ai-confirmed")["decision_visibility"], json!(["DECISION_VISIBILITY_CONTENT_LABELLED"]));
    for statement in &statements {
        for (field, limit) in [
            ("decision_facts", 5_000),
            ("illegal_content_legal_ground", 500),
            ("incompatible_content_explanation", 2_000),
        ] {
            assert!(statement[field].as_str().unwrap_or_default().chars().count() <= limit, "{statement}");
        }
    }
    let ids: std::collections::BTreeSet<&str> =
        statements.iter().map(|statement| statement["puid"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), statements.len());
    ended(2, &["ledger", "export", ledger, "--dsa", "--territorial-scope", "Germany"]);
    ended(2, &["ledger", "export", ledger, "--dsa"]);
}

#[test]
fn decisions_leave_as_a_table() {
    let dir = folder("account/parquet");
    let (ledger, _) = recorded(&dir, 3);
    let file = dir.join("decisions.parquet");
    ended(0, &["ledger", "export", ledger.to_str().unwrap(), "--parquet", file.to_str().unwrap()]);
    let bytes = fs::read(&file).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    // What a redacted file does not hold is nowhere in it, compressed or not: there is nothing of the column but levels.
    let whole = dir.join("whole.parquet");
    ended(0, &["ledger", "export", ledger.to_str().unwrap(), "--parquet", whole.to_str().unwrap(), "--personal"]);
    assert!(fs::read(&whole).unwrap().windows(11).any(|window| window == b"user-secret"), "statistics name the user");
    assert!(!bytes.windows(11).any(|window| window == b"user-secret"));
    // Nobody else may read it, also where a file lay there that everybody could.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = || fs::metadata(&whole).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&whole, fs::Permissions::from_mode(0o644)).unwrap();
        ended(0, &["ledger", "export", ledger.to_str().unwrap(), "--parquet", whole.to_str().unwrap(), "--personal"]);
        assert_eq!(mode(), 0o600);
    }
}

#[test]
fn what_became_of_decisions_is_confirmed_and_held_against_them() {
    let dir = folder("account/fulfilment");
    let (ledger, answers) = recorded(&dir, 2);
    let ledger = ledger.to_str().unwrap();
    let ids: Vec<&str> = answers.iter().map(|answer| answer["decision_id"].as_str().unwrap()).collect();
    let confirmations = dir.join("confirmations.jsonl");
    fs::write(
        &confirmations,
        [
            json!({"decision_id": ids[0], "shown": ["illegal"]}).to_string(),
            json!({"decision_id": ids[1], "seen": []}).to_string(),
            json!({"decision_id": ids[1], "vetoes_applied": answers[1]["vetoes"].as_array().unwrap().iter()
            .map(|veto| veto["feature"].clone()).collect::<Vec<_>>()})
            .to_string(),
        ]
        .join("\n"),
    )
    .unwrap();
    let output = normgate(&["ledger", "confirm", ledger, "-i", confirmations.to_str().unwrap()]);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        complaint.contains("line 2") && complaint.contains("seen") && complaint.contains("2 confirmations recorded")
    );
    let text = ended(1, &["ledger", "fulfilment", ledger]);
    assert!(
        text.contains(&format!("decision {}: illegal: withheld, and shown  art06.illegal-confirmed", ids[0])),
        "{text}"
    );
    assert!(!text.contains(ids[1]), "nothing was done against the second: {text}");
    let all: Value = serde_json::from_str(&ended(1, &["ledger", "fulfilment", ledger, "--json"])).unwrap();
    assert_eq!(all["confirmed"], 2);

    // A case outlives a purge; the access log knows who asked.
    ended(0, &["ledger", "hold", ledger, ids[0], "--case", "case-1"]);
    ended(2, &["ledger", "hold", ledger, ids[0], "--case", "Case 1"]);
    assert!(ended(3, &["ledger", "verify", ledger]).contains("0 findings"));
    ended(0, &["ledger", "release", ledger, "--case", "case-1"]);
    let access = fs::read_to_string(Path::new(ledger).join("access.jsonl")).unwrap();
    assert!(access.contains("\"fulfilment\"") && access.contains("\"hold\"") && !access.contains("user-secret"));
}

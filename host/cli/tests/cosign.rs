//! A regulator cosigns a ledger's log, and a ledger that shows somebody else another history is found out.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{ended, folder, normgate, text};

/// The output of a command that succeeds.
fn said(args: &[&str]) -> String {
    ended(0, args)
}

fn refused(args: &[&str], why: &str) {
    let output = normgate(args);
    let all = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.code() == Some(1) && all.contains(why), "{args:?}: {:?} {all}", output.status);
}

/// Records one list.
fn record(ledger: &str, dir: &Path, name: &str) {
    let input = dir.join("requests.jsonl");
    let request = format!(r#"{{"id":"{name}","ctx":{{"now_ms":1767225600000,"local_min":600}},"candidates":[]}}"#);
    fs::write(&input, request).unwrap();
    said(&["eval", "-i", input.to_str().unwrap(), "--only", "art09", "--ledger", ledger]);
}

#[test]
fn a_regulator_cosigns_one_history_and_no_other() {
    let dir = folder("cosign");
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let (ledger, key, state) = (file("ledger"), file("regulator.pem"), file("witness.json"));
    let public = file("regulator.pub");
    said(&["key", "generate", &key]);
    record(&ledger, &dir, "r1");
    let cosign = |what: &str, more: &[&str]| {
        normgate(&[&["ledger", "cosign", what, "--state", &state, "--key", &key][..], more].concat())
    };
    let write = |name: &str, content: &str| fs::write(file(name), content).unwrap();

    // The first time somebody has to say whose key it is.
    let trusted = file("trusted.pub");
    fs::copy(format!("{ledger}/ledger.pub"), &trusted).unwrap();
    let unknown = cosign(&ledger, &[]);
    assert!(text(&unknown.stderr).contains("was never cosigned here"), "{}", text(&unknown.stderr));
    // Before anybody cosigned, nothing is altered; the way out is named.
    let unanchored = ended(3, &["ledger", "verify", &ledger, "--cosigner", &public]);
    assert!(unanchored.contains("no checkpoint is cosigned by normgate-witness/"), "{unanchored}");
    assert!(!unanchored.contains("ALTERED") && unanchored.contains("`normgate ledger anchor "), "{unanchored}");
    assert!(unanchored.ends_with(": not anchored\n"), "{unanchored}");
    let first = cosign(&ledger, &["--ledger-key", &trusted]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    write("first.note", &text(&first.stdout));
    assert_eq!(text(&first.stdout).matches('\u{2014}').count(), 2, "the ledger's signature and the regulator's");
    let verify = ["ledger", "verify", &ledger, "--cosigner", &public];
    assert!(said(&[&verify[..], &["--cosigned", &file("first.note")]].concat()).contains("cosigned"));

    // Two ways of the same folder from here on.
    let copied = Command::new("cp").args(["-r", &ledger, &file("fork")]).status().unwrap();
    assert!(copied.success());
    record(&ledger, &dir, "r2");
    record(&file("fork"), &dir, "r3");
    record(&file("fork"), &dir, "r4");

    // By a proof alone, as somebody who has no ledger.
    write("second.note", &said(&["ledger", "checkpoint", &ledger]));
    let without = cosign(&file("second.note"), &[]);
    assert!(text(&without.stderr).contains("give the proof"), "{}", text(&without.stderr));
    write("proof.json", &said(&["ledger", "prove", &ledger, "--since", &file("first.note")]));
    let other = said(&["ledger", "prove", &file("fork"), "--since", &file("first.note")]);
    write("other.json", &other);
    let strange = cosign(&file("second.note"), &["--proof", &file("other.json")]);
    assert!(text(&strange.stderr).contains("of other checkpoints"), "{}", text(&strange.stderr));
    let second = cosign(&file("second.note"), &["--proof", &file("proof.json")]);
    assert_eq!(second.status.code(), Some(0), "{}", text(&second.stderr));
    write("second.note", &text(&second.stdout));

    // Both are signed by the ledger's own key, and each would verify by itself.
    assert!(ended(3, &["ledger", "verify", &file("fork")]).contains("0 findings"));
    let split = cosign(&file("fork"), &[]);
    assert_eq!(split.status.code(), Some(1));
    assert!(text(&split.stderr).contains("has signed two histories"), "{}", text(&split.stderr));
    refused(&["ledger", "verify", &file("fork"), "--cosigner", &public, "--cosigned", &file("second.note")], "ALTERED");
    // What was cosigned stands beside the ledger's own notes, named by its size, and a key in its written form is taken too.
    let size: u64 = fs::read_to_string(file("second.note")).unwrap().lines().nth(1).unwrap().parse().unwrap();
    fs::copy(file("second.note"), format!("{ledger}/checkpoints/{size:012}.cosigned.note")).unwrap();
    let written = text(&second.stderr).trim_end().rsplit(' ').next().unwrap().to_owned();
    write("regulator.vkey", &written);
    assert!(said(&["ledger", "verify", &ledger, "--cosigner", &file("regulator.vkey")]).contains("0 findings"));
    // A log never shrinks, and a cosignature of somebody else is none.
    let first = cosign(&file("first.note"), &[]);
    assert!(text(&first.stderr).contains("a log never shrinks"), "{}", text(&first.stderr));
    said(&["key", "generate", &file("somebody.pem")]);
    let strange = ended(3, &["ledger", "verify", &ledger, "--cosigner", &file("somebody.pub")]);
    assert!(strange.contains("no checkpoint is cosigned by ") && !strange.contains("ALTERED"), "{strange}");
}

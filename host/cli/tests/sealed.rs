//! An inspector with a key and nothing else judges one decision again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;

use serde_json::Value;
use support::{ended, folder, normgate, text};

#[test]
fn one_decision_leaves_a_ledger_for_an_inspector() {
    let dir = folder("sealed");
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let said = |args: &[&str]| ended(0, args);
    let refused = |args: &[&str], code: i32, why: &str| {
        let output = normgate(args);
        let errors = text(&output.stderr);
        assert!(output.status.code() == Some(code) && errors.contains(why), "{args:?}: {:?} {errors}", output.status);
    };
    let (key, other) = (file("inspector"), file("other"));
    assert!(said(&["key", "generate", "--sealing", &key]).contains("inspector.key  private"));
    said(&["key", "generate", "--sealing", &other]);
    refused(&["key", "generate", "--sealing", &key], 2, "none is ever overwritten");
    // Ended between its two files, or while it wrote the first: taken up again.
    fs::remove_file(file("inspector.pub")).unwrap();
    fs::write(file(".third.key.part"), "half").unwrap();
    let private = fs::read(file("inspector.key")).unwrap();
    said(&["key", "generate", "--sealing", &key]);
    assert_eq!(fs::read(file("inspector.key")).unwrap(), private);
    said(&["key", "generate", "--sealing", &file("third")]);
    fs::remove_file(file("third.key")).unwrap();
    refused(&["key", "generate", "--sealing", &file("third")], 2, "third.pub: a key is there already");
    assert!(fs::read_to_string(file("inspector.pub")).unwrap().starts_with("normgate-sealing-public-x25519:"));
    let request = r#"{"id":"the-request","ctx":{"now_ms":1767225600000,"local_min":600,"can_render_labels":true},"user":{"ref":"the-user"},"candidates":[{"id":"the-item","aigc":{"meta_label":"1"}}]}"#;
    fs::write(file("requests.jsonl"), request).unwrap();
    let (ledger, public) = (file("ledger"), file("inspector.pub"));
    let answer = said(&["eval", "-i", &file("requests.jsonl"), "--only", "art09,art17", "--ledger", &ledger]);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let id = answer["decision_id"].as_str().unwrap();
    let case = file("case.sealed");

    refused(&["ledger", "export", &ledger, "--sealed", id, "-o", &case], 2, "--to");
    refused(&["ledger", "export", &ledger, "--sealed", "0123", "--to", &public, "-o", &case], 2, "no decision 0123");
    said(&["ledger", "export", &ledger, "--sealed", id, "--to", &public, "-o", &case]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&case).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let log = fs::read_to_string(format!("{ledger}/access.jsonl")).unwrap();
    assert!(log.lines().last().unwrap().contains(&format!("\"asked\":\"{id}, sealed to")), "{log}");

    let (private, wrong, trusted) = (file("inspector.key"), file("other.key"), format!("{ledger}/ledger.pub"));
    for more in [&[][..], &["--interpreter"]] {
        let replayed = said(&[&["replay", &case, "--key", &private, "--ledger-key", &trusted][..], more].concat());
        assert!(replayed.contains(&format!("decision {id}, of ")), "{replayed}");
        assert!(replayed.contains("module   reference/art09-synthetic-labels@1.0.0 sha256:"), "{replayed}");
        assert!(replayed.contains("rule     art09.") && replayed.contains("is among the"), "{replayed}");
        assert!(replayed.contains("judged again: the same bytes"), "{replayed}");
    }
    // Where the signing key is elsewhere, nobody answers for what is not proven; that is said, and is for the recipient to accept.
    let signing = format!("{ledger}/keys/signing.key");
    let unsigned = file("unsigned.sealed");
    fs::rename(&signing, file("signing.key")).unwrap();
    said(&["ledger", "export", &ledger, "--sealed", id, "--to", &public, "-o", &unsigned]);
    fs::rename(file("signing.key"), &signing).unwrap();
    let replayed = ended(1, &["replay", &unsigned, "--key", &private, "--ledger-key", &trusted]);
    assert!(replayed.contains("UNSIGNED nobody answers for") && replayed.contains("is among the"), "{replayed}");
    assert!(replayed.contains("judged again: the same bytes"), "{replayed}");
    said(&["replay", &unsigned, "--key", &private, "--ledger-key", &trusted, "--unsigned"]);
    refused(&["replay", &case, "--key", &wrong], 1, "it is sealed to the key");
    refused(&["replay", &case, "--key", &public], 2, "");
    refused(&["replay", &case], 2, "--ledger");
    let whole = fs::read(&case).unwrap();
    fs::write(&case, &whole[..whole.len() - 1]).unwrap();
    refused(&["replay", &case, "--key", &private], 1, "altered or cut off");
    // Another ledger's key proves nothing of it; what it judges is the same all the same.
    fs::write(&case, &whole).unwrap();
    let elsewhere = file("elsewhere");
    said(&["eval", "-i", &file("requests.jsonl"), "--only", "art09", "--ledger", &elsewhere]);
    let unproven = normgate(&["replay", &case, "--key", &private, "--ledger-key", &format!("{elsewhere}/ledger.pub")]);
    assert_eq!(unproven.status.code(), Some(1));
    assert!(text(&unproven.stdout).contains("UNPROVEN"), "{}", text(&unproven.stdout));
}

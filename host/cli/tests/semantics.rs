//! What was judged under other semantics than this program's opens, verifies and explains; judged again, it is said to be of others.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::sync::Arc;

use normgate::{Batch, Gate, Limits, embedded};
use normgate_ledger::{Case, History, Ledger, Recipient, Settings};
use support::{ended, folder};

#[test]
fn other_semantics_are_no_difference_and_end_so() {
    let dir = folder("semantics");
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let ledger_dir = file("ledger");
    let modules: Vec<_> = embedded::arp().into_iter().filter(|module| module.manifest.module == "art09").collect();
    let request = r#"{"id":"r1","ctx":{"now_ms":1767225600000,"local_min":600,"can_render_labels":true},"user":{"ref":"u1"},"candidates":[{"id":"c1","aigc":{"meta_label":"1"}}]}"#;
    let batch = Batch::from_json(request.as_bytes()).unwrap();
    let ledger =
        Ledger::open(dir.join("ledger").as_path(), Settings { sample_ppm: 1_000_000, ..Settings::default() }).unwrap();
    // One list by this program's semantics, one under limits that leave nothing of it the same, one under limits that do.
    let mut ids = Vec::new();
    for fuel in [Limits::default().fuel, 1_000, Limits::default().fuel + 1] {
        let limits = Limits { fuel, ..Limits::default() };
        let gate = Gate::builder().policies(modules.clone()).trusting().limits(limits).build().unwrap();
        let outcome = Arc::new(gate.evaluate(&batch));
        ledger.record(&batch, &outcome).unwrap();
        ids.push(outcome.decision_id());
    }
    ledger.close().unwrap();

    let verified = ended(3, &["ledger", "verify", &ledger_dir]);
    assert!(verified.contains("3 lists in full") && verified.contains("0 findings"), "{verified}");
    ended(0, &["replay", "--ledger", &ledger_dir, &ids[0]]);
    let replayed = ended(4, &["replay", "--ledger", &ledger_dir]);
    assert!(
        replayed.contains("judged under `normgate/") && replayed.contains("`, this program judges by `normgate/"),
        "{replayed}"
    );
    assert!(replayed.contains(" fuel=1000 "), "{replayed}");
    assert!(replayed.contains("2 lists are of other semantics; 1 of them come out the same here"), "{replayed}");
    assert!(replayed.contains("1 lists judged again, 0 different"), "{replayed}");
    for id in &ids {
        let told = ended(0, &["explain", id, "--ledger", &ledger_dir, "--lang", "en", "--to", "officer"]);
        assert!(told.contains(id), "{told}");
        assert!(ended(0, &["ledger", "show", &ledger_dir, id]).contains(id));
    }

    // The same of a sealed case, wherever it is opened.
    ended(0, &["key", "generate", "--sealing", &file("inspector")]);
    let history = History::open(dir.join("ledger").as_path()).unwrap();
    let limits = Limits { fuel: 1_000, ..Limits::default() };
    let case = Case::export(&history, &ids[1], &modules, Gate::builder().trusting().limits(limits)).unwrap();
    let sealed = case.seal(&Recipient::read(file("inspector.pub").as_ref()).unwrap()).unwrap();
    fs::write(file("case.sealed"), sealed).unwrap();
    let trusted = format!("{ledger_dir}/ledger.pub");
    let replayed =
        ended(4, &["replay", &file("case.sealed"), "--key", &file("inspector.key"), "--ledger-key", &trusted]);
    assert!(replayed.contains(" fuel=1000 ") && replayed.contains("this program judges by"), "{replayed}");
    assert!(!replayed.contains("differ"), "{replayed}");
    // Unproven is worse.
    fs::remove_file(format!("{ledger_dir}/keys/signing.key")).unwrap();
    fs::remove_file(&trusted).unwrap();
    let other = file("other");
    ended(0, &["eval", "-i", "/dev/null", "--ledger", &other]);
    ended(
        1,
        &[
            "replay",
            &file("case.sealed"),
            "--key",
            &file("inspector.key"),
            "--ledger-key",
            &format!("{other}/ledger.pub"),
        ],
    );
}

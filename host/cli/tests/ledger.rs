//! A ledger as a person keeps it: recorded, checked, searched, proven, judged again, purged; and what kill -9 and a full disk leave.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use normgate::contract::{Day, now_ms};
use normgate_ledger::{Against, History, Query};
use serde_json::Value;
use support::{ended, folder, normgate, text};

/// The output of a command that succeeds.
fn said(args: &[&str]) -> String {
    ended(0, args)
}

/// An empty folder of this test.
fn request(number: usize) -> String {
    format!(
        r#"{{"id":"r{number}","ctx":{{"now_ms":1767225600000,"local_min":600,"can_render_labels":false}},"user":{{"ref":"u{number}","personalization":"on"}},"candidates":[{{"id":"c{number}","aigc":{{"meta_label":"1"}}}}]}}"#
    )
}

fn requests(dir: &Path, count: usize) -> String {
    let file = dir.join("requests.jsonl");
    fs::write(&file, (0..count).map(|number| request(number) + "\n").collect::<String>()).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn from_recording_to_purging() {
    let dir = folder("ledger/whole");
    let input = requests(&dir, 5);
    let ledger = dir.join("ledger");
    let ledger = ledger.to_str().unwrap();
    let plain = said(&["eval", "-i", &input, "--only", "art09,art17"]);
    let recorded = said(&["eval", "-i", &input, "--only", "art09,art17", "--ledger", ledger]);
    assert_eq!(recorded, plain, "recording changes no answer");
    let ids: Vec<String> = (recorded.lines())
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["decision_id"].as_str().unwrap().to_owned())
        .collect();

    let verified = ended(3, &["ledger", "verify", ledger]);
    assert!(verified.contains("5 lists in full and 0 as commitments"), "{verified}");
    assert!(verified.ends_with(": not anchored\n"), "{verified}");
    let shown: Value = serde_json::from_str(&said(&["ledger", "show", ledger, &ids[3]])).unwrap();
    assert_eq!((&shown["outcome"]["id"], &shown["level"]), (&"r3".into(), &"full".into()));
    assert!(!shown["columns"].as_str().unwrap().contains("user."));
    assert!(said(&["ledger", "show", ledger, &ids[3], "--personal"]).contains("request.user.personalization"));
    assert_eq!(said(&["ledger", "find", ledger, "--user", "u4"]).lines().count(), 1);
    assert_eq!(said(&["ledger", "find", ledger, "--item", "c2", "--from", "2026-01-01"]).lines().count(), 1);
    // What is printed is short, and is what other commands take.
    let hit = said(&["ledger", "find", "--ledger", ledger, "--ledger", ledger, "--item", "c2", "--by", "an officer"]);
    assert!(hit.lines().count() == 2 && hit.len() < 1_000, "{hit}");
    let hit: Value = serde_json::from_str(hit.lines().next().unwrap()).unwrap();
    assert_eq!(hit["ledger"], ledger);
    for which in [hit["id"].as_str().unwrap().to_owned(), hit["record"].to_string()] {
        let by_it: [&[&str]; 4] = [
            &["ledger", "show", ledger, &which],
            &["ledger", "prove", ledger, &which],
            &["replay", "--ledger", ledger, &which],
            &["explain", &which, "--ledger", ledger],
        ];
        by_it.iter().for_each(|args| drop(said(args)));
    }
    assert!(fs::read_to_string(Path::new(ledger).join("access.jsonl")).unwrap().contains("\"by\":\"an officer, as "));
    let zero = ["ledger", "anchor", ledger, "--witness", ".", "--cosigner", "none", "--every", "0s"];
    assert!(text(&normgate(&zero).stderr).contains("expected 1s at least"));
    assert_eq!(said(&["ledger", "export", ledger, "--to", "2020-01-01"]), "");
    assert_eq!(said(&["ledger", "export", ledger]).lines().count(), 5);
    assert!(said(&["replay", "--ledger", ledger]).starts_with("5 lists judged again, 0 different"));
    assert!(said(&["replay", "--ledger", ledger, &ids[0]]).starts_with("1 lists judged again, 0 different"));
    let none = normgate(&["ledger", "show", ledger, "0123"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("no decision 0123"));

    let proof = dir.join("proof.json");
    fs::write(&proof, said(&["ledger", "prove", ledger, &ids[1]])).unwrap();
    let (proof, key) = (proof.to_str().unwrap(), format!("{ledger}/ledger.pub"));
    assert!(said(&["ledger", "check-proof", proof, "--key", &key]).contains("is among the"));
    let older = dir.join("older.note");
    fs::write(&older, said(&["ledger", "checkpoint", ledger])).unwrap();
    said(&["eval", "-i", &input, "--only", "art09", "--ledger", ledger, "--durability", "before_answer"]);
    let older = older.to_str().unwrap();
    fs::write(proof, said(&["ledger", "prove", ledger, "--since", older])).unwrap();
    assert!(said(&["ledger", "check-proof", proof, "--key", &key]).contains("are those that were signed before"));
    assert!(said(&["ledger", "verify", ledger, "--checkpoint", older, "--key", &key]).contains("0 findings"));

    said(&["ledger", "purge", ledger]);
    assert!(ended(3, &["ledger", "verify", ledger]).contains("purged everything up to"));
    let refused = normgate(&["ledger", "purge", ledger, "--until", "2999-01-01"]);
    assert!(text(&refused.stderr).contains("is not over"), "{}", text(&refused.stderr));
    let yesterday = Day::containing(now_ms() - 86_400_000).to_string();
    let kept = normgate(&["ledger", "purge", ledger, "--until", &yesterday]);
    assert!(text(&kept.stderr).contains("everything is kept for 184 days"), "{}", text(&kept.stderr));
    // Whoever looked something up stands in the log.
    let log = fs::read_to_string(Path::new(ledger).join("access.jsonl")).unwrap();
    for command in ["show", "find", "export", "replay", "prove"] {
        assert!(log.contains(&format!("\"command\":\"{command}\"")), "{log}");
    }
    assert!(!log.contains("u4"), "a user is not named");

    let segment = Path::new(ledger).join("segments/000000000000.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&segment, bytes).unwrap();
    let altered = normgate(&["ledger", "verify", ledger]);
    assert_eq!(altered.status.code(), Some(1));
    assert!(text(&altered.stdout).starts_with("ALTERED  "), "{}", text(&altered.stdout));
}

#[test]
fn a_days_personal_columns_are_erased_with_a_reason() {
    let dir = folder("ledger/erased");
    let ledger = dir.join("ledger");
    let ledger = ledger.to_str().unwrap();
    said(&["eval", "-i", &requests(&dir, 1), "--only", "art09", "--ledger", ledger]);
    let refused = |args: &[&str], why: &str| {
        let output = normgate(&[&["ledger", "purge", ledger][..], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(why), "{args:?}: {}", text(&output.stderr));
    };
    refused(&["--personal", "--day", "2026-01-01"], "--reason");
    refused(&["--day", "2026-01-01", "--reason", "asked"], "--personal");
    refused(&["--personal", "--day", "2999-01-01", "--reason", "asked"], "is not over");
    refused(&["--personal", "--day", "2020-01-01", "--reason", "asked"], "no personal columns of that day are left");
    // What an hour of yesterday left, as another day's file of today's key.
    let key = fs::read_dir(format!("{ledger}/keys")).unwrap().map(|entry| entry.unwrap().path());
    let key = key.into_iter().find(|file| file.to_string_lossy().contains("personal")).unwrap();
    let earlier = key.with_file_name("2020-01-01.personal.key");
    fs::copy(&key, &earlier).unwrap();
    let erased = ["ledger", "purge", ledger, "--personal", "--day", "2020-01-01", "--reason", "request No 12"];
    assert!(said(&erased).contains("the personal columns of 2020-01-01 are erased"));
    assert!(!earlier.exists());
    assert!(ended(3, &["ledger", "verify", ledger]).contains("of 2020-01-01 before their time: request No 12"));
}

#[test]
fn what_has_lost_its_keys_says_so_and_names_the_way_out() {
    let dir = folder("ledger/keyless");
    let ledger = dir.join("ledger");
    let ledger = ledger.to_str().unwrap();
    let answer = said(&["eval", "-i", &requests(&dir, 1), "--only", "art09", "--ledger", ledger]);
    let id = serde_json::from_str::<Value>(&answer).unwrap()["decision_id"].as_str().unwrap().to_owned();
    let refused = |args: &[&str], why: &str| {
        let output = normgate(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(why), "{args:?}: {}", text(&output.stderr));
    };
    refused(&["replay", "case.sealed"], "case.sealed: give the key that the case is sealed to with --key NAME.key");
    // Without the personal keys of its day, a decision is read, found by its user, and not judged again.
    let key = |entry: &std::path::PathBuf| entry.to_string_lossy().contains(".personal");
    let keys = fs::read_dir(format!("{ledger}/keys")).unwrap().map(|entry| entry.unwrap().path());
    keys.filter(key).for_each(|key| fs::remove_file(key).unwrap());
    assert!(said(&["explain", &id, "--ledger", ledger]).contains("Its personal data were erased."));
    assert_eq!(said(&["ledger", "find", ledger, "--user", "u0"]).lines().count(), 1);
    let (inspector, case) = (dir.join("inspector"), dir.join("case.sealed"));
    said(&["key", "generate", "--sealing", inspector.to_str().unwrap()]);
    let (recipient, case) = (inspector.with_extension("pub"), case.to_str().unwrap());
    let export = ["ledger", "export", ledger, "--sealed", &id, "--to", recipient.to_str().unwrap(), "-o", case];
    refused(&export, "its personal key is gone");
    let keys = Path::new(ledger).join("keys");
    fs::remove_dir_all(&keys).unwrap();
    refused(&["ledger", "verify", ledger], "its folder keys/ is missing; put it back, or make an empty one");
    fs::create_dir(&keys).unwrap();
    assert!(ended(1, &["ledger", "verify", ledger]).contains("the key is lost"));
}

#[cfg(unix)]
#[test]
fn keys_are_wrapped_by_the_command_that_a_file_names() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder("ledger/wrapped");
    let (input, ledger) = (requests(&dir, 2), dir.join("ledger"));
    // Nobody else may write where the file lies, whatever rights new files are given here.
    let private = std::env::temp_dir().join(format!("normgate-ledger-{}", std::process::id()));
    let _ = fs::remove_dir_all(&private);
    fs::create_dir(&private).unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
    let config = private.join("ledger.toml");
    let turned = r"LC_ALL=C exec tr '\000-\377' '\200-\377\000-\177'";
    fs::write(&config, format!("[keys]\nwrap_command = [\"/bin/sh\", \"-c\", {turned:?}]\n")).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    let with = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_normgate"));
        command.args(args).env("NORMGATE_LEDGER_CONFIG", &config).stdin(Stdio::null());
        let output = command.output().unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let ledger = ledger.to_str().unwrap();
    let (code, answers, errors) = with(&["eval", "-i", &input, "--only", "art09,art17", "--ledger", ledger]);
    assert_eq!(code, Some(0), "{errors}");
    for key in fs::read_dir(format!("{ledger}/keys")).unwrap() {
        assert!(fs::read_to_string(key.unwrap().path()).unwrap().starts_with("wrapped "));
    }
    let id: Value = serde_json::from_str(answers.lines().next().unwrap()).unwrap();
    let id = id["decision_id"].as_str().unwrap();
    let (code, shown, errors) = with(&["ledger", "show", ledger, id, "--personal"]);
    assert!(code == Some(0) && shown.contains("request.user.personalization"), "{errors}");
    let (_, replayed, errors) = with(&["replay", "--ledger", ledger]);
    assert!(replayed.starts_with("2 lists judged again, 0 different"), "{replayed} {errors}");
    let without = normgate(&["ledger", "show", ledger, id]);
    assert_eq!(without.status.code(), Some(2));
    assert!(text(&without.stderr).contains("the key is wrapped"), "{}", text(&without.stderr));
    fs::set_permissions(&config, fs::Permissions::from_mode(0o666)).unwrap();
    let (code, _, errors) = with(&["ledger", "show", ledger, id]);
    assert!(code == Some(2) && errors.contains("others may write to"), "{errors}");
    fs::remove_dir_all(&private).unwrap();
}

#[test]
fn what_was_answered_outlives_kill_9() {
    let ledger = folder("ledger/killed").join("ledger");
    let mut answered: Vec<String> = Vec::new();
    for round in [3, 11, 1] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_normgate"))
            .args(["eval", "--only", "art09", "--durability", "before_answer", "--ledger"])
            .arg(&ledger)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let first = answered.len();
        // It is fed until it dies, so that it dies at work.
        let feeding = std::thread::spawn(move || {
            for number in first.. {
                if writeln!(stdin, "{}", request(number)).is_err() {
                    return;
                }
            }
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let id = |line: &str| {
            serde_json::from_str::<Value>(line).map(|answer| answer["decision_id"].as_str().unwrap().to_owned())
        };
        answered.extend(lines.by_ref().take(round).map(|line| id(&line.unwrap()).unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had answered when it died; its last line may be cut off.
        answered.extend(lines.map_while(Result::ok).filter_map(|line| id(&line).ok()));
        feeding.join().unwrap();
    }
    said(&[
        "eval",
        "-i",
        &requests(ledger.parent().unwrap(), 1),
        "--only",
        "art09",
        "--ledger",
        ledger.to_str().unwrap(),
    ]);
    let history = History::open(&ledger).unwrap();
    let verified = history.verify(&Against::default()).unwrap();
    assert_eq!(verified.findings, Vec::<String>::new());
    assert_eq!(verified.notes.iter().filter(|note| note.contains("no answered list is missing")).count(), 3);
    let mut kept = std::collections::HashSet::new();
    let collect = |recorded: normgate_ledger::Recorded| {
        let outcome: Value = serde_json::from_str(recorded.outcome.as_ref().unwrap()).unwrap();
        kept.insert(outcome["decision_id"].as_str().unwrap().to_owned());
        Ok(())
    };
    history.lists(&Query::default(), |_| Ok(()), collect).unwrap();
    let lost: Vec<&String> = answered.iter().filter(|id| !kept.contains(*id)).collect();
    assert!(answered.len() >= 15 && lost.is_empty(), "{} of {} are lost", lost.len(), answered.len());
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_said_and_what_was_written_stays() {
    let dir = folder("ledger/full-disk");
    let ledger = dir.join("ledger");
    let input = requests(&dir, 2_000);
    // A limit on the size of files is as good as a full disk; half a kilobyte is a unit of it.
    let on_a_full_disk = |durability: &str| {
        let script =
            "trap '' XFSZ; ulimit -f 24; exec \"$0\" eval --only art09 -i \"$1\" --ledger \"$2\" --durability \"$3\"";
        let command = [env!("CARGO_BIN_EXE_normgate"), &input, ledger.to_str().unwrap(), durability];
        let output = Command::new("sh").args(["-c", script]).args(command).output().unwrap();
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains("not recorded") && errors.contains("File too large"), "{errors}");
        // Every line has its answer, or an error in the place of one.
        let answers: Vec<Value> =
            text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let places = answers.iter().map(|answer| answer["id"].as_str().unwrap().to_owned());
        assert!(places.eq((0..2_000).map(|number| format!("r{number}"))));
        let refused =
            |answer: &&Value| answer["error"]["message"].as_str().is_some_and(|why| why.starts_with("not recorded: "));
        let (judged, unrecorded) = answers.iter().partition::<Vec<_>, _>(|answer| answer["verdicts"].is_array());
        assert!(unrecorded.iter().all(refused));
        judged.len()
    };
    let answered = on_a_full_disk("before_answer");
    assert!(answered > 0);
    let verified = History::open(&ledger).unwrap().verify(&Against::default()).unwrap();
    assert_eq!(verified.findings, Vec::<String>::new());
    assert_eq!(verified.full, answered as u64, "what is answered is recorded, and nothing else");
    // A full disk keeps nobody from starting. The next segment is another file, so that it has its own limit here.
    let more = on_a_full_disk("before_answer");
    let verified = History::open(&ledger).unwrap().verify(&Against::default()).unwrap();
    assert_eq!((verified.findings.len(), verified.full), (0, (answered + more) as u64));
    // Where answers do not wait for the ledger, all are given.
    assert_eq!(on_a_full_disk("behind"), 2_000);
    let before = History::open(&ledger).unwrap().verify(&Against::default()).unwrap();
    // With room again, the ledger goes on, and says what happened.
    said(&["eval", "-i", &requests(&dir, 1), "--only", "art09", "--ledger", ledger.to_str().unwrap()]);
    let again = History::open(&ledger).unwrap().verify(&Against::default()).unwrap();
    assert_eq!((again.findings.len(), again.full), (0, before.full + 1));
}

#[test]
fn what_is_confirmed_of_nothing_is_refused_by_name() {
    let dir = folder("ledger/confirmed-of-nothing");
    let ledger = dir.join("ledger");
    let ledger = ledger.to_str().unwrap();
    let answer = said(&["eval", "-i", &requests(&dir, 1), "--only", "art09", "--ledger", ledger]);
    let id = serde_json::from_str::<Value>(&answer).unwrap()["decision_id"].as_str().unwrap().to_owned();
    let none = "0".repeat(32);
    let lines = [
        format!(r#"{{"decision_id":"{id}","shown":["c0"]}}"#),
        format!(r#"{{"decision_id":"{none}","shown":["c0"]}}"#),
        format!(r#"{{"decision_id":"{id}","labels_rendered":[{{"candidate":"c0","label":"no.label"}}]}}"#),
        format!(r#"{{"decision_id":"{id}","discharged":[{{"code":"no.duty","target":null}}]}}"#),
    ];
    let input = dir.join("confirmations.jsonl");
    fs::write(&input, lines.join("\n")).unwrap();
    let output = normgate(&["ledger", "confirm", ledger, "-i", input.to_str().unwrap()]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for what in [
        format!("line 2: no decision {none} is in this ledger"),
        "line 3: no label is called `no.label`".into(),
        "line 4: no duty is called `no.duty`".into(),
        "1 confirmations recorded, 3 lines refused".into(),
    ] {
        assert!(said.contains(&what), "{what}: {said}");
    }
}

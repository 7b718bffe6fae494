//! What foreign text can do to a terminal, and what becomes of a command whose output goes nowhere.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use normgate::contract::steers;
use normgate_repo::keys::Keyring;
use normgate_repo::publisher::Publisher;
use serde_json::{Value, json};
use support::{film_club, folder, text};

/// Clears a line, goes up, forges another, and hides what follows; in either width of escape, and against the direction of writing.
const FOREIGN: &str =
    "x\u{1b}[2K\r\u{1b}[1A\nproof    is among the 9 frames\u{9b}8m\u{7f}\u{202e}\u{2066}\u{200f}\u{61c}\u{2028}\u{8}y";

/// Holds that a command wrote nothing that a terminal would obey, and no line that is not its own.
fn harmless(args: &[&str], output: &Output) -> String {
    let said = text(&output.stdout) + &text(&output.stderr);
    if let Some(character) = said.chars().find(|character| *character != '\n' && steers(*character)) {
        panic!("{args:?} wrote {character:?}: {said:?}");
    }
    assert!(!said.lines().any(|line| line.starts_with("proof    is among the 9")), "{args:?}: {said}");
    said
}

fn in_folder(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_normgate")).args(args).current_dir(dir).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn a_module_with_steering_text_is_refused_wherever_it_comes_from() {
    let dir = folder("screen-module");
    let file = |name: &str, bytes: &[u8]| fs::write(dir.join(name), bytes).unwrap();
    file("basis.wasm", &film_club(|manifest| manifest["rules"][0]["basis"] = FOREIGN.into()));
    file("cases.jsonl", include_bytes!("../../../tests/frozen/film-club.cases.jsonl"));
    file("requests.jsonl", b"");
    assert!(in_folder(&dir, &["repo", "init", "norms", "--keys", "keys"]).status.success());
    for args in [
        &["inspect", "basis.wasm"][..],
        &["inspect", "--json", "basis.wasm"],
        &["explain", "club.too-early", "-p", "basis.wasm"],
        &["check", "basis.wasm"],
        &["test", "-p", "basis.wasm"],
        &["eval", "-p", "basis.wasm", "-i", "requests.jsonl"],
        &["repo", "add", "norms", "basis.wasm"],
    ] {
        let output = in_folder(&dir, args);
        let said = harmless(args, &output);
        assert!(
            !output.status.success() && said.contains("rules[0].basis: U+001B steers a terminal"),
            "{args:?}: {said}"
        );
    }
    // Every text is looked at, and so is every name.
    for pointer in
        ["/title/en", "/version", "/id", "/module", "/rules/0/id", "/rules/0/sentence/zh", "/rules/0/remedy/en"]
    {
        file("any.wasm", &film_club(|manifest| *manifest.pointer_mut(pointer).unwrap() = FOREIGN.into()));
        let output = in_folder(&dir, &["inspect", "any.wasm"]);
        let place = pointer[1..].replace("rules/0", "rules[0]").replace('/', ".");
        let said = harmless(&["inspect", pointer], &output);
        assert!(output.status.code() == Some(2) && said.contains(&format!("{place}: U+001B")), "{pointer}: {said}");
    }
    // What is no manifest at all is quoted in the error.
    file("any.wasm", &film_club(|manifest| manifest[FOREIGN] = 1.into()));
    harmless(&["inspect"], &in_folder(&dir, &["inspect", "any.wasm"]));
    file("any.wasm", &film_club(|manifest| manifest["on_failure"] = FOREIGN.into()));
    harmless(&["inspect"], &in_folder(&dir, &["inspect", "any.wasm"]));
}

#[test]
fn a_norm_with_steering_text_is_refused_before_it_is_built() {
    let dir = folder("screen-norm");
    assert!(in_folder(&dir, &["new", "norm"]).status.success());
    let policy = dir.join("norm/policy.toml");
    let written = fs::read_to_string(&policy).unwrap();
    let line = written.lines().find(|line| line.starts_with("basis = ")).unwrap();
    fs::write(&policy, written.replace(line, "basis = \"x\\u001b[2K\"")).unwrap();
    let output = in_folder(&dir, &["build", "norm"]);
    let said = harmless(&["build"], &output);
    assert!(output.status.code() == Some(2) && said.contains("policy.toml line") && said.contains("U+001B"), "{said}");
}

#[test]
fn text_of_cases_and_configurations_is_shown_and_not_obeyed() {
    let dir = folder("screen-cases");
    let case = json!({
        "case": FOREIGN, "modules": ["art09"],
        "request": {"id": FOREIGN, "ctx": {"now_ms": 1, "local_min": 600},
                    "candidates": [{"id": FOREIGN, "aigc": {"meta_label": "1"}}]},
        "expect": {"verdicts": {FOREIGN: {"action": "block", "rules": [FOREIGN]}}},
    });
    fs::write(dir.join("cases.jsonl"), format!("{case}\n")).unwrap();
    fs::write(dir.join("strange.jsonl"), json!({"case": FOREIGN, FOREIGN: FOREIGN}).to_string()).unwrap();
    for args in [
        &["test"][..],
        &["test", "--explain", "en"],
        &["test", "--columns"],
        &["test", "--coverage"],
        &["test", "--json"],
        &["test", "--junit", "junit.xml"],
        &["test", "strange.jsonl"],
        &["check", "--readiness", "-i", "cases.jsonl"],
    ] {
        harmless(args, &in_folder(&dir, args));
    }
    let said = text(&in_folder(&dir, &["test"]).stdout);
    assert!(said.starts_with("FAILED x\\u{1b}[2K\\r\\u{1b}[1A\\nproof    is among"), "{said}");
    // XML 1.0 has no way to write most of these, so that they are shown there, too.
    let junit = fs::read_to_string(dir.join("junit.xml")).unwrap();
    assert!(junit.contains("name=\"x\\u{1b}[2K") && junit.contains("<failure>"), "{junit}");
    assert!(!junit.chars().any(|character| character != '\n' && steers(character)), "{junit:?}");

    for config in [
        format!("[modes]\n{} = \"shadow\"", json!(FOREIGN).to_string().replace("\u{7f}", "\\u007f")),
        format!("[parameters]\n\"art18.rest_s\" = {}", json!(FOREIGN).to_string().replace("\u{7f}", "\\u007f")),
        format!(
            "[[repositories]]\nname = {0}\nroot = {0}\nlocation = {0}\nauthorities = [{0}]\n[authorities.x]",
            json!(FOREIGN).to_string().replace("\u{7f}", "\\u007f")
        ),
        format!("colour = {FOREIGN}"),
    ] {
        fs::write(dir.join("normgate.toml"), config).unwrap();
        for args in [&["check", "-c", "normgate.toml"][..], &["eval", "-c", "normgate.toml"], &["sync", "--store", "s"]]
        {
            harmless(args, &in_folder(&dir, args));
        }
    }
}

#[test]
fn text_of_requests_operators_and_ledgers_is_shown_and_not_obeyed() {
    let dir = folder("screen-ledger");
    let request = json!({
        "id": FOREIGN, "ctx": {"now_ms": 1_767_225_600_000_i64, "local_min": 600, "surface": "feed"},
        "user": {"ref": FOREIGN, "tags": [{"tag_id": FOREIGN, "in_dictionary": false, "review": "rejected"}]},
        "candidates": [{"id": FOREIGN, "title": FOREIGN, "aigc": {"meta_label": "1"}},
                       {"id": "plain", "aigc": {"meta_label": "1"}}],
    });
    fs::write(dir.join("requests.jsonl"), format!("{request}\n{{\"{FOREIGN}\n")).unwrap();
    fs::write(dir.join("one.jsonl"), format!("{request}\n")).unwrap();
    fs::write(dir.join("normgate.toml"), "").unwrap();
    fs::write(dir.join("shadow.toml"), "[modes]\n\"art09\" = \"shadow\"\n").unwrap();
    fs::write(dir.join("confirmations.jsonl"), format!("{}\n", json!({FOREIGN: FOREIGN}))).unwrap();
    let run = |args: &[&str]| {
        let output = in_folder(&dir, args);
        harmless(args, &output);
        output
    };
    assert!(run(&["override", "art09", "--for", "30m", "--reason", FOREIGN]).status.success());
    let listed = text(&run(&["override"]).stdout);
    assert!(listed.lines().count() == 1 && listed.contains("x\\u{1b}[2K\\r"), "{listed}");
    let mut answers = run(&[
        "eval",
        "-c",
        "normgate.toml",
        "-i",
        "requests.jsonl",
        "--ledger",
        "ledger",
        "--explain",
        "en",
        "--evidence",
    ]);
    assert_eq!(answers.status.code(), Some(1));
    answers.stdout.truncate(answers.stdout.iter().position(|byte| *byte == b'\n').unwrap());
    let answer: Value = serde_json::from_slice(&answers.stdout).unwrap();
    assert_eq!(answer["id"], FOREIGN, "JSON says what was said");
    let id = answer["decision_id"].as_str().unwrap();

    assert!(run(&["key", "generate", "--sealing", "inspector"]).status.success());
    assert!(run(&["ledger", "checkpoint", "ledger"]).status.success());
    assert!(
        run(&["ledger", "export", "ledger", "--sealed", id, "--to", "inspector.pub", "-o", "case.sealed"])
            .status
            .success()
    );
    for args in [
        &["explain", "-i", "one.jsonl"][..],
        &["explain", "-i", "one.jsonl", "--lang", "zh", "--candidate", FOREIGN],
        &["explain", FOREIGN],
        &["explain", id, "--ledger", "ledger"],
        &["explain", id, "--ledger", "ledger", "--to", "officer", "--format", "html"],
        &["ledger", "show", "ledger", id, "--personal"],
        &["ledger", "show", "ledger", FOREIGN],
        &["ledger", "find", "ledger", "--user", FOREIGN, "--item", FOREIGN, "--personal"],
        &["ledger", "export", "ledger", "--personal"],
        &["ledger", "export", "ledger", "--dsa", "--territorial-scope", "DE"],
        &["ledger", "export", "ledger", "--dsa", "--territorial-scope", FOREIGN],
        &["ledger", "fulfilment", "ledger"],
        &["ledger", "fulfilment", "ledger", "--json"],
        &["ledger", "confirm", "ledger", "-i", "confirmations.jsonl"],
        &["ledger", "hold", "ledger", id, "--case", FOREIGN],
        &["ledger", "prove", "ledger", id],
        &["ledger", "check-proof", "requests.jsonl"],
        &["ledger", "verify", "ledger"],
        &["ledger", "verify", "ledger", "--checkpoint", "requests.jsonl"],
        &["replay", "--ledger", "ledger"],
        &["replay", "--ledger", "ledger", FOREIGN],
        &["replay", "case.sealed", "--key", "inspector.key"],
        &["replay", "requests.jsonl", "--key", "inspector.key"],
        &["diff", "--ledger", "ledger", "--to-config", "shadow.toml", "--personal"],
        &["diff", "-i", "one.jsonl", "--to-config", "shadow.toml", "--personal"],
        &["report", "self-assessment", "ledger"],
        &["report", "self-assessment", "ledger", "--format", "json"],
        &["report", "badge", "--profile", "requests.jsonl"],
        &["eval", "-i", "one.jsonl", "--diff", "diff.json", "-c", "shadow.toml"],
        &["bench", "-i", "requests.jsonl", "--seconds", "0"],
        &["repo", "status", FOREIGN],
        &["sync", "-c", FOREIGN, "--store", "store"],
        &["push", "oci://localhost/a:b", FOREIGN],
        &["eval", "--only", FOREIGN],
        &["eval", FOREIGN],
        &[FOREIGN],
    ] {
        run(args);
    }
    // Whoever keeps the ledger writes into it what they like.
    let access = dir.join("ledger/access.jsonl");
    let log = fs::read_to_string(&access).unwrap();
    let by = json!(FOREIGN).to_string();
    fs::write(&access, log.replacen("\"by\":\"", &format!("\"by\":{},\"was\":\"", by), 1)).unwrap();
    run(&["ledger", "verify", "ledger"]);
}

#[test]
fn text_of_repositories_is_shown_and_not_obeyed() {
    let dir = folder("screen-repository");
    let path = |name: &str| dir.join(name);
    for args in [
        &["repo", "init", "norms", "--keys", "keys"][..],
        &["key", "generate", "club.pem"],
        &["repo", "delegate", "norms", "club", "--key", "club.pub", "--keys", "keys/targets.pem"],
    ] {
        assert!(in_folder(&dir, args).status.success(), "{args:?}");
    }
    let publisher = Publisher::open(&path("norms")).unwrap();
    let keyring =
        Keyring::read(&["keys/root-1.pem", "keys/targets.pem", "keys/online.pem", "club.pem"].map(path)).unwrap();
    publisher.publish(&keyring).unwrap();
    fs::write(
        path("normgate.toml"),
        "[[repositories]]\nname = \"national\"\nroot = \"norms/metadata/1.root.json\"\nlocation = \"norms\"\n\
         authorities = [\"club\"]\n[authorities.club]\n",
    )
    .unwrap();
    let staged = |role: &str, change: &dyn Fn(&mut Value)| {
        publisher.renew(role).unwrap();
        let file = path("norms/staged").join(format!("{role}.json"));
        let mut document: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        change(&mut document["signed"]);
        fs::write(&file, document.to_string()).unwrap();
    };
    // Whoever stages in somebody's name, and whoever signs for a platform to read.
    staged("club-modules", &|signed| {
        let custom = json!({"version": FOREIGN});
        let hashes = json!({"sha256": "00".repeat(32)});
        signed["targets"]["club/modules/m.1.wasm"] = json!({"length": 1, "hashes": hashes, "custom": custom});
        signed["targets"][FOREIGN] = json!({"length": 1, "hashes": hashes, "custom": custom});
        signed[FOREIGN] = FOREIGN.into();
    });
    staged("targets", &|signed| {
        let mut role = signed["delegations"]["roles"][0].clone();
        role["name"] = FOREIGN.into();
        role["paths"] = json!([FOREIGN.replace('[', "(")]);
        signed["delegations"]["roles"].as_array_mut().unwrap().push(role);
    });
    let run = |args: &[&str]| harmless(args, &in_folder(&dir, args));
    let shown = run(&["repo", "sign", "norms"]);
    assert!(shown.contains("file x\\u{1b}[2K") && shown.contains("role x\\u{1b}[2K"), "{shown}");
    run(&["repo", "sign", "norms", "--role", "targets", "--keys", "keys/targets.pem"]);
    run(&["repo", "sign", "norms", "--export", "disk"]);
    run(&["repo", "sign", "disk", "--exported"]);
    run(&["repo", "publish", "norms", "--keys", "keys/online.pem"]);
    // A field that it does not know is signed by no program of ours; all else a thief publishes.
    let file = path("norms/staged/club-modules.json");
    let mut document: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    document["signed"].as_object_mut().unwrap().remove(FOREIGN).unwrap();
    fs::write(&file, document.to_string()).unwrap();
    publisher.publish_anyway(&keyring, &[]).unwrap();
    for args in [
        &["repo", "status", "norms"][..],
        &["repo", "lint", "norms"],
        &["repo", "diff", "norms@1", "norms"],
        &["sync", "--store", "store"],
        &["eval", "--store", "store"],
    ] {
        run(args);
    }
}

#[cfg(target_os = "linux")]
mod full {
    use super::*;

    /// A disk on which nothing has room.
    fn full() -> Stdio {
        fs::OpenOptions::new().write(true).open("/dev/full").unwrap().into()
    }

    #[test]
    fn an_output_that_takes_nothing_is_one_sentence_and_a_code() {
        let dir = folder("screen-full");
        fs::write(
            dir.join("requests.jsonl"),
            "{\"ctx\":{\"now_ms\":1,\"local_min\":1},\"candidates\":[{\"id\":\"a\"}]}\n",
        )
        .unwrap();
        fs::write(dir.join("cases.jsonl"), include_str!("../../../tests/frozen/film-club.cases.jsonl")).unwrap();
        fs::write(dir.join("m.wasm"), include_bytes!("../../../tests/frozen/film-club-0.1.0.wasm")).unwrap();
        fs::write(dir.join("normgate.toml"), "").unwrap();
        assert!(in_folder(&dir, &["eval", "-i", "requests.jsonl", "--ledger", "ledger"]).status.success());
        for args in [
            &["inspect"][..],
            &["inspect", "--json"],
            &["explain", "art18.tip"],
            &["explain", "-i", "requests.jsonl"],
            &["check"],
            &["check", "--readiness", "-i", "requests.jsonl"],
            &["test", "-p", "m.wasm"],
            &["eval", "-i", "requests.jsonl"],
            &["bench", "-i", "requests.jsonl", "--seconds", "0"],
            &["override"],
            &["key", "generate", "k.pem"],
            &["repo", "init", "norms", "--keys", "keys"],
            &["repo", "status", "norms"],
            &["ledger", "verify", "ledger"],
            &["ledger", "export", "ledger"],
            &["ledger", "checkpoint", "ledger"],
            &["replay", "--ledger", "ledger"],
            &["diff", "-i", "requests.jsonl", "--to-only", "art18"],
            &["report", "self-assessment", "ledger"],
            &["demo"],
            &["completions", "bash"],
            &["new", "norm"],
        ] {
            let output = Command::new(env!("CARGO_BIN_EXE_normgate"))
                .args(args)
                .current_dir(&dir)
                .stdin(Stdio::null())
                .stdout(full())
                .output()
                .unwrap();
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
            let sentences = said.lines().filter(|line| line.starts_with("normgate: standard output: No space")).count();
            assert!(sentences == 1 && !said.contains("panicked"), "{args:?}: {said}");
        }
        // What the commands were for was done all the same.
        for made in ["k.pem", "k.pub", "norms/metadata/timestamp.json", "norm/policy.toml"] {
            assert!(dir.join(made).exists(), "{made}");
        }
    }

    #[test]
    fn remarks_that_nobody_takes_cost_no_answer() {
        let dir = folder("screen-remarks");
        let good = "{\"id\":\"r\",\"ctx\":{\"now_ms\":1,\"local_min\":1},\"candidates\":[{\"id\":\"a\"}]}\n";
        fs::write(dir.join("requests.jsonl"), format!("{good}none\n{good}none\n{good}")).unwrap();
        let judged = |stderr: Stdio| {
            let mut child = Command::new(env!("CARGO_BIN_EXE_normgate"))
                .args(["eval", "--only", "art09", "-i", "requests.jsonl"])
                .current_dir(&dir)
                .stdout(Stdio::piped())
                .stderr(stderr)
                .spawn()
                .unwrap();
            // Whoever read the remarks goes away.
            drop(child.stderr.take());
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(1));
            text(&output.stdout).lines().count()
        };
        assert_eq!([judged(full()), judged(Stdio::piped())], [5, 5]);
    }
}

#[test]
fn who_runs_a_command_is_the_systems_word_and_not_the_environments() {
    let dir = folder("identity");
    fs::write(dir.join("normgate.toml"), "").unwrap();
    fs::write(dir.join("requests.jsonl"), "{\"ctx\":{\"now_ms\":1,\"local_min\":1},\"candidates\":[{\"id\":\"a\"}]}\n")
        .unwrap();
    assert!(in_folder(&dir, &["eval", "-i", "requests.jsonl", "--ledger", "ledger"]).status.success());
    let uid = text(&Command::new("id").arg("-u").output().unwrap().stdout).trim().to_owned();
    let as_minister = |args: &[&str], sudo: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_normgate"));
        for name in ["USER", "LOGNAME", "USERNAME", "SUDO_USER"] {
            command.env(name, "minister of culture");
        }
        let output = command.args(args).env("SUDO_UID", sudo).current_dir(&dir).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    };
    as_minister(&["ledger", "find", "ledger", "--personal"], "4001");
    as_minister(&["override", "art18", "--for", "1m", "--reason", "a trial"], "root of all");
    for (file, beside) in [("ledger/access.jsonl", true), ("normgate.overrides.jsonl", false)] {
        let record = fs::read_to_string(dir.join(file)).unwrap();
        let by = record.lines().last().unwrap().rsplit_once("\"by\":\"").unwrap().1.split('"').next().unwrap();
        assert!(by.contains(&format!("uid {uid}")) && !by.contains("minister"), "{file}: {by}");
        assert_eq!(by.contains("sudo from uid 4001"), beside, "{file}: {by}");
        assert!(!by.contains("root of all"), "{file}: {by}");
    }
}

#[cfg(unix)]
#[test]
fn what_leaves_a_ledger_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder("modes-of-files");
    fs::write(
        dir.join("requests.jsonl"),
        "{\"ctx\":{\"now_ms\":1,\"local_min\":1},\"candidates\":[{\"id\":\"a\",\"aigc\":{\"meta_label\":\"1\"}}]}\n",
    )
    .unwrap();
    fs::write(dir.join("shadow.toml"), "[modes]\n\"art09\" = \"shadow\"\n").unwrap();
    let run = |command: &str| {
        let command = format!("umask 022; {} {command}", env!("CARGO_BIN_EXE_normgate"));
        let output = Command::new("sh").args(["-c", &command]).current_dir(&dir).output().unwrap();
        assert!(output.status.success(), "{command}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let judged: Value = serde_json::from_str(&run("eval -i requests.jsonl --only art09 --ledger ledger")).unwrap();
    let id = judged["decision_id"].as_str().unwrap();
    run("key generate --sealing inspector");
    run("ledger checkpoint ledger");
    // One lies there already, for everybody to read, and longer than what is written.
    fs::write(dir.join("all.parquet"), vec![b'x'; 1 << 20]).unwrap();
    fs::set_permissions(dir.join("all.parquet"), fs::Permissions::from_mode(0o644)).unwrap();
    run("ledger export ledger --parquet all.parquet --personal");
    run(&format!("ledger export ledger --sealed {id} --to inspector.pub -o case.sealed"));
    run("eval -i requests.jsonl -c shadow.toml --diff shadow.json");
    run("diff --ledger ledger --to-config shadow.toml --personal --json diff.json --html diff.html");
    for file in ["all.parquet", "case.sealed", "shadow.json", "diff.json", "diff.html"] {
        let meta = fs::metadata(dir.join(file)).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o600, "{file}");
        assert!((1..1 << 20).contains(&meta.len()), "{file}");
    }
    // What is no file stays whose it is.
    run("diff -i requests.jsonl --to-config shadow.toml --json /dev/null");
}

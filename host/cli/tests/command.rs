//! The command as a user types it: what goes where, exit codes, and nothing lost around a bad line.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use support::folder;

fn normgate(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_normgate"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that refuses its arguments reads nothing, and that is fine.
    let feeding = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    output
}

fn lines(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn request(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","ctx":{{"now_ms":1767225600000,"local_min":600,"can_render_labels":true}},"user":{{"personalization":"on"}},"candidates":[{{"id":"c1","aigc":{{"meta_label":"1"}}}}]}}"#
    )
}

#[test]
fn a_bad_line_is_answered_in_its_place_and_the_others_are_judged() {
    let input = format!("{}\nhello\n\n{}\n{{\"id\":\"r3\"}}\n", request("r1"), request("r2"));
    let output = normgate(&["eval", "--only", "art09"], input.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    let answers = lines(&output);
    let ids: Vec<_> = answers.iter().map(|a| a["id"].as_str()).collect();
    // Whoever waits for an answer to an empty line gets one.
    assert_eq!(ids, [Some("r1"), None, None, Some("r2"), Some("r3")]);
    assert_eq!(answers[0]["verdicts"][0]["labels"][0], "ai.confirmed");
    assert_eq!((&answers[1]["line"], &answers[2]["line"]), (&json!(2), &json!(3)));
    assert_eq!(answers[2]["error"]["message"], "an empty line is no request");
    assert_eq!(answers[4]["error"]["path"], "ctx.now_ms");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(errors.lines().count(), 3, "{errors}");
    assert!(errors.contains("line 5: ctx.now_ms"), "{errors}");
}

#[test]
fn verdicts_never_change_the_exit_code() {
    let output = normgate(&["eval"], request("r1").as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty());
}

#[test]
fn evidence_and_explanations_are_added_on_request() {
    let output = normgate(&["eval", "--only", "art09", "--explain", "zh", "--evidence"], request("r1").as_bytes());
    let reason = &lines(&output)[0]["verdicts"][0]["reasons"][0];
    assert_eq!(reason["explain"]["sentence"], "内容由AI生成。");
    assert_eq!(reason["evidence"]["candidates.aigc.meta_label"], "1");
}

#[test]
fn usage_and_configuration_end_with_two() {
    let dir = temporary("config");
    let config = dir.join("normgate.toml");
    for (text, sentence) in [
        ("[parameters]\n\"art18.rest_s\" = 1", "parameters.\"art18.rest_s\": 1 is outside 60..86400 s"),
        ("[parameters]\n\"art18.rest\" = 1", "parameters.\"art18.rest\": there is no such parameter"),
        ("[modes]\n\"art18.nap\" = \"shadow\"", "modes.\"art18.nap\": there is no such rule"),
        (
            "[modes]\n\"reference/art18-minor\" = \"off\"",
            "modes.\"reference/art18-minor\": there is no such policy; did you mean `reference/art18-minors`?",
        ),
        ("[modes]\n\"art18.pool\" = \"maybe\"", "line 2"),
        ("[parameters]\n\"art18.day_limit_s\" = 7201", "`art18.day_limit_16_s`; keep them in order"),
        ("[colours]", "unknown field `colours`"),
    ] {
        std::fs::write(&config, text).unwrap();
        let output = normgate(&["eval", "-c", config.to_str().unwrap()], b"");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(sentence) && errors.contains("normgate.toml"), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
    assert_eq!(normgate(&["eval", "--only", "art99"], b"").status.code(), Some(2));
    assert_eq!(normgate(&["eval", "-i", "nowhere.jsonl"], b"").status.code(), Some(2));
    assert_eq!(normgate(&["colour"], b"").status.code(), Some(2));
    for every in ["--every=0", "--every=0s", "--every=-1", "--every="] {
        let output = normgate(&["sync", "--store", "nowhere", every], b"");
        assert_eq!(output.status.code(), Some(2), "{every}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("--every <MINUTES>"), "{every}");
    }
}

#[test]
fn a_name_that_matches_nothing_is_refused_whatever_is_loaded() {
    let folder = folder("names");
    let config = folder.join("normgate.toml").display().to_string();
    for (text, why) in [
        ("[overlays.p]\n\"art6.harm_w\" = 1", "did you mean `art06.harm_w`?"),
        ("[modes]\nart99 = \"shadow\"", "did you mean `art09`?"),
        ("[modes]\nart14.over-recommend = \"shadow\"", "stands in quotes: \"art14.over-recommend\" = \"shadow\""),
        ("[on_failure]\nart31 = \"allow\"", "there is no such module"),
    ] {
        std::fs::write(&config, text).unwrap();
        for more in [&[][..], &["--only", "art18"]] {
            let output = normgate(&[&["eval", "-c", &config], more].concat(), request("r1").as_bytes());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                output.status.code() == Some(2) && said.contains(why) && said.contains(&config),
                "{more:?}: {said}"
            );
            assert_eq!(said.matches(why).count(), 1, "it is said once: {said}");
        }
    }
    // A configuration of the whole set serves a part of it.
    std::fs::write(&config, "\u{feff}[overlays.p]\n\"art06.harm_w\" = 1\n[modes]\nart09 = \"shadow\"").unwrap();
    let output = normgate(&["eval", "-c", &config, "--only", "art18"], request("r1").as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    // What is no file is told with its place, once.
    let place = folder.display().to_string();
    for args in [
        &["eval", "-c", &place][..],
        &["eval", "-i", &place],
        &["eval", "-p", "/nowhere.wasm"],
        &["sync", "-c", &place, "--store", "x"],
    ] {
        let output = normgate(args, b"");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2), "{args:?}: {said}");
        let place = args.iter().find(|arg| arg.starts_with('/')).unwrap();
        assert_eq!((said.matches(place).count(), said.matches("os error").count()), (1, 1), "{args:?}: {said}");
    }
}

#[test]
fn a_mode_and_a_parameter_of_the_configuration_are_obeyed() {
    let config = temporary("modes").join("normgate.toml");
    std::fs::write(&config, "[modes]\n\"art09\" = \"shadow\"\n").unwrap();
    let output = normgate(&["eval", "--only", "art09", "-c", config.to_str().unwrap()], request("r1").as_bytes());
    let answer = &lines(&output)[0];
    assert_eq!(answer["verdicts"][0]["action"], "allow");
    assert_eq!(answer["shadow"][0]["rule"], "art09.ai-confirmed");
}

#[test]
fn what_is_not_yet_in_force_is_silent() {
    let output = normgate(&["eval", "--only", "art09", "--as-of", "2022-02-28"], request("r1").as_bytes());
    assert_eq!(lines(&output)[0]["verdicts"][0]["action"], "allow");
    let output = normgate(&["eval", "--only", "art09", "--as-of", "2022-03-01"], request("r1").as_bytes());
    assert_eq!(lines(&output)[0]["verdicts"][0]["action"], "label");
}

#[test]
fn a_module_of_ones_own_is_built_inspected_checked_and_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let target = Path::new(env!("CARGO_BIN_EXE_normgate")).ancestors().nth(2).unwrap().join("guests");
    let component = normgate_package::build(root, &["film-club".into()], &target).unwrap().remove(0);
    let dir = temporary("own");
    let file = dir.join("film-club.wasm");
    std::fs::write(&file, component).unwrap();
    let file = file.to_str().unwrap();

    let inspected = normgate(&["inspect", "--json", file], b"");
    let json = &lines(&inspected)[0];
    assert_eq!(json["columns"], serde_json::json!(["request.ctx.local_min", "candidates.age_rating"]));
    assert_eq!(normgate(&["check", file], b"").status.code(), Some(0));

    let line = r#"{"ctx":{"now_ms":1767225600000,"local_min":600},"candidates":[{"id":"f","age_rating":"r18"}]}"#;
    let judged = normgate(&["eval", "-p", dir.to_str().unwrap()], line.as_bytes());
    assert_eq!(lines(&judged)[0]["verdicts"][0]["reasons"][0]["rule"], "club.too-early");
    assert!(String::from_utf8_lossy(&judged.stderr).contains("no [authorities]"));
    assert!(String::from_utf8_lossy(&normgate(&["inspect", file], b"").stdout).contains("This film is shown"));
}

#[test]
fn nothing_to_check_is_no_success() {
    let file = temporary("nothing").join("cases.jsonl");
    let tested = |text: &str, more: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let output = normgate(&[&["test", file.to_str().unwrap()], more].concat(), b"");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said.into_owned())
    };
    let (code, said) = tested("\n", &[]);
    assert!(code == Some(2) && said.contains("cases.jsonl: there is no case in it"), "{said}");
    let empty = format!(r#"{{"case":"one","modules":["art09"],"request":{},"expect":{{}}}}"#, request("r1"));
    let (code, said) = tested(&empty, &[]);
    assert!(code == Some(1) && said.contains("  expect\n    expected what must come out"), "{said}");
    // What came out can be taken over, so that a new case is begun with nothing.
    assert_eq!(tested(&empty, &["--accept"]).0, Some(0));
    let accepted = std::fs::read_to_string(&file).unwrap();
    assert!(accepted.contains(r#""expect":{"verdicts":{"#), "{accepted}");
}

#[test]
fn a_failing_case_is_shown_with_what_differs() {
    let file = temporary("cases").join("cases.jsonl");
    let case = format!(
        r#"{{"case":"one","modules":["art09"],"request":{},"expect":{{"verdicts":{{"c1":{{"action":"block","rules":["art09.ai-confirmed"]}}}}}}}}"#,
        request("r1")
    );
    std::fs::write(&file, case).unwrap();
    let output = normgate(&["test", file.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("verdicts.c1.action\n    expected block\n    got      label"), "{text}");
    assert!(text.ends_with("0 passed, 1 failed\n"), "{text}");
}

#[test]
fn help_and_completions_are_there() {
    assert_eq!(normgate(&["eval", "--help"], b"").status.code(), Some(0));
    let script = normgate(&["completions", "bash"], b"");
    assert!(String::from_utf8_lossy(&script.stdout).contains("normgate"));
}

#[test]
fn the_demo_judges_every_scene_in_both_languages() {
    for lang in ["zh", "en"] {
        let output = normgate(&["demo", "--lang", lang], b"");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.lines().count() > 40 && !text.contains('\u{1b}'), "{text}");
    }
}

/// A folder of this test run, by name.
fn temporary(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_normgate"))
        .arg("inspect")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn explain_says_on_whose_account_a_rule_stands() {
    let text = |args: &[&str]| String::from_utf8(normgate(args, b"").stdout).unwrap();
    assert!(
        text(&["explain", "art18.tip"]).contains("required by Regulations on the Protection of Minors in Cyberspace")
    );
    assert!(text(&["explain", "art12.duplicate"]).contains("recommended by"));
    assert!(text(&["explain", "art17.reprompt"]).contains("set by the platform"));
    assert!(text(&["explain", "art17.reprompt", "--lang", "zh"]).contains("自行设定"));
    let unknown = normgate(&["explain", "art99.x"], b"");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no rule `art99.x`"));
}

#[test]
fn explain_puts_a_decision_in_words() {
    let output = normgate(&["explain", "-i", "-", "--candidate", "c1", "--only", "art09"], request("r1").as_bytes());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("c1: shown with a label\n  art09.ai-confirmed  (reference/art09-synthetic-labels@"),
        "{text}"
    );
    assert!(text.contains("to the viewer: AI-generated.") && text.contains("why: required by"), "{text}");
}

#[test]
fn readiness_lists_what_requests_lack_by_what_it_costs() {
    let bare = |id: &str| {
        format!(
            r#"{{"id":"{id}","ctx":{{"now_ms":1767225600000,"local_min":600,"surface":"popup"}},"user":{{"personalization":"on"}},"candidates":[{{"id":"a"}},{{"id":"b","scan_state":"done","signals":[]}}]}}"#
        )
    };
    let input = format!("{}\n{}\nnonsense\n", bare("r1"), bare("r2"));
    let output = normgate(&["check", "--readiness", "-i", "-"], input.as_bytes());
    assert_eq!(output.status.code(), Some(1), "a refused line shows in the exit code");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("2 requests with 4 candidates judged, 1 refused"), "{text}");
    let place = |column: &str| text.find(column).unwrap_or_else(|| panic!("{column} is missing in {text}"));
    // Two rows of each request lack news.is_news, one lacks a scan.
    assert!(place("4  candidates.news.is_news") < place("2  candidates.scan_state"));
    assert!(text.contains("send     scan_state = one of done, pending, none"), "{text}");
    // A fact is never counted as a gap.
    let gaps = &text[..place("columns that are never sent")];
    assert!(!gaps.contains("aigc"), "{text}");
}

/// A norm that somebody else compiled, as a file.
fn film_club(folder: &Path) -> String {
    let path = folder.join("film-club.wasm");
    std::fs::write(&path, include_bytes!("../../../tests/frozen/film-club-0.1.0.wasm")).unwrap();
    path.display().to_string()
}

/// A module whose one function has this many bytes of body, or whose many functions are each of that size.
fn bomb(folder: &Path, functions: usize, size: usize) -> String {
    let mut body = vec![0u8];
    // Blocks within blocks, each with a branch out of all of them: what makes compilers slow.
    while body.len() < size {
        body.extend_from_slice(&[0x41, 0x01, 0x04, 0x40, 0x41, 0x02, 0x1a, 0x0b]);
    }
    body.push(0x0b);
    let leb = |mut n: usize| {
        let mut bytes = Vec::new();
        loop {
            let byte = (n & 0x7f) as u8;
            n >>= 7;
            bytes.push(if n == 0 { byte } else { byte | 0x80 });
            if n == 0 {
                return bytes;
            }
        }
    };
    let section = |id: u8, content: &[u8]| [&[id][..], &leb(content.len()), content].concat();
    let mut code = leb(functions);
    for _ in 0..functions {
        code.extend([leb(body.len()), body.clone()].concat());
    }
    let types = [leb(functions), vec![0; functions]].concat();
    let core =
        [b"\0asm\x01\0\0\0".to_vec(), section(1, &[1, 0x60, 0, 0]), section(3, &types), section(10, &code)].concat();
    // A component around it, with a manifest that is as it should be.
    let manifest = br#"{"contract":"normgate:policy@0.1.0","id":"hostile/bomb","module":"bomb","version":"1.0.0","title":{"zh":"x","en":"x"},
        "law":"arp","on_failure":"allow","request":[],"frames":[],"parameters":[],"rules":[{"id":"bomb.rule","stage":"candidate",
        "level":"row","modality":"must","basis":"none","source":"engineering","verified":false,"audience":"viewer",
        "sentence":{"zh":"x","en":"x"},"remedy":{"zh":"x","en":"x"},"wording":"draft","effects":[{"label":"ad"}]}]}"#;
    let mut component = [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &core)].concat();
    normgate_package::set_section(&mut component, "normgate:manifest", manifest);
    let path = folder.join("bomb.wasm");
    std::fs::write(&path, component).unwrap();
    path.display().to_string()
}

#[test]
fn a_module_that_nobody_trusts_is_compiled_in_a_child_and_judges() {
    let folder = folder("child");
    let module = film_club(&folder);
    let output = normgate(&["eval", "-p", &module], request("r1").as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(lines(&output)[0]["failures"], serde_json::json!([]));
}

#[test]
fn a_compile_bomb_is_refused_and_leaves_nothing_behind() {
    let folder = folder("bomb");
    let refused = |module: &str| {
        let output = normgate(&["eval", "-p", module], request("r1").as_bytes());
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let one = refused(&bomb(&folder, 1, 500 << 10));
    assert!(one.contains("a function of 512") && one.contains("is larger than 131072"), "{one}");
    // Each function is within the bound, and it is no policy: the child says so, and this program goes on.
    let many = refused(&bomb(&folder, 40, 100 << 10));
    assert!(many.contains("bomb.wasm:"), "{many}");
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["bomb.wasm"]);
}

#[test]
fn check_names_everything_that_a_grant_refuses_and_what_is_wide() {
    let folder = folder("grants");
    let module = film_club(&folder);
    let config = folder.join("normgate.toml");
    let check = |text: &str| {
        std::fs::write(&config, text).unwrap();
        let output = normgate(&["check", &module, "-c", config.to_str().unwrap()], b"");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = check("[authorities.cac]\nbase = \"full\"\n");
    assert_eq!(code, Some(1));
    assert!(
        text.contains("grant: the authority `cac` may withhold rows, which an association may not by default"),
        "{text}"
    );
    assert!(text.contains("refused: module") && text.contains("nothing is granted to this authority"), "{text}");
    let (code, text) = check("[authorities.film-club]\ncolumns = []\nobligations = []\n");
    assert_eq!(code, Some(1));
    assert!(text.contains("it reads `candidates.age_rating`") && text.contains("withholding rows"), "{text}");
    let (code, text) = check("[authorities.film-club]\neffect = \"block\"\n");
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = check(
        "[authorities.film-club]\neffect = \"block\"\ntightens = [\"art06.*\"]\nprefixes = [\"*\"]\nretain_d = 400\nurgent = true\n",
    );
    assert_eq!(code, Some(0), "{text}");
    for what in [
        "tighten art06.*, once adopted",
        "use the prefixes *",
        "have records kept for 400 days",
        "mark releases urgent, which a trial then holds only beyond the wider bounds",
    ] {
        let said = format!("grant: the authority `film-club` may {what}, which an association may not by default");
        assert!(text.lines().any(|line| line == said), "{said}: {text}");
    }
}

#[test]
fn an_override_needs_a_reason_and_an_end_and_shows_in_every_answer() {
    let folder = folder("override");
    let config = folder.join("normgate.toml").display().to_string();
    std::fs::write(&config, "").unwrap();
    let over = |args: &[&str]| {
        let output = normgate(&[&["override", "-c", &config], args].concat(), b"");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    assert!(over(&["art09", "--for", "30m"]).1.contains("say why with --reason"));
    // Without the configuration that a gate reads, a record would be read by nobody.
    for args in [&["art09", "--for", "30m", "--reason", "r"][..], &["art09", "--end"], &[]] {
        let elsewhere = folder.join("nowhere/normgate.toml").display().to_string();
        let output = normgate(&[&["override", "-c", &elsewhere], args].concat(), b"");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains("there is no such configuration"), "{said}");
        assert!(said.contains("with -c") && !folder.join("nowhere").exists(), "{said}");
    }
    assert!(over(&["art09", "--reason", "r"]).1.contains("say how long with --for"));
    assert!(
        over(&["art09", "--for", "3d", "--reason", "r"]).1.contains("`3d` is not a duration such as 90s, 30m or 2h")
    );
    assert!(over(&["art09", "--for", "25h", "--reason", "r"]).1.contains("lasts at most 24 h"));
    assert_eq!(over(&["art09", "--for", "30m", "--reason", "ticket 4711"]).0, Some(0));
    assert!(over(&[]).1.contains("ticket 4711"));
    let judge = || lines(&normgate(&["eval", "--only", "art09", "-c", &config], request("r1").as_bytes())).remove(0);
    let answer = judge();
    assert_eq!(
        (&answer["verdicts"][0]["action"], &answer["notices"][0]["code"]),
        (&"allow".into(), &"override".into())
    );
    assert!(answer["notices"][0]["message"].as_str().unwrap().contains("ticket 4711"));
    assert_eq!(over(&["art09", "--end"]).0, Some(0));
    for id in ["art09.ai-confirmed", "reference/art09-synthetic-labels@1.0.0"] {
        let (code, said) = over(&[id, "--for", "30m", "--reason", "r"]);
        assert!(code == Some(2) && said.contains("under [modes] in "), "{said}");
    }
    assert_eq!(judge()["verdicts"][0]["action"], "label");
    let record = std::fs::read_to_string(folder.join("normgate.overrides.jsonl")).unwrap();
    assert_eq!(record.lines().count(), 2, "{record}");
    // Off is not asked at all, and says so.
    let (code, text) = over(&["art09", "--off", "--for", "30m", "--reason", "eats the machine, ticket 4712"]);
    assert!(code == Some(0) && text.contains("art09: off for 1800 s"), "{text}");
    let answer = judge();
    assert_eq!((&answer["verdicts"][0]["action"], &answer["shadow"]), (&"allow".into(), &serde_json::json!([])));
    assert_eq!(answer["notices"][1]["code"], "must-weakened");
    assert!(over(&[]).1.contains("art09  off  "));
    // Who says so is on the record beside the account that ran the command, and never in its place.
    let (code, _) = over(&["art09", "--for", "30m", "--reason", "r", "--by", "Li Na, on call"]);
    let record = std::fs::read_to_string(folder.join("normgate.overrides.jsonl")).unwrap();
    let last: Value = serde_json::from_str(record.lines().last().unwrap()).unwrap();
    let by = last["by"].as_str().unwrap();
    assert!(code == Some(0) && by.starts_with("Li Na, on call, as ") && by.contains("uid"), "{by}");
    for by in ["", " ", &"x".repeat(101)] {
        assert!(over(&["art09", "--for", "30m", "--reason", "r", "--by", by]).1.contains("--by: say who in 1 to 100"));
    }
    // A slip is told, with the name that was meant.
    assert!(over(&["art99", "--for", "1m", "--reason", "r"]).1.contains("did you mean `art09`?"));
    assert_eq!(over(&["art09", "--off", "--end", "--reason", "r"]).0, Some(2));
}

#[test]
fn a_failing_module_is_a_line_on_standard_error_and_a_figure_in_the_stats() {
    let folder = folder("stats");
    let path = folder.join("stats.prom").display().to_string();
    let output = normgate(&["eval", "--only", "art09", "--stats", &path], request("r1").as_bytes());
    assert_eq!(output.status.code(), Some(0));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("normgate_module_calls_total") && text.contains("reference/art09-synthetic-labels@1.0.0"),
        "{text}"
    );
}

#[test]
fn what_rules_in_shadow_would_change_is_a_table_and_a_file() {
    let folder = folder("diff");
    let (path, config) = (folder.join("diff.json").display().to_string(), folder.join("normgate.toml"));
    std::fs::write(&config, "[modes]\nart09 = \"shadow\"\n").unwrap();
    let config = config.display().to_string();
    let output = normgate(&["eval", "--only", "art09", "-c", &config, "--diff", &path], request("r1").as_bytes());
    let diff: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(diff["policy_set"], lines(&output)[0]["policy_set"]);
    let rules: Vec<&Value> = diff["changes"].as_array().unwrap().iter().map(|change| &change["rule"]).collect();
    assert_eq!(rules, [&Value::Null, &Value::from("art09.ai-confirmed")]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // The platform is told that it leaves out what the law requires, and then what that changes.
    assert!(
        said.contains("must-weakened: [modes] keeps what the law requires from acting: art09.ai-confirmed"),
        "{said}"
    );
    assert!(said.lines().any(|line| line.starts_with("(none)") && line.contains("art09.ai-confirmed")), "{said}");
}

#[test]
fn bench_prints_what_each_module_that_was_asked_takes() {
    let output = normgate(&["bench", "-i", "-", "--only", "art09,art18", "--seconds", "0"], request("r1").as_bytes());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    for part in ["p50", "evaluate, the whole set", "reference/art09-synthetic-labels@", "1 requests of 1 candidates"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(normgate(&["bench", "-i", "-"], b"").status.code(), Some(2));
}

#[test]
fn every_process_gives_the_same_bytes() {
    let cases = include_str!("../../../policies/art18-minors/cases.jsonl");
    let requests: Vec<String> =
        cases.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["request"].to_string()).collect();
    let judge = || {
        let output = normgate(
            &["eval", "--as-of", "2026-11-01", "--evidence", "--explain", "zh"],
            requests.join("\n").as_bytes(),
        );
        assert_eq!(output.status.code(), Some(0));
        output.stdout
    };
    let first = judge();
    assert!(first.len() > 10_000);
    assert_eq!(judge(), first);
}

#[test]
fn test_says_what_failed_to_people_and_machines() {
    let folder = folder("cases");
    let (cases, junit) = (folder.join("cases.jsonl"), folder.join("report.xml").display().to_string());
    let request = request("r1");
    let case = |name: &str, action: &str| {
        format!(
            r#"{{"case":"{name}","modules":["art09"],"request":{request},"expect":{{"verdicts":{{"c1":{{"action":"{action}","rules":["art09.ai-confirmed"]}}}}}}}}"#
        )
    };
    std::fs::write(&cases, format!("{}\n{}\n", case("right", "label"), case("wrong <1>", "block"))).unwrap();
    let output = normgate(&["test", "--json", "--junit", &junit, cases.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(1));
    let answers = lines(&output);
    assert_eq!((&answers[0]["passed"], &answers[1]["passed"]), (&true.into(), &false.into()));
    assert_eq!(answers[1]["differences"][0]["place"], "verdicts.c1.action");
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"1\"") && xml.contains("name=\"wrong &lt;1&gt;\"><failure>"), "{xml}");
}

#[test]
fn mutation_lists_what_no_case_notices() {
    let folder = folder("mutate");
    let cases = folder.join("cases.jsonl");
    let at = |continuous_s: u32, fires: bool| {
        let obligations = if fires { r#"["remind.rest"]"# } else { "[]" };
        format!(
            r#"{{"case":"{continuous_s} s","modules":["art08"],"request":{{"ctx":{{"now_ms":1,"local_min":1}},"user":{{"age_band":"a18_60","age_assurance":"id_verified"}},"session":{{"continuous_s":{continuous_s}}},"candidates":[]}},"expect":{{"obligations":{obligations}}}}}"#
        )
    };
    let mutated = |text: String| {
        std::fs::write(&cases, text).unwrap();
        let output = normgate(&["test", "--mutate", "--only", "art08", cases.to_str().unwrap()], b"");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stdout).unwrap()
    };
    // A case exactly at the threshold notices when it moves up, and only one just below notices when it moves down.
    let one = mutated(at(7_200, true));
    assert!(one.contains("unnoticed   art08.adult_rest_s: one less"), "{one}");
    assert!(!one.contains("art08.adult_rest_s: one more"), "{one}");
    assert!(one.contains("not tried   candidates.autoplay: not sent"), "{one}");
    let both = mutated(format!("{}\n{}", at(7_200, true), at(7_199, false)));
    assert!(!both.contains("art08.adult_rest_s"), "{both}");
}

//! What a platform sends: streams of requests, what is wrong with them, and what is tolerated.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::{Value, json};
use support::folder;

fn normgate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_normgate")).args(args).stdin(Stdio::null()).output().unwrap()
}

/// The answers to what a file says.
fn eval(folder: &Path, text: &[u8], more: &[&str]) -> (Vec<Value>, Output) {
    let path = folder.join("requests.jsonl");
    std::fs::write(&path, text).unwrap();
    let args = ["eval", "-i", path.to_str().unwrap(), "--only", "art18,art09"];
    let output = normgate(&[&args[..], more].concat());
    let answers = String::from_utf8_lossy(&output.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    (answers, output)
}

fn good(id: &str) -> String {
    format!(r#"{{"id":"{id}","ctx":{{"now_ms":1767225600000,"local_min":600}},"candidates":[{{"id":"c1"}}]}}"#)
}

fn pretty(id: &str) -> String {
    serde_json::to_string_pretty(&serde_json::from_str::<Value>(&good(id)).unwrap()).unwrap()
}

/// Ids of answers, with a mark before those that are errors.
fn ids(answers: &[Value]) -> Vec<String> {
    let id = |answer: &Value| answer["id"].as_str().unwrap_or("-").to_owned();
    answers.iter().map(|a| if a["error"].is_null() { id(a) } else { format!("!{}", id(a)) }).collect()
}

#[test]
fn the_request_of_the_readme_works_as_pasted() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let request = readme.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let (answers, output) = eval(&folder("readme"), request.as_bytes(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["verdicts"][0]["reasons"][0]["rule"], "art18.unsafe-imitation");
}

#[test]
fn a_stream_of_values_is_read_however_it_is_broken_into_lines() {
    let folder = folder("stream");
    let (a, b, c) = (good("a"), good("b"), pretty("c"));
    let rows = good("d").replace("[{", "[\n{").replace("}]", "},\n{\"id\":\"c2\"}\n]");
    for (text, expected) in [
        (format!("{a}\n{b}\n"), vec!["a", "b"]),
        (format!("{a}{b}"), vec!["a", "b"]),
        (format!("{a} {b}\n{c}\n\n\n{a}"), vec!["a", "b", "c", "a"]),
        (format!("{c}{a}\n{c}\r\n"), vec!["c", "a", "c"]),
        (format!("{rows}\n{a}\n"), vec!["d", "a"]),
        (format!("\u{feff}{a}\n\u{feff}{c}\n"), vec!["a", "c"]),
        (format!("   {a}\n\t{c}"), vec!["a", "c"]),
        (c.replace('\n', "\r\n") + "\r\n" + &a, vec!["c", "a"]),
    ] {
        let (answers, output) = eval(&folder, text.as_bytes(), &[]);
        assert_eq!(ids(&answers), expected, "{text}");
        assert_eq!(output.status.code(), Some(0), "{text}");
    }
}

#[test]
fn what_is_broken_never_loses_the_good_request_after_it() {
    let folder = folder("broken");
    let (a, b, c) = (good("a"), good("b"), pretty("c"));
    let wrong = pretty("w").replace(": 600,", ": \"noon\",");
    // Whatever begins and does not end, at every byte, before a good line.
    let mut texts: Vec<(String, Vec<&str>)> = (1..a.len())
        .filter(|at| a.is_char_boundary(*at))
        .step_by(7)
        .map(|at| {
            let id = if at > 9 { "!a" } else { "!-" };
            (format!("{}\n{b}\n{c}\n", &a[..at]), vec![id, "b", "c"])
        })
        .collect();
    texts.extend([
        (format!("hello\n[1]\n\"x\"\n{b}"), vec!["!-", "!-", "!-", "b"]),
        // Well-formed, and wrong: it ends where it ends.
        (format!("{wrong}\n{b}\n"), vec!["!w", "b"]),
        (
            format!("{c}\n{}\n{b}\n{c}", c.replacen("\"local_min\": 600", "\"local_min\" 600", 1)),
            vec!["c", "!-", "b", "c"],
        ),
        (format!("{a} }}\n{b}"), vec!["a", "!-", "b"]),
        (format!("{a} nonsense {b}\n{b}"), vec!["a", "!-", "b"]),
        ("{\"candidates\":[\n".repeat(300) + &b, [vec!["!-"; 300], vec!["b"]].concat()),
        (format!("{{\"id\":\"x\",\n{b}\n"), vec!["!x", "b"]),
    ]);
    for (text, expected) in texts {
        let (answers, output) = eval(&folder, text.as_bytes(), &[]);
        assert_eq!(ids(&answers), expected, "{text}");
        assert_eq!(output.status.code(), Some(1), "{text}");
    }
}

/// A client that writes a line and waits for its answer.
struct Client(Child, BufReader<ChildStdout>);

impl Client {
    fn open() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_normgate"));
        let mut child = command
            .args(["eval", "--only", "art18"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self(child, answers)
    }

    fn ask(&mut self, line: &str) -> Value {
        self.0.stdin.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        self.1.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

#[test]
fn a_client_that_waits_for_every_answer_gets_one() {
    let mut client = Client::open();
    for (line, id, is_error) in [
        (good("a").as_str(), json!("a"), false),
        ("", Value::Null, true),
        ("   ", Value::Null, true),
        ("hello", Value::Null, true),
        ("{}", Value::Null, true),
        (good("b").as_str(), json!("b"), false),
        // What was begun is ended by an empty line.
        ("{\"id\":\"c\",\"candidates\":[\n", json!("c"), true),
        (good("d").as_str(), json!("d"), false),
        // One that goes over several lines has one answer.
        (pretty("e").as_str(), json!("e"), false),
        ("", Value::Null, true),
        (pretty("f").as_str(), json!("f"), false),
        (good("g").as_str(), json!("g"), false),
    ] {
        let answer = client.ask(line);
        assert_eq!((&answer["id"], answer["error"].is_object()), (&id, is_error), "{line}");
    }
    drop(client.0.stdin.take());
    assert_eq!(client.0.wait().unwrap().code(), Some(1));
}

const FOREIGN: &str = r#"{"id":"r1","ctx":{"now_ms":1767225600,"local_min":600,"scene":"home"},"user":{"age":14,"minor_mode":"no"},"items":[{"id":"c1"}]}
{"id":"r2","ctx":{"now_ms":1767225600000,"local_min":600,"surface":true},"user":{"age":14},"candidates":[{"id":"c1","kind":"video","price_fen":12.5,"author_id":"u123","signals":[{"code":"L99","source":"classifier","conf":0.31}]},{"id":"c2","kind":"video"}]}
{"id":"r3","ctx":{"now_ms":1767225600000,"local_min":600},"user":{"age":14},"candidates":[{"id":"c1","kind":"news"}]}
"#;

/// Everything that a converter gets wrong which was written without reading the vocabulary.
const MISTAKES: [&str; 12] = [
    "1767225600 is plainly seconds",
    "user.minor_mode: invalid type: text `no`, expected true, false or null",
    "`items` is a list of objects: did you mean candidates?",
    "ctx.surface: invalid type: boolean `true`, expected a term",
    "candidates[0].kind: `video` is none of article",
    "candidates[0].price_fen: invalid type: floating point `12.5`",
    "code `L99` is none of E1",
    "signals[0].conf_ppm: required of a classifier's signal",
    "user.age",
    "did you mean user.age_band?",
    "ctx.scene",
    "did you mean candidates[].signals[].conf_ppm?",
];

#[test]
fn a_converter_of_a_foreign_feed_is_told_every_mistake_in_one_run() {
    let folder = folder("foreign");
    let stats = folder.join("stats.prom");
    let (answers, output) = eval(&folder, FOREIGN.as_bytes(), &["--stats", stats.to_str().unwrap()]);
    assert_eq!((output.status.code(), ids(&answers)), (Some(1), vec!["!r1".into(), "!r2".into(), "r3".into()]));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    for mistake in MISTAKES {
        assert!(told.contains(mistake), "{mistake}: {told}");
    }
    assert_eq!(answers[1]["error"]["more"].as_array().unwrap().len(), 4);
    let stats = std::fs::read_to_string(stats).unwrap();
    assert!(stats.contains("normgate_input_refused_total 2"), "{stats}");
    assert!(stats.contains("{field=\"user.age\",nearest=\"user.age_band\"} 3"), "{stats}");
    // And `check` names them too, each once.
    let path = folder.join("requests.jsonl");
    let output = normgate(&["check", "--readiness", "-i", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for mistake in MISTAKES {
        assert!(said.contains(mistake), "{mistake}: {said}");
    }
    assert!(said.contains("       3  user.age; did you mean user.age_band?"), "{said}");
}

#[test]
fn strict_reading_lists_all_unknown_fields_of_a_request_at_once() {
    let line = r#"{"id":"r","ctx":{"now_ms":1767225600000,"local_min":600,"scene":1},"user":{"age":14},"candidates":[{"id":"a","colour":"red"}]}"#;
    let (answers, output) = eval(&folder("strict"), line.as_bytes(), &["--strict"]);
    assert_eq!(output.status.code(), Some(1));
    let error = &answers[0]["error"];
    let paths: Vec<&str> = error["more"].as_array().unwrap().iter().map(|m| m["path"].as_str().unwrap()).collect();
    assert_eq!((error["path"].as_str().unwrap(), paths), ("ctx.scene", vec!["user.age", "candidates[0].colour"]));
}

#[test]
fn cases_and_readiness_take_no_unknown_field_unless_told_to() {
    let folder = folder("default");
    let case = folder.join("cases.jsonl");
    let request =
        r#"{"ctx":{"now_ms":1767225600000,"local_min":600},"user":{"age":9},"candidates":[{"id":"a","kinds":"news"}]}"#;
    std::fs::write(
        &case,
        format!(r#"{{"case":"x","modules":["art18"],"request":{request},"expect":{{"verdicts":{{}}}}}}"#),
    )
    .unwrap();
    let output = normgate(&["test", case.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("user.age: the vocabulary has no such field; did you mean user.age_band?"), "{said}");
    assert!(
        said.contains("candidates[0].kinds: the vocabulary has no such field; did you mean candidates[].kind?"),
        "{said}"
    );
    assert_eq!(normgate(&["test", "--allow-unknown", case.to_str().unwrap()]).status.code(), Some(0));
    let sample = folder.join("sample.jsonl");
    std::fs::write(&sample, request).unwrap();
    let check = |more: &[&str]| {
        normgate(&[&["check", "--readiness", "-i", sample.to_str().unwrap()], more].concat()).status.code()
    };
    assert_eq!((check(&[]), check(&["--allow-unknown"])), (Some(1), Some(0)));
    // A key that is there twice is refused in cases too.
    let twice = request.replace("\"age\":9", "\"age_band\":\"a3_8\",\"age_band\":\"a18_60\"");
    std::fs::write(&case, format!(r#"{{"case":"x","request":{twice},"expect":{{"verdicts":{{}}}}}}"#)).unwrap();
    let output = normgate(&["test", case.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("request.user.age_band: this field is given twice"));
}

#[test]
fn readiness_blames_what_is_missing_and_nothing_that_was_sent() {
    let folder = folder("blame");
    let sample = folder.join("sample.jsonl");
    let line = r#"{"ctx":{"now_ms":1767225600000,"local_min":600,"surface":"feed","home_page":false,"can_render_labels":true},
        "user":{"personalization":"on","minor_mode":true,"age_band":"a12_16"},"candidates":[
        {"id":"a","kind":"article","rank_pos":0,"scan_state":"pending","signals":[],"retrieval_basis":"generic"}]}"#;
    std::fs::write(&sample, format!("{line}\n{line}\n")).unwrap();
    let readiness = |path: &Path| {
        String::from_utf8(normgate(&["check", "--readiness", "-i", path.to_str().unwrap()]).stdout).unwrap()
    };
    let text = readiness(&sample);
    assert!(text.contains("known and not conclusive: scan_state = pending (2)"), "{text}");
    let blamed: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("2  ")).collect();
    for sent in ["surface", "home_page", "minor_mode", "rank_pos", "signals", "scan_state", "age_band"] {
        assert!(!blamed.iter().any(|column| column.ends_with(sent)), "{sent}: {text}");
    }
    // Duties because of what is missing, and the column.
    assert!(text.contains("2  fix.telemetry: request.session.continuous_s"), "{text}");
    // Columns that are never sent: what is judged instead, and which rules rest on it.
    assert!(text.contains("candidates.age_rating: r18 in minor mode, else all  (art18.age-fit)"), "{text}");
    assert!(!text.contains("tags.sensitive"), "no tags are sent: {text}");
    // Where everything is refused, nothing is said to be in order.
    std::fs::write(&sample, "nonsense\n{}\n").unwrap();
    let text = readiness(&sample);
    assert!(text.contains("nothing could be judged") && !text.contains("no decision rests"), "{text}");
}

#[test]
fn the_configuration_says_what_is_tolerated() {
    let folder = folder("tolerance");
    let config = folder.join("normgate.toml");
    let rows =
        r#"{"id":"a"},{"id":"b","price_fen":1.5},{"id":"a"},{"id":"p","kind":"podcast"},{"id":"c","kind":"news"}"#;
    let line = good("r").replace(r#"{"id":"c1"}"#, rows);
    let judged = |text: &str| {
        std::fs::write(&config, text).unwrap();
        let stats = folder.join("stats.prom");
        let more = ["-c", config.to_str().unwrap(), "--stats", stats.to_str().unwrap()];
        let (mut answers, output) = eval(&folder, line.as_bytes(), &more);
        (answers.remove(0), output, std::fs::read_to_string(stats).unwrap_or_default())
    };
    let (refused, output, _) = judged("");
    assert_eq!((output.status.code(), refused["error"]["path"].as_str()), (Some(1), Some("candidates[1].price_fen")));
    let (half, ..) = judged("[input]\non_bad_row = \"withhold\"\n");
    assert_eq!(half["error"]["path"], "candidates[1].price_fen");
    let (answer, output, stats) = judged("[input]\non_bad_cell = \"unknown\"\non_bad_row = \"withhold\"\n");
    assert_eq!(output.status.code(), Some(0));
    let verdicts: Vec<(&str, &str, &str)> = answer["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| {
            (v["id"].as_str().unwrap(), v["action"].as_str().unwrap(), v["reasons"][0]["rule"].as_str().unwrap_or(""))
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            ("a", "allow", ""),
            ("b", "allow", ""),
            ("c", "allow", ""),
            ("a", "block", "host.input"),
            ("p", "block", "host.input")
        ]
    );
    let codes: Vec<&str> = answer["notices"].as_array().unwrap().iter().map(|n| n["code"].as_str().unwrap()).collect();
    assert_eq!(codes.iter().filter(|code| code.starts_with("bad-")).count(), 3, "{codes:?}");
    for series in ["input_bad_cells_total", "input_bad_rows_total"] {
        assert!(
            stats.lines().any(|line| line.starts_with(&format!("normgate_{series}{{")) && line.ends_with(" 1")),
            "{stats}"
        );
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("candidates.price_fen (1)") && said.contains("duplicate_id (1), unknown_kind (1)"), "{said}");
    std::fs::write(&config, "[input]\non_bad_cells = \"unknown\"\n").unwrap();
    let (_, output) = eval(&folder, line.as_bytes(), &["-c", config.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_tolerated_list_is_recorded_and_judged_again_to_the_same_bytes() {
    let folder = folder("again");
    let config = folder.join("normgate.toml");
    std::fs::write(&config, "[input]\non_bad_cell = \"unknown\"\non_bad_row = \"withhold\"\n").unwrap();
    let rows = r#"{"id":"a","aigc":{"meta_label":"1"},"rank_pos":70000},{"id":"a"},{"kind":"news"},{"id":"p","kind":"podcast"}"#;
    let ledger = folder.join("ledger");
    let line = good("r").replace(r#"{"id":"c1"}"#, rows);
    let more = ["-c", config.to_str().unwrap(), "--ledger", ledger.to_str().unwrap()];
    let (answers, output) = eval(&folder, line.as_bytes(), &more);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(answers[0]["verdicts"].as_array().unwrap().len(), 4);
    let output = normgate(&["replay", "--ledger", ledger.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said} {}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 ") && said.contains("0 "), "{said}");
    let id = answers[0]["decision_id"].as_str().unwrap();
    let told = normgate(&["explain", id, "--ledger", ledger.to_str().unwrap()]);
    assert_eq!(told.status.code(), Some(0), "{}", String::from_utf8_lossy(&told.stderr));
}

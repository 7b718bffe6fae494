//! The answer is what its schema and its page say: real answers of every kind, and nothing beside.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use normgate::contract::Day;
use normgate::{Batch, Config, Detail, Gate, Language, Limits, Outcome, embedded};
use serde_json::{Map, Value, json};
use support::{folder, normgate, text};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The requests of the shipped cases.
fn requests() -> Vec<Value> {
    let policies =
        fs::read_dir(root().join("policies")).unwrap().map(|entry| entry.unwrap().path().join("cases.jsonl"));
    let beside = fs::read_dir(root().join("tests/cases")).unwrap().map(|entry| entry.unwrap().path());
    let files = policies.chain(beside).filter(|path| path.is_file());
    let texts: Vec<String> = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    let lines = texts.iter().flat_map(|text| text.lines()).filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str::<Value>(line).unwrap()["request"].take()).collect()
}

fn read(request: &Value) -> Batch {
    Batch::from_json(request.to_string().as_bytes()).unwrap()
}

fn gate(config: &str, limits: Limits) -> Gate {
    let day: Day = "2026-11-01".parse().unwrap();
    let builder = Gate::builder().policies(embedded::arp()).config(Config::parse(config).unwrap());
    builder.limits(limits).as_of(day).label("r1").build().unwrap()
}

fn set() -> &'static Gate {
    static SET: OnceLock<Gate> = OnceLock::new();
    SET.get_or_init(|| gate("", Limits::default()))
}

/// What the schema describes, and what of it was met.
struct Schema {
    whole: Value,
    met: BTreeSet<String>,
}

impl Schema {
    fn read() -> Self {
        let text = fs::read_to_string(root().join("docs/reference/outcome.schema.json")).unwrap();
        Self { whole: serde_json::from_str(&text).unwrap(), met: BTreeSet::new() }
    }

    /// Holds an answer against its kind: stricter than a validator is, since a field that is not described is an error.
    fn hold(&mut self, answer: &Value) {
        let kind = ["error", "show"].into_iter().find(|field| answer.get(field).is_some());
        let kind = kind.map_or("answer", |field| if field == "error" { "refusal" } else { "brief" });
        self.check(&format!("/$defs/{kind}"), answer);
    }

    fn check(&mut self, at: &str, value: &Value) {
        let schema = self.whole.pointer(at).unwrap_or_else(|| panic!("{at}: not described")).clone();
        if let Some(reference) = schema["$ref"].as_str() {
            return self.check(reference.trim_start_matches('#'), value);
        }
        let wrong = |why: &str| panic!("{at}: {why}: {value}");
        let kinds = match &schema["type"] {
            Value::Array(kinds) => kinds.clone(),
            kind => vec![kind.clone()],
        };
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        if !kinds.contains(&json!(kind)) {
            wrong("of another type");
        }
        if schema["enum"].as_array().is_some_and(|known| !known.contains(value)) {
            wrong("none of the terms");
        }
        let within = |bound: &str, holds: fn(i64, i64) -> bool| {
            schema[bound].as_i64().zip(value.as_i64()).is_none_or(|(bound, value)| holds(value, bound))
        };
        if !within("minimum", |value, low| value >= low) || !within("maximum", |value, high| value <= high) {
            wrong("out of bounds");
        }
        if let Some(items) = value.as_array() {
            items.iter().for_each(|item| self.check(&format!("{at}/items"), item));
        }
        let Some(fields) = value.as_object() else { return };
        for required in schema["required"].as_array().into_iter().flatten() {
            if !fields.contains_key(required.as_str().unwrap()) {
                wrong(&format!("{required} is missing"));
            }
        }
        for (name, field) in fields {
            match &schema["additionalProperties"] {
                Value::Null => {
                    let at = format!("{at}/properties/{name}");
                    self.met.insert(at.clone());
                    self.check(&at, field);
                }
                Value::Bool(_) => {}
                _ => self.check(&format!("{at}/additionalProperties"), field),
            }
        }
    }

    /// Every field that is described, by the same pointers.
    fn described(&self) -> BTreeSet<String> {
        fn walk(at: &str, schema: &Value, found: &mut BTreeSet<String>) {
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                let at = format!("{at}/properties/{name}");
                walk(&at, field, found);
                assert!(field.get("$ref").is_some() || field["description"].is_string(), "{at} has no description");
                found.insert(at);
            }
            if schema.get("items").is_some() {
                walk(&format!("{at}/items"), &schema["items"], found);
            }
        }
        let mut found = BTreeSet::new();
        let definitions = self.whole["$defs"].as_object().unwrap();
        definitions.iter().for_each(|(name, schema)| walk(&format!("/$defs/{name}"), schema, &mut found));
        found
    }
}

#[test]
fn the_schema_describes_answers_of_every_kind_and_nothing_that_is_in_none() {
    let mut schema = Schema::read();
    let hungry = gate("", Limits { fuel: 1_000, ..Limits::default() });
    let observing = gate("mode = \"observe\"\nobserve_until = \"2027-01-01\"", Limits::default());
    let details = [
        Detail::default(),
        Detail { explain: Some(Language::Zh), evidence: true },
        Detail { explain: Some(Language::En), evidence: false },
    ];
    let mut holds = |outcome: &Outcome, detail: Detail| {
        for answer in [outcome.to_json(detail), outcome.to_brief_json()] {
            schema.hold(&serde_json::from_str(&answer).unwrap());
        }
    };
    for (index, request) in requests().iter().enumerate() {
        let batch = read(request);
        holds(&set().evaluate(&batch), details[index % details.len()]);
        if index % 8 == 0 {
            holds(&observing.evaluate(&batch), Detail::default());
            holds(&hungry.evaluate(&batch), Detail::default());
        }
    }
    // Lines that cannot be judged are the command's.
    let input = folder("answer-refused").join("requests.jsonl");
    fs::write(&input, "no request\n{\"id\":\"r2\"}\n[]\n{\"id\":7}\n").unwrap();
    let output = normgate(&["eval", "--only", "art06", "-i", input.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let refused = text(&output.stdout);
    assert_eq!(refused.lines().count(), 4);
    refused.lines().for_each(|line| schema.hold(&serde_json::from_str(line).unwrap()));
    assert_eq!(schema.described().difference(&schema.met).collect::<Vec<_>>(), Vec::<&String>::new(), "in no answer");
}

#[test]
fn in_brief_is_what_a_response_needs_in_a_tenth_of_the_bytes() {
    let [mut whole, mut brief] = [0, 0];
    for request in requests() {
        let outcome = set().evaluate(&read(&request));
        let full: Value = serde_json::from_str(&outcome.to_json(Detail::default())).unwrap();
        let short: Value = serde_json::from_str(&outcome.to_brief_json()).unwrap();
        assert_eq!((&full["id"], &full["decision_id"]), (&short["id"], &short["decision_id"]));

        // The ids that may be shown, in order, with their labels.
        let shown = &full["verdicts"].as_array().unwrap()[..outcome.shown];
        assert_eq!(json!(shown.iter().map(|row| &row["id"]).collect::<Vec<_>>()), short["show"]);
        let labelled = shown.iter().filter(|row| row["labels"] != json!([]));
        let labels: Map<String, Value> =
            labelled.map(|row| (row["id"].as_str().unwrap().to_owned(), row["labels"].clone())).collect();
        assert_eq!(Value::Object(labels), short["labels"]);

        // Each duty once, and none lost.
        let key = |code: &Value, target: &Value, args: &Value| format!("{code} {target} {args}");
        let mut owed: BTreeMap<String, [Option<i64>; 2]> = BTreeMap::new();
        for one in full["obligations"].as_array().unwrap() {
            let numbers = owed.entry(key(&one["code"], &one["target"], &one["args"])).or_default();
            let earliest = [numbers[0], one["deadline_s"].as_i64()].into_iter().flatten().min();
            *numbers = [earliest, numbers[1].max(one["retain_d"].as_i64())];
        }
        let mut duties: BTreeMap<String, [Option<i64>; 2]> = BTreeMap::new();
        for duty in short["duties"].as_array().unwrap() {
            let targets = duty["targets"].as_array().cloned().unwrap_or(vec![Value::Null]);
            assert_eq!(["candidate", "tag"].contains(&duty["about"].as_str().unwrap()), targets != [Value::Null]);
            for target in targets {
                let numbers = [duty["deadline_s"].as_i64(), duty["retain_d"].as_i64()];
                let twice = duties.insert(key(&duty["code"], &target, &duty["args"]), numbers);
                assert!(twice.is_none(), "{duty}");
            }
        }
        assert_eq!(owed, duties);

        let features = |list: &Value| -> BTreeSet<String> {
            list.as_array()
                .into_iter()
                .flatten()
                .map(|v| v["feature"].as_str().or(v.as_str()).unwrap().to_owned())
                .collect()
        };
        assert_eq!(features(&full["vetoes"]), features(&short["vetoes"]));
        if outcome.verdicts.len() >= 100 {
            whole += full.to_string().len();
            brief += short.to_string().len();
        }
    }
    assert!(whole > 100_000 && brief * 8 < whole, "{brief} of {whole}");
}

/// The code block of the page that is called so.
fn block(name: &str) -> Value {
    let page = fs::read_to_string(root().join("docs/answer.md")).unwrap();
    let (_, rest) = page.split_once(&format!("```json {name}\n")).unwrap();
    serde_json::from_str(rest.split_once("```").unwrap().0).unwrap()
}

#[test]
fn the_page_shows_what_the_command_answers() {
    let dir = folder("answer-page");
    let answered = |input: &str, more: &[&str]| -> Value {
        let path = dir.join("requests.jsonl");
        fs::write(&path, input).unwrap();
        let output = normgate(&[&["eval", "-i", path.to_str().unwrap(), "--as-of", "2026-11-01"], more].concat());
        let mut answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        for digest in ["decision_id", "policy_set"] {
            answer.get_mut(digest).into_iter().for_each(|digest| *digest = json!("…"));
        }
        answer
    };
    let request = format!("{}\n", block("request"));
    assert_eq!(answered(&request, &["--only", "art06,art09"]), block("answer"));
    assert_eq!(answered(&request, &["--only", "art06,art09", "--brief"]), block("brief"));
    assert_eq!(answered("{\"id\":\"r2\",\"ctx\":{\"now_ms\":\"today\"}}\n", &[]), block("refusal"));
}

#[test]
fn the_page_has_a_line_for_every_field_and_every_notice_of_an_answer() {
    let page = fs::read_to_string(root().join("docs/answer.md")).unwrap();
    let mut codes = BTreeSet::new();
    for request in requests() {
        let outcome = set().evaluate(&read(&request));
        codes.extend(outcome.notices.iter().map(|notice| notice.code));
    }
    assert!(!codes.is_empty());
    let fields = Schema::read().whole["$defs"]["answer"]["properties"].as_object().unwrap().clone();
    for name in fields.keys().map(String::as_str).chain(codes) {
        assert!(page.contains(&format!("| `{name}")) || page.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn brief_goes_with_no_reasons() {
    let output = normgate(&["eval", "--brief", "--explain", "en"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cannot be used with"), "{}", text(&output.stderr));
}

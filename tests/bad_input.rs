//! Requests that cannot be judged: one sentence each, with the place; nothing around them is lost.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use normgate::contract::Vocabulary;
use normgate::{Batch, ConstraintItem, Gate, MAX_ROWS, Reader, RuleRef, embedded};

/// A request with something wrong in it: `{}` in the text stands for a benign beginning.
fn sentence(line: &[u8]) -> String {
    match Batch::from_json(line) {
        Ok(_) => "(judged)".into(),
        Err(error) => format!("{:?} {error}", error.id),
    }
}

fn request(rest: &str) -> String {
    format!(r#"{{"id":"r7","ctx":{{"now_ms":1767225600000,"local_min":600}}{rest}}}"#)
}

#[test]
fn every_refusal_names_the_place_and_the_way_out() {
    let candidates = |rows: &str| request(&format!(r#","candidates":[{rows}]"#));
    let lines: Vec<(&str, Vec<u8>)> = vec![
        ("not JSON", b"hello".to_vec()),
        ("cut off", br#"{"id":"r7","ctx":{"now_ms":17"#.to_vec()),
        ("two values", b"{} {}".to_vec()),
        ("a list", b"[]".to_vec()),
        ("null", b"null".to_vec()),
        ("not UTF-8", b"{\"id\":\"\xff\"}".to_vec()),
        ("no now_ms", br#"{"id":"r7","ctx":{"local_min":600}}"#.to_vec()),
        ("no local_min", br#"{"id":"r7","ctx":{"now_ms":1}}"#.to_vec()),
        ("wrong type", candidates(r#"{"id":"a","essential":"yes"}"#).into()),
        ("a float for an integer", candidates(r#"{"id":"a","rank_pos":1.5}"#).into()),
        ("a number for a term", candidates(r#"{"id":"a","kind":3}"#).into()),
        ("out of range", candidates(r#"{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d","rank_pos":70000}"#).into()),
        ("beyond 64 bits", candidates(r#"{"id":"a","price_fen":99999999999999999999999}"#).into()),
        (
            "confidence out of range",
            candidates(r#"{"id":"a","signals":[{"code":"M1","source":"classifier","conf_ppm":1000001}]}"#).into(),
        ),
        ("unknown term", candidates(r#"{"id":"a","kind":"podcast"}"#).into()),
        ("unknown code", candidates(r#"{"id":"a","signals":[{"code":"Z9","source":"human"}]}"#).into()),
        ("unknown source", candidates(r#"{"id":"a","signals":[{"code":"M1","source":"rumour"}]}"#).into()),
        ("signal without code", candidates(r#"{"id":"a","signals":[{"source":"human"}]}"#).into()),
        (
            "more signals than one row has",
            candidates(&format!(
                r#"{{"id":"a","signals":[{}]}}"#,
                vec![r#"{"code":"M1","source":"human"}"#; 1_000_000].join(",")
            ))
            .into(),
        ),
        ("duplicate id", candidates(r#"{"id":"a"},{"id":"b"},{"id":"a"}"#).into()),
        ("no id", candidates(r#"{"kind":"news"}"#).into()),
        ("a field twice", candidates(r#"{"id":"a","kind":"news","kind":"ad"}"#).into()),
        ("rows that are no list", request(r#","candidates":{"id":"a"}"#).into()),
        ("a row that is no object", candidates("7").into()),
        ("a group that is no object", candidates(r#"{"id":"a","aigc":true}"#).into()),
        ("an id of 10 MB", candidates(&format!(r#"{{"id":"{}"}}"#, "x".repeat(10 << 20))).into()),
        ("a term of 10 MB", candidates(&format!(r#"{{"id":"a","kind":"{}"}}"#, "x".repeat(10 << 20))).into()),
        (
            "deep nesting where a value belongs",
            candidates(&format!(r#"{{"id":"a","kind":{}}}"#, "[".repeat(100_000))).into(),
        ),
        ("more values than any set judges", {
            let tags = vec![r#""t""#; normgate::MAX_VALUES].join(",");
            let row = |row: usize| format!(r#"{{"id":"{row}","matched_tags":[{tags}]}}"#);
            candidates(&(0..=normgate::MAX_LISTED / normgate::MAX_VALUES).map(row).collect::<Vec<_>>().join(",")).into()
        }),
        ("a tag without id", request(r#","user":{"tags":[{"state":"active"}]}"#).into()),
    ];
    let text: String = lines.iter().map(|(what, line)| format!("{what}\n    {}\n", sentence(line))).collect();
    insta::assert_snapshot!(text);
}

#[test]
fn what_is_merely_unusual_is_judged() {
    let long =
        format!(r#","candidates":[{{"id":"a","matched_tags":[{}]}}]"#, vec![r#""t""#; normgate::MAX_VALUES].join(","));
    let deep = format!(r#","unknown_field":{}1{}"#, "[".repeat(100), "]".repeat(100));
    for rest in [
        "",
        r#","candidates":[]"#,
        r#","candidates":null,"user":null"#,
        r#","candidates":[{"id":"a","kind":null,"signals":null,"score":null}]"#,
        r#","candidates":[{"id":"a","dup_group":18446744073709551615}]"#,
        long.as_str(),
        deep.as_str(),
    ] {
        assert_eq!(sentence(request(rest).as_bytes()), "(judged)", "{rest}");
    }
}

#[test]
fn strict_reading_refuses_what_loose_reading_counts() {
    let line = request(r#","candidates":[{"id":"a","colour":"red"}]"#);
    assert_eq!(Batch::from_json(line.as_bytes()).unwrap().ignored_fields(), 1);
    let error = Reader::new(Arc::clone(Vocabulary::shipped())).strict(true).read(line.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "candidates[0].colour: the vocabulary has no such field");
}

#[test]
fn ten_thousand_candidates_are_one_list() {
    let rows: Vec<String> =
        (0..10_000).map(|n| format!(r#"{{"id":"c{n}","rank_pos":{n},"age_rating":"r18"}}"#)).collect();
    let line = request(&format!(r#","user":{{"minor_mode":true}},"candidates":[{}]"#, rows.join(",")));
    let gate = Gate::builder().policies(embedded::arp()).build().unwrap();
    let outcome = gate.evaluate(&Batch::from_json(line.as_bytes()).unwrap());
    assert_eq!((outcome.verdicts.len(), outcome.shown), (10_000, 0));
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
}

/// A list as long as one may be, of rows that differ by their number.
fn longest(row: impl Fn(usize) -> String) -> Batch {
    let rows: Vec<String> = (0..MAX_ROWS).map(row).collect();
    let line = request(&format!(r#","user":{{"minor_mode":true}},"candidates":[{}]"#, rows.join(",")));
    Batch::from_json(line.as_bytes()).unwrap()
}

#[test]
fn every_row_of_the_longest_list_may_be_an_emergency() {
    let batch =
        longest(|n| format!(r#"{{"id":"c{n}","age_rating":"r18","exempt":"emergency","exempt_ticket":{}}}"#, n + 1));
    let art18 = embedded::arp().into_iter().filter(|module| module.manifest.module == "art18");
    let outcome = Gate::builder().policies(art18).build().unwrap().evaluate(&batch);
    assert_eq!(outcome.shown, MAX_ROWS);
    let said: Vec<&str> =
        outcome.notices.iter().filter(|n| n.code == "emergency-row").map(|notice| notice.message.as_str()).collect();
    assert_eq!(said.len(), MAX_ROWS);
    for (row, message) in said.iter().enumerate() {
        let begin = format!("candidate c{row} is an emergency under ticket {}: not withheld or demoted by ", row + 1);
        assert!(message.starts_with(&begin), "{message}");
    }
}

#[test]
fn half_of_the_longest_list_may_be_wanted_in_front() {
    let half = MAX_ROWS / 2;
    let signals = |n| if n < half { "" } else { r#","signals":[{"code":"E1","source":"authority"}]"# };
    let batch = longest(|n| format!(r#"{{"id":"c{n}"{}}}"#, signals(n)));
    let mut outcome = Gate::builder().build().unwrap().evaluate(&batch);
    let rule = RuleRef { policy: 0, rule: 0 };
    let demand =
        |count| ConstraintItem { kind: "min".into(), codes: vec!["E*".into()], count, slots: half as i64, rule };
    outcome.constraints = vec![demand(half as i64 - 1), demand(half as i64 + 1)];
    let slate = outcome.arrange();
    assert_eq!((slate.unmet.len(), slate.unmet[0].found), (1, half as i64));
    assert!(slate.rows[..half].iter().all(|row| *row as usize >= half));
    assert_eq!(slate.rows.len(), MAX_ROWS);
}

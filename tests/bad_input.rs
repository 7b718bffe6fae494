//! Requests that cannot be judged: one sentence each, with the place; nothing around them is lost.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use normgate::contract::Vocabulary;
use normgate::{
    Batch, ConstraintItem, Gate, MAX_ROWS, Mistake, OnBadCell, OnBadRow, Reader, RuleRef, Tolerance, embedded,
    id_of_text,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use support::Numbers;

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
        ("no now_ms", br#"{"id":"r7","ctx":{"local_min":600},"candidates":[]}"#.to_vec()),
        ("no local_min", br#"{"id":"r7","ctx":{"now_ms":1},"candidates":[]}"#.to_vec()),
        ("nothing", b"{}".to_vec()),
        ("no candidates", request("").into()),
        ("candidates under another name", request(r#","items":[{"id":"a"}]"#).into()),
        ("seconds", br#"{"id":"r7","ctx":{"now_ms":1767225600,"local_min":600},"candidates":[]}"#.to_vec()),
        ("microseconds", br#"{"id":"r7","ctx":{"now_ms":1767225600000000,"local_min":600},"candidates":[]}"#.to_vec()),
        ("seconds of a permit", request(r#","provider":{"permit_expiry_ms":1893456000},"candidates":[]"#).into()),
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
        (
            "a number that no code of the letter has",
            candidates(r#"{"id":"a","signals":[{"code":"L99","source":"human"},{"code":"L12.x","source":"human"}]}"#).into(),
        ),
        (
            "a classifier without confidence",
            candidates(r#"{"id":"a","signals":[{"code":"L8","source":"classifier","conf":0.31}]}"#).into(),
        ),
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
        (
            "one confidence twice",
            candidates(r#"{"id":"a","signals":[{"code":"L8","source":"classifier","conf_ppm":960000,"conf_ppm":1}]}"#).into(),
        ),
        ("null beside a value", candidates(r#"{"id":"a","essential":true,"essential":null}"#).into()),
        ("a group twice", candidates(r#"{"id":"a","aigc":{"declared":true},"aigc":{"human":true}}"#).into()),
        ("an escaped key twice", candidates(r#"{"id":"a","kind":"news","kin\u0064":"ad"}"#).into()),
        ("the id of the request twice", request(r#","id":null,"candidates":[]"#).into()),
        ("a key twice where nobody reads", candidates(r#"{"id":"a","more":[{"x":{"y":1,"y":2}}]}"#).into()),
        ("text for an identifier that is none", candidates(r#"{"id":"a","dup_group":"0","topic_id":""}"#).into()),
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
        ("a tag without id", request(r#","user":{"tags":[{"state":"active"}]},"candidates":[]"#).into()),
        (
            "a foreign feed",
            br#"{"id":"r7","ctx":{"now_ms":1767225600,"local_min":600,"surface":true},"user":{"age":14,"age_band":14,
                "minor_mode":"no"},"items":[],"candidates":[{"id":17,"kind":"video","price_fen":12.5},{"id":"b","kind":"video",
                "author_id":"u123","signals":[{"code":"L99","source":"classifier","conf":0.31},{"code":"L8"}]}]}"#
                .to_vec(),
        ),
    ];
    let text: String = lines.iter().map(|(what, line)| format!("{what}\n    {}\n", sentence(line))).collect();
    insta::assert_snapshot!(text);
}

#[test]
fn what_is_merely_unusual_is_judged() {
    let long =
        format!(r#","candidates":[{{"id":"a","matched_tags":[{}]}}]"#, vec![r#""t""#; normgate::MAX_VALUES].join(","));
    let deep = format!(r#","candidates":[],"unknown_field":{}1{}"#, "[".repeat(100), "]".repeat(100));
    for rest in [
        r#","candidates":[]"#,
        r#","candidates":[{"id":"a","author_id":"u123","signals":[{"code":"M1.fan.x","source":"human"}]}]"#,
        r#","candidates":[{"id":"a","last_prompt_ms":0}]"#,
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
fn strict_reading_lists_everything_that_a_foreign_feed_gets_wrong_at_once() {
    let line = br#"{"id":"r","ctx":{"now_ms":1767225600,"local_min":600,"scene":"home"},"user":{"age":14},
        "items":[{"id":"a"}],"candidates":[{"id":"a","kind":"video","autoplay":1,"price_fen":9.9,
        "signals":[{"code":"L99","source":"classifier","conf":0.31}]},{"id":"b","kind":"video"}]}"#;
    let error = Reader::new(Arc::clone(Vocabulary::shipped())).strict(true).read(line).unwrap_err();
    let first = Mistake { path: error.path, message: error.message };
    let told: Vec<String> = [first].iter().chain(&error.more).map(|m| m.path.clone()).collect();
    let mistakes = [
        "ctx.now_ms",
        "candidates[0].kind",
        "candidates[0].autoplay",
        "candidates[0].price_fen",
        "candidates[0].signals[0]",
        "candidates[0].signals[0].conf_ppm",
        "ctx.scene",
        "user.age",
        "items",
        "candidates[0].signals[0].conf",
    ];
    assert_eq!(told, mistakes);
    assert!(error.more.iter().any(|m| m.path == "user.age" && m.message.ends_with("did you mean user.age_band?")));
    assert!(error.more.iter().any(|m| m.path == "candidates[0].kind" && m.message.ends_with("(and 1 more)")));
}

#[test]
fn a_text_stands_for_the_first_eight_bytes_of_its_digest() {
    let digest = Sha256::digest("u123");
    let expected = i64::from_be_bytes(digest[..8].try_into().unwrap());
    assert_eq!((id_of_text("u123"), expected), (486_566_862_152_200_310, expected));
    let ids: Vec<&str> =
        Vocabulary::shipped().columns.iter().filter(|c| c.is_identifier()).map(|c| c.name.as_str()).collect();
    assert_eq!(ids.len(), 7, "{ids:?}");
    let line = request(
        r#","session":{"streak_topic_id":"u123"},"candidates":[{"id":"a","author_id":"u123","topic_id":"u123","dup_group":"u123",
           "exempt_ticket":"u123","engage":{"op_ticket":"u123"},"offer":{"cond_key":"u123"}}]"#,
    );
    let batch = Batch::from_json(line.as_bytes()).unwrap();
    for name in ids {
        assert_eq!(batch.json(name, 0), expected, "{name}");
    }
}

/// A list of so many good rows, with bad ones at these places: what was sent, and the good ones alone.
fn mixed(good: u64, bad: &[(u64, &str)]) -> (String, String) {
    let mut numbers = Numbers::new(good);
    let whole: Value = serde_json::from_str(&support::request_with(&mut numbers, good, 3)).unwrap();
    let mut rows = whole["candidates"].as_array().unwrap().clone();
    for (place, row) in bad {
        rows.insert((*place as usize).min(rows.len()), serde_json::from_str(row).unwrap());
    }
    let mut sent = whole.clone();
    sent["candidates"] = rows.into();
    (sent.to_string(), whole.to_string())
}

/// An answer without what is of the request as a whole, and without rows that were never judged.
fn of_good_rows(outcome: &normgate::Outcome) -> Value {
    let mut answer: Value = serde_json::from_str(&outcome.to_json(normgate::Detail::default())).unwrap();
    answer.as_object_mut().unwrap().remove("decision_id");
    let is_judged = |verdict: &Value| verdict["reasons"][0]["rule"] != "host.input";
    answer["verdicts"].as_array_mut().unwrap().retain(is_judged);
    answer["notices"].as_array_mut().unwrap().retain(|notice| notice["code"] != "bad-row");
    answer
}

#[test]
fn good_rows_come_out_as_in_the_list_without_the_bad_ones() {
    let gate = Gate::builder().policies(embedded::arp()).build().unwrap();
    let tolerance = Tolerance { on_bad_row: OnBadRow::Withhold, ..Tolerance::default() };
    let reader = Reader::new(Arc::clone(Vocabulary::shipped())).tolerating(tolerance);
    let bad = [
        r#"{"id":"new","kind":"podcast","signals":[{"code":"L8","source":"authority"}],"rank_pos":0,"dup_group":1}"#,
        r#"{"id":"n","kind":7}"#,
        r#"{"kind":"news","news":{"is_news":true}}"#,
        r#"{"id":12,"score":9.5}"#,
        r#"{"id":""}"#,
        "7",
        "null",
    ];
    for round in 0..40u64 {
        let mut numbers = Numbers::new(round);
        let good = 1 + numbers.below(12);
        let places: Vec<(u64, &str)> =
            (0..1 + numbers.below(4)).map(|_| (numbers.below(good + 1), *numbers.pick(&bad))).collect();
        let (sent, alone) = mixed(good, &places);
        let refused = Batch::from_json(sent.as_bytes()).unwrap_err();
        assert!(refused.path.starts_with("candidates["), "{refused}");
        let batch = reader.read(sent.as_bytes()).unwrap();
        let outcome = gate.evaluate(&batch);
        let expected = gate.evaluate(&Batch::from_json(alone.as_bytes()).unwrap());
        assert_eq!(of_good_rows(&outcome), of_good_rows(&expected), "{sent}");
        // The bad ones stand behind the others, withheld.
        assert_eq!(outcome.verdicts.len(), (good as usize) + places.len());
        for verdict in &outcome.verdicts[good as usize..] {
            let reason = &outcome.reasons(verdict)[0];
            assert_eq!(outcome.policy_set().rule_id(reason.rule), "host.input");
            assert_eq!(verdict.judgement.action(), normgate::Action::Block);
        }
        // And the whole of it is judged again from its canonical form.
        let again = reader.read_canonical(&batch.canonical()).unwrap();
        let again = gate.generation().replay(&again, &outcome.circumstances);
        assert_eq!(again.to_json(normgate::Detail::default()), outcome.to_json(normgate::Detail::default()));
    }
}

#[test]
fn of_two_rows_with_one_id_the_later_is_withheld_and_of_two_tags_left_out() {
    let tolerance = Tolerance { on_bad_row: OnBadRow::Withhold, ..Tolerance::default() };
    let reader = Reader::new(Arc::clone(Vocabulary::shipped())).tolerating(tolerance);
    let line = request(
        r#","user":{"tags":[{"tag_id":"t","state":"active"},{"tag_id":"t","state":"user_deleted"}]},
           "candidates":[{"id":"a","kind":"podcast"},{"id":"a","kind":"news"},{"id":"b"},{"id":"a","kind":"ad"},{"id":"b"}]"#,
    );
    let gate = Gate::builder().build().unwrap();
    let batch = reader.read(line.as_bytes()).unwrap();
    let outcome = gate.evaluate(&batch);
    let ids: Vec<&str> = outcome.verdicts.iter().map(|verdict| outcome.candidate_id(verdict.row)).collect();
    assert_eq!((ids, outcome.shown), (vec!["a", "b", "a", "a", "b"], 2));
    assert_eq!(batch.json("candidates.kind", 0), "news");
    assert_eq!(outcome.tags.len(), 1);
    let mut said: Vec<&str> =
        outcome.notices.iter().filter(|n| n.code == "bad-row").map(|n| n.message.as_str()).collect();
    said.sort_unstable();
    assert_eq!(
        said,
        [
            "1 candidate withheld by host.input: of a kind that the vocabulary lacks",
            "1 tag left out: with the id of a row before",
            "2 candidates withheld by host.input: with the id of a row before",
        ]
    );
    let counted = gate.stats().input;
    assert_eq!(
        counted.bad_rows.iter().map(|(cause, n)| (*cause, *n)).collect::<Vec<_>>(),
        [("duplicate_id", 3), ("unknown_kind", 1)]
    );
}

#[test]
fn a_bad_cell_is_unknown_and_what_is_right_stays() {
    let tolerance = Tolerance { on_bad_cell: OnBadCell::Unknown, ..Tolerance::default() };
    let reader = Reader::new(Arc::clone(Vocabulary::shipped())).tolerating(tolerance);
    let line = request(
        r#","user":{"age_band":"teen","minor_mode":true},"candidates":[{"id":"a","price_fen":12.5,"rank_pos":3,"aigc":7,
           "matched_tags":["t",5],"scan_state":"done","signals":[{"code":"M1","source":"human"},{"code":"L8","source":"classifier"}]},
           {"id":"b","rank_pos":70000,"scan_state":"done"}]"#,
    );
    assert!(Batch::from_json(line.as_bytes()).unwrap_err().more.len() >= 5);
    let batch = reader.read(line.as_bytes()).unwrap();
    let value = |column: &str, row| batch.json(&format!("candidates.{column}"), row);
    assert_eq!(
        (value("price_fen", 0), value("rank_pos", 0), value("rank_pos", 1)),
        (Value::Null, 3.into(), Value::Null)
    );
    assert_eq!(value("matched_tags", 0), serde_json::json!(["t"]));
    assert_eq!(value("signals", 0)[0]["code"], "M1");
    // What was found of a row is not known where not every signal is right.
    assert_eq!((value("scan_state", 0), value("scan_state", 1)), (Value::Null, "done".into()));
    let gate = Gate::builder().policies(embedded::arp()).build().unwrap();
    let outcome = gate.evaluate(&batch);
    let said = |column: &str| {
        outcome.notices.iter().any(|n| n.code == "bad-cell" && n.message.starts_with(&format!("{column}: 1 ")))
    };
    for column in [
        "request.user.age_band",
        "candidates.price_fen",
        "candidates.rank_pos",
        "candidates.aigc",
        "candidates.signals",
    ] {
        assert!(said(column), "{column}: {:?}", outcome.notices);
        assert_eq!(gate.stats().input.bad_cells[column], 1);
    }
    assert!(gate.stats().to_prometheus().contains("column=\"candidates.price_fen\"} 1"));
    // A kind that is none is a bad row and not a bad cell.
    assert!(reader.read(request(r#","candidates":[{"id":"a","kind":"podcast"}]"#).as_bytes()).is_err());
}

#[test]
fn whoever_is_under_14_is_a_minor_and_a_contradiction_is_noticed() {
    let gate = Gate::builder().policies(embedded::arp()).build().unwrap();
    let judge = |user: &str| {
        let rows = r#""candidates":[{"id":"a","scan_state":"done","signals":[{"code":"M1","source":"human"}]}]"#;
        gate.evaluate(&Batch::from_json(request(&format!(r#","user":{user},{rows}"#)).as_bytes()).unwrap())
    };
    let contradicts = |outcome: &normgate::Outcome| outcome.notices.iter().any(|n| n.code == "age-contradiction");
    for (user, shown, noticed) in [
        (r#"{"age_band":"a18_60","age_assurance":"id_verified"}"#, 1, false),
        (r#"{"under_14":true}"#, 0, false),
        (r#"{"under_14":true,"age_band":"a18_60","age_assurance":"id_verified"}"#, 0, true),
        (r#"{"under_14":true,"age_band":"a60p"}"#, 0, true),
        (r#"{"under_14":true,"age_band":"a8_12"}"#, 0, false),
        (r#"{"under_14":false,"age_band":"a18_60","age_assurance":"id_verified"}"#, 1, false),
    ] {
        let outcome = judge(user);
        let by_age = outcome
            .verdicts
            .iter()
            .flat_map(|v| outcome.reasons(v))
            .any(|r| outcome.policy_set().rule_id(r.rule) == "art18.unsafe-imitation");
        assert_eq!((usize::from(!by_age), contradicts(&outcome)), (shown, noticed), "{user}");
    }
}

#[test]
fn a_duty_to_mend_telemetry_says_which_column() {
    let gate = Gate::builder().policies(embedded::arp()).build().unwrap();
    let line = request(
        r#","ctx2":1,"user":{"usage_limit_s":60,"spend_cap_fen":5},"candidates":[{"id":"w","kind":"work_order"}]"#,
    );
    let outcome = gate.evaluate(&Batch::from_json(line.as_bytes()).unwrap());
    let answer: Value = serde_json::from_str(&outcome.to_json(normgate::Detail::default())).unwrap();
    let owed = answer["obligations"].as_array().unwrap().iter().filter(|owed| owed["code"] == "fix.telemetry");
    let mut columns: Vec<&str> = owed.map(|owed| owed["args"]["column"].as_str().unwrap()).collect();
    columns.sort_unstable();
    columns.dedup();
    assert_eq!(
        columns,
        [
            "candidates.work.continuous_s",
            "candidates.work.day_s",
            "request.session.continuous_s",
            "request.session.today_s",
            "request.user.spend_30d_fen",
        ]
    );
}

#[test]
fn whole_columns_and_json_make_the_same_batch() {
    use normgate::SignalOf;
    use normgate::fields::terms::{AgeBand, Kind, Surface};
    use normgate::fields::{candidates, request, tags};
    let mut typed = Batch::builder("r7");
    typed.column(&request::ctx::NOW_MS, &[1_767_225_600_000]).unwrap();
    typed.column(&request::ctx::LOCAL_MIN, &[600]).unwrap();
    typed.column(&request::ctx::SURFACE, &[Surface::Feed]).unwrap();
    typed.column(&request::user::AGE_BAND, &[Some(AgeBand::A12_16)]).unwrap();
    typed.candidates(&["a", "b", "c"]).unwrap();
    typed.column(&candidates::KIND, &[Some(Kind::News), None, Some(Kind::Ad)]).unwrap();
    typed.column(&candidates::RETRIEVAL_BASIS, &["generic", "unknown", "personal"]).unwrap();
    typed.column(&candidates::SCORE, &[0.5, -0.0, 2.0]).unwrap();
    typed.column(&candidates::RANK_POS, &[0, 1, 2]).unwrap();
    typed.column(&candidates::ESSENTIAL, &[Some(true), Some(false), None]).unwrap();
    typed.column(&candidates::AUTHOR_ID, &[Some("u123"), None, Some("u7")]).unwrap();
    typed.column(&candidates::MATCHED_TAGS, &[&["t"][..], &[], &["t"]]).unwrap();
    let signal = SignalOf { code: "M1", conf_ppm: Some(960_000), source: "classifier", reference: None };
    typed.column(&candidates::SIGNALS, &[Some(&[signal][..]), Some(&[]), None]).unwrap();
    typed.column(&candidates::offer::PRICE_FEATURES, &[&["age"][..], &["loyalty", "own"], &[]]).unwrap();
    typed.tags(&["t"]).unwrap();
    typed.column(&tags::SENSITIVE, &[true]).unwrap();
    let json = request_line(
        r#","user":{"age_band":"a12_16","tags":[{"tag_id":"t","sensitive":true}]},"candidates":[
        {"id":"a","kind":"news","retrieval_basis":"generic","score":0.5,"rank_pos":0,"essential":true,"author_id":"u123",
         "matched_tags":["t"],"signals":[{"code":"M1","source":"classifier","conf_ppm":960000}],"offer":{"price_features":["age"]}},
        {"id":"b","retrieval_basis":null,"score":0,"rank_pos":1,"essential":false,"matched_tags":[],"signals":[],
         "offer":{"price_features":["loyalty","own"]}},
        {"id":"c","kind":"ad","retrieval_basis":"personal","score":2,"rank_pos":2,"author_id":"u7","matched_tags":["t"],
         "offer":{"price_features":[]}}]"#,
    );
    let json = Batch::from_json(json.as_bytes()).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&typed.build().unwrap().canonical()),
        String::from_utf8_lossy(&json.canonical())
    );
}

fn request_line(rest: &str) -> String {
    request(rest).replace(r#""local_min":600"#, r#""local_min":600,"surface":"feed""#)
}

#[test]
fn whole_columns_are_held_against_the_vocabulary_and_each_other() {
    use normgate::fields::candidates;
    let mut batch = Batch::builder("r7");
    batch.candidates(&["a", "b"]).unwrap();
    let said = |result: Result<&mut normgate::BatchBuilder, normgate::InputError>| result.unwrap_err().to_string();
    assert_eq!(said(batch.column(&candidates::RANK_POS, &[0])), "candidates.rank_pos: 1 values for 2 rows");
    assert_eq!(
        said(batch.column(&candidates::RANK_POS, &[0, 70_000])),
        "candidates[1].rank_pos: 70000 is outside 0..65535 position"
    );
    assert!(
        said(batch.column(&candidates::KIND, &["news", "podcast"]))
            .starts_with("candidates[1].kind: `podcast` is none of")
    );
    let soon = said(batch.column(&candidates::LAST_PROMPT_MS, &[Some(1_767_225_600), None]));
    assert_eq!(soon, "candidates[0].last_prompt_ms: 1767225600 is plainly seconds; send milliseconds since 1970 UTC");
    batch.column(&candidates::ESSENTIAL, &[true, false]).unwrap();
    assert_eq!(
        said(batch.column(&candidates::ESSENTIAL, &[true, false])),
        "candidates.essential: this column is set already"
    );
    let reader = Reader::new(Arc::clone(Vocabulary::shipped()));
    let near = reader.field::<normgate::fields::Integer>("candidates.price").unwrap_err().to_string();
    assert_eq!(near, "candidates.price: the vocabulary has no such column; did you mean candidates[].price_fen?");
    assert!(reader.field::<normgate::fields::Tri>("candidates.price_fen").is_err());
    let price = reader.field::<normgate::fields::Integer>("candidates.price_fen").unwrap();
    batch.column(&price, &[5, 6]).unwrap();
    // What a builder tolerates it marks.
    let tolerant = reader.tolerating(Tolerance { on_bad_cell: OnBadCell::Unknown, on_bad_row: OnBadRow::Withhold });
    let mut batch = tolerant.builder("r7");
    batch.request("ctx.now_ms", 1_767_225_600_000).unwrap().request("ctx.local_min", 600).unwrap();
    batch.candidates(&["a", "a", ""]).unwrap();
    batch.column(&candidates::RANK_POS, &[0, 1, 70_000]).unwrap();
    let outcome = Gate::builder().build().unwrap().evaluate(&batch.build().unwrap());
    assert_eq!((outcome.verdicts.len(), outcome.shown), (3, 1));
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

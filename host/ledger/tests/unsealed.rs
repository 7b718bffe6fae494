//! Whoever has a copy of a ledger without its keys learns how many lists were judged, when, by which policy set and how much of
//! each is kept, and nothing else.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use normgate::contract::hex;
use normgate::{Batch, Confirmation, Gate, embedded};
use normgate_ledger::{Against, History, Ledger, Query, Settings};
use serde_json::{Value, json};
use support::folder;

/// Lists of two users in turn, which differ in nothing else but their own names.
fn request(number: usize) -> Value {
    let user = ["reference-of-one", "reference-of-two"][number % 2];
    let tag = ["tag-of-user-one", "tag-of-user-two"][number % 2];
    json!({
        "id": format!("secret-request-{number:03}"),
        "ctx": {"now_ms": 1_767_225_600_000_i64, "local_min": 600, "can_render_labels": true, "surface": "feed", "off_option": true},
        "user": {"ref": user, "age_band": "a18_60", "age_assurance": "id_verified", "personalization": "on",
                 "tags": [{"tag_id": tag, "in_dictionary": true, "review": "approved", "state": "active", "sensitive": false}]},
        "session": {"continuous_s": 600, "today_s": 1_200},
        "candidates": [{"id": format!("secret-item-{number:03}"), "kind": "article", "scan_state": "done", "score": 437_219,
                        "retrieval_basis": "personal", "matched_tags": [tag], "commercial": false, "age_rating": "all",
                        "news": {"is_news": false}, "signals": [{"code": "L8", "source": "classifier", "conf_ppm": 1_000_000, "score_ppm": 123_457}],
                        "aigc": {"meta_label": if number % 4 < 2 { "1" } else { "none" }}}],
    })
}

/// Everything that lies in a folder but its keys, file by file.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.ends_with("keys") {
            continue;
        }
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => all.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
    all
}

fn number(bytes: &[u8]) -> usize {
    u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize
}

/// The records of a segment, as somebody without a key finds them: frames are compressed and not sealed.
fn records(segment: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &segment[8 + 4 + number(&segment[8..]) + 4..];
    let mut records = Vec::new();
    while !rest.is_empty() {
        let (stored, plain) = (number(&rest[76..]), number(&rest[84..]));
        let frame = zstd::bulk::decompress(&rest[92..92 + stored], plain).unwrap();
        let mut frame = &frame[..];
        while !frame.is_empty() {
            let length = number(frame);
            records.push(frame[4..4 + length].to_vec());
            frame = &frame[4 + length..];
        }
        rest = &rest[92 + stored..];
    }
    records
}

/// What a record is made of, without lengths: its open part, but for its number, and its sealed ones. Its number says in which
/// turn it came, so those of one user are odd.
fn pieces(record: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut pieces) = (record, Vec::new());
    while !rest.is_empty() {
        let length = number(rest);
        pieces.push(rest[4..4 + length].to_vec());
        rest = &rest[4 + length..];
    }
    let open: Value = serde_json::from_slice(&pieces[0]).unwrap();
    let at = pieces[0].windows(9).position(|bytes| bytes == b"\"record\":").unwrap() + 9;
    pieces[0].drain(at..at + open["record"].to_string().len());
    pieces
}

/// A folder with lists of two users, what became of some, one that is held for a case, and look-ups.
fn recorded(folder: &Path) {
    let gate = Gate::builder().policies(embedded::arp()).label("secret-generation").build().unwrap();
    let ledger = Ledger::open(folder, Settings { sample_ppm: 500_000, ..Settings::default() }).unwrap();
    let now_ms = normgate::contract::now_ms();
    let mut ids = Vec::new();
    for number in 0..40 {
        let batch = Batch::from_json(request(number).to_string().as_bytes()).unwrap();
        let mut outcome = gate.evaluate(&batch);
        outcome.circumstances.clock_ms = now_ms;
        ids.push(outcome.decision_id());
        ledger.record(&batch, &Arc::new(outcome)).unwrap();
    }
    for (number, id) in ids.iter().enumerate().take(8) {
        let shown = vec![format!("secret-item-{number:03}")];
        ledger.confirm(&Confirmation { decision_id: id.clone(), shown, ..Confirmation::default() }).unwrap();
    }
    // Two lists of one user, for one case.
    for id in [&ids[4], &ids[6], &ids[5]] {
        ledger.hold(id, "a-case", "officer").unwrap();
    }
    ledger.close().unwrap();
}

#[test]
fn nothing_of_a_list_is_readable_without_a_key() {
    let folder = folder("unsealed");
    recorded(&folder);
    let mut texts: Vec<(String, Vec<u8>)> = Vec::new();
    for (path, bytes) in files(&folder) {
        let place = path.display().to_string();
        if place.ends_with(".seg") {
            texts.extend(records(&bytes).into_iter().map(|record| (place.clone(), record)));
        }
        if place.ends_with(".held") {
            let held: Value = serde_json::from_slice(&bytes).unwrap();
            let fields = held.as_object().unwrap().values().filter_map(Value::as_str);
            texts.extend(fields.filter_map(|field| Some((place.clone(), STANDARD.decode(field).ok()?))));
        }
        texts.push((place, bytes));
    }
    assert!(texts.iter().filter(|(place, _)| place.ends_with(".held")).count() > 6);
    let needles = [
        "secret-",
        "reference-of",
        "tag-of-user",
        "article",
        "437219",
        "123457",
        "classifier",
        "a18_60",
        "art09.",
        "decision_id",
        "\"why\"",
        "clock_ms",
    ];
    for (place, text) in &texts {
        for needle in needles {
            // What sets are made of is described; that is about no list.
            let of_set = needle == "art09." && text.windows(12).any(|bytes| bytes == b"resolved_ms\"");
            let found = text.windows(needle.len()).any(|bytes| bytes == needle.as_bytes());
            assert!(!found || of_set, "`{needle}` stands in {place}: {}", String::from_utf8_lossy(text));
        }
    }
    // With the keys it is all there.
    let history = History::open(&folder).unwrap();
    let query = Query { user: Some("reference-of-one".into()), ..Query::default() };
    let mut found = 0;
    let count = |_| {
        found += 1;
        Ok(())
    };
    history.lists(&query, |_| Ok(()), count).unwrap();
    assert_eq!(found, 20);
    assert_eq!(history.verify(&Against::default()).unwrap().findings, Vec::<String>::new());
}

#[test]
fn the_open_part_of_a_list_is_its_number_time_set_and_level() {
    let folder = folder("open-part");
    recorded(&folder);
    let segment = fs::read(folder.join("segments/000000000000.seg")).unwrap();
    let mut lists = 0;
    for record in records(&segment) {
        let open: Value = serde_json::from_slice(&record[4..4 + number(&record)]).unwrap();
        let fields: Vec<&str> = open.as_object().unwrap().keys().map(String::as_str).collect();
        match open["event"].as_str().unwrap() {
            "decision" => {
                // Of each part a nonce of 12 bytes, a text in steps of 64, and a tag of 16.
                let mut rest = &record[4 + number(&record)..];
                while !rest.is_empty() {
                    let length = number(rest);
                    assert!(length == 0 || length % 64 == 28, "{length}");
                    rest = &rest[4 + length..];
                }
                assert_eq!(fields, ["event", "level", "ms", "policy_set", "record"]);
                lists += 1;
            }
            "confirmed" => assert_eq!(fields, ["event", "ms", "record"]),
            _ => {}
        }
    }
    assert_eq!(lists, 40);
}

#[test]
fn no_two_lists_of_a_user_have_anything_in_common_that_others_have_not() {
    let folder = folder("linked");
    recorded(&folder);
    let (mut one, mut two) = (Vec::new(), Vec::new());
    let segment = fs::read(folder.join("segments/000000000000.seg")).unwrap();
    let lists: Vec<Vec<u8>> = records(&segment)
        .into_iter()
        .filter(|record| record.windows(20).any(|bytes| bytes == b"\"event\":\"decision\",\""))
        .collect();
    assert_eq!(lists.len(), 40);
    for (number, list) in lists.into_iter().enumerate() {
        if number % 2 == 0 { one.push(list) } else { two.push(list) }
    }
    // Piece by piece: beside what is the same of all, one byte is the same by chance now and then.
    let windows = |list: &[u8]| -> HashSet<Vec<u8>> {
        pieces(list).iter().flat_map(|piece| piece.windows(8).map(<[u8]>::to_vec).collect::<Vec<_>>()).collect()
    };
    let of_two: HashSet<Vec<u8>> = two.iter().flat_map(|list| windows(list)).collect();
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    for list in &one {
        let own: HashSet<Vec<u8>> = windows(list).difference(&of_two).cloned().collect();
        let common: Vec<String> = own.intersection(&seen).map(|bytes| hex(bytes)).collect();
        assert_eq!(common, Vec::<String>::new());
        seen.extend(own);
    }
}

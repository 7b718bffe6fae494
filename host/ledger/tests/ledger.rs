//! What is recorded is found, proven, judged again and purged; what is altered, lost or rewritten is noticed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/scene.rs"]
mod scene;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use normgate::contract::Day;
use normgate::{Batch, Confirmation, Discharge, Gate, Outcome, RenderedLabel, embedded};
use normgate_ledger::{
    Access, Against, Checked, Confirmed, Deed, Durability, DutyCounts, Group, History, Ledger, LedgerError, Level,
    Purge, Query, RETENTION_DAYS, Recorded, Redaction, Replay, Settings, Subject, Verifier, WhenFull, Why, Witness,
    check,
};
use scene::{Regulator, copy, demoted, labelled, now_s, plain};
use serde_json::{Value, json};
use support::folder;

static GATE: LazyLock<Gate> = LazyLock::new(|| Gate::builder().policies(embedded::arp()).build().unwrap());

const BEFORE_ANSWER: Settings = Settings {
    durability: Durability::BeforeAnswer,
    when_full: WhenFull::Wait,
    queue: 64,
    sample_ppm: 0,
    segment_bytes: 64 << 20,
    checkpoint_every: Duration::from_secs(3_600),
    anchor_age: Duration::from_secs(3_600),
    personal_max_d: RETENTION_DAYS,
    wrap: None,
};

fn judge(request: &Value) -> (Batch, Arc<Outcome>) {
    let batch = Batch::from_json(request.to_string().as_bytes()).unwrap();
    let outcome = GATE.evaluate(&batch);
    (batch, Arc::new(outcome))
}

/// The same list, judged so many milliseconds ago.
fn judged_before(request: &Value, ms: i64) -> (Batch, Arc<Outcome>) {
    let (batch, outcome) = judge(request);
    let mut outcome = Arc::unwrap_or_clone(outcome);
    outcome.circumstances.clock_ms -= ms;
    (batch, Arc::new(outcome))
}

/// Records lists, every other one labelled, and gives their decision ids.
fn record(ledger: &Ledger, numbers: std::ops::Range<u64>) -> Vec<String> {
    let lists = numbers.map(|number| judge(&if number % 2 == 0 { demoted(number) } else { plain(number) }));
    let recorded = lists.map(|(batch, outcome)| {
        ledger.record(&batch, &outcome).unwrap();
        outcome.decision_id()
    });
    recorded.collect()
}

fn found(folder: &Path, query: &Query) -> Vec<Recorded> {
    let mut all = Vec::new();
    let collect = |recorded| {
        all.push(recorded);
        Ok(())
    };
    History::open(folder).unwrap().lists(query, |_| Ok(()), collect).unwrap();
    all
}

fn confirmed(folder: &Path, query: &Query) -> Vec<Confirmation> {
    let mut all = Vec::new();
    let collect = |Confirmed { confirmation, .. }| {
        all.push(confirmation);
        Ok(())
    };
    History::open(folder).unwrap().confirmations(query, collect).unwrap();
    all
}

fn findings(folder: &Path) -> Vec<String> {
    History::open(folder).unwrap().verify(&Against::default()).unwrap().findings
}

fn notes(folder: &Path) -> Vec<String> {
    let verified = History::open(folder).unwrap().verify(&Against::default()).unwrap();
    assert_eq!(verified.findings, Vec::<String>::new());
    verified.notes
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}

#[test]
fn lists_are_found_by_decision_user_item_and_time_and_shown_without_persons() {
    let folder = folder("found");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let ids = record(&ledger, 0..6);
    // Acknowledged is on the disk: a reader needs nobody to close first.
    assert_eq!(found(&folder, &Query::default()).len(), 6);
    ledger.close().unwrap();

    let by_id = found(&folder, &Query { decision: Some(ids[2].clone()), ..Query::default() });
    assert_eq!(by_id.len(), 1);
    let outcome: Value = serde_json::from_str(by_id[0].outcome.as_ref().unwrap()).unwrap();
    assert_eq!((outcome["decision_id"].as_str(), outcome["id"].as_str()), (Some(ids[2].as_str()), Some("r2")));
    assert_eq!(found(&folder, &Query { user: Some("user-1".into()), ..Query::default() }).len(), 2);
    assert_eq!(found(&folder, &Query { item: Some("c5".into()), ..Query::default() }).len(), 1);
    assert_eq!(found(&folder, &Query { user: Some("user-9".into()), ..Query::default() }).len(), 0);
    let now = by_id[0].ms;
    assert_eq!(found(&folder, &Query { to_ms: Some(now - 3_600_000), ..Query::default() }).len(), 0);
    assert_eq!(found(&folder, &Query { from_ms: Some(now), to_ms: Some(now + 1), ..Query::default() })[0].ms, now);

    let shown = by_id[0].to_json(Redaction::Personal);
    assert!(!shown.contains("likes-tea") && !shown.contains("age_band") && !shown.contains("\"user\""), "{shown}");
    assert!(shown.contains("candidates.aigc.meta_label") && !shown.contains("not kept"), "{shown}");
    let whole = by_id[0].to_json(Redaction::Nothing);
    assert!(
        whole.contains("likes-tea") && whole.contains("request.user.age_band") && !whole.contains("user-2"),
        "{whole}"
    );
}

#[test]
fn a_gate_with_a_ledger_keeps_decisions_and_what_became_of_them() {
    let folder = folder("confirmed");
    let ledger = Arc::new(Ledger::open(&folder, BEFORE_ANSWER).unwrap());
    let gate = Gate::builder().policies(embedded::arp()).recorder(Arc::clone(&ledger) as _).build().unwrap();
    let mut minor = demoted(1);
    minor["user"]["minor_mode"] = true.into();
    let said: Vec<Confirmation> = [plain(0), minor]
        .iter()
        .map(|request| {
            let (outcome, kept) = gate.decide(&Batch::from_json(request.to_string().as_bytes()).unwrap());
            kept.unwrap();
            let discharged = vec![Discharge { code: "offer.why".into(), target: None }];
            let shown = outcome.ranking().map(|row| row.id().to_owned()).collect();
            Confirmation { decision_id: outcome.decision_id(), shown, discharged, ..Confirmation::default() }
        })
        .collect();
    said.iter().for_each(|confirmation| gate.confirm(confirmation).unwrap());
    drop(gate);
    ledger.close().unwrap();

    assert_eq!(confirmed(&folder, &Query::default()), said);
    let one = Query { decision: Some(said[1].decision_id.clone()), ..Query::default() };
    assert_eq!(confirmed(&folder, &one), said[1..]);
    let facets: Vec<_> = found(&folder, &Query::default()).into_iter().map(|list| list.facets.unwrap()).collect();
    assert_eq!(facets.iter().map(|facets| facets.group()).collect::<Vec<_>>(), [Group::Adult, Group::Minor]);
    assert_eq!((facets[0].user.as_deref(), facets[0].surface.as_deref()), (Some("user-0"), Some("feed")));
    let notes = notes(&folder);
    assert!(notes.len() == 2 && notes.iter().any(|note| note.contains("kept no sample")), "{notes:?}");
    let without = Gate::builder().build().unwrap().confirm(&said[0]).unwrap_err();
    assert!(without.to_string().contains("built without a recorder"), "{without}");
}

/// A confirmation that says that everything was done as decided.
fn obeyed(outcome: &Outcome) -> Confirmation {
    let labels = outcome.ranking().flat_map(|row| {
        let candidate = row.id().to_owned();
        row.labels()
            .map(move |label| RenderedLabel { candidate: candidate.clone(), label: label.into() })
            .collect::<Vec<_>>()
    });
    Confirmation {
        decision_id: outcome.decision_id(),
        shown: outcome.ranking().map(|row| row.id().to_owned()).collect(),
        labels_rendered: labels.collect(),
        vetoes_applied: outcome.vetoes.iter().map(|veto| veto.feature.to_string()).collect(),
        discharged: Vec::new(),
    }
}

#[test]
fn what_was_done_against_a_decision_is_listed() {
    let folder = folder("breaches");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let mut request = demoted(0);
    let item = |id: &str, more: Value| {
        let mut item = request["candidates"][0].clone();
        item["id"] = id.into();
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        item
    };
    let illegal = item("bad", json!({"signals": [{"code": "L8", "source": "authority"}]}));
    let unlabelled = item("unlabelled", json!({}));
    request["candidates"].as_array_mut().unwrap().extend([illegal, unlabelled]);
    request["user"]["personalization"] = "off".into();
    let (batch, outcome) = judge(&request);
    assert!(!outcome.vetoes.is_empty(), "a user who does not want it vetoes the profile");
    ledger.record(&batch, &outcome).unwrap();
    ledger.confirm(&obeyed(&outcome)).unwrap();
    let (batch, other) = judge(&demoted(1));
    ledger.record(&batch, &other).unwrap();
    ledger.close().unwrap();
    let of = |folder: &Path| History::open(folder).unwrap().fulfilment(&Query::default(), 0).unwrap();
    let all_well = of(&folder);
    assert_eq!((all_well.decisions, all_well.confirmed, all_well.breaches), (2, 1, vec![]));

    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let mut confirmation = obeyed(&other);
    confirmation.shown.extend(["stranger".to_owned()]);
    confirmation.labels_rendered.clear();
    ledger.confirm(&confirmation).unwrap();
    let (batch, third) = {
        request["id"] = "another".into();
        judge(&request)
    };
    ledger.record(&batch, &third).unwrap();
    let mut confirmation = obeyed(&third);
    confirmation.shown.push("bad".into());
    confirmation.vetoes_applied.clear();
    ledger.confirm(&confirmation).unwrap();
    ledger.close().unwrap();
    let mut found: Vec<_> = of(&folder).breaches.into_iter().map(|breach| (breach.what, breach.about)).collect();
    found.sort();
    let mut expected = vec![
        (Deed::WithheldShown, "bad".to_owned()),
        (Deed::UnjudgedShown, "stranger".into()),
        (Deed::LabelMissing, "c1".into()),
    ];
    expected.extend(third.vetoes.iter().map(|veto| (Deed::VetoNotApplied, veto.feature.to_string())));
    expected.sort();
    found.dedup();
    expected.dedup();
    assert_eq!(found, expected);
}

#[test]
fn one_duty_is_open_per_code_and_subject_from_its_first_sighting() {
    let folder = folder("duties");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let mut request = plain(0);
    request["candidates"][0]["signals"] = json!([{"code": "L8", "source": "authority"}]);
    // The same item, in lists of four hours ago, of three and of now: a report is owed within a day of the first.
    let mut ids = Vec::new();
    for (number, hours) in [(0, 4), (1, 3), (2, 0)] {
        request["id"] = format!("r{number}").into();
        let (batch, outcome) = judged_before(&request, hours * 3_600_000);
        assert!(outcome.obligations.iter().any(|owed| outcome.owed(owed) == "report.authority"));
        ids.push(outcome.decision_id());
        ledger.record(&batch, &outcome).unwrap();
    }
    ledger.close().unwrap();
    let at = |hours: i64| {
        let now = normgate::contract::now_ms() + hours * 3_600_000;
        History::open(&folder).unwrap().fulfilment(&Query::default(), now).unwrap()
    };
    let overdue = |fulfilment: &normgate_ledger::Fulfilment| {
        fulfilment.overdue.iter().filter(|duty| duty.code == "report.authority").cloned().collect::<Vec<_>>()
    };
    assert_eq!(overdue(&at(19)), []);
    let late = overdue(&at(21));
    assert_eq!((late.len(), late[0].sightings, &late[0].subject), (1, 3, &Subject::Item("c0".into())));

    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let discharged = vec![Discharge { code: "report.authority".into(), target: Some("c0".into()) }];
    ledger.confirm(&Confirmation { decision_id: ids[1].clone(), discharged, ..Confirmation::default() }).unwrap();
    ledger.close().unwrap();
    assert_eq!(overdue(&at(21)), []);
    assert_eq!(at(21).duties["report.authority"], DutyCounts { opened: 1, discharged: 1, ..DutyCounts::default() });
}

#[test]
fn what_somebody_may_have_to_account_for_is_kept_in_full() {
    let folder = folder("level");
    let mut held = plain(1);
    held["provider"] =
        json!({"permits": ["edit_publish", "reprint", "platform"], "permit_expiry_ms": 4_102_444_800_000_i64});
    held["candidates"][0]["kind"] = json!("news");
    held["candidates"][0]["news"] = json!({"is_news": true, "origin": "user_post", "source_listed": "frozen"});
    let mut major = plain(2);
    major["candidates"][0]["major_impact"] = json!(true);
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    for request in [plain(0), demoted(0), held, major] {
        let (batch, outcome) = judge(&request);
        ledger.record(&batch, &outcome).unwrap();
    }
    assert_eq!((ledger.counts().full, ledger.counts().commit), (3, 1));
    ledger.close().unwrap();
    let ledger = Ledger::open(&folder, Settings { sample_ppm: 1_000_000, ..BEFORE_ANSWER }).unwrap();
    let (batch, outcome) = judge(&plain(0));
    ledger.record(&batch, &outcome).unwrap();
    ledger.close().unwrap();

    let all = found(&folder, &Query::default());
    let why: Vec<&[Why]> = all.iter().map(|recorded| recorded.decision.why.as_slice()).collect();
    assert_eq!(why[0], []);
    assert!(why[1].contains(&Why::Must), "{why:?}");
    assert!(why[2].contains(&Why::Held), "{why:?}");
    assert!(why[3].contains(&Why::MajorImpact), "{why:?}");
    assert_eq!(why[4], [Why::Sample]);
    assert_eq!((all[0].decision.level, all[0].columns.len()), (Level::Commit, 0));
    assert_eq!(all[0].decision.input, all[4].decision.input, "a commitment is to the same input");
    let verified = History::open(&folder).unwrap().verify(&Against::default()).unwrap();
    assert_eq!((verified.full, verified.commit, verified.findings.len()), (4, 1, 0));
}

#[test]
fn recorded_lists_are_judged_again_to_the_same_bytes() {
    let folder = folder("again");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    record(&ledger, 0..40);
    ledger.close().unwrap();
    let history = History::open(&folder).unwrap();
    let modules = embedded::arp();
    for threads in [1, 3] {
        let replayed = Replay::new(&modules, Gate::builder, threads).run(&history, &Query::default(), |_| ()).unwrap();
        assert_eq!((replayed.judged, replayed.commitments, replayed.unreadable), (20, 20, 0));
        assert_eq!(replayed.different, []);
    }
    // What needs a module that is not at hand says which.
    let missing = Replay::new(&modules[1..], Gate::builder, 1).run(&history, &Query::default(), |_| ());
    let sentence = missing.unwrap_err().to_string();
    assert!(sentence.contains(&modules[0].digest_text()) && sentence.contains("-p"), "{sentence}");
}

#[test]
fn commitments_are_held_against_requests_that_are_given_again() {
    let folder = folder("given");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    record(&ledger, 0..6);
    ledger.close().unwrap();
    let mut given: Vec<Vec<u8>> = [1, 3].map(|number| plain(number).to_string().into_bytes()).into();
    given.push(plain(99).to_string().into_bytes());
    given.push(b"no request".to_vec());
    let (modules, history) = (embedded::arp(), History::open(&folder).unwrap());
    let again = Replay::new(&modules, Gate::builder, 2).given(given).run(&history, &Query::default(), |_| {}).unwrap();
    assert_eq!((again.judged, again.given, again.commitments, again.different.len()), (5, 2, 1, 0));
}

#[test]
fn a_third_party_checks_a_proof_with_the_proof_alone() {
    let folder = folder("proof");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let ids = record(&ledger, 0..3);
    let history = History::open(&folder).unwrap();
    assert!(history.prove(&ids[0]).unwrap_err().to_string().contains("no checkpoint covers"));
    let older = ledger.checkpoint().unwrap();
    record(&ledger, 3..9);
    ledger.close().unwrap();

    let key = history.verifier().unwrap();
    for id in &ids {
        let proof = history.prove(id).unwrap();
        let Checked::Included { policy_set, origin, .. } = check(&proof, Some(&key)).unwrap() else {
            panic!("{proof}")
        };
        assert_eq!((policy_set.as_deref(), origin.as_str()), (Some(GATE.policy_set().digest()), key.name()));
        // Nothing in a proof can be another thing.
        let mut fields: Value = serde_json::from_str(&proof).unwrap();
        let other: Value =
            serde_json::from_str(&history.prove(&ids[(ids.iter().position(|i| i == id).unwrap() + 1) % 3]).unwrap())
                .unwrap();
        fields["record"] = other["record"].clone();
        assert!(check(&fields.to_string(), Some(&key)).unwrap_err().to_string().contains("not in the frame"));
        fields["record"] = serde_json::from_str::<Value>(&proof).unwrap()["record"].clone();
        fields["frame"] = other["frame"].clone();
        assert!(check(&fields.to_string(), Some(&key)).is_err());
    }
    let since = history.prove_since(&older).unwrap();
    assert!(matches!(check(&since, Some(&key)).unwrap(), Checked::Consistent { .. }));
    let mut forged: Value = serde_json::from_str(&since).unwrap();
    forged["path"][0] = json!("00".repeat(32));
    assert!(check(&forged.to_string(), Some(&key)).unwrap_err().to_string().contains("history was rewritten"));
    // A key that somebody else holds signed nothing of this.
    let stranger = self::folder("stranger");
    Ledger::open(&stranger, BEFORE_ANSWER).unwrap().close().unwrap();
    let stranger = Verifier::parse(&fs::read_to_string(stranger.join("ledger.pub")).unwrap()).unwrap();
    assert!(check(&since, Some(&stranger)).unwrap_err().to_string().contains("not signed"));
}

#[test]
fn every_altered_bit_is_noticed() {
    let folder = folder("flips");
    let ledger = Ledger::open(&folder, Settings { segment_bytes: 20_000, ..BEFORE_ANSWER }).unwrap();
    record(&ledger, 0..24);
    let purged_day = normgate::contract::Day::containing(judge(&plain(0)).1.circumstances.clock_ms - 300 * 86_400_000);
    let (batch, outcome) = judged_before(&demoted(99), 300 * 86_400_000);
    ledger.record(&batch, &outcome).unwrap();
    record(&ledger, 24..26);
    ledger.purge(purged_day, Purge::All, "a test").unwrap();
    ledger.close().unwrap();
    let access =
        Access { ms: 1, by: "me".into(), command: "show".into(), asked: "x".into(), records: 1, personal: false };
    History::open(&folder).unwrap().note_access(&access).unwrap();
    assert_eq!(findings(&folder), Vec::<String>::new());

    let mut tried = 0;
    for file in files(&folder) {
        let bytes = fs::read(&file).unwrap();
        // Every region of every file, at a stride that no structure shares.
        let stride = (bytes.len() / 60).max(1) | 1;
        for at in (0..bytes.len()).step_by(stride) {
            let mut altered = bytes.clone();
            altered[at] ^= 1 << (at % 8);
            fs::write(&file, &altered).unwrap();
            let verified = History::open(&folder).unwrap().verify(&Against::default());
            let noticed = verified.as_ref().map_or(true, |verified| !verified.findings.is_empty());
            assert!(noticed, "{} byte {at} of {}", file.display(), bytes.len());
            tried += 1;
        }
        fs::write(&file, &bytes).unwrap();
    }
    assert!(tried > 400, "{tried}");
    assert_eq!(findings(&folder), Vec::<String>::new());
}

#[test]
fn a_crash_leaves_what_was_acknowledged_and_a_gap_on_the_record() {
    let (running, crashed) = (folder("running"), folder("crashed"));
    let behind = Settings { durability: Durability::Behind { interval: Duration::from_millis(1) }, ..BEFORE_ANSWER };
    let ledger = Ledger::open(&running, behind).unwrap();
    record(&ledger, 0..4);
    ledger.checkpoint().unwrap();
    copy(&running, &crashed);
    ledger.close().unwrap();

    let segment = crashed.join("segments/000000000000.seg");
    let whole = fs::read(&segment).unwrap();
    // Nothing, the beginning of a frame, and blocks that were never written.
    let beginning = &fs::read(running.join("segments/000000000000.seg")).unwrap()[whole.len()..][..95];
    for torn in [&[][..], beginning, &[0; 500]] {
        let folder = folder("crash");
        copy(&crashed, &folder);
        fs::write(folder.join("segments/000000000000.seg"), [&whole[..], torn].concat()).unwrap();
        assert_eq!(findings(&folder).len(), usize::from(!torn.is_empty()), "{:?}", findings(&folder));
        let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
        record(&ledger, 4..6);
        ledger.close().unwrap();
        assert_eq!(found(&folder, &Query::default()).len(), 6);
        let notes = notes(&folder);
        assert!(notes.iter().any(|note| note.contains("lists that were answered may be missing")), "{notes:?}");
        let left = format!("a crash left {} bytes", torn.len());
        assert_eq!(notes.iter().any(|note| note.contains(&left)), !torn.is_empty(), "{notes:?}");
    }
}

#[test]
fn an_end_that_no_crash_leaves_is_not_written_after() {
    let folder = folder("end");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    record(&ledger, 0..4);
    ledger.close().unwrap();
    let segment = folder.join("segments/000000000000.seg");
    let whole = fs::read(&segment).unwrap();
    let mut altered = whole.clone();
    *altered.last_mut().unwrap() ^= 1;
    fs::write(&segment, &altered).unwrap();
    let refused = Ledger::open(&folder, BEFORE_ANSWER).err().unwrap().to_string();
    assert!(refused.contains("no crash leaves that"), "{refused}");
    // Frames that a checkpoint was signed over are not simply gone.
    fs::write(&segment, &whole[..whole.len() - 20]).unwrap();
    let refused = Ledger::open(&folder, BEFORE_ANSWER).err().unwrap().to_string();
    assert!(refused.contains("restore the segments"), "{refused}");
    assert!(!findings(&folder).is_empty());
    fs::write(&segment, &whole).unwrap();
    Ledger::open(&folder, BEFORE_ANSWER).unwrap().close().unwrap();
}

#[test]
fn one_writer_at_a_time() {
    let folder = folder("writers");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let second = Ledger::open(&folder, BEFORE_ANSWER).err().unwrap();
    assert!(
        matches!(second, LedgerError::Held { .. }) && second.to_string().contains("another process writes"),
        "{second}"
    );
    ledger.close().unwrap();
    Ledger::open(&folder, BEFORE_ANSWER).unwrap().close().unwrap();
}

#[test]
fn rewritten_history_does_not_agree_with_an_older_checkpoint() {
    let (folder, rewritten) = (folder("written"), folder("rewritten"));
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let key = fs::read(folder.join("keys/signing.key")).unwrap();
    record(&ledger, 0..5);
    let kept = ledger.checkpoint().unwrap();
    record(&ledger, 5..9);
    ledger.close().unwrap();
    let verified =
        History::open(&folder).unwrap().verify(&Against { known: Some(&kept), ..Against::default() }).unwrap();
    assert_eq!(verified.findings, Vec::<String>::new());

    // Whoever holds the key can sign another history; only not one that the kept checkpoint is of.
    fs::create_dir_all(rewritten.join("keys")).unwrap();
    fs::write(rewritten.join("keys/signing.key"), key).unwrap();
    let ledger = Ledger::open(&rewritten, BEFORE_ANSWER).unwrap();
    record(&ledger, 1..10);
    ledger.close().unwrap();
    let verified =
        History::open(&rewritten).unwrap().verify(&Against { known: Some(&kept), ..Against::default() }).unwrap();
    assert!(
        verified.findings.iter().any(|finding| finding.contains("history was rewritten")),
        "{:?}",
        verified.findings
    );
    assert!(History::open(&rewritten).unwrap().prove_since(&kept).is_ok_and(|proof| check(&proof, None).is_err()));
}

#[test]
fn purged_days_are_provable_and_not_readable() {
    let folder = folder("purged");
    let day = 86_400_000;
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    for ago in [309, 308, 307] {
        let (batch, outcome) = judged_before(&demoted(ago), ago as i64 * day);
        ledger.record(&batch, &outcome).unwrap();
    }
    let older = ledger.checkpoint().unwrap();
    let ids = record(&ledger, 0..2);
    let now = judge(&plain(0)).1.circumstances.clock_ms;
    let ago = |days: i64| normgate::contract::Day::containing(now - days * day);
    assert!(ledger.purge(ago(0), Purge::All, "me").unwrap_err().to_string().contains("is not over"));
    ledger.purge(ago(309), Purge::All, "me").unwrap();
    ledger.purge(ago(308), Purge::Personal, "me").unwrap();
    ledger.close().unwrap();

    let all = found(&folder, &Query::default());
    assert_eq!(all.len(), 4, "the segment of the first day is gone");
    assert!(all[0].outcome.is_some() && all[0].personal.is_none() && all[0].request().is_none());
    assert!(all[1].request().is_some());
    let modules = embedded::arp();
    let history = History::open(&folder).unwrap();
    let replayed = Replay::new(&modules, Gate::builder, 1).run(&history, &Query::default(), |_| ()).unwrap();
    assert_eq!((replayed.unreadable, replayed.different.len()), (1, 0));
    let verified = history.verify(&Against { known: Some(&older), ..Against::default() }).unwrap();
    assert_eq!(verified.findings, Vec::<String>::new());
    assert!(verified.notes.iter().any(|note| note.contains("me purged everything up to")), "{:?}", verified.notes);
    let key = history.verifier().unwrap();
    assert!(check(&history.prove(&ids[0]).unwrap(), Some(&key)).is_ok(), "what is left is proven over what is gone");
    assert!(check(&history.prove_since(&older).unwrap(), Some(&key)).is_ok());
    // The ledger goes on.
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    record(&ledger, 2..4);
    ledger.close().unwrap();
    assert_eq!(findings(&folder), Vec::<String>::new());
}

const DAY_MS: i64 = 86_400_000;

/// The last day that need not be kept any more.
fn expired() -> Day {
    normgate_ledger::expired(normgate::contract::now_ms())
}

#[test]
fn what_an_obligation_asks_to_keep_longer_outlives_the_rest() {
    let folder = folder("longer");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let (batch, outcome) = judged_before(&demoted(0), 400 * DAY_MS);
    ledger.record(&batch, &outcome).unwrap();
    let (batch, outcome) = judged_before(&demoted(2), 400 * DAY_MS);
    let mut outcome = Arc::unwrap_or_clone(outcome);
    outcome.obligations[0].retain_d = Some(300);
    let id = outcome.decision_id();
    ledger.record(&batch, &Arc::new(outcome)).unwrap();
    record(&ledger, 4..5);
    // What is kept as long as everything ends 184 days after its day, the other 365: 300 are asked.
    let days_ago = |days: i64| Day::containing(normgate::contract::now_ms() - days * DAY_MS);
    ledger.purge(days_ago(300), Purge::All, "test").unwrap();
    ledger.close().unwrap();
    assert!(notes(&folder).iter().any(|note| note.contains("purged; provable, and not readable")));
    let all = found(&folder, &Query::default());
    assert_eq!(all.iter().map(|list| list.outcome.is_some()).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(all[1].decision.keep_d, Some(365));
    assert_eq!(found(&folder, &Query { decision: Some(id), ..Query::default() }).len(), 1);
    // What says whose it is ends with what is personal.
    assert!(all[1].outcome.is_some() && all[1].facets.is_none() && all[1].personal.is_none());
    assert_eq!(found(&folder, &Query { user: Some("user-2".into()), ..Query::default() }), []);

    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    ledger.purge(expired(), Purge::All, "test").unwrap();
    ledger.close().unwrap();
    assert_eq!(found(&folder, &Query::default()).iter().filter(|list| list.outcome.is_some()).count(), 1);
    assert_eq!(notes(&folder).iter().filter(|note| note.contains("interrupted")).count(), 0);
    let keys = files(&folder.join("keys"));
    assert!(keys.iter().all(|key| !key.to_string_lossy().contains(&days_ago(400).to_string())), "{keys:?}");
}

/// Names of the key files of a ledger, without the day.
fn key_names(folder: &Path) -> Vec<String> {
    let names =
        files(&folder.join("keys")).into_iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned());
    names.filter_map(|name| name.split_once('.').map(|(_, slot)| slot.to_owned())).collect()
}

#[test]
fn a_day_has_few_keys_however_many_retentions_are_asked_for() {
    let folder = folder("retentions");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let (batch, outcome) = judge(&demoted(0));
    for retain_d in [1, 200, 366, 1_000, 1_096, 1_440, 9_999, 36_525, i64::MAX, -5] {
        let mut outcome = Arc::unwrap_or_clone(Arc::clone(&outcome));
        outcome.obligations[0].retain_d = Some(retain_d);
        ledger.record(&batch, &Arc::new(outcome)).unwrap();
    }
    ledger.close().unwrap();
    let kept: Vec<Option<u32>> = found(&folder, &Query::default()).iter().map(|list| list.decision.keep_d).collect();
    let expected = [184, 365, 1_095, 1_095, 3_650, 3_650, 3_650, 3_650, 3_650, 184].map(Some);
    assert_eq!(kept, expected);
    // Whatever is asked, what is personal is kept as long as the platform keeps it at most.
    let expected =
        ["decision-1095.key", "decision-365.key", "decision-3650.key", "decision.key", "personal.key", "key"];
    assert_eq!(key_names(&folder), expected);
    assert_eq!(findings(&folder), Vec::<String>::new());
}

#[test]
fn personal_columns_are_kept_as_long_as_the_platform_says_at_most() {
    let folder = folder("personal-days");
    let refused = Ledger::open(&folder, Settings { personal_max_d: 30, ..BEFORE_ANSWER }).err().unwrap().to_string();
    assert!(refused.contains("invalid personal_max_d `30`: expected 184 at least"), "{refused}");
    let ledger = Ledger::open(&folder, Settings { personal_max_d: 1_000, ..BEFORE_ANSWER }).unwrap();
    let (batch, outcome) = judged_before(&demoted(0), 400 * DAY_MS);
    let mut outcome = Arc::unwrap_or_clone(outcome);
    outcome.obligations[0].retain_d = Some(36_525);
    ledger.record(&batch, &Arc::new(outcome)).unwrap();
    let personal: Vec<String> = key_names(&folder).into_iter().filter(|name| name.starts_with("personal")).collect();
    assert_eq!(personal, ["personal-365.key", "personal.key"]);
    assert!(found(&folder, &Query::default())[0].request().is_some());
    record(&ledger, 2..3);
    ledger.purge(expired(), Purge::All, "test").unwrap();
    ledger.close().unwrap();
    let left = found(&folder, &Query::default());
    assert!(left[0].outcome.is_some() && left[0].personal.is_none() && left[0].facets.is_none(), "{left:?}");
    notes(&folder);
}

#[test]
fn an_erasure_before_its_time_is_on_the_record_and_no_alteration() {
    let folder = folder("erased");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    for days in [3, 2] {
        let (batch, outcome) = judged_before(&demoted(days), days as i64 * DAY_MS);
        ledger.record(&batch, &outcome).unwrap();
    }
    let days_ago = |days: i64| Day::containing(normgate::contract::now_ms() - days * DAY_MS);
    assert!(ledger.erase(days_ago(3), " ", "me").unwrap_err().to_string().contains("needs a reason"));
    assert!(ledger.erase(days_ago(0), "asked", "me").unwrap_err().to_string().contains("is not over"));
    assert!(ledger.erase(days_ago(9), "asked", "me").unwrap_err().to_string().contains("no personal columns"));
    ledger.erase(days_ago(3), "a person asked, No 12", "me").unwrap();
    ledger.close().unwrap();
    let all = found(&folder, &Query::default());
    assert!(all[0].outcome.is_some() && all[0].personal.is_none() && all[0].request().is_none());
    assert!(all[1].request().is_some());
    let notes = notes(&folder);
    let day = days_ago(3);
    let said = format!("me erased the personal columns of {day} before their time: a person asked, No 12");
    assert!(notes.iter().any(|note| note.contains(&said)), "{notes:?}");
    let gone = format!("{day} (personal): erased before its time; provable, and not readable");
    assert!(notes.contains(&gone), "{notes:?}");
    // Of another day the same is a finding.
    fs::remove_file(folder.join(format!("keys/{}.personal.key", days_ago(2)))).unwrap();
    assert!(findings(&folder).iter().any(|finding| finding.contains("the key is lost")));
}

#[test]
fn a_ledger_of_an_earlier_build_says_that_it_is_one() {
    let folder = folder("earlier");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    record(&ledger, 0..1);
    ledger.close().unwrap();
    let segment = folder.join("segments/000000000000.seg");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[..8].copy_from_slice(b"NGSEG-1\n");
    fs::write(&segment, bytes).unwrap();
    let said = "an earlier build wrote it, and this one cannot read it";
    assert!(findings(&folder).iter().any(|finding| finding.contains(said)));
    assert!(Ledger::open(&folder, BEFORE_ANSWER).err().unwrap().to_string().contains(said));
}

#[test]
fn nothing_is_purged_that_has_to_be_kept_but_personal_columns() {
    let folder = folder("kept");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let (batch, outcome) = judged_before(&demoted(0), 100 * DAY_MS);
    ledger.record(&batch, &outcome).unwrap();
    record(&ledger, 1..2);
    let day = |ago: i64| Day::containing(normgate::contract::now_ms() - ago * DAY_MS);
    for until in [day(1), day(100), expired().next()] {
        let refused = ledger.purge(until, Purge::All, "me").unwrap_err().to_string();
        assert!(refused.contains("everything is kept for 184 days") && refused.contains("may go"), "{refused}");
    }
    assert_eq!(found(&folder, &Query::default()).iter().filter(|list| list.personal.is_some()).count(), 2);
    ledger.purge(day(100), Purge::Personal, "me").unwrap();
    ledger.purge(expired(), Purge::All, "me").unwrap();
    ledger.close().unwrap();
    let all = found(&folder, &Query::default());
    assert!(all.iter().all(|list| list.outcome.is_some()));
    assert_eq!(all.iter().filter(|list| list.personal.is_some()).count(), 1);
    assert!(notes(&folder).iter().any(|note| note.contains("purged personal columns up to")));
}

#[test]
fn a_clock_far_past_the_newest_record_purges_nothing_unless_told_so_and_is_found() {
    let folder = folder("far");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let (batch, outcome) = judged_before(&demoted(0), 300 * DAY_MS);
    ledger.record(&batch, &outcome).unwrap();
    for what in [Purge::All, Purge::Personal] {
        let refused = ledger.purge(expired(), what, "me").unwrap_err().to_string();
        assert!(refused.contains("the clock stands at") && refused.contains("`--after-idling`"), "{refused}");
    }
    assert!(found(&folder, &Query::default())[0].request().is_some());
    ledger.purge_after_idling(expired(), Purge::All, "me").unwrap();
    ledger.close().unwrap();
    let wrong = findings(&folder);
    assert!(wrong.len() == 1 && wrong[0].contains("more than a day ahead of everything before it"), "{wrong:?}");
    // What was recorded by an earlier clock afterwards says that the clock was put forward.
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let (batch, outcome) = judged_before(&demoted(1), 299 * DAY_MS);
    ledger.record(&batch, &outcome).unwrap();
    ledger.close().unwrap();
    let wrong = findings(&folder);
    assert!(wrong.len() == 1 && wrong[0].contains("ahead of what was recorded or cosigned after it"), "{wrong:?}");
}

#[test]
fn a_release_that_was_interrupted_is_ended_by_the_next() {
    let folder = folder("release-again");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let (batch, outcome) = judged_before(&labelled(1), 300 * DAY_MS);
    ledger.record(&batch, &outcome).unwrap();
    for case in ["case-7", "case-8"] {
        ledger.hold(&outcome.decision_id(), case, "officer").unwrap();
    }
    // Ended after the key was destroyed: what it sealed lies there still, and opens for nobody.
    fs::remove_file(folder.join("keys/case.case-7.key")).unwrap();
    ledger.release("case-7", "officer").unwrap();
    assert!(ledger.release("case-7", "officer").unwrap_err().to_string().contains("nothing is held"));
    assert_eq!(files(&folder.join("holds")).len(), 1, "the other case goes on");
    ledger.close().unwrap();
}

#[test]
fn what_is_held_for_a_case_outlives_its_day() {
    let folder = folder("held");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let ids: Vec<String> = (0..6)
        .map(|number| {
            let (batch, outcome) = judged_before(&demoted(number), 300 * DAY_MS);
            ledger.record(&batch, &outcome).unwrap();
            outcome.decision_id()
        })
        .collect();
    assert!(ledger.hold(&ids[3], "No 7", "officer").unwrap_err().to_string().contains("lower-case"));
    assert!(ledger.hold("0123", "case-7", "officer").unwrap_err().to_string().contains("no decision 0123"));
    ledger.hold(&ids[3], "case-7", "officer").unwrap();
    assert_eq!(found(&folder, &Query::default()).len(), 6, "a held record is given once");
    // Twice, so that what said that it is held goes with its segment.
    ledger.purge(expired(), Purge::All, "test").unwrap();
    ledger.purge(expired(), Purge::All, "test").unwrap();
    ledger.close().unwrap();

    notes(&folder);
    let left = found(&folder, &Query::default());
    assert_eq!(left.len(), 1);
    for query in [
        Query { decision: Some(ids[3].clone()), ..Query::default() },
        Query { user: Some("user-0".into()), ..Query::default() },
        Query { item: Some("c3".into()), ..Query::default() },
    ] {
        assert_eq!(found(&folder, &query), left, "{query:?}");
    }
    assert_eq!(found(&folder, &Query { user: Some("user-1".into()), ..Query::default() }), []);
    let (modules, history) = (embedded::arp(), History::open(&folder).unwrap());
    let again = Replay::new(&modules, Gate::builder, 1).run(&history, &Query::default(), |_| {}).unwrap();
    assert_eq!((again.judged, again.different.len()), (1, 0));
    let proof = history.prove(&ids[3]).unwrap();
    assert!(matches!(check(&proof, None).unwrap(), Checked::Included { record, .. } if record == left[0].record));

    let file = files(&folder.join("holds")).pop().unwrap();
    let bytes = fs::read(&file).unwrap();
    for at in (0..bytes.len()).step_by(97) {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        fs::write(&file, altered).unwrap();
        assert!(!findings(&folder).is_empty(), "byte {at}");
    }
    fs::write(&file, bytes).unwrap();
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    ledger.release("case-7", "officer").unwrap();
    assert!(ledger.release("case-7", "officer").unwrap_err().to_string().contains("nothing is held"));
    ledger.close().unwrap();
    assert_eq!(found(&folder, &Query::default()), []);
    assert!(notes(&folder).iter().any(|note| note.contains("officer ended case case-7")));
}

#[test]
fn a_lost_key_is_a_finding_and_says_which() {
    let folder = folder("lost");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    record(&ledger, 0..4);
    ledger.close().unwrap();
    let keys: Vec<PathBuf> = files(&folder.join("keys"));
    let personal = keys.iter().find(|key| key.to_string_lossy().contains("personal")).unwrap();
    let bytes = fs::read(personal).unwrap();
    fs::remove_file(personal).unwrap();
    assert!(findings(&folder).iter().any(|finding| finding.contains("the key is lost")));
    assert_eq!(found(&folder, &Query::default())[0].personal, None);
    // Whoever goes on writing gets a key that opens nothing of what was.
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    record(&ledger, 4..6);
    ledger.close().unwrap();
    assert!(findings(&folder).iter().any(|finding| finding.contains("not the key that sealed")));
    fs::write(personal, bytes).unwrap();
    assert!(findings(&folder).iter().any(|finding| finding.contains("not the key that sealed")));

    fs::remove_file(folder.join("keys/signing.key")).unwrap();
    assert!(Ledger::open(&folder, BEFORE_ANSWER).err().unwrap().to_string().contains("signing key is lost"));
}

#[test]
fn a_clock_that_goes_back_is_on_the_record() {
    let folder = folder("clock");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    for ago in [2_000, 7_200_000, 7_100_000, 0, 500] {
        let (batch, outcome) = judged_before(&demoted(ago as u64), ago);
        ledger.record(&batch, &outcome).unwrap();
    }
    ledger.close().unwrap();
    assert_eq!(found(&folder, &Query::default()).len(), 5);
    assert_eq!(notes(&folder).iter().filter(|note| note.contains("the clock went back")).count(), 1);
}

#[test]
fn a_full_queue_refuses_by_name_and_loses_nothing_silently() {
    let folder = folder("full");
    let settings = Settings { when_full: WhenFull::Refuse, queue: 1, ..Settings::default() };
    let ledger = Ledger::open(&folder, settings).unwrap();
    let (batch, outcome) = judge(&demoted(0));
    let (mut accepted, mut refused) = (0, 0);
    while refused == 0 && accepted < 1_000_000 {
        match ledger.record(&batch, &outcome) {
            Ok(()) => accepted += 1,
            Err(LedgerError::Full { queue: 1 }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(refused, 1);
    ledger.close().unwrap();
    assert_eq!(found(&folder, &Query::default()).len(), accepted);
}

#[test]
fn look_ups_stand_in_a_log_that_cannot_be_shortened() {
    let folder = folder("access");
    Ledger::open(&folder, BEFORE_ANSWER).map(|ledger| record(&ledger, 0..1)).unwrap();
    let history = History::open(&folder).unwrap();
    for number in 0..3 {
        let by = "officer".to_owned();
        let access =
            Access { ms: number, by, command: "find".into(), asked: "a user".into(), records: 2, personal: true };
        history.note_access(&access).unwrap();
    }
    // A writer that begins or ends says how far the log goes.
    Ledger::open(&folder, BEFORE_ANSWER).map(|ledger| record(&ledger, 1..2)).unwrap();
    assert_eq!(findings(&folder), Vec::<String>::new());
    let log = folder.join("access.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for shortened in [lines[..2].concat(), lines[1..].concat(), text.replacen("officer", "nobody", 1)] {
        fs::write(&log, shortened).unwrap();
        assert!(findings(&folder).iter().any(|finding| finding.contains("access.jsonl")));
    }
}

#[test]
fn the_sample_is_drawn_by_the_cosigned_head_and_recomputed() {
    let folder = folder("drawn");
    let regulator = Regulator::new(&folder, 1);
    // A writer that signs and looks for what was cosigned at every commit.
    let often = Settings { checkpoint_every: Duration::ZERO, sample_ppm: 500_000, ..BEFORE_ANSWER };
    let ledger = Ledger::open(&folder, often).unwrap();
    for number in 0..8 {
        let (batch, outcome) = judge(&plain(2 * number + 1));
        ledger.record(&batch, &outcome).unwrap();
    }
    ledger.checkpoint().unwrap();
    regulator.anchor(&folder, now_s());
    // The first of these commits takes the cosigned head up.
    for number in 10..40 {
        let (batch, outcome) = judge(&plain(2 * number + 1));
        ledger.record(&batch, &outcome).unwrap();
    }
    ledger.checkpoint().unwrap();
    ledger.close().unwrap();
    let sampled = |from: usize| {
        found(&folder, &Query::default())[from..].iter().filter(|l| l.decision.why.contains(&Why::Sample)).count()
    };
    assert!(sampled(9) > 0 && sampled(9) < 29, "half of them, by lot");
    let history = History::open(&folder).unwrap();
    let verified = history.verify(&Against { cosigner: Some(&regulator.cosigner()), ..Against::default() }).unwrap();
    assert_eq!(verified.findings, Vec::<String>::new());
    let own = verified.notes.iter().find(|note| note.contains("drawn by the ledger's own key")).unwrap();
    let drawn: usize = own.split(' ').next().unwrap().parse().unwrap();
    assert!(drawn < sampled(0), "only what came before the cosigned head: {own}");
    assert!(verified.anchor.is_some_and(|anchor| anchor.by == regulator.cosigner().name()));
    // What a ledger names as its witness is one key a line, and nothing else.
    fs::write(folder.join("witnesses"), "somebody\n").unwrap();
    assert!(findings(&folder).iter().any(|finding| finding.contains("witnesses: it is not a list")));
}

#[test]
fn a_cosignature_bears_a_purge_out_or_contradicts_its_clock() {
    for (name, late_s, finds) in [("borne-out", 0, false), ("contradicted", 10 * 86_400, true)] {
        let folder = folder(name);
        let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
        let (batch, outcome) = judged_before(&demoted(0), 300 * DAY_MS);
        ledger.record(&batch, &outcome).unwrap();
        ledger.purge_after_idling(expired(), Purge::All, "me").unwrap();
        ledger.close().unwrap();
        let regulator = Regulator::new(&folder, 2);
        regulator.anchor(&folder, now_s() - late_s);
        let ahead = |found: &[String]| found.iter().any(|finding| finding.contains("more than a day ahead"));
        let cosigner = regulator.cosigner();
        let against = Against { cosigner: Some(&cosigner), ..Against::default() };
        let found = History::open(&folder).unwrap().verify(&against).unwrap().findings;
        assert_eq!(ahead(&found), finds, "{name}: {found:?}");
        // A witness that the folder alone names may be anybody.
        assert!(ahead(&findings(&folder)), "{name}");
    }
}

#[test]
fn a_ledger_says_how_far_it_is_anchored_and_when_that_is_long_ago() {
    let folder = folder("anchored");
    let regulator = Regulator::new(&folder, 3);
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    record(&ledger, 0..2);
    ledger.checkpoint().unwrap();
    let history = History::open(&folder).unwrap();
    let now = normgate::contract::now_ms();
    assert!(history.anchorage(now).unwrap().old, "no witness cosigned any of it");
    regulator.anchor(&folder, now_s());
    assert!(!history.anchorage(now + 100 * DAY_MS).unwrap().old, "nothing came after it");
    record(&ledger, 2..4);
    let later = history.anchorage(now + 2 * DAY_MS).unwrap();
    assert!(later.old && later.to_string().ends_with("that is long ago"), "{later}");
    assert!(later.to_prometheus().contains("normgate_ledger_anchor_old 1\n"));
    let soon = history.anchorage(now + 3_600_000).unwrap();
    assert!(!soon.old && soon.to_prometheus().contains("normgate_ledger_anchor_old 0\n"), "{soon}");
    ledger.close().unwrap();
}

#[cfg(unix)]
#[test]
fn a_ledger_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder("closed");
    let mode = || fs::metadata(&folder).unwrap().permissions().mode() & 0o777;
    Ledger::open(&folder, BEFORE_ANSWER).map(|ledger| record(&ledger, 0..1)).unwrap();
    assert_eq!(mode(), 0o700);
    // One that an earlier build left open is closed.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    Ledger::open(&folder, BEFORE_ANSWER).unwrap().close().unwrap();
    assert_eq!(mode(), 0o700);
    for file in files(&folder) {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "{}", file.display());
    }
    // Root may give it to somebody else, and is then no longer its owner.
    if std::os::unix::fs::chown(&folder, Some(12_345), None).is_ok() {
        let refused = Ledger::open(&folder, BEFORE_ANSWER).err().unwrap().to_string();
        assert!(refused.contains("it belongs to user 12345"), "{refused}");
        assert!(History::open(&folder).is_ok(), "whoever may read it reads it");
    }
}

/// Leaves only the heads of a segment, as a purge would.
fn strip(folder: &Path, number: u64) -> PathBuf {
    let file = folder.join(format!("segments/{number:012}.seg"));
    let bytes = fs::read(&file).unwrap();
    let length = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let mut at = 12 + length(8) + 4;
    let mut heads = bytes[..at].to_vec();
    while at < bytes.len() {
        heads.extend_from_slice(&bytes[at..at + 92]);
        at += 92 + length(at + 76);
    }
    let stripped = file.with_extension("purged");
    fs::write(&stripped, heads).unwrap();
    stripped
}

#[test]
fn a_segment_that_no_purge_on_the_record_stripped_is_a_finding() {
    let folder = folder("stripped");
    for numbers in [0..4, 4..6] {
        let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
        record(&ledger, numbers);
        ledger.close().unwrap();
    }
    let whole = folder.join("segments/000000000000.seg");
    strip(&folder, 0);
    // Beside its heads the segment itself is read.
    assert_eq!(found(&folder, &Query::default()).len(), 6);
    let bytes = fs::read(&whole).unwrap();
    let mut altered = bytes.clone();
    *altered.last_mut().unwrap() ^= 1;
    fs::write(&whole, altered).unwrap();
    assert!(!findings(&folder).is_empty());
    fs::remove_file(&whole).unwrap();
    let found = findings(&folder);
    assert!(found.iter().any(|finding| finding.contains("segment 0: its records are gone")), "{found:?}");
}

#[test]
fn a_note_counts_under_the_name_of_what_it_was_signed_over() {
    let folder = folder("named");
    let regulator = Regulator::new(&folder, 4);
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    record(&ledger, 0..2);
    ledger.checkpoint().unwrap();
    regulator.anchor(&folder, now_s());
    let history = History::open(&folder).unwrap();
    let (older, cosigned) = history.last_cosigned(&regulator.cosigner()).unwrap().unwrap();
    let name = |name: &str| folder.join("checkpoints").join(name);
    fs::write(name("999999999999.note"), history.checkpoint().unwrap().unwrap()).unwrap();
    fs::write(name("999999999999.cosigned.note"), cosigned).unwrap();
    record(&ledger, 2..4);
    let newest = ledger.checkpoint().unwrap();
    assert_eq!(history.checkpoint().unwrap(), Some(newest));
    regulator.anchor(&folder, now_s());
    let (anchor, _) = history.last_cosigned(&regulator.cosigner()).unwrap().unwrap();
    assert!(anchor.size > older.size);
    ledger.close().unwrap();
    let found = findings(&folder);
    assert_eq!(found.iter().filter(|finding| finding.contains("its name says otherwise")).count(), 2, "{found:?}");
}

#[test]
fn an_empty_log_is_neither_submitted_nor_cosigned() {
    let folder = folder("empty-log");
    let regulator = Regulator::new(&folder, 5);
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let note = ledger.checkpoint().unwrap();
    let history = History::open(&folder).unwrap();
    let refused = history.submission(0).unwrap_err().to_string();
    assert!(refused.contains("no frame"), "{refused}");
    let log = history.verifier().unwrap();
    let sign = |text: &[u8]| regulator.pair.sign(text).as_ref().to_vec();
    let witness = Witness { cosigner: regulator.cosigner(), sign: &sign, state: &regulator.state };
    let refused = witness.add_checkpoint(&format!("old 0\n\n{note}"), Some(&log), now_s()).unwrap_err().to_string();
    assert!(refused.contains("no frame"), "{refused}");
    record(&ledger, 0..2);
    ledger.checkpoint().unwrap();
    regulator.anchor(&folder, now_s());
    ledger.close().unwrap();
}

#[cfg(unix)]
#[test]
fn what_is_no_file_or_too_large_for_one_is_named_and_waited_for_by_nobody() {
    let folder = folder("pipes");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    record(&ledger, 0..2);
    ledger.close().unwrap();
    let fifo = |path: &Path| {
        let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
        assert!(made.success());
    };
    let said = |folder: &Path| match History::open(folder).unwrap().verify(&Against::default()) {
        Ok(verified) => verified.findings.join("\n"),
        Err(error) => error.to_string(),
    };
    for name in ["witnesses", "checkpoints/000000000001.note", "segments/000000000001.seg", "access.jsonl"] {
        let path = folder.join(name);
        let _ = fs::remove_file(&path);
        fifo(&path);
        let found = said(&folder);
        assert!(found.contains(&format!("{name}: it is no regular file")), "{name}: {found}");
        fs::remove_file(&path).unwrap();
    }
    for name in ["witnesses", "checkpoints/000000000001.note", "lock"] {
        let path = folder.join(name);
        let before = fs::read(&path).ok();
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let found = said(&folder);
        assert!(found.contains(&format!("{name}: it has more than")), "{name}: {found}");
        before.map_or_else(|| fs::remove_file(&path), |bytes| fs::write(&path, bytes)).unwrap();
    }
    // A tail of holes is no unfinished frame.
    let segment = folder.join("segments/000000000000.seg");
    let whole = fs::read(&segment).unwrap();
    fs::OpenOptions::new().write(true).open(&segment).unwrap().set_len(1 << 40).unwrap();
    assert!(!said(&folder).is_empty());
    fs::write(&segment, whole).unwrap();
    fs::remove_file(folder.join("lock")).unwrap();
    fifo(&folder.join("lock"));
    let refused = Ledger::open(&folder, BEFORE_ANSWER).err().unwrap().to_string();
    assert!(refused.contains("lock"), "{refused}");
}

#[test]
fn a_process_that_is_killed_before_its_first_commit_leaves_a_gap() {
    let (running, killed) = (folder("before-commit"), folder("killed-before-commit"));
    let ledger = Ledger::open(&running, BEFORE_ANSWER).unwrap();
    record(&ledger, 0..2);
    ledger.close().unwrap();
    // Nothing is committed before it closes: whatever is answered in between is lost by a kill.
    let settings =
        Settings { durability: Durability::Behind { interval: Duration::from_secs(3_600) }, ..BEFORE_ANSWER };
    let ledger = Ledger::open(&running, settings).unwrap();
    record(&ledger, 2..3);
    copy(&running, &killed);
    ledger.close().unwrap();
    let ledger = Ledger::open(&killed, BEFORE_ANSWER).unwrap();
    record(&ledger, 3..4);
    ledger.close().unwrap();
    assert_eq!(found(&killed, &Query::default()).len(), 3);
    let gaps = notes(&killed).iter().filter(|note| note.contains("lists that were answered may be missing")).count();
    assert_eq!((gaps, findings(&killed)), (1, vec![]));
    // Who opens it and records nothing leaves nothing.
    let before = files(&running);
    Ledger::open(&running, BEFORE_ANSWER).unwrap().close().unwrap();
    assert_eq!(files(&running), before);
}

#[test]
fn a_label_alone_keeps_no_list_in_full() {
    let folder = folder("label-alone");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    for request in [labelled(0), demoted(1)] {
        let (batch, outcome) = judge(&request);
        ledger.record(&batch, &outcome).unwrap();
    }
    ledger.close().unwrap();
    let levels: Vec<_> = found(&folder, &Query::default()).into_iter().map(|list| list.decision.level).collect();
    assert_eq!(levels, [Level::Commit, Level::Full]);
    assert_eq!(findings(&folder), Vec::<String>::new());
}

#[test]
fn one_flipped_byte_is_one_finding_and_hides_nothing_around_it() {
    let folder = folder("one-flip");
    let ledger = Ledger::open(&folder, Settings { segment_bytes: 20_000, ..BEFORE_ANSWER }).unwrap();
    record(&ledger, 0..60);
    ledger.close().unwrap();
    let all = found(&folder, &Query::default());
    let segments = fs::read_dir(folder.join("segments")).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<PathBuf> = segments.collect();
    segments.sort();
    assert!(segments.len() > 2);
    let bytes = fs::read(&segments[1]).unwrap();
    for at in [bytes.len() / 3, bytes.len() / 2] {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        fs::write(&segments[1], &altered).unwrap();
        let found = findings(&folder);
        assert_eq!(found.len(), 1, "{found:?}");
        let mut read = Vec::new();
        let history = History::open(&folder).unwrap();
        let damage = history.lists(
            &Query::default(),
            |_| Ok(()),
            |list| {
                read.push(list.record);
                Ok(())
            },
        );
        assert!(matches!(damage, Err(LedgerError::Altered { .. })), "{damage:?}");
        assert!(read.len() + 3 > all.len() && read.len() < all.len(), "{} of {}", read.len(), all.len());
        let last = all.last().unwrap();
        assert_eq!(history.decision(last.decision.id.as_ref().unwrap()).unwrap().0, *last);
    }
    // A file that is none of ours is named, and all others are read.
    fs::write(&segments[1], &bytes).unwrap();
    for name in ["segments/.nfs0001", "holds/.nfs0002", "segments/copy of 000000000001.seg"] {
        fs::write(folder.join(name), "x").unwrap();
        let named = findings(&folder);
        assert!(named.len() == 1 && named[0].contains(name), "{named:?}");
        assert_eq!(self::found(&folder, &Query::default()), all);
        Ledger::open(&folder, BEFORE_ANSWER).unwrap().close().unwrap();
        fs::remove_file(folder.join(name)).unwrap();
    }
}

#[test]
fn a_segment_that_a_crash_left_before_it_began_is_written_over() {
    for (name, length) in [("unbegun-0", 0), ("unbegun-20", 20)] {
        let folder = folder(name);
        let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
        record(&ledger, 0..2);
        ledger.close().unwrap();
        let head = fs::read(folder.join("segments/000000000000.seg")).unwrap();
        fs::write(folder.join("segments/000000000001.seg"), &head[..length]).unwrap();
        assert_eq!(found(&folder, &Query::default()).len(), 2, "{name}");
        let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
        record(&ledger, 2..4);
        ledger.close().unwrap();
        assert_eq!((found(&folder, &Query::default()).len(), findings(&folder)), (4, Vec::new()), "{name}");
    }
}

#[test]
fn looking_up_never_stops_recording_and_goes_on_after_a_torn_line() {
    let folder = folder("torn-access");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    record(&ledger, 0..1);
    let look = |records: u64| {
        let access = Access {
            ms: 1,
            by: "me".into(),
            command: "show".into(),
            asked: "x".repeat(1_000),
            records,
            personal: false,
        };
        History::open(&folder).unwrap().note_access(&access)
    };
    look(1).unwrap();
    let file = folder.join("access.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{whole}{{\"ms\":1,\"by\":\"m")).unwrap();
    ledger.close().unwrap();
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    record(&ledger, 1..2);
    assert!(notes(&folder).iter().any(|note| note.contains("line 2 was never finished")));
    look(2).unwrap();
    // A file of so many lines is put aside, and the log goes on from its last.
    (0..600).for_each(|number| look(number).unwrap());
    assert!(fs::metadata(&file).unwrap().len() < 300_000);
    ledger.close().unwrap();
    Ledger::open(&folder, BEFORE_ANSWER).unwrap().close().unwrap();
    notes(&folder);
    let asides = || files(&folder).into_iter().filter(|file| file.to_string_lossy().contains("access.0"));
    assert!(asides().count() >= 2);
    // What was altered stays to be seen; neither recording nor looking up ends with it.
    fs::write(&file, "not a line\n").unwrap();
    look(7).unwrap();
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    record(&ledger, 2..3);
    ledger.close().unwrap();
    assert!(findings(&folder).iter().any(|finding| finding.contains("does not follow")));
    look(8).unwrap();
    fs::remove_file(asides().next().unwrap()).unwrap();
    assert!(findings(&folder).iter().any(|finding| finding.contains("does not follow")));
}

#[test]
fn one_id_of_several_records_is_resolved_by_the_number_of_the_record() {
    let folder = folder("ambiguous");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let (batch, outcome) = judge(&demoted(0));
    (0..3).for_each(|_| ledger.record(&batch, &outcome).unwrap());
    ledger.checkpoint().unwrap();
    let id = outcome.decision_id();
    let refused = [
        History::open(&folder).unwrap().prove(&id).err(),
        History::open(&folder).unwrap().decision(&id).err(),
        ledger.hold(&id, "case", "me").err(),
    ];
    for error in refused {
        let said = error.unwrap().to_string();
        assert!(said.contains("3 times") && said.contains("give the number of the record"), "{said}");
    }
    let number = found(&folder, &Query::default())[1].record.to_string();
    ledger.hold(&number, "case", "me").unwrap();
    let history = History::open(&folder).unwrap();
    assert_eq!(history.decision(&number).unwrap().0.record.to_string(), number);
    let proof = history.prove(&number).unwrap();
    assert!(check(&proof, None).unwrap().to_string().starts_with(&format!("record {number} ")));
    ledger.close().unwrap();
}

#[test]
fn an_interrupted_purge_or_release_is_taken_up_again() {
    let folder = folder("interrupted");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    let (batch, outcome) = judged_before(&demoted(0), 300 * DAY_MS);
    ledger.record(&batch, &outcome).unwrap();
    let now = record(&ledger, 1..3);
    ledger.hold(&now[1], "case", "me").unwrap();
    ledger.close().unwrap();
    // Killed after the key was put aside, half written over.
    let keys = folder.join("keys");
    let day = Day::containing(outcome.circumstances.clock_ms);
    let key = keys.join(format!("{day}.decision.key"));
    fs::rename(&key, keys.join(format!("{day}.decision.key.part"))).unwrap();
    assert!(!found(&folder, &Query::default()).is_empty(), "look-ups go on");
    let ledger = Ledger::open(&folder, BEFORE_ANSWER).unwrap();
    ledger.purge(expired(), Purge::All, "me").unwrap();
    assert!(!files(&keys).iter().any(|file| file.to_string_lossy().ends_with(".part")));
    // Killed when the case's key was gone and its files were not.
    let held = files(&folder.join("holds")).pop().unwrap();
    let bytes = fs::read(&held).unwrap();
    ledger.release("case", "me").unwrap();
    fs::write(&held, bytes).unwrap();
    ledger.release("case", "me").unwrap();
    ledger.close().unwrap();
    assert_eq!(findings(&folder), Vec::<String>::new());
}

#[test]
fn a_ledger_that_others_hold_is_closed_and_records_nothing_after_that() {
    let folder = folder("closed-in-arc");
    let ledger = Arc::new(Ledger::open(&folder, Settings::default()).unwrap());
    let other = Arc::clone(&ledger);
    record(&ledger, 0..3);
    ledger.close().unwrap();
    let (batch, outcome) = judge(&plain(9));
    assert!(matches!(other.record(&batch, &outcome), Err(LedgerError::Stopped { .. })));
    other.close().unwrap();
    assert_eq!(found(&folder, &Query::default()).len(), 3);
    assert_eq!(findings(&folder), Vec::<String>::new());
}

//! A hostile writer, who holds every key of the ledger: it alters one field of what was recorded, and then makes numbers, checksums,
//! roots and signatures right again. Each field that somebody finds, counts or judges by has to give it away.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use normgate::contract::Day;
use normgate::{Batch, Confirmation, Gate, SetDescription, embedded};
use serde_json::json;

use crate::frame::{self, Head};
use crate::history;
use crate::holds::{self, Held};
use crate::home::{CHECKPOINTS, Home};
use crate::keys::{Class, RETENTION_DAYS, Signer, Slot};
use crate::merkle::{Edge, leaf};
use crate::note::{Checkpoint, Verifier};
use crate::record::{About, Body, Event, Level, Listed, Part, Record, Why};
use crate::segment::{self, Next, SegmentHead, SegmentReader};
use crate::{Against, Durability, Facets, History, Ledger, LedgerError, Query, Recorded, Replay, Settings};

#[path = "../tests/support/scene.rs"]
mod scene;

use scene::{Regulator, copy, demoted, now_s, plain};

/// A segment as the writer left it: its head, and its frames with their records.
struct Written {
    head: SegmentHead,
    frames: Vec<(Head, Vec<Record>)>,
}

impl Written {
    fn read(home: &Home) -> Self {
        let mut reader = SegmentReader::open(home, 0, false).unwrap();
        let (head, mut frames) = (reader.head.clone(), Vec::new());
        while let Next::Frame(head, Some(records)) = reader.next(|_| true).unwrap() {
            frames.push((head, records.iter().map(|bytes| Record::decode(bytes).unwrap()).collect()));
        }
        Self { head, frames }
    }

    /// The frame and the place in it of the record of a list.
    fn list(&self, number: usize) -> (usize, usize) {
        let places = self
            .frames
            .iter()
            .enumerate()
            .flat_map(|(frame, (_, records))| (0..records.len()).map(move |index| (frame, index)));
        let is_list =
            |(frame, index): &(usize, usize)| matches!(self.frames[*frame].1[*index].entry.event, Event::Decision(_));
        places.filter(is_list).nth(number).unwrap()
    }

    fn record(&mut self, (frame, index): (usize, usize)) -> &mut Record {
        &mut self.frames[frame].1[index]
    }

    /// Alters what is sealed of a list for those who look it up, and seals it again.
    fn about(&mut self, home: &Home, place: (usize, usize), alter: impl FnOnce(&mut About)) {
        let keys = self.head.keys(home).unwrap();
        let record = self.record(place);
        let (mut about, key) = history::about(record, &keys).unwrap().unwrap();
        alter(&mut about);
        record.about = key.seal(record.entry.record, Part::About, &serde_json::to_vec(&about).unwrap()).unwrap();
    }

    /// What the record of a list says in the open.
    fn listed(&mut self, place: (usize, usize)) -> &mut Listed {
        match &mut self.record(place).entry.event {
            Event::Decision(listed) => listed,
            _ => unreachable!("the place of a list"),
        }
    }

    /// Has every head say what its records are of.
    fn retime(&mut self) {
        for (head, records) in &mut self.frames {
            let times = || records.iter().map(|record| record.entry.ms);
            (head.from_ms, head.to_ms) = (times().min().unwrap(), times().max().unwrap());
        }
    }

    /// Writes it with everything right that nobody needs a record for, and signs it.
    fn write(self, home: &Home) {
        let (mut bytes, mut log) = (self.head.encode(), Edge::default());
        for (head, records) in &self.frames {
            let records: Vec<Vec<u8>> = records.iter().map(Record::encode).collect();
            let times = (head.from_ms, head.to_ms);
            let (head, frame) = frame::encode(head.frame, head.first_record, times, head.sets, &records).unwrap();
            bytes.extend(frame);
            log.push(leaf(&head.encode()));
        }
        home.write(&segment::file(0, false), &bytes).unwrap();
        for name in home.names(CHECKPOINTS).unwrap() {
            home.remove(&format!("{CHECKPOINTS}/{name}")).unwrap();
        }
        let signer = Signer::read(home).unwrap().unwrap();
        let verifier = Verifier::of(&signer);
        let checkpoint = Checkpoint { origin: verifier.name().to_owned(), size: log.size, root: log.root() };
        home.write(&format!("{CHECKPOINTS}/{:012}.note", log.size), checkpoint.sign(&signer, &verifier).as_bytes())
            .unwrap();
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("normgate-hostile-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    folder
}

/// Four lists in frames of their own, the first three demoted because the law requires it, the first confirmed.
static HONEST: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = folder("honest");
    let settings = Settings { durability: Durability::BeforeAnswer, sample_ppm: 0, ..Settings::default() };
    let ledger = Ledger::open(&folder, settings).unwrap();
    let gate = Gate::builder().policies(embedded::arp()).build().unwrap();
    for number in 0..4 {
        let request = if number < 3 { demoted(number) } else { plain(number) };
        let batch = Batch::from_json(request.to_string().as_bytes()).unwrap();
        let outcome = Arc::new(gate.evaluate(&batch));
        ledger.record(&batch, &outcome).unwrap();
        if number == 0 {
            let confirmation = Confirmation { decision_id: outcome.decision_id(), ..Confirmation::default() };
            ledger.confirm(&confirmation).unwrap();
        }
    }
    ledger.close().unwrap();
    folder
});

fn findings(folder: &Path) -> Vec<String> {
    let modules = embedded::arp();
    let against = Against { modules: &modules, ..Against::default() };
    History::open(folder).unwrap().verify(&against).unwrap().findings
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

/// What `verify` says of the ledger with one thing altered.
fn altered(name: &str, alter: impl FnOnce(&mut Written, &Home)) -> (PathBuf, Vec<String>) {
    let folder = folder(name);
    copy(&HONEST, &folder);
    let home = Home::open(&folder, None).unwrap();
    let mut written = Written::read(&home);
    alter(&mut written, &home);
    written.write(&home);
    let found = findings(&folder);
    (folder, found)
}

#[track_caller]
fn gives_away(name: &str, what: &str, alter: impl FnOnce(&mut Written, &Home)) {
    let (folder, found) = altered(name, alter);
    assert!(found.iter().any(|finding| finding.contains(what)), "{name}: no `{what}` among {found:?}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn rewriting_what_was_recorded_as_it_was_gives_nothing_away() {
    let (folder, found) = altered("same", |_, _| {});
    assert_eq!(found, Vec::<String>::new());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_head_of_a_frame_cannot_lie_about_its_records_and_hides_none_of_them() {
    let day = Query { from_ms: Some(Day::containing(normgate::contract::now_ms()).start_ms() - 1), ..Query::default() };
    let all = found(&HONEST, &day);
    assert_eq!(all.len(), 4);
    for (name, alter) in [
        ("head-from", (|head| head.from_ms = 0) as fn(&mut Head)),
        ("head-to", |head| head.to_ms += 1),
        ("head-1970", |head| (head.from_ms, head.to_ms) = (0, 0)),
        ("head-sets", |head| head.sets = 0),
        ("head-sets-more", |head| head.sets += 1),
    ] {
        let (folder, findings) = altered(name, |written, _| {
            let (frame, _) = written.list(0);
            alter(&mut written.frames[frame].0);
        });
        assert!(findings.iter().any(|finding| finding.contains("its head says")), "{name}: {findings:?}");
        assert_eq!(found(&folder, &day), all, "{name}");
        fs::remove_dir_all(folder).unwrap();
    }
    gives_away("head-number", "frames are missing", |written, _| written.frames[2].0.first_record += 1);
    gives_away("head-place", "frames are missing", |written, _| written.frames[2].0.frame += 1);
}

#[test]
fn records_are_numbered_one_after_another() {
    gives_away("number", "says that it is record", |written, _| {
        let place = written.list(1);
        written.record(place).entry.record += 1;
    });
    gives_away("left-out", "frames are missing", |written, _| {
        let (frame, index) = written.list(1);
        written.frames[frame].1.remove(index);
    });
}

#[test]
fn times_go_on_from_each_other_and_agree_with_what_was_judged() {
    let earlier = |written: &mut Written, home: &Home, by: i64, judged: bool| {
        let place = written.list(2);
        written.record(place).entry.ms -= by;
        if judged {
            written.about(home, place, |about| about.circumstances.clock_ms -= by);
        }
        written.retime();
    };
    gives_away("ms", "and recorded as of", |written, home| earlier(written, home, 1, false));
    gives_away("ms-back", "of what was recorded before it", |written, home| earlier(written, home, 60_000, true));
    gives_away("epoch", "in a segment of", |written, home| {
        // Keys of the day that is claimed, so that everything opens.
        let other = Day::containing(written.head.epoch.start_ms() - 1);
        for (slot, other) in Slot::all(written.head.epoch).zip(Slot::all(other)) {
            if let Some(key) = home.read(&slot.file()).unwrap() {
                home.write(&other.file(), &key).unwrap();
            }
        }
        written.head.epoch = other;
        let digest = written.head.digest();
        if let Event::Opened { segment, .. } = &mut written.record((0, 0)).entry.event {
            *segment = digest;
        }
    });
}

#[test]
fn what_a_list_is_found_and_counted_by_is_that_of_its_outcome() {
    let of_list = |name: &str, what: &str, alter: fn(&mut About)| {
        gives_away(name, what, |written, home| {
            let place = written.list(0);
            written.about(home, place, alter);
        });
    };
    of_list("id", "and its outcome is of another", |about| about.id = "0".repeat(32));
    of_list("input", "its input is not the one that was judged", |about| about.input = "0".repeat(32));
    of_list("kept-longer", "it says that it is kept for 3650 days", |about| about.keep_d = 3_650);
    of_list("personal-kept-more", "its sealed part does not open", |about| about.personal_d = 365);
    gives_away("set", "is not described before it", |written, _| {
        let place = written.list(0);
        written.listed(place).policy_set = format!("sha256:{}", "0".repeat(64));
    });
    // What is sealed for another record, or in another part, opens nowhere else.
    gives_away("who-of-another", "its sealed part does not open", |written, _| {
        let (one, two) = (written.list(0), written.list(1));
        let who = written.record(two).who.clone();
        written.record(one).who = who;
    });
    gives_away("part-of-another", "its sealed part does not open", |written, _| {
        let place = written.list(0);
        let record = written.record(place);
        record.body.clone_from(&record.about);
    });
    gives_away("confirmed", "its sealed part does not open", |written, _| {
        let records = written.frames.iter_mut().flat_map(|(_, records)| records);
        let mut confirmed = records.filter(|record| matches!(record.entry.event, Event::Confirmed));
        *confirmed.next().unwrap().body.last_mut().unwrap() ^= 1;
    });
}

#[test]
fn a_list_keeps_its_level_and_its_reasons() {
    let of_list = |name: &str, what: &str, number: usize, alter: fn(&mut Vec<Why>)| {
        gives_away(name, what, |written, home| {
            let place = written.list(number);
            written.about(home, place, |about| alter(&mut about.why));
        });
    };
    of_list("why", "because of a rule that the law requires", 0, |why| *why = vec![Why::Failure]);
    of_list("why-none", "its level is full, for no reason", 0, Vec::clear);
    of_list("sample-said", "was not drawn", 3, |why| why.push(Why::Sample));
    gives_away("level", "although it has a reason", |written, _| {
        let place = written.list(0);
        written.listed(place).level = Level::Commit;
    });
    gives_away("commit", "because of a rule that the law requires", as_commitment);
    gives_away("input-gone", "its sealed part does not open", |written, _| {
        let place = written.list(0);
        written.record(place).personal.clear();
    });
    gives_away("sample", "because of the sample", |written, _| {
        if let Event::Opened { sample_ppm, .. } = &mut written.record((0, 0)).entry.event {
            *sample_ppm = Some(1_000_000);
        }
    });
}

#[test]
fn a_writer_goes_on_from_no_head_that_was_edited() {
    let folder = std::env::temp_dir().join(format!("normgate-edited-head-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let gate = Gate::builder().policies(embedded::arp()).build().unwrap();
    let request = json!({"id": "r", "ctx": {"now_ms": 1_767_225_600_000_i64, "local_min": 600}, "candidates": []});
    let batch = Batch::from_json(request.to_string().as_bytes()).unwrap();
    for _ in 0..2 {
        let ledger = Ledger::open(&folder, Settings::default()).unwrap();
        ledger.record(&batch, &Arc::new(gate.evaluate(&batch))).unwrap();
        ledger.close().unwrap();
    }
    let home = Home::open(&folder, None).unwrap();
    let (number, _) = segment::list(&home).unwrap().pop().unwrap();
    let file = folder.join(segment::file(number, false));
    let (whole, head) = (fs::read(&file).unwrap(), SegmentReader::open(&home, number, false).unwrap().head);
    let length = head.encode().len();
    assert!(head.frames > 0);
    let other = "00".repeat(32);
    let edits: [&dyn Fn(&mut SegmentHead); 5] = [
        &|head| head.frames = u64::MAX,
        &|head| head.records = u64::MAX,
        &|head| (head.frames, head.edge) = (1, vec![other.clone()]),
        &|head| head.edge.iter_mut().for_each(|node| node.clone_from(&other)),
        &|head| head.behind = !head.behind,
    ];
    for (place, edit) in edits.iter().enumerate() {
        let mut edited = head.clone();
        edit(&mut edited);
        fs::write(&file, [&edited.encode()[..], &whole[length..]].concat()).unwrap();
        let refused = Ledger::open(&folder, Settings::default()).err().map(|error| error.to_string());
        assert!(
            refused.as_ref().is_some_and(|said| said.contains(".seg") && said.contains("ledger verify")),
            "{place}: {refused:?}"
        );
        // Whoever reads comes to an end too.
        drop(History::open(&folder).unwrap().anchorage(0));
        assert!(!History::open(&folder).unwrap().verify(&Against::default()).unwrap().findings.is_empty(), "{place}");
    }
    fs::write(&file, whole).unwrap();
    Ledger::open(&folder, Settings::default()).unwrap().close().unwrap();
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_list_is_of_no_time_that_a_cosignature_contradicts() {
    let hour = 3_600;
    let day = 24 * hour;
    let gate = Gate::builder().policies(embedded::arp()).build().unwrap();
    let settings = Settings { durability: Durability::BeforeAnswer, ..Settings::default() };
    // How long ago the head was cosigned, how long ago a list was judged that came after it, and whether its writer knew of that.
    let cases = [
        ("in-time", 0, 0, true, None),
        ("covered", hour, 0, true, Some("when normgate-witness/")),
        ("known", 0, hour, true, Some("cosigned a head that the log speaks of before them")),
        ("known-bound", 0, 240, true, None),
        ("unknown", 0, 3 * day, false, Some("more than a day before what normgate-witness/")),
        ("unknown-bound", 0, hour, false, None),
    ];
    for (name, cosigned, judged, knows, what) in cases {
        let folder = folder(&format!("cosigned-{name}"));
        copy(&HONEST, &folder);
        let regulator = Regulator::new(&folder, 7);
        regulator.anchor(&folder, now_s() - cosigned);
        let known = fs::read(folder.join("witnesses")).unwrap();
        if !knows {
            fs::write(folder.join("witnesses"), "").unwrap();
        }
        let ledger = Ledger::open(&folder, settings.clone()).unwrap();
        let batch = Batch::from_json(plain(9).to_string().as_bytes()).unwrap();
        let mut outcome = gate.evaluate(&batch);
        outcome.circumstances.clock_ms -= 1_000 * i64::try_from(judged).unwrap();
        ledger.record(&batch, &Arc::new(outcome)).unwrap();
        ledger.close().unwrap();
        fs::write(folder.join("witnesses"), known).unwrap();
        let found = findings(&folder);
        match what {
            Some(what) => assert!(found.iter().any(|finding| finding.contains(what)), "{name}: {found:?}"),
            None => assert_eq!(found, Vec::<String>::new(), "{name}"),
        }
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_list_is_sealed_for_somebody() {
    gives_away("nobody", "it was sealed for none of them", |written, home| {
        let place = written.list(0);
        let keys = written.head.keys(home).unwrap();
        let record = written.record(place);
        let (about, _) = history::about(record, &keys).unwrap().unwrap();
        let other = keys.of(Class::Personal, RETENTION_DAYS).unwrap().unwrap();
        record.about = other.seal(record.entry.record, Part::About, &serde_json::to_vec(&about).unwrap()).unwrap();
    });
    gives_away("fewer-keys", "it names no decision-365 key", |written, _| {
        written.head.keys.remove("decision-365");
        let digest = written.head.digest();
        if let Event::Opened { segment, .. } = &mut written.record((0, 0)).entry.event {
            *segment = digest;
        }
    });
    gives_away("personal-nobody", "its segment names no personal key of so many", |written, home| {
        let place = written.list(0);
        let keys = written.head.keys(home).unwrap();
        let record = written.record(place);
        let who = record.open(Part::Who, keys.of(Class::Decision, RETENTION_DAYS).unwrap().unwrap()).unwrap();
        let longer = keys.of(Class::Decision, 365).unwrap().unwrap();
        record.who = longer.seal(record.entry.record, Part::Who, &who).unwrap();
        written.about(home, place, |about| about.personal_d = 365);
    });
}

/// The description of the policy set in a segment.
fn described(written: &mut Written) -> &mut SetDescription {
    let records = written.frames.iter_mut().flat_map(|(_, records)| records);
    let set = records.filter_map(|record| match &mut record.entry.event {
        Event::Set(set) => Some(&mut **set),
        _ => None,
    });
    set.into_iter().next().unwrap()
}

/// Throws away the input of a list that the law acted on, as if nobody had to account for it.
fn as_commitment(written: &mut Written, home: &Home) {
    let place = written.list(0);
    written.about(home, place, |about| about.why.clear());
    written.listed(place).level = Level::Commit;
    let keys = written.head.keys(home).unwrap();
    let record = written.record(place);
    record.personal.clear();
    let key = history::about(record, &keys).unwrap().unwrap().1;
    let outcome = Body::decode(&record.open(Part::Body, key).unwrap()).unwrap().outcome;
    record.body = key.seal(record.entry.record, Part::Body, &Body::encode(&[], &outcome)).unwrap();
}

#[test]
fn the_digest_of_a_set_is_that_of_what_it_says() {
    let of_set = |name: &str, what: &str, alter: fn(&mut SetDescription)| {
        gives_away(name, what, |written, _| alter(described(written)));
    };
    of_set("semantics", "its digest is of other semantics", |set| set.semantics = "normgate/1".into());
    of_set("semantics-both", "its digest is not that of", |set| {
        set.identity = set.identity.replace(&set.semantics, "normgate/1");
        set.semantics = "normgate/1".into();
    });
    of_set("identity", "it does not say what its digest is over", |set| set.identity.clear());
    of_set("module", "its digest is over no module", |set| set.policies[0].digest = "sha256:00".into());
    of_set("module-more", "its digest is over 17 modules", |set| {
        let mut more = set.policies[0].clone();
        more.digest = "sha256:00".into();
        set.policies.push(more);
    });
    of_set("parameter", "its digest is over another value", |set| {
        let policy = set.policies.iter_mut().find(|policy| !policy.parameters.is_empty()).unwrap();
        *policy.parameters.values_mut().next().unwrap() += 1;
    });
    // A module that nobody has switches off the check of the others' rules no more.
    gives_away("unknown-module", "because of a rule that the law requires", |written, home| {
        as_commitment(written, home);
        let set = described(written);
        set.policies.iter_mut().for_each(|policy| policy.digest = "sha256:00".into());
    });
}

#[test]
fn semantics_that_were_altered_are_an_alteration_and_no_other_semantics() {
    let (folder, _) = altered("semantics-replayed", |written, _| described(written).semantics = "normgate/1".into());
    let modules = embedded::arp();
    let replayed =
        Replay::new(&modules, Gate::builder, 1).run(&History::open(&folder).unwrap(), &Query::default(), |_| {});
    assert!(matches!(replayed, Err(LedgerError::Altered { .. })), "{replayed:?}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_a_list_is_counted_by_is_what_its_columns_say() {
    let surface = |facets: &mut Facets| facets.surface = Some("search".into());
    let age = |facets: &mut Facets| facets.age_band = Some("a12_16".into());
    let switch = |facets: &mut Facets| facets.personalization = None;
    for (name, alter) in [("surface", surface as fn(&mut Facets)), ("age_band", age), ("personalization", switch)] {
        gives_away(name, &format!("it is counted by another `{name}`"), |written, home| {
            let place = written.list(0);
            let keys = written.head.keys(home).unwrap();
            let record = written.record(place);
            let key = keys.of(Class::Decision, RETENTION_DAYS).unwrap().unwrap();
            let mut facets: Facets = serde_json::from_slice(&record.open(Part::Who, key).unwrap()).unwrap();
            alter(&mut facets);
            record.who = key.seal(record.entry.record, Part::Who, &serde_json::to_vec(&facets).unwrap()).unwrap();
        });
    }
}

#[test]
fn what_is_held_for_a_case_is_what_was_recorded() {
    let folder = folder("held");
    copy(&HONEST, &folder);
    let id = found(&folder, &Query::default())[0].decision.id.clone().unwrap();
    let ledger = Ledger::open(&folder, Settings::default()).unwrap();
    ledger.hold(&id, "case", "me").unwrap();
    ledger.close().unwrap();
    let home = Home::open(&folder, None).unwrap();
    let place = holds::list(&home).unwrap().pop().unwrap();
    let key = holds::key(&home, "case").unwrap().unwrap();
    let (honest, _) = Held::read(&home, &place).unwrap();
    for (alter, what) in [
        (
            (|facets: &mut Facets| facets.surface = Some("search".into())) as fn(&mut Facets),
            "counted by another `surface`",
        ),
        (|facets: &mut Facets| facets.user = Some("somebody-else".into()), "it says something else than record"),
    ] {
        let file = honest.with_facets(&key, alter).write(&home, &place).unwrap();
        let found = findings(&folder);
        assert!(found.iter().any(|finding| finding.contains(what)), "{what}: {found:?}");
        // The file is another, too: the record of the hold gives that away before anybody opens it.
        assert!(found.iter().any(|finding| finding.contains("it is not what was held")), "{file}: {found:?}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_witness_that_cosigned_an_empty_log_goes_on() {
    let folder = folder("empty-cosigned");
    copy(&HONEST, &folder);
    let home = Home::open(&folder, None).unwrap();
    let signer = Signer::read(&home).unwrap().unwrap();
    let verifier = Verifier::of(&signer);
    let empty = Checkpoint { origin: verifier.name().to_owned(), size: 0, root: Edge::default().root() };
    let last = json!({"key": verifier.text(), "note": empty.sign(&signer, &verifier)});
    let regulator = Regulator::new(&folder, 8);
    fs::write(&regulator.state, json!({"logs": {verifier.name(): last}}).to_string()).unwrap();
    regulator.anchor(&folder, now_s());
    assert_eq!(findings(&folder), Vec::<String>::new());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn calls_that_are_recorded_as_disturbed_are_counted_by_module_and_kind() {
    let (folder, _) = altered("disturbed", |written, home| {
        let module = described(written).policies[0].digest.clone();
        for number in 0..2 {
            let place = written.list(number);
            let call = json!({"module": module, "stage": "candidate", "kind": "deadline", "message": "", "fuel": 1});
            written.about(home, place, |about| {
                about.circumstances.disturbed.push(serde_json::from_value(call).unwrap());
            });
        }
    });
    let verified = History::open(&folder).unwrap().verify(&Against::default()).unwrap();
    let counted: Vec<_> = verified.disturbed.into_values().flatten().collect();
    assert_eq!(counted, [("deadline".to_owned(), 2)]);
    fs::remove_dir_all(folder).unwrap();
}

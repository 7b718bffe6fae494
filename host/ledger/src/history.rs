//! Reading a ledger: records by time, decision, user and item, opened with the keys that are still there.

use std::collections::HashMap;
use std::path::Path;

use normgate::SetDescription;
use normgate::contract::{Day, hex};
use serde::de::DeserializeOwned;

use crate::access::{self, Access};
use crate::error::LedgerError;
use crate::facets::Facets;
use crate::frame::Head;
use crate::holds::{self, Held};
use crate::home::{Home, PUBLIC};
use crate::keys::{Class, EpochKeys, KEPT_D, Key, RETENTION_DAYS};
use crate::record::{About, Body, Decision, Entry, Event, Level, Listed, Part, Record};
use crate::recorded::{Confirmed, Query, Recorded, Told};
use crate::segment::{self, Next, SegmentHead, SegmentReader};
use crate::wrap::WrapCommand;

/// A ledger that is open for reading; a writer may have it open too.
pub struct History {
    pub(crate) home: Home,
}

/// One record with where it lies.
pub(crate) struct Found<'f> {
    pub(crate) segment: &'f SegmentHead,
    pub(crate) head: &'f Head,
    /// All records of its frame, encoded.
    pub(crate) frame: &'f [Vec<u8>],
    pub(crate) index: usize,
    pub(crate) record: Record,
}

impl History {
    /// Opens a ledger for reading.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::wrapped(path, None)
    }

    /// Opens a ledger for reading whose keys a command wraps.
    ///
    /// # Errors
    /// When there is none.
    pub fn wrapped(path: &Path, wrap: Option<WrapCommand>) -> Result<Self, LedgerError> {
        Ok(Self { home: Home::open(path, wrap)? })
    }

    /// The public key of the ledger, for whoever checks its proofs.
    ///
    /// # Errors
    /// When its file is missing or altered.
    pub fn verifier(&self) -> Result<crate::Verifier, LedgerError> {
        let text = self.home.read(PUBLIC)?.unwrap_or_default();
        crate::Verifier::parse(&String::from_utf8_lossy(&text))
            .map_err(|_| LedgerError::altered(self.home.of(PUBLIC), "it is not the public key of a ledger"))
    }

    /// The newest signed note, if there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn checkpoint(&self) -> Result<Option<String>, LedgerError> {
        Ok(self.home.newest_note()?.map(|(_, note)| note))
    }

    /// Puts a look-up on the record, before anything is shown.
    ///
    /// # Errors
    /// When it cannot be written; then nothing must be shown.
    pub fn note_access(&self, access: &Access) -> Result<(), LedgerError> {
        access::append(&self.home, access)
    }

    /// Hands every record of a list that fits, in order, to `f`, and every description of a policy set before the lists
    /// that it decided, to `set`.
    ///
    /// # Errors
    /// When a file cannot be read or was altered, or what `f` says.
    pub fn lists(
        &self,
        query: &Query,
        mut set: impl FnMut(SetDescription) -> Result<(), LedgerError>,
        mut f: impl FnMut(Recorded) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        // What is held for a case is given from there, after everything else, where its own keys are gone.
        let mut held = holds::list(&self.home)?;
        records(&self.home, query, |found, keys| match &found.record.entry.event {
            Event::Set(description) => set((**description).clone()),
            Event::Decision(_) => {
                let recorded = open(found.segment.epoch, &found.record, keys)?;
                let readable = recorded.outcome.is_some() && recorded.personal.is_some();
                if readable {
                    held.retain(|(_, record)| *record != recorded.record);
                } else if held.iter().any(|(_, record)| *record == recorded.record) {
                    return Ok(());
                }
                if fits(query, &recorded) { f(recorded) } else { Ok(()) }
            }
            _ => Ok(()),
        })?;
        held.sort_by_key(|(_, record)| *record);
        held.dedup_by_key(|(_, record)| *record);
        for place in held {
            let Some(key) = holds::key(&self.home, &place.0)? else { continue };
            let opened = Held::read(&self.home, &place)?.0;
            let opened = opened.open(&key).filter(|held| held.fits(query));
            if let Some(holds::Opened { recorded, set: description, .. }) = opened {
                set(description)?;
                f(recorded)?;
            }
        }
        Ok(())
    }

    /// One decision, and the policy set that made it.
    ///
    /// # Errors
    /// When there is none, its key is gone, or a file cannot be read or was altered.
    pub fn decision(&self, id: &str) -> Result<(Recorded, SetDescription), LedgerError> {
        let query = Query { decision: Some(id.to_owned()), ..Query::default() };
        let (mut sets, mut found) = (HashMap::new(), None);
        self.lists(
            &query,
            |set| {
                sets.insert(set.policy_set.clone(), set);
                Ok(())
            },
            |recorded| {
                found.get_or_insert(recorded);
                Ok(())
            },
        )?;
        let absent = || format!("no decision {id} is in {}, or its key is gone", self.home.place());
        let recorded: Recorded = found.ok_or_else(|| LedgerError::Absent(absent()))?;
        let set = sets.remove(&recorded.decision.policy_set).ok_or_else(|| {
            LedgerError::altered(format!("record {}", recorded.record), "its policy set is not described before it")
        })?;
        Ok((recorded, set))
    }

    /// Hands every record of a time to `f`, in the order in which they were written, and policy sets also where they were
    /// described before it. A list whose keys are gone comes without what they sealed, one that is held for a case too;
    /// confirmations of which that holds are left out.
    ///
    /// # Errors
    /// When a file cannot be read or was altered, or what `f` says.
    pub fn all(&self, query: &Query, mut f: impl FnMut(Told) -> Result<(), LedgerError>) -> Result<(), LedgerError> {
        records(&self.home, query, |found, keys| match &found.record.entry {
            Entry { event: Event::Set(description), .. } => f(Told::Set(description.clone())),
            Entry { event: Event::Decision(_), .. } => {
                let recorded = open(found.segment.epoch, &found.record, keys)?;
                if fits(query, &recorded) { f(Told::List(Box::new(recorded))) } else { Ok(()) }
            }
            Entry { event: Event::Confirmed, .. } => match confirmed(&found.record, keys)? {
                Some(confirmed) => f(Told::Confirmed(confirmed)),
                None => Ok(()),
            },
            Entry { record, ms, event } if query.covers(*ms) => {
                f(Told::Event { record: *record, ms: *ms, event: event.clone() })
            }
            _ => Ok(()),
        })
    }

    /// Hands everything that was confirmed in a time, in order, to `f`; of one decision, if the query names one. What a destroyed
    /// key sealed is passed over.
    ///
    /// # Errors
    /// When a file cannot be read or was altered, or what `f` says.
    pub fn confirmations(
        &self,
        query: &Query,
        mut f: impl FnMut(Confirmed) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        records(&self.home, query, |found, keys| {
            if !matches!(found.record.entry.event, Event::Confirmed) {
                return Ok(());
            }
            confirmed(&found.record, keys)?.map_or(Ok(()), &mut f)
        })
    }
}

/// What became of a decision, opened; none where its key is gone.
pub(crate) fn confirmed(found: &Record, keys: &EpochKeys) -> Result<Option<Confirmed>, LedgerError> {
    let Entry { record, ms, .. } = found.entry;
    let Some(key) = keys.of(Class::Decision, RETENTION_DAYS)? else { return Ok(None) };
    Ok(Some(Confirmed { record, ms, confirmation: read(found, Part::Body, key)? }))
}

/// A sealed part that is JSON.
fn read<T: DeserializeOwned>(record: &Record, part: Part, key: &Key) -> Result<T, LedgerError> {
    parse(record, &record.open(part, key)?)
}

fn parse<T: DeserializeOwned>(record: &Record, text: &[u8]) -> Result<T, LedgerError> {
    let place = || format!("record {}", record.entry.record);
    serde_json::from_slice(text)
        .map_err(|error| LedgerError::altered(place(), format!("what it sealed cannot be read: {error}")))
}

/// Hands every record that fits by its time, its decision id and its user to `f`, with the keys of its segment. What is told by
/// keys that are gone does not fit.
pub(crate) fn records(
    home: &Home,
    query: &Query,
    mut f: impl FnMut(Found<'_>, &EpochKeys) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    for (number, purged) in segment::list(home)? {
        if purged {
            continue;
        }
        let mut reader = SegmentReader::open(home, number, purged)?;
        let segment = reader.head.clone();
        let keys = segment.keys(home)?;
        loop {
            // Every frame is read: what a head says of its records' times is the writer's word, and must not hide any of them.
            let place = reader.place();
            let (head, frame) = match reader.next(|_| true)? {
                Next::Frame(head, Some(frame)) => (head, frame),
                Next::Frame(_, None) => continue,
                Next::End | Next::Broken { torn: true, .. } => break,
                Next::Broken { what, .. } => return Err(LedgerError::altered(place, what)),
            };
            for (index, bytes) in frame.iter().enumerate() {
                let record = Record::decode(bytes).map_err(|what| {
                    LedgerError::altered(format!("record {}", head.first_record + index as u64), what)
                })?;
                let of_list = matches!(record.entry.event, Event::Decision(_) | Event::Confirmed);
                if of_list && !(query.covers(record.entry.ms) && is_of(query, &record, &keys)?) {
                    continue;
                }
                f(Found { segment: &segment, head: &head, frame: &frame, index, record }, &keys)?;
            }
        }
    }
    Ok(())
}

/// Whether a record is of the decision and of the user that a query names. Which one it is of is told by what it seals alone, so
/// looking one up opens that much of every list of its time.
fn is_of(query: &Query, record: &Record, keys: &EpochKeys) -> Result<bool, LedgerError> {
    let Query { decision, user, .. } = query;
    if decision.is_none() && user.is_none() {
        return Ok(true);
    }
    let of = |id: &str| decision.as_ref().is_none_or(|wanted| wanted == id);
    if matches!(record.entry.event, Event::Confirmed) {
        return Ok(user.is_none() && confirmed(record, keys)?.is_some_and(|said| of(&said.confirmation.decision_id)));
    }
    let Some((about, _)) = about(record, keys)?.filter(|(about, _)| of(&about.id)) else { return Ok(false) };
    match user {
        Some(_) => Ok(who(record, &about, keys)?.is_some_and(|who| who.user == *user)),
        None => Ok(true),
    }
}

/// What is sealed of a list for those who look it up, and the key that opens it; none where that key is gone. Which of the day's
/// keys it is, nothing says in the open.
pub(crate) fn about<'k>(record: &Record, keys: &'k EpochKeys) -> Result<Option<(About, &'k Key)>, LedgerError> {
    let mut tried = 0;
    for key in keys.decision() {
        let (keep_d, key) = key?;
        if let Some(text) = key.open(record.entry.record, Part::About, &record.about) {
            let about: About = parse(record, &text)?;
            if about.keep_d != keep_d {
                let what = format!("it says that it is kept for {} days, and is sealed for {keep_d}", about.keep_d);
                return Err(LedgerError::altered(format!("record {}", record.entry.record), what));
            }
            return Ok(Some((about, key)));
        }
        tried += 1;
    }
    if tried < KEPT_D.len() {
        return Ok(None);
    }
    Err(LedgerError::altered(format!("record {}", record.entry.record), "its sealed part does not open"))
}

/// What a list is counted by; none where its key is gone.
fn who(record: &Record, about: &About, keys: &EpochKeys) -> Result<Option<Facets>, LedgerError> {
    keys.of(Class::Decision, about.personal_d)?.map(|key| read(record, Part::Who, key)).transpose()
}

/// A record of a list, opened with the keys that are there.
pub(crate) fn open(epoch: Day, found: &Record, keys: &EpochKeys) -> Result<Recorded, LedgerError> {
    let Entry { record, ms, ref event } = found.entry;
    let Event::Decision(listed) = event else {
        return Err(LedgerError::altered(format!("record {record}"), "it is not of a list"));
    };
    let Some((about, key)) = about(found, keys)? else {
        let decision = Decision::of(listed.clone(), ms, None, None);
        let columns = Vec::new();
        return Ok(Recorded { record, ms, epoch, decision, outcome: None, facets: None, columns, personal: None });
    };
    let who = who(found, &about, keys)?;
    let personal = match (listed.level, keys.of(Class::Personal, about.personal_d)?) {
        (Level::Commit, _) => Some(Vec::new()),
        (Level::Full, key) => key.map(|key| found.open(Part::Personal, key)).transpose()?,
    };
    let body = Body::decode(&found.open(Part::Body, key)?);
    let body = body.ok_or_else(|| LedgerError::altered(format!("record {record}"), "what it sealed is no outcome"))?;
    let recorded = assemble((record, ms, epoch), listed, about, who, personal, body);
    if let (Level::Full, Some(personal)) = (listed.level, &recorded.personal) {
        let input = hex(&key.tag("input", &[&recorded.columns[..], personal].concat()));
        if recorded.decision.input.as_ref() != Some(&input) {
            return Err(LedgerError::altered(format!("record {record}"), "its input is not the one that was judged"));
        }
    }
    Ok(recorded)
}

/// A record of a list out of its parts.
pub(crate) fn assemble(
    (record, ms, epoch): (u64, i64, Day),
    listed: &Listed,
    about: About,
    facets: Option<Facets>,
    personal: Option<Vec<u8>>,
    Body { columns, outcome }: Body,
) -> Recorded {
    let decision = Decision::of(listed.clone(), ms, Some(about), facets.as_ref());
    Recorded { record, ms, epoch, decision, outcome: Some(outcome), facets, columns, personal }
}

/// Whether a record fits by what its outcome says.
pub(crate) fn fits(query: &Query, recorded: &Recorded) -> bool {
    let Some(item) = &query.item else { return true };
    // What is no answer has no candidates.
    recorded.answer().ok().flatten().is_some_and(|answer| answer.verdicts.iter().any(|row| row.id == *item))
}

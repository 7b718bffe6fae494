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
use crate::keys::{Class, EpochKeys, Key, RETENTION_DAYS};
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
    /// When it cannot be written; then nothing must be shown, but for [`LedgerError::ReadOnly`], which is of a copy.
    pub fn note_access(&self, access: &Access) -> Result<(), LedgerError> {
        access::append(&self.home, access)
    }

    /// Hands every record of a list that fits, in order, to `f`, and every description of a policy set before the lists
    /// that it decided, to `set`.
    ///
    /// # Errors
    /// When a file cannot be read or was altered, once everything around it was handed on; or what `f` says.
    pub fn lists(
        &self,
        query: &Query,
        mut set: impl FnMut(SetDescription) -> Result<(), LedgerError>,
        mut f: impl FnMut(Recorded) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        // What is held for a case is given from there, after everything else, where its own keys are gone.
        let mut held = holds::list(&self.home)?;
        let mut sealed = Damage::default();
        let mut damage = records(&self.home, query, |found, keys| match &found.record.entry.event {
            Event::Set(description) => set((**description).clone()),
            Event::Decision(_) => {
                let opened = open(found.segment.epoch, &found.record, keys);
                let Some(recorded) = sealed.unless(opened)? else { return Ok(()) };
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
            let Some(Some(key)) = damage.unless(holds::key(&self.home, &place.0))? else { continue };
            let Some((opened, _)) = damage.unless(Held::read(&self.home, &place))? else { continue };
            let opened = opened.open(&key).filter(|held| held.fits(query));
            if let Some(holds::Opened { recorded, set: description, .. }) = opened {
                set(description)?;
                f(recorded)?;
            }
        }
        damage.told().and(sealed.told())
    }

    /// One decision, and the policy set that made it. `which` is its id, or the number of its record.
    ///
    /// # Errors
    /// When there is none, its key is gone, several records have the id, or a file cannot be read or was altered.
    pub fn decision(&self, which: &str) -> Result<(Recorded, SetDescription), LedgerError> {
        let (mut sets, mut found) = (HashMap::new(), Vec::new());
        let read = self.lists(
            &Query::of(which),
            |set| {
                sets.insert(set.policy_set.clone(), set);
                Ok(())
            },
            |recorded| {
                found.push(recorded);
                Ok(())
            },
        );
        if found.is_empty() {
            read?;
        }
        let recorded = one(&self.home, which, found, |recorded: &Recorded| recorded.record)?;
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
        let read = records(&self.home, query, |found, keys| match &found.record.entry {
            Entry { event: Event::Set(description), .. } => f(Told::Set(description.clone())),
            Entry { event: Event::Decision(_), .. } => {
                let recorded = open(found.segment.epoch, &found.record, keys)?;
                if fits(query, &recorded) { f(Told::List(Box::new(recorded))) } else { Ok(()) }
            }
            Entry { event: Event::Confirmed, .. } => match confirmed(&found.record, keys)? {
                Some(confirmed) => f(Told::Confirmed(confirmed)),
                None => Ok(()),
            },
            Entry { record, ms, event } if query.covers(*record, *ms) => {
                f(Told::Event { record: *record, ms: *ms, event: event.clone() })
            }
            _ => Ok(()),
        });
        read?.told()
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
        let read = records(&self.home, query, |found, keys| {
            if !matches!(found.record.entry.event, Event::Confirmed) {
                return Ok(());
            }
            confirmed(&found.record, keys)?.map_or(Ok(()), &mut f)
        });
        read?.told()
    }
}

/// The one record of a decision; an error names all where several have its id.
pub(crate) fn one<T>(
    home: &Home,
    which: &str,
    mut found: Vec<T>,
    number: impl Fn(&T) -> u64,
) -> Result<T, LedgerError> {
    let place = home.place();
    let numbers: Vec<String> = found.iter().map(|found| number(found).to_string()).collect();
    match (found.pop(), numbers.as_slice()) {
        (Some(only), [_]) => Ok(only),
        (Some(_), several) => Err(LedgerError::Absent(format!(
            "decision {which} is in {place} {} times, as records {}: give the number of the record instead of the id",
            several.len(),
            several.join(", ")
        ))),
        (None, _) => Err(LedgerError::Absent(format!("no decision {which} is in {place}, or its key is gone"))),
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

/// Hands every record that fits by its time, its number, its decision id and its user to `f`, with the keys of its segment. What is
/// told by keys that are gone does not fit. Damage is passed over, so that it hides nothing around it: the first is given back.
pub(crate) fn records(
    home: &Home,
    query: &Query,
    mut f: impl FnMut(Found<'_>, &EpochKeys) -> Result<(), LedgerError>,
) -> Result<Damage, LedgerError> {
    let mut damage = Damage::default();
    for (number, purged) in segment::begun(home)? {
        if purged {
            continue;
        }
        let opened = SegmentReader::open(home, number, purged);
        let opened = opened.and_then(|reader| Ok((reader.head.keys(home)?, reader)));
        let Some((keys, mut reader)) = damage.unless(opened)? else { continue };
        let segment = reader.head.clone();
        loop {
            // Every frame is read: what a head says of its records' times is the writer's word, and must not hide any of them.
            let place = reader.place();
            let Some(next) = damage.unless(reader.next(|_| true))? else { break };
            let (head, frame) = match next {
                Next::Frame(head, Some(frame)) => (head, frame),
                Next::Frame(_, None) => continue,
                Next::End | Next::Broken { torn: true, .. } => break,
                Next::Damaged(_, what) => {
                    damage.see(LedgerError::altered(place, what));
                    continue;
                }
                Next::Broken { what, .. } => {
                    damage.see(LedgerError::altered(place, what));
                    match damage.unless(reader.resume())? {
                        Some(true) => continue,
                        _ => break,
                    }
                }
            };
            for (index, bytes) in frame.iter().enumerate() {
                let number = head.first_record + index as u64;
                let record =
                    Record::decode(bytes).map_err(|what| LedgerError::altered(format!("record {number}"), what));
                let fits = record.and_then(|record| {
                    let Entry { record: number, ms, ref event } = record.entry;
                    let of_list = matches!(event, Event::Decision(_) | Event::Confirmed);
                    Ok((!of_list || (query.covers(number, ms) && is_of(query, &record, &keys)?)).then_some(record))
                });
                if let Some(Some(record)) = damage.unless(fits)? {
                    f(Found { segment: &segment, head: &head, frame: &frame, index, record }, &keys)?;
                }
            }
        }
    }
    Ok(damage)
}

/// What was altered among what was read: the first of it.
#[derive(Default)]
pub(crate) struct Damage(Option<LedgerError>);

impl Damage {
    pub(crate) fn see(&mut self, error: LedgerError) {
        self.0.get_or_insert(error);
    }

    /// What was read, unless a file is damaged: then nothing, and the damage is remembered. A command that fails to unwrap keys is an
    /// error at once: every key would ask it again.
    pub(crate) fn unless<T>(&mut self, read: Result<T, LedgerError>) -> Result<Option<T>, LedgerError> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(error @ (LedgerError::Altered { .. } | LedgerError::Io { .. })) => {
                self.see(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The damage as an error, once all else was handed on.
    pub(crate) fn told(self) -> Result<(), LedgerError> {
        self.0.map_or(Ok(()), Err)
    }
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
    }
    if !keys.has_every_decision()? {
        return Ok(None);
    }
    let what = "its sealed part does not open: every key of its day is there, and it was sealed for none of them";
    Err(LedgerError::altered(format!("record {}", record.entry.record), what))
}

/// What a list is counted by; none where its key is gone.
fn who(record: &Record, about: &About, keys: &EpochKeys) -> Result<Option<Facets>, LedgerError> {
    of(record, keys, Class::Decision, about.personal_d)?.map(|key| read(record, Part::Who, key)).transpose()
}

/// The key of a part of a record; none where it is gone.
fn of<'k>(record: &Record, keys: &'k EpochKeys, class: Class, keep_d: u32) -> Result<Option<&'k Key>, LedgerError> {
    if !keys.names(class, keep_d) {
        let what = format!("it is sealed for {keep_d} days, and its segment names no {} key of so many", class.name());
        return Err(LedgerError::altered(format!("record {}", record.entry.record), what));
    }
    keys.of(class, keep_d)
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
    let personal = match listed.level {
        Level::Commit => Some(Vec::new()),
        Level::Full => {
            let key = of(found, keys, Class::Personal, about.personal_d)?;
            key.map(|key| found.open(Part::Personal, key)).transpose()?
        }
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

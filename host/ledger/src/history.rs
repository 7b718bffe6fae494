//! Reading a ledger: records by time, decision, user and item, opened with the keys that are still there.

use std::collections::HashMap;
use std::path::Path;

use normgate::SetDescription;
use normgate::contract::{Day, hex};

use crate::access::{self, Access};
use crate::error::LedgerError;
use crate::frame::Head;
use crate::holds::{self, Held};
use crate::home::{Home, PUBLIC};
use crate::keys::{Class, EpochKeys, RETENTION_DAYS};
use crate::record::{Entry, Event, Level, Record};
use crate::recorded::{Confirmed, Query, Recorded, Told, split};
use crate::segment::{self, Next, SegmentHead, SegmentReader};

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
        Ok(Self { home: Home::open(path)? })
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
                let recorded = open(found.segment.epoch, found.record, keys)?;
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
            let opened = opened.open(&key).filter(|(recorded, _)| opened.fits(query, recorded.ms, &key));
            if let Some((recorded, description)) = opened.filter(|(recorded, _)| fits(query, recorded)) {
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
                let recorded = open(found.segment.epoch, found.record, keys)?;
                if fits(query, &recorded) { f(Told::List(Box::new(recorded))) } else { Ok(()) }
            }
            Entry { event: Event::Confirmed { .. }, .. } => match confirmed(&found.record, keys)? {
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
            if !matches!(found.record.entry.event, Event::Confirmed { .. }) {
                return Ok(());
            }
            confirmed(&found.record, keys)?.map_or(Ok(()), &mut f)
        })
    }
}

/// What became of a decision, opened; none where its key is gone.
pub(crate) fn confirmed(found: &Record, keys: &EpochKeys) -> Result<Option<Confirmed>, LedgerError> {
    let Entry { record, ms, .. } = found.entry;
    let Some(key) = keys.of(Class::Decision, RETENTION_DAYS) else { return Ok(None) };
    let opened = key.open(record, &found.outcome).and_then(|text| serde_json::from_slice(&text).ok());
    let altered = || LedgerError::altered(format!("record {record}"), "its sealed part does not open");
    Ok(Some(Confirmed { record, ms, confirmation: opened.ok_or_else(altered)? }))
}

/// Hands every record that fits by what it says in the open to `f`, with the keys of its segment. What is told by keys that
/// are gone does not fit.
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
        let mut wanted: HashMap<u32, Wanted> = HashMap::new();
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
                let (id, user, keep_d) = match &record.entry.event {
                    Event::Decision(decision) => (Some(&decision.id), decision.user.as_ref(), decision.keep_d),
                    Event::Confirmed { id } => (Some(id), None, RETENTION_DAYS),
                    _ => (None, None, RETENTION_DAYS),
                };
                if let Some(id) = id {
                    let wanted = wanted.entry(keep_d).or_insert_with(|| Wanted::of(query, &keys, keep_d));
                    if !query.covers(record.entry.ms) || !wanted.fits(id, user) {
                        continue;
                    }
                }
                f(Found { segment: &segment, head: &head, frame: &frame, index, record }, &keys)?;
            }
        }
    }
    Ok(())
}

/// A record of a list, opened with the keys that are there.
pub(crate) fn open(epoch: Day, found: Record, keys: &EpochKeys) -> Result<Recorded, LedgerError> {
    let Entry { record, ms, event } = found.entry;
    let place = || format!("record {record}");
    let Event::Decision(mut decision) = event else {
        return Err(LedgerError::altered(place(), "it is not of a list"));
    };
    let open = |class: Class, sealed: &[u8]| {
        keys.of(class, decision.keep_d)
            .map(|key| key.open(record, sealed))
            .map(|opened| opened.ok_or_else(|| LedgerError::altered(place(), "its sealed part does not open")))
    };
    let personal = match found.personal.as_slice() {
        [] => Some(Vec::new()),
        sealed => open(Class::Personal, sealed).transpose()?,
    };
    let sealed = open(Class::Decision, &found.outcome).transpose()?;
    let (outcome, facets) = sealed.map(|sealed| split(record, &sealed)).transpose()?.unzip();
    decision.drew(facets.as_ref());
    let key = keys.of(Class::Decision, decision.keep_d);
    if let (Level::Full, Some(personal), Some(key)) = (decision.level, &personal, key) {
        let input = hex(&key.tag("input", &[&found.open[..], personal].concat()));
        if input != decision.input {
            return Err(LedgerError::altered(place(), "its input is not the one that was judged"));
        }
    }
    Ok(Recorded { record, ms, epoch, decision: *decision, outcome, facets, open: found.open, personal })
}

/// The pseudonyms that a query looks for, under one key: nothing fits where the key is gone.
struct Wanted {
    id: Option<Option<String>>,
    user: Option<Option<String>>,
}

impl Wanted {
    fn of(query: &Query, keys: &EpochKeys, keep_d: u32) -> Self {
        let key = keys.of(Class::Decision, keep_d);
        let tag = |what: &str, text: &Option<String>| {
            text.as_ref().map(|text| key.map(|key| hex(&key.tag(what, text.as_bytes()))))
        };
        Self { id: tag("decision", &query.decision), user: tag("user", &query.user) }
    }

    fn fits(&self, id: &String, user: Option<&String>) -> bool {
        let is = |wanted: &Option<Option<String>>, said: Option<&String>| {
            wanted.as_ref().is_none_or(|wanted| wanted.is_some() && wanted.as_ref() == said)
        };
        is(&self.id, Some(id)) && is(&self.user, user)
    }
}

/// Whether a record fits by what its outcome says.
fn fits(query: &Query, recorded: &Recorded) -> bool {
    let Some(item) = &query.item else { return true };
    // What is no answer has no candidates.
    recorded.answer().ok().flatten().is_some_and(|answer| answer.verdicts.iter().any(|row| row.id == *item))
}

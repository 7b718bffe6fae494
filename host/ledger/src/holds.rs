//! Legal holds: a record sealed again under the key of a case, so that it outlives its day's keys. With it stay the record as
//! it was written and the way from it to the root of its frame, so that it can be proven when its segment is gone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use normgate::SetDescription;
use normgate::contract::{Day, hex};
use serde::{Deserialize, Serialize};

use crate::error::LedgerError;
use crate::facets::Facets;
use crate::frame::{HEAD_BYTES, Head};
use crate::history;
use crate::home::{HOLDS, Home, KEYS};
use crate::keys::{self, EpochKeys, Key, sha256, unhex};
use crate::merkle::{Hash, inclusion, is_included};
use crate::record::{About, Body, Event, Part, Record, leaf_of_record};
use crate::recorded::{Query, Recorded};

/// A held record, as its file has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Held {
    /// The day that it is of.
    epoch: Day,
    /// The policy set that decided.
    set: SetDescription,
    /// The record as it was written, base64.
    record: String,
    /// The head of its frame, base64; its place in the frame, and the way from it to the frame's root.
    frame: String,
    pub(crate) index: u64,
    record_path: Vec<String>,
    /// Everything that the record seals, sealed under the key of the case, base64.
    sealed: String,
}

/// What a held record seals, under the key of its case.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    about: About,
    who: Facets,
    /// In canonical form, which is UTF-8.
    personal: String,
    columns: String,
    outcome: String,
}

/// A held record, opened.
pub(crate) struct Opened {
    pub(crate) recorded: Recorded,
    /// The policy set that decided.
    pub(crate) set: SetDescription,
}

impl Opened {
    /// Whether it fits a query.
    pub(crate) fn fits(&self, query: &Query) -> bool {
        let user = self.recorded.facets.as_ref().and_then(|facets| facets.user.as_ref());
        let Recorded { record, ms, .. } = self.recorded;
        query.covers(record, ms)
            && query.decision.as_ref().is_none_or(|id| Some(id) == self.recorded.decision.id.as_ref())
            && query.user.as_ref().is_none_or(|wanted| user == Some(wanted))
            && history::fits(query, &self.recorded)
    }
}

/// A case and the number of a record that is held for it.
pub(crate) type Place = (String, u64);

/// The file of a held record.
pub(crate) fn file((case, record): &Place) -> String {
    format!("{HOLDS}/{case}.{record}.held")
}

/// The file of a case's key.
pub(crate) fn key_file(case: &str) -> String {
    format!("{KEYS}/case.{case}.key")
}

/// The held record that a file of this name is; none where none is called so.
pub(crate) fn of_file(name: &str) -> Option<Place> {
    let (case, record) = name.strip_suffix(".held")?.rsplit_once('.')?;
    let place = (case.to_owned(), record.parse().ok()?);
    (file(&place) == format!("{HOLDS}/{name}")).then_some(place)
}

/// Everything that is held, by case and record. Other files are passed over.
pub(crate) fn list(home: &Home) -> Result<Vec<Place>, LedgerError> {
    Ok(home.names(HOLDS)?.iter().filter_map(|name| of_file(name)).collect())
}

/// A case may be called by letters, digits and hyphens, so that its name is one of a file.
pub(crate) fn check_name(case: &str) -> Result<(), LedgerError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=64).contains(&case.len()) && case.bytes().all(plain) {
        return Ok(());
    }
    Err(LedgerError::Absent(format!("`{case}` names no case: use up to 64 lower-case letters, digits and hyphens")))
}

impl Held {
    /// Seals a record for a case. It is the one at `index` of the frame, of which `records` are all.
    pub(crate) fn seal(
        epoch: Day,
        set: SetDescription,
        (head, records, index): (&Head, &[Vec<u8>], usize),
        keys: &EpochKeys,
        key: &Key,
    ) -> Result<Self, LedgerError> {
        let altered = |what: String| LedgerError::altered(format!("frame {}", head.frame), what);
        let record = Record::decode(&records[index]).map_err(altered)?;
        let number = record.entry.record;
        let recorded = history::open(epoch, &record, keys)?;
        let about = history::about(&record, keys)?;
        let (Some((about, _)), Some(who), Some(personal), Some(outcome)) =
            (about, recorded.facets, recorded.personal, recorded.outcome)
        else {
            return Err(LedgerError::KeyGone { place: format!("record {number} of {epoch}") });
        };
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|error| altered(error.to_string()));
        let sealed = Sealed { about, who, personal: text(personal)?, columns: text(recorded.columns)?, outcome };
        // Writing to memory cannot fail.
        let sealed = serde_json::to_vec(&sealed).unwrap_or_default();
        let leaves: Vec<Hash> = records.iter().map(|bytes| leaf_of_record(bytes)).collect();
        Ok(Self {
            epoch,
            set,
            record: STANDARD.encode(&records[index]),
            frame: STANDARD.encode(head.encode()),
            index: index as u64,
            record_path: inclusion(index, &leaves).iter().map(|node| hex(node)).collect(),
            sealed: STANDARD.encode(key.seal(number, Part::Held, &sealed)?),
        })
    }

    /// The same under the key of its case, counted by something else.
    #[cfg(test)]
    pub(crate) fn with_facets(&self, key: &Key, alter: impl FnOnce(&mut Facets)) -> Self {
        let number =
            Record::decode(&STANDARD.decode(&self.record).unwrap_or_default()).map(|record| record.entry.record);
        let number = number.unwrap_or_default();
        let text = key.open(number, Part::Held, &STANDARD.decode(&self.sealed).unwrap_or_default()).unwrap_or_default();
        let mut sealed: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        let mut who: Facets = serde_json::from_value(sealed["who"].clone()).unwrap_or_default();
        alter(&mut who);
        sealed["who"] = serde_json::to_value(who).unwrap_or_default();
        let sealed = key.seal(number, Part::Held, sealed.to_string().as_bytes()).unwrap_or_default();
        let Self { epoch, ref set, ref record, ref frame, index, ref record_path, .. } = *self;
        Self {
            epoch,
            set: set.clone(),
            record: record.clone(),
            frame: frame.clone(),
            index,
            record_path: record_path.clone(),
            sealed: STANDARD.encode(sealed),
        }
    }

    pub(crate) fn write(&self, home: &Home, place: &Place) -> Result<String, LedgerError> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        home.write(&file(place), &bytes)?;
        Ok(sha256(&bytes))
    }

    /// A held record, and the hash of its file.
    pub(crate) fn read(home: &Home, place: &Place) -> Result<(Self, String), LedgerError> {
        let name = file(place);
        let bytes = home.read(&name)?.unwrap_or_default();
        let held =
            serde_json::from_slice(&bytes).map_err(|error| LedgerError::altered(home.of(&name), error.to_string()));
        Ok((held?, sha256(&bytes)))
    }

    /// The head of its frame, the record as it was written, and the way to the frame's root.
    pub(crate) fn proof(&self) -> Option<(Head, Vec<u8>, Vec<Hash>)> {
        let head: [u8; HEAD_BYTES] = STANDARD.decode(&self.frame).ok()?.try_into().ok()?;
        let (head, record) = (Head::decode(&head)?, STANDARD.decode(&self.record).ok()?);
        let path = self.record_path.iter().map(|node| unhex(node)?.try_into().ok()).collect::<Option<Vec<Hash>>>()?;
        is_included(self.index, head.records.into(), leaf_of_record(&record), &path, &head.root)
            .then_some((head, record, path))
    }

    /// The record, opened with the key of its case.
    pub(crate) fn open(&self, key: &Key) -> Option<Opened> {
        let record = Record::decode(&self.proof()?.1).ok()?;
        let Event::Decision(listed) = &record.entry.event else { return None };
        let (number, ms) = (record.entry.record, record.entry.ms);
        let text = key.open(number, Part::Held, &STANDARD.decode(&self.sealed).ok()?)?;
        let Sealed { about, who, personal, columns, outcome } = serde_json::from_slice(&text).ok()?;
        let body = Body { columns: columns.into_bytes(), outcome };
        let recorded =
            history::assemble((number, ms, self.epoch), listed, about, Some(who), Some(personal.into_bytes()), body);
        Some(Opened { recorded, set: self.set.clone() })
    }
}

/// Whether what is held is what its record says, as far as the keys of that are there.
pub(crate) fn agrees(held: &Recorded, recorded: &Recorded) -> bool {
    recorded.outcome.is_none()
        || ((&held.decision.id, &held.outcome, &held.columns)
            == (&recorded.decision.id, &recorded.outcome, &recorded.columns)
            && (recorded.facets.is_none() || held.facets == recorded.facets)
            && (recorded.personal.is_none() || held.personal == recorded.personal))
}

/// The key of a case, where it is there.
pub(crate) fn key(home: &Home, case: &str) -> Result<Option<Key>, LedgerError> {
    keys::read(home, &key_file(case))
}

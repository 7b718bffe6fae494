//! Legal holds: a record sealed again under the key of a case, so that it outlives its day's keys. With it stay the record as
//! it was written and the way from it to the root of its frame, so that it can be proven when its segment is gone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use normgate::SetDescription;
use normgate::contract::{Day, hex};
use serde::{Deserialize, Serialize};

use crate::bytes::take;
use crate::error::LedgerError;
use crate::facets::Facets;
use crate::frame::{HEAD_BYTES, Head};
use crate::home::{HOLDS, Home, KEYS};
use crate::keys::{self, Key, sha256, unhex};
use crate::merkle::{Hash, inclusion, is_included};
use crate::record::{Event, Record, leaf_of_record};
use crate::recorded::{Query, Recorded, split};

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
    /// Pseudonyms of the decision and of the user, keyed by the case.
    id: String,
    user: Option<String>,
    /// Personal columns and outcome, sealed under the key of the case, base64.
    sealed: String,
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

/// Everything that is held, by case and record.
pub(crate) fn list(home: &Home) -> Result<Vec<Place>, LedgerError> {
    let place = |name: &String| {
        let (case, record) = name.strip_suffix(".held")?.rsplit_once('.')?;
        Some((case.to_owned(), record.parse().ok()?)).filter(|place| file(place) == format!("{HOLDS}/{name}"))
    };
    let names = home.names(HOLDS)?;
    let strange =
        |name: &String| LedgerError::altered(home.of(&format!("{HOLDS}/{name}")), "no held record is called so");
    (names.iter().filter(|name| !name.ends_with(".part")))
        .map(|name| place(name).ok_or_else(|| strange(name)))
        .collect()
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
    /// Seals a record for a case; `frame` are the records of its frame, and it is the one at `index`.
    pub(crate) fn seal(
        recorded: &Recorded,
        set: SetDescription,
        (head, frame, index): (&Head, &[Vec<u8>], usize),
        decision_id: &str,
        key: &Key,
    ) -> Result<Self, LedgerError> {
        let gone = || LedgerError::KeyGone { place: format!("record {} of {}", recorded.record, recorded.epoch) };
        let (Some(personal), Some(outcome), Some(facets)) = (&recorded.personal, &recorded.outcome, &recorded.facets)
        else {
            return Err(gone());
        };
        let mut text = (personal.len() as u32).to_le_bytes().to_vec();
        text.extend_from_slice(personal);
        text.extend_from_slice(outcome.as_bytes());
        text.push(b'\n');
        // Writing to memory cannot fail.
        text.extend(serde_json::to_vec(facets).unwrap_or_default());
        let leaves: Vec<Hash> = frame.iter().map(|bytes| leaf_of_record(bytes)).collect();
        Ok(Self {
            epoch: recorded.epoch,
            set,
            record: STANDARD.encode(&frame[index]),
            frame: STANDARD.encode(head.encode()),
            index: index as u64,
            record_path: inclusion(index, &leaves).iter().map(|node| hex(node)).collect(),
            id: hex(&key.tag("decision", decision_id.as_bytes())),
            user: facets.user.as_ref().map(|user| hex(&key.tag("user", user.as_bytes()))),
            sealed: STANDARD.encode(key.seal(recorded.record, &text)?),
        })
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

    /// Whether it fits a query; by user and decision only where the key of the case is there.
    pub(crate) fn fits(&self, query: &Query, ms: i64, key: &Key) -> bool {
        let is = |what: &str, wanted: &Option<String>, said: Option<&String>| {
            wanted.as_ref().is_none_or(|text| Some(&hex(&key.tag(what, text.as_bytes()))) == said)
        };
        query.covers(ms)
            && is("decision", &query.decision, Some(&self.id))
            && is("user", &query.user, self.user.as_ref())
    }

    /// The record, opened with the key of its case, and the policy set that decided.
    pub(crate) fn open(&self, key: &Key) -> Option<(Recorded, SetDescription)> {
        let record = Record::decode(&self.proof()?.1).ok()?;
        let Event::Decision(mut decision) = record.entry.event else { return None };
        let number = record.entry.record;
        let text = key.open(number, &STANDARD.decode(&self.sealed).ok()?)?;
        let mut rest = text.as_slice();
        let length = u32::from_le_bytes(take(&mut rest)?) as usize;
        let (personal, outcome) = rest.split_at_checked(length)?;
        let (outcome, facets): (String, Facets) = split(number, outcome).ok()?;
        decision.drew(Some(&facets));
        let recorded = Recorded {
            record: number,
            ms: record.entry.ms,
            epoch: self.epoch,
            decision: *decision,
            outcome: Some(outcome),
            facets: Some(facets),
            open: record.open,
            personal: Some(personal.to_vec()),
        };
        Some((recorded, self.set.clone()))
    }
}

/// The key of a case, where it is there.
pub(crate) fn key(home: &Home, case: &str) -> Result<Option<Key>, LedgerError> {
    keys::read(home, &key_file(case))
}

//! A record: what is said of it in the open, and its sealed parts. It is hashed as it stands, so that what was destroyed with
//! its key cannot be guessed from the hash.

use normgate::contract::Day;
use normgate::{Circumstances, SetDescription};
use serde::{Deserialize, Serialize};

use crate::bytes::take;
use crate::error::LedgerError;
use crate::facets::Facets;
use crate::keys::{Key, sha256};
use crate::merkle::{Hash, leaf};

/// How much of a list is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The outcome, and the input as far as judging read it: it can be judged again.
    Full,
    /// The outcome, and a keyed hash of the input.
    Commit,
}

/// Why a list is kept in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A rule that the law requires demoted or withheld a row, or took a tag.
    Must,
    /// A rule that the law requires would have acted and was kept from it, or a module with such rules was not asked at all.
    Unapplied,
    /// The request and the configuration differ on a fact about the operator.
    ProviderFact,
    /// A row is held for a person or for its label.
    Held,
    /// A row is of major impact on somebody's rights.
    MajorImpact,
    /// A module failed.
    Failure,
    /// It is of the sample.
    Sample,
}

/// What a record says in the open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 0.
    pub record: u64,
    /// When, milliseconds since 1970 UTC.
    pub ms: i64,
    /// What it records.
    #[serde(flatten)]
    pub event: Event,
}

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// One ranked list was judged.
    Decision(Listed),
    /// What became of a decision: sealed, as the outcome is.
    Confirmed,
    /// A policy set that decided what follows in this segment.
    Set(Box<SetDescription>),
    /// A writer began a segment.
    Opened {
        /// SHA-256 of the segment's own head.
        segment: String,
        /// What is missing before it, if anything may be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gap: Option<Gap>,
        /// The log of look-ups as it was.
        access: AccessHead,
        /// How many of a million lists of which nobody may have to give account it keeps in full all the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sample_ppm: Option<u32>,
    },
    /// A cosigned head of the log, which the writer knew of from here on: the sample of what follows is drawn by it.
    Anchored {
        /// The signed note.
        note: String,
    },
    /// The writer ended in order.
    Closed {
        /// The log of look-ups as it was.
        access: AccessHead,
    },
    /// The clock went back.
    ClockBack {
        /// From when, milliseconds since 1970 UTC.
        from_ms: i64,
    },
    /// Lists were judged and could not be written.
    Lost {
        /// How many.
        lists: u64,
        /// Why.
        reason: String,
    },
    /// A record is held for a case: it stays readable when its day's keys are destroyed. Said again at every purge.
    Held {
        /// The case.
        case: String,
        /// The record.
        held: u64,
        /// SHA-256 of the file that keeps it.
        file: String,
        /// Who asked, as the system knows the caller.
        by: String,
    },
    /// A case is over: what was held for it is as any other record.
    Released {
        /// The case.
        case: String,
        /// Who asked, as the system knows the caller.
        by: String,
    },
    /// The keys of the personal columns of a day are destroyed before their time.
    Erased {
        /// The day.
        day: Day,
        /// Why.
        reason: String,
        /// Who asked, as the system knows the caller.
        by: String,
    },
    /// Keys were destroyed.
    Purged {
        /// Everything up to this day, and it too.
        until: Day,
        /// `personal`, or `all`.
        what: Purge,
        /// Who asked, as the system knows the caller.
        by: String,
    },
}

/// What may be missing after a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// When the last record before it was written; none when there is none.
    pub since_ms: Option<i64>,
    /// Bytes of an unfinished frame.
    pub torn: u64,
    /// Whether lists that were answered may be missing: the writer before this one answered before the disk did.
    pub answered: bool,
}

/// How far the log of look-ups goes, and the hash that its last line ends with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessHead {
    /// Lines.
    pub lines: u64,
    /// Hash of the last, in hexadecimal; empty when there is none.
    pub head: String,
}

/// What a purge destroys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purge {
    /// Personal columns: the decision stays readable, and can no longer be judged again.
    Personal,
    /// Everything: the segments go, and the heads of their frames stay as proof.
    All,
}

/// What the record of a list says in the open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// How much is kept.
    pub level: Level,
    /// Digest of the policy set.
    pub policy_set: String,
}

/// What is known of a list besides its outcome. Where its key is gone, that is its level, its policy set and its time, and nothing
/// else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Its id, by which it is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// How much is kept.
    pub level: Level,
    /// Why it is kept in full.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<Why>,
    /// Digest of the policy set.
    pub policy_set: String,
    /// Label of the generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<String>,
    /// For how many days it is kept, counted from the end of its day: the longest that an obligation in it asks for, rounded up
    /// to one of [`crate::KEPT_D`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_d: Option<u32>,
    /// Keyed hash of the input as far as judging read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// What the outcome rests on besides.
    pub circumstances: Circumstances,
}

impl Decision {
    /// A decision as it was recorded at a time; `about` and `who` where their keys are there.
    pub(crate) fn of(listed: Listed, ms: i64, about: Option<About>, who: Option<&Facets>) -> Self {
        let Listed { level, policy_set } = listed;
        let mut decision = Self {
            id: None,
            level,
            why: Vec::new(),
            policy_set,
            generation: None,
            keep_d: None,
            input: None,
            circumstances: Circumstances { clock_ms: ms, ..Circumstances::default() },
        };
        if let Some(About { id, why, generation, keep_d, input, circumstances, .. }) = about {
            decision = Self {
                id: Some(id),
                why,
                generation,
                keep_d: Some(keep_d),
                input: Some(input),
                circumstances,
                ..decision
            };
            decision.circumstances.draws = who.map_or(Vec::new(), |who| who.draws.clone());
        }
        decision
    }
}

/// What is sealed of a list for those who look it up: by it a record is found, and its other parts are opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// The decision id.
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) why: Vec<Why>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) generation: Option<String>,
    /// For how many days it is kept, and for how many what is personal of it.
    pub(crate) keep_d: u32,
    pub(crate) personal_d: u32,
    pub(crate) input: String,
    /// Without draws: these follow from who the user is.
    pub(crate) circumstances: Circumstances,
}

/// The sealed parts of a record, each of which opens in its own place only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// [`About`], as JSON.
    About = 1,
    /// [`Facets`], as JSON: what the list is counted by, and whose it is.
    Who,
    /// The personal columns in canonical form; empty unless the level is full.
    Personal,
    /// Of a list a [`Body`]; of a confirmation its JSON.
    Body,
    /// All of these together, for a case.
    Held,
}

/// What was decided: the columns that are about nobody, in canonical form (none unless the level is full), and the answer.
pub(crate) struct Body {
    pub(crate) columns: Vec<u8>,
    pub(crate) outcome: String,
}

impl Body {
    pub(crate) fn encode(columns: &[u8], outcome: &str) -> Vec<u8> {
        [&(columns.len() as u32).to_le_bytes()[..], columns, outcome.as_bytes()].concat()
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let length = take(&mut bytes).map(u32::from_le_bytes)?;
        let (columns, outcome) = bytes.split_at_checked(length as usize)?;
        Some(Self { columns: columns.to_vec(), outcome: std::str::from_utf8(outcome).ok()?.to_owned() })
    }
}

/// A record as it is written: hashed, framed, and proven by these bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) entry: Entry,
    /// Sealed, for the decision keys: [`Part::About`] by that of the list, [`Part::Who`] by that of what is personal of it.
    pub(crate) about: Vec<u8>,
    pub(crate) who: Vec<u8>,
    /// Sealed for the personal key.
    pub(crate) personal: Vec<u8>,
    /// Sealed for the decision key of the list.
    pub(crate) body: Vec<u8>,
}

impl Record {
    /// A record of something other than a list.
    pub(crate) fn of(entry: Entry) -> Self {
        Self { entry, about: Vec::new(), who: Vec::new(), personal: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        // Writing to memory cannot fail.
        let entry = serde_json::to_vec(&self.entry).unwrap_or_default();
        let parts = [&entry, &self.about, &self.who, &self.personal, &self.body];
        let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
        for part in parts {
            out.extend_from_slice(&(part.len() as u32).to_le_bytes());
            out.extend_from_slice(part);
        }
        out
    }

    /// Reads a record back; a clause on what is wrong otherwise.
    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, String> {
        let mut part = || {
            let length = take(&mut bytes).map(u32::from_le_bytes)?;
            let (part, rest) = bytes.split_at_checked(length as usize)?;
            bytes = rest;
            Some(part.to_vec())
        };
        let parts = (part(), part(), part(), part(), part());
        let (Some(entry), Some(about), Some(who), Some(personal), Some(body)) = parts else {
            return Err("it is cut off".into());
        };
        if !bytes.is_empty() {
            return Err("something follows its last part".into());
        }
        let entry = serde_json::from_slice(&entry).map_err(|error| error.to_string())?;
        Ok(Self { entry, about, who, personal, body })
    }

    /// A sealed part, opened with a key; an error when it was altered, or sealed under another key.
    pub(crate) fn open(&self, part: Part, key: &Key) -> Result<Vec<u8>, LedgerError> {
        let sealed = match part {
            Part::About => &self.about,
            Part::Who => &self.who,
            Part::Personal => &self.personal,
            Part::Body | Part::Held => &self.body,
        };
        let number = self.entry.record;
        let altered = || LedgerError::altered(format!("record {number}"), "its sealed part does not open");
        key.open(number, part, sealed).ok_or_else(altered)
    }
}

/// An encoded record in two: what it says in the open, and the rest.
pub(crate) fn parted(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = bytes;
    let length = take(&mut rest).map_or(usize::MAX, |length| u32::from_le_bytes(length) as usize);
    rest.split_at_checked(length).unwrap_or((bytes, &[]))
}

/// The leaf of a record: over what it says in the open and the digest of the rest, so that a proof can show the one and keep
/// the other back. The rest of a list is sealed, each part with a nonce, so its digest tells nobody what it is of.
pub(crate) fn leaf_of(open: &[u8], rest: &str) -> Hash {
    leaf(&[open, b"\n", rest.as_bytes()].concat())
}

/// The leaf of an encoded record.
pub(crate) fn leaf_of_record(bytes: &[u8]) -> Hash {
    let (open, rest) = parted(bytes);
    leaf_of(open, &sha256(rest))
}

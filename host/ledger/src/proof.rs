//! Proofs that a third party checks with the proof alone: that a record is in the log, and that an older log is the beginning
//! of a newer one.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::error::LedgerError;
use crate::frame::{HEAD_BYTES, Head};
use crate::history::{History, one, records};
use crate::holds::{self, Held};
use crate::keys::{sha256, unhex};
use crate::merkle::{Hash, consistency, inclusion, is_consistent, is_included, leaf};
use crate::note::{Checkpoint, Verifier};
use crate::record::{Entry, Event, Record, leaf_of, leaf_of_record, parted};
use crate::recorded::Query;
use crate::segment::{self, Next, SegmentReader};
use normgate::contract::hex;

/// A proof as it is written: one JSON object.
#[derive(Serialize, Deserialize)]
#[serde(tag = "proof", rename_all = "snake_case", deny_unknown_fields)]
enum Proof {
    /// A record is in the log.
    Inclusion {
        /// The ledger's public key.
        key: String,
        /// The signed head of the log.
        checkpoint: String,
        /// The record.
        record: Carried,
        /// Its place in its frame, and the way from it to the frame's root.
        index: u64,
        record_path: Vec<String>,
        /// The head of the frame, base64, and the way from it to the log's root.
        frame: String,
        frame_path: Vec<String>,
    },
    /// An older log is the beginning of a newer one.
    Consistency {
        /// The ledger's public key.
        key: String,
        /// The older signed head.
        older: String,
        /// The newer signed head.
        newer: String,
        /// The way from one to the other.
        path: Vec<String>,
    },
}

/// How much of its record a proof carries.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Carried {
    /// All of it as it was written, sealed parts too; base64.
    Whole(String),
    /// What it says in the open, and the digest of the rest.
    Open { says: String, rest: String },
}

impl Carried {
    /// Its leaf, and what it says in the open; a clause on what is wrong otherwise.
    fn read(&self) -> Result<(Hash, Entry), String> {
        let entry = |text: &[u8]| serde_json::from_slice(text).map_err(|error| error.to_string());
        match self {
            Self::Whole(record) => {
                let bytes = STANDARD.decode(record).map_err(|_| "its record is not base64")?;
                Ok((leaf_of_record(&bytes), Record::decode(&bytes)?.entry))
            }
            Self::Open { says, rest } => Ok((leaf_of(says.as_bytes(), rest), entry(says.as_bytes())?)),
        }
    }
}

/// What a proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// This record is in the log.
    Included {
        /// Number of the record.
        record: u64,
        /// When it was written, milliseconds since 1970 UTC.
        ms: i64,
        /// Hash of its leaf.
        leaf: String,
        /// The policy set that decided, where the record is of a list.
        policy_set: Option<String>,
        /// The log.
        origin: String,
        /// Frames of the log that was signed.
        size: u64,
    },
    /// The older log is the beginning of the newer one.
    Consistent {
        /// The log.
        origin: String,
        /// Frames of the older.
        older: u64,
        /// Frames of the newer.
        newer: u64,
    },
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Included { record, ms, leaf, policy_set, origin, size } => {
                let judged = policy_set.as_ref().map_or(String::new(), |set| format!(", judged by {set}"));
                write!(
                    f,
                    "record {record} of {origin}, written at {ms} ms{judged}, leaf {leaf}, is among the {size} frames signed"
                )
            }
            Self::Consistent { origin, older, newer } => {
                write!(f, "the first {older} of the {newer} frames of {origin} are those that were signed before")
            }
        }
    }
}

/// The head of a frame, the place of a record in it, the record as it was written, and the way from it to the frame's root.
type Way = (Head, u64, Vec<u8>, Vec<Hash>);

impl History {
    /// The proof that a decision is in the log, as JSON; `decision_id` may be the number of its record.
    ///
    /// # Errors
    /// When there is no such decision, several records have its id, no checkpoint covers it yet, or a file cannot be read.
    pub fn prove(&self, decision_id: &str) -> Result<String, LedgerError> {
        self.prove_with(decision_id, |record| Carried::Whole(STANDARD.encode(record)))
    }

    /// The same, of the record only what it says in the open.
    pub(crate) fn prove_open(&self, decision_id: &str) -> Result<String, LedgerError> {
        self.prove_with(decision_id, |record| {
            let (says, rest) = parted(record);
            Carried::Open { says: String::from_utf8_lossy(says).into_owned(), rest: sha256(rest) }
        })
    }

    fn prove_with(&self, decision_id: &str, carried: impl Fn(&[u8]) -> Carried) -> Result<String, LedgerError> {
        let (head, index, record, record_path) = self.way(decision_id)?;
        let (verifier, note) = (self.verifier()?, self.checkpoint()?.unwrap_or_default());
        let size = Checkpoint::open(&note, &verifier).map_or(0, |checkpoint| checkpoint.size);
        if size <= head.frame {
            let place = self.home.place();
            return Err(LedgerError::Absent(format!(
                "{place}: no checkpoint covers the decision yet; sign one with `normgate ledger checkpoint {place}`"
            )));
        }
        let heads = self.heads(size)?;
        let leaves: Vec<Hash> = heads.iter().map(|head| leaf(&head.encode())).collect();
        let at = usize::try_from(head.frame).unwrap_or(usize::MAX);
        written(&Proof::Inclusion {
            key: verifier.text(),
            checkpoint: note,
            record: carried(&record),
            index,
            record_path: texts(&record_path),
            frame: STANDARD.encode(head.encode()),
            frame_path: texts(&inclusion(at, &leaves)),
        })
    }

    /// The hash of a decision's leaf: by it whoever was told of the decision can later tell whether this record is the one.
    ///
    /// # Errors
    /// When there is no such decision, or a file cannot be read.
    pub fn receipt(&self, decision_id: &str) -> Result<String, LedgerError> {
        let (_, _, record, _) = self.way(decision_id)?;
        Ok(hex(&leaf_of_record(&record)))
    }

    /// The way to the record of a decision.
    fn way(&self, which: &str) -> Result<Way, LedgerError> {
        let query = Query::of(which);
        let mut found = Vec::new();
        let damage = records(&self.home, &query, |record, _| {
            if matches!(record.record.entry.event, Event::Decision(_)) {
                let leaves: Vec<Hash> = record.frame.iter().map(|bytes| leaf_of_record(bytes)).collect();
                let path = inclusion(record.index, &leaves);
                found.push((record.head.clone(), record.index as u64, record.frame[record.index].clone(), path));
            }
            Ok(())
        })?;
        if found.is_empty() {
            found.extend(self.held(&query)?);
        }
        if found.is_empty() {
            damage.told()?;
        }
        one(&self.home, which, found, |(head, index, ..)| head.first_record + index)
    }

    /// The way to a record that is held for a case, when its segment or its key is gone.
    fn held(&self, query: &Query) -> Result<Option<Way>, LedgerError> {
        for place in holds::list(&self.home)? {
            let Some(key) = holds::key(&self.home, &place.0)? else { continue };
            let (held, _) = Held::read(&self.home, &place)?;
            let fits = held.open(&key).is_some_and(|opened| opened.fits(query));
            if let Some((head, record, path)) = held.proof().filter(|_| fits) {
                return Ok(Some((head, held.index, record, path)));
            }
        }
        Ok(None)
    }

    /// The proof that the log which an older signed note is of is the beginning of the log now, as JSON.
    ///
    /// # Errors
    /// When the older note is none of this ledger, or a file cannot be read.
    pub fn prove_since(&self, older: &str) -> Result<String, LedgerError> {
        let (verifier, newer) = (self.verifier()?, self.checkpoint()?.unwrap_or_default());
        let (old, new) = (Checkpoint::open(older, &verifier)?, Checkpoint::open(&newer, &verifier)?);
        let size = usize::try_from(old.size).ok().filter(|size| *size > 0 && old.size <= new.size);
        let size = size.ok_or_else(|| {
            LedgerError::Absent(format!("the older checkpoint has {} frames and the newest {}", old.size, new.size))
        })?;
        let leaves: Vec<Hash> = self.heads(new.size)?.iter().map(|head| leaf(&head.encode())).collect();
        let (key, older) = (verifier.text(), older.to_owned());
        written(&Proof::Consistency { key, older, newer, path: texts(&consistency(size, &leaves)) })
    }

    /// The heads of the first frames of the log.
    pub(crate) fn heads(&self, size: u64) -> Result<Vec<Head>, LedgerError> {
        let mut heads = Vec::new();
        for (number, purged) in segment::begun(&self.home)? {
            let mut reader = SegmentReader::open(&self.home, number, purged)?;
            while (heads.len() as u64) < size
                && let Next::Frame(head, _) | Next::Damaged(head, _) = reader.next(|_| false)?
            {
                heads.push(head);
            }
        }
        if (heads.len() as u64) < size {
            let message = format!("it was signed over {size} frames, and {} are there", heads.len());
            return Err(LedgerError::altered(self.home.place(), message));
        }
        Ok(heads)
    }
}

fn written(proof: &Proof) -> Result<String, LedgerError> {
    serde_json::to_string(proof).map_err(|error| LedgerError::altered("proof", error.to_string()))
}

fn texts(path: &[Hash]) -> Vec<String> {
    path.iter().map(|node| hex(node)).collect()
}

fn nodes(path: &[String]) -> Option<Vec<Hash>> {
    path.iter().map(|node| unhex(node)?.try_into().ok()).collect()
}

/// Checks a proof by itself, under the key that is given, or else the one that it carries.
///
/// # Errors
/// When it is no proof, is not signed by that key, or does not show what it says.
pub fn check(text: &str, key: Option<&Verifier>) -> Result<Checked, LedgerError> {
    Ok(check_with_entry(text, key)?.0)
}

/// The same, with what the record says in the open where the proof is of one, and the key that it was checked with.
pub(crate) fn check_with_entry(
    text: &str,
    key: Option<&Verifier>,
) -> Result<(Checked, Option<Entry>, Verifier), LedgerError> {
    let wrong = |message: &str| LedgerError::altered("proof", message);
    let trusted = |own: &str| key.cloned().map_or_else(|| Verifier::parse(own), Ok);
    match serde_json::from_str(text).map_err(|error| wrong(&format!("it is none: {error}")))? {
        Proof::Inclusion { key, checkpoint, record, index, record_path, frame, frame_path } => {
            let verifier = trusted(&key)?;
            let checkpoint = Checkpoint::open(&checkpoint, &verifier)?;
            let head: Option<[u8; HEAD_BYTES]> = STANDARD.decode(frame).ok().and_then(|bytes| bytes.try_into().ok());
            let head = head.as_ref().and_then(Head::decode).ok_or_else(|| wrong("its frame is none"))?;
            let paths = nodes(&record_path).zip(nodes(&frame_path));
            let (record_path, frame_path) = paths.ok_or_else(|| wrong("its paths are none"))?;
            let (hash, entry) = record.read().map_err(|message| wrong(&message))?;
            if !is_included(index, head.records.into(), hash, &record_path, &head.root) {
                return Err(wrong("the record is not in the frame"));
            }
            if !is_included(head.frame, checkpoint.size, leaf(&head.encode()), &frame_path, &checkpoint.root) {
                return Err(wrong("the frame is not in the log that was signed"));
            }
            let policy_set = match &entry.event {
                Event::Decision(decision) => Some(decision.policy_set.clone()),
                _ => None,
            };
            let Checkpoint { origin, size, .. } = checkpoint;
            let (record, ms) = (entry.record, entry.ms);
            Ok((Checked::Included { record, ms, leaf: hex(&hash), policy_set, origin, size }, Some(entry), verifier))
        }
        Proof::Consistency { key, .. } => {
            let verifier = trusted(&key)?;
            let (old, new) = check_consistency(text, &verifier)?
                .ok_or_else(|| wrong("the older log is not the beginning of the newer one: history was rewritten"))?;
            Ok((Checked::Consistent { origin: new.origin, older: old.size, newer: new.size }, None, verifier))
        }
    }
}

/// The two checkpoints that a proof of consistency is of, both signed by a log; nothing when the older log is not the beginning
/// of the newer one.
pub(crate) fn check_consistency(text: &str, log: &Verifier) -> Result<Option<(Checkpoint, Checkpoint)>, LedgerError> {
    let wrong = |message: &str| LedgerError::altered("proof", message);
    let Ok(Proof::Consistency { older, newer, path, .. }) = serde_json::from_str(text) else {
        return Err(wrong("it is none that an older log is the beginning of a newer one"));
    };
    let (old, new) = (Checkpoint::open(&older, log)?, Checkpoint::open(&newer, log)?);
    let path = nodes(&path).ok_or_else(|| wrong("its path is none"))?;
    let holds = old.origin == new.origin && is_consistent((old.size, &old.root), (new.size, &new.root), &path);
    Ok(holds.then_some((old, new)))
}

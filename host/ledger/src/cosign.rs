//! Cosigning: a witness, such as a regulator, signs the head of a log only after the log which it signed last was shown to be
//! its beginning. Who compares notes with it then knows that a ledger shows everybody one history.
//!
//! Signatures are C2SP tlog-cosignature, `cosignature/v1`: Ed25519 over the checkpoint and the time, one more line of its note.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use normgate::contract::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::LedgerError;
use crate::history::History;
use crate::merkle::{Hash, is_consistent};
use crate::note::{Checkpoint, Verifier, key_hash, key_text, parted, read_key, size_of};
use crate::proof::check_consistency;

/// Most nodes of a proof in a request.
const MAX_NODES: usize = 63;
/// The type of timestamped Ed25519 cosignatures among signatures of notes.
const COSIGNATURE_TYPE: u8 = 4;

/// Who cosigns: a name, and the public half of an Ed25519 key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigner {
    name: String,
    public: [u8; 32],
}

impl Cosigner {
    /// The cosigner with this public key; it is named after it.
    pub fn of(public: [u8; 32]) -> Self {
        Self { name: format!("normgate-witness/{}", hex(&Sha256::digest(public)[..6])), public }
    }

    /// Reads the written form, `<name>+<hash>+<key>`.
    ///
    /// # Errors
    /// When the text is no key of cosignatures.
    pub fn parse(text: &str) -> Result<Self, LedgerError> {
        let read = read_key(text, COSIGNATURE_TYPE).map(|(name, public)| Self { name, public });
        read.ok_or_else(|| LedgerError::altered("cosigner's key", "it is not of the form <name>+<hash>+<key>"))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The written form.
    pub fn text(&self) -> String {
        key_text(&self.name, COSIGNATURE_TYPE, &self.public)
    }

    fn hash(&self) -> [u8; 4] {
        key_hash(&self.name, COSIGNATURE_TYPE, &self.public)
    }

    /// When this cosigner signed a note, seconds since 1970 UTC; none when it did not. The latest of several counts.
    pub fn signed(&self, note: &str) -> Option<u64> {
        let (text, signatures) = parted(note)?;
        let right = |(name, signature): (String, Vec<u8>)| {
            let rest = signature.strip_prefix(&self.hash()).filter(|_| name == self.name)?;
            let (at, signature) = rest.split_first_chunk().map(|(at, rest)| (u64::from_be_bytes(*at), rest))?;
            let key = UnparsedPublicKey::new(&ED25519, &self.public);
            key.verify(&signed_text(&text, at), signature).is_ok().then_some(at)
        };
        signatures.into_iter().filter_map(right).max()
    }
}

/// What is signed: the checkpoint, and when.
fn signed_text(checkpoint: &str, at_s: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {at_s}\n{checkpoint}").into_bytes()
}

/// What a witness remembers: the last note that it cosigned, log by log.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    logs: BTreeMap<String, Last>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    /// The log's public key.
    key: String,
    /// The note, with the cosignature.
    note: String,
}

/// How the log that was cosigned last is shown to be the beginning of the one that is to be cosigned.
pub enum Shown<'s> {
    /// By a proof, as `normgate ledger prove --since` writes it; nothing is needed the first time.
    Proof(Option<&'s str>),
    /// By the ledger itself.
    Ledger(&'s History),
    /// By the nodes of a proof from a log of so many frames, as a request `add-checkpoint` has them.
    Nodes(u64, &'s [Hash]),
}

/// What a witness answers to a request `add-checkpoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The line of its cosignature.
    Cosigned(String),
    /// The proof is of another beginning than that which it cosigned last: so many frames.
    Conflict(u64),
}

/// A witness: its key, and the file in which it remembers what it signed.
pub struct Witness<'w> {
    /// Who it is.
    pub cosigner: Cosigner,
    /// Signs a text with the private half of its key.
    pub sign: &'w dyn Fn(&[u8]) -> Vec<u8>,
    /// The file.
    pub state: &'w Path,
}

impl Witness<'_> {
    /// Cosigns a checkpoint, and gives the note with the line added. What is signed is remembered, on the disk, before it is given.
    ///
    /// `log` is the log's public key, from whom the witness trusts; once it has cosigned the log, it knows the key.
    ///
    /// # Errors
    /// When the note is not of that log, or the log that was cosigned last is not shown to be its beginning.
    pub fn cosign(
        &self,
        note: &str,
        log: Option<&Verifier>,
        shown: &Shown<'_>,
        at_s: u64,
    ) -> Result<String, LedgerError> {
        let place = self.state.display().to_string();
        let lock = File::create(self.state.with_added_extension("lock")).map_err(LedgerError::io(&place))?;
        lock.lock().map_err(LedgerError::io(&place))?;
        let mut seen = self.read()?;
        let origin = note.lines().next().unwrap_or_default().to_owned();
        let last = seen.logs.get(&origin);
        let known = last.map(|last| Verifier::parse(&last.key)).transpose()?;
        let verifier = match (log, known) {
            (Some(given), Some(known)) if *given != known => {
                return Err(LedgerError::altered(place, format!("{origin} was cosigned under another key before")));
            }
            (Some(verifier), _) => verifier.clone(),
            (None, Some(known)) => known,
            (None, None) => {
                return Err(LedgerError::Absent(format!(
                    "{origin} was never cosigned here: give its public key, from whom you trust, with --ledger-key"
                )));
            }
        };
        let checkpoint = Checkpoint::open(note, &verifier)?;
        if checkpoint.origin != verifier.name() {
            return Err(LedgerError::altered("checkpoint", format!("it is of another log, {}", checkpoint.origin)));
        }
        if checkpoint.size == 0 {
            return Err(LedgerError::Absent(format!("{origin} has no frame yet: there is nothing to cosign")));
        }
        if let Some(last) = last {
            follows(&last.note, note, &checkpoint, &verifier, shown)?;
        }
        let (text, _) = parted(note).ok_or_else(|| LedgerError::altered("checkpoint", "it is not a signed note"))?;
        let signature = (self.sign)(&signed_text(&text, at_s));
        let line = [&self.cosigner.hash()[..], &at_s.to_be_bytes(), &signature].concat();
        let cosigned = format!("{note}\u{2014} {} {}\n", self.cosigner.name, STANDARD.encode(line));
        seen.logs.insert(origin, Last { key: verifier.text(), note: cosigned.clone() });
        self.write(&seen)?;
        Ok(cosigned)
    }

    /// Answers a request `add-checkpoint` (C2SP tlog-witness), as [`Witness::cosign`] does a note and its proof.
    ///
    /// # Errors
    /// When it is no such request, or as for a note.
    pub fn add_checkpoint(&self, body: &str, log: Option<&Verifier>, at_s: u64) -> Result<Answered, LedgerError> {
        let (old, nodes, note) = request(body).ok_or_else(|| {
            LedgerError::altered(
                "request",
                "it is not of the form of add-checkpoint: old <size>, nodes, an empty line, a checkpoint",
            )
        })?;
        let origin = note.lines().next().unwrap_or_default();
        let last = self.read()?.logs.get(origin).map(|last| size_of(&last.note)).unwrap_or_default();
        if last != old {
            return Ok(Answered::Conflict(last));
        }
        let cosigned = self.cosign(note, log, &Shown::Nodes(old, &nodes), at_s)?;
        Ok(Answered::Cosigned(cosigned.strip_prefix(note).unwrap_or_default().to_owned()))
    }

    fn read(&self) -> Result<Seen, LedgerError> {
        let place = || self.state.display().to_string();
        match fs::read(self.state) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| LedgerError::altered(place(), error.to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Seen::default()),
            Err(error) => Err(LedgerError::io(place())(error)),
        }
    }

    /// Writes the file whole or not at all, and has it on the disk.
    fn write(&self, seen: &Seen) -> Result<(), LedgerError> {
        let part = self.state.with_added_extension("part");
        let write = || -> io::Result<()> {
            let mut file = File::create(&part)?;
            file.write_all(&serde_json::to_vec_pretty(seen)?)?;
            file.sync_all()?;
            fs::rename(&part, self.state)?;
            let folder = self.state.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(LedgerError::io(self.state.display().to_string()))
    }
}

/// The parts of a request `add-checkpoint`: the size of the older log, the nodes of the proof, the checkpoint.
fn request(body: &str) -> Option<(u64, Vec<Hash>, &str)> {
    let (proof, note) = body.split_once("\n\n")?;
    let mut lines = proof.split('\n');
    let old = lines.next()?.strip_prefix("old ")?;
    let size: u64 = old.parse().ok().filter(|size: &u64| size.to_string() == old)?;
    let nodes = lines.map(|line| STANDARD.decode(line).ok()?.try_into().ok()).collect::<Option<Vec<Hash>>>()?;
    (nodes.len() <= MAX_NODES).then_some((size, nodes, note))
}

/// Holds a checkpoint against the one that was cosigned last.
fn follows(
    last: &str,
    note: &str,
    new: &Checkpoint,
    verifier: &Verifier,
    shown: &Shown<'_>,
) -> Result<(), LedgerError> {
    let old = Checkpoint::open(last, verifier)?;
    // Every log begins with nothing.
    if old.size == 0 {
        return Ok(());
    }
    let split = || {
        LedgerError::altered(
            "checkpoint",
            format!(
                "the {} frames that were cosigned are not the first of these {}: the ledger's key has signed two histories, and \
                 others may be shown the other one; it is not cosigned, and both notes together are the evidence",
                old.size, new.size
            ),
        )
    };
    if new.size < old.size {
        return Err(LedgerError::altered(
            "checkpoint",
            format!(
                "it has {} frames, and {} were cosigned: a log never shrinks; ask for a newer one",
                new.size, old.size
            ),
        ));
    }
    if new.size == old.size {
        return if new.root == old.root { Ok(()) } else { Err(split()) };
    }
    let proof = match shown {
        Shown::Nodes(size, nodes) => {
            let shown = *size == old.size && is_consistent((old.size, &old.root), (new.size, &new.root), nodes);
            return if shown { Ok(()) } else { Err(split()) };
        }
        Shown::Proof(proof) => proof.map(str::to_owned).ok_or_else(|| {
            LedgerError::Absent(format!(
                "{} frames were cosigned: give the proof that they are the beginning of these {} with --proof; \
                 `normgate ledger prove LEDGER --since NOTE` writes it",
                old.size, new.size
            ))
        })?,
        Shown::Ledger(history) => history.prove_since(last)?,
    };
    let (older, newer) = check_consistency(&proof, verifier)?.ok_or_else(split)?;
    let newest = Checkpoint::open(note, verifier)?;
    if older != old || newer != newest {
        return Err(LedgerError::altered(
            "proof",
            "it is of other checkpoints than the one cosigned last and this one",
        ));
    }
    Ok(())
}

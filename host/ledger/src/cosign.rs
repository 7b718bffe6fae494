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
use crate::home::CHECKPOINTS;
use crate::note::{Checkpoint, Verifier, key_hash, key_text, parted, read_key};
use crate::proof::check_consistency;

/// The type of timestamped Ed25519 cosignatures among signatures of notes.
const COSIGNATURE_TYPE: u8 = 4;

/// Who cosigns: a name, and the public half of an Ed25519 key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigner {
    name: String,
    public: [u8; 32],
}

/// A cosignature that is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// Frames of the log.
    pub size: u64,
    /// When it was cosigned, seconds since 1970 UTC.
    pub at_s: u64,
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

/// Holds a checkpoint against the one that was cosigned last.
fn follows(
    last: &str,
    note: &str,
    new: &Checkpoint,
    verifier: &Verifier,
    shown: &Shown<'_>,
) -> Result<(), LedgerError> {
    let old = Checkpoint::open(last, verifier)?;
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

impl History {
    /// The notes in the ledger's folder, and the one that is given, that a cosigner signed. Whether they agree with the frames
    /// is for [`History::verify`] to say.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn cosigned(&self, by: &Cosigner, known: Option<&str>) -> Result<Vec<Cosigned>, LedgerError> {
        let mut notes: Vec<String> = known.map(str::to_owned).into_iter().collect();
        for name in self.home.names(CHECKPOINTS)? {
            let note = self.home.read(&format!("{CHECKPOINTS}/{name}"))?.unwrap_or_default();
            notes.push(String::from_utf8_lossy(&note).into_owned());
        }
        let verifier = self.verifier()?;
        let cosigned = |note: String| {
            let at_s = by.signed(&note)?;
            Some(Cosigned { size: Checkpoint::open(&note, &verifier).ok()?.size, at_s })
        };
        Ok(notes.into_iter().filter_map(cosigned).collect())
    }
}

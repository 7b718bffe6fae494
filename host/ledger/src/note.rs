//! Checkpoints: the head of the log as a signed note (C2SP signed-note and tlog-checkpoint), which anybody can check with
//! the ledger's public key.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::error::LedgerError;
use crate::keys::Signer;
use crate::merkle::Hash;
use normgate::contract::hex;

/// The type of Ed25519 among signatures of notes.
const ED25519_TYPE: u8 = 1;

/// The head of a log: how many frames it has, and the root over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log.
    pub origin: String,
    /// Number of frames.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

/// Who signs: the log's name and public key, written `<name>+<hash>+<key>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    public: Vec<u8>,
}

impl Verifier {
    /// The verifier of a signer; the log is named after its key.
    pub(crate) fn of(signer: &Signer) -> Self {
        let public = signer.public().to_vec();
        Self { name: format!("normgate-ledger/{}", hex(&Sha256::digest(&public)[..6])), public }
    }

    /// Reads the written form.
    ///
    /// # Errors
    /// When the text is no key of a signed note.
    pub fn parse(text: &str) -> Result<Self, LedgerError> {
        let read = read_key(text, ED25519_TYPE).map(|(name, public)| Self { name, public: public.to_vec() });
        read.ok_or_else(|| {
            LedgerError::altered("public key", "it is not of the form <name>+<hash>+<key> of a signed note")
        })
    }

    /// The written form.
    pub fn text(&self) -> String {
        key_text(&self.name, ED25519_TYPE, &self.public)
    }

    /// The log's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn hash(&self) -> [u8; 4] {
        key_hash(&self.name, ED25519_TYPE, &self.public)
    }

    /// Whether the signature of a text is of this key.
    pub(crate) fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(text, signature).is_ok()
    }
}

/// The written form of a key, `<name>+<hash>+<key>`.
pub(crate) fn key_text(name: &str, kind: u8, public: &[u8]) -> String {
    let typed = [&[kind], public].concat();
    format!("{name}+{}+{}", hex(&key_hash(name, kind, public)), STANDARD.encode(typed))
}

/// Name and public half of a key of 32 bytes in its written form; none when the text is no key of this kind.
pub(crate) fn read_key(text: &str, kind: u8) -> Option<(String, [u8; 32])> {
    let (name, rest) = text.trim_end_matches('\n').split_once('+')?;
    let (hash, key) = rest.split_once('+')?;
    let key = STANDARD.decode(key).ok()?;
    let public: [u8; 32] = key.strip_prefix(&[kind])?.try_into().ok()?;
    (hex(&key_hash(name, kind, &public)) == hash).then(|| (name.to_owned(), public))
}

/// By which a signature names its key.
pub(crate) fn key_hash(name: &str, kind: u8, public: &[u8]) -> [u8; 4] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', kind]).chain_update(public).finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// A signature of a note: who signed, and with what.
type Signature = (String, Vec<u8>);

/// A signed note in two: its text, and its signatures with the names of who signed. None when some line is no signature.
pub(crate) fn parted(note: &str) -> Option<(String, Vec<Signature>)> {
    let (text, signatures) = note.split_once("\n\n")?;
    let signature = |line: &str| {
        let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        Some((name.to_owned(), STANDARD.decode(signature).ok()?))
    };
    let signatures = signatures.strip_suffix('\n')?.split('\n').map(signature).collect::<Option<_>>()?;
    Some((format!("{text}\n"), signatures))
}

impl Checkpoint {
    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// The checkpoint as a signed note.
    pub(crate) fn sign(&self, signer: &Signer, verifier: &Verifier) -> String {
        let text = self.text();
        let signature = [&verifier.hash()[..], &signer.sign(text.as_bytes())].concat();
        format!("{text}\n\u{2014} {} {}\n", verifier.name, STANDARD.encode(signature))
    }

    /// Reads a signed note, whoever else signed it too.
    ///
    /// # Errors
    /// When it is no checkpoint, or not signed by the log.
    pub fn open(note: &str, verifier: &Verifier) -> Result<Self, LedgerError> {
        let wrong = |message: &str| LedgerError::altered("checkpoint", message);
        let (text, signatures) = parted(note).ok_or_else(|| wrong("it is not a signed note"))?;
        // Others may have signed it too; the log's own signature must be there and right.
        let signed = signatures.iter().any(|(name, signature)| {
            let own = signature.strip_prefix(&verifier.hash()).filter(|_| *name == verifier.name);
            own.is_some_and(|signature| verifier.verifies(text.as_bytes(), signature))
        });
        if !signed {
            return Err(wrong("it is not signed by this ledger's key"));
        }
        let read = || {
            let mut lines = text.split('\n');
            let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
            let root = STANDARD.decode(root).ok()?.try_into().ok()?;
            Some(Self { origin: origin.to_owned(), size: size.parse().ok()?, root })
        };
        read().filter(|read| read.text() == text).ok_or_else(|| wrong("it does not say a size and a root"))
    }
}

/// How many frames a note says that it is of.
pub(crate) fn size_of(note: &str) -> u64 {
    note.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or_default()
}

/// Whether a file of this name holds a note over so many frames.
pub(crate) fn is_named(name: &str, size: u64) -> bool {
    name == format!("{size:012}.note") || name == format!("{size:012}.cosigned.note")
}

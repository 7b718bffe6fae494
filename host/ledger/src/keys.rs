//! Keys: one that signs, and for every epoch one a retention class, in files of their own and never in a segment.
//!
//! An epoch is a day in Asia/Shanghai. Destroying its key makes what it sealed unreadable for good, wherever copies of the
//! segments lie, while the log still proves that the records are there.

use std::collections::HashMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use normgate::contract::{Day, hex};
use sha2::{Digest, Sha256};

use crate::error::LedgerError;
use crate::home::{Home, KEYS};

const SIGNING: &str = "keys/signing.key";

/// How long something is kept: what is about a person, and what was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The personal columns of requests.
    Personal,
    /// Outcomes, and the pseudonyms by which records are found.
    Decision,
}

impl Class {
    /// Both.
    pub const ALL: [Class; 2] = [Self::Personal, Self::Decision];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Decision => "decision",
        }
    }
}

/// The key of one epoch and class.
pub(crate) struct Key {
    seal: LessSafeKey,
    tag: hmac::Key,
    /// By which a segment names it, so that a key that was altered or exchanged is noticed.
    pub(crate) id: String,
}

impl Key {
    fn new(secret: &[u8; 32]) -> Result<Self, LedgerError> {
        // One secret, three uses: each has a key of its own.
        let root = hmac::Key::new(HMAC_SHA256, secret);
        let derived = |label: &str| hmac::sign(&root, label.as_bytes());
        let seal = UnboundKey::new(&AES_256_GCM, derived("normgate-ledger seal").as_ref());
        let seal = seal.map_err(|_| LedgerError::altered("key", "it is not of the right length"))?;
        Ok(Self {
            seal: LessSafeKey::new(seal),
            tag: hmac::Key::new(HMAC_SHA256, derived("normgate-ledger tag").as_ref()),
            id: hex(&derived("normgate-ledger id").as_ref()[..8]),
        })
    }

    /// Compresses and seals a text, bound to the record that it stands in.
    pub(crate) fn seal(&self, record: u64, text: &[u8]) -> Result<Vec<u8>, LedgerError> {
        let failed = |what: &str| LedgerError::NotRecorded { message: format!("sealing failed: {what}") };
        let length = u32::try_from(text.len()).map_err(|error| failed(&error.to_string()))?;
        let packed = zstd::bulk::compress(text, LEVEL).map_err(|error| failed(&error.to_string()))?;
        let mut body = [&length.to_le_bytes()[..], &packed].concat();
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| failed("no randomness"))?;
        let bound = Aad::from(record.to_le_bytes());
        let sealed = self.seal.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound, &mut body);
        sealed.map_err(|_| failed("the text is too long"))?;
        let mut out = nonce.to_vec();
        out.append(&mut body);
        Ok(out)
    }

    /// Opens what was sealed; none when it was altered, or sealed under another key.
    pub(crate) fn open(&self, record: u64, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let mut body = body.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.seal.open_in_place(nonce, Aad::from(record.to_le_bytes()), &mut body).ok()?;
        let (length, packed) = text.split_first_chunk()?;
        let length = u32::from_le_bytes(*length) as usize;
        (length <= MAX_TEXT_BYTES).then(|| zstd::bulk::decompress(packed, length).ok())?
    }

    /// A pseudonym or keyed hash: equal for equal texts, and telling nothing without the key.
    pub(crate) fn tag(&self, what: &str, text: &[u8]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.tag);
        context.update(what.as_bytes());
        context.update(&[0]);
        context.update(text);
        let mut out = [0; 16];
        out.copy_from_slice(&context.sign().as_ref()[..16]);
        out
    }
}

/// How hard texts are compressed: the least, which is within a tenth of the usual level on lists and twice as fast.
pub(crate) const LEVEL: i32 = 1;
/// Longest text that is sealed or stored, in bytes: a list of the most rows, with room.
pub(crate) const MAX_TEXT_BYTES: usize = 512 << 20;

/// How long everything is kept at the least, in days: six months at their longest (Art 28; CSL 23).
pub const RETENTION_DAYS: u32 = 184;

/// What one key seals: the records of an epoch and a class that are kept for the same number of days. Destroying the key ends
/// the life of these, and of nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot {
    pub(crate) epoch: Day,
    pub(crate) class: Class,
    pub(crate) keep_d: u32,
}

impl Slot {
    /// The file of its key.
    pub(crate) fn file(self) -> String {
        let Self { epoch, class, keep_d } = self;
        match keep_d {
            RETENTION_DAYS => format!("{KEYS}/{epoch}.{}.key", class.name()),
            longer => format!("{KEYS}/{epoch}.{}-{longer}.key", class.name()),
        }
    }

    /// The slot that a file in the folder of keys is of.
    pub(crate) fn of_file(name: &str) -> Option<Self> {
        let (epoch, class) = name.strip_suffix(".key")?.split_once('.')?;
        let (class, keep_d) = match class.split_once('-') {
            Some((class, days)) => (class, days.parse().ok()?),
            None => (class, RETENTION_DAYS),
        };
        let class = Class::ALL.into_iter().find(|known| known.name() == class)?;
        let slot = Self { epoch: epoch.parse().ok()?, class, keep_d };
        (slot.file() == format!("{KEYS}/{name}")).then_some(slot)
    }

    /// Whether a purge up to a day ends it: what is kept longer than most ends as much later.
    pub(crate) fn ends_by(self, until: Day) -> bool {
        self.epoch <= earlier(until, self.keep_d)
    }
}

/// The last day whose lists need not be kept any more at a time in milliseconds since 1970 UTC: retention counts from the end of
/// the last day that is over.
pub fn expired(now_ms: i64) -> Day {
    Day::containing(now_ms.saturating_sub(i64::from(RETENTION_DAYS + 1) * 86_400_000))
}

/// The last epoch of which a purge up to a day takes what is kept for so many days.
pub(crate) fn earlier(until: Day, keep_d: u32) -> Day {
    let longer = i64::from(keep_d.saturating_sub(RETENTION_DAYS));
    Day::containing(until.start_ms().saturating_sub(longer * 86_400_000))
}

/// The keys of one epoch, where they are still there.
#[derive(Default)]
pub(crate) struct EpochKeys(HashMap<(Class, u32), Key>);

impl EpochKeys {
    /// The keys that are there.
    pub(crate) fn read(home: &Home, epoch: Day) -> Result<Self, LedgerError> {
        let mut keys = HashMap::new();
        for slot in home.names(KEYS)?.iter().filter_map(|name| Slot::of_file(name)) {
            if slot.epoch == epoch
                && let Some(key) = read(home, &slot.file())?
            {
                keys.insert((slot.class, slot.keep_d), key);
            }
        }
        Ok(Self(keys))
    }

    /// The key of a class and a number of days.
    pub(crate) fn of(&self, class: Class, keep_d: u32) -> Option<&Key> {
        self.0.get(&(class, keep_d))
    }

    /// Leaves out the key of a class for what is kept as long as everything, unless it is this one.
    pub(crate) fn only(&mut self, class: Class, id: &str) {
        let slot = (class, RETENTION_DAYS);
        if self.0.get(&slot).is_some_and(|key| key.id != id) {
            self.0.remove(&slot);
        }
    }
}

/// The key in a file, if it is there.
pub(crate) fn read(home: &Home, name: &str) -> Result<Option<Key>, LedgerError> {
    home.read(name)?.map(|text| Key::new(&secret(home, name, &text)?)).transpose()
}

/// The key in a file; made, and on the disk, when it is missing.
pub(crate) fn provide(home: &Home, name: &str) -> Result<Key, LedgerError> {
    match read(home, name)? {
        Some(key) => Ok(key),
        None => Key::new(&fresh(home, name)?),
    }
}

/// The pair that signs checkpoints.
pub(crate) struct Signer {
    pair: Ed25519KeyPair,
}

impl Signer {
    /// The pair of a ledger; made when it is missing.
    pub(crate) fn provide(home: &Home) -> Result<Self, LedgerError> {
        match Self::read(home)? {
            Some(signer) => Ok(signer),
            None => Self::new(&fresh(home, SIGNING)?),
        }
    }

    /// The pair of a ledger, if it is there.
    pub(crate) fn read(home: &Home) -> Result<Option<Self>, LedgerError> {
        home.read(SIGNING)?.map(|text| Self::new(&secret(home, SIGNING, &text)?)).transpose()
    }

    fn new(seed: &[u8; 32]) -> Result<Self, LedgerError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed);
        Ok(Self { pair: pair.map_err(|_| LedgerError::altered(SIGNING, "it is not a seed of Ed25519"))? })
    }

    pub(crate) fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    pub(crate) fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.pair.sign(text).as_ref().to_vec()
    }
}

fn fresh(home: &Home, name: &str) -> Result<[u8; 32], LedgerError> {
    let mut secret = [0; 32];
    let made = rand::fill(&mut secret);
    made.map_err(|_| LedgerError::altered(home.of(name), "the system gave no randomness for a key"))?;
    home.write(name, format!("{}\n", hex(&secret)).as_bytes())?;
    Ok(secret)
}

fn secret(home: &Home, name: &str, text: &[u8]) -> Result<[u8; 32], LedgerError> {
    let bytes = std::str::from_utf8(text).ok().and_then(|text| unhex(text.strip_suffix('\n')?));
    let secret = bytes.and_then(|bytes| bytes.try_into().ok());
    secret.ok_or_else(|| LedgerError::altered(home.of(name), "it is not a key: 64 hexadecimal digits and a line break"))
}

/// From lower-case hexadecimal, and from no other writing of it.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

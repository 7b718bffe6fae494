//! Keys: one that signs, and for every epoch one a retention class and number of days, in files of their own and never in a
//! segment. On the disk they are as they are, or wrapped by a command of the platform (`wrap`).
//!
//! An epoch is a day in Asia/Shanghai. Destroying its key, and every copy of it, makes what it sealed unreadable for good,
//! wherever copies of the segments lie, while the log still proves that the records are there.
//!
//! Secrets are overwritten when they are dropped: those in memory of ours by `zeroize`, as nothing in the standard library does, and
//! those inside of AWS-LC by that library, which cleanses whatever it frees.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use normgate::contract::{Day, hex};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::bytes::take;
use crate::error::LedgerError;
use crate::home::{Home, KEYS};
use crate::record::Part;
use crate::wrap::Wrapping;

const SIGNING: &str = "keys/signing.key";

/// A secret as it is in memory.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// How long something is kept: what is about a person, and what was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The personal columns of requests.
    Personal,
    /// Outcomes, and everything else of a list.
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

/// The key of one epoch, class and number of days.
pub(crate) struct Key {
    seal: LessSafeKey,
    tag: hmac::Key,
    /// By which a segment names it, so that a key that was altered or exchanged is noticed.
    pub(crate) id: String,
}

/// Bytes that are derived of a secret.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

impl Key {
    fn new(secret: &Secret) -> Result<Self, LedgerError> {
        // One secret, three uses: each has a key of its own.
        let failed = |_| LedgerError::altered("key", "no key can be derived of it");
        let root = Prk::new_less_safe(HKDF_SHA256, &secret[..]);
        let derive = |label: &str, out: &mut [u8]| {
            let length = Bytes(out.len());
            root.expand(&[label.as_bytes()], length).and_then(|derived| derived.fill(out)).map_err(failed)
        };
        let (mut seal, mut tag) = (Secret::default(), Secret::default());
        let mut id = [0; 8];
        derive("normgate-ledger seal", &mut seal[..])?;
        derive("normgate-ledger tag", &mut tag[..])?;
        derive("normgate-ledger id", &mut id)?;
        Ok(Self {
            seal: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &seal[..]).map_err(failed)?),
            tag: hmac::Key::new(HMAC_SHA256, &tag[..]),
            id: hex(&id),
        })
    }

    /// Seals a text into a part of a record: it opens there only.
    pub(crate) fn seal(&self, record: u64, part: Part, text: &[u8]) -> Result<Vec<u8>, LedgerError> {
        let failed = |what: String| LedgerError::NotRecorded { message: format!("record {record}: {what}") };
        let length = u32::try_from(text.len()).ok().filter(|length| *length as usize <= MAX_TEXT_BYTES);
        let length = length.ok_or_else(|| failed(format!("{} bytes are too many for a part of it", text.len())))?;
        let packed = zstd::bulk::compress(text, LEVEL).map_err(|error| failed(error.to_string()))?;
        let mut body = [length.to_le_bytes(), (packed.len() as u32).to_le_bytes()].concat();
        body.extend_from_slice(&packed);
        body.resize(body.len().next_multiple_of(STEP_BYTES), 0);
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| failed("the system gave no randomness".into()))?;
        let aad = Aad::from(place(record, part));
        self.seal
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut body)
            .map_err(|_| failed("it could not be sealed".into()))?;
        Ok([&nonce[..], &body].concat())
    }

    /// What was sealed into a part of a record; none when it was altered, or sealed under another key.
    pub(crate) fn open(&self, record: u64, part: Part, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let mut body = body.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.seal.open_in_place(nonce, Aad::from(place(record, part)), &mut body).ok()?;
        let mut rest: &[u8] = text;
        let length = take(&mut rest).map(u32::from_le_bytes)? as usize;
        let packed = take(&mut rest).map(u32::from_le_bytes)? as usize;
        let packed = rest.get(..packed)?;
        (length <= MAX_TEXT_BYTES).then(|| zstd::bulk::decompress(packed, length).ok())?
    }

    /// A keyed hash: equal for equal texts, and telling nothing without the key.
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

/// What a sealed part is bound to.
fn place(record: u64, part: Part) -> [u8; 9] {
    let mut place = [part as u8; 9];
    place[..8].copy_from_slice(&record.to_le_bytes());
    place
}

/// How hard texts are compressed: the least, which is within a tenth of the usual level on lists and twice as fast.
pub(crate) const LEVEL: i32 = 1;
/// Texts are sealed in steps of so many bytes, so that their lengths tell less of what they are: of whom a list is, for one.
const STEP_BYTES: usize = 64;
/// Longest text that is sealed or stored, in bytes: a list of the most rows, with room.
pub(crate) const MAX_TEXT_BYTES: usize = 512 << 20;

/// How long everything is kept at the least, in days: six months at their longest (Art 28; CSL 23).
pub const RETENTION_DAYS: u32 = 184;

/// For how many days something is kept: what an obligation asks is rounded up to one of these, and is the last at most. So a
/// day has few keys, however many numbers of days are asked for.
pub const KEPT_D: [u32; 4] = [RETENTION_DAYS, 365, 1_095, 3_650];
const LONGEST_D: u32 = KEPT_D[KEPT_D.len() - 1];

/// The number of days that something is kept for which so many are asked.
pub(crate) fn rounded_up(days: u32) -> u32 {
    KEPT_D.into_iter().find(|kept| *kept >= days).unwrap_or(LONGEST_D)
}

/// The greatest number of days to keep something that is not beyond a limit.
pub(crate) fn rounded_down(limit: u32) -> u32 {
    KEPT_D.into_iter().rev().find(|kept| *kept <= limit).unwrap_or(RETENTION_DAYS)
}

/// What one key seals: the records of an epoch and a class that are kept for the same number of days. Destroying the key ends
/// the life of these, and of nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot {
    pub(crate) epoch: Day,
    pub(crate) class: Class,
    pub(crate) keep_d: u32,
}

impl Slot {
    /// All that an epoch may have: of the days a class is kept, the least come first.
    pub(crate) fn all(epoch: Day) -> impl Iterator<Item = Self> {
        KEPT_D.into_iter().flat_map(move |keep_d| Class::ALL.map(|class| Self { epoch, class, keep_d }))
    }

    /// Those that every segment of an epoch names.
    pub(crate) fn needed(epoch: Day) -> impl Iterator<Item = Self> {
        Self::all(epoch).filter(|slot| slot.class == Class::Decision || slot.keep_d == RETENTION_DAYS)
    }

    /// Its name within its epoch.
    pub(crate) fn name(self) -> String {
        match self.keep_d {
            RETENTION_DAYS => self.class.name().to_owned(),
            longer => format!("{}-{longer}", self.class.name()),
        }
    }

    /// The file of its key.
    pub(crate) fn file(self) -> String {
        format!("{KEYS}/{}.{}.key", self.epoch, self.name())
    }

    /// The slot that a file in the folder of keys is of.
    pub(crate) fn of_file(name: &str) -> Option<Self> {
        let (epoch, slot) = name.strip_suffix(".key")?.split_once('.')?;
        let epoch: Day = epoch.parse().ok()?;
        Self::all(epoch).find(|known| known.name() == slot && known.file() == format!("{KEYS}/{name}"))
    }

    /// Whether a purge up to a day ends it: what is kept longer than most ends as much later.
    pub(crate) fn ends_by(self, until: Day) -> bool {
        let longer = i64::from(self.keep_d.saturating_sub(RETENTION_DAYS));
        self.epoch <= Day::containing(until.start_ms().saturating_sub(longer * 86_400_000))
    }
}

/// The last day whose lists need not be kept any more at a time in milliseconds since 1970 UTC: retention counts from the end of
/// the last day that is over.
pub fn expired(now_ms: i64) -> Day {
    Day::containing(now_ms.saturating_sub(i64::from(RETENTION_DAYS + 1) * 86_400_000))
}

/// A key as it lies on the disk, opened when it is asked for: unwrapping takes a call of the platform's command.
struct Kept {
    place: String,
    text: Zeroizing<Vec<u8>>,
    key: OnceCell<Key>,
}

/// The keys of one epoch, where they are still there.
#[derive(Default)]
pub(crate) struct EpochKeys {
    kept: HashMap<(Class, u32), Kept>,
    wrapping: Option<Arc<Wrapping>>,
    /// The names of the keys that count; all of them do where nothing is said.
    named: Option<HashMap<(Class, u32), String>>,
}

impl EpochKeys {
    /// The keys that are there.
    pub(crate) fn read(home: &Home, epoch: Day) -> Result<Self, LedgerError> {
        let mut kept = HashMap::new();
        for slot in Slot::all(epoch) {
            if let Some(text) = home.read(&slot.file())? {
                let (place, text) = (home.of(&slot.file()), Zeroizing::new(text));
                kept.insert((slot.class, slot.keep_d), Kept { place, text, key: OnceCell::new() });
            }
        }
        Ok(Self { kept, wrapping: home.wrapping.clone(), named: None })
    }

    /// Leaves out keys that are not those that a segment names.
    pub(crate) fn only(mut self, named: &BTreeMap<String, String>) -> Self {
        let name = |slot: Slot| Some(((slot.class, slot.keep_d), named.get(&slot.name())?.clone()));
        self.named = Some(Slot::all(Day::containing(0)).filter_map(name).collect());
        self
    }

    /// The key of a class and a number of days; none where it is gone.
    ///
    /// # Errors
    /// When its file is no key, or it cannot be unwrapped.
    pub(crate) fn of(&self, class: Class, keep_d: u32) -> Result<Option<&Key>, LedgerError> {
        let Some(Kept { place, text, key }) = self.kept.get(&(class, keep_d)) else { return Ok(None) };
        if key.get().is_none() {
            let opened = Key::new(&secret(self.wrapping.as_deref(), place, text)?)?;
            key.get_or_init(|| opened);
        }
        let counts = |key: &&Key| self.named.as_ref().is_none_or(|named| named.get(&(class, keep_d)) == Some(&key.id));
        Ok(key.get().filter(counts))
    }

    /// Whether the segment names a key of a class and a number of days.
    pub(crate) fn names(&self, class: Class, keep_d: u32) -> bool {
        self.named.as_ref().is_none_or(|named| named.contains_key(&(class, keep_d)))
    }

    /// Whether every decision key that the segment names is there: then what none of them opens was sealed for nobody.
    pub(crate) fn has_every_decision(&self) -> Result<bool, LedgerError> {
        for keep_d in KEPT_D.into_iter().filter(|keep_d| self.names(Class::Decision, *keep_d)) {
            if self.of(Class::Decision, keep_d)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The decision keys that are there, by number of days, the least first.
    pub(crate) fn decision(&self) -> impl Iterator<Item = Result<(u32, &Key), LedgerError>> {
        let key = |keep_d| Some(self.of(Class::Decision, keep_d).transpose()?.map(|key| (keep_d, key)));
        KEPT_D.into_iter().filter_map(key)
    }
}

/// The keys that a writer seals an epoch with.
pub(crate) struct WriterKeys {
    pub(crate) epoch: Day,
    keys: HashMap<(Class, u32), Key>,
}

impl WriterKeys {
    /// The keys of an epoch, all that it may need: which of them are used says nothing, then. `personal_d` is how long personal
    /// columns are kept at most.
    pub(crate) fn provide(home: &Home, epoch: Day, personal_d: u32) -> Result<Self, LedgerError> {
        let mut keys = HashMap::new();
        for slot in Slot::all(epoch).filter(|slot| slot.class == Class::Decision || slot.keep_d <= personal_d) {
            let name = slot.file();
            if home.wrapping.is_some() && is_plain(home, &name)? {
                return Err(LedgerError::Wrap {
                    place: home.of(&name),
                    message: "the key is not wrapped, and a wrap command is configured: nothing is sealed with it; go on without \
                              the command until the day is over"
                        .into(),
                });
            }
            keys.insert((slot.class, slot.keep_d), provide(home, &name)?);
        }
        Ok(Self { epoch, keys })
    }

    pub(crate) fn of(&self, class: Class, keep_d: u32) -> Result<&Key, LedgerError> {
        let lacking = || LedgerError::NotRecorded { message: format!("there is no key for {keep_d} days") };
        self.keys.get(&(class, keep_d)).ok_or_else(lacking)
    }

    /// By name of the slot, the names of the keys.
    pub(crate) fn named(&self) -> BTreeMap<String, String> {
        let name = |(&(class, keep_d), key): (&(Class, u32), &Key)| {
            (Slot { epoch: self.epoch, class, keep_d }.name(), key.id.clone())
        };
        self.keys.iter().map(name).collect()
    }
}

/// Whether the file of a key is there, and holds it as it is.
pub(crate) fn is_plain(home: &Home, name: &str) -> Result<bool, LedgerError> {
    let text = home.read(name)?.map(Zeroizing::new);
    Ok(text.is_some_and(|text| !Wrapping::has_made(&text)))
}

/// The key in a file, if it is there.
pub(crate) fn read(home: &Home, name: &str) -> Result<Option<Key>, LedgerError> {
    let text = home.read(name)?.map(Zeroizing::new);
    text.map(|text| Key::new(&secret(home.wrapping.as_deref(), &home.of(name), &text)?)).transpose()
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
        let text = home.read(SIGNING)?.map(Zeroizing::new);
        text.map(|text| Self::new(&secret(home.wrapping.as_deref(), &home.of(SIGNING), &text)?)).transpose()
    }

    fn new(seed: &Secret) -> Result<Self, LedgerError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed[..]);
        Ok(Self { pair: pair.map_err(|_| LedgerError::altered(SIGNING, "it is not a seed of Ed25519"))? })
    }

    pub(crate) fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    pub(crate) fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.pair.sign(text).as_ref().to_vec()
    }
}

fn fresh(home: &Home, name: &str) -> Result<Secret, LedgerError> {
    let mut secret = Secret::default();
    let made = rand::fill(&mut secret[..]);
    made.map_err(|_| LedgerError::altered(home.of(name), "the system gave no randomness for a key"))?;
    let text = match &home.wrapping {
        Some(wrapping) => wrapping.wrap(name, &secret)?,
        None => {
            let digits = Zeroizing::new(hex(&secret[..]));
            Zeroizing::new([digits.as_bytes(), b"\n"].concat())
        }
    };
    home.write(name, &text)?;
    Ok(secret)
}

/// The secret that the file of a key says.
fn secret(wrapping: Option<&Wrapping>, place: &str, text: &[u8]) -> Result<Secret, LedgerError> {
    if Wrapping::has_made(text) {
        let wrapped = || LedgerError::Wrap {
            place: place.to_owned(),
            message: "the key is wrapped, and no wrap command is configured".to_owned(),
        };
        return wrapping.ok_or_else(wrapped)?.unwrap(place, text);
    }
    // Into its place at once: nothing of it stays behind elsewhere.
    let mut secret = Secret::default();
    let digits = text.strip_suffix(b"\n").unwrap_or_default();
    let read = secret.iter_mut().zip(bytes_of(digits)).try_for_each(|(byte, said)| said.map(|said| *byte = said));
    match read {
        Some(()) if digits.len() == 2 * secret.len() => Ok(secret),
        _ => Err(LedgerError::altered(place, "it is not a key: 64 hexadecimal digits and a line break")),
    }
}

/// From lower-case hexadecimal, and from no other writing of it.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    bytes_of(text.as_bytes()).collect()
}

/// The bytes that pairs of digits say; none where they say none.
fn bytes_of(digits: &[u8]) -> impl Iterator<Item = Option<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    digits.chunks(2).map(move |pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?))
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

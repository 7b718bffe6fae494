//! Sealing to somebody who is elsewhere: HPKE (RFC 9180) in base mode, by a library; and the two halves of a key as lines of text.

use std::fs;
use std::io;
use std::path::Path;

use aws_lc_rs::agreement::{PrivateKey, X25519};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use normgate::contract::hex;
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey, HpkePublicKey};
use sha2::{Digest, Sha256};

use crate::error::LedgerError;

/// What a sealed file begins with; part of what is authenticated.
const BEGINS: &str = "normgate-sealed-case-1\n";
/// What a line of key text begins with.
const PUBLIC: &str = "normgate-sealing-public-x25519:";
const PRIVATE: &str = "normgate-sealing-private-x25519:";
/// Bytes of an X25519 key, and of what a sender sends along.
const KEY_BYTES: usize = 32;
/// Characters of a key's id.
const ID_CHARS: usize = 16;

/// To whom something is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    public: [u8; KEY_BYTES],
}

impl Recipient {
    /// Reads the line of text that [`SealingKey::generate`] put into the `.pub` file.
    ///
    /// # Errors
    /// When it is no such line.
    pub fn parse(text: &str) -> Result<Self, LedgerError> {
        let public = key_bytes(text, PUBLIC).ok_or_else(|| {
            LedgerError::altered("sealing key", "it is not the .pub file that `normgate key generate --sealing` writes")
        })?;
        Ok(Self { public })
    }

    /// Reads a `.pub` file.
    ///
    /// # Errors
    /// When it cannot be read, or is no such file.
    pub fn read(path: &Path) -> Result<Self, LedgerError> {
        let place = path.display().to_string();
        Self::parse(&fs::read_to_string(path).map_err(LedgerError::io(&place))?).map_err(at(place))
    }

    /// The line of text.
    pub fn text(&self) -> String {
        format!("{PUBLIC}{}", STANDARD.encode(self.public))
    }

    /// The first 8 bytes of the key's SHA-256, in hexadecimal: what people compare over the telephone.
    pub fn id(&self) -> String {
        hex(&Sha256::digest(self.public))[..ID_CHARS].to_owned()
    }

    /// Seals a text to the recipient.
    pub(crate) fn seal(&self, text: &[u8]) -> Result<Vec<u8>, LedgerError> {
        let head = format!("{BEGINS}{}\n", self.id());
        let key = HpkePublicKey(self.public.to_vec());
        let sealed = DH_KEM_X25519_HKDF_SHA256_AES_256.seal(BEGINS.as_bytes(), head.as_bytes(), text, &key);
        let failed = || LedgerError::altered("sealing key", "nothing can be sealed to it");
        let (EncapsulatedSecret(secret), body) = sealed.map_err(|_| failed())?;
        Ok([head.as_bytes(), &secret, &body].concat())
    }
}

/// The key of a recipient. It is never printed.
pub struct SealingKey {
    private: HpkePrivateKey,
    /// Its public half.
    pub recipient: Recipient,
}

impl SealingKey {
    /// Makes a key: `<path>.key` for its owner alone, and `<path>.pub` to hand on. Neither is ever written over a file. When an
    /// earlier call was interrupted between the two, this one writes the public key that is missing.
    ///
    /// # Errors
    /// When a file is there already or cannot be written.
    pub fn generate(path: &Path) -> Result<Self, LedgerError> {
        let (private_file, public_file) = (path.with_extension("key"), path.with_extension("pub"));
        if public_file.exists() {
            return Err(taken(if private_file.exists() { &private_file } else { &public_file }));
        }
        if !private_file.exists() {
            let private = Self::fresh()?.private;
            write_new(&private_file, &format!("{PRIVATE}{}\n", STANDARD.encode(private.secret_bytes())), 0o600)?;
        }
        let key = Self::read(&private_file)?;
        write_new(&public_file, &format!("{}\n", key.recipient.text()), 0o644)?;
        Ok(key)
    }

    pub(crate) fn fresh() -> Result<Self, LedgerError> {
        let made = DH_KEM_X25519_HKDF_SHA256_AES_256.generate_key_pair().ok();
        let key = made.and_then(|(_, private)| Self::of(private));
        key.ok_or_else(|| LedgerError::Absent("the system gave no randomness for a key; try again".into()))
    }

    /// Reads the line of text of a `.key` file.
    ///
    /// # Errors
    /// When it is no such line.
    pub fn parse(text: &str) -> Result<Self, LedgerError> {
        let key = key_bytes(text, PRIVATE).and_then(|bytes| Self::of(bytes.to_vec().into()));
        key.ok_or_else(|| {
            LedgerError::altered("sealing key", "it is not the .key file that `normgate key generate --sealing` writes")
        })
    }

    /// Reads a `.key` file.
    ///
    /// # Errors
    /// When it cannot be read, is no such file, or others may read it.
    pub fn read(path: &Path) -> Result<Self, LedgerError> {
        let place = path.display().to_string();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(path).map_err(LedgerError::io(&place))?.permissions().mode();
            if mode & 0o077 != 0 {
                let message = format!("others may read this private key (mode {:o}): chmod 600", mode & 0o777);
                return Err(LedgerError::altered(place, message));
            }
        }
        Self::parse(&fs::read_to_string(path).map_err(LedgerError::io(&place))?).map_err(at(place))
    }

    fn of(private: HpkePrivateKey) -> Option<Self> {
        let pair = PrivateKey::from_private_key(&X25519, private.secret_bytes()).ok()?;
        let public = pair.compute_public_key().ok()?.as_ref().try_into().ok()?;
        Some(Self { private, recipient: Recipient { public } })
    }

    /// Opens what was sealed to this key.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, LedgerError> {
        let wrong = |message: &str| LedgerError::altered("sealed case", message);
        let rest = sealed.strip_prefix(BEGINS.as_bytes()).ok_or_else(|| wrong("it does not begin as one does"))?;
        let (id, rest) = rest.split_at_checked(ID_CHARS + 1).ok_or_else(|| wrong("it is cut off"))?;
        if id != format!("{}\n", self.recipient.id()).as_bytes() {
            let other = String::from_utf8_lossy(&id[..ID_CHARS]).into_owned();
            return Err(wrong(&format!(
                "it is sealed to the key {other}, and this is the key {}",
                self.recipient.id()
            )));
        }
        let (secret, body) = rest.split_at_checked(KEY_BYTES).ok_or_else(|| wrong("it is cut off"))?;
        let (secret, head) = (EncapsulatedSecret(secret.to_vec()), &sealed[..BEGINS.len() + ID_CHARS + 1]);
        let opened = DH_KEM_X25519_HKDF_SHA256_AES_256.open(&secret, BEGINS.as_bytes(), head, body, &self.private);
        opened.map_err(|_| wrong("it was altered or cut off since it was sealed, and does not open"))
    }
}

/// Writes the file of a key, unless one is there.
fn write_new(file: &Path, text: &str, mode: u32) -> Result<(), LedgerError> {
    normgate::private::write_new(file, text.as_bytes(), mode).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => taken(file),
        _ => LedgerError::Io { place: file.display().to_string(), source },
    })
}

fn taken(file: &Path) -> LedgerError {
    let place = file.display();
    LedgerError::Absent(format!("{place}: a key is there already, and none is ever overwritten; take another name"))
}

/// Puts an error at a file.
fn at(place: String) -> impl FnOnce(LedgerError) -> LedgerError {
    move |error| match error {
        LedgerError::Altered { message, .. } => LedgerError::Altered { place, message },
        other => other,
    }
}

/// The key on a line of text of this kind, written as it is written here.
fn key_bytes(text: &str, kind: &str) -> Option<[u8; KEY_BYTES]> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    STANDARD.decode(text.strip_prefix(kind)?).ok()?.try_into().ok()
}

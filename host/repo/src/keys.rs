//! Keys: a private one in a file of its owner's alone, and beside it the public one to hand to whoever delegates.
//!
//! A private key is Ed25519 in PKCS #8, as PEM (`NAME.pem`). A public key (`NAME.pub`) is the JSON that stands in the metadata.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use normgate::private;
use serde::Serialize;
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::key::Key;
use tough::schema::{Role, Signature, Signed};

use crate::digest::hex;
use crate::error::{Place, Result, at};
use crate::fault;

const TAG: &str = "PRIVATE KEY";
/// Most bytes of the file of a key: a hundred times what one takes.
const LARGEST: u64 = 64 << 10;
const TAKEN: &str = "a key is there already, and none is ever overwritten; take another name";

/// A public key and its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    pub(crate) key: Key,
    pub(crate) id: Decoded<Hex>,
}

impl PublicKey {
    fn new(key: Key, place: &Path) -> Result<Self> {
        let id = key.key_id().place(place.display())?;
        Ok(Self { key, id })
    }

    /// Reads a public key file.
    ///
    /// # Errors
    /// When there is none, or it is not the JSON of a key.
    pub fn read(path: &Path) -> Result<Self> {
        let text = private::read_regular(path, LARGEST).place(path.display())?;
        let key: Key = serde_json::from_slice(&text).map_err(|error| {
            at(
                path.display(),
                format!("not a public key ({error}); give the .pub file that `normgate key generate` wrote"),
            )
        })?;
        Self::new(key, path)
    }

    /// The key itself, where it is one of Ed25519.
    pub fn ed25519(&self) -> Option<[u8; 32]> {
        match &self.key {
            Key::Ed25519 { keyval, .. } => keyval.public.as_ref().try_into().ok(),
            _ => None,
        }
    }

    /// The id of the key, in hexadecimal: what people compare over the telephone.
    pub fn id(&self) -> String {
        hex(&self.id)
    }
}

/// Makes a key: the private one at `path` (mode 0600), the public one beside it, ending in `.pub`. Neither is ever written over a
/// file. When an earlier call was interrupted between the two, this one writes the public key that is missing.
///
/// # Errors
/// When a file is there already or cannot be written.
pub fn generate(path: &Path) -> Result<PublicKey> {
    let beside = path.with_extension("pub");
    if beside == path {
        return Err(at(path.display(), "a private key cannot be called like its public one; end the name in .pem"));
    }
    if path.exists() && beside.exists() {
        return Err(at(path.display(), TAKEN));
    }
    if beside.exists() {
        let way = "it is not of a private key here, and would be lost; take another name";
        return Err(at(beside.display(), format!("a public key is there already: {way}")));
    }
    if !path.exists() {
        write_new(path, fresh(path)?.as_bytes(), 0o600)?;
    }
    let public = SigningKey::read(path)?.public;
    let json = serde_json::to_string(&public.key).place(beside.display())?;
    write_new(&beside, (json + "\n").as_bytes(), 0o644)?;
    Ok(public)
}

/// A private key that nobody has, as it stands in a file.
fn fresh(path: &Path) -> Result<String> {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_| at(path.display(), "the system gave no random bytes; try again"))?;
    Ok(pem::encode(&pem::Pem::new(TAG, document.as_ref())))
}

/// Writes the file of a key, unless one is there.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let written = fault::step("key").and_then(|()| private::write_new(path, bytes, mode));
    written.and_then(|()| fault::step("key-written")).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => at(path.display(), TAKEN),
        _ => at(path.display(), error),
    })
}

/// A private key. It is never printed.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    /// Its public half.
    pub public: PublicKey,
}

impl SigningKey {
    /// Reads a private key file.
    ///
    /// # Errors
    /// When it is not such a key, or others may read it.
    pub fn read(path: &Path) -> Result<Self> {
        let place = &path.display().to_string();
        if path.extension().is_some_and(|extension| extension == "pub") {
            return Err(at(
                place,
                "a public key; give the private one, the .pem file that `normgate key generate` wrote",
            ));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(path).place(place)?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(at(
                    place,
                    format!("others may read this private key (mode {:o}): chmod 600", mode & 0o777),
                ));
            }
        }
        let text = private::read_regular(path, LARGEST).place(path.display())?;
        let wrong = || at(path.display(), "not a private key; give the .pem file that `normgate key generate` wrote");
        let pem = pem::parse(text).map_err(|_| wrong())?;
        let pair = Ed25519KeyPair::from_pkcs8(pem.contents()).map_err(|_| wrong())?;
        let public = tough::sign::Sign::tuf_key(&pair);
        Ok(Self { public: PublicKey::new(public, path)?, pair })
    }

    /// The signature of a text.
    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.pair.sign(text).as_ref().to_vec()
    }
}

/// The private keys at hand.
#[derive(Default)]
pub struct Keyring(Vec<SigningKey>);

impl Keyring {
    /// Reads these files, and of folders every `.pem` file.
    ///
    /// # Errors
    /// See [`SigningKey::read`].
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut keys = Vec::new();
        for path in paths {
            if path.is_dir() {
                let entries = fs::read_dir(path).place(path.display())?;
                let mut files: Vec<PathBuf> =
                    entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
                files.retain(|file| file.extension().is_some_and(|extension| extension == "pem"));
                files.sort();
                for file in files {
                    keys.push(SigningKey::read(&file)?);
                }
            } else {
                keys.push(SigningKey::read(path)?);
            }
        }
        Ok(Self(keys))
    }

    /// The public halves of the keys at hand.
    pub fn public(&self) -> impl Iterator<Item = &PublicKey> {
        self.0.iter().map(|key| &key.public)
    }

    /// The ids of the keys at hand.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &Decoded<Hex>> {
        self.public().map(|key| &key.id)
    }

    /// Adds the signature of each key at hand that is among these and has not signed yet. Says how many were added.
    pub(crate) fn sign<T: Role + Serialize>(&self, document: &mut Signed<T>, ids: &[Decoded<Hex>]) -> Result<usize> {
        let bytes = document.signed.canonical_form().place("metadata")?;
        let before = document.signatures.len();
        for key in &self.0 {
            let keyid = &key.public.id;
            if ids.contains(keyid) && document.signatures.iter().all(|signature| signature.keyid != *keyid) {
                let sig = key.sign(&bytes).into();
                document.signatures.push(Signature { keyid: keyid.clone(), sig });
            }
        }
        Ok(document.signatures.len() - before)
    }
}

/// Which of these keys have validly signed the document. One key counts once, however often it signed.
pub(crate) fn signers<'a, T: Role + Serialize>(
    document: &Signed<T>,
    keys: &'a [(Decoded<Hex>, Key)],
) -> Vec<&'a Decoded<Hex>> {
    let Ok(bytes) = document.signed.canonical_form() else { return Vec::new() };
    let valid = |(id, key): &&(Decoded<Hex>, Key)| {
        let Key::Ed25519 { keyval, .. } = key else { return false };
        let public = UnparsedPublicKey::new(&ED25519, keyval.public.as_ref());
        document
            .signatures
            .iter()
            .any(|signature| signature.keyid == *id && public.verify(&bytes, &signature.sig).is_ok())
    };
    keys.iter().filter(valid).map(|(id, _)| id).collect()
}

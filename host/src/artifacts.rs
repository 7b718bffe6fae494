//! Compiled artifacts: what `precompile` makes, and a folder of them, so that a second start is fast.
//!
//! Loading machine code is only as safe as where it came from. The folder and each file must belong to us and be closed to
//! everybody else, and an artifact is taken only when it carries the tag that our key makes of it, its component and its
//! engine. Anything else is compiled anew; a broken cache never stops a start.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::module::Module;
use crate::private::PrivateFolder;
use normgate_contract::hex;

/// Machine code of one module. [`crate::precompile`] makes it.
#[derive(Clone)]
pub struct Artifact {
    /// SHA-256 of the component.
    pub(crate) component: [u8; 32],
    pub(crate) bytes: Vec<u8>,
}

impl Artifact {
    /// The bytes, for handing them to the process that asked for them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes an artifact back that another process made.
    ///
    /// # Safety
    /// The bytes are executed as they are. They have to be what [`Artifact::as_bytes`] gave in a process of your own that ran
    /// [`crate::precompile`] of this release on this very module, and nobody else may have had the chance to alter them on the
    /// way: take them from a pipe of a child that you started, never from a place where others can write.
    #[allow(unsafe_code, reason = "the caller vouches for machine code")]
    pub unsafe fn from_bytes(module: &Module, bytes: Vec<u8>) -> Self {
        Self { component: module.digest, bytes }
    }

    #[allow(unsafe_code, reason = "wasmtime loads machine code")]
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: `precompile` made the bytes, or somebody vouched for them in `from_bytes`.
        unsafe { Component::deserialize(engine, &self.bytes) }
    }
}

impl std::fmt::Debug for Artifact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Artifact").field("component", &hex(&self.component)).finish_non_exhaustive()
    }
}

/// Names the variable of the environment that switches the user's cache off.
const CACHE: &str = "NORMGATE_CACHE";

/// Bytes of a tag.
const TAG: usize = 32;

/// A key, as long as a block of the hash.
type Key = [u8; 64];

/// Name of the key's file.
const KEY: &str = "key";

/// A private folder of compiled artifacts, and the key of their tags.
pub struct Artifacts {
    folder: PrivateFolder,
    key: Key,
}

impl Artifacts {
    /// Opens the folder, making it and its key (for their owner alone) when they are missing.
    ///
    /// # Errors
    /// When it cannot be made or opened, belongs to somebody else, or others may write to it or to a folder around it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let folder = PrivateFolder::open(path)?;
        let key = match read_key(&folder)? {
            Some(key) => key,
            None => make_key(&folder)?,
        };
        Ok(Self { folder, key })
    }

    /// Opens the folder `normgate` in this user's cache. Returns `None` where the user has no cache folder, and where the
    /// environment says `NORMGATE_CACHE=off`.
    ///
    /// # Errors
    /// As [`Artifacts::open`]; when the variable has another value; when the cache folder belongs to another user, in which a
    /// root that kept its environment would leave a folder of its own. The error names its folder.
    pub fn of_user() -> io::Result<Option<Self>> {
        if let Some(value) = std::env::var_os(CACHE) {
            let invalid = || format!("invalid {CACHE} `{}`: expected off", value.display());
            return if value == "off" { Ok(None) } else { Err(io::Error::other(invalid())) };
        }
        let Some(path) = dirs::cache_dir().map(|folder| folder.join("normgate")) else { return Ok(None) };
        let opened = own_home(&path).and_then(|()| Self::open(&path));
        opened.map(Some).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    }

    pub(crate) fn load(&self, engine: &Engine, module: &Module) -> Option<Component> {
        let compatibility = compatibility(engine);
        let mut file = self.folder.open_file(&name(module, compatibility)).ok()?;
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::nlink(&file.metadata().ok()?) != 1 {
            return None;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let tag = bytes.split_off(bytes.len().checked_sub(TAG)?);
        let expected = self.tag(module, compatibility, &bytes);
        // All of it is compared, whatever the first bytes are.
        if expected.iter().zip(&tag).fold(0, |differ, (one, other)| differ | (one ^ other)) != 0 {
            return None;
        }
        // The tag says that `save` wrote these bytes, for this component and engine, with a key that only we can read.
        Artifact { component: module.digest, bytes }.load(engine).ok()
    }

    pub(crate) fn save(&self, engine: &Engine, module: &Module, artifact: &[u8]) {
        let compatibility = compatibility(engine);
        let tag = self.tag(module, compatibility, artifact);
        // A cache that cannot be written costs the next start a compilation, and nothing else.
        let _ = replace(&self.folder, &name(module, compatibility), &[artifact, &tag]);
    }

    fn tag(&self, module: &Module, compatibility: u64, artifact: &[u8]) -> [u8; TAG] {
        hmac(&self.key, &[&module.digest, &compatibility.to_le_bytes(), artifact])
    }
}

/// HMAC-SHA256 (RFC 2104) under a key that is as long as a block.
fn hmac(key: &Key, message: &[&[u8]]) -> [u8; TAG] {
    let inner = message.iter().fold(Sha256::new_with_prefix(key.map(|byte| byte ^ 0x36)), Sha256::chain_update);
    Sha256::new_with_prefix(key.map(|byte| byte ^ 0x5c)).chain_update(inner.finalize()).finalize().into()
}

impl std::fmt::Debug for Artifacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Artifacts").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What tells engines apart that cannot run each other's artifacts.
fn compatibility(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

fn name(module: &Module, compatibility: u64) -> String {
    format!("{}-{compatibility:016x}.cwasm", hex(&module.digest))
}

/// The folder's key; none when there is none, or one that others could have read.
fn read_key(folder: &PrivateFolder) -> io::Result<Option<Key>> {
    let mut file = match folder.open_file(KEY) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::mode(&file.metadata()?) & 0o077 != 0 {
        return Ok(None);
    }
    let mut key = Vec::new();
    file.read_to_end(&mut key)?;
    Ok(key.try_into().ok())
}

/// Another key than before, so that nothing is taken that was written before. Of two processes that each make one, the last has
/// the say, and what the other writes is compiled again.
fn make_key(folder: &PrivateFolder) -> io::Result<Key> {
    let mut key = [0; 64];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    replace(folder, KEY, &[&key])?;
    Ok(read_key(folder)?.unwrap_or(key))
}

/// Writes a file whole or not at all.
fn replace(folder: &PrivateFolder, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let beside = format!("{name}.{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let write = || -> io::Result<()> {
        let mut file = folder.make_file(&beside)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()?;
        folder.rename(&beside, folder, name)
    };
    write().inspect_err(|_| {
        let _ = folder.remove_file(&beside);
    })
}

/// Refuses the cache folder of somebody else, in which a root that kept its environment would leave a folder of its own.
fn own_home(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let there = path.ancestors().find_map(|folder| folder.metadata().ok());
        let us = rustix::process::geteuid().as_raw();
        if let Some(owner) =
            there.map(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata)).filter(|owner| *owner != us)
        {
            return Err(io::Error::other(format!("it belongs to user {owner}, and this program runs as user {us}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_those_of_rfc_4231() {
        // Test case 1: a key that is shorter than a block is filled with zeros.
        let mut key = [0; 64];
        key[..20].fill(0x0b);
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(hex(&hmac(&key, &[b"Hi ", b"There"])), expected);
        // Test case 2.
        let mut key = [0; 64];
        key[..4].copy_from_slice(b"Jefe");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&hmac(&key, &[b"what do ya want ", b"for nothing?"])), expected);
    }
}

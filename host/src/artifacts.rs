//! Compiled artifacts on disk, so that a second start is fast.
//!
//! Loading machine code is only as safe as the folder it lies in: it is opened once through cap-std, must belong to us and
//! be closed to everybody else, and an artifact is taken only when it carries the digest of exactly this component and
//! engine. Anything else is compiled anew; a broken cache never stops a start.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, OpenOptions};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::module::Module;
use normgate_contract::hex;

/// A private folder of compiled artifacts.
#[derive(Debug)]
pub struct Artifacts(Dir);

impl Artifacts {
    /// Opens the folder, making it (for its owner alone) when it is missing.
    ///
    /// # Errors
    /// When it cannot be made or opened, or others may write to it.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
            std::fs::create_dir_all(parent)?;
            let parent = Dir::open_ambient_dir(parent, ambient_authority())?;
            let mut builder = DirBuilder::new();
            #[cfg(unix)]
            cap_std::fs::DirBuilderExt::mode(&mut builder, 0o700);
            match parent.create_dir_with(name, &builder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        let dir = Dir::open_ambient_dir(path, ambient_authority())?;
        #[cfg(unix)]
        {
            use cap_std::fs::PermissionsExt;
            let mode = dir.dir_metadata()?.permissions().mode();
            if mode & 0o022 != 0 {
                return Err(io::Error::other(format!(
                    "others may write to {} (mode {:o}); compiled code is only taken from a folder of your own: chmod 700",
                    path.display(),
                    mode & 0o777
                )));
            }
        }
        Ok(Self(dir))
    }

    fn name(engine: &Engine, module: &Module) -> String {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        format!("{}-{:016x}.cwasm", hex(&module.digest), hasher.finish())
    }

    pub(crate) fn load(&self, engine: &Engine, module: &Module) -> Option<Component> {
        let mut bytes = Vec::new();
        self.0.open(Self::name(engine, module)).ok()?.read_to_end(&mut bytes).ok()?;
        // The file ends with a digest of what it holds: a torn write is noticed before any of it is code.
        let (artifact, digest) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        if Sha256::digest(artifact).as_slice() != digest {
            return None;
        }
        #[allow(
            unsafe_code,
            reason = "wasmtime loads machine code; the folder is private and the bytes are ours, see above"
        )]
        // SAFETY: the bytes were written by `save`, into a folder that only we can write.
        unsafe { Component::deserialize(engine, artifact) }.ok()
    }

    pub(crate) fn save(&self, engine: &Engine, module: &Module, artifact: &[u8]) {
        let name = Self::name(engine, module);
        let part = format!("{name}.{}", std::process::id());
        let write = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            let mut file = self.0.open_with(&part, &options)?;
            file.write_all(artifact)?;
            file.write_all(&Sha256::digest(artifact))?;
            file.sync_all()?;
            self.0.rename(&part, &self.0, &name)
        };
        // A cache that cannot be written costs the next start a compilation, and nothing else.
        if write().is_err() {
            let _ = self.0.remove_file(&part);
        }
    }
}

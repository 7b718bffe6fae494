//! The sources of a module: exactly the files that decide its bytes, read once. They are what is digested and what is compiled.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use normgate::contract::hex;
use sha2::{Digest, Sha256};

use crate::foreign;

/// Bytes of all files together: a hundred times what a norm has.
const MAX_BYTES: u64 = 16 << 20;

/// What cargo or rustup would obey in a folder, and what is therefore refused there.
const OBEYED: [&str; 4] = ["build.rs", ".cargo", "rust-toolchain", "rust-toolchain.toml"];

/// Files by path, with / between folders.
pub(crate) struct Sources(pub(crate) BTreeMap<String, Vec<u8>>);

impl Sources {
    /// What a person wrote of a module: Cargo.toml, policy.toml, and everything under src/.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let mut sources = Self(BTreeMap::new());
        let mut left = MAX_BYTES;
        for file in ["Cargo.toml", "policy.toml"] {
            sources.take(folder, file, &mut left)?;
        }
        let mut folders = vec!["src".to_owned()];
        while let Some(inner) = folders.pop() {
            let path = own(folder, Path::new(&inner))?;
            for entry in std::fs::read_dir(&path).with_context(|| path.display().to_string())? {
                let entry = entry.with_context(|| path.display().to_string())?;
                let Some(name) = entry.file_name().to_str().map(|name| format!("{inner}/{name}")) else {
                    bail!("{}: its name is no Unicode", entry.path().display());
                };
                if entry.file_type().with_context(|| name.clone())?.is_dir() {
                    folders.push(name);
                } else {
                    sources.take(folder, &name, &mut left)?;
                }
            }
        }
        Ok(sources)
    }

    fn take(&mut self, folder: &Path, file: &str, left: &mut u64) -> Result<()> {
        let path = own(folder, Path::new(file))?;
        let place = || path.display().to_string();
        let metadata = std::fs::symlink_metadata(&path).with_context(place)?;
        if !metadata.is_file() {
            bail!("{}: it is no regular file", path.display());
        }
        let Some(rest) = left.checked_sub(metadata.len()) else {
            bail!("{}: with it the sources have more than {} MiB", path.display(), MAX_BYTES >> 20);
        };
        *left = rest;
        self.0.insert(file.to_owned(), foreign::read(&path).with_context(place)?);
        Ok(())
    }

    /// SHA-256 over all of them, by path.
    pub(crate) fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (name, bytes) in &self.0 {
            digest.update((name.len() as u64).to_le_bytes());
            digest.update(name);
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        }
        format!("sha256:{}", hex(&digest.finalize()))
    }
}

/// Refuses a folder in which cargo would obey more than Cargo.toml.
pub(crate) fn check_folder(folder: &Path) -> Result<()> {
    match OBEYED.map(|name| folder.join(name)).iter().find(|path| std::fs::symlink_metadata(path).is_ok()) {
        Some(path) => {
            bail!("{}: cargo would obey it, and it is no part of a module's sources; remove it", path.display())
        }
        None => Ok(()),
    }
}

/// Where a file or folder of a project lies, there or not. No link may lead elsewhere on the way.
pub(crate) fn own(folder: &Path, file: &Path) -> Result<PathBuf> {
    let mut path = folder.to_owned();
    for name in file {
        path.push(name);
        if path.is_symlink() {
            bail!("{}: it is a link; put the file or folder itself there", path.display());
        }
    }
    Ok(path)
}

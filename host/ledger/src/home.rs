//! The folder of a ledger: opened once, everything in it by relative name, closed to others; one writer at a time.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use crate::error::LedgerError;
use crate::frame::MAX_STORED_BYTES;
use crate::note::{is_named, size_of};
use crate::wrap::{WrapCommand, Wrapping};

const LOCK: &str = "lock";
/// The file of the public key.
pub(crate) const PUBLIC: &str = "ledger.pub";
/// The folders inside.
pub(crate) const SEGMENTS: &str = "segments";
pub(crate) const KEYS: &str = "keys";
pub(crate) const CHECKPOINTS: &str = "checkpoints";
pub(crate) const HOLDS: &str = "holds";

/// The most bytes of a file that is read whole: what is held for a case takes a frame's at most, and all others little.
fn most_bytes(name: &str) -> u64 {
    if name.starts_with(HOLDS) { 2 * MAX_STORED_BYTES as u64 } else { 1 << 20 }
}

/// The folder of a ledger.
#[derive(Debug)]
pub(crate) struct Home {
    dir: Dir,
    place: String,
    /// By which its keys are wrapped, if they are.
    pub(crate) wrapping: Option<Arc<Wrapping>>,
}

impl Home {
    /// Opens the folder of a ledger that is there.
    pub(crate) fn open(path: &Path, wrap: Option<WrapCommand>) -> Result<Self, LedgerError> {
        let place = path.display().to_string();
        let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(LedgerError::io(&place))?;
        if dir.is_dir(SEGMENTS) && !dir.is_dir(KEYS) {
            return Err(LedgerError::Absent(format!(
                "{place}: its folder {KEYS}/ is missing; put it back, or make an empty one to read what stands in the open"
            )));
        }
        if !dir.is_dir(SEGMENTS) {
            return Err(LedgerError::Absent(format!(
                "{place}: this is no ledger; `normgate eval --ledger` starts one"
            )));
        }
        Ok(Self { dir, place, wrapping: Wrapping::by(wrap) })
    }

    /// Opens the folder, and makes it, for its owner alone, when it is missing.
    pub(crate) fn create(path: &Path, wrap: Option<WrapCommand>) -> Result<Self, LedgerError> {
        let place = path.display().to_string();
        let made = |source| LedgerError::Io { place: place.clone(), source };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(made)?;
        }
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(made(error)),
            _ => {}
        }
        let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(made)?;
        #[cfg(unix)]
        own(&dir, &place)?;
        for name in [SEGMENTS, KEYS, CHECKPOINTS, HOLDS] {
            match dir.create_dir(name) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(made(error)),
                _ => {}
            }
        }
        #[cfg(unix)]
        {
            use cap_std::fs::{Permissions, PermissionsExt};
            dir.set_permissions(KEYS, Permissions::from_mode(0o700)).map_err(made)?;
        }
        Ok(Self { dir, place, wrapping: Wrapping::by(wrap) })
    }

    /// The folder, for messages.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Locks the folder for writing; the lock ends with the file.
    pub(crate) fn lock(&self) -> Result<File, LedgerError> {
        let file = self.options(LOCK, OpenOptions::new().create(true).write(true))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(LedgerError::Held { place: self.place.clone() }),
            Err(TryLockError::Error(source)) => Err(self.io(LOCK)(source)),
        }
    }

    /// A file for reading.
    pub(crate) fn file(&self, name: &str) -> Result<File, LedgerError> {
        self.options(name, OpenOptions::new().read(true))
    }

    /// A file that begins with these bytes, on the disk, for writing on. It is there with all of them or not at all, and takes the
    /// place of what a crash left under its name.
    pub(crate) fn begin(&self, name: &str, bytes: &[u8]) -> Result<File, LedgerError> {
        let part = format!("{name}.part");
        let mut file = self.options(&part, OpenOptions::new().write(true).create(true).truncate(true))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(self.io(&part))?;
        self.dir.rename(&part, &self.dir, name).map_err(self.io(name))?;
        self.sync(name)?;
        Ok(file)
    }

    /// Whether nobody can write to the folder: a copy that was made to be read.
    pub(crate) fn is_read_only(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::fd::AsFd;
            let access =
                rustix::fs::accessat(self.dir.as_fd(), ".", rustix::fs::Access::WRITE_OK, rustix::fs::AtFlags::empty());
            matches!(access, Err(rustix::io::Errno::ACCESS | rustix::io::Errno::ROFS))
        }
        #[cfg(not(unix))]
        {
            self.dir.dir_metadata().is_ok_and(|folder| folder.permissions().readonly())
        }
    }

    /// A file that only grows.
    pub(crate) fn growing(&self, name: &str) -> Result<File, LedgerError> {
        self.options(name, OpenOptions::new().read(true).append(true).create(true))
    }

    /// What a file holds; none when it is not there.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        let mut bytes = Vec::new();
        match self.file(name) {
            Ok(file) => {
                let most = most_bytes(name);
                file.take(most + 1).read_to_end(&mut bytes).map_err(self.io(name))?;
                if bytes.len() as u64 > most {
                    return Err(LedgerError::altered(self.of(name), format!("it has more than {most} bytes")));
                }
                Ok(Some(bytes))
            }
            Err(LedgerError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a file is there.
    pub(crate) fn exists(&self, name: &str) -> bool {
        self.dir.exists(name)
    }

    /// Writes a file whole or not at all, and has it on the disk.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), LedgerError> {
        let part = format!("{name}.part");
        let mut file = self.options(&part, OpenOptions::new().write(true).create(true).truncate(true))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(self.io(&part))?;
        self.dir.rename(&part, &self.dir, name).map_err(self.io(name))?;
        self.sync(name)
    }

    /// Removes the file of a key, after writing over what it holds. Whether that reaches the medium is the file system's and the
    /// disk's affair. Where it ends in between, no half of a key is left under the key's name; [`Home::finish_destroying`] goes on.
    pub(crate) fn destroy(&self, name: &str) -> Result<(), LedgerError> {
        self.wrapping.iter().for_each(|wrapping| wrapping.forget());
        let part = format!("{name}.part");
        match self.dir.rename(name, &self.dir, &part) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.exists(&part) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            renamed => renamed.map_err(self.io(name))?,
        }
        self.sync(name)?;
        self.write_over(&part)
    }

    /// Removes what is left of keys whose making or destroying was interrupted.
    pub(crate) fn finish_destroying(&self) -> Result<(), LedgerError> {
        let left = self.names(KEYS)?.into_iter().filter(|name| name.ends_with(".key.part"));
        left.into_iter().try_for_each(|name| self.write_over(&format!("{KEYS}/{name}")))
    }

    fn write_over(&self, name: &str) -> Result<(), LedgerError> {
        let mut file = self.options(name, OpenOptions::new().write(true))?;
        let length = file.metadata().map_err(self.io(name))?.len();
        let zeros = vec![0; usize::try_from(length.min(4_096)).unwrap_or(0)];
        file.write_all(&zeros).and_then(|()| file.sync_all()).map_err(self.io(name))?;
        self.remove(name)
    }

    /// Removes a file.
    pub(crate) fn remove(&self, name: &str) -> Result<(), LedgerError> {
        self.dir.remove_file(name).map_err(self.io(name))?;
        self.sync(name)
    }

    /// Has the folder that a file lies in on the disk, so that the file's name is not lost.
    pub(crate) fn sync(&self, name: &str) -> Result<(), LedgerError> {
        let folder = name.rsplit_once('/').map_or(".", |(folder, _)| folder);
        // Opened as a file: what `open_dir` gives is a place, which cannot be synced.
        let synced = self.dir.open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(self.io(folder))
    }

    /// The names in a folder, sorted; none where there is no folder, since copying may leave out empty ones.
    pub(crate) fn names(&self, folder: &str) -> Result<Vec<String>, LedgerError> {
        let entries = match self.dir.read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(self.io(folder))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry.map_err(self.io(folder))?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The newest signed note: its file, and its text. One that has the name of another size is none.
    pub(crate) fn newest_note(&self) -> Result<Option<(String, String)>, LedgerError> {
        for name in self.names(CHECKPOINTS)?.iter().rev().filter(|name| name.ends_with(".note")) {
            let file = format!("{CHECKPOINTS}/{name}");
            let note = self.read(&file)?.unwrap_or_default();
            let note = String::from_utf8_lossy(&note).into_owned();
            if is_named(name, size_of(&note)) {
                return Ok(Some((file, note)));
            }
        }
        Ok(None)
    }

    /// Adds the file to what the system says.
    pub(crate) fn io(&self, name: &str) -> impl FnOnce(io::Error) -> LedgerError {
        LedgerError::io(self.of(name))
    }

    /// A file's place, for messages.
    pub(crate) fn of(&self, name: &str) -> String {
        format!("{}/{name}", self.place)
    }

    fn options(&self, name: &str, options: &mut OpenOptions) -> Result<File, LedgerError> {
        #[cfg(unix)]
        {
            use cap_std::fs::OpenOptionsExt;
            // A pipe in the place of a file has nobody wait for its other end.
            options.mode(0o600).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        }
        let file = self.dir.open_with(name, options).map(cap_std::fs::File::into_std).map_err(self.io(name))?;
        if !file.metadata().map_err(self.io(name))?.is_file() {
            return Err(LedgerError::altered(self.of(name), "it is no regular file"));
        }
        Ok(file)
    }
}

/// Sees to it that the folder is ours, and closed to others: whoever may write there may put another ledger in its place.
#[cfg(unix)]
fn own(dir: &Dir, place: &str) -> Result<(), LedgerError> {
    use cap_std::fs::{MetadataExt, Permissions, PermissionsExt};
    let owner = dir.dir_metadata().map_err(LedgerError::io(place))?.uid();
    let own = rustix::process::geteuid().as_raw();
    if owner != own {
        return Err(LedgerError::Absent(format!(
            "{place}: it belongs to user {owner}, and this is user {own}; a ledger is written by its owner alone"
        )));
    }
    dir.set_permissions(".", Permissions::from_mode(0o700)).map_err(LedgerError::io(place))
}

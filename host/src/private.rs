//! Files that are ours alone, and files that may be anybody's.
//!
//! A folder of our own: what lies in it, nobody else could have written. A file that is made once, and a file that is read without
//! waiting for anybody.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

/// Reads a regular file whole, without waiting for anybody.
///
/// # Errors
/// As the system has it, and for a pipe, a device, a folder, or more than so many bytes.
pub fn read_regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    // A pipe without a writer opens too, and is refused as what it is.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    read_whole(options.open(path)?, most)
}

/// Reads a file that was opened, if it is a regular one. What was opened is asked: its name may mean another file by now.
///
/// # Errors
/// As [`read_regular`].
pub fn read_whole(file: fs::File, most: u64) -> io::Result<Vec<u8>> {
    let refuse = |why: String| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if !file.metadata()?.is_file() {
        return refuse("it is no regular file".into());
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { refuse(format!("it is larger than {most} bytes")) } else { Ok(bytes) }
}

/// Writes a file with these rights (Unix), whole or not at all, and never over another: it gets its name once everything is in it.
///
/// # Errors
/// As the system has it; [`io::ErrorKind::AlreadyExists`] where a file has the name.
#[cfg_attr(not(unix), expect(unused_variables, reason = "rights are Unix's"))]
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let part = path.with_file_name(format!(".{}.part", path.file_name().unwrap_or_default().to_string_lossy()));
    let whole = || -> io::Result<()> {
        // What an interrupted call left is its own.
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        let mut file = options.open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::hard_link(&part, path)
    };
    let written = whole();
    let _ = fs::remove_file(&part);
    written
}

/// A folder that belongs to the user of this process, and that nobody else can write to or replace.
#[derive(Debug)]
pub struct PrivateFolder(Dir);

impl PrivateFolder {
    /// Opens a folder, making it (for its owner alone) when it is missing.
    ///
    /// # Errors
    /// When it cannot be made or opened, belongs to somebody else, or others may write to it or to a folder around it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)?;
        let path = path.canonicalize()?;
        #[cfg(unix)]
        unix::check_parents(&path)?;
        let dir = Dir::open_ambient_dir(&path, ambient_authority())?;
        #[cfg(unix)]
        unix::check(&path, &dir.dir_metadata()?)?;
        Ok(Self(dir))
    }

    /// Makes a folder in it (for its owner alone) with those around it, where they are missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_folder(&self, folder: &Path) -> io::Result<()> {
        let mut builder = cap_std::fs::DirBuilder::new();
        #[cfg(unix)]
        cap_std::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let around: Vec<&Path> = folder.ancestors().filter(|folder| !folder.as_os_str().is_empty()).collect();
        for folder in around.into_iter().rev() {
            match self.0.create_dir_with(folder, &builder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes a file in it (for its owner alone), in the place of one that may be there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_file(&self, file: &str) -> io::Result<cap_std::fs::File> {
        match self.0.remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
        self.0.open_with(file, &options)
    }

    /// Opens a file to read, by its path from here. No link is followed.
    ///
    /// # Errors
    /// When it is missing, is no regular file, or it or a folder on the way belongs to somebody else or may be written by others.
    pub fn open_file(&self, file: &str) -> io::Result<std::fs::File> {
        #[cfg(unix)]
        let opened = unix::open(&self.0, Path::new(file));
        #[cfg(not(unix))]
        let opened = self.0.open(file).map(cap_std::fs::File::into_std);
        opened
    }
}

/// Everything that is not reading a file of it.
impl std::ops::Deref for PrivateFolder {
    type Target = Dir;

    fn deref(&self) -> &Dir {
        &self.0
    }
}

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io::{Error, Result};
    use std::os::unix::fs::MetadataExt as FileOf;
    use std::path::{Component, Path, PathBuf};

    use cap_std::fs::{Dir, Metadata, MetadataExt, PermissionsExt};
    use rustix::fs::{Mode, OFlags, openat};
    use rustix::process::geteuid;

    /// Refuses what belongs to somebody else, or may be written by others.
    pub(super) fn check(path: &Path, metadata: &Metadata) -> Result<()> {
        let (owner, us, mode) = (metadata.uid(), geteuid().as_raw(), metadata.permissions().mode() & 0o7777);
        if owner != us {
            return Err(Error::other(format!(
                "{} belongs to user {owner}, and this program runs as user {us}; only what is our own is trusted",
                path.display()
            )));
        }
        if mode & 0o022 != 0 {
            let private = if metadata.is_dir() { 700 } else { 600 };
            return Err(Error::other(format!(
                "others may write to {} (mode {mode:o}): chmod {private}",
                path.display()
            )));
        }
        Ok(())
    }

    /// Refuses a folder that somebody else could put another one in the place of: everybody, or whoever owns a folder around it and
    /// is neither us nor root.
    pub(super) fn check_parents(path: &Path) -> Result<()> {
        let us = geteuid().as_raw();
        for parent in path.ancestors().skip(1) {
            let metadata = std::fs::metadata(parent)?;
            check_parent(parent, FileOf::uid(&metadata), FileOf::mode(&metadata), us)?;
        }
        Ok(())
    }

    fn check_parent(parent: &Path, owner: u32, mode: u32, us: u32) -> Result<()> {
        const ROOT: u32 = 0;
        const STICKY: u32 = 0o1000;
        if mode & 0o002 != 0 && mode & STICKY == 0 {
            return Err(Error::other(format!(
                "everybody may write to {} and replace what lies there: chmod o-w",
                parent.display()
            )));
        }
        if ![ROOT, us].contains(&owner) {
            return Err(Error::other(format!(
                "{} belongs to user {owner}, who may replace what lies there, and this program runs as user {us}; take a folder \
                 that only this user and root can replace",
                parent.display()
            )));
        }
        Ok(())
    }

    pub(super) fn open(dir: &Dir, file: &Path) -> Result<File> {
        let (mut folder, mut passed) = (dir.try_clone()?, PathBuf::new());
        let mut names = file.components().peekable();
        while let Some(Component::Normal(name)) = names.next() {
            passed.push(name);
            let last = names.peek().is_none();
            // Whoever puts a pipe there does not have us wait for it.
            let kind = if last { OFlags::NONBLOCK } else { OFlags::DIRECTORY };
            let opened =
                openat(&folder, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | kind, Mode::empty())?;
            let opened = File::from(opened);
            let metadata = Metadata::from_file(&opened)?;
            check(&passed, &metadata)?;
            if !last {
                folder = Dir::from_std_file(opened);
            } else if metadata.is_file() {
                return Ok(opened);
            }
        }
        Err(Error::other(format!("{} is no regular file", file.display())))
    }

    #[cfg(test)]
    mod tests {
        use std::path::Path;

        use super::check_parent;

        #[test]
        fn a_folder_lies_below_our_own_and_roots_alone() {
            let refused = |owner, mode| {
                let checked = check_parent(Path::new("/srv/x"), owner, mode, 1_000);
                checked.err().map(|error| error.to_string())
            };
            for (owner, mode) in [(0, 0o755), (1_000, 0o700), (0, 0o1777)] {
                assert_eq!(refused(owner, mode), None, "{owner} {mode:o}");
            }
            let of_third = refused(1_001, 0o755).unwrap_or_default();
            assert!(of_third.starts_with("/srv/x belongs to user 1001, who may replace what lies there"), "{of_third}");
            assert_eq!(refused(1_001, 0o1777).as_ref(), Some(&of_third));
            assert!(refused(0, 0o777).unwrap_or_default().starts_with("everybody may write to /srv/x"));
        }
    }
}

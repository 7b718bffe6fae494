//! Files that a stranger may have made: regular ones, within a bound, read without waiting for anybody.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Most bytes of one file: eight times the largest module, and more than any text that people write.
const MOST: u64 = 64 << 20;

/// Reads a file.
///
/// # Errors
/// As the system has it, and for a pipe, a device, or more than 64 MiB.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let file = open(path)?;
    let metadata = file.metadata()?;
    let wrong = |what: &str| Err(Error::new(ErrorKind::InvalidInput, what.to_owned()));
    if !metadata.is_file() {
        return wrong("expected a regular file");
    }
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST { wrong("expected a file of at most 64 MiB") } else { Ok(bytes) }
}

/// Reads a text.
///
/// # Errors
/// As [`read`], and for bytes that are no UTF-8.
pub(crate) fn read_to_string(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|_| Error::new(ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
}

/// Opens a file; a pipe without a writer opens too, and is refused as what it is.
fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    options.open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_has_no_end_or_no_writer_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, sparse) = (folder.path().join("pipe"), folder.path().join("sparse"));
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
        File::create(&sparse).unwrap().set_len(20 << 30).unwrap();
        for (path, why) in [
            (pipe.as_path(), "expected a regular file"),
            (Path::new("/dev/zero"), "expected a regular file"),
            (folder.path(), "expected a regular file"),
            (sparse.as_path(), "expected a file of at most 64 MiB"),
        ] {
            assert_eq!(read(path).unwrap_err().to_string(), why);
        }
        std::fs::write(&sparse, "x").unwrap();
        assert_eq!(read_to_string(&sparse).unwrap(), "x");
    }
}

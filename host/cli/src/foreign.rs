//! Files that a stranger may have made: regular ones, within a bound, read without waiting for anybody.

use std::io::{Error, ErrorKind, Result};
use std::path::Path;

use normgate::private::read_regular;

/// Most bytes of one file: eight times the largest module, and more than any text that people write.
const MOST: u64 = 64 << 20;

/// Reads a file.
///
/// # Errors
/// As the system has it, and for a pipe, a device, or more than 64 MiB.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    read_regular(path, MOST)
}

/// Reads a text.
///
/// # Errors
/// As [`read`], and for bytes that are no UTF-8.
pub(crate) fn read_to_string(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|_| Error::new(ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::fs::File;

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_has_no_end_or_no_writer_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, sparse) = (folder.path().join("pipe"), folder.path().join("sparse"));
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
        File::create(&sparse).unwrap().set_len(20 << 30).unwrap();
        for (path, why) in [
            (pipe.as_path(), "it is no regular file"),
            (Path::new("/dev/zero"), "it is no regular file"),
            (folder.path(), "it is no regular file"),
            (sparse.as_path(), "it is larger than 67108864 bytes"),
        ] {
            assert_eq!(read(path).unwrap_err().to_string(), why);
        }
        std::fs::write(&sparse, "x").unwrap();
        assert_eq!(read_to_string(&sparse).unwrap(), "x");
    }
}

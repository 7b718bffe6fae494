//! Files that their owner alone reads: what leaves a ledger, or shows what was decided about somebody.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};

/// Makes a file, or empties one that is there. A file that others could read is closed to them before anything stands in it.
pub(crate) fn create(path: &Path) -> Result<File> {
    open(path).with_context(|| path.display().to_string())
}

/// Writes a file.
pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    create(path)?.write_all(bytes.as_ref()).with_context(|| path.display().to_string())
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // What is no file, a pipe or a device, is whoever's it is.
    if file.metadata()?.is_file() {
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        file.set_len(0)?;
    }
    Ok(file)
}

//! Files that tell of persons: for whoever writes them, and nobody else.

use std::fs::{File, OpenOptions};
use std::path::Path;

use anyhow::{Context, Result};

/// Makes a file that only its owner may read, or empties the one that is there and closes it to others.
pub(crate) fn create(path: &Path) -> Result<File> {
    let place = || path.display().to_string();
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).with_context(place)?;
    #[cfg(unix)]
    if file.metadata().with_context(place)?.is_file() {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).with_context(place)?;
    }
    Ok(file)
}

/// Writes such a file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    create(path)?.write_all(bytes).with_context(|| path.display().to_string())
}

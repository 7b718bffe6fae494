//! Break-glass: an operator puts one module into shadow for a while, with a reason, and every outcome says so.
//!
//! An override never lasts: it ends by itself, a day from now at the latest. It is written to a file that only grows, so that
//! there is a record of who opened the glass and why.

use std::io::{self, Write};
use std::path::Path;

use normgate_contract::{Manifest, now_ms};
use serde::{Deserialize, Serialize};

use crate::notice::Notice;

/// Longest time that an override may last, in seconds: a day. An engineering default; what lasts longer is a change of
/// configuration.
pub const MAX_OVERRIDE_S: i64 = 24 * 60 * 60;

/// One line of the file of overrides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Prefix of the module: `art18`.
    pub module: String,
    /// When it was written, milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// When it ends. An earlier override of the module is over once a later line names the module.
    pub until_ms: i64,
    /// Why.
    pub reason: String,
    /// Who, as the system knows the caller.
    pub by: String,
}

impl Override {
    /// An override that begins now and lasts so many seconds; 0 ends the one before it.
    pub fn starting_now(module: &str, seconds: i64, reason: String, by: String) -> Self {
        let at_ms = now_ms();
        Self { module: module.to_owned(), at_ms, until_ms: at_ms + seconds * 1_000, reason, by }
    }

    /// Milliseconds that are left of it; 0 or less when it is over.
    pub fn left_ms(&self) -> i64 {
        self.until_ms - now_ms()
    }

    /// Appends the override to a file, and makes the file when it is missing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&self, path: &Path) -> io::Result<()> {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        let line = serde_json::to_string(self).map_err(io::Error::other)?;
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_all()
    }

    /// Reads the overrides of a file, the last of each module; none when there is no file.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is not an override; the line is named.
    pub fn read(path: &Path) -> io::Result<Vec<Override>> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text?,
        };
        let mut overrides: Vec<Override> = Vec::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |message: String| io::Error::other(format!("{} line {}: {message}", path.display(), index + 1));
            let read: Override = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            if read.until_ms - read.at_ms > MAX_OVERRIDE_S * 1_000 {
                return Err(wrong(format!("an override lasts at most {MAX_OVERRIDE_S} s; change the configuration")));
            }
            overrides.retain(|known| known.module != read.module);
            overrides.push(read);
        }
        Ok(overrides)
    }

    pub(crate) fn in_force(&self, now_ms: i64) -> bool {
        (self.at_ms..self.until_ms).contains(&now_ms)
    }

    pub(crate) fn covers(&self, manifest: &Manifest) -> bool {
        self.module == manifest.module
    }

    pub(crate) fn notice(&self, manifest: &Manifest) -> Notice {
        Notice {
            code: "override",
            policy: Some(manifest.reference()),
            message: format!("in shadow until {} ms by an override of {}: {}", self.until_ms, self.by, self.reason),
        }
    }
}

//! Break-glass: an operator puts one module into shadow for a while, or switches it off, with a reason, and every outcome says so.
//!
//! An override never lasts: it ends by itself, a day from now at the latest. It is written to a file that only grows, so that
//! there is a record of who opened the glass and why.

use std::io::{self, Read, Write};
use std::path::Path;

use normgate_contract::{Manifest, now_ms};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::config::is_required;
use crate::notice::Notice;
use crate::notices;

/// Longest time that an override may last, in seconds: a day. An engineering default; what lasts longer is a change of
/// configuration.
pub const MAX_OVERRIDE_S: i64 = 24 * 60 * 60;

/// Longest reason, in characters. It stands in every outcome.
const LONGEST_REASON: usize = 400;

/// One line of the file of overrides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Prefix of the module, or id of its policy: `art18`, `reference/art18-minors`. Either way every version of the policy is meant.
    pub module: String,
    /// Whether it is not asked at all, instead of being in shadow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off: bool,
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
    /// An override that puts a module into shadow, begins now and lasts so many seconds; 0 ends the one before it.
    pub fn starting_now(module: &str, seconds: i64, reason: String, by: String) -> Self {
        let at_ms = now_ms();
        let until_ms = at_ms.saturating_add(seconds.saturating_mul(1_000));
        Self { module: module.to_owned(), off: false, at_ms, until_ms, reason, by }
    }

    /// Milliseconds that are left of it; 0 or less when it is over.
    pub fn left_ms(&self) -> i64 {
        self.until_ms.saturating_sub(now_ms())
    }

    /// Whether it ends within a day of an instant, and of its own beginning.
    fn is_brief(&self, now_ms: i64) -> bool {
        let within = |since: i64| self.until_ms.checked_sub(since).is_some_and(|left| left <= MAX_OVERRIDE_S * 1_000);
        within(self.at_ms) && within(now_ms)
    }

    /// Appends the override to a file, and makes the file when it is missing.
    ///
    /// # Errors
    /// When the file cannot be written, or the reason is longer than an outcome should carry.
    pub fn append(&self, path: &Path) -> io::Result<()> {
        if self.reason.chars().nth(LONGEST_REASON).is_some() {
            let bound = format!("the reason stands in every outcome; say it in at most {LONGEST_REASON} characters");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, bound));
        }
        let mut file = std::fs::OpenOptions::new().create(true).read(true).append(true).open(path)?;
        file.lock()?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        // What a crash or a full disk left of a line is none; a whole one that lacks its end gets it.
        let torn = text.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let whole = serde_json::from_slice::<Self>(torn).is_ok();
        let length = if whole { text.len() } else { text.len() - torn.len() } as u64;
        file.set_len(length)?;
        let line = serde_json::to_string(self).map_err(io::Error::other)?;
        let written = file.write_all(format!("{}{line}\n", if whole { "\n" } else { "" }).as_bytes());
        written.and_then(|()| file.sync_all()).inspect_err(|_| drop(file.set_len(length)))
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
            let read: Override = match serde_json::from_str(line) {
                Ok(read) => read,
                Err(error) if error.is_eof() && text.ends_with(line) => {
                    warn!(path = %path.display(), line = index + 1, "the last line was never finished, and overrides nothing");
                    break;
                }
                Err(error) => return Err(wrong(error.to_string())),
            };
            if !read.is_brief(now_ms()) {
                let bound = format!("an override lasts at most {MAX_OVERRIDE_S} s, from its beginning and from now");
                return Err(wrong(format!("{bound}; change the configuration")));
            }
            overrides.retain(|known| known.module != read.module);
            overrides.push(read);
        }
        Ok(overrides)
    }

    pub(crate) fn in_force(&self, now_ms: i64) -> bool {
        (self.at_ms..self.until_ms).contains(&now_ms) && self.is_brief(now_ms)
    }

    pub(crate) fn covers(&self, manifest: &Manifest) -> bool {
        self.module == manifest.module || self.module == manifest.id
    }

    /// What an outcome says of it: that it is there, and what the law requires and nobody is asked about.
    pub(crate) fn notices(&self, manifest: &Manifest) -> impl Iterator<Item = Notice> {
        let Self { off, until_ms, by, reason, .. } = self;
        let what = if *off { "off" } else { "in shadow" };
        let there = Notice {
            code: "override",
            policy: Some(manifest.reference()),
            message: format!("{what} until {until_ms} ms by an override of {by}: {reason}"),
        };
        let required = || manifest.rules.iter().filter(|rule| is_required(manifest, rule)).map(|rule| rule.id.as_str());
        let weakened = (*off && required().next().is_some()).then(|| notices::off(manifest, required()));
        std::iter::once(there).chain(weakened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_never_finished_overrides_nothing_and_stops_nothing() {
        let path = std::env::temp_dir().join(format!("normgate-override-torn-{}.jsonl", std::process::id()));
        let saying = |module: &str| Override::starting_now(module, 60, "why".into(), "tests".into());
        saying("art18").append(&path).expect("an override");
        let whole = std::fs::read_to_string(&path).expect("its file");
        for torn in [r#"{"module":"art"#, "{", r#"{"module":"art06","at_ms":1"#] {
            std::fs::write(&path, format!("{whole}{torn}")).expect("its file");
            assert_eq!(Override::read(&path).expect("what came before").len(), 1, "{torn}");
            saying("art06").append(&path).expect("an override");
            assert_eq!(Override::read(&path).expect("both").len(), 2, "{torn}");
        }
        // A whole line that somebody wrote by hand counts without its end.
        std::fs::write(&path, whole.trim_end()).expect("its file");
        saying("art06").append(&path).expect("an override");
        assert_eq!(Override::read(&path).expect("both").len(), 2);
        std::fs::write(&path, format!("{{\n{whole}")).expect("its file");
        assert!(Override::read(&path).is_err(), "what is wrong before the end is refused");
        std::fs::remove_file(path).expect("its own file");
    }

    #[test]
    fn a_reason_is_short() {
        let path = std::env::temp_dir().join(format!("normgate-override-{}.jsonl", std::process::id()));
        let saying = |reason: String| Override::starting_now("art18", 60, reason, "tests".to_owned());
        let long = saying("理".repeat(LONGEST_REASON + 1)).append(&path).expect_err("a long reason").to_string();
        assert_eq!(long, "the reason stands in every outcome; say it in at most 400 characters");
        assert!(!path.exists(), "nothing is written");
        saying("理".repeat(LONGEST_REASON)).append(&path).expect("a reason");
        assert_eq!(Override::read(&path).expect("overrides").len(), 1);
        std::fs::remove_file(path).expect("its own file");
    }
}

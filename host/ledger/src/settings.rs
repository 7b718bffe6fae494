//! How a ledger is written, and what its writer and those who record tell each other.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use serde::Deserialize;

use crate::error::LedgerError;
use crate::keys::RETENTION_DAYS;
use crate::wrap::{self, WrapCommand};

/// When a list counts as recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// [`crate::Ledger::record`] returns when the record is on the disk.
    BeforeAnswer,
    /// It returns at once; a crash loses at most the lists of one commit interval, and the next writer records that.
    Behind {
        /// The interval.
        interval: Duration,
    },
}

/// What happens to a list when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Judging waits.
    Wait,
    /// The list is refused with [`crate::LedgerError::Full`], and the caller decides.
    Refuse,
}

/// How a ledger is written. All defaults are engineering choices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// When a list counts as recorded.
    pub durability: Durability,
    /// What happens when the queue is full.
    pub when_full: WhenFull,
    /// How many lists may wait.
    pub queue: usize,
    /// How many of a million lists that nobody may have to account for are kept in full all the same.
    pub sample_ppm: u32,
    /// Bytes after which a segment ends.
    pub segment_bytes: u64,
    /// How often a writer that is at work signs the head of the log, for a witness to cosign, and takes up what was cosigned.
    pub checkpoint_every: Duration,
    /// How long ago the newest cosigned head may be before the ledger is said to be poorly anchored.
    pub anchor_age: Duration,
    /// For how many days personal columns are kept at most, whatever an obligation asks: taken down to one of [`crate::KEPT_D`].
    pub personal_max_d: u32,
    /// What wraps the ledger's keys; none leaves them on the disk as they are.
    pub wrap: Option<WrapCommand>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            durability: Durability::Behind { interval: Duration::from_millis(200) },
            when_full: WhenFull::Wait,
            queue: 1_024,
            sample_ppm: 10_000,
            segment_bytes: 64 << 20,
            checkpoint_every: Duration::from_secs(15 * 60),
            anchor_age: Duration::from_secs(24 * 3_600),
            personal_max_d: RETENTION_DAYS,
            wrap: None,
        }
    }
}

/// How a platform keeps its ledgers' keys: `[keys]` of a file in TOML.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// The command that wraps keys, the program first.
    #[serde(default)]
    pub wrap_command: Option<Vec<String>>,
    /// For how many days personal columns are kept at most.
    #[serde(default)]
    pub personal_max_d: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    keys: KeySettings,
}

impl KeySettings {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is not of this form, or somebody else could write it: as it names a program, what is asked of the
    /// program is asked of it.
    pub fn read(path: &Path) -> Result<Self, LedgerError> {
        let place = path.display().to_string();
        wrap::check_ours(path).map_err(|message| LedgerError::Wrap { place: place.clone(), message })?;
        let text = std::fs::read_to_string(path).map_err(LedgerError::io(&place))?;
        let file: File = toml::from_str(&text).map_err(|error| LedgerError::altered(&place, error.to_string()))?;
        Ok(file.keys)
    }

    /// How a ledger is written with these.
    ///
    /// # Errors
    /// As [`WrapCommand::new`].
    pub fn settings(&self) -> Result<Settings, LedgerError> {
        let default = Settings::default();
        let personal_max_d = self.personal_max_d.unwrap_or(default.personal_max_d);
        Ok(Settings { wrap: self.wrap()?, personal_max_d, ..default })
    }

    /// The wrap command, if there is one.
    ///
    /// # Errors
    /// As [`WrapCommand::new`].
    pub fn wrap(&self) -> Result<Option<WrapCommand>, LedgerError> {
        self.wrap_command.as_deref().map(WrapCommand::new).transpose()
    }
}

impl Settings {
    /// How many waiting lists wake a writer that sleeps.
    pub(crate) fn half(&self) -> usize {
        (self.queue / 2).max(1)
    }
}

/// What a writer has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lists kept in full.
    pub full: u64,
    /// Lists kept as commitments.
    pub commit: u64,
    /// Lists that could not be written.
    pub lost: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Microseconds that the writing thread was at work, waiting for the disk included.
    pub busy_us: u64,
}

/// What the writer and those who record tell each other beside the queue.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) full: AtomicU64,
    pub(crate) commit: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) busy_us: AtomicU64,
    /// Lists in the queue, and those about to be put there.
    pub(crate) waiting: AtomicUsize,
    /// Whether somebody waits for more than a list to be written, or for the end.
    pub(crate) urgent: AtomicUsize,
    /// Why the writer ended, if it did.
    pub(crate) stopped: Mutex<Option<String>>,
}

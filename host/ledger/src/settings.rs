//! How a ledger is written, and what its writer and those who record tell each other.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        }
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

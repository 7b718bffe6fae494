//! Why a ledger cannot be opened, written or read.

use std::io;

/// Why a ledger cannot be opened, written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A file cannot be read or written.
    #[error("{place}: {source}")]
    Io {
        /// The file.
        place: String,
        /// What the system says.
        source: io::Error,
    },
    /// Another process writes to the folder.
    #[error("{place}: another process writes to this ledger; stop it, or give another folder")]
    Held {
        /// The folder.
        place: String,
    },
    /// A file is not what was written.
    #[error("{place}: {message}")]
    Altered {
        /// The file, with the byte or the record.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// A key is not there, so that what it sealed can be proven and not read.
    #[error("{place}: its key was destroyed or lost, so it can be proven and not read")]
    KeyGone {
        /// The epoch and class.
        place: String,
    },
    /// A key cannot be wrapped or unwrapped.
    #[error("{place}: {message}")]
    Wrap {
        /// The command, or the key.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// The queue is full, and the ledger refuses rather than waits.
    #[error("the ledger's queue is full: {queue} lists wait to be written; this one was not recorded")]
    Full {
        /// How many lists may wait.
        queue: usize,
    },
    /// A list could not be written.
    #[error("not recorded: {message}")]
    NotRecorded {
        /// Why.
        message: String,
    },
    /// The writer has ended.
    #[error("the ledger is closed after an error ({message}); see to it and open the ledger again")]
    Stopped {
        /// The error.
        message: String,
    },
    /// Nobody can write to the folder, so a look-up stands on no record.
    #[error("{place}: nobody can write to this copy, so the look-up is not on its record")]
    ReadOnly {
        /// The folder.
        place: String,
    },
    /// What was asked for is not there.
    #[error("{0}")]
    Absent(String),
}

impl LedgerError {
    pub(crate) fn io(place: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let place = place.into();
        move |source| Self::Io { place, source }
    }

    pub(crate) fn altered(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Altered { place: place.into(), message: message.into() }
    }
}

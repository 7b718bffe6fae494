//! For whoever gives account of what was decided, and whoever asks for it.

pub(crate) mod diff;
pub(crate) mod ledger;
pub(crate) mod replay;
pub(crate) mod report;

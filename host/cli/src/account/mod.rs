//! For whoever gives account of what was decided, and whoever asks for it.

mod anchor;
pub(crate) mod cosign;
pub(crate) mod diff;
mod export;
pub(crate) mod ledger;
pub(crate) mod lookup;
pub(crate) mod opened;
pub(crate) mod private;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod sealed;

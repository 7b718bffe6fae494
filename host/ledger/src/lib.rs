//! Keeps what a gate decided, so that it can be shown, checked and judged again.
//!
//! ```no_run
//! use std::sync::Arc;
//! use normgate::{Batch, Gate};
//! use normgate_ledger::{Ledger, Settings};
//!
//! let gate = Gate::builder().policies(normgate::embedded::arp()).build()?;
//! let ledger = Ledger::open("ledger".as_ref(), Settings::default())?;
//! let batch = Batch::from_json(br#"{"id":"r1","ctx":{"now_ms":1767225600000,"local_min":600},"candidates":[]}"#)?;
//! let outcome = Arc::new(gate.evaluate(&batch));
//! ledger.record(&batch, &outcome)?;
//! ledger.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layout
//! Writing: [`Ledger`] → `writer`, a thread → `prepared` on several → which lists are kept in full (`level`) → `record` → `frame` → `segment`, with `keys` for what
//! is sealed (wrapped by `wrap`), `merkle` and `note` for what is signed. Reading: [`History`] → records, opened; `verify`, `proof` and `replay`
//! stand on it, `verify` with `claims`, which records make of each other, and with the cosigned heads of `anchor`, by which the `sample` is
//! drawn. Leaving: [`Case`] (`sealed`), under other `names`, by `sealing` to whoever judges it elsewhere; and what a witness
//! signs (`cosign`). Everything lies in one folder (`home`); who looked something up stands in `access`.

// What tests share names the crate as others do.
#[cfg(test)]
extern crate self as normgate_ledger;

mod access;
mod anchor;
mod answer;
mod bytes;
mod claims;
mod cosign;
mod error;
mod facets;
mod frame;
mod fulfilment;
mod history;
mod holds;
mod home;
#[cfg(test)]
mod hostile;
mod keys;
mod ledger;
mod level;
mod merkle;
mod names;
mod note;
mod prepared;
mod proof;
mod record;
mod recorded;
mod replay;
mod sample;
mod sealed;
mod sealing;
mod segment;
mod settings;
mod stats;
mod verify;
mod wrap;
mod writer;

pub use access::Access;
pub use anchor::{Anchor, Anchorage, MAX_ANSWER_BYTES, Submission};
pub use answer::{Answer, Because, Failed, Noted, Owed, RowAnswer, Shadowed, TagAnswer, Vetoed, Violated};
pub use cosign::{Answered, Cosigner, Shown, Witness};
pub use error::LedgerError;
pub use facets::{Facets, Group};
pub use fulfilment::{Breach, Counts as DutyCounts, Deed, Duty, Fulfilment, Subject};
pub use history::History;
pub use keys::{Class, KEPT_D, RETENTION_DAYS, expired};
pub use ledger::Ledger;
pub use note::{Checkpoint, Verifier};
pub use proof::{Checked, check};
pub use record::{AccessHead, Decision, Entry, Event, Gap, Level, Listed, Purge, Why};
pub use recorded::{Confirmed, Query, Recorded, Redaction, Told};
pub use replay::{Difference, Parts, Replay, Replayed};
pub use sealed::{Case, CaseReplayed, Fired, Proven};
pub use sealing::{Recipient, SealingKey};
pub use settings::{Counts, Durability, KeySettings, Settings, WhenFull};
pub use verify::{Against, Verification};
pub use wrap::WrapCommand;

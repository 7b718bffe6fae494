//! The contract between the normgate host and a policy module, as data and types.
//!
//! - `policy.wit` beside this crate is the interface that crosses the sandbox;
//! - [`Vocabulary`] is every name that may cross it: columns, terms, labels, obligations, vetoes;
//! - [`Manifest`] is what one module says of itself: what it reads, what it may answer, and in which words.
//!
//! The host validates with these types and the SDK's macros generate code from them, so there is one reading of each.

pub mod bounds;
mod codes;
mod concern;
mod day;
pub mod dsa;
mod hex;
pub mod law;
mod manifest;
mod nearest;
pub mod reference;
mod source;
mod standing;
mod steering;
mod vocabulary;

pub use codes::{Code, Stated};
pub use concern::{Concern, MINOR, MINOR_COLUMNS, in_words as concerns_in_words};
pub use day::{Day, Moment, now_ms};
pub use hex::hex;
pub use manifest::{
    Applies, Argument, Audience, Block, Column, Constraint, Effect, Frame, Input, Law, Level, Manifest, Modality,
    Obligation, OnFailure, Owner, Parameter, ParameterType, Provenance, Quantity, Rule, Stage, Stricter, TagAction,
    Text, Title, Value, Weight, Wording, most_specific_entry,
};
pub use nearest::nearest;
pub use source::{ManifestError, read_policy_toml};
pub use standing::Standing;
pub use steering::steers;
pub use vocabulary::{
    ColumnSpec, ColumnType, CommonParameter, MICROSECONDS_FROM, REFERENCE, SECONDS, SignalCodes, Surface, TermSet,
    Vocabulary, VocabularyError,
};

/// The package that modules and hosts of this release speak.
pub const CONTRACT: &str = "normgate:policy@0.1.0";

/// The contract's text.
pub const WIT: &str = include_str!("../policy.wit");

/// Name of the component's custom section that carries the manifest as JSON.
pub const MANIFEST_SECTION: &str = "normgate:manifest";

/// Code of an unknown value in a term column.
pub const UNKNOWN: u16 = 0;

/// Code of a value that the host knows and the manifest does not list.
pub const UNLISTED: u16 = 1;

/// Code of the first listed entry.
pub const FIRST_ENTRY: u16 = 2;

/// Most entries that one column of a manifest may list; bit 62 of a set says "some unlisted term".
pub const MAX_ENTRIES: usize = 62;

/// The row number that means "the request" in an answer.
pub const REQUEST_ROW: u32 = u32::MAX;

//! Judges ranked lists by sandboxed WebAssembly policy modules.
//!
//! ```
//! use normgate::{Batch, Gate};
//!
//! let gate = Gate::builder().policies(normgate::embedded::arp()).build()?;
//! let batch = Batch::from_json(
//!     br#"{"id":"r1","ctx":{"surface":"feed","now_ms":1767225600000,"local_min":600,"can_render_labels":true},
//!          "user":{"age_band":"a18_60","age_assurance":"id_verified","personalization":"on"},
//!          "candidates":[{"id":"c1","kind":"article","scan_state":"done","retrieval_basis":"generic",
//!                         "aigc":{"meta_label":"1"}}]}"#,
//! )?;
//! let outcome = gate.evaluate(&batch);
//! let first = outcome.ranking().next().expect("one row may be shown");
//! assert_eq!(first.id(), "c1");
//! assert!(first.labels().any(|label| label == "ai.confirmed"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layout
//! A request reads top to bottom: [`Batch`] (columns) → [`PolicySet`] → plan (what each module sees) → sandbox →
//! merge ([`Judgement`]) → [`Outcome`]. Nothing below knows what is above. Judging is synchronous and CPU-bound; there is no
//! async here, no clock but the one that decides what is in force, and no state that survives a request.

/// The host's side of the contract, as generated; for benches.
#[doc(hidden)]
pub use bindings::exports::normgate::policy::judging as __judging;

mod arrange;
mod artifacts;
mod batch;
mod bindings;
mod breaker;
mod brief;
mod builder;
mod canary;
mod concern;
mod config;
mod confirm;
mod counters;
mod description;
mod diff;
#[cfg(feature = "embedded")]
pub mod embedded;
mod error;
mod expiry;
mod exposure;
#[rustfmt::skip]
pub mod fields;
mod fitting;
mod gate;
mod generation;
mod grant;
mod guest;
mod judge;
mod latency;
mod lineup;
mod merge;
mod missing;
mod module;
mod names;
mod notice;
mod notices;
mod on_failure;
mod order;
mod outcome;
mod overlay;
mod overrides;
mod plan;
mod policy_set;
mod price;
#[doc(hidden)]
pub mod private;
mod prometheus;
mod provider;
mod purse;
mod recent;
mod record;
mod sandbox;
mod stats;
mod trial;
mod verdict;
mod wire;
mod words;

pub use arrange::{Slate, Unmet};
pub use artifacts::{Artifact, Artifacts};
pub use batch::{
    BadRow, Batch, BatchBuilder, Cell, Field, InputError, MAX_LISTED, MAX_ROWS, MAX_VALUES, Mistake, OnBadCell,
    OnBadRow, Reader, SignalOf, Tolerance, id_of_text, nearest_field, repeated_key,
};
pub use breaker::BreakerState;
pub use brief::{About, Duty};
pub use builder::GateBuilder;
pub use config::{BreakerConfig, Config, Filing, Mode, Order, OrderBy, Percentage, SetMode};
pub use confirm::{Confirmation, Discharge, NotRecorded, Recorder, RenderedLabel};
pub use description::{PolicyDescription, SetDescription};
pub use diff::{ShadowChange, ShadowDiff};
pub use error::BuildError;
pub use expiry::Expiry;
pub use exposure::{exposure, exposure_ppm};
pub use fitting::LeftOut;
pub use gate::Gate;
pub use generation::Generation;
pub use grant::{Base, Grant};
pub use latency::Histogram;
pub use module::{LoadError, MAX_FUNCTION_BYTES, MAX_MODULE_BYTES, MAX_PARTS, Module};
pub use normgate_contract as contract;
pub use normgate_contract::bounds::MAX_MANIFEST_BYTES;
pub use notice::Notice;
pub use on_failure::{HostFailure, OnFailures, Switch};
pub use outcome::{
    Cause, ConstraintItem, Draw, Failure, ObligationItem, Outcome, Reason, Scope, ShadowItem, Shown, TagVerdict,
    Target, Verdict, VetoItem,
};
pub use overrides::{MAX_OVERRIDE_S, Override};
pub use plan::{ArgumentValue, Arguments};
pub use policy_set::{FILING, HOST_FAILURE, HOST_INPUT, LOOSENING, PolicySet, RuleRef};
pub use record::{CanaryDraw, Circumstances, Disturbance};
pub use sandbox::{Allocation, Backend, Compiler, FailureKind, Limits, precompile};
pub use stats::{InputStats, ModuleStats, ShadowStats, Stats};
pub use trial::{Bounds, Ruling, Tally, Trial};
pub use verdict::{Action, FULL_WEIGHT, Judgement};
pub use wire::{Detail, Explanation, Language};
pub use words::Words;

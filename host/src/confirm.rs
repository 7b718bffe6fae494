//! What happened to a decision afterwards, and the hook by which a gate has both kept.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::outcome::Outcome;

/// What a platform did with a decision: Art 9 and 28 ask for records of what was shown, not only of what was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The decision.
    pub decision_id: String,
    /// Ids of the candidates that were shown, in the order that they were.
    #[serde(default)]
    pub shown: Vec<String>,
    /// Labels that were rendered.
    #[serde(default)]
    pub labels_rendered: Vec<RenderedLabel>,
    /// Features that were left out of scoring because they were vetoed.
    #[serde(default)]
    pub vetoes_applied: Vec<String>,
    /// Obligations that are done.
    #[serde(default)]
    pub discharged: Vec<Discharge>,
}

/// A label that was rendered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenderedLabel {
    /// Id of the candidate.
    pub candidate: String,
    /// The label, as the verdict has it.
    pub label: String,
}

/// An obligation that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discharge {
    /// What was owed, as the decision has it: `offer.why`, `delete.tag`, …
    pub code: String,
    /// The candidate or tag that it was owed about; none as the decision has none.
    #[serde(default)]
    pub target: Option<String>,
}

/// Keeps what a gate decides, and what became of it. `normgate-ledger` is one.
pub trait Recorder: Send + Sync {
    /// Keeps one decision.
    ///
    /// # Errors
    /// When it could not be kept, by the recorder's own idea of when that is.
    fn record(&self, request: &Batch, outcome: &Arc<Outcome>) -> Result<(), NotRecorded>;

    /// Keeps what became of a decision.
    ///
    /// # Errors
    /// As for a decision.
    fn confirm(&self, confirmation: &Confirmation) -> Result<(), NotRecorded>;
}

/// Something was not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not recorded: {0}")]
pub struct NotRecorded(pub String);

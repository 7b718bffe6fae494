//! A recorded answer read back: what checks and reports need of the wire format.

use serde::Deserialize;

use crate::error::LedgerError;
use crate::history::Recorded;

/// The answer to one list, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Answer {
    /// Its decision id.
    pub decision_id: String,
    /// `in` or `out`: whether the Provisions cover the request (Art 2).
    pub scope: String,
    /// How many of the verdicts, from the first, may be shown.
    pub shown: usize,
    /// Verdicts in final order, withheld ones last.
    pub verdicts: Vec<RowAnswer>,
    /// What becomes of the user's tags.
    pub tags: Vec<TagAnswer>,
    /// What is owed.
    pub obligations: Vec<Owed>,
    /// Features that must not be used.
    pub vetoes: Vec<Vetoed>,
    /// Findings about the operator.
    pub violations: Vec<Violated>,
    /// What rules in shadow would have done.
    pub shadow: Vec<Shadowed>,
    /// Modules that failed.
    pub failures: Vec<Failed>,
}

/// The verdict on one candidate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RowAnswer {
    /// The candidate.
    pub id: String,
    /// `allow`, `label`, `demote` or `block`.
    pub action: String,
    /// How it may come back if it is withheld: `none`, `human_review`, `label_first`.
    pub hold: String,
    /// The factor of its score, ppm.
    pub weight_ppm: u32,
    /// Labels that must be shown with it.
    pub labels: Vec<String>,
    /// Why.
    pub reasons: Vec<Because>,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Because {
    /// The rule.
    pub rule: String,
    /// `<id>@<version>` of its policy.
    pub policy: String,
    /// Its strongest effect.
    pub effect: String,
    /// `fact` or `missing_input`.
    pub cause: String,
}

/// The verdict on one tag.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TagAnswer {
    /// The tag.
    pub tag_id: String,
    /// `keep`, `suppress` or `delete`.
    pub action: String,
    /// Why.
    pub reasons: Vec<Because>,
}

/// An obligation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Owed {
    /// What is owed.
    pub code: String,
    /// The candidate or tag that it is about.
    pub target: Option<String>,
    /// By which rule.
    pub rule: String,
    /// Within how many seconds.
    pub deadline_s: Option<i64>,
}

/// A veto.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Vetoed {
    /// The feature, or `tag:<id>`.
    pub feature: String,
    /// By which rule.
    pub rule: String,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Violated {
    /// The rule.
    pub rule: String,
    /// The candidate or tag that it is about.
    pub target: Option<String>,
    /// `fact` or `missing_input`.
    pub cause: String,
}

/// What a rule in shadow would have done.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Shadowed {
    /// The rule.
    pub rule: String,
    /// The candidate or tag.
    pub target: Option<String>,
    /// The kind of effect.
    pub effect: String,
}

/// A module that failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Failed {
    /// `<id>@<version>` of the policy.
    pub policy: String,
    /// How.
    pub kind: String,
    /// What was applied instead: `hold`, `demote`, `allow`, `last_good`, `dropped`.
    pub applied: String,
}

impl Recorded {
    /// The answer, read; none where its key is gone.
    ///
    /// # Errors
    /// When it is no answer.
    pub fn answer(&self) -> Result<Option<Answer>, LedgerError> {
        let read = |text: &String| {
            serde_json::from_str(text)
                .map_err(|error| LedgerError::altered(format!("record {}", self.record), error.to_string()))
        };
        self.outcome.as_ref().map(read).transpose()
    }
}

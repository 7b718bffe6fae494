//! A recorded answer read back, as far as checks and reports need the wire format; texts are borrowed from the record.

use std::borrow::Cow;

use normgate::contract::{Block, TagAction};
use normgate::{Action, Cause};
use serde::Deserialize;

use crate::error::LedgerError;
use crate::recorded::Recorded;

/// The answer to one list. What nobody here reads of it is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Answer<'a> {
    /// Its decision id.
    #[serde(borrow)]
    pub decision_id: Cow<'a, str>,
    /// Digest of the policy set.
    #[serde(borrow)]
    pub policy_set: Cow<'a, str>,
    /// `in` or `out`: whether the Provisions cover the request (Art 2).
    #[serde(borrow)]
    pub scope: Cow<'a, str>,
    /// How many of the verdicts, from the first, may be shown.
    pub shown: usize,
    /// Verdicts in final order, withheld ones last.
    #[serde(borrow)]
    pub verdicts: Vec<RowAnswer<'a>>,
    /// What becomes of the user's tags.
    #[serde(borrow)]
    pub tags: Vec<TagAnswer<'a>>,
    /// What is owed.
    #[serde(borrow)]
    pub obligations: Vec<Owed<'a>>,
    /// Features that must not be used.
    #[serde(borrow)]
    pub vetoes: Vec<Vetoed<'a>>,
    /// Findings about the operator.
    #[serde(borrow)]
    pub violations: Vec<Violated<'a>>,
    /// What rules in shadow would have done.
    #[serde(borrow)]
    pub shadow: Vec<Shadowed<'a>>,
    /// Modules that failed.
    #[serde(borrow)]
    pub failures: Vec<Failed<'a>>,
    /// Things to know.
    #[serde(borrow)]
    pub notices: Vec<Noted<'a>>,
}

/// The verdict on one candidate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RowAnswer<'a> {
    /// The candidate.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// What happened to it.
    pub action: Action,
    /// How it may come back if it is withheld; none of them otherwise.
    pub hold: Block,
    /// The factor of its score, ppm.
    pub weight_ppm: u32,
    /// Labels that must be shown with it.
    pub labels: Vec<String>,
    /// Why.
    #[serde(borrow)]
    pub reasons: Vec<Because<'a, Action>>,
}

/// One reason, with its strongest effect.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Because<'a, E> {
    /// The rule.
    #[serde(borrow)]
    pub rule: Cow<'a, str>,
    /// `<id>@<version>` of its policy.
    #[serde(borrow)]
    pub policy: Cow<'a, str>,
    /// Its strongest effect.
    pub effect: E,
    /// Why it fired.
    pub cause: Cause,
}

/// The verdict on one tag.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TagAnswer<'a> {
    /// The tag.
    #[serde(borrow)]
    pub tag_id: Cow<'a, str>,
    /// What becomes of it.
    pub action: TagAction,
    /// Why.
    #[serde(borrow)]
    pub reasons: Vec<Because<'a, TagAction>>,
}

/// An obligation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Owed<'a> {
    /// What is owed.
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    /// The candidate or tag that it is about.
    #[serde(borrow)]
    pub target: Option<Cow<'a, str>>,
    /// By which rule.
    #[serde(borrow)]
    pub rule: Cow<'a, str>,
    /// Within how many seconds.
    pub deadline_s: Option<i64>,
    /// For how many days what it is about is to be kept.
    pub retain_d: Option<i64>,
}

/// A veto.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Vetoed<'a> {
    /// The feature, or `tag:<id>`.
    #[serde(borrow)]
    pub feature: Cow<'a, str>,
    /// By which rule.
    #[serde(borrow)]
    pub rule: Cow<'a, str>,
}

/// A finding about the operator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Violated<'a> {
    /// The rule.
    #[serde(borrow)]
    pub rule: Cow<'a, str>,
    /// Why it fired.
    pub cause: Cause,
}

/// What a rule in shadow would have done.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Shadowed<'a> {
    /// The rule.
    #[serde(borrow)]
    pub rule: Cow<'a, str>,
    /// The kind of effect.
    #[serde(borrow)]
    pub effect: Cow<'a, str>,
}

/// A module that failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Failed<'a> {
    /// `<id>@<version>` of the policy.
    #[serde(borrow)]
    pub policy: Cow<'a, str>,
    /// How.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// What was applied instead: `hold`, `demote`, `allow`, `last_good`, `dropped`.
    #[serde(borrow)]
    pub applied: Cow<'a, str>,
}

/// A notice.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Noted<'a> {
    /// What kind of notice.
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    /// The policy that it is about, if it is about one.
    #[serde(borrow, default)]
    pub policy: Option<Cow<'a, str>>,
}

impl<'a> Answer<'a> {
    /// Reads an answer as it was written; `record` is where, for messages.
    ///
    /// # Errors
    /// When it is no answer.
    pub fn read(text: &'a str, record: u64) -> Result<Self, LedgerError> {
        let unread = |error: serde_json::Error| {
            LedgerError::altered(format!("record {record}"), format!("its outcome cannot be read: {error}"))
        };
        serde_json::from_str(text).map_err(unread)
    }
}

impl Recorded {
    /// The answer, read; none where its key is gone.
    ///
    /// # Errors
    /// When it is no answer.
    pub fn answer(&self) -> Result<Option<Answer<'_>>, LedgerError> {
        self.outcome.as_deref().map(|text| Answer::read(text, self.record)).transpose()
    }
}

//! A recorded answer, read as far as reports count it.

use std::borrow::Cow;

use normgate::contract::TagAction;
use serde::Deserialize;

/// An answer as the wire has it. What reports do not count is passed over.
#[derive(Deserialize)]
pub(crate) struct Answer<'a> {
    #[serde(borrow)]
    pub(crate) decision_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) policy_set: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) scope: Cow<'a, str>,
    pub(crate) shown: usize,
    #[serde(borrow)]
    pub(crate) verdicts: Vec<Verdict<'a>>,
    #[serde(borrow)]
    pub(crate) tags: Vec<Tag<'a>>,
    #[serde(borrow)]
    pub(crate) obligations: Vec<Obligation<'a>>,
    #[serde(borrow)]
    pub(crate) vetoes: Vec<Veto<'a>>,
    #[serde(borrow)]
    pub(crate) violations: Vec<Violation<'a>>,
    #[serde(borrow)]
    pub(crate) shadow: Vec<Shadow<'a>>,
    #[serde(borrow)]
    pub(crate) failures: Vec<Failure<'a>>,
    #[serde(borrow)]
    pub(crate) notices: Vec<Notice<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct Verdict<'a> {
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    pub(crate) action: Act,
    #[serde(borrow)]
    pub(crate) hold: Cow<'a, str>,
    pub(crate) weight_ppm: u32,
    pub(crate) labels: Vec<String>,
    #[serde(borrow)]
    pub(crate) reasons: Vec<Reason<'a, Act>>,
}

#[derive(Deserialize)]
pub(crate) struct Tag<'a> {
    pub(crate) action: TagAction,
    #[serde(borrow)]
    pub(crate) reasons: Vec<Reason<'a, TagAction>>,
}

#[derive(Deserialize)]
pub(crate) struct Reason<'a, E> {
    #[serde(borrow)]
    pub(crate) rule: Cow<'a, str>,
    pub(crate) effect: E,
    pub(crate) cause: Why,
}

#[derive(Deserialize)]
pub(crate) struct Obligation<'a> {
    #[serde(borrow)]
    pub(crate) code: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) target: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) rule: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(crate) struct Veto<'a> {
    #[serde(borrow)]
    pub(crate) feature: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(crate) struct Violation<'a> {
    #[serde(borrow)]
    pub(crate) rule: Cow<'a, str>,
    pub(crate) cause: Why,
}

#[derive(Deserialize)]
pub(crate) struct Shadow<'a> {
    #[serde(borrow)]
    pub(crate) rule: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) effect: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(crate) struct Failure<'a> {
    #[serde(borrow)]
    pub(crate) policy: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) applied: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(crate) struct Notice<'a> {
    #[serde(borrow)]
    pub(crate) code: Cow<'a, str>,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Act {
    Allow,
    Label,
    Demote,
    Block,
}

/// Why a rule fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    Fact,
    MissingInput,
}

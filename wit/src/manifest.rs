//! The manifest: what a module says of itself, in the resolved form that the component carries.
//!
//! Authors write the shorter `policy.toml` ([`crate::read_policy_toml`]); the SDK resolves it against the vocabulary, so
//! that everything a host needs stands here explicitly, term by term.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ColumnType, Concern, Day};

/// A text in both languages of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// A module's title.
pub type Title = Text;

/// Which law a module reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Law {
    /// The Algorithmic Recommendation Management Provisions: skipped for requests out of their scope (Art 2).
    Arp,
    /// Another law: runs whatever Art 2 says.
    Other,
}

/// What the host does with the candidates when the module fails and no earlier good version is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Withhold them, as far as the module itself could have.
    Hold,
    /// Let them pass.
    Allow,
}

/// When a module is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Per row and tag, free of any order.
    Candidate,
    /// Over the rows that are left, in slate order.
    Slate,
}

/// What a rule judges, which is also what its obligations, vetoes and violations are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A candidate, and never anything else.
    Row,
    /// A user tag; it may touch candidates too.
    Tag,
    /// The request as a whole; it may touch candidates too.
    Request,
}

/// How binding a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// Required.
    Must,
    /// Encouraged.
    Should,
    /// The operator's option.
    Policy,
}

/// Where a rule or a figure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provenance {
    /// The Provisions themselves or another statute.
    Statute,
    /// A binding instrument below a statute.
    Instrument,
    /// A recommended standard or guideline.
    Recommended,
    /// A draft.
    Draft,
    /// An engineering default; no instrument says so.
    Engineering,
}

/// Whom a sentence speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Who sees the list.
    Viewer,
    /// Who made the item.
    Author,
    /// Who is offered the work.
    Worker,
    /// Who sells.
    Merchant,
    /// The platform's officer in charge.
    Officer,
}

/// Whether a sentence stands in the decision specification or is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wording {
    /// Taken from the specification.
    Spec,
    /// Ours, to be reviewed.
    Draft,
}

/// Who may set a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// Fixed by law; may only be tightened.
    Law,
    /// A recommended standard or guideline; operators move it within its range.
    Norm,
    /// The operator's.
    Op,
    /// A regulator's overlay; may only tighten.
    Reg,
    /// The user's or guardian's.
    Usr,
}

/// In which direction an integer parameter is stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stricter {
    /// A smaller value binds more.
    Smaller,
    /// A larger value binds more.
    Larger,
}

/// Type and bounds of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "type")]
pub enum ParameterType {
    /// An integer within inclusive bounds.
    Integer {
        /// Smallest legal value.
        min: i64,
        /// Largest legal value.
        max: i64,
        /// Unit: `ppm`, `s`, `min`, `fen`, `count`, …
        unit: String,
        /// Stricter direction.
        stricter: Stricter,
    },
    /// One of a few choices, from loose to strict.
    Term {
        /// The choices.
        choices: Vec<String>,
    },
}

/// A parameter value as written: a number or a choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Of an integer parameter.
    Integer(i64),
    /// Of a term parameter.
    Term(String),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Term(choice) => choice.fmt(f),
        }
    }
}

/// A parameter of a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Full name: `art18.rest_s` or `common.t_confirm`.
    pub name: String,
    /// Type and bounds.
    #[serde(flatten)]
    pub kind: ParameterType,
    /// Value when nobody sets one.
    pub default: Value,
    /// Who may set it.
    pub owner: Owner,
    /// Where the default comes from.
    pub source: Provenance,
    /// Later defaults, each from a day on, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dated: Vec<(Day, Value)>,
}

impl Parameter {
    /// The number that crosses into a module for a value: an integer as it is, a choice as 2 + its position.
    ///
    /// # Errors
    /// A clause that says which bound or type the value misses.
    pub fn encode(&self, value: &Value) -> Result<i64, String> {
        match (&self.kind, value) {
            (ParameterType::Integer { min, max, unit, .. }, Value::Integer(number)) => {
                if (min..=max).contains(&number) {
                    Ok(*number)
                } else {
                    Err(format!("{number} is outside {min}..{max} {unit}"))
                }
            }
            (ParameterType::Term { choices }, Value::Term(choice)) => choices
                .iter()
                .position(|c| c == choice)
                .map(|position| position as i64 + 2)
                .ok_or_else(|| format!("`{choice}` is none of {}", choices.join(", "))),
            (ParameterType::Integer { unit, .. }, Value::Term(choice)) => {
                Err(format!("`{choice}` is not an integer ({unit})"))
            }
            (ParameterType::Term { choices }, Value::Integer(number)) => {
                Err(format!("{number} is none of {}", choices.join(", ")))
            }
        }
    }

    /// How strict an encoded value is: larger = stricter.
    pub fn strictness(&self, encoded: i64) -> i64 {
        match &self.kind {
            // The complement has no overflow at the end, as the negative has.
            ParameterType::Integer { stricter: Stricter::Smaller, .. } => !encoded,
            _ => encoded,
        }
    }
}

/// A column that the module reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Name inside the frame: `aigc.meta_label`.
    pub field: String,
    /// Type of the values.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// For term, terms and signals columns: what the module distinguishes. A term, a signal code (`L11.fraud`), or a
    /// family: `M1` = M1 and M1.*, `L*` = every L code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<String>,
    /// Inclusive bounds, for an integer column that the module defines itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<(i64, i64)>,
    /// Whether the module works without the column when its grant withholds it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// A column that a norm adds to the vocabulary, named `<frame>.x.<authority>.<name>`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Type of the values.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// The terms, for term columns.
    #[serde(default)]
    pub terms: Vec<String>,
    /// Inclusive bounds of an integer.
    pub range: Option<(i64, i64)>,
}

/// The columns that a module reads of one frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Name of the frame.
    pub name: String,
    /// Columns, in the order in which they cross.
    pub columns: Vec<Input>,
}

/// How a blocked row may come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Once a label is shown.
    LabelFirst,
    /// Once a person has looked.
    HumanReview,
    /// Not at all.
    None,
}

/// A number that is written, or taken from a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Quantity {
    /// A constant.
    Constant(i64),
    /// The value of the parameter of this name.
    Parameter(String),
}

/// The weight of a demotion, in ppm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Weight {
    /// A constant.
    Constant(i64),
    /// A parameter's name, or the word `computed`: the answer carries it. Under the name `column`, a column of the module.
    Named(String),
}

impl Weight {
    /// Whether the answer carries the weight.
    pub fn is_computed(&self) -> bool {
        matches!(self, Self::Named(name) if name == "computed")
    }
}

/// An argument of an obligation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Argument {
    /// A constant flag.
    Flag(bool),
    /// A constant number.
    Constant(i64),
    /// A parameter's name, or the word `computed`: the answer carries it.
    Named(String),
}

/// The argument that names a column: the one that is missing.
pub(crate) const COLUMN_ARGUMENT: &str = "column";

impl Argument {
    /// The column that the argument of this name is, if it is one.
    pub fn column(&self, name: &str) -> Option<&str> {
        match self {
            Self::Named(column) if name == COLUMN_ARGUMENT => Some(column),
            _ => None,
        }
    }
}

/// An obligation that a rule may raise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obligation {
    /// What is owed, from the vocabulary.
    pub code: String,
    /// Within how many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_s: Option<Quantity>,
    /// For how many days the record is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_d: Option<Quantity>,
    /// Further arguments.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, Argument>,
}

/// A demand on the composition of the first slots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constraint {
    /// `min`: at least `count` rows that carry one of `codes`.
    pub kind: String,
    /// Signal codes or families.
    pub codes: Vec<String>,
    /// How many rows.
    pub count: Quantity,
    /// Among how many first slots.
    pub slots: Quantity,
}

/// What a rule does to a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TagAction {
    /// Left alone.
    Keep,
    /// Not used for this request.
    Suppress,
    /// Not used, and to be erased.
    Delete,
}

/// One possible effect of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Put a label on the row.
    Label(String),
    /// Multiply the row's score by a weight (ppm).
    Demote(Weight),
    /// Withhold the row.
    Block(Block),
    /// Suppress or delete a tag.
    Tag(TagAction),
    /// Oblige the platform to something.
    Obligation(Obligation),
    /// Forbid a feature of the vocabulary; `tag` = the tag whose row the answer carries.
    Veto(String),
    /// A finding about the operator itself.
    Violation,
    /// A hint that the row deserves a better place.
    Promote,
    /// A demand on the slate.
    Constraint(Constraint),
}

/// One rule: when it fires, what it may do, and the words for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Full id: `art18.curfew`.
    pub id: String,
    /// When it is asked.
    pub stage: Stage,
    /// What it judges.
    pub level: Level,
    /// How binding it is.
    pub modality: Modality,
    /// Article or instrument that it reads.
    pub basis: String,
    /// Liability reference, where a statute or instrument carries the condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liability: Option<String>,
    /// Where it comes from.
    pub source: Provenance,
    /// Whether the source was checked against the official text.
    pub verified: bool,
    /// Columns that the decision rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// The column that releases a hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Whether the rule binds emergency rows too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub binds_emergency: bool,
    /// Whether its reason is that the content is illegal: it rests on L codes. See [`crate::dsa`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub illegal: bool,
    /// First day in force, where it differs from the module's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<Day>,
    /// First day no longer in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_until: Option<Day>,
    /// Whom the sentence speaks to.
    pub audience: Audience,
    /// A sentence that is true whenever the rule fires.
    pub sentence: Text,
    /// What the addressee can do.
    pub remedy: Text,
    /// Whether the sentence is the specification's.
    pub wording: Wording,
    /// Ids of rules with the same sentence, on purpose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares_sentence_with: Vec<String>,
    /// Possible effects.
    pub effects: Vec<Effect>,
    /// Positions in `effects` of those that the rule can do without when its grant withholds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub optional_effects: Vec<usize>,
}

/// When a module can be skipped because it provably says nothing. An unknown value always applies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applies {
    /// Skipped when no row is of these kinds or of unknown kind. Only where every rule judges rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Skipped on every other known surface.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub surfaces: Vec<String>,
}

/// What a module says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The contract it speaks: [`crate::CONTRACT`].
    pub contract: String,
    /// `<authority>/<name>`.
    pub id: String,
    /// Prefix of all rule and parameter ids.
    pub module: String,
    /// Version of the policy, `major.minor.patch`.
    pub version: String,
    /// Title.
    pub title: Title,
    /// Which law it reads.
    pub law: Law,
    /// For a sector norm: the pack that a provider adopts (Art 5). Without adoption its rules are in shadow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<String>,
    /// Of a sector norm: who issued it, in words; the authority in the id is who signs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Text>,
    /// Of a sector norm: where the text that was adopted can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_url: Option<String>,
    /// Policy ids that it replaces, where the platform's trust configuration lets it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<String>,
    /// First day in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<Day>,
    /// First day no longer in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_until: Option<Day>,
    /// When it can be skipped.
    #[serde(default)]
    pub applies: Applies,
    /// What happens when it fails.
    pub on_failure: OnFailure,
    /// Which rows it may withhold or demote, as alternatives: all that a failure may reach. Empty = every row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concerns: Vec<Concern>,
    /// Columns of the request frame.
    pub request: Vec<Input>,
    /// Other frames and their columns.
    pub frames: Vec<Frame>,
    /// Parameters.
    pub parameters: Vec<Parameter>,
    /// Pairs of parameters of which the first must never be above the second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ordered: Vec<(String, String)>,
    /// Of a sector norm: parameters of any module that it tightens for a provider that adopted it. It cannot loosen one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overlays: BTreeMap<String, Value>,
    /// Rules.
    pub rules: Vec<Rule>,
}

impl Manifest {
    /// The authority: the part of the id before the slash.
    pub fn authority(&self) -> &str {
        self.id.split('/').next().unwrap_or_default()
    }

    /// `<id>@<version>`.
    pub fn reference(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }

    /// All effects in the order of their indices, each with the index of its rule.
    pub fn effects(&self) -> impl Iterator<Item = (usize, &Effect)> {
        self.rules.iter().enumerate().flat_map(|(index, rule)| rule.effects.iter().map(move |effect| (index, effect)))
    }

    /// Whether some rule belongs to the stage.
    pub fn has_stage(&self, stage: Stage) -> bool {
        self.rules.iter().any(|rule| rule.stage == stage)
    }

    /// Frame-qualified names of all columns that the module reads, request first.
    pub fn columns(&self) -> impl Iterator<Item = (String, &Input)> {
        let request = self.request.iter().map(|input| (format!("request.{}", input.field), input));
        let others = self.frames.iter().flat_map(|frame| {
            frame.columns.iter().map(move |input| (format!("{}.{}", frame.name, input.field), input))
        });
        request.chain(others)
    }
}

/// The code (2 + position) of the most specific entry that covers a signal code, or 1 when none does.
///
/// An entry is one exact code (`L11.fraud`), a code with those below it (`M1` covers `M1.fan`), or a whole letter (`M*`).
pub fn most_specific_entry(entries: &[String], code: &str) -> u16 {
    let covers = |entry: &str| match entry.strip_suffix('*') {
        Some(letter) => code.starts_with(letter),
        None => {
            let below = |rest: &str| rest.starts_with('.') && !entry.contains('.');
            code.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || below(rest))
        }
    };
    let specificity = |entry: &String| if entry.ends_with('*') { 0 } else { entry.len() };
    entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| covers(entry))
        .max_by_key(|(_, entry)| specificity(entry))
        .map_or(crate::UNLISTED, |(position, _)| position as u16 + crate::FIRST_ENTRY)
}

#[cfg(test)]
mod tests {
    use super::most_specific_entry;

    #[test]
    fn a_code_gets_its_most_specific_entry() {
        let entries = ["M*", "M1", "L11.fraud"].map(String::from);
        let code = |code| most_specific_entry(&entries, code);
        assert_eq!([code("M1"), code("M1.fan.x"), code("M10"), code("M2")], [3, 3, 2, 2]);
        assert_eq!([code("L11.fraud"), code("L11.fraud.x"), code("L11"), code("H1")], [4, 1, 1, 1]);
    }
}

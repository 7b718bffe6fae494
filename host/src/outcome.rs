//! The outcome of one request: flat tables of indices into the policy set and the batch that made it.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use normgate_contract::{Block, TagAction};
use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::config::Mode;
use crate::judge::adopted;
use crate::notice::Notice;
use crate::plan::Arguments;
use crate::policy_set::{PolicySet, RuleRef, in_force};
use crate::record::Circumstances;
use crate::sandbox::FailureKind;
use crate::verdict::{Action, Judgement};

/// Whether the Provisions cover the request (Art 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// They do, or nobody said that they don't.
    In,
    /// Territory OTHER, or no algorithm.
    Out,
}

/// Why a rule fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Because something is unknown.
    MissingInput,
    /// Because of a fact.
    Fact,
}

/// Why a row is labelled, demoted or withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The rule.
    pub rule: RuleRef,
    /// Its strongest effect on the row.
    pub effect: Action,
    /// Why it fired.
    pub cause: Cause,
}

/// The verdict on one candidate.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Row of the candidates frame, in input order.
    pub row: u32,
    /// What all rules say together.
    pub judgement: Judgement,
    pub(crate) reasons: Range<usize>,
}

/// The verdict on one tag of the user.
#[derive(Clone, Debug)]
pub struct TagVerdict {
    /// What becomes of it.
    pub action: TagAction,
    /// The rules that say so, with their cause.
    pub reasons: Vec<(RuleRef, TagAction, Cause)>,
}

/// What an effect is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The request, the user or the slate.
    Request,
    /// A candidate, by row.
    Candidate(u32),
    /// A tag, by row.
    Tag(u32),
}

/// Something that the platform owes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObligationItem {
    /// What: position among the vocabulary's obligations; [`Outcome::owed`] names it.
    pub code: u16,
    /// About what.
    pub target: Target,
    /// By which rule.
    pub rule: RuleRef,
    /// Within how many seconds.
    pub deadline_s: Option<i64>,
    /// How many days the record is kept.
    pub retain_d: Option<i64>,
    /// Further arguments by name, where there are any.
    pub args: Option<Arguments>,
}

/// A feature that must not be used; rescore without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VetoItem {
    /// A feature of the vocabulary, or `tag:<id>`.
    pub feature: Arc<str>,
    /// By which rule.
    pub rule: RuleRef,
}

/// A demand on the first slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstraintItem {
    /// `min`.
    pub kind: String,
    /// Signal codes or families.
    pub codes: Vec<String>,
    /// How many rows.
    pub count: i64,
    /// Among how many first slots.
    pub slots: i64,
    /// By which rule.
    pub rule: RuleRef,
}

/// An effect that a rule in shadow would have had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowItem {
    /// The rule.
    pub rule: RuleRef,
    /// About what.
    pub target: Target,
    /// The kind of effect: `block`, `demote`, `label`, … [`Outcome::shadow_value`] says which.
    pub effect: &'static str,
    /// Which effect of its module, by index.
    pub(crate) index: u16,
    /// The weight or the tag that it carries.
    pub(crate) number: i64,
    /// What it says of a row, if it speaks of one.
    pub(crate) judgement: Judgement,
}

/// A module that failed, and what was done instead.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Index of the policy in the set.
    pub policy: u16,
    /// In which stage: `candidate` or `slate`.
    pub stage: &'static str,
    /// How.
    pub kind: FailureKind,
    /// In which words.
    pub message: String,
    /// What was applied to the rows: `hold`, `demote` or `allow`.
    pub applied: &'static str,
}

/// On which side of a canary the user of a request is, for one module. It comes from outside the policy set, so whoever judges
/// the request again has to have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Index of the policy in the set.
    pub policy: u16,
    /// The hundredth of all users, 0 to 99: a rule acts whose percentage is above it.
    pub hundredth: u8,
}

/// Everything that was decided for one request. Failures are data in it; judging itself cannot fail.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub(crate) set: Arc<PolicySet>,
    pub(crate) generation: Option<Arc<str>>,
    pub(crate) batch: Batch,
    /// What it rests on besides the request and the policy set.
    pub circumstances: Circumstances,
    /// Whether the Provisions cover the request.
    pub scope: Scope,
    /// How many of the verdicts, from the first, may be shown.
    pub shown: usize,
    /// Verdicts in final order, withheld ones last.
    pub verdicts: Vec<Verdict>,
    pub(crate) reasons: Vec<Reason>,
    /// Tag verdicts in input order.
    pub tags: Vec<TagVerdict>,
    /// What the platform owes, sorted by code, target, rule.
    pub obligations: Vec<ObligationItem>,
    /// Features that must not be used.
    pub vetoes: Vec<VetoItem>,
    /// Demands on the slate.
    pub constraints: Vec<ConstraintItem>,
    /// Rows that deserve a better place.
    pub promote: Vec<(Target, RuleRef)>,
    /// Findings about the operator.
    pub violations: Vec<(Target, RuleRef, Cause)>,
    /// What rules in shadow would have done.
    pub shadow: Vec<ShadowItem>,
    /// Rules that an emergency row keeps from acting.
    pub(crate) exempted: Vec<RuleRef>,
    /// Modules that failed.
    pub failures: Vec<Failure>,
    /// The canaries' draws, for modules that have rules in canary.
    pub draws: Vec<Draw>,
    /// Things to know.
    pub notices: Vec<Notice>,
}

/// One row that may be shown.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'o> {
    outcome: &'o Outcome,
    verdict: &'o Verdict,
}

impl<'o> Shown<'o> {
    /// The candidate's id.
    pub fn id(&self) -> &'o str {
        self.outcome.candidate_id(self.verdict.row)
    }

    /// The labels that must be shown with it.
    pub fn labels(&self) -> impl Iterator<Item = &'o str> {
        self.outcome.labels(self.verdict)
    }

    /// The share of its exposure that is left to it, in ppm.
    pub fn weight_ppm(&self) -> u32 {
        self.verdict.judgement.weight_ppm()
    }
}

impl Outcome {
    /// The rows that may be shown, in order, with their labels.
    pub fn ranking(&self) -> impl Iterator<Item = Shown<'_>> {
        self.verdicts[..self.shown].iter().map(|verdict| Shown { outcome: self, verdict })
    }

    /// The policy set that decided.
    pub fn policy_set(&self) -> &PolicySet {
        &self.set
    }

    /// The name of the generation that decided, if it was given one ([`crate::GateBuilder::label`]).
    pub fn generation(&self) -> Option<&str> {
        self.generation.as_deref()
    }

    /// Why a row is as it is; sorted by rule id.
    pub fn reasons(&self, verdict: &Verdict) -> &[Reason] {
        self.reasons.get(verdict.reasons.clone()).unwrap_or_default()
    }

    /// The rules that had something to say, are in force, and did not act: for their mode, an override, a trial, a draw, the
    /// set being observed, or an emergency.
    pub fn unapplied(&self) -> impl Iterator<Item = RuleRef> {
        let spoke = self.shadow.iter().map(|item| item.rule).chain(self.exempted.iter().copied());
        spoke.filter(|rule| self.is_due(*rule))
    }

    /// The rules that are in force and off, so that nobody knows what they would have said.
    pub fn unasked(&self) -> impl Iterator<Item = RuleRef> {
        let rules = (0..).zip(&self.set.policies[..self.set.judging]).flat_map(|(policy, loaded)| {
            (0..)
                .zip(&loaded.modes)
                .filter(|(_, mode)| **mode == Mode::Off)
                .map(move |(rule, _)| RuleRef { policy, rule })
        });
        rules.filter(|rule| self.is_due(*rule))
    }

    /// Whether a rule acts at this instant unless the platform keeps it from it. A sector norm that nobody adopted does not.
    fn is_due(&self, rule: RuleRef) -> bool {
        let Some(declared) = self.set.rule(rule) else { return false };
        let policy = &self.set.policies[usize::from(rule.policy)];
        let manifest = &policy.module.manifest;
        let at_ms = self.circumstances.at_ms();
        in_force(declared.effective_from, declared.effective_until, at_ms)
            && in_force(manifest.effective_from, manifest.effective_until, at_ms)
            && adopted(policy, &self.batch)
    }

    /// The id of a candidate.
    pub fn candidate_id(&self, row: u32) -> &str {
        self.batch.row_id("candidates.id", row)
    }

    /// The id of a tag.
    pub fn tag_id(&self, row: u32) -> &str {
        self.batch.row_id("tags.tag_id", row)
    }

    /// Names of a verdict's labels, sorted.
    pub fn labels<'o>(&'o self, verdict: &Verdict) -> impl Iterator<Item = &'o str> {
        let bits = verdict.judgement.labels;
        let mut names: Vec<&str> = self
            .batch
            .vocabulary
            .labels
            .iter()
            .enumerate()
            .filter(move |(bit, _)| bits >> bit & 1 == 1)
            .map(|(_, label)| label.as_str())
            .collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// How a withheld row may come back: `none`, `human_review`, `label_first`; `none` on rows that are not withheld.
    pub fn hold(verdict: &Verdict) -> Block {
        verdict.judgement.block.unwrap_or(Block::None)
    }

    /// What an obligation asks for: `preserve.record`, `offer.why`, …
    pub fn owed(&self, obligation: &ObligationItem) -> &str {
        self.batch.vocabulary.obligations.get(usize::from(obligation.code)).map_or("", String::as_str)
    }

    /// The value of an effect in shadow: the hold, the weight, the label, the code.
    pub fn shadow_value(&self, item: &ShadowItem) -> Cow<'_, str> {
        self.set.shadow_value(item, &self.batch)
    }

    /// Text of a target: an id, or none for the request.
    pub fn target(&self, target: Target) -> Option<&str> {
        match target {
            Target::Request => None,
            Target::Candidate(row) => Some(self.candidate_id(row)),
            Target::Tag(row) => Some(self.tag_id(row)),
        }
    }
}

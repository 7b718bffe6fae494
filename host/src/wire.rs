//! The outcome as one JSON line.

use std::borrow::Cow;

use normgate_contract::{Audience, TagAction, Text, hex};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::batch::Batch;
use crate::merge::hold_name;
use crate::notice::Notice;
use crate::outcome::{Cause, Outcome, Scope, TagVerdict, Target, Verdict};
use crate::plan::Arguments;
use crate::policy_set::{PolicySet, RuleRef};
use crate::sandbox::FailureKind;
use crate::verdict::Action;

/// The language of sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Language {
    /// A text in this language.
    pub fn of(self, text: &Text) -> &str {
        self.pick(&text.zh, &text.en)
    }

    /// The one of two that is of this language.
    pub fn pick<T>(self, zh: T, en: T) -> T {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

/// What an answer carries beyond the decision itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Detail {
    /// Adds to each reason the sentence, the article and the remedy, in this language.
    pub explain: Option<Language>,
    /// Adds to each reason the values of the columns that the rule declares as evidence.
    pub evidence: bool,
}

#[derive(Serialize)]
struct Answer<'o> {
    id: Option<&'o str>,
    decision_id: &'o str,
    policy_set: &'o str,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<&'o str>,
    scope: Scope,
    shown: usize,
    verdicts: Vec<WireVerdict<'o>>,
    tags: Vec<WireTag<'o>>,
    obligations: Vec<WireObligation<'o>>,
    vetoes: Vec<WireVeto<'o>>,
    constraints: Vec<WireConstraint<'o>>,
    promote: Vec<WirePromote<'o>>,
    violations: Vec<WireViolation<'o>>,
    shadow: Vec<WireShadow<'o>>,
    failures: Vec<WireFailure<'o>>,
    notices: &'o [Notice],
}

#[derive(Serialize)]
struct WireObligation<'o> {
    code: &'o str,
    target: Option<&'o str>,
    rule: &'o str,
    deadline_s: Option<i64>,
    retain_d: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<&'o Arguments>,
}

#[derive(Serialize)]
struct WireVeto<'o> {
    feature: &'o str,
    rule: &'o str,
}

#[derive(Serialize)]
struct WireConstraint<'o> {
    kind: &'o str,
    codes: &'o [String],
    count: i64,
    slots: i64,
    rule: &'o str,
}

#[derive(Serialize)]
struct WirePromote<'o> {
    target: Option<&'o str>,
    rule: &'o str,
}

#[derive(Serialize)]
struct WireViolation<'o> {
    rule: &'o str,
    target: Option<&'o str>,
    cause: Cause,
}

#[derive(Serialize)]
struct WireShadow<'o> {
    rule: &'o str,
    policy: &'o str,
    target: Option<&'o str>,
    effect: &'static str,
    value: Cow<'o, str>,
}

#[derive(Serialize)]
struct WireFailure<'o> {
    policy: &'o str,
    stage: &'static str,
    kind: FailureKind,
    message: &'o str,
    applied: &'static str,
}

#[derive(Serialize)]
struct WireVerdict<'o> {
    id: &'o str,
    action: Action,
    hold: &'static str,
    weight_ppm: u32,
    labels: Vec<&'o str>,
    reasons: Vec<WireReason<'o>>,
}

#[derive(Serialize)]
struct WireTag<'o> {
    tag_id: &'o str,
    action: TagAction,
    reasons: Vec<WireReason<'o>>,
}

#[derive(Serialize)]
struct WireReason<'o> {
    rule: &'o str,
    policy: &'o str,
    effect: WireEffect,
    cause: Cause,
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<Explanation<'o>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Map<String, Value>>,
}

/// An effect on a row or on a tag.
#[derive(Serialize)]
#[serde(untagged)]
enum WireEffect {
    Row(Action),
    Tag(TagAction),
}

/// A rule in words.
#[derive(Debug, Serialize)]
pub struct Explanation<'o> {
    /// What happened, true whenever the rule fires.
    pub sentence: &'o str,
    /// On whose account, with the instruments named: required by, recommended by, or set by the platform.
    pub standing: String,
    /// Article or instrument, as the manifest cites it.
    pub basis: &'o str,
    /// What the addressee can do.
    pub remedy: &'o str,
    /// Whom the sentence speaks to.
    pub audience: Audience,
}

impl PolicySet {
    /// The id of this set's decision on a request that has the operator's facts already.
    pub(crate) fn decision_id(&self, request: &Batch) -> String {
        let mut hash = Sha256::new();
        hash.update(self.digest());
        hash.update(request.canonical());
        hex(&hash.finalize()[..16])
    }
}

impl Outcome {
    /// The first 16 bytes of SHA-256(policy set, canonical request), in hexadecimal.
    pub fn decision_id(&self) -> String {
        self.set.decision_id(&self.batch)
    }

    /// A reason in words; none for the host's own.
    pub fn explain(&self, rule: RuleRef, language: Language) -> Option<Explanation<'_>> {
        let rule = self.set.rule(rule)?;
        let Text { zh, en } = rule.standing_text(&self.batch.vocabulary);
        Some(Explanation {
            sentence: language.of(&rule.sentence),
            standing: language.pick(zh, en),
            basis: &rule.basis,
            remedy: language.of(&rule.remedy),
            audience: rule.audience,
        })
    }

    /// The answer as one JSON line, without the line break.
    pub fn to_json(&self, detail: Detail) -> String {
        self.to_json_of(&self.decision_id(), detail)
    }

    /// The same under a decision id that is known already: one that was computed before, or a recorded one, which a request
    /// without its unread columns no longer yields.
    pub fn to_json_of(&self, decision_id: &str, detail: Detail) -> String {
        let rule = |rule: RuleRef| self.set.rule_id(rule);
        let policies: Vec<String> =
            (0..self.set.policies.len()).map(|index| self.set.policy_reference(index as u16)).collect();
        let policy = |index: u16| policies.get(usize::from(index)).map_or("", String::as_str);
        let reason = |reference: RuleRef, effect: WireEffect, cause: Cause, target: Target| WireReason {
            rule: rule(reference),
            policy: policy(reference.policy),
            effect,
            cause,
            explain: detail.explain.and_then(|language| self.explain(reference, language)),
            evidence: detail.evidence.then(|| self.evidence(reference, target)),
        };
        let verdict = |verdict: &'_ Verdict| WireVerdict {
            id: self.candidate_id(verdict.row),
            action: verdict.judgement.action(),
            hold: hold_name(Outcome::hold(verdict)),
            weight_ppm: verdict.judgement.weight_ppm(),
            labels: self.labels(verdict).collect(),
            reasons: (self.reasons(verdict).iter())
                .map(|r| reason(r.rule, WireEffect::Row(r.effect), r.cause, Target::Candidate(verdict.row)))
                .collect(),
        };
        let tag = |(row, tag): (usize, &TagVerdict)| WireTag {
            tag_id: self.tag_id(row as u32),
            action: tag.action,
            reasons: (tag.reasons.iter())
                .map(|(r, action, cause)| reason(*r, WireEffect::Tag(*action), *cause, Target::Tag(row as u32)))
                .collect(),
        };
        let answer = Answer {
            id: self.batch.id(),
            decision_id,
            policy_set: self.set.digest(),
            generation: self.generation(),
            scope: self.scope,
            shown: self.shown,
            verdicts: self.verdicts.iter().map(verdict).collect(),
            tags: self.tags.iter().enumerate().map(tag).collect(),
            obligations: (self.obligations.iter())
                .map(|o| WireObligation {
                    code: self.owed(o),
                    target: self.target(o.target),
                    rule: rule(o.rule),
                    deadline_s: o.deadline_s,
                    retain_d: o.retain_d,
                    args: o.args.as_ref(),
                })
                .collect(),
            vetoes: self.vetoes.iter().map(|v| WireVeto { feature: &v.feature, rule: rule(v.rule) }).collect(),
            constraints: (self.constraints.iter())
                .map(|c| WireConstraint {
                    kind: &c.kind,
                    codes: &c.codes,
                    count: c.count,
                    slots: c.slots,
                    rule: rule(c.rule),
                })
                .collect(),
            promote: self
                .promote
                .iter()
                .map(|(t, r)| WirePromote { target: self.target(*t), rule: rule(*r) })
                .collect(),
            violations: (self.violations.iter())
                .map(|(t, r, cause)| WireViolation { rule: rule(*r), target: self.target(*t), cause: *cause })
                .collect(),
            shadow: (self.shadow.iter())
                .map(|s| WireShadow {
                    rule: rule(s.rule),
                    policy: policy(s.rule.policy),
                    target: self.target(s.target),
                    effect: s.effect,
                    value: self.shadow_value(s),
                })
                .collect(),
            failures: (self.failures.iter())
                .map(|f| WireFailure {
                    policy: policy(f.policy),
                    stage: f.stage,
                    kind: f.kind,
                    message: &f.message,
                    applied: f.applied,
                })
                .collect(),
            notices: &self.notices,
        };
        serde_json::to_string(&answer).unwrap_or_default()
    }

    /// The values of a rule's evidence columns, null where unknown. A column of a frame that the target is not of is left out.
    pub fn evidence(&self, rule: RuleRef, target: Target) -> Map<String, Value> {
        let mut values = Map::new();
        for name in self.set.rule(rule).map_or(&[][..], |rule| &rule.evidence) {
            let row = match (name.split('.').next(), target) {
                (Some("request"), _) => Some(0),
                (Some("candidates"), Target::Candidate(row)) | (Some("tags"), Target::Tag(row)) => Some(row),
                _ => None,
            };
            if let (Some(row), Some((index, _))) = (row, self.batch.vocabulary.column(name)) {
                values.insert(name.clone(), self.batch.value(index, row as usize));
            }
        }
        values
    }
}

//! The outcome as one JSON line.

use normgate_contract::{Audience, TagAction};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::merge::hold_name;
use crate::module::hex;
use crate::outcome::{Cause, Outcome, Reason, Target};
use crate::policy_set::RuleRef;

/// The language of sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
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
    decision_id: String,
    policy_set: &'o str,
    scope: crate::outcome::Scope,
    shown: usize,
    verdicts: Vec<WireVerdict<'o>>,
    tags: Vec<WireTag<'o>>,
    obligations: Vec<Value>,
    vetoes: Vec<Value>,
    constraints: Vec<Value>,
    promote: Vec<Value>,
    violations: Vec<Value>,
    shadow: Vec<Value>,
    failures: Vec<Value>,
    notices: &'o [crate::outcome::Notice],
}

#[derive(Serialize)]
struct WireVerdict<'o> {
    id: &'o str,
    action: crate::verdict::Action,
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
    policy: String,
    effect: Value,
    cause: Cause,
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<Explanation<'o>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Map<String, Value>>,
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

impl Outcome {
    /// The first 16 bytes of SHA-256(policy set, canonical request), in hexadecimal.
    pub fn decision_id(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.set.digest());
        hash.update(self.batch.canonical());
        hex(&hash.finalize()[..16])
    }

    /// A reason in words; none for the host's own.
    pub fn explain(&self, rule: RuleRef, language: Language) -> Option<Explanation<'_>> {
        let rule = self.set.rule(rule)?;
        let standing = rule.standing_text(&self.batch.vocabulary);
        let (sentence, standing, remedy) = match language {
            Language::Zh => (&rule.sentence.zh, standing.zh, &rule.remedy.zh),
            Language::En => (&rule.sentence.en, standing.en, &rule.remedy.en),
        };
        Some(Explanation { sentence, standing, basis: &rule.basis, remedy, audience: rule.audience })
    }

    /// The answer as one JSON line, without the line break.
    pub fn to_json(&self, detail: Detail) -> String {
        let rule = |rule: RuleRef| self.set.rule_id(rule);
        let answer = Answer {
            id: self.batch.id(),
            decision_id: self.decision_id(),
            policy_set: self.set.digest(),
            scope: self.scope,
            shown: self.shown,
            verdicts: self
                .verdicts
                .iter()
                .map(|verdict| WireVerdict {
                    id: self.candidate_id(verdict.row),
                    action: verdict.judgement.action(),
                    hold: hold_name(Outcome::hold(verdict)),
                    weight_ppm: verdict.judgement.weight_ppm(),
                    labels: self.labels(verdict).collect(),
                    reasons: self.reasons(verdict).iter().map(|reason| self.wire_reason(reason, verdict.row, detail)).collect(),
                })
                .collect(),
            tags: (self.tags.iter().enumerate())
                .map(|(row, tag)| WireTag {
                    tag_id: self.tag_id(row as u32),
                    action: tag.action,
                    reasons: (tag.reasons.iter())
                        .map(|(rule, action, cause)| WireReason {
                            rule: self.set.rule_id(*rule),
                            policy: self.set.policy_reference(rule.policy),
                            effect: json!(action),
                            cause: *cause,
                            explain: detail.explain.and_then(|language| self.explain(*rule, language)),
                            evidence: detail.evidence.then(|| self.evidence(*rule, Target::Tag(row as u32))),
                        })
                        .collect(),
                })
                .collect(),
            obligations: (self.obligations.iter())
                .map(|o| {
                    let mut value = json!({
                        "code": o.code, "target": self.target(o.target), "rule": rule(o.rule),
                        "deadline_s": o.deadline_s, "retain_d": o.retain_d,
                    });
                    if !o.args.is_empty() {
                        value["args"] = json!(o.args);
                    }
                    value
                })
                .collect(),
            vetoes: self.vetoes.iter().map(|v| json!({"feature": v.feature, "rule": rule(v.rule)})).collect(),
            constraints: (self.constraints.iter())
                .map(|c| json!({"kind": c.kind, "codes": c.codes, "count": c.count, "slots": c.slots, "rule": rule(c.rule)}))
                .collect(),
            promote: self.promote.iter().map(|(t, r)| json!({"target": self.target(*t), "rule": rule(*r)})).collect(),
            violations: (self.violations.iter())
                .map(|(t, r, cause)| json!({"rule": rule(*r), "target": self.target(*t), "cause": cause}))
                .collect(),
            shadow: (self.shadow.iter())
                .map(|s| {
                    json!({
                        "rule": rule(s.rule), "policy": self.set.policy_reference(s.rule.policy),
                        "target": self.target(s.target), "effect": s.effect, "value": s.value,
                    })
                })
                .collect(),
            failures: (self.failures.iter())
                .map(|f| {
                    json!({
                        "policy": self.set.policy_reference(f.policy), "stage": f.stage, "kind": f.kind,
                        "message": f.message, "applied": f.applied,
                    })
                })
                .collect(),
            notices: &self.notices,
        };
        serde_json::to_string(&answer).unwrap_or_default()
    }

    fn wire_reason(&self, reason: &Reason, row: u32, detail: Detail) -> WireReason<'_> {
        WireReason {
            rule: self.set.rule_id(reason.rule),
            policy: self.set.policy_reference(reason.rule.policy),
            effect: json!(reason.effect),
            cause: reason.cause,
            explain: detail.explain.and_then(|language| self.explain(reason.rule, language)),
            evidence: detail.evidence.then(|| self.evidence(reason.rule, Target::Candidate(row))),
        }
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

//! Recorded restrictions as statements of reasons under Regulation (EU) 2022/2065 (DSA), Art 17 and 24(5): one JSON object a
//! restriction of content, in the fields of the DSA Transparency Database, held against their limits.
//!
//! No personal data stands in a statement: facts name columns about content only. `category` is left out, as the list of the
//! database's second version was not checked against ours.

use std::collections::HashMap;
use std::fmt;

use normgate::contract::{Block, Day, Effect, Manifest, Rule, Vocabulary, dsa};
use normgate::{Action, Batch, Module, Outcome, RuleRef, Target};
use normgate_ledger::{Answer, Because, Recorded, RowAnswer};
use serde::Serialize;
use serde_json::Value;

/// A statement of reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatementOfReasons {
    /// The platform's own id of it: decision, place of the row, rule.
    pub puid: String,
    /// What happened to the content.
    pub decision_visibility: Vec<&'static str>,
    /// Illegal content, or incompatible with the terms.
    pub decision_ground: &'static str,
    /// Law that makes it illegal; at most 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub illegal_content_legal_ground: Option<String>,
    /// Why; at most 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub illegal_content_explanation: Option<String>,
    /// The terms that it is incompatible with; at most 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incompatible_content_ground: Option<String>,
    /// Why; at most 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incompatible_content_explanation: Option<String>,
    /// What was found; at most 5,000 characters.
    pub decision_facts: String,
    /// On whose notice.
    pub source_type: &'static str,
    /// `Yes` or `No`.
    pub automated_detection: &'static str,
    /// How far the decision was automated.
    pub automated_decision: &'static str,
    /// What kind of content.
    pub content_type: Vec<&'static str>,
    /// In which other words, where it is `CONTENT_TYPE_OTHER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type_other: Option<String>,
    /// Where it applies: countries of the EU or EEA, as the operator says.
    pub territorial_scope: Vec<String>,
    /// Since when: `YYYY-MM-DD`.
    pub application_date: String,
}

/// A field that is longer than the database takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// The statement.
    pub puid: String,
    /// The field.
    pub field: &'static str,
    /// Its characters.
    pub characters: usize,
    /// How many there may be.
    pub limit: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { puid, field, characters, limit } = self;
        write!(
            f,
            "statement {puid}: {field} has {characters} characters and may have {limit}; shorten the rule's sentence"
        )
    }
}

impl StatementOfReasons {
    /// Holds it against the limits of the database.
    ///
    /// # Errors
    /// The first field that is too long.
    pub fn check(&self) -> Result<(), TooLong> {
        let texts = [
            ("puid", Some(&self.puid), 500),
            ("illegal_content_legal_ground", self.illegal_content_legal_ground.as_ref(), 500),
            ("illegal_content_explanation", self.illegal_content_explanation.as_ref(), 2_000),
            ("incompatible_content_ground", self.incompatible_content_ground.as_ref(), 500),
            ("incompatible_content_explanation", self.incompatible_content_explanation.as_ref(), 2_000),
            ("decision_facts", Some(&self.decision_facts), 5_000),
            ("content_type_other", self.content_type_other.as_ref(), 500),
        ];
        for (field, text, limit) in texts {
            let characters = text.map_or(0, |text| text.chars().count());
            if characters > limit {
                return Err(TooLong { puid: self.puid.clone(), field, characters, limit });
            }
        }
        Ok(())
    }
}

/// The statements of one recorded decision: one a row and rule that restricts it. `again` is its request and what judging it again
/// gave; without it, facts name no values, and the kind of content is not known.
pub fn statements(
    recorded: &Recorded,
    answer: &Answer<'_>,
    modules: &[Module],
    again: Option<(&Batch, &Outcome)>,
    territorial_scope: &[String],
) -> Vec<StatementOfReasons> {
    let manifests: HashMap<String, &Manifest> =
        modules.iter().map(|module| (module.manifest.reference(), &*module.manifest)).collect();
    let mut found = Vec::new();
    for (place, row) in answer.verdicts.iter().enumerate() {
        let rows = again.map(|(batch, outcome)| (batch, outcome, outcome.verdicts[place].row as usize));
        for reason in &row.reasons {
            let manifest = manifests.get(&*reason.policy);
            let rule = manifest.and_then(|manifest| manifest.rules.iter().find(|rule| rule.id == reason.rule));
            let (Some(manifest), Some(rule)) = (manifest, rule) else { continue };
            let Some(visibility) = visibility(rule, reason) else { continue };
            let illegal = rule.illegal;
            let ground = rule.standing_text(Vocabulary::shipped()).en;
            let explanation = rule.sentence.en.clone();
            let facts = rows.map_or(Vec::new(), |(_, outcome, _)| values(outcome, rule, place));
            let kind = rows.map(|(batch, _, row)| batch.json("candidates.kind", row));
            let (content_type, content_type_other) = content_type(kind.as_ref().and_then(Value::as_str));
            let sources = rows.map_or(Vec::new(), |(batch, _, row)| sources(batch, row, rule));
            found.push(StatementOfReasons {
                puid: format!("{}-{place}-{}", answer.decision_id, rule.id),
                decision_visibility: vec![visibility],
                decision_ground: dsa::ground(rule),
                illegal_content_legal_ground: illegal.then(|| ground.clone()),
                illegal_content_explanation: illegal.then(|| explanation.clone()),
                incompatible_content_ground: (!illegal).then_some(ground),
                incompatible_content_explanation: (!illegal).then_some(explanation),
                decision_facts: told(manifest, rule, row, &facts),
                source_type: if sources.iter().any(|source| source == "authority") {
                    "SOURCE_TYPE_OTHER_NOTIFICATION"
                } else {
                    "SOURCE_VOLUNTARY"
                },
                automated_detection: match sources.iter().any(|source| source != "human" && source != "authority") {
                    false if !sources.is_empty() => "No",
                    _ => "Yes",
                },
                automated_decision: match row.hold {
                    Block::HumanReview => "AUTOMATED_DECISION_PARTIALLY",
                    _ => "AUTOMATED_DECISION_FULLY",
                },
                content_type: vec![content_type],
                content_type_other,
                territorial_scope: territorial_scope.to_vec(),
                application_date: Day::containing(recorded.ms).to_string(),
            });
        }
    }
    found
}

/// What a rule did to the row, in the words of the database.
fn visibility(rule: &Rule, reason: &Because<'_, Action>) -> Option<&'static str> {
    let is = |effect: &&Effect| match effect {
        Effect::Block(_) => reason.effect == Action::Block,
        Effect::Demote(_) => reason.effect == Action::Demote,
        Effect::Label(_) => reason.effect == Action::Label,
        _ => false,
    };
    dsa::visibility(rule, rule.effects.iter().find(is)?)
}

/// The values that a rule rests on, of columns that are about nobody.
fn values(outcome: &Outcome, rule: &Rule, place: usize) -> Vec<String> {
    let verdict = &outcome.verdicts[place];
    let of = |reference: &RuleRef| outcome.policy_set().rule_id(*reference) == rule.id;
    let Some(reference) = outcome.reasons(verdict).iter().map(|reason| reason.rule).find(of) else { return Vec::new() };
    let evidence = outcome.evidence(reference, Target::Candidate(verdict.row));
    let public = evidence.iter().filter(|(name, value)| {
        !value.is_null() && Vocabulary::shipped().column(name).is_some_and(|(_, column)| !column.personal)
    });
    public.map(|(name, value)| format!("{name} = {value}")).collect()
}

fn told(manifest: &Manifest, rule: &Rule, row: &RowAnswer<'_>, facts: &[String]) -> String {
    let what = format!("Rule {} of {} decided on item {}.", rule.id, manifest.reference(), row.id);
    if facts.is_empty() { what } else { format!("{what} It rests on: {}.", facts.join("; ")) }
}

/// Who said what a rule rests on, where it rests on signals.
fn sources(batch: &Batch, row: usize, rule: &Rule) -> Vec<String> {
    if !rule.evidence.iter().any(|column| column == "candidates.signals") {
        return Vec::new();
    }
    let signals = batch.json("candidates.signals", row);
    let source = |signal: &Value| signal["source"].as_str().map(str::to_owned);
    signals.as_array().into_iter().flatten().filter_map(source).collect()
}

/// `content_type` of a kind of candidate.
fn content_type(kind: Option<&str>) -> (&'static str, Option<String>) {
    match kind {
        Some("article" | "comment" | "topic" | "hot_term" | "search_suggestion" | "news") => {
            ("CONTENT_TYPE_TEXT", None)
        }
        Some("image") => ("CONTENT_TYPE_IMAGE", None),
        Some("audio") => ("CONTENT_TYPE_AUDIO", None),
        Some("short_video" | "live_room") => ("CONTENT_TYPE_VIDEO", None),
        Some("product_offer" | "service_offer") => ("CONTENT_TYPE_PRODUCT", None),
        Some("app" | "game") => ("CONTENT_TYPE_APP", None),
        other => ("CONTENT_TYPE_OTHER", Some(other.unwrap_or("not known").replace('_', " "))),
    }
}

//! Which effects cases reach: a rule that fired in one of its effects may never have shown the others.

use std::collections::BTreeSet;

use normgate::contract::{Block, Day, Effect, TagAction};

use crate::{Case, Runner};

/// Rule and effect ([`effect_name`]).
pub type Effects = BTreeSet<(String, String)>;

/// The last day there is: a gate that observes until then applies nothing, and reports every effect by itself.
const FOR_GOOD: &str = "9999-12-31";

impl Runner {
    /// The effects that a case causes, also where a stronger one covers them.
    ///
    /// # Errors
    /// One clause: the configuration or the request cannot be had.
    pub fn effects(&mut self, case: &Case) -> Result<Effects, String> {
        let day: Day = FOR_GOOD.parse()?;
        let known = self.gate_in(case, Some(day))?;
        let outcome = crate::judge(&known, case)?;
        let set = outcome.policy_set();
        let effects = outcome.shadow.iter().map(|item| {
            // Of a demotion the weight is no part of the name, of a tag veto the tag.
            let value = match (item.effect, outcome.shadow_value(item)) {
                ("demote", _) => "".into(),
                ("veto", value) if value.starts_with("tag:") => "tag".into(),
                (_, value) => value,
            };
            (set.rule_id(item.rule).to_owned(), format!("{} {value}", item.effect).trim().to_owned())
        });
        Ok(effects.collect())
    }
}

/// An effect of a manifest by the name that it has among [`Effects`].
pub fn effect_name(effect: &Effect) -> String {
    match effect {
        Effect::Label(label) => format!("label {label}"),
        Effect::Demote(_) => "demote".into(),
        Effect::Block(Block::None) => "block none".into(),
        Effect::Block(Block::HumanReview) => "block human_review".into(),
        Effect::Block(Block::LabelFirst) => "block label_first".into(),
        Effect::Tag(TagAction::Keep) => "tag keep".into(),
        Effect::Tag(TagAction::Suppress) => "tag suppress".into(),
        Effect::Tag(TagAction::Delete) => "tag delete".into(),
        Effect::Obligation(obligation) => format!("obligation {}", obligation.code),
        Effect::Veto(feature) => format!("veto {feature}"),
        Effect::Violation => "violation".into(),
        Effect::Promote => "promote".into(),
        Effect::Constraint(constraint) => format!("constraint {}", constraint.kind),
    }
}

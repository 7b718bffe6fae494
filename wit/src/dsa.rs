//! How a rule would read in a statement of reasons under Regulation (EU) 2022/2065 (DSA), Art 17.
//!
//! The names are those of the DSA Transparency Database (<https://transparency.dsa.ec.europa.eu/page/api-documentation>).
//! An author writes nothing: visibility and account follow from the effects, an age restriction from the evidence. Only a
//! rule whose reason is illegal content says so (`illegal = true`). The database's `category` is left out on purpose, as
//! its second version has a list of its own that was not checked against ours.

use crate::{Block, Effect, Rule};

/// What tells a minor from an adult, or how well that is known. A rule that withholds and whose evidence names one of
/// these restricts by age. The age band alone does not say so, as it also tells who is elderly.
const AGE_COLUMNS: [&str; 3] = ["request.user.minor_mode", "request.user.under_14", "request.user.age_assurance"];

/// What a statement of reasons says of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dsa {
    /// `decision_ground`.
    pub ground: &'static str,
    /// `decision_visibility`: what the rule may do to content, in the order of its effects.
    pub visibility: Vec<&'static str>,
    /// `decision_account`, where the rule may take an account out of use.
    pub account: Option<&'static str>,
}

/// The statement that a rule may lead to; none for a rule that restricts neither content nor an account.
pub fn dsa(rule: &Rule) -> Option<Dsa> {
    let mut visible: Vec<&'static str> = Vec::new();
    for name in rule.effects.iter().filter_map(|effect| visibility(rule, effect)) {
        if !visible.contains(&name) {
            visible.push(name);
        }
    }
    let account = owes(rule, "quarantine.account").then_some("DECISION_ACCOUNT_SUSPENDED");
    let any = !visible.is_empty() || account.is_some();
    any.then(|| Dsa { ground: ground(rule), visibility: visible, account })
}

/// `decision_ground`: illegal content where the rule rests on L codes, else incompatible with the terms.
pub fn ground(rule: &Rule) -> &'static str {
    if rule.illegal { "DECISION_GROUND_ILLEGAL_CONTENT" } else { "DECISION_GROUND_INCOMPATIBLE_CONTENT" }
}

/// `decision_visibility` of one effect of a rule; none for an effect that leaves the content's visibility alone.
///
/// What is held for a review or a label is disabled like what is withheld for good; the statement ends with the hold. A
/// hold for a label restricts nobody by age, whatever the label says.
pub fn visibility(rule: &Rule, effect: &Effect) -> Option<&'static str> {
    let withheld = match effect {
        Effect::Label(_) => return Some("DECISION_VISIBILITY_CONTENT_LABELLED"),
        Effect::Demote(_) => return Some("DECISION_VISIBILITY_CONTENT_DEMOTED"),
        Effect::Block(_) => true,
        Effect::Obligation(owed) => ["stop.transmission", "delete.content"].contains(&owed.code.as_str()),
        _ => false,
    };
    withheld.then(|| {
        if owes(rule, "delete.content") {
            "DECISION_VISIBILITY_CONTENT_REMOVED"
        } else if *effect != Effect::Block(Block::LabelFirst)
            && rule.evidence.iter().any(|column| AGE_COLUMNS.contains(&column.as_str()))
        {
            "DECISION_VISIBILITY_CONTENT_AGE_RESTRICTED"
        } else {
            "DECISION_VISIBILITY_CONTENT_DISABLED"
        }
    })
}

fn owes(rule: &Rule, code: &str) -> bool {
    rule.effects.iter().any(|effect| matches!(effect, Effect::Obligation(owed) if owed.code == code))
}

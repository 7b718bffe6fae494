//! Which lists are kept in full: all of which somebody may have to give account, and a sample of the others.

use normgate::contract::{Block, Modality, TagAction};
use normgate::{Action, Batch, Outcome, RuleRef};

use crate::keys::RETENTION_DAYS;
use crate::record::Why;

/// The longest that anything is kept: a century.
const MAX_RETENTION_DAYS: u32 = 36_525;

/// Why a list is kept in full; nothing when it is not. `sampled` says whether its lot was drawn.
pub(crate) fn reasons(request: &Batch, outcome: &Outcome, sampled: bool) -> Vec<Why> {
    let must = |rule: RuleRef| outcome.policy_set().rule(rule).is_some_and(|rule| rule.modality == Modality::Must);
    let on_rows = (outcome.verdicts.iter())
        .flat_map(|verdict| outcome.reasons(verdict))
        .any(|reason| reason.effect > Action::Allow && must(reason.rule));
    let on_tags = (outcome.tags.iter().flat_map(|tag| &tag.reasons))
        .any(|(rule, action, _)| *action != TagAction::Keep && must(*rule));
    let held = (outcome.verdicts[outcome.shown..].iter()).any(|verdict| Outcome::hold(verdict) != Block::None);
    let found = [
        (Why::Must, on_rows || on_tags),
        (Why::Held, held),
        (Why::MajorImpact, request.any_yes("candidates.major_impact")),
        (Why::Failure, !outcome.failures.is_empty()),
        (Why::Sample, sampled),
    ];
    found.into_iter().filter(|(_, holds)| *holds).map(|(why, _)| why).collect()
}

/// For how many days a list is kept: as long as everything, or as the longest obligation in it asks.
pub(crate) fn keep_d(outcome: &Outcome) -> u32 {
    let asked = outcome.obligations.iter().filter_map(|owed| owed.retain_d).max().unwrap_or_default();
    u32::try_from(asked).unwrap_or_default().clamp(RETENTION_DAYS, MAX_RETENTION_DAYS)
}

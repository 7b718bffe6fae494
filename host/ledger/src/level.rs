//! Which lists are kept in full: all of which somebody may have to give account, and a sample of the others.

use normgate::contract::{Block, TagAction};
use normgate::{Action, Batch, Notice, Outcome, RuleRef};

use crate::keys::rounded_up;
use crate::record::Why;

/// Why a list is kept in full; nothing when it is not. `sampled` says whether its lot was drawn.
pub(crate) fn reasons(request: &Batch, outcome: &Outcome, sampled: bool) -> Vec<Why> {
    let must = |rule: RuleRef| outcome.policy_set().is_accountable(rule);
    let on_rows = (outcome.verdicts.iter())
        .flat_map(|verdict| outcome.reasons(verdict))
        // A label alone restricts nothing, and the outcome says it.
        .any(|reason| reason.effect > Action::Label && must(reason.rule));
    let on_tags = (outcome.tags.iter().flat_map(|tag| &tag.reasons))
        .any(|(rule, action, _)| *action != TagAction::Keep && must(*rule));
    let held = (outcome.verdicts[outcome.shown..].iter()).any(|verdict| Outcome::hold(verdict) != Block::None);
    // Of what was not asked nobody knows what it would have said.
    let unasked = outcome.unasked().any(must) || outcome.notices.iter().any(|notice| is_absent(notice, outcome));
    let differs = outcome.notices.iter().any(|notice| notice.code == "provider-fact");
    let found = [
        (Why::Must, on_rows || on_tags),
        (Why::Unapplied, unasked || outcome.unapplied().any(must)),
        (Why::ProviderFact, differs),
        (Why::Held, held),
        (Why::MajorImpact, request.any_yes("candidates.major_impact")),
        (Why::Failure, !outcome.failures.is_empty()),
        (Why::Sample, sampled),
    ];
    found.into_iter().filter(|(_, holds)| *holds).map(|(why, _)| why).collect()
}

/// Whether a notice is about a module with rules that the law requires, and the set has no such module: it is missing, or off. A notice
/// of no module in particular comes with those of some.
fn is_absent(notice: &Notice, outcome: &Outcome) -> bool {
    let Some(policy) = &notice.policy else { return false };
    if outcome.policy_set().is_of_association(policy) {
        return false;
    }
    let in_set = || outcome.policy_set().manifests().any(|manifest| Some(manifest.reference()) == notice.policy);
    notice.code == "must-missing" || (notice.code == "must-weakened" && !in_set())
}

/// For how many days a list is kept: as long as everything, or as the longest obligation in it asks.
pub(crate) fn keep_d(outcome: &Outcome) -> u32 {
    let asked = outcome.obligations.iter().filter_map(|owed| owed.retain_d).max().unwrap_or_default();
    rounded_up(u32::try_from(asked.max(0)).unwrap_or(u32::MAX))
}

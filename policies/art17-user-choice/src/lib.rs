//! Art 17: the user's switches bind every request.
//!
//! An unknown basis counts as personal. Service notices are exempt from the row rules of this article, and of this
//! article only.

use std::cell::Cell;

use normgate_sdk::terms::{Kind, Personalization, RetrievalBasis, Switch, TagState};
use normgate_sdk::{ById, people, surface};

normgate_sdk::policy!(candidate: judge);

const DAY_MS: i64 = 86_400_000;

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let (request, limits) = (call.request, call.parameters);
    let shown_on = request.ctx_surface();
    let off = match request.user_personalization() {
        Personalization::On => false,
        // Nobody chose: the operator's default counts once the user has seen the notice.
        Personalization::Unset => {
            let noticed = request.ctx_notice_seen_version().unwrap_or(0) > 0;
            !(noticed && limits.unset_personalization() == UnsetPersonalization::On)
        }
        Personalization::Off | Personalization::Unknown | Personalization::Unlisted => true,
    };
    let off_unknown = request.user_personalization() == Personalization::Unknown;
    let recs_off = request.user_recs_switch() == Switch::Off && surface::is_recommendation(shown_on);
    let stale = match (request.user_switch_changed_ms(), request.user_profile_snapshot_ms()) {
        (Some(changed), Some(snapshot)) => changed > snapshot,
        _ => false,
    };
    let options = [request.ctx_nonpersonal_option(), request.ctx_off_option()];
    let no_option = !options.iter().any(|option| option.is_yes());
    let option_unknown = options.iter().any(|option| option.is_unknown());

    // Once a request.
    if off {
        rules.personalization_off().because_unknown(off_unknown).veto_personal_profile().oblige_stop_personalization();
    }
    if recs_off {
        rules.recs_off().oblige_stop_recommendation();
    }
    if stale {
        rules.stale_profile().veto_personal_profile().oblige_stop_personalization().oblige_purge_cache();
    }
    if no_option {
        rules.no_option().because_unknown(option_unknown).violation().oblige_offer_choice();
    }

    // Once a row.
    let deleted = call.tags().filter(|tag| tag.state() == TagState::UserDeleted);
    // Each with whether it is vetoed already: however many rows match a tag, its veto is said once.
    let deleted: ById<(Tag<'_>, Cell<bool>)> =
        deleted.filter_map(|tag| Some((tag.tag_id()?, (tag, Cell::new(false))))).collect();
    let deleted_tag = |id| deleted.get(id);
    for item in call.candidates().filter(|item| item.kind() != Kind::ServiceNotice) {
        let basis = item.retrieval_basis();
        let unknown = matches!(basis, RetrievalBasis::Unknown | RetrievalBasis::Unlisted);
        let personal = basis == RetrievalBasis::Personal || unknown;
        if off && personal {
            rules.personalization_off_on(&item).because_unknown(off_unknown || unknown).block();
        }
        if recs_off && !matches!(basis, RetrievalBasis::Query | RetrievalBasis::Follow) {
            rules.recs_off_on(&item).because_unknown(unknown).block();
        }
        if stale && personal {
            rules.stale_profile_on(&item).because_unknown(unknown).block();
        }
        if !deleted.is_empty()
            && let Some(tags) = item.matched_tags()
        {
            let mut all = tags.clone().map(deleted_tag).peekable();
            if personal && all.peek().is_some() && all.all(|tag| tag.is_some()) {
                rules.deleted_tag(&item).because_unknown(unknown).block();
            } else {
                for (tag, _) in tags.filter_map(deleted_tag).filter(|(_, vetoed)| !vetoed.replace(true)) {
                    rules.deleted_tag(&item).veto_tag(tag.row());
                }
            }
        }
        let commercial =
            people::is_commercial(item.commercial(), item.kind(), request.user_minor_mode(), request.user_elder_mode());
        if no_option && commercial && personal && surface::is_pushed(shown_on) {
            let guessed = option_unknown || unknown || item.commercial().is_unknown();
            rules.no_option_on(&item).because_unknown(guessed).block();
        }
        if item.major_impact().is_yes() {
            rules.major_impact(&item).oblige_explain_decision().oblige_offer_human_review();
        }
        if item.kind() == Kind::ReenablePrompt
            && let (Some(last), Some(now)) = (item.last_prompt_ms(), request.ctx_now_ms())
            && now - last < limits.reprompt_d() * DAY_MS
        {
            rules.reprompt(&item).block();
        }
    }
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::Question;

    use super::{MANIFEST, evaluate};

    #[test]
    fn an_unset_choice_counts_as_off_until_the_notice_was_seen() {
        let unset = || Question::of(MANIFEST).request("user.personalization", "unset").request("ctx.off_option", true);
        assert!(unset().ask(evaluate).fired("art17.personalization-off"));
        assert!(unset().request("ctx.notice_seen_version", 3).ask(evaluate).is_silent());
    }
}

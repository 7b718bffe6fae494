//! Art 14: fake accounts, fake engagement, and hands on the lists.

use normgate_sdk::surface;
use normgate_sdk::terms::{AuthorState, Kind, ManualOp};

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let (request, limits) = (call.request, call.parameters);
    let on_list = surface::is_list(request.ctx_surface());
    let can_render = request.ctx_can_render_labels().is_yes();

    for item in call.candidates() {
        match item.engage_author_state() {
            AuthorState::Fake => drop(rules.fake_account(&item).block().oblige_quarantine_account()),
            AuthorState::SuspectedFake => {
                let hit = rules.suspect_account(&item);
                if on_list {
                    hit.hold()
                } else {
                    hit.demote()
                };
            }
            AuthorState::Traded | AuthorState::Hijacked => drop(rules.traded_account(&item).hold()),
            AuthorState::Unknown | AuthorState::Unlisted if on_list => {
                rules.suspect_account(&item).because_unknown(true).veto_engagement_raw();
            }
            AuthorState::Normal | AuthorState::Unknown | AuthorState::Unlisted => {}
        }
        match item.engage_fake_engage_ppm() {
            Some(fake) if fake >= limits.fake_block() => {
                let hit = rules.fake_engagement(&item).veto_engagement_raw();
                if on_list {
                    hit.block()
                } else {
                    hit.demote_to(genuine(fake))
                };
            }
            Some(fake) if fake >= limits.fake_demote() => {
                rules.fake_engagement_some(&item).demote_to(genuine(fake)).veto_engagement_raw();
            }
            Some(_) | None => {}
        }
        if item.engage_op_ticket().unwrap_or(0) == 0 {
            let unknown = item.engage_op_ticket().is_none();
            match item.engage_manual_op() {
                ManualOp::Pin | ManualOp::Boost if on_list => {
                    rules.unticketed_op(&item).because_unknown(unknown).hold().violation();
                }
                ManualOp::Remove => {
                    rules.unticketed_removal(&item).because_unknown(unknown).violation().oblige_restore_candidate();
                }
                _ => {}
            }
        }
        if item.engage_paid_rank().is_yes() || item.kind() == Kind::Ad {
            let hit = rules.paid_rank(&item).label_ad();
            if on_list && !can_render {
                hit.hold_for_label();
            }
        }
        let published = item.engage_rule_published();
        if item.engage_self_affiliated().is_yes() && item.engage_self_boost().is_yes() && !published.is_yes() {
            rules.self_preference(&item).because_unknown(published.is_unknown()).veto_self_affiliation().violation();
        }
        if item.engage_user_impr_24h().is_some_and(|times| times >= limits.over_rec_max()) {
            rules.over_recommend(&item).demote();
        }
    }

    if on_list {
        rules.list_log().oblige_log_list();
    }
}

/// The share of engagement (ppm) that is left without the fake.
fn genuine(fake: i64) -> i64 {
    (1_000_000 - fake).clamp(0, 1_000_000)
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::Question;

    use super::{MANIFEST, evaluate};

    #[test]
    fn fake_engagement_has_two_steps() {
        let with = |ppm: i64| Question::of(MANIFEST).candidate(&[("engage.fake_engage_ppm", ppm.into())]).ask(evaluate);
        assert!(with(99_999).is_silent());
        assert!(with(100_000).fired("art14.fake-engagement-some") && with(299_999).fired("art14.fake-engagement-some"));
        assert!(with(300_000).fired("art14.fake-engagement") && !with(300_000).fired("art14.fake-engagement-some"));
    }

    #[test]
    fn a_pin_without_a_ticket_matters_on_lists_and_a_removal_everywhere() {
        let op = |surface: &'static str, op: &'static str| {
            let item = [("engage.manual_op", op.into()), ("engage.author_state", "normal".into())];
            Question::of(MANIFEST).request("ctx.surface", surface).candidate(&item).ask(evaluate)
        };
        assert!(op("feed", "pin").is_silent());
        assert!(op("hot_search", "pin").fired("art14.unticketed-op"));
        assert!(op("feed", "remove").fired("art14.unticketed-removal"));
    }
}

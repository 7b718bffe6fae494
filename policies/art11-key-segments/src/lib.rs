//! Art 11: prominent positions show neither harmful nor unchecked items, and first screens show encouraged ones.

use normgate_sdk::terms::{ManualOp, ScanState, Surface};
use normgate_sdk::{State, people, surface};
use signals::{E, H, M};

normgate_sdk::policy!(candidate: judge, slate: arrange);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let (request, limits) = (call.request, call.parameters);
    let (shown_on, home_page) = (request.ctx_surface(), request.ctx_home_page());
    let guessed = matches!(shown_on, Surface::Unknown | Surface::Unlisted);

    for item in call.candidates() {
        let place = surface::judged(shown_on, home_page, item.rank_pos(), limits.first_screen_slots());
        if !surface::is_key(place) {
            continue;
        }
        let states = item.signals().states(limits.thresholds(), item.scan_state() == ScanState::Done);
        let (harmful, unfit) = (states.of(H), states.of(M));
        match harmful {
            State::Confirmed => drop(rules.harmful_on_key(&item).because_unknown(guessed).block()),
            State::Suspected => drop(rules.harmful_on_key(&item).because_unknown(guessed).hold()),
            State::Unknown | State::Clear => {}
        }
        // Whatever the age of who looks.
        match unfit {
            State::Confirmed => drop(rules.minor_info_on_key(&item).because_unknown(guessed).block()),
            State::Suspected => drop(rules.minor_info_on_key(&item).because_unknown(guessed).hold()),
            State::Unknown | State::Clear => {}
        }
        if people::is_content(item.kind()) && (harmful == State::Unknown || unfit == State::Unknown) {
            rules.unscanned_on_key(&item).because_unknown(true).hold();
        }
        if matches!(item.engage_manual_op(), ManualOp::Pin | ManualOp::Boost | ManualOp::Remove) {
            rules.manual_log(&item).because_unknown(guessed).oblige_log_intervention();
        }
    }

    let entry = request.ctx_choice_entry_shown();
    if (surface::is_key(shown_on) || on_first_screen(&request)) && !entry.is_yes() {
        rules.choice_entry().because_unknown(entry.is_unknown() || guessed).oblige_offer_choice();
    }
}

fn arrange(call: &Call<'_>, rules: &mut Rules<'_>) {
    let limits = call.parameters;
    // A request without positions is not checked; one whose positions are all withheld is.
    if call.request.slate_positions().unwrap_or(0) == 0 || !on_first_screen(&call.request) {
        return;
    }
    let placed = call.candidates().filter(|item| item.rank_pos().is_some());
    // Only a confirmed code counts, so it does not matter whether a scan is done.
    let encouraged = |item: &Candidate<'_>| item.signals().states(limits.thresholds(), true).of(E) == State::Confirmed;
    let slots = usize::try_from(limits.first_screen_slots()).unwrap_or(0);
    let shown = placed.take(slots).filter(encouraged).count();
    if i64::try_from(shown).is_ok_and(|shown| shown < limits.positive_min()) {
        let hit = rules.positive_share().oblige_refill_slate();
        if call.candidates().any(|item| encouraged(&item)) {
            hit.constrain();
        }
    }
}

/// A first screen: one by its surface, or the feed of the home page.
fn on_first_screen(request: &Request<'_>) -> bool {
    let shown_on = request.ctx_surface();
    surface::is_first_screen(shown_on) || (shown_on == Surface::Feed && request.ctx_home_page().is_yes())
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::{Cell, Question};

    use super::{MANIFEST, evaluate};

    #[test]
    fn the_feed_of_the_home_page_is_key_in_its_first_slots_only() {
        let harmful = || Cell::Signals(vec![("H2", 960_000, "classifier")]);
        let at = |position: i64| {
            Question::of(MANIFEST)
                .request("ctx.surface", "feed")
                .request("ctx.home_page", true)
                .candidate(&[("rank_pos", position.into()), ("signals", harmful()), ("scan_state", "done".into())])
                .ask(evaluate)
                .fired("art11.harmful-on-key")
        };
        assert!(at(7) && !at(8));
    }

    #[test]
    fn a_slate_without_positions_is_not_checked() {
        let unplaced = || Question::of(MANIFEST).slate().request("ctx.surface", "home_first_screen");
        let slate = || unplaced().request("slate.positions", 1);
        assert!(unplaced().candidate(&[("scan_state", "done".into())]).ask(evaluate).is_silent());
        assert!(slate().ask(evaluate).fired("art11.positive-share"), "every row with a position was withheld");
        assert!(slate().candidate(&[("rank_pos", 0.into())]).ask(evaluate).fired("art11.positive-share"));
        let encouraged = [("rank_pos", 0.into()), ("signals", Cell::Signals(vec![("E2", 1_000_000, "human")]))];
        assert!(slate().candidate(&encouraged).ask(evaluate).is_silent());
    }
}

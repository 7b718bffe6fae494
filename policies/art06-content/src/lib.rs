//! Art 6: illegal content is not recommended; harmful content is recommended less and never pushed.

use normgate_sdk::terms::ScanState;
use normgate_sdk::{State, people, surface};
use signals::{H, L};

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let (request, limits) = (call.request, call.parameters);
    let (shown_on, home_page) = (request.ctx_surface(), request.ctx_home_page());
    let hold_suspected = limits.suspected_illegal() == SuspectedIllegal::Hold;

    for item in call.candidates() {
        let place = surface::judged(shown_on, home_page, item.rank_pos(), limits.first_screen_slots());
        let pushed = surface::is_pushed(place);
        let exposed = pushed || surface::is_key(place);
        let states = item.signals().states(limits.thresholds(), item.scan_state() == ScanState::Done);
        let (illegal, harmful) = (states.of(L), states.of(H));

        if illegal == State::Confirmed {
            rules.illegal_confirmed(&item).block();
        }
        if illegal == State::Suspected {
            let hit = rules.illegal_suspected(&item).oblige_review_human();
            if hold_suspected || exposed {
                hit.hold()
            } else {
                hit.demote()
            };
        }
        if harmful == State::Confirmed {
            let hit = rules.harmful_confirmed(&item);
            if pushed {
                hit.block()
            } else {
                hit.demote()
            };
        }
        if harmful == State::Suspected {
            let hit = rules.harmful_suspected(&item);
            if pushed {
                hit.hold()
            } else {
                hit.demote()
            };
        }
        // Orders, penalties and incentives are not content: else every one of them would wait for a review.
        if people::is_content(item.kind()) && (illegal == State::Unknown || harmful == State::Unknown) {
            let hit = rules.unscanned(&item).because_unknown(true).oblige_review_human();
            if exposed {
                hit.hold();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::{Cell, Question};

    use super::{MANIFEST, evaluate};

    #[test]
    fn a_person_who_says_no_clears_a_classifier_but_not_an_order() {
        let fires = |first: (&'static str, u32, &'static str), rule| {
            let signals = Cell::Signals(vec![first, ("L9", 0, "human")]);
            let item = [("signals", signals), ("scan_state", "done".into())];
            Question::of(MANIFEST).request("ctx.surface", "feed").candidate(&item).ask(evaluate).fired(rule)
        };
        assert!(!fires(("L9", 980_000, "classifier"), "art06.illegal-confirmed"));
        assert!(fires(("L9", 1_000_000, "authority"), "art06.illegal-confirmed"));
    }

    #[test]
    fn one_group_confirmed_and_the_other_not_looked_at() {
        let signals = Cell::Signals(vec![("L8", 980_000, "classifier")]);
        let answer = Question::of(MANIFEST).candidate(&[("signals", signals)]).ask(evaluate);
        assert!(answer.fired("art06.illegal-confirmed") && answer.fired("art06.unscanned"));
    }

    #[test]
    fn work_orders_are_not_scanned() {
        assert!(Question::of(MANIFEST).candidate(&[("kind", "work_order".into())]).ask(evaluate).is_silent());
    }
}

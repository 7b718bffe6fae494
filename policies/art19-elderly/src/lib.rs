//! Art 19: the elderly are protected from fraud and offered services that fit them.
//!
//! An elder is a user of 60 and above, or in elder mode; an unknown age is not.

use normgate_sdk::terms::{AgeBand, Induce, Kind, ServiceClass, Surface};
use normgate_sdk::{Tri, people, surface};
use signals::L11_FRAUD;

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let (request, limits) = (call.request, call.parameters);
    let (shown_on, band) = (request.ctx_surface(), request.user_age_band());
    let (minor_mode, mode) = (request.user_minor_mode(), request.user_elder_mode());
    let elder = people::is_elder(band, mode);
    let elder_mode = mode.is_yes();

    for item in call.candidates().filter(|_| elder) {
        let signals = item.signals();
        let serves = !matches!(item.service_class(), ServiceClass::None | ServiceClass::Unknown);
        let commercial = people::is_commercial(item.commercial(), item.kind(), minor_mode, mode);

        // One code with a row of its own is never unknown, so it does not matter whether a scan is done.
        if signals.states(limits.thresholds(), true).of(L11_FRAUD).is_raised() {
            rules.fraud_block(&item).block().oblige_warn_fraud().oblige_report_antifraud();
        }
        let caution = limits.t_elder_fraud()..limits.t_suspect();
        if signals.undecided_confidence(L11_FRAUD).is_some_and(|ppm| caution.contains(&ppm)) {
            let hit = rules.fraud_caution(&item);
            if surface::is_pushed(shown_on) || commercial {
                hit.hold()
            } else {
                hit.demote().label_fraud_warning()
            };
        }
        // Narrower than elsewhere: a service of unknown nature is not an advertisement.
        let ad = match item.commercial() {
            Tri::Yes => true,
            Tri::No => false,
            Tri::Unknown => !serves || item.kind() == Kind::Ad,
        };
        if elder_mode && ad {
            rules.ads(&item).because_unknown(item.commercial().is_unknown()).block();
        }
        if elder_mode && matches!(item.induce(), Induce::Download | Induce::Pay) {
            rules.inducement(&item).block();
        }
        let verified = item.claim_verified();
        if item.health_claim().is_yes() && !verified.is_yes() {
            let hit = rules.health_claim(&item).because_unknown(verified.is_unknown());
            if commercial || shown_on == Surface::Push {
                hit.hold()
            } else {
                hit.demote().label_unverified()
            };
        }
        if serves {
            rules.essential(&item).promote();
        }
    }

    if band == AgeBand::A60p && !elder_mode {
        rules.offer_mode().oblige_offer_elder_mode();
    }
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::{Cell, Question};

    use super::{MANIFEST, evaluate};

    #[test]
    fn caution_lies_between_its_threshold_and_suspicion() {
        let at = |ppm: u32| {
            let signals = Cell::Signals(vec![("L11.fraud", ppm, "classifier")]);
            Question::of(MANIFEST)
                .request("user.elder_mode", true)
                .candidate(&[("signals", signals), ("commercial", false.into())])
        };
        assert!(at(399_999).ask(evaluate).is_silent());
        assert!(at(400_000).ask(evaluate).fired("art19.fraud-caution"));
        let suspected = at(700_000).ask(evaluate);
        assert!(suspected.fired("art19.fraud-block") && !suspected.fired("art19.fraud-caution"));
    }

    #[test]
    fn an_unknown_age_is_not_an_elder() {
        let item = [("health_claim", true.into()), ("service_class", "medical".into())];
        assert!(Question::of(MANIFEST).candidate(&item).ask(evaluate).is_silent());
    }
}

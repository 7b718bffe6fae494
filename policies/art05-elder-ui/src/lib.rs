//! The norm for elder interfaces as its association would ship it: no advertising and no luring buttons in elder mode.
//!
//! The host enforces it for platforms that adopt the norm and only observes it elsewhere.

use normgate_sdk::Tri;
use normgate_sdk::terms::{Induce, Kind, ServiceClass};

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    if !call.request.user_elder_mode().is_yes() {
        return;
    }
    for item in call.candidates() {
        let ad = match item.commercial() {
            Tri::Yes => true,
            Tri::No => false,
            Tri::Unknown => {
                matches!(item.service_class(), ServiceClass::None | ServiceClass::Unknown) || item.kind() == Kind::Ad
            }
        };
        if ad {
            rules.ads(&item).because_unknown(item.commercial().is_unknown()).block();
        }
        if matches!(item.induce(), Induce::Download | Induce::Pay) {
            rules.inducement(&item).block();
        }
    }
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::Question;

    use super::{MANIFEST, evaluate};

    #[test]
    fn only_elder_mode_counts_and_not_age() {
        let item = [("induce", "pay".into()), ("commercial", false.into())];
        assert!(Question::of(MANIFEST).candidate(&item).ask(evaluate).is_silent());
        let elder = Question::of(MANIFEST).request("user.elder_mode", true).candidate(&item).ask(evaluate);
        assert!(elder.fired("art05.elder-ui.inducement"));
    }
}

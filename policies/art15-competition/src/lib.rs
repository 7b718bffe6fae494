//! Art 15: no throttling, exclusivity or price demands against other providers. What is unknown leads to no action.

use normgate_sdk::terms::ThrottleReason;

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    for item in call.candidates() {
        let throttled = item.throttle_applied().is_yes() && item.throttle_reason() == ThrottleReason::None;
        if item.competitor().is_yes() && throttled {
            rules.competitor_throttle(&item).veto_competitor_throttle().violation();
        }
        if item.exclusive_penalty().is_yes() {
            rules.exclusive_penalty(&item).veto_exclusive_penalty().violation();
        }
        if item.parity_penalty().is_yes() {
            rules.price_parity(&item).veto_price_parity().violation();
        }
        if item.forced_autoprice().is_yes() {
            rules.forced_autoprice(&item).violation().oblige_review_human();
        }
    }
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::{Cell, Question};

    use super::{MANIFEST, evaluate};

    #[test]
    fn an_unknown_reason_is_not_the_absence_of_one() {
        let item = |reason: &[(&'static str, Cell)]| {
            let mut cells = vec![("competitor", true.into()), ("throttle_applied", true.into())];
            cells.extend_from_slice(reason);
            Question::of(MANIFEST).candidate(&cells).ask(evaluate)
        };
        assert!(item(&[]).is_silent());
        assert!(item(&[("throttle_reason", "none".into())]).fired("art15.competitor-throttle"));
    }
}

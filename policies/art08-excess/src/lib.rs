//! Art 8: reminders to rest, limits that users set themselves, and no luring into excessive consumption.
//!
//! What is unknown leads to no action, except that a counter on which a limit depends has to be mended.

use normgate_sdk::terms::ConsumeRisk;
use normgate_sdk::{people, surface};

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let (request, limits) = (call.request, call.parameters);
    let shown_on = request.ctx_surface();
    let pushed = surface::is_pushed(shown_on);
    let minor = people::is_minor(
        request.user_age_band(),
        request.user_under_14(),
        request.user_age_assurance(),
        request.user_minor_mode(),
        shown_on,
    );
    let adult = minor.is_no() || (minor.is_unknown() && limits.unknown_age() == UnknownAge::Adult);
    let continuous = request.session_continuous_s();
    let long = continuous.is_some_and(|seconds| seconds >= limits.adult_rest_s());
    let used = request.session_today_s();
    let usage_limit = request.user_usage_limit_s().filter(|seconds| *seconds > 0);
    let limit_reached = usage_limit.is_some_and(|limit| used.is_some_and(|seconds| seconds >= limit));
    let spent = request.user_spend_30d_fen();
    let spend_cap = request.user_spend_cap_fen().filter(|fen| *fen > 0);
    let streak_topic = request
        .session_streak_topic_id()
        .filter(|_| request.session_topic_streak().is_some_and(|items| items >= limits.streak_max()));

    // Once a request.
    if adult && long {
        rules.rest_reminder().oblige_remind_rest();
    }
    if adult && continuous.is_none() {
        rules.rest_reminder().because_unknown(true).oblige_fix_telemetry();
    }
    if limit_reached {
        rules.user_limit().oblige_notify_limit();
    }
    if usage_limit.is_some() && used.is_none() {
        rules.user_limit().because_unknown(true).oblige_fix_telemetry();
    }
    if spend_cap.is_some() && spent.is_none() {
        rules.spend_cap().because_unknown(true).oblige_fix_telemetry();
    }

    // Once a row.
    for item in call.candidates() {
        if streak_topic.is_some() && item.topic_id() == streak_topic {
            rules.homogeneous_streak(&item).demote().oblige_diversify_slate();
        }
        if limit_reached && item.autoplay().is_yes() {
            rules.user_limit_on(&item).block();
        }
        if long && item.time_incentive().is_yes() {
            rules.time_incentive(&item).block();
        }
        if let (Some(cap), Some(spent), Some(price)) = (spend_cap, spent, item.price_fen())
            && spent.saturating_add(price) > cap
        {
            let hit = rules.spend_cap_on(&item);
            if pushed {
                hit.block()
            } else {
                hit.demote().label_spend_notice()
            };
        }
        if item.credit_offer().is_yes() && item.consume_risk() == ConsumeRisk::High {
            let hit = rules.credit_nudge(&item);
            if pushed {
                hit.block()
            } else {
                hit.demote()
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::Question;

    use super::{MANIFEST, evaluate};

    #[test]
    fn a_counter_matters_only_where_a_limit_is_set() {
        let known = || Question::of(MANIFEST).request("session.continuous_s", 600);
        assert!(known().ask(evaluate).is_silent());
        assert!(known().request("user.usage_limit_s", 0).ask(evaluate).is_silent());
        assert!(known().request("user.usage_limit_s", 3600).ask(evaluate).fired("art08.user-limit"));
        assert!(known().request("user.spend_cap_fen", 50_000).ask(evaluate).fired("art08.spend-cap"));
    }

    #[test]
    fn a_minor_is_reminded_elsewhere_but_gets_no_pay_for_watch_time() {
        let answer = Question::of(MANIFEST)
            .request("user.age_band", "a12_16")
            .request("session.continuous_s", 7200)
            .candidate(&[("time_incentive", true.into())])
            .ask(evaluate);
        assert!(answer.fired("art08.time-incentive") && !answer.fired("art08.rest-reminder"));
    }
}

//! The delivery norm as its association would ship it: hours, pauses, speed and rest days of riders.
//!
//! The host enforces it for platforms that adopt the norm and only observes it elsewhere.

use normgate_sdk::terms::Kind;
use normgate_sdk::work::{REST_DUE_D, REST_SUGGESTED_D, Ride};

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let limits = call.parameters;
    for item in call.candidates().filter(|item| item.kind() == Kind::WorkOrder) {
        match item.work_continuous_s() {
            Some(seconds) if seconds > limits.max_continuous_s() => {
                rules.fatigue(&item).block().oblige_remind_fatigue().oblige_pause_dispatch();
            }
            Some(_) => {}
            None => drop(rules.fatigue(&item).because_unknown(true).oblige_fix_telemetry()),
        }
        let agreed = item.work_overtime_ok();
        match item.work_day_s() {
            Some(seconds) if seconds >= limits.day_s() && !agreed.is_yes() => {
                let hit = rules.daily_hours(&item).because_unknown(agreed.is_unknown());
                hit.block().oblige_prompt_continue_work();
            }
            Some(_) => {}
            None => drop(rules.daily_hours(&item).because_unknown(true).oblige_fix_telemetry()),
        }
        let ride = Ride {
            vehicle: item.work_vehicle(),
            distance_m: item.order_distance_m(),
            eta_s: item.order_eta_s(),
            handling_s: item.order_handling_s(),
        };
        if ride.too_fast_for_an_ebike(limits.ebike_m_per_h()) {
            rules.speed(&item).because_unknown(ride.vehicle_unknown()).block().oblige_recompute_eta();
        }
        if let Some(days) = item.work_days_without_rest()
            && days >= REST_SUGGESTED_D
        {
            let hit = rules.weekly_rest(&item).oblige_remind_rest_day();
            if days >= REST_DUE_D && limits.rest_day_block() == RestDayBlock::Yes {
                hit.block();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::Question;

    use super::{MANIFEST, evaluate};

    #[test]
    fn four_hours_are_allowed_and_a_second_more_is_not() {
        let after = |seconds: i64| {
            let row = [("kind", "work_order".into()), ("work.continuous_s", seconds.into()), ("work.day_s", 0.into())];
            Question::of(MANIFEST).candidate(&row).ask(evaluate)
        };
        assert!(after(14_400).is_silent());
        assert!(after(14_401).fired("art05.delivery.fatigue"));
    }
}

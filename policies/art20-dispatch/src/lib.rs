//! Art 20: orders, hours, time limits, pay and penalties of platform workers.
//!
//! Hours that are unknown cost nobody an order; they only have to be mended. An order refused here, and a penalty that
//! stands, is explained.

use normgate_sdk::terms::{AlgoType, Kind, PenaltyAppeal, PenaltyCause, Surface, Weather};
use normgate_sdk::work::{REST_DUE_D, REST_SUGGESTED_D, Ride};

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let request = call.request;
    let mut dispatching = request.ctx_algo_type() == AlgoType::Dispatch || request.ctx_surface() == Surface::Dispatch;

    for item in call.candidates() {
        let refused = match item.kind() {
            Kind::WorkOrder => order(call, &item, rules),
            Kind::Incentive => {
                if item.incentive_needs_overtime().is_yes() {
                    rules.overtime_incentive(&item).block();
                }
                false
            }
            // A penalty that is not held stands.
            Kind::Penalty => !penalty(&item, rules),
            _ => continue,
        };
        dispatching = true;
        if refused {
            rules.explain(&item).oblige_explain_decision().oblige_offer_appeal();
        }
    }

    let published = request.provider_dispatch_rules_published();
    if dispatching && !published.is_yes() {
        rules.rules_unpublished().because_unknown(published.is_unknown()).oblige_publish_rules().violation();
    }
}

/// Judges a work order; whether an enforced rule refused it.
fn order(call: &Call<'_>, item: &Candidate<'_>, rules: &mut Rules<'_>) -> bool {
    let limits = call.parameters;
    let now = call.request.ctx_now_ms();
    let mut refused = false;

    match item.work_continuous_s() {
        Some(seconds) if seconds > limits.max_continuous_s() => {
            refused |= rules.fatigue(item).block().oblige_remind_fatigue().oblige_pause_dispatch().enforced();
        }
        Some(_) => {}
        None => drop(rules.fatigue(item).because_unknown(true).oblige_fix_telemetry()),
    }
    if let (Some(now), Some(until)) = (now, item.work_rest_until_ms())
        && now < until
    {
        refused |= rules.resting(item).block().enforced();
    }
    let agreed = item.work_overtime_ok();
    match item.work_day_s() {
        Some(seconds) if seconds >= limits.day_s() && !agreed.is_yes() => {
            let hit = rules.daily_hours(item).because_unknown(agreed.is_unknown());
            refused |= hit.block().oblige_prompt_continue_work().enforced();
        }
        Some(_) => {}
        None => drop(rules.daily_hours(item).because_unknown(true).oblige_fix_telemetry()),
    }
    if item.work_day_s().is_some_and(|seconds| seconds >= limits.hard_cap_s()) {
        refused |= rules.daily_cap(item).block().enforced();
    }
    if let Some(days) = item.work_days_without_rest()
        && days >= REST_SUGGESTED_D
    {
        let hit = rules.weekly_rest(item).oblige_remind_rest_day();
        if days >= REST_DUE_D && limits.rest_day_block() == RestDayBlock::Yes {
            refused |= hit.block().enforced();
        }
    }
    let ride = Ride {
        vehicle: item.work_vehicle(),
        distance_m: item.order_distance_m(),
        eta_s: item.order_eta_s(),
        handling_s: item.order_handling_s(),
    };
    if ride.too_fast_for_an_ebike(limits.ebike_m_per_h()) {
        refused |= rules.speed(item).because_unknown(ride.vehicle_unknown()).block().oblige_recompute_eta().enforced();
    }
    let (eta, median) = (item.order_eta_s(), item.order_eta_p50_s());
    let pressed = |percent: i64| match (eta, median) {
        (Some(eta), Some(median)) => eta.saturating_mul(100) < median.saturating_mul(percent),
        _ => false,
    };
    if pressed(100) {
        refused |= rules.strictest_algorithm(item).block().oblige_recompute_eta().enforced();
    }
    match item.order_weather() {
        Weather::Severe => refused |= rules.weather(item).block().oblige_suspend_area().enforced(),
        Weather::Adverse if pressed(limits.weather_ext_pct().saturating_add(100)) => {
            refused |= rules.weather(item).block().oblige_recompute_eta().enforced();
        }
        _ => {}
    }
    match (item.order_min_wage_fen_h(), item.order_pay_fen(), item.order_est_s()) {
        (None, _, _) => drop(rules.pay_floor(item).because_unknown(true).oblige_fix_reference()),
        (Some(wage), Some(pay), Some(seconds)) if pay.saturating_mul(3600) < wage.saturating_mul(seconds) => {
            refused |= rules.pay_floor(item).block().oblige_recompute_pay().enforced();
        }
        _ => {}
    }
    let most = item.work_max_orders().unwrap_or(limits.max_orders());
    if item.work_active_orders().is_some_and(|active| active.saturating_add(1) > most) {
        refused |= rules.saturation(item).block().enforced();
    }
    refused
}

/// Judges a penalty; whether an enforced rule holds it.
fn penalty(item: &Candidate<'_>, rules: &mut Rules<'_>) -> bool {
    let (cause, appeal) = (item.penalty_cause(), item.penalty_appeal());
    let appealed = matches!(appeal, PenaltyAppeal::Pending | PenaltyAppeal::Upheld);
    if cause == PenaltyCause::Own && !appealed {
        return false;
    }
    let guessed = cause == PenaltyCause::Unknown && !appealed;
    rules.penalty_cause(item).because_unknown(guessed).hold().oblige_offer_appeal().enforced()
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::{Cell, Fired, Question};

    use super::{MANIFEST, evaluate};

    fn order(cells: &[(&'static str, Cell)], shadow: &'static str) -> Fired {
        let mut row = vec![
            ("kind", "work_order".into()),
            ("work.continuous_s", 0.into()),
            ("work.day_s", 0.into()),
            ("order.min_wage_fen_h", 2000.into()),
        ];
        row.splice(0..0, cells.iter().cloned());
        Question::of(MANIFEST)
            .request("provider.dispatch_rules_published", true)
            .shadow(shadow)
            .candidate(&row)
            .ask(evaluate)
    }

    #[test]
    fn fifteen_kilometres_an_hour_exactly_is_allowed() {
        let ride = |eta: i64| {
            let cells: [(&str, Cell); 3] =
                [("order.distance_m", 3000.into()), ("order.eta_s", eta.into()), ("order.handling_s", 300.into())];
            order(&cells, "")
        };
        assert!(ride(1020).is_silent());
        assert!(ride(1019).fired("art20.speed"));
        assert!(ride(0).fired("art20.speed"));
    }

    #[test]
    fn what_a_rule_in_shadow_would_refuse_is_not_explained() {
        let tired = [("work.continuous_s", Cell::Integer(14_401))];
        assert!(order(&tired, "").fired("art20.explain"));
        assert!(!order(&tired, "art20.fatigue").fired("art20.explain"));
    }

    #[test]
    fn the_largest_numbers_of_a_request_do_not_overflow() {
        let most = i64::from(i32::MAX);
        let cells: [(&str, Cell); 4] = [
            ("order.est_s", most.into()),
            ("order.min_wage_fen_h", most.into()),
            ("order.pay_fen", 1_000_000_000_000.into()),
            ("work.active_orders", most.into()),
        ];
        assert!(order(&cells, "").fired("art20.pay-floor"));
    }
}

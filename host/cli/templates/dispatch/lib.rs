//! After the agreed hours a worker gets orders only with consent; hours that are unknown cost nobody an order.

use normgate_sdk::terms::Kind;

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    for order in call.candidates() {
        if order.kind() != Kind::WorkOrder {
            continue;
        }
        let agreed = order.work_overtime_ok();
        match order.work_day_s() {
            Some(seconds) if seconds >= call.parameters.day_s() && !agreed.is_yes() => {
                // Say when a rule fires because something is unknown, and not because of a fact.
                let hit = rules.long_day(&order).because_unknown(agreed.is_unknown());
                hit.block().oblige_prompt_continue_work();
            }
            Some(_) => {}
            None => drop(rules.long_day(&order).because_unknown(true).oblige_fix_telemetry()),
        }
    }
}

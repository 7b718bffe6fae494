//! Orders, penalties and incentives of workers (Art 20), and the sector norm for delivery (Art 5).

use serde_json::json;

use super::Request;
use super::facts::Facts;
use super::findings::{About, Effect, Findings, block, duty, hold, owe};

pub(super) fn art20(request: &Request<'_>, findings: &mut Findings<'_>) {
    let all = request.all;
    let dispatches = all.is("ctx.algo_type", "dispatch")
        || request.surface() == Some("dispatch")
        || request.rows.iter().any(|row| row.among("kind", &["work_order", "penalty", "incentive"]));
    if dispatches && !all.yes("provider.dispatch_rules_published") {
        findings.fire("art20.rules-unpublished", About::Request, [Effect::Violation, owe("publish.rules")]);
    }
    for (index, &row) in request.rows.iter().enumerate() {
        let about = About::Row(index);
        let explain = || [owe("explain.decision"), owe("offer.appeal")];
        match row.term("kind") {
            Some("work_order") => {
                let by_norm = norms(request, row, about, "art20", findings);
                let by_law = order(request, row, about, findings);
                if by_norm || by_law {
                    findings.fire("art20.explain", about, explain());
                }
            }
            Some("penalty") => {
                let own = row.is("penalty.cause", "own");
                let appealed = row.among("penalty.appeal", &["pending", "upheld"]);
                let held =
                    (!own || appealed) && findings.fire("art20.penalty-cause", about, [hold(), owe("offer.appeal")]);
                if !held {
                    findings.fire("art20.explain", about, explain());
                }
            }
            Some("incentive") if row.yes("incentive.needs_overtime") => {
                findings.fire("art20.overtime-incentive", about, [block()]);
            }
            _ => {}
        }
    }
}

/// The sector norm: four rules of Art 20 in its own name, with its own numbers.
pub(super) fn delivery(request: &Request<'_>, findings: &mut Findings<'_>) {
    for (index, &row) in request.rows.iter().enumerate() {
        if row.is("kind", "work_order") {
            norms(request, row, About::Row(index), "art05.delivery", findings);
        }
    }
}

/// The rules whose numbers come from the sector norm. Whether one of them, enforced, refuses the order.
fn norms(request: &Request<'_>, row: Facts<'_>, about: About, module: &str, findings: &mut Findings<'_>) -> bool {
    let rule = |name: &str| format!("{module}.{name}");
    let number = |name: &str| request.settings.number(&rule(name));
    let mut refused = false;

    match row.integer("work.continuous_s") {
        Some(seconds) if seconds > number("max_continuous_s") => {
            let pause = duty("pause.dispatch").with("pause_s", json!(number("pause_s")));
            refused |= findings.fire(&rule("fatigue"), about, [block(), owe("remind.fatigue"), owe(pause)]);
        }
        None => {
            findings.fire(
                &rule("fatigue"),
                about,
                [owe(duty("fix.telemetry").with("column", json!("candidates.work.continuous_s")))],
            );
        }
        Some(_) => {}
    }
    match row.integer("work.day_s") {
        Some(seconds) if seconds >= number("day_s") && !row.yes("work.overtime_ok") => {
            refused |= findings.fire(&rule("daily-hours"), about, [block(), owe("prompt.continue_work")]);
        }
        None => {
            findings.fire(
                &rule("daily-hours"),
                about,
                [owe(duty("fix.telemetry").with("column", json!("candidates.work.day_s")))],
            );
        }
        Some(_) => {}
    }
    if let Some(days) = row.integer("work.days_without_rest").filter(|days| *days >= 6) {
        let blocks = days >= 7 && request.settings.choice(&rule("rest_day_block")) == "yes";
        let effects = blocks.then(block).into_iter().chain([owe("remind.rest_day")]);
        refused |= findings.fire(&rule("weekly-rest"), about, effects) && blocks;
    }
    let ebike = row.term("work.vehicle").is_none_or(|vehicle| vehicle == "ebike");
    if let (true, Some(distance), Some(eta)) = (ebike, row.integer("order.distance_m"), row.integer("order.eta_s")) {
        let riding = (eta - row.integer("order.handling_s").unwrap_or(0)).max(0);
        if distance * 3_600 > number("ebike_m_per_h") * riding {
            refused |= findings.fire(&rule("speed"), about, [block(), owe("recompute.eta")]);
        }
    }
    refused
}

/// The other rules on an order. Whether one of them, enforced, refuses it.
fn order(request: &Request<'_>, row: Facts<'_>, about: About, findings: &mut Findings<'_>) -> bool {
    let settings = request.settings;
    let mut refused = false;
    // Until the rest is over, `since` its end is negative.
    if request.since(row.integer("work.rest_until_ms")).is_some_and(|ms| ms < 0) {
        refused |= findings.fire("art20.resting", about, [block()]);
    }
    if row.integer("work.day_s").is_some_and(|seconds| seconds >= settings.number("art20.hard_cap_s")) {
        refused |= findings.fire("art20.daily-cap", about, [block()]);
    }
    let times = row.integer("order.eta_s").zip(row.integer("order.eta_p50_s"));
    if times.is_some_and(|(eta, median)| eta < median) {
        refused |= findings.fire("art20.strictest-algorithm", about, [block(), owe("recompute.eta")]);
    }
    let percent = 100 + settings.number("art20.weather_ext_pct");
    if row.is("order.weather", "severe") {
        refused |= findings.fire("art20.weather", about, [block(), owe("suspend.area")]);
    } else if row.is("order.weather", "adverse") && times.is_some_and(|(eta, median)| eta * 100 < median * percent) {
        refused |= findings.fire("art20.weather", about, [block(), owe("recompute.eta")]);
    }
    match row.integer("order.min_wage_fen_h") {
        Some(wage) => {
            if let (Some(pay), Some(seconds)) = (row.integer("order.pay_fen"), row.integer("order.est_s"))
                && pay * 3_600 < wage * seconds
            {
                refused |= findings.fire("art20.pay-floor", about, [block(), owe("recompute.pay")]);
            }
        }
        None => {
            findings.fire("art20.pay-floor", about, [owe("fix.reference")]);
        }
    }
    let most = row.integer("work.max_orders").unwrap_or_else(|| settings.number("art20.max_orders"));
    if row.integer("work.active_orders").is_some_and(|active| active + 1 > most) {
        refused |= findings.fire("art20.saturation", about, [block()]);
    }
    refused
}

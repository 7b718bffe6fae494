//! Excess (Art 8), the elderly (Art 19), and the sector norm for interfaces made for them (Art 5).

use serde_json::json;

use super::Request;
use super::facts::Facts;
use super::findings::{About, Effect, Findings, block, demote, duty, hold, label, owe};
use super::signals::Signals;

pub(super) fn art08(request: &Request<'_>, findings: &mut Findings<'_>) {
    let (all, settings) = (request.all, request.settings);
    let rest_s = settings.number("art08.adult_rest_s");
    let continuous_s = all.integer("session.continuous_s");
    let rest_due = continuous_s.is_some_and(|seconds| seconds >= rest_s);

    // The user and the sitting.
    if !request.as_minor() {
        if rest_due {
            findings.fire("art08.rest-reminder", About::Request, [owe("remind.rest")]);
        }
        if continuous_s.is_none() {
            findings.fire(
                "art08.rest-reminder",
                About::Request,
                [owe(duty("fix.telemetry").with("column", json!("request.session.continuous_s")))],
            );
        }
    }
    let limit_s = all.integer("user.usage_limit_s").unwrap_or(0);
    let today_s = all.integer("session.today_s");
    let limit_reached = limit_s > 0 && today_s.is_some_and(|seconds| seconds >= limit_s);
    if limit_reached {
        findings.fire("art08.user-limit", About::Request, [owe("notify.limit")]);
    }
    if limit_s > 0 && today_s.is_none() {
        findings.fire(
            "art08.user-limit",
            About::Request,
            [owe(duty("fix.telemetry").with("column", json!("request.session.today_s")))],
        );
    }
    let cap = all.integer("user.spend_cap_fen").unwrap_or(0);
    let spent = all.integer("user.spend_30d_fen");
    if cap > 0 && spent.is_none() {
        findings.fire(
            "art08.spend-cap",
            About::Request,
            [owe(duty("fix.telemetry").with("column", json!("request.user.spend_30d_fen")))],
        );
    }

    // The rows.
    let streak =
        all.integer("session.topic_streak").is_some_and(|length| length >= settings.number("art08.streak_max"));
    let streak_topic = all.integer("session.streak_topic_id").filter(|_| streak);
    let spend_w = settings.number("art08.spend_w");
    for (index, &row) in request.rows.iter().enumerate() {
        let about = About::Row(index);
        if streak_topic.is_some() && row.integer("topic_id") == streak_topic {
            let weight = settings.number("art08.streak_w");
            findings.fire("art08.homogeneous-streak", about, [demote(weight), owe("diversify.slate")]);
        }
        if limit_reached && row.yes("autoplay") {
            findings.fire("art08.user-limit", about, [block()]);
        }
        if row.yes("time_incentive") && rest_due {
            findings.fire("art08.time-incentive", about, [block()]);
        }
        if let (true, Some(spent), Some(price)) = (cap > 0, spent, row.integer("price_fen"))
            && spent + price > cap
        {
            let effects = if request.pushed() { vec![block()] } else { vec![demote(spend_w), label("spend_notice")] };
            findings.fire("art08.spend-cap", about, effects);
        }
        if row.yes("credit_offer") && row.is("consume_risk", "high") {
            let effect = if request.pushed() { block() } else { demote(spend_w) };
            findings.fire("art08.credit-nudge", about, [effect]);
        }
    }
}

pub(super) fn art19(request: &Request<'_>, findings: &mut Findings<'_>) {
    let settings = request.settings;
    let past_60 = request.all.is("user.age_band", "a60p");
    let elder_mode = request.all.yes("user.elder_mode");
    if past_60 && !elder_mode {
        findings.fire("art19.offer-mode", About::Request, [owe("offer.elder_mode")]);
    }
    interface(request, "art19", findings);
    if !request.elder() {
        return;
    }
    for (index, &row) in request.rows.iter().enumerate() {
        let about = About::Row(index);
        let signals = Signals::of_row(row, settings);
        let fraud = signals.exactly("L11.fraud");
        if fraud.found() {
            findings.fire("art19.fraud-block", about, [block(), owe("warn.fraud"), owe("report.antifraud")]);
        }
        let band = settings.number("art19.t_elder_fraud")..settings.number("common.t_suspect");
        let doubtful = signals.classifier("L11.fraud").is_some_and(|confidence| band.contains(&confidence));
        if doubtful && !fraud.found() && !signals.human_no("L11.fraud") {
            let effects = if request.pushed() || request.commercial(row) {
                vec![hold()]
            } else {
                vec![demote(settings.number("art19.fraud_w")), label("fraud_warning")]
            };
            findings.fire("art19.fraud-caution", about, effects);
        }
        if row.yes("health_claim") && !row.yes("claim_verified") {
            let effects = if request.surface() == Some("push") || request.commercial(row) {
                vec![hold()]
            } else {
                vec![demote(settings.number("art19.health_w")), label("unverified")]
            };
            findings.fire("art19.health-claim", about, effects);
        }
        if serves(row) {
            findings.fire("art19.essential", about, [Effect::Promote]);
        }
    }
}

/// The sector norm: the rules for interfaces, in its own name.
pub(super) fn elder_ui(request: &Request<'_>, findings: &mut Findings<'_>) {
    interface(request, "art05.elder-ui", findings);
}

/// What an interface made for the elderly must not show.
fn interface(request: &Request<'_>, module: &str, findings: &mut Findings<'_>) {
    if !request.all.yes("user.elder_mode") {
        return;
    }
    for (index, &row) in request.rows.iter().enumerate() {
        let about = About::Row(index);
        // Narrower than elsewhere: an unknown row that serves a need is no advertisement, unless its kind says so.
        let unknown = !row.yes("commercial") && !row.no("commercial");
        if row.yes("commercial") || (unknown && (!serves(row) || row.is("kind", "ad"))) {
            findings.fire(&format!("{module}.ads"), about, [block()]);
        }
        if row.among("induce", &["download", "pay"]) {
            findings.fire(&format!("{module}.inducement"), about, [block()]);
        }
    }
}

/// Whether the row is a service that the elderly need.
pub(super) fn serves(row: Facts<'_>) -> bool {
    row.term("service_class").is_some_and(|class| class != "none")
}

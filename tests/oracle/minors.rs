//! Minors (Art 18).

use serde_json::json;

use super::Request;
use super::facts::Facts;
use super::findings::{About, Effect, Findings, block, demote, duty, label, label_first, owe, veto};
use super::signals::{Signals, State};
use super::surfaces::{content, personal};

/// Content rules: the rule, and the code or family that must not be found.
const FAMILIES: [(&str, &str); 3] =
    [("art18.bad-values", "M2"), ("art18.image-misuse", "M3"), ("art18.pi-exposure", "M4")];

pub(super) fn art18(request: &Request<'_>, findings: &mut Findings<'_>) {
    of_the_user(request, findings);
    for (index, &row) in request.rows.iter().enumerate() {
        let about = About::Row(index);
        if request.for_minor(row) {
            content_for_minors(request, row, about, findings);
            features_for_minors(request, row, about, findings);
        } else {
            let confirmed = Signals::of_row(row, request.settings).family("M") == State::Confirmed;
            if confirmed {
                let held = (!request.can_render_labels()).then(label_first);
                findings.fire("art18.prompt", about, [label("minor_notice")].into_iter().chain(held));
            }
        }
        in_minor_mode(request, row, about, findings);
        let game = row.among("kind", &["game", "game_purchase"]);
        if game && !request.all.is("user.age_assurance", "id_verified") {
            findings.fire("art18.game-realname", about, [block(), owe("verify.identity")]);
        }
    }
}

fn of_the_user(request: &Request<'_>, findings: &mut Findings<'_>) {
    let all = request.all;
    if request.as_minor() {
        match all.integer("session.continuous_s") {
            Some(seconds) if seconds >= request.settings.number("art18.rest_s") => {
                findings.fire("art18.rest", About::Request, [owe("remind.rest")]);
            }
            None => {
                findings.fire(
                    "art18.rest",
                    About::Request,
                    [owe(duty("fix.telemetry").with("column", json!("request.session.continuous_s")))],
                );
            }
            Some(_) => {}
        }
    }
    // The band a12_16 lies on both sides of 14, so it says nothing.
    let young_band = all.among("user.age_band", &["a0_3", "a3_8", "a8_12"]);
    let under_14 = all.yes("user.under_14") || (young_band && !all.no("user.under_14"));
    if under_14 && !all.yes("user.guardian_consent") {
        findings.fire("art18.under14-profile", About::Request, [veto("personal_profile")]);
    }
    if request.minor_band() && !all.yes("user.minor_mode") {
        findings.fire("art18.offer-mode", About::Request, [owe("offer.minor_mode")]);
    }
}

fn content_for_minors(request: &Request<'_>, row: Facts<'_>, about: About, findings: &mut Findings<'_>) {
    let settings = request.settings;
    let minor_mode = request.all.yes("user.minor_mode");
    let signals = Signals::of_row(row, settings);
    if signals.exactly("L11.minor").found() {
        findings.fire("art18.harm-minor", about, [block()]);
    }
    if signals.family("M1").found() || signals.family("H8").found() {
        findings.fire("art18.unsafe-imitation", about, [block()]);
    }
    for (rule, family) in FAMILIES {
        if signals.family(family).found() {
            findings.fire(rule, about, [block()]);
        }
    }
    if content(row) && signals.family("M") == State::Unknown {
        let strict = minor_mode || request.pushed() || request.key(row);
        let effect = if strict { block() } else { demote(settings.number("art18.unscanned_w")) };
        findings.fire("art18.unscanned", about, [effect]);
    }
    let from_age = match row.term("age_rating") {
        Some("r3") => 3,
        Some("r8") => 8,
        Some("r12") => 12,
        Some("r16") => 16,
        Some("r18") => 18,
        Some(_) => 0,
        None if minor_mode => 18,
        None => 0,
    };
    if from_age > request.minor_from() {
        let strict = minor_mode || from_age == 18;
        let effect = if strict { block() } else { demote(settings.number("art18.age_fit_w")) };
        findings.fire("art18.age-fit", about, [effect]);
    }
}

fn features_for_minors(request: &Request<'_>, row: Facts<'_>, about: About, findings: &mut Findings<'_>) {
    let (all, settings) = (request.all, request.settings);
    if row.among("kind", &["game", "game_purchase"]) {
        let minute = all.integer("ctx.local_min").unwrap_or(0);
        let hours = settings.number("art18.game_from_min")..settings.number("art18.game_to_min");
        let open = all.among("ctx.day_type", &["friday", "weekend", "statutory_holiday"]) && hours.contains(&minute);
        if !open {
            findings.fire("art18.game-window", about, [block()]);
        }
    }
    if row.is("kind", "game_purchase") {
        let (single, month) = match request.minor_from() {
            ..8 => (0, 0),
            8..16 => (settings.number("art18.topup_single_8_fen"), settings.number("art18.topup_month_8_fen")),
            16.. => (settings.number("art18.topup_single_16_fen"), settings.number("art18.topup_month_16_fen")),
        };
        let within = match (row.integer("price_fen"), all.integer("user.spend_month_game_fen")) {
            (Some(price), Some(spent)) => price <= single && spent + price <= month,
            _ => false,
        };
        if !within {
            findings.fire("art18.game-spend", about, [block()]);
        }
    }
    if row.is("kind", "tip") {
        findings.fire("art18.tip", about, [block()]);
    }
    let barred = !row.among("ad_class", &["none", "other"]);
    if request.commercial(row) && (personal(row) || barred || all.yes("user.minor_mode")) {
        findings.fire("art18.marketing", about, [block()]);
    }
    if ["autoplay", "time_incentive", "fan_vote"].iter().any(|feature| row.yes(feature)) {
        findings.fire("art18.addictive-feature", about, [block()]);
    }
}

fn in_minor_mode(request: &Request<'_>, row: Facts<'_>, about: About, findings: &mut Findings<'_>) {
    let (all, settings) = (request.all, request.settings);
    if !all.yes("user.minor_mode") || row.yes("essential") {
        return;
    }
    if !row.yes("in_minor_pool") {
        findings.fire("art18.pool", about, [block()]);
    }
    let end = || -> [Effect; 2] { [block(), owe("end.session")] };
    let minute = all.integer("ctx.local_min").unwrap_or(0);
    let night = minute >= settings.number("art18.curfew_from_min") || minute < settings.number("art18.curfew_to_min");
    if night && !all.yes("user.guardian_curfew_exempt") {
        findings.fire("art18.curfew", about, end());
    }
    let of_band = match request.minor_from() {
        ..8 => "art18.day_limit_under8_s",
        8..16 => "art18.day_limit_s",
        16.. => "art18.day_limit_16_s",
    };
    let limit_s = all.integer("user.guardian_day_limit_s").unwrap_or_else(|| settings.number(of_band));
    if all.integer("session.today_s").is_none_or(|seconds| seconds >= limit_s) {
        findings.fire("art18.time-limit", about, end());
    }
}

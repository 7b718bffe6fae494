//! Illegal and harmful content (Art 6), synthetic content (Art 9), key segments (Art 11).

use serde_json::json;

use super::Request;
use super::facts::Facts;
use super::findings::{About, Findings, block, demote, duty, hold, label, label_first, owe};
use super::settings::Settings;
use super::signals::{Signals, State};
use super::surfaces::content;

pub(super) fn art06(request: &Request<'_>, findings: &mut Findings<'_>) {
    let settings = request.settings;
    for (index, &row) in request.rows.iter().enumerate() {
        let about = About::Row(index);
        let signals = Signals::of_row(row, settings);
        let (illegal, harmful) = (signals.family("L"), signals.family("H"));
        let exposed = request.pushed() || request.key(row);

        if illegal == State::Confirmed {
            findings.fire("art06.illegal-confirmed", about, [block()]);
        }
        if illegal == State::Suspected {
            let demotes = settings.choice("art06.suspected_illegal") == "demote" && !exposed;
            let effect = if demotes { demote(0) } else { hold() };
            findings.fire("art06.illegal-suspected", about, [effect, owe("review.human")]);
        }
        if harmful == State::Confirmed {
            let effect = if request.pushed() { block() } else { demote(settings.number("art06.harm_w")) };
            findings.fire("art06.harmful-confirmed", about, [effect]);
        }
        if harmful == State::Suspected {
            let effect = if request.pushed() { hold() } else { demote(settings.number("art06.harm_sus_w")) };
            findings.fire("art06.harmful-suspected", about, [effect]);
        }
        if content(row) && (illegal == State::Unknown || harmful == State::Unknown) {
            findings.fire("art06.unscanned", about, exposed.then(hold).into_iter().chain([owe("review.human")]));
        }
    }
}

/// How certain it is that a row is synthetic.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Synthetic {
    No,
    Suspected,
    Possible,
    Confirmed,
}

/// The state of synthetic content. A person's no clears traces and detection, never metadata or a declaration.
pub(super) fn synthetic(row: Facts<'_>, settings: &Settings) -> Synthetic {
    let metadata = |value| row.is("aigc.meta_label", value);
    let detected = row.integer("aigc.detect_ppm").is_some_and(|ppm| ppm >= settings.number("common.t_detect"));
    let noticed = (row.yes("aigc.trace_explicit") || detected) && !row.no("aigc.human");
    if row.yes("aigc.human") || row.yes("aigc.produced_here") || metadata("1") {
        Synthetic::Confirmed
    } else if metadata("2") || row.yes("aigc.declared") {
        Synthetic::Possible
    } else if metadata("3") || noticed {
        Synthetic::Suspected
    } else {
        Synthetic::No
    }
}

pub(super) fn art09(request: &Request<'_>, findings: &mut Findings<'_>) {
    let settings = request.settings;
    let retain_d = settings.number("art09.retain_d");
    for (index, &row) in request.rows.iter().enumerate() {
        let about = About::Row(index);
        let unlabelled = !row.yes("aigc.label_shown") && !request.can_render_labels();
        let export = row.yes("aigc.export_unlabeled") && row.yes("aigc.produced_here");
        let agreed = export && row.yes("aigc.user_agreement");
        // What the export rule takes away from the label rules it takes away only when it is enforced.
        let without_label = agreed && findings.enforced("art09.unlabeled-export");
        let marking = |name, number: i64| {
            let label = (!without_label).then(|| label(name));
            let held = (!without_label && unlabelled).then(label_first);
            let metadata = owe(duty("write.aigc_metadata").with("label", json!(number)));
            label.into_iter().chain(held).chain([metadata])
        };

        match synthetic(row, settings) {
            Synthetic::Confirmed => {
                findings.fire("art09.ai-confirmed", about, marking("ai.confirmed", 1));
            }
            Synthetic::Possible => {
                findings.fire("art09.ai-possible", about, marking("ai.possible", 2));
            }
            Synthetic::Suspected => {
                findings.fire("art09.ai-suspected", about, marking("ai.suspected", 3));
            }
            Synthetic::No => {}
        }
        if row.yes("aigc.produced_here") {
            findings.fire("art09.own-output", about, marking("ai.confirmed", 1));
        }
        if agreed {
            findings.fire("art09.unlabeled-export", about, [owe(duty("preserve.record").kept(retain_d))]);
        } else if export {
            findings.fire("art09.unlabeled-export", about, [label_first()]);
        }
        if row.yes("aigc.tampered") {
            findings.fire("art09.label-tampered", about, [hold()]);
        }
        if row.is("aigc.meta_label", "unread") {
            let held = request.pushed().then(hold);
            findings.fire("art09.metadata-unread", about, held.into_iter().chain([owe("verify.metadata")]));
        }
        if row.is("aigc.meta_label", "invalid") {
            findings.fire("art09.metadata-unread", about, [owe("review.human")]);
        }

        let signals = Signals::of_row(row, settings);
        let preserve = || owe(duty("preserve.record").kept(retain_d));
        if signals.family("L") == State::Confirmed {
            let report = owe(duty("report.authority").within(settings.number("art09.report_s")));
            let stop = [block(), owe("stop.transmission"), owe("delete.content"), preserve(), report];
            findings.fire("art09.illegal-stop", about, stop);
        }
        if signals.family("H") == State::Confirmed {
            let report = owe(duty("report.authority").within(settings.number("art09.harm_report_s")));
            findings.fire("art09.harmful-dispose", about, [preserve(), report]);
        }
    }
}

/// The rules of key segments that need no order; `slate::positive_share` is the other one.
pub(super) fn art11(request: &Request<'_>, findings: &mut Findings<'_>) {
    if request.key_page() && !request.all.yes("ctx.choice_entry_shown") {
        findings.fire("art11.choice-entry", About::Request, [owe("offer.choice")]);
    }
    for (index, &row) in request.rows.iter().enumerate() {
        if !request.key(row) {
            continue;
        }
        let about = About::Row(index);
        let signals = Signals::of_row(row, request.settings);
        for (rule, family) in [("art11.harmful-on-key", "H"), ("art11.minor-info-on-key", "M")] {
            match signals.family(family) {
                State::Confirmed => findings.fire(rule, about, [block()]),
                State::Suspected => findings.fire(rule, about, [hold()]),
                State::Unknown | State::Clear => false,
            };
        }
        let unscanned = ["H", "M"].iter().any(|family| signals.family(family) == State::Unknown);
        if content(row) && unscanned {
            findings.fire("art11.unscanned-on-key", about, [hold()]);
        }
        if row.among("engage.manual_op", &["pin", "boost", "remove"]) {
            findings.fire("art11.manual-log", about, [owe("log.intervention")]);
        }
    }
}

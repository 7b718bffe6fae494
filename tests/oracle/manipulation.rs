//! False accounts, false engagement, and lists that somebody bends (Art 14).

use super::Request;
use super::findings::{About, Effect, Findings, block, demote, duty, hold, label, label_first, owe, veto};

pub(super) fn art14(request: &Request<'_>, findings: &mut Findings<'_>) {
    let settings = request.settings;
    let list = request.list();
    if list {
        let log = duty("log.list").kept(settings.number("art14.log_retain_d"));
        findings.fire("art14.list-log", About::Request, [owe(log)]);
    }
    for (index, &row) in request.rows.iter().enumerate() {
        let about = About::Row(index);
        match row.term("engage.author_state") {
            Some("fake") => {
                findings.fire("art14.fake-account", about, [block(), owe("quarantine.account")]);
            }
            Some("suspected_fake") => {
                let effect = if list { hold() } else { demote(settings.number("art14.suspect_w")) };
                findings.fire("art14.suspect-account", about, [effect]);
            }
            Some("traded" | "hijacked") => {
                findings.fire("art14.traded-account", about, [hold()]);
            }
            None if list => {
                findings.fire("art14.suspect-account", about, [veto("engagement_raw")]);
            }
            _ => {}
        }

        if let Some(fake) = row.integer("engage.fake_engage_ppm") {
            let lowered = demote(1_000_000 - fake);
            if fake >= settings.number("art14.fake_block") {
                let effect = if list { block() } else { lowered };
                findings.fire("art14.fake-engagement", about, [effect, veto("engagement_raw")]);
            } else if fake >= settings.number("art14.fake_demote") {
                findings.fire("art14.fake-engagement-some", about, [lowered, veto("engagement_raw")]);
            }
        }

        let unticketed = row.integer("engage.op_ticket").unwrap_or(0) == 0;
        if list && row.among("engage.manual_op", &["pin", "boost"]) && unticketed {
            findings.fire("art14.unticketed-op", about, [hold(), Effect::Violation]);
        }
        if row.is("engage.manual_op", "remove") && unticketed {
            findings.fire("art14.unticketed-removal", about, [Effect::Violation, owe("restore.candidate")]);
        }
        if row.yes("engage.paid_rank") || row.is("kind", "ad") {
            let held = (list && !request.can_render_labels()).then(label_first);
            findings.fire("art14.paid-rank", about, [label("ad")].into_iter().chain(held));
        }
        let own = row.yes("engage.self_affiliated") && row.yes("engage.self_boost");
        if own && !row.yes("engage.rule_published") {
            findings.fire("art14.self-preference", about, [veto("self_affiliation"), Effect::Violation]);
        }
        if row.integer("engage.user_impr_24h").is_some_and(|times| times >= settings.number("art14.over_rec_max")) {
            findings.fire("art14.over-recommend", about, [demote(settings.number("art14.overrec_w"))]);
        }
    }
}

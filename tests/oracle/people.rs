//! Who the user is, whether they were told (Art 16), and what they chose (Art 17).

use serde_json::json;

use super::Request;
use super::facts::Facts;
use super::findings::{About, Effect, Findings, block, duty, owe, veto};
use super::surfaces::{DAY_MS, personal};

/// The bands of minors, each with its lower bound.
const MINOR_BANDS: [(&str, i64); 5] = [("a0_3", 0), ("a3_8", 3), ("a8_12", 8), ("a12_16", 12), ("a16_18", 16)];

impl Request<'_> {
    /// Whether the user's own band is one of a minor.
    pub(super) fn minor_band(&self) -> bool {
        MINOR_BANDS.iter().any(|(band, _)| self.all.is("user.age_band", band))
    }

    /// Whether the user is a minor; none = unknown. Missing assurance never turns a minor into an adult.
    fn is_minor(&self) -> Option<bool> {
        let under_14 = self.all.yes("user.under_14");
        if self.minor_band() || under_14 || self.all.yes("user.minor_mode") || self.surface() == Some("minor_zone") {
            return Some(true);
        }
        let assured = self.all.term("user.age_assurance").is_some_and(|assurance| assurance != "none");
        let adult = self.all.among("user.age_band", &["a18_60", "a60p"]) && assured;
        adult.then_some(false)
    }

    /// Whether the user is judged as a minor.
    pub(super) fn as_minor(&self) -> bool {
        self.is_minor().unwrap_or(self.settings.choice("common.unknown_age") == "minor")
    }

    /// Whether a row is judged as shown to a minor: games and tips are when the age is unknown.
    pub(super) fn for_minor(&self, row: Facts<'_>) -> bool {
        self.as_minor() || (self.is_minor().is_none() && row.among("kind", &["game", "game_purchase", "tip"]))
    }

    /// The lower bound, in years, of the band that a minor is judged by.
    pub(super) fn minor_from(&self) -> i64 {
        let default = self.all.term("user.mode_default_band");
        let band = (self.all.term("user.age_band").filter(|_| self.minor_band()))
            .or(default)
            .unwrap_or_else(|| self.settings.choice("common.mode_default_band"));
        MINOR_BANDS.iter().find(|(name, _)| *name == band).map_or(0, |(_, from)| *from)
    }

    /// Whether the user is elderly, or uses the interface made for them.
    pub(super) fn elder(&self) -> bool {
        self.all.is("user.age_band", "a60p") || self.all.yes("user.elder_mode")
    }
}

pub(super) fn art16(request: &Request<'_>, findings: &mut Findings<'_>) {
    let seen = request.all.integer("ctx.notice_seen_version").unwrap_or(0);
    if seen == 0 {
        findings.fire("art16.notice-missing", About::Request, [owe("notify.algorithm")]);
    } else if request.all.integer("provider.notice_version").is_some_and(|version| seen < version) {
        let changes = duty("notify.algorithm").with("changes", json!(true));
        findings.fire("art16.notice-stale", About::Request, [owe(changes)]);
    }
    if !request.all.yes("provider.disclosure_url_ok") {
        findings.fire("art16.disclosure-missing", About::Request, [Effect::Violation, owe("publish.disclosure")]);
    }
}

pub(super) fn art17(request: &Request<'_>, findings: &mut Findings<'_>) {
    let all = request.all;
    let told = all.integer("ctx.notice_seen_version").is_some_and(|seen| seen > 0);
    let off = match all.term("user.personalization") {
        Some("on") => false,
        Some("unset") => !told || request.settings.choice("common.unset_personalization") == "off",
        _ => true,
    };
    let recs_off = all.is("user.recs_switch", "off") && request.recommends();
    let stale = match (all.integer("user.switch_changed_ms"), all.integer("user.profile_snapshot_ms")) {
        (Some(changed), Some(snapshot)) => changed > snapshot,
        _ => false,
    };
    let no_option = !all.yes("ctx.nonpersonal_option") && !all.yes("ctx.off_option");

    let stop = || [veto("personal_profile"), owe("stop.personalization")];
    if off {
        findings.fire("art17.personalization-off", About::Request, stop());
    }
    if recs_off {
        findings.fire("art17.recs-off", About::Request, [owe("stop.recommendation")]);
    }
    if stale {
        findings.fire("art17.stale-profile", About::Request, stop().into_iter().chain([owe("purge.cache")]));
    }
    if no_option {
        findings.fire("art17.no-option", About::Request, [Effect::Violation, owe("offer.choice")]);
    }

    for (index, &row) in request.rows.iter().enumerate() {
        // Safety, legal and service messages go out whatever the user chose.
        if row.is("kind", "service_notice") {
            continue;
        }
        let about = About::Row(index);
        if off && personal(row) {
            findings.fire("art17.personalization-off", about, [block()]);
        }
        if recs_off && !row.among("retrieval_basis", &["query", "follow"]) {
            findings.fire("art17.recs-off", about, [block()]);
        }
        if stale && personal(row) {
            findings.fire("art17.stale-profile", about, [block()]);
        }
        deleted_tags(request, row, about, findings);
        if no_option && request.commercial(row) && personal(row) && request.pushed() {
            findings.fire("art17.no-option", about, [block()]);
        }
        if row.yes("major_impact") {
            findings.fire("art17.major-impact", about, [owe("explain.decision"), owe("offer.human_review")]);
        }
        let pause_ms = request.settings.number("art17.reprompt_d") * DAY_MS;
        let recent = request.since(row.integer("last_prompt_ms")).is_some_and(|ms| ms < pause_ms);
        if row.is("kind", "reenable_prompt") && recent {
            findings.fire("art17.reprompt", about, [block()]);
        }
    }
}

/// Tags that the user deleted bring no row.
fn deleted_tags(request: &Request<'_>, row: Facts<'_>, about: About, findings: &mut Findings<'_>) {
    let matched = row.list("matched_tags").unwrap_or_default();
    let is_deleted =
        |id: &&&str| request.tags.iter().any(|tag| tag.is("tag_id", id) && tag.is("state", "user_deleted"));
    let deleted: Vec<&str> = matched.iter().filter(is_deleted).copied().collect();
    if deleted.is_empty() {
        return;
    }
    if deleted.len() == matched.len() && personal(row) {
        findings.fire("art17.deleted-tag", about, [block()]);
    } else {
        findings.fire("art17.deleted-tag", about, deleted.iter().map(|id| veto(format!("tag:{id}"))));
    }
}

//! Internet news (Art 13).

use super::Request;
use super::content::{Synthetic, synthetic};
use super::findings::{About, Findings, block, hold, label, owe};
use super::surfaces::DAY_MS;

/// Kinds that can be news; an unknown kind can be, too.
const CAN_BE_NEWS: [&str; 15] = [
    "article",
    "image",
    "audio",
    "short_video",
    "live_room",
    "comment",
    "topic",
    "hot_term",
    "ranking_item",
    "search_suggestion",
    "news",
    "generated_text",
    "generated_media",
    "push_message",
    "link_external",
];

pub(super) fn art13(request: &Request<'_>, findings: &mut Findings<'_>) {
    let settings = request.settings;
    let permits = request.all.list("provider.permits").unwrap_or_default();
    let expired = request.since(request.all.integer("provider.permit_expiry_ms")).is_some_and(|ms| ms >= 0);
    let list_age = request.since(request.all.integer("provider.list_version_ms"));
    let list_fresh = list_age.is_some_and(|ms| ms <= settings.number("art13.list_max_age_d") * DAY_MS);

    for (index, &row) in request.rows.iter().enumerate() {
        let about = About::Row(index);
        let unknown = !row.yes("news.is_news") && !row.no("news.is_news");
        let is_news = row.yes("news.is_news") || (unknown && row.is("kind", "news"));
        let can_be = row.term("kind").is_none_or(|kind| CAN_BE_NEWS.contains(&kind));
        if unknown && !is_news && can_be {
            let effect = if request.pushed() { hold() } else { owe("review.human") };
            findings.fire("art13.maybe-news", about, [effect]);
        }
        if !is_news {
            continue;
        }

        let origin = row.term("news.origin");
        let reprinted = matches!(origin, None | Some("reprint"));
        let mut refused = false;
        if permits.is_empty() || expired {
            refused = findings.fire("art13.no-permit", about, [block()]);
        }
        let needed: &[&str] = match origin {
            Some("original") => &["edit_publish"],
            Some("reprint") => &["reprint"],
            Some("user_post") => &["platform"],
            _ => &["edit_publish", "reprint", "platform"],
        };
        if !refused && !needed.iter().all(|permit| permits.contains(permit)) {
            findings.fire("art13.wrong-permit", about, [block()]);
        }

        match row.term("news.source_listed") {
            Some("frozen" | "removed" | "not_listed") if reprinted => {
                findings.fire("art13.source-not-listed", about, [block()]);
            }
            Some("frozen" | "removed" | "not_listed") if origin == Some("user_post") => {
                findings.fire("art13.source-not-listed", about, [hold()]);
            }
            None if reprinted => {
                findings.fire("art13.source-unknown", about, [hold()]);
            }
            _ => {}
        }
        if row.is("news.fact_state", "false") {
            findings.fire("art13.fake-news", about, [block(), owe("preserve.record"), owe("report.authority")]);
        }
        if synthetic(row, settings) != Synthetic::No && !row.is("news.fact_state", "verified") {
            findings.fire("art13.synthetic-unverified", about, [hold()]);
        }
        if row.yes("news.title_distorted") {
            findings.fire("art13.title-distorted", about, [block()]);
        } else if !row.no("news.title_distorted") && request.pushed() {
            findings.fire("art13.title-distorted", about, [hold()]);
        }
        match row.term("news.attribution") {
            Some("available") if reprinted => {
                findings.fire("art13.attribution", about, [label("news.source")]);
            }
            Some("missing") if reprinted => {
                findings.fire("art13.attribution", about, [hold()]);
            }
            _ => {}
        }
        let age = request.since(row.integer("news.published_ms"));
        let old = age.is_some_and(|ms| ms > settings.number("art13.rehash_d") * DAY_MS);
        if request.pushed() && old && row.yes("news.running_topic") {
            findings.fire("art13.rehash", about, [hold()]);
        }
        if !list_fresh {
            findings.fire("art13.list-stale", About::Request, [owe("update.database")]);
        }
    }
}

//! Art 13: news needs a permit, a listed source and checked facts.
//!
//! A row is news when the host says so, or when its kind is news and nobody says otherwise. Permits, sources and
//! metadata that are unknown fail closed.

use normgate_sdk::synthetic::Synthetic;
use normgate_sdk::terms::{Attribution, FactState, Kind, NewsOrigin, SourceListed};
use normgate_sdk::{Tri, making, surface};

normgate_sdk::policy!(candidate: judge);

const DAY_MS: i64 = 86_400_000;

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let (request, limits) = (call.request, call.parameters);
    let pushed = surface::is_pushed(request.ctx_surface());
    let older_than = |instant: i64, days: i64| request.ctx_now_ms().is_some_and(|now| now - instant > days * DAY_MS);
    let permits = Permits::of(&request);
    let mut any_news = false;

    for item in call.candidates() {
        let said = item.news_is_news();
        if said.is_unknown() && item.kind() != Kind::News && can_be_news(item.kind()) {
            let hit = rules.maybe_news(&item).because_unknown(true);
            if pushed {
                hit.hold()
            } else {
                hit.oblige_review_human()
            };
        }
        if said.is_no() || (said.is_unknown() && item.kind() != Kind::News) {
            continue;
        }
        any_news = true;
        let origin = item.news_origin();
        let origin_unknown = matches!(origin, NewsOrigin::Unknown | NewsOrigin::Unlisted);
        let reprinted = origin == NewsOrigin::Reprint || origin_unknown;

        let refused = permits.invalid && rules.no_permit(&item).because_unknown(permits.unknown).block().enforced();
        if !refused && !permits.cover(origin) {
            rules.wrong_permit(&item).because_unknown(origin_unknown || permits.unknown).block();
        }
        match item.news_source_listed() {
            SourceListed::Frozen | SourceListed::Removed | SourceListed::NotListed => {
                let hit = rules.source_not_listed(&item).because_unknown(origin_unknown);
                if reprinted {
                    hit.block();
                } else if origin == NewsOrigin::UserPost {
                    hit.hold();
                }
            }
            SourceListed::Unknown | SourceListed::Unlisted if reprinted => {
                rules.source_unknown(&item).because_unknown(true).hold();
            }
            _ => {}
        }
        let fact = item.news_fact_state();
        if fact == FactState::False {
            rules.fake_news(&item).block().oblige_preserve_record().oblige_report_authority();
        }
        if made_by_ai(&item, limits.t_detect()) && fact != FactState::Verified {
            rules.synthetic_unverified(&item).because_unknown(fact == FactState::Unknown).hold();
        }
        match item.news_title_distorted() {
            Tri::Yes => drop(rules.title_distorted(&item).block()),
            Tri::Unknown if pushed => drop(rules.title_distorted(&item).because_unknown(true).hold()),
            Tri::Unknown | Tri::No => {}
        }
        match item.news_attribution() {
            Attribution::Available if reprinted => {
                rules.attribution(&item).because_unknown(origin_unknown).label_news_source();
            }
            Attribution::Missing if reprinted => drop(rules.attribution(&item).because_unknown(origin_unknown).hold()),
            _ => {}
        }
        let old = item.news_published_ms().is_some_and(|published| older_than(published, limits.rehash_d()));
        if pushed && old && item.news_running_topic().is_yes() {
            rules.rehash(&item).hold();
        }
    }

    let list = request.provider_list_version_ms();
    if any_news && list.is_none_or(|imported| older_than(imported, limits.list_max_age_d())) {
        rules.list_stale().because_unknown(list.is_none()).oblige_update_database();
    }
}

/// The operator's permits for internet news.
struct Permits {
    invalid: bool,
    unknown: bool,
    edit_publish: bool,
    reprint: bool,
    platform: bool,
}

impl Permits {
    fn of(request: &Request<'_>) -> Self {
        let held = request.provider_permits();
        let expired = match (request.ctx_now_ms(), request.provider_permit_expiry_ms()) {
            (Some(now), Some(expiry)) => now >= expiry,
            _ => false,
        };
        Self {
            invalid: held.is_none_or(|permits| permits == 0) || expired,
            unknown: held.is_none() && !expired,
            edit_publish: request.provider_permits_has(Request::PROVIDER_PERMITS_EDIT_PUBLISH),
            reprint: request.provider_permits_has(Request::PROVIDER_PERMITS_REPRINT),
            platform: request.provider_permits_has(Request::PROVIDER_PERMITS_PLATFORM),
        }
    }

    fn cover(&self, origin: NewsOrigin) -> bool {
        match origin {
            NewsOrigin::Original => self.edit_publish,
            NewsOrigin::Reprint => self.reprint,
            NewsOrigin::UserPost => self.platform,
            NewsOrigin::Unknown | NewsOrigin::Unlisted => self.edit_publish && self.reprint && self.platform,
        }
    }
}

fn made_by_ai(item: &Candidate<'_>, t_detect: i64) -> bool {
    making!(item).state(t_detect) != Synthetic::None
}

/// Kinds that can be news; else every offer and order on push would wait for a review.
fn can_be_news(kind: Kind) -> bool {
    use Kind::*;
    matches!(
        kind,
        Article
            | Image
            | Audio
            | ShortVideo
            | LiveRoom
            | Comment
            | Topic
            | HotTerm
            | RankingItem
            | SearchSuggestion
            | News
            | GeneratedText
            | GeneratedMedia
            | PushMessage
            | LinkExternal
            | Unknown
            | Unlisted
    )
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::{Cell, Question};

    use super::{MANIFEST, evaluate};

    #[test]
    fn without_any_permit_the_kind_of_permit_is_asked_only_in_shadow() {
        let none = || Question::of(MANIFEST).candidate(&[("kind", "news".into())]);
        assert!(!none().ask(evaluate).fired("art13.wrong-permit"));
        assert!(none().shadow("art13.no-permit").ask(evaluate).fired("art13.wrong-permit"));
    }

    #[test]
    fn an_expired_permit_is_none_and_one_of_unknown_expiry_is_not_expired() {
        let reprint = || {
            let item = [("kind", "news".into()), ("news.origin", "reprint".into())];
            // Bit 1: reprint.
            Question::of(MANIFEST)
                .request("provider.permits", Cell::Integer(2))
                .request("ctx.now_ms", 1000)
                .candidate(&item)
        };
        assert!(!reprint().ask(evaluate).fired("art13.no-permit"));
        assert!(!reprint().request("provider.permit_expiry_ms", 1001).ask(evaluate).fired("art13.no-permit"));
        assert!(reprint().request("provider.permit_expiry_ms", 1000).ask(evaluate).fired("art13.no-permit"));
    }

    #[test]
    fn orders_are_never_perhaps_news() {
        let popup = |kind: &'static str| {
            Question::of(MANIFEST).request("ctx.surface", "popup").candidate(&[("kind", kind.into())]).ask(evaluate)
        };
        assert!(popup("work_order").is_silent() && popup("topic").fired("art13.maybe-news"));
    }
}

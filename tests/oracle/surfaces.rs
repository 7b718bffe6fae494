//! Where a row is shown, and what a row is.

use super::Request;
use super::facts::Facts;

const KEY: [&str; 11] = [
    "home_first_screen",
    "hot_search",
    "search_default",
    "featured",
    "ranking_list",
    "popup",
    "recommend_hot",
    "nav_first",
    "store_first",
    "minor_zone",
    "other_key",
];
const PUSHED: [&str; 3] = ["push", "popup", "splash"];
const LISTS: [&str; 5] = ["hot_search", "ranking_list", "featured", "search_results", "recommend_hot"];
const RECOMMENDS: [&str; 9] =
    ["feed", "related", "home_first_screen", "recommend_hot", "featured", "push", "popup", "splash", "minor_zone"];
const FIRST_SCREENS: [&str; 3] = ["home_first_screen", "nav_first", "store_first"];

impl<'r> Request<'r> {
    pub(super) fn surface(&self) -> Option<&'r str> {
        self.all.term("ctx.surface")
    }

    fn on(&self, surfaces: &[&str]) -> bool {
        self.all.among("ctx.surface", surfaces)
    }

    /// Push, popup or splash: what the tables call "push/popup".
    pub(super) fn pushed(&self) -> bool {
        self.on(&PUSHED)
    }

    /// A list in the sense of Art 14.
    pub(super) fn list(&self) -> bool {
        self.on(&LISTS)
    }

    /// A recommendation surface in the sense of Art 17.
    pub(super) fn recommends(&self) -> bool {
        self.on(&RECOMMENDS)
    }

    /// The feed of a home page, whose first rows are the first screen.
    pub(super) fn home_feed(&self) -> bool {
        self.on(&["feed"]) && self.all.yes("ctx.home_page")
    }

    /// Whether some row of the page is shown on a first screen.
    pub(super) fn first_screen(&self) -> bool {
        self.on(&FIRST_SCREENS) || self.home_feed()
    }

    /// Whether the page is a key segment; an unknown one is.
    pub(super) fn key_page(&self) -> bool {
        self.surface().is_none_or(|surface| KEY.contains(&surface)) || self.home_feed()
    }

    /// Whether this row stands in a key segment.
    pub(super) fn key(&self, row: Facts<'_>) -> bool {
        if self.home_feed() {
            let slots = self.settings.number("common.first_screen_slots");
            row.integer("rank_pos").is_some_and(|position| position < slots)
        } else {
            self.key_page()
        }
    }

    /// Whether the row is an advertisement, promotion or paid placement. Unknown is yes for an ad and in the protected
    /// modes.
    pub(super) fn commercial(&self, row: Facts<'_>) -> bool {
        let presumed = row.is("kind", "ad") || self.all.yes("user.minor_mode") || self.all.yes("user.elder_mode");
        row.yes("commercial") || (presumed && !row.no("commercial"))
    }

    pub(super) fn can_render_labels(&self) -> bool {
        self.all.yes("ctx.can_render_labels")
    }

    /// Milliseconds since a moment, if it is known.
    pub(super) fn since(&self, moment: Option<i64>) -> Option<i64> {
        Some(self.all.integer("ctx.now_ms")? - moment?)
    }
}

/// Work orders, penalties and incentives are no content; everything else is, the unknown included.
pub(super) fn content(row: Facts<'_>) -> bool {
    !row.among("kind", &["work_order", "penalty", "incentive"])
}

/// Whether the person's profile brought the row; unknown is yes.
pub(super) fn personal(row: Facts<'_>) -> bool {
    row.term("retrieval_basis").is_none_or(|basis| basis == "personal")
}

pub(super) const DAY_MS: i64 = 86_400_000;

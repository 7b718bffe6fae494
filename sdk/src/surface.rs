//! Classes of surfaces: where an item would be shown.

use crate::Tri;
use crate::terms::Surface;

/// The surface that a row is judged as: a feed on the home page shows its first slots as the home first screen. A row
/// without a position stays in the feed.
#[inline]
pub fn judged(surface: Surface, home_page: Tri, rank_pos: Option<i64>, first_screen_slots: i64) -> Surface {
    match surface {
        Surface::Feed if home_page.is_yes() && rank_pos.is_some_and(|pos| pos < first_screen_slots) => {
            Surface::HomeFirstScreen
        }
        other => other,
    }
}

/// A key segment (ARP 11, ECO 11): what everybody sees first. An unknown surface is one, and nothing else.
#[inline]
pub fn is_key(surface: Surface) -> bool {
    use Surface::*;
    matches!(
        surface,
        HomeFirstScreen
            | HotSearch
            | SearchDefault
            | Featured
            | RankingList
            | Popup
            | RecommendHot
            | NavFirst
            | StoreFirst
            | MinorZone
            | OtherKey
            | Unknown
            | Unlisted
    )
}

/// Pushed at the user unasked: push, popup, splash.
#[inline]
pub fn is_pushed(surface: Surface) -> bool {
    matches!(surface, Surface::Push | Surface::Popup | Surface::Splash)
}

/// A list whose order claims to say something (ARP 14).
#[inline]
pub fn is_list(surface: Surface) -> bool {
    use Surface::*;
    matches!(surface, HotSearch | RankingList | Featured | SearchResults | RecommendHot)
}

/// A recommendation surface, which the user's switch turns off (ARP 17).
#[inline]
pub fn is_recommendation(surface: Surface) -> bool {
    use Surface::*;
    matches!(surface, Feed | Related | HomeFirstScreen | RecommendHot | Featured | Push | Popup | Splash | MinorZone)
}

/// A first screen (ARP 11 ¶2).
#[inline]
pub fn is_first_screen(surface: Surface) -> bool {
    matches!(surface, Surface::HomeFirstScreen | Surface::NavFirst | Surface::StoreFirst)
}

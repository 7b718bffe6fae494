//! Art 18: what minors are shown, when, and what may be sold to them.
//!
//! One line a rule, in the order of the decision table (docs/law). "Minor" is a minor band at any assurance, a user under
//! 14, minor mode or the minor zone; an unknown age is judged as adult (parameter `common.unknown_age`), except where games and tips
//! are concerned.

use normgate_sdk::terms::{AdClass, AgeAssurance, AgeBand, AgeRating, DayType, Kind, RetrievalBasis, ScanState};
use normgate_sdk::{State, Tri, people, surface};
use signals::{H8, L11_MINOR, M, M1, M2, M3, M4};

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let (request, limits) = (call.request, call.parameters);
    let child = Child::of(&request, &limits);
    let minor_mode = request.user_minor_mode().is_yes();
    let shown_on = request.ctx_surface();

    // Once a request.
    if child.is_minor(false) {
        match request.session_continuous_s() {
            Some(seconds) if seconds >= limits.rest_s() => drop(rules.rest().oblige_remind_rest()),
            Some(_) => {}
            None => drop(rules.rest().because_unknown(true).oblige_fix_telemetry()),
        }
    }
    if under_14(&request).is_yes() && !request.user_guardian_consent().is_yes() {
        rules.under14_profile().veto_personal_profile();
    }
    if people::minor_band(request.user_age_band()).is_yes() && !minor_mode {
        rules.offer_mode().oblige_offer_minor_mode();
    }

    // Once a row.
    let minute = request.ctx_local_min().unwrap_or(0);
    let curfew = minor_mode && !request.user_guardian_curfew_exempt().is_yes() && in_curfew(minute, &limits);
    let used = request.session_today_s();
    let used_up = minor_mode && used.is_none_or(|seconds| seconds >= child.day_limit_s(&request, &limits));
    let game_open = matches!(request.ctx_day_type(), DayType::Friday | DayType::Weekend | DayType::StatutoryHoliday)
        && (limits.game_from_min()..limits.game_to_min()).contains(&minute);
    let verified = request.user_age_assurance() == AgeAssurance::IdVerified;
    let fits_labels = request.ctx_can_render_labels().is_yes();

    for item in call.candidates() {
        let kind = item.kind();
        let minor = child.is_minor(matches!(kind, Kind::Game | Kind::GamePurchase | Kind::Tip));
        let guessed = minor && !child.known.is_yes();
        let scanned = item.scan_state() == ScanState::Done;
        let states = item.signals().states(limits.thresholds(), scanned);

        if minor {
            let essential = item.essential().is_yes();
            if states.of(L11_MINOR).is_raised() {
                rules.harm_minor(&item).block();
            }
            if states.of(M1).is_raised() || states.of(H8).is_raised() {
                rules.unsafe_imitation(&item).block();
            }
            if states.of(M2).is_raised() {
                rules.bad_values(&item).block();
            }
            if states.of(M3).is_raised() {
                rules.image_misuse(&item).block();
            }
            if states.of(M4).is_raised() {
                rules.pi_exposure(&item).block();
            }
            if states.of(M) == State::Unknown && people::is_content(kind) {
                let place =
                    surface::judged(shown_on, request.ctx_home_page(), item.rank_pos(), limits.first_screen_slots());
                let hit = rules.unscanned(&item).because_unknown(true);
                if minor_mode || surface::is_pushed(place) || surface::is_key(place) {
                    hit.block()
                } else {
                    hit.demote()
                };
            }
            if minor_mode && !item.in_minor_pool().is_yes() && !essential {
                rules.pool(&item).because_unknown(item.in_minor_pool().is_unknown()).block();
            }
            let rating = item.age_rating();
            if floor(rating, minor_mode) > child.lower_bound || rating == AgeRating::R18 {
                let hit =
                    rules.age_fit(&item).because_unknown(matches!(rating, AgeRating::Unknown | AgeRating::Unlisted));
                if minor_mode || rating == AgeRating::R18 {
                    hit.block()
                } else {
                    hit.demote()
                };
            }
            if curfew && !essential {
                rules.curfew(&item).block().oblige_end_session();
            }
            if used_up && !essential {
                rules.time_limit(&item).because_unknown(used.is_none()).block().oblige_end_session();
            }
            if matches!(kind, Kind::Game | Kind::GamePurchase) && !game_open {
                rules.game_window(&item).because_unknown(guessed).block();
            }
            if kind == Kind::GamePurchase {
                let (price, month) = (item.price_fen(), request.user_spend_month_game_fen());
                let (single_cap, month_cap) = child.topup_caps(&limits);
                let over = match (price, month) {
                    (Some(price), Some(month)) => price > single_cap || month + price > month_cap,
                    (Some(_) | None, _) => true,
                };
                if over {
                    let a_fact =
                        price.is_some_and(|price| price > single_cap || month.is_some_and(|m| m + price > month_cap));
                    rules.game_spend(&item).because_unknown(!a_fact || guessed).block();
                }
            }
            if kind == Kind::Tip {
                rules.tip(&item).because_unknown(guessed).block();
            }
            if people::is_commercial(item.commercial(), kind, request.user_minor_mode(), request.user_elder_mode()) {
                let (basis, class) = (item.retrieval_basis(), item.ad_class());
                let personal =
                    matches!(basis, RetrievalBasis::Personal | RetrievalBasis::Unknown | RetrievalBasis::Unlisted);
                let barred = !matches!(class, AdClass::None | AdClass::Other);
                if personal || barred || minor_mode {
                    let a_fact =
                        minor_mode || basis == RetrievalBasis::Personal || (barred && class != AdClass::Unknown);
                    rules.marketing(&item).because_unknown(!a_fact || item.commercial().is_unknown()).block();
                }
            }
            if item.autoplay().is_yes() || item.time_incentive().is_yes() || item.fan_vote().is_yes() {
                rules.addictive_feature(&item).block();
            }
        } else if states.of(M) == State::Confirmed {
            let hit = rules.prompt(&item).label_minor_notice();
            if !fits_labels {
                hit.hold_for_label();
            }
        }
        // Adults too.
        if matches!(kind, Kind::Game | Kind::GamePurchase) && !verified {
            let unknown = request.user_age_assurance() == AgeAssurance::Unknown;
            rules.game_realname(&item).because_unknown(unknown).block().oblige_verify_identity();
        }
    }
}

/// Who the user is, as far as this article asks.
struct Child {
    known: Tri,
    unknown_is_minor: bool,
    band: AgeBand,
    lower_bound: i64,
}

impl Child {
    fn of(request: &Request<'_>, limits: &Parameters<'_>) -> Self {
        let band = request.user_age_band();
        let minor_mode = request.user_minor_mode();
        let known = people::is_minor(
            band,
            request.user_under_14(),
            request.user_age_assurance(),
            minor_mode,
            request.ctx_surface(),
        );
        let band = if people::minor_band(band).is_yes() {
            band
        } else {
            people::as_minor(request.user_mode_default_band()).unwrap_or(match limits.mode_default_band() {
                ModeDefaultBand::A16_18 => AgeBand::A16_18,
                ModeDefaultBand::A12_16 => AgeBand::A12_16,
                ModeDefaultBand::A8_12 => AgeBand::A8_12,
                ModeDefaultBand::A3_8 => AgeBand::A3_8,
                ModeDefaultBand::A0_3 => AgeBand::A0_3,
            })
        };
        let lower_bound = match band {
            AgeBand::A0_3 => 0,
            AgeBand::A3_8 => 3,
            AgeBand::A8_12 => 8,
            AgeBand::A12_16 => 12,
            _ => 16,
        };
        Self { known, unknown_is_minor: limits.unknown_age() == UnknownAge::Minor, band, lower_bound }
    }

    /// Whether the user is judged as a minor; `strict` where an unknown age counts as one.
    fn is_minor(&self, strict: bool) -> bool {
        self.known.is_yes() || (self.known.is_unknown() && (strict || self.unknown_is_minor))
    }

    /// Seconds a day in minor mode; a guardian's limit replaces it in either direction.
    fn day_limit_s(&self, request: &Request<'_>, limits: &Parameters<'_>) -> i64 {
        request.user_guardian_day_limit_s().unwrap_or(match self.lower_bound {
            16 => limits.day_limit_16_s(),
            0 | 3 => limits.day_limit_under8_s(),
            _ => limits.day_limit_s(),
        })
    }

    /// Top-up caps in fen: (single, month). Under 8: none at all.
    fn topup_caps(&self, limits: &Parameters<'_>) -> (i64, i64) {
        match self.band {
            AgeBand::A0_3 | AgeBand::A3_8 => (0, 0),
            AgeBand::A8_12 | AgeBand::A12_16 => (limits.topup_single_8_fen(), limits.topup_month_8_fen()),
            _ => (limits.topup_single_16_fen(), limits.topup_month_16_fen()),
        }
    }
}

/// Under 14: as said, else as the band says; 12 to 16 straddles it.
fn under_14(request: &Request<'_>) -> Tri {
    match (request.user_under_14(), request.user_age_band()) {
        (Tri::Unknown, AgeBand::A0_3 | AgeBand::A3_8 | AgeBand::A8_12) => Tri::Yes,
        (Tri::Unknown, AgeBand::A16_18 | AgeBand::A18_60 | AgeBand::A60p) => Tri::No,
        (said, _) => said,
    }
}

/// The night, before midnight and after it. An earlier start and a later end only ever lengthen it, so that whoever may
/// tighten these numbers cannot open the evening by moving the start past midnight.
fn in_curfew(minute: i64, limits: &Parameters<'_>) -> bool {
    minute >= limits.curfew_from_min() || minute < limits.curfew_to_min()
}

/// The age from which an item is rated fit; unknown counts as 18 in minor mode, else as for everybody.
fn floor(rating: AgeRating, minor_mode: bool) -> i64 {
    match rating {
        AgeRating::All => 0,
        AgeRating::R3 => 3,
        AgeRating::R8 => 8,
        AgeRating::R12 => 12,
        AgeRating::R16 => 16,
        AgeRating::R18 => 18,
        AgeRating::Unknown | AgeRating::Unlisted => 18 * i64::from(minor_mode),
    }
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::Question;

    use super::{MANIFEST, evaluate};

    #[test]
    fn an_adult_band_without_assurance_is_judged_as_a_minor_for_games_only() {
        let adult = || Question::of(MANIFEST).request("user.age_band", "a18_60").request("ctx.local_min", 600);
        let game = adult().candidate(&[("kind", "game".into()), ("scan_state", "done".into())]).ask(evaluate);
        assert!(game.fired("art18.game-window"));
        let article = adult().candidate(&[("kind", "article".into()), ("scan_state", "done".into())]).ask(evaluate);
        assert!(article.is_silent());
    }

    #[test]
    fn whoever_is_under_14_is_a_minor_whatever_the_band_says() {
        for band in ["unknown", "a18_60", "a60p"] {
            let answer = Question::of(MANIFEST)
                .request("user.under_14", true)
                .request("user.age_band", band)
                .request("user.age_assurance", "id_verified")
                .request("ctx.local_min", 600)
                .candidate(&[("age_rating", "r18".into()), ("scan_state", "done".into())])
                .ask(evaluate);
            assert!(answer.fired("art18.age-fit"), "{band}");
        }
    }

    #[test]
    fn an_empty_list_raises_no_end_of_session() {
        let answer = Question::of(MANIFEST)
            .request("user.minor_mode", true)
            .request("session.continuous_s", 0)
            .request("ctx.local_min", 1380)
            .ask(evaluate);
        assert!(!answer.fired("art18.curfew"));
    }
}

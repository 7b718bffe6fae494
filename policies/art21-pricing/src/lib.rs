//! Art 21: nobody pays more on the same terms because of who they are.
//!
//! The difference is (price + fees) less (reference price + reference fees). Of the rules on a difference the first that
//! holds and is enforced decides; without a reference there is no difference.

use normgate_sdk::terms::{CouponFail, Kind, PriceBasis, PriceFeature};

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let limits = call.parameters;
    let offers = |item: &Candidate<'_>| matches!(item.kind(), Kind::ProductOffer | Kind::ServiceOffer | Kind::Coupon);

    for item in call.candidates().filter(offers) {
        let price = item.price_fen();
        if let Some(price) = price {
            let profiled = item.offer_price_features().is_some_and(|mut features| features.any(is_profile));
            match reference(&item, limits.min_ref_n()) {
                Some(reference) => {
                    let d = price.saturating_add(item.offer_fees_fen().unwrap_or(0)).saturating_sub(reference);
                    judge_difference(&item, &limits, d, profiled, rules);
                    if d <= limits.tol_fen() && profiled {
                        rules.profile_feature(&item).veto_price_profile().oblige_log_price();
                    }
                }
                None => {
                    let (missing, unread) = (reference_unknown(&item), item.offer_price_features().is_none());
                    let hit = rules.no_reference(&item).because_unknown(missing || unread);
                    if profiled || unread {
                        hit.block().oblige_reprice_reference()
                    } else {
                        hit.oblige_log_price()
                    };
                }
            }
        }
        if let (Some(claim), Some(lowest)) = (item.offer_claim_was_fen(), item.offer_min_7d_fen())
            && claim > lowest
        {
            rules.was_price(&item).oblige_strip_was_price().violation();
        }
        if let (Some(price), Some(others)) = (price, item.offer_nonmember_price_fen())
            && item.offer_member().is_yes()
            && price > others
        {
            rules.member_higher(&item).block().oblige_reprice_reference();
        }
        let (shown, real) = (item.offer_coupon_fail_shown(), item.offer_coupon_fail_true());
        if shown != real && shown != CouponFail::Unknown && real != CouponFail::Unknown {
            rules.coupon_reason(&item).violation().oblige_correct_reason();
        }
    }
}

/// The rules on a difference `d`, in the order of the table. One in shadow is reported and does not end the search.
fn judge_difference(item: &Candidate<'_>, limits: &Parameters<'_>, d: i64, profiled: bool, rules: &mut Rules<'_>) {
    let basis = item.offer_basis();
    let disclosed = item.offer_rule_disclosed();
    let legit = is_legitimate(basis) && disclosed.is_yes();
    let informed = limits.informed_allows() == InformedAllows::Yes && item.offer_user_informed().is_yes();
    let no_basis = matches!(basis, PriceBasis::None | PriceBasis::Unknown | PriceBasis::Unlisted);
    let dearer = d > limits.tol_fen();
    let cheaper = d < -limits.tol_fen();

    if dearer
        && profiled
        && !informed
        && rules.profile_price(item).block().veto_price_profile().oblige_reprice_reference().enforced()
    {
        return;
    }
    if dearer && !profiled && !legit {
        let guessed = !disclosed.is_no() && (basis == PriceBasis::Unknown || is_legitimate(basis));
        let hit = rules.unexplained_gap(item).because_unknown(guessed);
        if hit.block().oblige_reprice_reference().enforced() {
            return;
        }
    }
    if cheaper && (no_basis || !disclosed.is_yes()) {
        let guessed = !disclosed.is_no() && basis != PriceBasis::None;
        let hit = rules.undisclosed_discount(item).because_unknown(guessed);
        if hit.violation().oblige_publish_price_rule().enforced() {
            return;
        }
    }
    if cheaper
        && basis == PriceBasis::ProfileCoupon
        && disclosed.is_yes()
        && rules.profile_discount(item).label_price_basis().oblige_log_price().oblige_review_human().enforced()
    {
        return;
    }
    if (dearer || cheaper) && legit {
        rules.legit(item).label_price_basis().oblige_log_price();
    }
}

/// What others pay on the same terms, fees included; none when too few prices or none are known.
fn reference(item: &Candidate<'_>, min_ref_n: i64) -> Option<i64> {
    let price = item.offer_ref_price_fen()?;
    let enough = item.offer_ref_n().is_some_and(|n| n >= min_ref_n);
    enough.then(|| price.saturating_add(item.offer_ref_fees_fen().unwrap_or(0)))
}

fn reference_unknown(item: &Candidate<'_>) -> bool {
    item.offer_ref_price_fen().is_none() || item.offer_ref_n().is_none()
}

/// Features that describe the person, not the deal.
fn is_profile(feature: PriceFeature) -> bool {
    use PriceFeature::*;
    matches!(
        feature,
        Age | Gender
            | Occupation
            | Income
            | DeviceModel
            | SpendHistory
            | Loyalty
            | WtpScore
            | BrowseHistory
            | ChurnScore
    )
}

/// Reasons for a different price that stand when their rule is disclosed (AMG 17).
fn is_legitimate(basis: PriceBasis) -> bool {
    use PriceBasis::*;
    matches!(basis, Cost | Quantity | NewUser | MemberPublic | RandomDisclosed | PublicCoupon)
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::{Cell, Fired, Question};

    use super::{MANIFEST, evaluate};

    fn offer(price: i64, cells: &[(&'static str, Cell)], shadow: &'static str) -> Fired {
        let mut row = vec![
            ("kind", "product_offer".into()),
            ("price_fen", price.into()),
            ("offer.ref_price_fen", 10_000.into()),
            ("offer.ref_n", 500.into()),
        ];
        row.extend_from_slice(cells);
        Question::of(MANIFEST).shadow(shadow).candidate(&row).ask(evaluate)
    }

    fn features(list: &[&'static str]) -> (&'static str, Cell) {
        ("offer.price_features", Cell::Terms(list.to_vec()))
    }

    #[test]
    fn a_rule_in_shadow_does_not_end_the_search() {
        let cells = [features(&["wtp_score"]), ("offer.basis", "cost".into()), ("offer.rule_disclosed", true.into())];
        let enforced = offer(10_500, &cells, "");
        assert!(enforced.fired("art21.profile-price") && !enforced.fired("art21.legit"));
        let shadow = offer(10_500, &cells, "art21.profile-price");
        assert!(shadow.fired("art21.profile-price") && shadow.fired("art21.legit"));
    }

    #[test]
    fn an_unlisted_feature_is_neutral_and_an_article_has_no_price() {
        assert!(offer(10_000, &[features(&["moon_phase", "cost"])], "").is_silent());
        assert!(offer(10_000, &[features(&["moon_phase", "age"])], "").fired("art21.profile-feature"));
        assert!(Question::of(MANIFEST).candidate(&[("kind", "article".into())]).ask(evaluate).is_silent());
    }

    #[test]
    fn a_lifted_profile_price_is_tried_by_the_next_rules() {
        let cells = [features(&["age"]), ("offer.user_informed", true.into())];
        // Choices run from loose to strict: 2 is yes.
        let row = |cells: &[(&'static str, Cell)]| {
            let mut row = vec![
                ("kind", "coupon".into()),
                ("price_fen", 10_500.into()),
                ("offer.ref_price_fen", 10_000.into()),
                ("offer.ref_n", 500.into()),
            ];
            row.extend_from_slice(cells);
            Question::of(MANIFEST).parameter("art21.informed_allows", 2).candidate(&row).ask(evaluate)
        };
        assert!(row(&cells).is_silent());
        assert!(row(&cells[1..]).fired("art21.unexplained-gap"));
    }
}

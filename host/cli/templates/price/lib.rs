//! A former price must have been asked: no offer shows one above the lowest price of the last seven days.

use normgate_sdk::terms::Kind;

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let most_pct = 100 + call.parameters.slack_pct();
    for offer in call.candidates() {
        // A row whose kind is unknown might be an offer too.
        if !matches!(offer.kind(), Kind::ProductOffer | Kind::ServiceOffer | Kind::Unknown) {
            continue;
        }
        let Some(claimed) = offer.offer_claim_was_fen() else { continue };
        // A former price that is not above today's promises nothing.
        if offer.price_fen().is_some_and(|price| claimed <= price) {
            continue;
        }
        match offer.offer_min_7d_fen() {
            Some(lowest) if claimed.saturating_mul(100) <= lowest.saturating_mul(most_pct) => {}
            // Say when a rule fires because something is unknown, and not because of a fact.
            lowest => drop(rules.was_price(&offer).because_unknown(lowest.is_none()).demote().oblige_strip_was_price()),
        }
    }
}

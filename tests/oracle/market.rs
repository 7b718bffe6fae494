//! Other providers (Art 15), and prices (Art 21).

use super::Request;
use super::facts::Facts;
use super::findings::{About, Effect, Findings, block, label, owe, veto};

pub(super) fn art15(request: &Request<'_>, findings: &mut Findings<'_>) {
    for (index, &row) in request.rows.iter().enumerate() {
        let about = About::Row(index);
        let throttled = row.yes("competitor") && row.yes("throttle_applied");
        if throttled && row.is("throttle_reason", "none") {
            findings.fire("art15.competitor-throttle", about, [veto("competitor_throttle"), Effect::Violation]);
        }
        if row.yes("exclusive_penalty") {
            findings.fire("art15.exclusive-penalty", about, [veto("exclusive_penalty"), Effect::Violation]);
        }
        if row.yes("parity_penalty") {
            findings.fire("art15.price-parity", about, [veto("price_parity"), Effect::Violation]);
        }
        if row.yes("forced_autoprice") {
            findings.fire("art15.forced-autoprice", about, [Effect::Violation, owe("review.human")]);
        }
    }
}

/// Features that are about the person.
const PROFILE: [&str; 10] = [
    "age",
    "gender",
    "occupation",
    "income",
    "device_model",
    "spend_history",
    "loyalty",
    "wtp_score",
    "browse_history",
    "churn_score",
];

/// Reasons for another price, if the rule is disclosed.
const LEGITIMATE: [&str; 6] = ["cost", "quantity", "new_user", "member_public", "random_disclosed", "public_coupon"];

pub(super) fn art21(request: &Request<'_>, findings: &mut Findings<'_>) {
    for (index, &row) in request.rows.iter().enumerate() {
        if !row.among("kind", &["product_offer", "service_offer", "coupon"]) {
            continue;
        }
        let about = About::Row(index);
        let price = row.integer("price_fen");
        if let Some(price) = price {
            against_reference(request, row, about, price, findings);
        }
        if let (Some(was), Some(lowest)) = (row.integer("offer.claim_was_fen"), row.integer("offer.min_7d_fen"))
            && was > lowest
        {
            findings.fire("art21.was-price", about, [owe("strip.was_price"), Effect::Violation]);
        }
        if let (Some(price), Some(others)) = (price, row.integer("offer.nonmember_price_fen"))
            && row.yes("offer.member")
            && price > others
        {
            findings.fire("art21.member-higher", about, [block(), owe("reprice.reference")]);
        }
        if let (Some(shown), Some(real)) = (row.term("offer.coupon_fail_shown"), row.term("offer.coupon_fail_true"))
            && shown != real
        {
            findings.fire("art21.coupon-reason", about, [Effect::Violation, owe("correct.reason")]);
        }
    }
}

/// The rules that compare a price with what others pay on the same terms.
fn against_reference(request: &Request<'_>, row: Facts<'_>, about: About, price: i64, findings: &mut Findings<'_>) {
    let settings = request.settings;
    let features = row.list("offer.price_features");
    let profile = features.as_ref().is_some_and(|used| used.iter().any(|feature| PROFILE.contains(feature)));
    let enough = row.integer("offer.ref_n").is_some_and(|n| n >= settings.number("art21.min_ref_n"));
    let Some(reference) = row.integer("offer.ref_price_fen").filter(|_| enough) else {
        let effects = if profile || features.is_none() {
            vec![block(), owe("reprice.reference")]
        } else {
            vec![owe("log.price")]
        };
        findings.fire("art21.no-reference", about, effects);
        return;
    };

    let fees = |column| row.integer(column).unwrap_or(0);
    let d = (price + fees("offer.fees_fen")) - (reference + fees("offer.ref_fees_fen"));
    let tol = settings.number("art21.tol_fen");
    let (dearer, cheaper) = (d > tol, d < -tol);
    let basis = row.term("offer.basis").filter(|basis| *basis != "none");
    let disclosed = row.yes("offer.rule_disclosed");
    let legitimate = disclosed && basis.is_some_and(|basis| LEGITIMATE.contains(&basis));
    let informed = settings.choice("art21.informed_allows") == "yes" && row.yes("offer.user_informed");

    // The first of these that holds and is enforced ends the chain.
    let chain = [
        (
            "art21.profile-price",
            dearer && profile && !informed,
            vec![block(), veto("price_profile"), owe("reprice.reference")],
        ),
        ("art21.unexplained-gap", dearer && !profile && !legitimate, vec![block(), owe("reprice.reference")]),
        (
            "art21.undisclosed-discount",
            cheaper && (basis.is_none() || !disclosed),
            vec![Effect::Violation, owe("publish.price_rule")],
        ),
        (
            "art21.profile-discount",
            cheaper && basis == Some("profile_coupon") && disclosed,
            vec![label("price_basis"), owe("log.price"), owe("review.human")],
        ),
        ("art21.legit", (dearer || cheaper) && legitimate, vec![label("price_basis"), owe("log.price")]),
    ];
    for (rule, holds, effects) in chain {
        if holds && findings.fire(rule, about, effects) {
            break;
        }
    }
    if !dearer && profile {
        findings.fire("art21.profile-feature", about, [veto("price_profile"), owe("log.price")]);
    }
}

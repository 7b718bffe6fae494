//! Art 9 labels, Art 18 unsafe imitation and age fit, Art 21 profile price, over a whole list, as a user of Extism writes them:
//! JSON in, bytes out.

use extism_pdk::{FnResult, plugin_fn};
use serde::Deserialize;

#[derive(Deserialize)]
struct Input<'a> {
    user: User,
    #[serde(borrow)]
    candidates: Vec<Candidate<'a>>,
}

#[derive(Deserialize)]
struct User {
    minor: bool,
    minor_mode: bool,
    lower_bound: i64,
}

#[derive(Deserialize)]
struct Candidate<'a> {
    kind: &'a str,
    age_rating: Option<&'a str>,
    #[serde(borrow, default)]
    signals: Vec<Signal<'a>>,
    meta_label: Option<&'a str>,
    detect_ppm: Option<i64>,
    declared: Option<bool>,
    trace_explicit: Option<bool>,
    produced_here: Option<bool>,
    human: Option<bool>,
    price_fen: Option<i64>,
    ref_price_fen: Option<i64>,
    ref_n: Option<i64>,
    fees_fen: Option<i64>,
    ref_fees_fen: Option<i64>,
    #[serde(borrow)]
    price_features: Option<Vec<&'a str>>,
}

#[derive(Deserialize)]
struct Signal<'a> {
    code: &'a str,
    source: &'a str,
    conf_ppm: i64,
}

#[plugin_fn]
pub fn judge(input: Vec<u8>) -> FnResult<Vec<u8>> {
    let Input { user, candidates } = serde_json::from_slice(&input)?;
    Ok(candidates.iter().map(|candidate| verdict(candidate, &user)).collect())
}

fn verdict(candidate: &Candidate<'_>, user: &User) -> u8 {
    let mut verdict = label(candidate);
    if user.minor {
        verdict += if raised(&candidate.signals) { 4 } else { 0 };
        let floor = match candidate.age_rating {
            Some("all") => 0,
            Some("r3") => 3,
            Some("r8") => 8,
            Some("r12") => 12,
            Some("r16") => 16,
            Some("r18") => 18,
            _ if user.minor_mode => 18,
            _ => 0,
        };
        if candidate.age_rating == Some("r18") || (floor > user.lower_bound && user.minor_mode) {
            verdict += 8;
        } else if floor > user.lower_bound {
            verdict += 16;
        }
    }
    verdict + if profile_price(candidate) { 32 } else { 0 }
}

fn label(candidate: &Candidate<'_>) -> u8 {
    let Candidate { meta_label, declared, trace_explicit, produced_here, human, detect_ppm, .. } = candidate;
    let yes = |flag: &Option<bool>| *flag == Some(true);
    if yes(human) || yes(produced_here) || *meta_label == Some("1") {
        3
    } else if *meta_label == Some("2") || yes(declared) {
        2
    } else if *meta_label == Some("3") {
        1
    } else {
        let traced = yes(trace_explicit) || detect_ppm.is_some_and(|ppm| ppm >= 700_000);
        u8::from(traced && *human != Some(false))
    }
}

fn raised(signals: &[Signal<'_>]) -> bool {
    let relevant = |code: &str| {
        ["M1", "H8"].iter().any(|family| code.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    };
    let denied = |code: &str| signals.iter().any(|s| s.code == code && s.source == "human" && s.conf_ppm == 0);
    signals.iter().filter(|signal| relevant(signal.code)).any(|signal| match signal.source {
        "db_exact" => true,
        "human" | "authority" => signal.conf_ppm > 0,
        "db_fuzzy" => !denied(signal.code),
        "classifier" => signal.conf_ppm >= 700_000 && !denied(signal.code),
        _ => false,
    })
}

fn profile_price(candidate: &Candidate<'_>) -> bool {
    const ABOUT_THE_PERSON: [&str; 10] = [
        "age", "gender", "occupation", "income", "device_model", "spend_history", "loyalty", "wtp_score", "browse_history",
        "churn_score",
    ];
    let (Some(price), Some(reference), Some(count), Some(features)) =
        (candidate.price_fen, candidate.ref_price_fen, candidate.ref_n, &candidate.price_features)
    else {
        return false;
    };
    let dearer = price + candidate.fees_fen.unwrap_or(0) > reference + candidate.ref_fees_fen.unwrap_or(0);
    matches!(candidate.kind, "product_offer" | "service_offer" | "coupon")
        && count >= 30
        && dearer
        && features.iter().any(|feature| ABOUT_THE_PERSON.contains(feature))
}

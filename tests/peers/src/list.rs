//! The list that all judge, what three rules say of each row, and our answer.

use normgate::contract::Effect;
use normgate::{Action, Batch, Gate, Module, embedded};
use serde_json::{Map, Value, json};

/// What a verdict adds up: the label (1 suspected, 2 possible, 3 confirmed) and what else holds.
pub(crate) const UNSAFE_IMITATION: u8 = 4;
pub(crate) const AGE_BLOCK: u8 = 8;
pub(crate) const AGE_DEMOTE: u8 = 16;
pub(crate) const PROFILE_PRICE: u8 = 32;

/// A list with content and offers for a user of fourteen.
pub(crate) struct List {
    /// In the wire format of ours.
    pub(crate) request: String,
    /// Candidates as flat objects, unknown fields missing.
    pub(crate) candidates: Vec<Value>,
    /// What the rules ask about the user.
    pub(crate) user: Value,
}

impl List {
    pub(crate) fn new(rows: u64) -> Self {
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        let mut below = |bound: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % bound
        };
        let (mut candidates, mut ours) = (Vec::new(), Vec::new());
        for row in 0..rows {
            let kinds = ["short_video", "article", "short_video", "product_offer", "coupon", "service_offer"];
            let kind = kinds[below(6) as usize];
            let (mut flat, mut aigc, mut offer) = (Map::new(), Map::new(), Map::new());
            flat.insert("id".into(), json!(format!("c{row}")));
            flat.insert("kind".into(), json!(kind));
            let rating = ["all", "all", "all", "r3", "r12", "r16", "r18", ""][below(8) as usize];
            if !rating.is_empty() {
                flat.insert("age_rating".into(), json!(rating));
            }
            if below(5) == 0 {
                let codes = ["M1", "M1.fan", "H8", "H1", "M2"];
                let sources = ["classifier", "classifier", "human", "db_exact", "db_fuzzy"];
                let confidences = [0, 699_999, 700_000, 960_000];
                let count = 1 + below(3);
                let signals = (0..count).map(|_| {
                    json!({"code": codes[below(5) as usize], "source": sources[below(5) as usize],
                           "conf_ppm": confidences[below(4) as usize]})
                });
                flat.insert("signals".into(), signals.collect());
            }
            if below(3) == 0 {
                aigc.insert("meta_label".into(), json!(["none", "1", "2", "3"][below(4) as usize]));
                aigc.insert("detect_ppm".into(), json!([0, 699_999, 700_000, 990_000][below(4) as usize]));
                for flag in ["declared", "trace_explicit", "produced_here", "human"] {
                    if below(4) == 0 {
                        aigc.insert(flag.into(), json!(below(2) == 1));
                    }
                }
            }
            if kind.contains("offer") || kind == "coupon" {
                flat.insert("price_fen".into(), json!(9_000 + below(3) * 1_000));
                offer.insert("ref_price_fen".into(), json!(10_000));
                offer.insert("ref_n".into(), json!([29, 30, 500][below(3) as usize]));
                offer.insert("fees_fen".into(), json!(below(2) * 100));
                let features = ["cost", "season", "age", "wtp_score"];
                let count = below(3);
                offer.insert("price_features".into(), (0..count).map(|_| json!(features[below(4) as usize])).collect());
            }
            let mut own = flat.clone();
            own.insert("scan_state".into(), json!("done"));
            own.insert("rank_pos".into(), json!(row));
            own.insert("aigc".into(), Value::Object(aigc.clone()));
            own.insert("offer".into(), Value::Object(offer.clone()));
            ours.push(Value::Object(own));
            flat.extend(aigc);
            flat.extend(offer);
            candidates.push(Value::Object(flat));
        }
        let request = json!({
            "id": "peers",
            "ctx": {"territory": "CN_MAINLAND", "algo_type": "push", "surface": "feed", "local_min": 600,
                    "now_ms": 1_767_225_600_000i64, "can_render_labels": true},
            "user": {"age_band": "a12_16", "minor_mode": false, "personalization": "on"},
            "candidates": ours,
        });
        let user = json!({"minor": true, "minor_mode": false, "lower_bound": 12});
        Self { request: request.to_string(), candidates, user }
    }
}

/// What a rule of ours adds to a verdict by one of its effects.
fn bits(rule: &str, blocks: bool) -> u8 {
    match rule.rsplit('.').next().unwrap_or_default() {
        "ai-confirmed" => 3,
        "ai-possible" => 2,
        "ai-suspected" => 1,
        "unsafe-imitation" => UNSAFE_IMITATION,
        "age-fit" if blocks => AGE_BLOCK,
        "age-fit" => AGE_DEMOTE,
        "profile-price" => PROFILE_PRICE,
        _ => 0,
    }
}

const MODULES: [&str; 3] = ["art09", "art18", "art21"];

fn modules() -> Vec<Module> {
    embedded::arp().into_iter().filter(|module| MODULES.contains(&&*module.manifest.module)).collect()
}

/// Ours, as the others do it: the three modules are asked, each on a fresh instance, and verdicts are read of their answers.
/// (They judge by all of their 39 rules.)
pub(crate) fn ours(list: &List) -> impl FnMut() -> Vec<u8> + use<> {
    let gate = Gate::builder().policies(modules()).build().unwrap();
    let batch = Batch::from_json(list.request.as_bytes()).unwrap();
    let modules: Vec<(String, Vec<u8>)> = (modules().into_iter())
        .map(|module| {
            let manifest = &module.manifest;
            let effects = manifest.effects();
            let bits = effects.map(|(rule, effect)| bits(&manifest.rules[rule].id, matches!(effect, Effect::Block(_))));
            let bits = bits.collect();
            (manifest.module.clone(), bits)
        })
        .collect();
    move || {
        let mut verdicts = vec![0; batch.candidates()];
        for (module, bits) in &modules {
            let answer = gate.with_call(module, &batch, |call| gate.ask_call(module, call)).flatten().unwrap().unwrap();
            for (row, effect) in answer.rows.iter().zip(&answer.effects) {
                // What is about the request as a whole has no row.
                if let Some(verdict) = verdicts.get_mut(*row as usize) {
                    *verdict |= bits[usize::from(*effect)];
                }
            }
        }
        verdicts
    }
}

/// Ours, all of it: `evaluate` with merging, ordering, obligations and reasons, of which the three rules are read.
pub(crate) fn ours_whole(list: &List) -> impl FnMut() -> Vec<u8> + use<> {
    let gate = Gate::builder().policies(modules()).build().unwrap();
    let batch = Batch::from_json(list.request.as_bytes()).unwrap();
    move || {
        let outcome = gate.evaluate(&batch);
        let mut verdicts = vec![0; batch.candidates()];
        for verdict in &outcome.verdicts {
            for reason in outcome.reasons(verdict) {
                let rule = outcome.policy_set().rule_id(reason.rule);
                verdicts[verdict.row as usize] |= bits(rule, reason.effect == Action::Block);
            }
        }
        verdicts
    }
}

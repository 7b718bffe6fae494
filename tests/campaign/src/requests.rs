//! Requests under attack: the candidates and users of shipped cases, each with numbers of its own that nobody else may learn.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use normgate::{Batch, Outcome};
use serde_json::{Map, Value, json};

use crate::numbers::Numbers;

/// The modules that are loaded beside every attacker.
pub(crate) const INNOCENTS: [&str; 2] = ["art09", "art18"];

/// Cases that make them speak.
const CASES: [&str; 2] = [
    include_str!("../../../policies/art09-synthetic-labels/cases.jsonl"),
    include_str!("../../../policies/art18-minors/cases.jsonl"),
];

/// How many different requests there are. A power of two above what one gate is asked in a row.
pub(crate) const REQUESTS: usize = 512;

/// The upper 24 bits of a canary.
pub(crate) const CANARY: u64 = 0x005e_c1a5;

/// A request, and what the innocent modules say of it when nobody attacks.
pub(crate) struct Request {
    pub(crate) batch: Batch,
    /// What they say, item by item.
    pub(crate) said: u64,
    /// The rows in their order, each with its verdict.
    pub(crate) order: u64,
}

/// The number that request `index` carries in a column of its user's session.
pub(crate) fn canary(seed: u64, index: usize) -> i64 {
    let noise = Numbers::of(seed, index as u64).next() & 0xff_ffff;
    (CANARY << 40 | noise << 16 | index as u64) as i64
}

/// The request whose canary this is.
pub(crate) fn owner(seed: u64, value: i64) -> Option<usize> {
    let index = (value & 0xffff) as usize;
    (index < REQUESTS && canary(seed, index) == value).then_some(index)
}

/// The lines of all requests of a campaign.
pub(crate) fn lines(seed: u64) -> Result<Vec<String>, String> {
    let cases: Result<Vec<Value>, _> =
        CASES.iter().flat_map(|file| file.lines()).filter(|line| !line.is_empty()).map(serde_json::from_str).collect();
    let cases = cases.map_err(|error| format!("a shipped case is no JSON: {error}"))?;
    let requests: Vec<&Map<String, Value>> = cases.iter().filter_map(|case| case["request"].as_object()).collect();
    let rows: Vec<&Value> = requests.iter().filter_map(|request| request["candidates"].as_array()).flatten().collect();
    let mut numbers = Numbers::of(seed, u64::MAX);
    let line = |index: usize| {
        let mut request = (*numbers.pick(&requests)).clone();
        let candidates: Vec<Value> = (0..2 + numbers.position(12))
            .map(|row| {
                let mut candidate = (*numbers.pick(&rows)).clone();
                candidate["id"] = json!(format!("c{row}"));
                candidate
            })
            .collect();
        request.insert("id".into(), json!(format!("r{index}")));
        request.insert("candidates".into(), json!(candidates));
        let mut set = |group: &str, field: &str, value: Value| {
            request.entry(group).or_insert_with(|| json!({}))[field] = value;
        };
        set("session", "streak_topic_id", json!(canary(seed, index)));
        set("user", "spend_30d_fen", json!(numbers.position(1_000_000)));
        let tags: Vec<Value> = (0..numbers.position(3)).map(|tag| json!({"tag_id": format!("t{tag}")})).collect();
        set("user", "tags", json!(tags));
        Value::Object(request).to_string()
    };
    Ok((0..REQUESTS).map(line).collect())
}

/// One number for everything that the policies chosen say in an outcome, whatever the order of policies in the set.
/// `failed` chooses those whose failures count too.
pub(crate) fn said(outcome: &Outcome, speaks: impl Fn(u16) -> bool, failed: impl Fn(u16) -> bool) -> u64 {
    let set = outcome.policy_set();
    let mut items: Vec<u64> = Vec::new();
    let mut say = |item: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        item(&mut hasher);
        items.push(hasher.finish());
    };
    for verdict in &outcome.verdicts {
        for reason in outcome.reasons(verdict).iter().filter(|reason| speaks(reason.rule.policy)) {
            say(&|h| ("row", verdict.row, set.rule_id(reason.rule), reason.effect as u8, reason.cause as u8).hash(h));
        }
    }
    for (row, tag) in outcome.tags.iter().enumerate() {
        for (rule, action, cause) in tag.reasons.iter().filter(|(rule, ..)| speaks(rule.policy)) {
            say(&|h| ("tag", row, set.rule_id(*rule), *action as u8, *cause as u8).hash(h));
        }
    }
    for o in outcome.obligations.iter().filter(|o| speaks(o.rule.policy)) {
        let what = format!("{:?}", (o.code, o.target, o.deadline_s, o.retain_d, &o.args));
        say(&|h| ("obligation", set.rule_id(o.rule), &what).hash(h));
    }
    for veto in outcome.vetoes.iter().filter(|veto| speaks(veto.rule.policy)) {
        say(&|h| ("veto", set.rule_id(veto.rule), &veto.feature).hash(h));
    }
    for constraint in outcome.constraints.iter().filter(|constraint| speaks(constraint.rule.policy)) {
        let what = format!("{:?}", (&constraint.kind, &constraint.codes, constraint.count, constraint.slots));
        say(&|h| ("constraint", set.rule_id(constraint.rule), &what).hash(h));
    }
    for (target, rule) in outcome.promote.iter().filter(|(_, rule)| speaks(rule.policy)) {
        say(&|h| ("promote", set.rule_id(*rule), format!("{target:?}")).hash(h));
    }
    for (target, rule, cause) in outcome.violations.iter().filter(|(_, rule, _)| speaks(rule.policy)) {
        say(&|h| ("violation", set.rule_id(*rule), format!("{target:?}"), *cause as u8).hash(h));
    }
    for failure in outcome.failures.iter().filter(|failure| failed(failure.policy)) {
        say(&|h| ("failure", failure.stage, failure.kind.name()).hash(h));
    }
    items.sort_unstable();
    let mut hasher = DefaultHasher::new();
    items.hash(&mut hasher);
    hasher.finish()
}

/// One number for the rows in their order, each with its verdict.
pub(crate) fn order(outcome: &Outcome) -> u64 {
    let mut hasher = DefaultHasher::new();
    outcome.shown.hash(&mut hasher);
    for verdict in &outcome.verdicts {
        let judgement = verdict.judgement;
        (verdict.row, judgement.weight_ppm(), judgement.labels, judgement.block.map(|block| block as u8))
            .hash(&mut hasher);
    }
    hasher.finish()
}

//! What rules say, and what all of them together amount to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Request;
use super::order;
use super::settings::{Part, Settings};

/// What a finding is about. Sorted as the wire sorts: the request first, then rows as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    Request,
    Row(usize),
    Tag(usize),
}

/// How a withheld row may come back; the last is the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hold {
    LabelFirst,
    HumanReview,
    None,
}

impl Hold {
    fn name(self) -> &'static str {
        match self {
            Hold::LabelFirst => "label_first",
            Hold::HumanReview => "human_review",
            Hold::None => "none",
        }
    }
}

/// Something that the platform owes.
#[derive(Clone)]
pub(super) struct Duty {
    code: &'static str,
    deadline_s: Option<i64>,
    retain_d: Option<i64>,
    argument: Option<(&'static str, Value)>,
}

pub(super) fn duty(code: &'static str) -> Duty {
    Duty { code, deadline_s: None, retain_d: None, argument: None }
}

impl Duty {
    pub(super) fn within(self, seconds: i64) -> Self {
        Self { deadline_s: Some(seconds), ..self }
    }

    pub(super) fn kept(self, days: i64) -> Self {
        Self { retain_d: Some(days), ..self }
    }

    pub(super) fn with(self, name: &'static str, value: Value) -> Self {
        Self { argument: Some((name, value)), ..self }
    }

    /// Three duties are about the user or the slate, also when a row is the occasion.
    fn about(&self, occasion: About) -> About {
        match self.code {
            "diversify.slate" | "end.session" | "verify.identity" => About::Request,
            _ => occasion,
        }
    }
}

impl From<&'static str> for Duty {
    fn from(code: &'static str) -> Self {
        duty(code)
    }
}

/// One effect of a rule.
#[derive(Clone)]
pub(super) enum Effect {
    Label(&'static str),
    Demote(i64),
    Block(Hold),
    Tag(&'static str),
    Owe(Duty),
    Veto(String),
    Violation,
    Promote,
    /// At least so many rows with a code of the family among the first slots.
    AtLeast {
        family: &'static str,
        count: i64,
        slots: i64,
    },
}

pub(super) fn label(name: &'static str) -> Effect {
    Effect::Label(name)
}

pub(super) fn demote(weight: i64) -> Effect {
    Effect::Demote(weight)
}

/// A final block.
pub(super) fn block() -> Effect {
    Effect::Block(Hold::None)
}

/// Held until a person has looked.
pub(super) fn hold() -> Effect {
    Effect::Block(Hold::HumanReview)
}

/// Held until its label is shown.
pub(super) fn label_first() -> Effect {
    Effect::Block(Hold::LabelFirst)
}

pub(super) fn owe(duty: impl Into<Duty>) -> Effect {
    Effect::Owe(duty.into())
}

pub(super) fn veto(feature: impl Into<String>) -> Effect {
    Effect::Veto(feature.into())
}

/// What all rules say of a row's place.
#[derive(Clone, Default)]
pub(super) struct Verdict {
    pub(super) block: Option<Hold>,
    demotion: Option<i64>,
    /// Whether a rule of modality must demotes it.
    pub(super) must_demote: bool,
    labels: BTreeSet<&'static str>,
    /// Rule and its strongest effect: 1 label, 2 demote, 3 block.
    reasons: BTreeMap<String, usize>,
}

impl Verdict {
    pub(super) fn weight(&self) -> i64 {
        if self.block.is_some() { 0 } else { self.demotion.unwrap_or(1_000_000) }
    }
}

/// Rules of modality must that demote; all others that do are encouraged, or the operator's option.
const MUST_DEMOTE: [&str; 5] = [
    "art06.harmful-confirmed",
    "art06.harmful-suspected",
    "art06.illegal-suspected",
    "art14.fake-engagement",
    "art18.age-fit",
];

const ACTIONS: [&str; 4] = ["allow", "label", "demote", "block"];
const TAG_ACTIONS: [&str; 3] = ["keep", "suppress", "delete"];

/// Everything said so far about one request.
pub(super) struct Findings<'r> {
    settings: &'r Settings,
    adopted: Vec<&'r str>,
    /// Rows under an emergency ticket.
    emergency: Vec<bool>,
    said: Vec<(String, About, Effect)>,
    in_shadow: Vec<(String, About, Effect)>,
}

impl<'r> Findings<'r> {
    pub(super) fn new(request: &Request<'r>) -> Self {
        let emergency = |row: &super::Facts<'_>| {
            row.is("exempt", "emergency") && row.integer("exempt_ticket").is_some_and(|ticket| ticket != 0)
        };
        Self {
            settings: request.settings,
            adopted: request.all.list("provider.norms_adopted").unwrap_or_default(),
            emergency: request.rows.iter().map(emergency).collect(),
            said: Vec::new(),
            in_shadow: Vec::new(),
        }
    }

    /// Whether a rule is enforced in this request.
    pub(super) fn enforced(&self, rule: &str) -> bool {
        self.settings.part(rule, &self.adopted) == Part::Enforced
    }

    /// A rule holds. Whether it is enforced is the answer: only then may it count for another rule.
    pub(super) fn fire(&mut self, rule: &str, about: About, effects: impl IntoIterator<Item = Effect>) -> bool {
        let part = self.settings.part(rule, &self.adopted);
        let list = match part {
            Part::Enforced => &mut self.said,
            Part::Shadow => &mut self.in_shadow,
            Part::Silent => return false,
        };
        let binds = ["art06.illegal-confirmed", "art09.illegal-stop"].contains(&rule);
        let spared = matches!(about, About::Row(row) if self.emergency[row]) && !binds;
        for effect in effects {
            if !(spared && matches!(effect, Effect::Block(_) | Effect::Demote(_))) {
                list.push((rule.to_owned(), about, effect));
            }
        }
        part == Part::Enforced
    }

    /// The verdict on every row, in input order.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::default(); self.emergency.len()];
        for (rule, about, effect) in &self.said {
            let About::Row(row) = about else { continue };
            let verdict = &mut verdicts[*row];
            let strength = match effect {
                Effect::Label(name) => {
                    verdict.labels.insert(name);
                    1
                }
                Effect::Demote(weight) => {
                    verdict.demotion = Some(verdict.demotion.map_or(*weight, |known| known.min(*weight)));
                    verdict.must_demote |= MUST_DEMOTE.contains(&rule.as_str());
                    2
                }
                Effect::Block(hold) => {
                    verdict.block = verdict.block.max(Some(*hold));
                    3
                }
                _ => continue,
            };
            let known = verdict.reasons.entry(rule.clone()).or_default();
            *known = strength.max(*known);
        }
        verdicts
    }

    /// The answer, every list in the order that the wire promises.
    pub(super) fn answer(&self, request: &Request<'_>, scope: &str) -> Value {
        let verdicts = self.verdicts();
        let order::Arranged { rows, shown, yielding } =
            order::arrange(&request.rows, &verdicts, self.settings.by_score);
        let id = |about: About| match about {
            About::Request => None,
            About::Row(row) => request.rows[row].term("id"),
            About::Tag(row) => request.tags[row].term("tag_id"),
        };
        let verdict = |row: &usize| {
            let verdict = &verdicts[*row];
            let action = verdict.reasons.values().max().copied().unwrap_or(0);
            json!({
                "id": id(About::Row(*row)), "action": ACTIONS[action],
                "hold": verdict.block.unwrap_or(Hold::None).name(),
                "weight_ppm": verdict.weight(), "labels": verdict.labels,
                "reasons": reasons(&verdict.reasons, &ACTIONS),
            })
        };
        json!({
            "scope": scope,
            "shown": shown,
            "verdicts": rows.iter().map(verdict).collect::<Vec<_>>(),
            "tags": (0..request.tags.len()).map(|row| self.tag(row, id(About::Tag(row)))).collect::<Vec<_>>(),
            "obligations": self.obligations(&id),
            "vetoes": self.each(|rule, _, effect| match effect {
                Effect::Veto(feature) => {
                    Some(((feature.clone(), rule.to_owned()), json!({"feature": feature, "rule": rule})))
                }
                _ => None,
            }),
            "constraints": self.each(|rule, _, effect| match effect {
                Effect::AtLeast { family, count, slots } => Some((
                    rule.to_owned(),
                    json!({"kind": "min", "codes": [family], "count": count, "slots": slots, "rule": rule}),
                )),
                _ => None,
            }),
            "promote": self.each(|rule, about, effect| match effect {
                Effect::Promote => Some(((about, rule.to_owned()), json!({"target": id(about), "rule": rule}))),
                _ => None,
            }),
            "violations": self.each(|rule, about, effect| match effect {
                Effect::Violation => Some(((about, rule.to_owned()), json!({"rule": rule, "target": id(about)}))),
                _ => None,
            }),
            "shadow": self.shadow(&id),
            "yielding": yielding.iter().map(|row| id(About::Row(*row))).collect::<Vec<_>>(),
        })
    }

    /// The enforced effects of one kind, once each, sorted.
    fn each<K: Ord>(&self, of_kind: impl Fn(&str, About, &Effect) -> Option<(K, Value)>) -> Vec<Value> {
        let found = self.said.iter().filter_map(|(rule, about, effect)| of_kind(rule, *about, effect));
        found.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    fn tag(&self, row: usize, id: Option<&str>) -> Value {
        let mut said: BTreeMap<String, usize> = BTreeMap::new();
        for (rule, about, effect) in &self.said {
            if let (About::Tag(tag), Effect::Tag(action)) = (about, effect)
                && *tag == row
            {
                let strength = TAG_ACTIONS.iter().position(|known| known == action).unwrap_or(0);
                let known = said.entry(rule.clone()).or_default();
                *known = strength.max(*known);
            }
        }
        let action = TAG_ACTIONS[said.values().max().copied().unwrap_or(0)];
        json!({"tag_id": id, "action": action, "reasons": reasons(&said, &TAG_ACTIONS)})
    }

    /// One row for each code, target and rule, with the earliest deadline and the longest retention.
    fn obligations<'i>(&self, id: &impl Fn(About) -> Option<&'i str>) -> Vec<Value> {
        let mut owed: BTreeMap<(&str, About, &str), Duty> = BTreeMap::new();
        for (rule, about, effect) in &self.said {
            if let Effect::Owe(duty) = effect {
                let known = owed.entry((duty.code, duty.about(*about), rule)).or_insert_with(|| duty.clone());
                known.deadline_s = [known.deadline_s, duty.deadline_s].into_iter().flatten().min();
                known.retain_d = known.retain_d.max(duty.retain_d);
            }
        }
        let row = |((code, about, rule), duty): ((&str, About, &str), Duty)| {
            let mut value = json!({
                "code": code, "target": id(about), "rule": rule,
                "deadline_s": duty.deadline_s, "retain_d": duty.retain_d,
            });
            if let Some((name, argument)) = duty.argument {
                value["args"] = Value::Object(Map::from_iter([(name.to_owned(), argument)]));
            }
            value
        };
        owed.into_iter().map(row).collect()
    }

    fn shadow<'i>(&self, id: &impl Fn(About) -> Option<&'i str>) -> Vec<Value> {
        let row = |(rule, about, effect): &(String, About, Effect)| {
            let (about, kind, value) = match effect {
                Effect::Label(name) => (*about, "label", (*name).to_owned()),
                Effect::Demote(weight) => (*about, "demote", weight.to_string()),
                Effect::Block(hold) => (*about, "block", hold.name().to_owned()),
                Effect::Tag(action) => (*about, "tag", (*action).to_owned()),
                Effect::Owe(duty) => (duty.about(*about), "obligation", duty.code.to_owned()),
                Effect::Veto(feature) => (About::Request, "veto", feature.clone()),
                Effect::Violation => (*about, "violation", String::new()),
                Effect::Promote => (*about, "promote", String::new()),
                Effect::AtLeast { .. } => (About::Request, "constraint", "min".to_owned()),
            };
            let item = json!({"rule": rule, "target": id(about), "effect": kind, "value": value});
            ((kind, about, rule.clone(), value), item)
        };
        self.in_shadow.iter().map(row).collect::<BTreeMap<_, _>>().into_values().collect()
    }
}

fn reasons(rules: &BTreeMap<String, usize>, names: &[&str]) -> Vec<Value> {
    rules.iter().map(|(rule, strength)| json!({"rule": rule, "effect": names[*strength]})).collect()
}

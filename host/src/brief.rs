//! The outcome in brief: what a response needs and what is to be done, without reasons.

use std::collections::BTreeMap;

use normgate_contract::TagAction;
use serde::Serialize;

use crate::outcome::{Outcome, Target};
use crate::plan::Arguments;

/// What a duty is about. With its code, this and its target it is the same duty in whichever list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// A candidate.
    Candidate,
    /// A tag of the user.
    Tag,
    /// The user.
    User,
    /// This one list.
    List,
    /// The service, whoever's list it is.
    Service,
}

/// Something that the platform owes: once, however many rules ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duty<'o> {
    /// What: `preserve.record`, `offer.why`, …
    pub code: &'o str,
    /// About what.
    pub about: About,
    /// Id of the candidate or tag.
    pub target: Option<&'o str>,
    /// Within how many seconds: the earliest that a rule asks for.
    pub deadline_s: Option<i64>,
    /// How many days the record is kept: the longest that a rule asks for.
    pub retain_d: Option<i64>,
    /// Further arguments. Two duties may differ in these alone.
    pub args: Option<&'o Arguments>,
}

#[derive(Serialize)]
struct Brief<'o> {
    id: Option<&'o str>,
    decision_id: &'o str,
    show: Vec<&'o str>,
    labels: BTreeMap<&'o str, Vec<&'o str>>,
    duties: Vec<WireDuty<'o>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vetoes: Vec<&'o str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<&'o str, TagAction>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    constraints: Vec<WireConstraint<'o>>,
}

/// Duties that differ in their target alone.
#[derive(Serialize)]
struct WireDuty<'o> {
    code: &'o str,
    about: About,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    targets: Vec<&'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_s: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retain_d: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<&'o Arguments>,
}

#[derive(PartialEq, Serialize)]
struct WireConstraint<'o> {
    kind: &'o str,
    codes: &'o [String],
    count: i64,
    slots: i64,
}

impl Outcome {
    /// Returns what the platform owes, by code and target, each thing once.
    pub fn duties(&self) -> Vec<Duty<'_>> {
        let mut duties: Vec<Duty<'_>> = Vec::new();
        // Obligations are sorted by code and target, so those of one thing stand together.
        for own in self.obligations.chunk_by(|a, b| (a.code, a.target) == (b.code, b.target)) {
            let first = duties.len();
            for owed in own {
                let same = duties[first..].iter_mut().find(|known| known.args == owed.args.as_ref());
                if let Some(known) = same {
                    known.deadline_s = [known.deadline_s, owed.deadline_s].into_iter().flatten().min();
                    known.retain_d = known.retain_d.max(owed.retain_d);
                    continue;
                }
                duties.push(Duty {
                    code: self.owed(owed),
                    about: self.about(self.owed(owed), owed.target),
                    target: self.target(owed.target),
                    deadline_s: owed.deadline_s,
                    retain_d: owed.retain_d,
                    args: owed.args.as_ref(),
                });
            }
        }
        duties
    }

    /// What a duty is about. Without a target the vocabulary says it.
    fn about(&self, code: &str, target: Target) -> About {
        let among = |codes: &[String]| codes.iter().any(|known| known == code);
        match target {
            Target::Candidate(_) => About::Candidate,
            Target::Tag(_) => About::Tag,
            Target::Request if among(&self.batch.vocabulary.about_service) => About::Service,
            Target::Request if among(&self.batch.vocabulary.about_list) => About::List,
            Target::Request => About::User,
        }
    }

    /// Returns the answer in brief as one JSON line, without the line break: the ids that may be shown, in order, their labels,
    /// and what is to be done. Reasons, and who may not be shown for what, are in [`Outcome::to_json`].
    pub fn to_brief_json(&self) -> String {
        let labels = self.ranking().map(|shown| (shown.id(), shown.labels().collect::<Vec<_>>()));
        let mut vetoes: Vec<&str> = self.vetoes.iter().map(|veto| &*veto.feature).collect();
        vetoes.dedup();
        let mut tags: BTreeMap<&str, TagAction> = BTreeMap::new();
        for (row, tag) in (0..).zip(&self.tags).filter(|(_, tag)| tag.action != TagAction::Keep) {
            let known = tags.entry(self.tag_id(row)).or_insert(tag.action);
            *known = tag.action.max(*known);
        }
        let constraints = self.constraints.iter();
        let mut constraints: Vec<_> = constraints
            .map(|c| WireConstraint { kind: &c.kind, codes: &c.codes, count: c.count, slots: c.slots })
            .collect();
        constraints.dedup();
        let brief = Brief {
            id: self.batch.id(),
            decision_id: &self.decision_id(),
            show: self.ranking().map(|shown| shown.id()).collect(),
            labels: labels.filter(|(_, labels)| !labels.is_empty()).collect(),
            duties: self.grouped_duties(),
            vetoes,
            tags,
            constraints,
        };
        serde_json::to_string(&brief).unwrap_or_default()
    }

    fn grouped_duties(&self) -> Vec<WireDuty<'_>> {
        let mut groups: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        for Duty { code, about, target, deadline_s, retain_d, args } in self.duties() {
            groups.entry((code, about, args, deadline_s, retain_d)).or_default().extend(target);
        }
        let group = |((code, about, args, deadline_s, retain_d), targets)| WireDuty {
            code,
            about,
            targets,
            deadline_s,
            retain_d,
            args,
        };
        groups.into_iter().map(group).collect()
    }
}

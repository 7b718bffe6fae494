//! What two answers to one request have in common and what not, counted by rule, surface and group of users.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use normgate::{Action, exposure_ppm};
use normgate_ledger::{Anchorage, Answer, Facets, Group, RowAnswer};
use serde::Serialize;

use crate::assessment::surface_of;

/// What changes, summed over lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Lists that were compared; of a rule, lists in which something of it changes.
    pub lists: u64,
    /// Of these, lists that come out otherwise.
    pub changed: u64,
    /// Rows of the lists; of a rule none.
    pub rows: u64,
    /// Rows whose action, hold, weight or labels are another.
    pub verdicts: u64,
    /// Of these, rows that are withheld and were not.
    pub withheld: u64,
    /// Of these, rows that were withheld and are not.
    pub released: u64,
    /// Rows that are shown on both sides, in another place.
    pub moved: u64,
    /// Exposure on the base side of all lists, a place weighing 1 / log2(place + 2), in millionths; of a rule none.
    pub exposure: u64,
    /// Exposure that rows lose.
    pub lost: u64,
    /// Exposure that rows gain.
    pub gained: u64,
    /// Obligations that come.
    pub owed_more: u64,
    /// Obligations that go.
    pub owed_less: u64,
    /// Lists in which tags, vetoes or findings are others.
    pub other: u64,
}

/// A list that comes out otherwise. What names a user's data is there only where it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Number of the record in the ledger, or of the line in the file.
    pub number: u64,
    /// Decision id of the ledger, or id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Id of the candidate, where one changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
}

/// What a side was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SideName {
    /// Whether it is what was recorded, but for the options.
    pub recorded: bool,
    /// The options, as they are typed.
    pub options: Vec<String>,
}

/// What changes between two policy sets over the same lists.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Difference {
    /// What was compared.
    pub base: SideName,
    /// With what.
    pub other: SideName,
    /// Lists of which only a commitment is kept: they cannot be judged again.
    pub commitments: u64,
    /// Lists whose keys are gone.
    pub unreadable: u64,
    /// How far the ledger is anchored outside, where the lists are of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchorage: Option<Anchorage>,
    /// Calls that the ledger recorded as disturbed, by module and kind: on both sides they end so again.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub disturbed: BTreeMap<String, BTreeMap<String, u64>>,
    /// By surface and group of users.
    pub lists: Vec<Of>,
    /// By rule, surface and group of users. A row that only moves because others do has no rule.
    pub rules: Vec<OfRule>,
    /// For each rule, one list that comes out otherwise.
    pub examples: BTreeMap<String, Example>,
    /// Obligations by code: how many come, how many go.
    pub obligations: BTreeMap<String, [u64; 2]>,
}

/// Lists of one surface and group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Of {
    /// The surface.
    pub surface: String,
    /// The group of users.
    pub group: Group,
    /// What changes.
    #[serde(flatten)]
    pub change: Change,
}

/// What a rule changes in lists of one surface and group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OfRule {
    /// The rule.
    pub rule: String,
    /// The surface.
    pub surface: String,
    /// The group of users.
    pub group: Group,
    /// What changes.
    #[serde(flatten)]
    pub change: Change,
}

/// One list of both sides.
pub(crate) struct Pair<'a> {
    pub(crate) number: u64,
    /// What it may be named by.
    pub(crate) id: Option<&'a str>,
    pub(crate) facets: &'a Facets,
    pub(crate) base: &'a Answer<'a>,
    pub(crate) other: &'a Answer<'a>,
}

/// Counts of one thread; they are joined at the end.
#[derive(Default)]
pub(crate) struct Counts {
    lists: BTreeMap<(String, Group), Change>,
    rules: BTreeMap<(String, String, Group), Change>,
    examples: BTreeMap<String, Example>,
    obligations: BTreeMap<String, [u64; 2]>,
}

/// A row of the base side or of both.
struct Row<'a> {
    base: (&'a RowAnswer<'a>, Option<usize>),
    other: (&'a RowAnswer<'a>, Option<usize>),
}

impl Counts {
    /// Counts what changes in one list. `personal`: examples carry ids.
    pub(crate) fn observe(&mut self, pair: &Pair<'_>, personal: bool) {
        let mut all = Change { lists: 1, rows: pair.base.verdicts.len() as u64, ..Change::default() };
        let mut rules: BTreeMap<&str, (Change, Option<&str>)> = BTreeMap::new();
        all.exposure = (0..pair.base.shown).map(exposure_ppm).sum();
        for row in rows(pair) {
            row.count(&mut all, &mut rules);
        }
        self.obligations(pair, &mut all, &mut rules);
        all.other = u64::from(beside(pair.base) != beside(pair.other));
        all.changed = u64::from(all.verdicts + all.moved + all.owed_more + all.owed_less + all.other > 0);
        let (surface, group) = (surface_of(pair.facets), pair.facets.group());
        self.lists.entry((surface.to_owned(), group)).or_default().add(&all);
        for (rule, (change, candidate)) in rules {
            let change = Change { lists: 1, changed: 1, ..change };
            self.rules.entry((rule.to_owned(), surface.to_owned(), group)).or_default().add(&change);
            if self.examples.get(rule).is_none_or(|known| pair.number < known.number) {
                let named = |id: Option<&str>| id.filter(|_| personal).map(str::to_owned);
                let example = Example { number: pair.number, id: named(pair.id), candidate: named(candidate) };
                self.examples.insert(rule.to_owned(), example);
            }
        }
    }

    fn obligations<'a>(
        &mut self,
        pair: &'a Pair<'a>,
        all: &mut Change,
        rules: &mut BTreeMap<&'a str, (Change, Option<&'a str>)>,
    ) {
        fn owed<'a>(answer: &'a Answer<'a>) -> BTreeSet<(&'a str, Option<&'a str>, &'a str)> {
            answer.obligations.iter().map(|o| (&*o.code, o.target.as_deref(), &*o.rule)).collect()
        }
        let (base, other) = (owed(pair.base), owed(pair.other));
        for (code, _, rule) in other.difference(&base) {
            all.owed_more += 1;
            rules.entry(rule).or_default().0.owed_more += 1;
            self.obligations.entry((*code).to_owned()).or_default()[0] += 1;
        }
        for (code, _, rule) in base.difference(&other) {
            all.owed_less += 1;
            rules.entry(rule).or_default().0.owed_less += 1;
            self.obligations.entry((*code).to_owned()).or_default()[1] += 1;
        }
    }

    /// Adds what another thread counted.
    pub(crate) fn join(&mut self, other: Self) {
        other.lists.into_iter().for_each(|(key, change)| self.lists.entry(key).or_default().add(&change));
        other.rules.into_iter().for_each(|(key, change)| self.rules.entry(key).or_default().add(&change));
        for (rule, example) in other.examples {
            if self.examples.get(&rule).is_none_or(|known| example.number < known.number) {
                self.examples.insert(rule, example);
            }
        }
        for (code, [more, less]) in other.obligations {
            let known = self.obligations.entry(code).or_default();
            (known[0], known[1]) = (known[0] + more, known[1] + less);
        }
    }

    pub(crate) fn finish(self) -> Difference {
        let lists = self.lists.into_iter().map(|((surface, group), change)| Of { surface, group, change });
        let rules =
            (self.rules.into_iter()).map(|((rule, surface, group), change)| OfRule { rule, surface, group, change });
        Difference {
            lists: lists.collect(),
            rules: rules.collect(),
            examples: self.examples,
            obligations: self.obligations,
            ..Difference::default()
        }
    }
}

impl<'a> Row<'a> {
    fn count(&self, all: &mut Change, rules: &mut BTreeMap<&'a str, (Change, Option<&'a str>)>) {
        let ((base, was), (other, is)) = (&self.base, &self.other);
        let shows = |place: &Option<usize>| place.map_or(0, exposure_ppm);
        let mut change = Change {
            moved: u64::from(was.is_some() && is.is_some() && was != is),
            lost: shows(was).saturating_sub(shows(is)),
            gained: shows(is).saturating_sub(shows(was)),
            ..Change::default()
        };
        let differs = (base.action, &base.hold, base.weight_ppm, &base.labels)
            != (other.action, &other.hold, other.weight_ppm, &other.labels);
        if differs {
            change.verdicts = 1;
            change.withheld = u64::from(base.action != Action::Block && other.action == Action::Block);
            change.released = u64::from(base.action == Action::Block && other.action != Action::Block);
            for rule in self.responsible() {
                let (sum, candidate) = rules.entry(rule).or_default();
                sum.add(&change);
                candidate.get_or_insert(&other.id);
            }
        }
        all.add(&change);
    }

    /// The rules that say something else of the row; where all say the same, and only the weight of a demotion is another, those
    /// that demote it, else all of them.
    fn responsible(&self) -> BTreeSet<&'a str> {
        let (base, other) = (self.base.0, self.other.0);
        let said = |verdict: &'a RowAnswer<'a>| -> BTreeSet<(&'a str, Action)> {
            verdict.reasons.iter().map(|reason| (&*reason.rule, reason.effect)).collect()
        };
        let (before, after) = (said(base), said(other));
        let differing: BTreeSet<&str> = before.symmetric_difference(&after).map(|(rule, _)| *rule).collect();
        if !differing.is_empty() {
            return differing;
        }
        let weight = base.weight_ppm != other.weight_ppm;
        let demote = after.iter().filter(|(_, effect)| !weight || *effect == Action::Demote);
        demote.map(|(rule, _)| *rule).collect()
    }
}

/// The rows of both sides, by candidate.
fn rows<'a>(pair: &Pair<'a>) -> Vec<Row<'a>> {
    let place = |answer: &Answer<'_>, place: usize| (place < answer.shown).then_some(place);
    let others: HashMap<&str, (usize, &'a RowAnswer<'a>)> =
        pair.other.verdicts.iter().enumerate().map(|(index, verdict)| (&*verdict.id, (index, verdict))).collect();
    (pair.base.verdicts.iter().enumerate())
        .filter_map(|(index, base)| {
            let (then, other) = others.get(&*base.id)?;
            Some(Row { base: (base, place(pair.base, index)), other: (other, place(pair.other, *then)) })
        })
        .collect()
}

/// What an answer says beside rows and obligations.
fn beside<'a>(answer: &'a Answer<'a>) -> (Vec<&'static str>, BTreeSet<&'a str>, BTreeSet<&'a str>) {
    use normgate::contract::TagAction;
    let tag = |action: TagAction| match action {
        TagAction::Keep => "keep",
        TagAction::Suppress => "suppress",
        TagAction::Delete => "delete",
    };
    let tags = answer.tags.iter().map(|decided| tag(decided.action)).collect();
    let vetoes = answer.vetoes.iter().map(|veto| &*veto.feature).collect();
    (tags, vetoes, answer.violations.iter().map(|violation| &*violation.rule).collect())
}

impl Change {
    pub(crate) fn add(&mut self, other: &Self) {
        self.lists += other.lists;
        self.changed += other.changed;
        self.rows += other.rows;
        self.verdicts += other.verdicts;
        self.withheld += other.withheld;
        self.released += other.released;
        self.moved += other.moved;
        self.exposure += other.exposure;
        self.lost += other.lost;
        self.gained += other.gained;
        self.owed_more += other.owed_more;
        self.owed_less += other.owed_less;
        self.other += other.other;
    }
}

impl Difference {
    /// Everything together.
    pub fn total(&self) -> Change {
        let mut total = Change::default();
        self.lists.iter().for_each(|of| total.add(&of.change));
        total
    }

    /// Over everything but the surface.
    pub fn by_surface(&self) -> BTreeMap<&str, Change> {
        let mut sums: BTreeMap<&str, Change> = BTreeMap::new();
        self.lists.iter().for_each(|of| sums.entry(&of.surface).or_default().add(&of.change));
        sums
    }

    /// Over everything but the group of users.
    pub fn by_group(&self) -> BTreeMap<Group, Change> {
        let mut sums: BTreeMap<Group, Change> = BTreeMap::new();
        self.lists.iter().for_each(|of| sums.entry(of.group).or_default().add(&of.change));
        sums
    }

    /// Over everything but the rule; those that change most come first.
    pub fn by_rule(&self) -> Vec<(&str, Change)> {
        let mut sums: BTreeMap<&str, Change> = BTreeMap::new();
        self.rules.iter().for_each(|of| sums.entry(&of.rule).or_default().add(&of.change));
        let mut rules: Vec<(&str, Change)> = sums.into_iter().collect();
        rules.sort_by_key(|(rule, change)| {
            (std::cmp::Reverse((change.verdicts, change.owed_more + change.owed_less)), *rule)
        });
        rules
    }
}

//! The running diff: what would change if the rules in shadow acted, counted by rule and surface.
//!
//! Each rule is weighed alone, and all of them together: what they say of a row is joined with what was applied, and the
//! list is put in order again. That is what enforcing them would do, with three exceptions, since nobody is asked again: a rule
//! that gives way to another one of its module only where that acts; a rule of the slate stage, for which the list would be
//! another; and what a newer version of a module would no longer say. A trial judges again, and knows them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use normgate_contract::{Block, Vocabulary};
use serde::Serialize;

use crate::exposure::exposure_ppm;
use crate::order;
use crate::outcome::{Outcome, ShadowItem, Target};
use crate::policy_set::{PolicySet, RuleRef};
use crate::verdict::{Action, Judgement};

/// What would change, summed over requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Change {
    requests: u64,
    effects: u64,
    verdicts: u64,
    withheld: u64,
    moved: u64,
    exposure: u64,
    lost: u64,
}

/// The same, as written by every judging thread.
#[derive(Default)]
struct Counts([AtomicU64; 7]);

impl Counts {
    fn add(&self, change: Change) {
        let Change { requests, effects, verdicts, withheld, moved, exposure, lost } = change;
        for (count, number) in self.0.iter().zip([requests, effects, verdicts, withheld, moved, exposure, lost]) {
            if number > 0 {
                count.fetch_add(number, Ordering::Relaxed);
            }
        }
    }

    fn read(&self) -> Change {
        let [requests, effects, verdicts, withheld, moved, exposure, lost] =
            std::array::from_fn(|index| self.0[index].load(Ordering::Relaxed));
        Change { requests, effects, verdicts, withheld, moved, exposure, lost }
    }
}

/// Counters for one generation: a row of surfaces a rule, made when the rule first speaks in shadow, and one for all rules
/// together. The last surface stands for none.
pub(crate) struct Diff {
    surfaces: Vec<String>,
    rules: Vec<Vec<OnceLock<Box<[Counts]>>>>,
    together: Box<[Counts]>,
}

impl Diff {
    pub(crate) fn new(set: &PolicySet, vocabulary: &Vocabulary) -> Self {
        let surfaces = vocabulary.terms.get("surface").map_or(Vec::new(), |surfaces| surfaces.terms.clone());
        let rules =
            set.policies.iter().map(|policy| policy.module.manifest.rules.iter().map(|_| OnceLock::new()).collect());
        Self { rules: rules.collect(), together: row(surfaces.len()), surfaces }
    }

    /// Counts what would change in one outcome.
    pub(crate) fn observe(&self, outcome: &Outcome) {
        if outcome.shadow.is_empty() {
            return;
        }
        let surface = outcome.batch.request_term("request.ctx.surface");
        let surface = surface.and_then(|name| self.surfaces.iter().position(|known| known == name));
        let surface = surface.unwrap_or(self.surfaces.len());
        let of_rows = outcome.shadow.iter().any(|item| item.judgement != Judgement::ALLOW);
        let list = if of_rows { List::of(outcome) } else { List::default() };
        let mut items: Vec<&ShadowItem> = outcome.shadow.iter().collect();
        items.sort_by_key(|item| item.rule);
        for own in items.chunk_by(|a, b| a.rule == b.rule) {
            let change = list.change(outcome, own);
            let RuleRef { policy, rule } = own[0].rule;
            if let Some(counts) = self.rules.get(usize::from(policy)).and_then(|rules| rules.get(usize::from(rule))) {
                counts.get_or_init(|| row(self.surfaces.len()))[surface].add(change);
            }
            if own.len() == items.len() {
                self.together[surface].add(change);
                return;
            }
        }
        self.together[surface].add(list.change(outcome, &items));
    }
}

fn row(surfaces: usize) -> Box<[Counts]> {
    std::iter::repeat_with(Counts::default).take(surfaces + 1).collect()
}

/// A list as it was decided; left empty where nothing was said of rows.
#[derive(Default)]
struct List {
    judgements: Vec<Judgement>,
    /// The place of each row that may be shown.
    places: Vec<Option<usize>>,
    /// What each place shows, in millionths.
    exposures: Vec<u64>,
}

impl List {
    fn of(outcome: &Outcome) -> Self {
        let mut judgements = vec![Judgement::ALLOW; outcome.verdicts.len()];
        let mut places = vec![None; outcome.verdicts.len()];
        for (place, verdict) in outcome.verdicts.iter().enumerate() {
            judgements[verdict.row as usize] = verdict.judgement;
            places[verdict.row as usize] = (place < outcome.shown).then_some(place);
        }
        Self { judgements, places, exposures: (0..outcome.verdicts.len()).map(exposure_ppm).collect() }
    }

    /// What would change if these effects were applied.
    fn change(&self, outcome: &Outcome, items: &[&ShadowItem]) -> Change {
        let mut change = Change { requests: 1, effects: items.len() as u64, ..Change::default() };
        if items.iter().all(|item| item.judgement == Judgement::ALLOW) {
            return change;
        }
        let mut touched: BTreeMap<u32, Judgement> = BTreeMap::new();
        for item in items {
            if let Target::Candidate(row) = item.target {
                let then = touched.entry(row).or_insert(self.judgements[row as usize]);
                *then = then.join(item.judgement);
            }
        }
        for (row, then) in &touched {
            let now = self.judgements[*row as usize];
            change.verdicts += u64::from(verdict(now) != verdict(*then));
            change.withheld += u64::from(now.block.is_none() && then.block.is_some());
        }
        if change.verdicts == 0 {
            return change;
        }
        let mut judgements = self.judgements.clone();
        touched.into_iter().for_each(|(row, then)| judgements[row as usize] = then);
        let (order, shown) = order::sorted(&outcome.batch, &judgements, outcome.set.chosen.order);
        change.exposure = self.exposures[..outcome.shown].iter().sum();
        for (place, row) in order.into_iter().enumerate() {
            let now = self.places[row as usize];
            let then = (place < shown).then_some(place);
            change.moved += u64::from(now.is_some() && then.is_some() && now != then);
            let shows = |place: Option<usize>| place.map_or(0, |place| self.exposures[place]);
            change.lost += shows(now).saturating_sub(shows(then));
        }
        change
    }
}

/// What counts as the verdict on a row.
fn verdict(judgement: Judgement) -> (Action, Option<Block>, u32) {
    (judgement.action(), judgement.block, judgement.weight_ppm())
}

/// What would change if the rules in shadow acted, since the generation that judges began.
#[derive(Clone, Debug, Serialize)]
pub struct ShadowDiff {
    /// The policy set.
    pub policy_set: String,
    /// The name of its generation, if it was given one.
    pub generation: Option<String>,
    /// By surface, and there all rules together first, then rule by rule. Rules that said nothing are left out.
    pub changes: Vec<ShadowChange>,
}

/// What would change on one surface if one rule in shadow acted, or all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShadowChange {
    /// The surface; none where requests name none.
    pub surface: Option<String>,
    /// The rule; none for all of them together.
    pub rule: Option<String>,
    /// `<id>@<version>` of the rule's policy.
    pub policy: Option<String>,
    /// Requests in which something was said in shadow.
    pub requests: u64,
    /// Effects that were reported: on rows, tags, the request.
    pub effects: u64,
    /// Rows whose action, hold or weight would be another.
    pub verdicts: u64,
    /// Of these, rows that would be withheld and are not.
    pub withheld: u64,
    /// Rows that would stay in the list and stand elsewhere.
    pub moved: u64,
    /// Of all that the lists show whose verdicts would change, how much the rows that lose would lose, in ppm
    /// ([`crate::exposure`]).
    pub exposure_ppm: u64,
}

impl ShadowDiff {
    pub(crate) fn of(set: &PolicySet, diff: &Diff, generation: Option<&str>) -> Self {
        let mut changes = Vec::new();
        for index in 0..=diff.surfaces.len() {
            let mut push = |rule: Option<RuleRef>, counts: &[Counts]| {
                let Change { requests, effects, verdicts, withheld, moved, exposure, lost } = counts[index].read();
                if requests == 0 {
                    return;
                }
                changes.push(ShadowChange {
                    surface: diff.surfaces.get(index).cloned(),
                    rule: rule.map(|rule| set.rule_id(rule).to_owned()),
                    policy: rule.map(|rule| set.policy_reference(rule.policy)),
                    requests,
                    effects,
                    verdicts,
                    withheld,
                    moved,
                    exposure_ppm: (u128::from(lost) * 1_000_000 / u128::from(exposure.max(1))) as u64,
                });
            };
            push(None, &diff.together);
            for (policy, rules) in diff.rules.iter().enumerate() {
                for (rule, counts) in rules.iter().enumerate() {
                    if let Some(counts) = counts.get() {
                        push(Some(RuleRef { policy: policy as u16, rule: rule as u16 }), counts);
                    }
                }
            }
        }
        Self { policy_set: set.digest().to_owned(), generation: generation.map(str::to_owned), changes }
    }
}

/// As a table for a person.
impl fmt::Display for ShadowDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changes.is_empty() {
            return writeln!(f, "nothing was said in shadow");
        }
        let surface = |change: &ShadowChange| change.surface.clone().unwrap_or_else(|| "(none)".into());
        let rule = |change: &ShadowChange| change.rule.clone().unwrap_or_else(|| "all together".into());
        let widest = |name: &dyn Fn(&ShadowChange) -> String, head: &str| {
            self.changes.iter().map(|change| name(change).len()).max().unwrap_or(0).max(head.len())
        };
        let (of_surface, of_rule) = (widest(&surface, "surface"), widest(&rule, "rule in shadow"));
        write!(f, "{:of_surface$}  {:of_rule$}", "surface", "rule in shadow")?;
        for head in ["requests", "effects", "verdicts", "withheld", "moved", "exposure"] {
            write!(f, "  {head:>9}")?;
        }
        writeln!(f)?;
        for change in &self.changes {
            write!(f, "{:of_surface$}  {:of_rule$}", surface(change), rule(change))?;
            for number in [change.requests, change.effects, change.verdicts, change.withheld, change.moved] {
                write!(f, "  {number:>9}")?;
            }
            writeln!(f, "  {:>7.2} %", change.exposure_ppm as f64 / 1e4)?;
        }
        Ok(())
    }
}

//! Merging answers: each is checked whole, then added; the order in which modules answer leaves no trace.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;
use normgate_contract::{Block, Level, REQUEST_ROW, Stage, TagAction};

use crate::batch::Batch;
use crate::bindings::exports::normgate::policy::judging::Answer;
use crate::outcome::{
    Cause, ConstraintItem, Failure, ObligationItem, Reason, ShadowItem, TagVerdict, Target, VetoItem,
};
use crate::plan::{Carries, EffectPlan, PlannedEffect};
use crate::policy_set::{FILING, Fallback, HOST_FAILURE, Loaded, PolicySet, Resolved, RuleRef};
use crate::sandbox::{FailureKind, WEAKENED};
use crate::verdict::{Action, FULL_WEIGHT, Judgement};

/// How one rule takes part in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Enforced,
    Shadow,
    /// Not in force that day, or of the other stage: it does not speak.
    Silent,
}

/// What has been said so far.
pub(crate) struct Merge<'m> {
    set: &'m PolicySet,
    batch: &'m Batch,
    /// Rows that only the two emergency-binding rules may block or demote.
    emergency: &'m [bool],
    /// Whether what is decided is only reported.
    observed: bool,
    pub(crate) judgements: Vec<Judgement>,
    items: Items,
    pub(crate) failures: Vec<Failure>,
    /// What the last answer says that was read. Until it is accepted nothing of it counts.
    read: Read,
}

/// What one answer says.
#[derive(Default)]
struct Read {
    judgements: Vec<(u32, Judgement)>,
    items: Items,
}

/// Item by item, as it was said. Names and constants are the plan's: an item keeps numbers.
#[derive(Default)]
struct Items {
    /// Row, place of the rule's id, reason.
    reasons: Vec<(u32, u32, Reason)>,
    tags: Vec<(u32, RuleRef, TagAction, Cause)>,
    obligations: Vec<ObligationItem>,
    vetoes: Vec<VetoItem>,
    /// Vetoes of tags, by row.
    tag_vetoes: Vec<(u32, RuleRef)>,
    constraints: Vec<ConstraintItem>,
    promote: Vec<(Target, RuleRef)>,
    violations: Vec<(Target, RuleRef, Cause)>,
    shadow: Vec<ShadowItem>,
    /// Blocks and demotions that an emergency row was spared.
    spared: Vec<(u32, RuleRef)>,
    /// Rules that an emergency row keeps from acting, whether or not something else does too.
    exempted: Vec<RuleRef>,
}

impl Read {
    fn clear(&mut self) {
        self.judgements.clear();
        self.items.clear();
    }
}

impl Items {
    fn clear(&mut self) {
        self.reasons.clear();
        self.tags.clear();
        self.obligations.clear();
        self.vetoes.clear();
        self.tag_vetoes.clear();
        self.constraints.clear();
        self.promote.clear();
        self.violations.clear();
        self.shadow.clear();
        self.spared.clear();
        self.exempted.clear();
    }

    fn exempt(&mut self, rule: RuleRef) {
        if self.exempted.last() != Some(&rule) {
            self.exempted.push(rule);
        }
    }

    /// Moves everything of `other` here.
    fn append(&mut self, other: &mut Items) {
        self.reasons.append(&mut other.reasons);
        self.tags.append(&mut other.tags);
        self.obligations.append(&mut other.obligations);
        self.vetoes.append(&mut other.vetoes);
        self.tag_vetoes.append(&mut other.tag_vetoes);
        self.constraints.append(&mut other.constraints);
        self.promote.append(&mut other.promote);
        self.violations.append(&mut other.violations);
        self.shadow.append(&mut other.shadow);
        self.spared.append(&mut other.spared);
        self.exempted.append(&mut other.exempted);
    }
}

/// The merged tables of an outcome.
pub(crate) struct Merged {
    pub(crate) judgements: Vec<Judgement>,
    pub(crate) reasons: Vec<Reason>,
    /// Range of each row's reasons.
    pub(crate) spans: Vec<Range<usize>>,
    pub(crate) tags: Vec<TagVerdict>,
    pub(crate) obligations: Vec<ObligationItem>,
    pub(crate) vetoes: Vec<VetoItem>,
    pub(crate) constraints: Vec<ConstraintItem>,
    pub(crate) promote: Vec<(Target, RuleRef)>,
    pub(crate) violations: Vec<(Target, RuleRef, Cause)>,
    pub(crate) shadow: Vec<ShadowItem>,
    pub(crate) failures: Vec<Failure>,
    /// By row.
    pub(crate) spared: Vec<(u32, RuleRef)>,
    pub(crate) exempted: Vec<RuleRef>,
}

impl<'m> Merge<'m> {
    pub(crate) fn new(set: &'m PolicySet, batch: &'m Batch, emergency: &'m [bool], observed: bool) -> Self {
        Self {
            set,
            batch,
            emergency,
            observed,
            judgements: vec![Judgement::ALLOW; batch.candidates()],
            items: Items::default(),
            failures: Vec::new(),
            read: Read::default(),
        }
    }

    /// Reads a module's answer. `rows` maps the call's candidate rows to the request's; none = they are the same. Nothing of it
    /// counts before it is accepted ([`Merge::accept`]).
    ///
    /// One item that is out of bounds fails the whole answer, whether its effect is granted or not: the module is not what it
    /// says it is, and nothing of it is used. What a module says with a rule that it was not asked about is beyond its right;
    /// that is dropped alone, and comes back as a sentence.
    pub(crate) fn read(
        &mut self,
        policy: u16,
        resolved: &Resolved,
        stage: Stage,
        parts: &[Part],
        rows: Option<&[u32]>,
        answer: &Answer,
    ) -> Result<Option<String>, String> {
        // What an answer left that was never accepted.
        self.read.clear();
        let set = self.set;
        let loaded = &set.policies[usize::from(policy)];
        let effects = &resolved.plan.effects;
        let (candidates, tags) = (rows.map_or(self.batch.candidates(), <[u32]>::len), self.batch.tags());
        #[cfg(normgate_weakened)]
        let answer = &crate::sandbox::weakened::misplaced(answer, candidates);
        if [answer.effects.len(), answer.values.len(), answer.missing.len()] != [answer.rows.len(); 3] {
            return Err("the lists of the answer differ in length".into());
        }
        let items = || answer.rows.iter().zip(&answer.effects).zip(&answer.values).zip(&answer.missing);
        let mut least = Least::default();
        for (index, (((&row, &number), &value), &missing)) in items().enumerate() {
            let Some(planned) = effects.get(usize::from(number)) else {
                return Err(format!("item {index} names effect {number} of {}", effects.len()));
            };
            let item = Item { row, effect: number, value, cause: cause_of(missing, index)? };
            check(&item, planned, index, candidates, tags)?;
            least.note(&item, planned);
        }
        let mut seen = Seen::new(effects.len(), candidates.max(tags));
        let mut beyond = None;
        for (((&row, &number), &value), &missing) in items() {
            let planned = &effects[usize::from(number)];
            let cause = if missing == 0 { Cause::Fact } else { Cause::MissingInput };
            let mut item = Item { row, effect: number, value, cause };
            if !WEAKENED {
                if !seen.is_new(&item, planned) {
                    continue;
                }
                item.value = least.of(&item);
            }
            let rule = planned.rule;
            match parts.get(usize::from(rule)).unwrap_or(&Part::Silent) {
                Part::Silent => {
                    let declared = &loaded.module.manifest.rules[usize::from(rule)];
                    if declared.stage != stage {
                        beyond.get_or_insert_with(|| format!("{} belongs to the other stage", declared.id));
                    }
                }
                part => {
                    let row = match rows {
                        Some(map) if planned.about == Level::Row => map.get(row as usize).copied().unwrap_or(row),
                        _ => row,
                    };
                    let item = Item { row, ..item };
                    if self.observed || *part == Part::Shadow {
                        self.read_shadow(loaded, RuleRef { policy, rule }, planned, &item);
                    }
                    if *part == Part::Enforced {
                        self.read_enforced(loaded, RuleRef { policy, rule }, planned, &item);
                    }
                }
            }
        }
        Ok(beyond)
    }

    /// Has the answer count that was read last. This cannot fail halfway.
    pub(crate) fn accept(&mut self) {
        for (row, judgement) in self.read.judgements.drain(..) {
            if let Some(known) = self.judgements.get_mut(row as usize) {
                *known = known.join(judgement);
            }
        }
        self.items.append(&mut self.read.items);
    }

    fn is_exempt(&self, loaded: &Loaded, rule: u16, row: u32) -> bool {
        self.emergency.get(row as usize) == Some(&true)
            && !loaded.module.manifest.rules[usize::from(rule)].binds_emergency
    }

    fn read_enforced(&mut self, loaded: &Loaded, rule: RuleRef, planned: &PlannedEffect, item: &Item) {
        let &Item { row, value, cause, .. } = item;
        if let Some(judgement) = judgement_of(planned, value) {
            let effect = judgement.action();
            if effect >= Action::Demote && self.is_exempt(loaded, rule.rule, row) {
                self.read.items.exempt(rule);
                return self.read.items.spared.push((row, rule));
            }
            self.read.judgements.push((row, judgement));
            let rank = loaded.rank[usize::from(rule.rule)];
            return self.read.items.reasons.push((row, rank, Reason { rule, effect, cause }));
        }
        let items = &mut self.read.items;
        match &planned.effect {
            EffectPlan::Tag(action) => items.tags.push((row, rule, *action, cause)),
            EffectPlan::Obligation(plan) => items.obligations.push(ObligationItem {
                code: plan.code,
                target: if plan.about_request { Target::Request } else { target(planned.about, row) },
                rule,
                deadline_s: plan.deadline_s,
                retain_d: plan.retain_d,
                args: plan.args.as_ref().map(|args| args.with(value)),
            }),
            EffectPlan::Veto(feature) => items.vetoes.push(VetoItem { feature: feature.as_str().into(), rule }),
            EffectPlan::VetoTag => items.tag_vetoes.push((value as u32, rule)),
            EffectPlan::Violation => items.violations.push((target(planned.about, row), rule, cause)),
            EffectPlan::Promote => items.promote.push((Target::Candidate(row), rule)),
            EffectPlan::Constraint(constraint, count, slots) => items.constraints.push(ConstraintItem {
                kind: constraint.kind.clone(),
                codes: constraint.codes.clone(),
                count: *count,
                slots: *slots,
                rule,
            }),
            EffectPlan::Label(_) | EffectPlan::Demote(_) | EffectPlan::DemoteComputed | EffectPlan::Block(_) => {}
            EffectPlan::Dropped => {}
        }
    }

    fn read_shadow(&mut self, loaded: &Loaded, rule: RuleRef, planned: &PlannedEffect, item: &Item) {
        let &Item { row, effect: index, value, .. } = item;
        let judgement = judgement_of(planned, value).unwrap_or(Judgement::ALLOW);
        if judgement.action() >= Action::Demote && self.is_exempt(loaded, rule.rule, row) {
            self.read.items.exempt(rule);
            return;
        }
        let target = match &planned.effect {
            EffectPlan::Dropped => return,
            EffectPlan::Veto(_) | EffectPlan::VetoTag => Target::Request,
            EffectPlan::Obligation(plan) if plan.about_request => Target::Request,
            _ => target(planned.about, row),
        };
        let number = match &planned.effect {
            EffectPlan::Demote(weight) => i64::from(*weight),
            EffectPlan::DemoteComputed | EffectPlan::VetoTag => value,
            _ => 0,
        };
        let effect = planned.effect.kind();
        self.read.items.shadow.push(ShadowItem { rule, target, effect, index, number, judgement });
    }

    /// Applies a failed module's fallback to the rows that it was asked about and might have acted on, and records the failure.
    pub(crate) fn fail(
        &mut self,
        policy: u16,
        stage: Stage,
        fallback: Fallback,
        resolved: &Resolved,
        rows: Option<&[u32]>,
        (kind, message): (FailureKind, String),
    ) {
        let judgement = match fallback {
            Fallback::Allow => None,
            Fallback::Demote(weight) => Some(Judgement { demotion: Some(weight), ..Judgement::ALLOW }),
            Fallback::Hold(hold) => Some(Judgement { block: Some(hold), ..Judgement::ALLOW }),
        };
        let all: Vec<u32> = (0..self.judgements.len() as u32).collect();
        if let Some(judgement) = judgement {
            let concerns = &resolved.plan.concerns;
            for &row in rows.unwrap_or(&all).iter().filter(|row| concerns.reach(self.batch, **row)) {
                let rule = RuleRef { policy, rule: HOST_FAILURE };
                if self.emergency[row as usize] {
                    self.items.spared.push((row, rule));
                    continue;
                }
                let known = &mut self.judgements[row as usize];
                *known = known.join(judgement);
                let reason = Reason { rule, effect: judgement.action(), cause: Cause::MissingInput };
                self.items.reasons.push((row, u32::MAX, reason));
            }
        }
        let applied = match fallback {
            Fallback::Allow => "allow",
            Fallback::Demote(_) => "demote",
            Fallback::Hold(_) => "hold",
        };
        self.record(policy, stage, applied, (kind, message));
    }

    /// Records a failure that was made up for otherwise: `applied` says how.
    pub(crate) fn record(
        &mut self,
        policy: u16,
        stage: Stage,
        applied: &'static str,
        (kind, message): (FailureKind, String),
    ) {
        self.failures.push(Failure { policy, stage: stage_name(stage), kind, message, applied });
    }

    /// Records a finding of the host itself about the operator.
    pub(crate) fn find(&mut self, rule: RuleRef) {
        self.items.violations.push((Target::Request, rule, Cause::Fact));
    }

    /// Has the number of the provider's filing displayed (Art 26); `code` is the obligation to do so.
    pub(crate) fn owe_filing_number(&mut self, code: u16) {
        let rule = RuleRef { policy: 0, rule: FILING };
        let (target, deadline_s, retain_d, args) = (Target::Request, None, None, None);
        self.items.obligations.push(ObligationItem { code, target, rule, deadline_s, retain_d, args });
    }

    /// Sorts and joins what was said, so that nothing remembers who spoke first.
    pub(crate) fn finish(mut self) -> Merged {
        if self.observed {
            self.forget();
        }
        let Self { set, batch, judgements, mut items, mut failures, .. } = self;
        let id = |rule: RuleRef| set.rule_id(rule);
        // Dense lists owe thousands of things: these are sorted by numbers, and names are looked up when they are written.
        let rank = |rule: RuleRef| set.rank(rule);
        let (reasons, spans) = by_row(&items.reasons, judgements.len());
        items
            .obligations
            .sort_by_cached_key(|o| (set.obligation_rank[usize::from(o.code)], o.target, rank(o.rule), o.rule));
        items.obligations.dedup_by(|later, first| {
            let same = (later.code, later.target, later.rule) == (first.code, first.target, first.rule);
            if same {
                first.deadline_s = [first.deadline_s, later.deadline_s].into_iter().flatten().min();
                first.retain_d = first.retain_d.max(later.retain_d);
                first.args = first.args.take().min(later.args.take());
            }
            same
        });
        items.vetoes.extend(vetoes_of_tags(batch, &mut items.tag_vetoes));
        items.vetoes.sort_by(|a, b| (&a.feature, id(a.rule), a.rule).cmp(&(&b.feature, id(b.rule), b.rule)));
        items.vetoes.dedup();
        items
            .constraints
            .sort_by(|a, b| (&a.kind, &a.codes, id(a.rule), a.rule).cmp(&(&b.kind, &b.codes, id(b.rule), b.rule)));
        items.constraints.dedup();
        items.promote.sort_by_key(|(target, rule)| (*target, rank(*rule), *rule));
        items.promote.dedup();
        items.violations.sort_by_cached_key(|(target, rule, cause)| (*target, rank(*rule), *rule, Reverse(*cause)));
        items.violations.dedup_by(|later, first| (later.0, later.1) == (first.0, first.1));
        let value = |item: &ShadowItem| set.shadow_value(item, batch);
        let place = |item: &ShadowItem| (item.effect, item.target, rank(item.rule));
        items.shadow.sort_by_key(place);
        for same in items.shadow.chunk_by_mut(|a, b| place(a) == place(b)).filter(|same| same.len() > 1) {
            same.sort_by_cached_key(|item| (value(item).into_owned(), item.rule));
        }
        items.shadow.dedup_by(|later, first| {
            let same = |item: &ShadowItem| (item.rule, item.target, item.effect, item.judgement);
            same(later) == same(first) && value(later) == value(first)
        });
        items.spared.sort_by_key(|(row, rule)| (*row, id(*rule), rule.policy));
        items.spared.dedup();
        items.exempted.sort_unstable();
        items.exempted.dedup();
        failures.sort_by_key(|failure| (failure.stage, failure.policy));
        Merged {
            reasons,
            spans,
            judgements,
            tags: tag_verdicts(set, batch.tags(), &mut items.tags),
            obligations: items.obligations,
            vetoes: items.vetoes,
            constraints: items.constraints,
            promote: items.promote,
            violations: items.violations,
            shadow: items.shadow,
            failures,
            spared: items.spared,
            exempted: items.exempted,
        }
    }

    /// Takes back everything that would be applied. What was decided stays in `shadow` and `exempted`: it was decided as if it were applied,
    /// stage by stage, so it is what enforcing would have done.
    fn forget(&mut self) {
        self.judgements.fill(Judgement::ALLOW);
        let Items { shadow, exempted, .. } = std::mem::take(&mut self.items);
        self.items = Items { shadow, exempted, ..Items::default() };
        for failure in &mut self.failures {
            failure.applied = "allow";
        }
    }
}

/// One item of an answer.
#[derive(Clone, Copy)]
struct Item {
    row: u32,
    effect: u16,
    value: i64,
    cause: Cause,
}

fn cause_of(missing: u8, index: usize) -> Result<Cause, String> {
    match missing {
        0 => Ok(Cause::Fact),
        1 => Ok(Cause::MissingInput),
        other => Err(format!("item {index} has a missing-input flag of {other}")),
    }
}

/// Holds an item against what its effect may name, which the manifest alone decides.
fn check(item: &Item, planned: &PlannedEffect, index: usize, candidates: usize, tags: usize) -> Result<(), String> {
    let &Item { row, effect, value, .. } = item;
    let fits = match planned.about {
        Level::Row => (row as usize) < candidates,
        Level::Tag => (row as usize) < tags,
        Level::Request => row == REQUEST_ROW,
    };
    if !fits {
        return Err(format!("item {index} names row {row}, which effect {effect} cannot have"));
    }
    let fits = match planned.carries {
        Carries::Weight => (0..=i64::from(FULL_WEIGHT)).contains(&value),
        Carries::Tag => usize::try_from(value).is_ok_and(|tag| tag < tags),
        Carries::Argument | Carries::Nothing => true,
    };
    if !fits {
        return Err(format!("item {index} carries value {value}, which effect {effect} cannot have"));
    }
    Ok(())
}

/// The least number that one answer carries for each row of an effect that carries one. Of two weights the lesser holds, and of two
/// arguments too, so that nothing else is kept.
#[derive(Default)]
struct Least(HashMap<(u16, u32), i64>);

impl Least {
    fn note(&mut self, item: &Item, planned: &PlannedEffect) {
        if matches!(planned.carries, Carries::Weight | Carries::Argument) {
            let least = self.0.entry((item.effect, item.row)).or_insert(item.value);
            *least = item.value.min(*least);
        }
    }

    /// The number that holds for an item.
    fn of(&self, item: &Item) -> i64 {
        if self.0.is_empty() { item.value } else { self.0.get(&(item.effect, item.row)).copied().unwrap_or(item.value) }
    }
}

/// What one answer has said already: a bit for each effect, row and cause. An answer may repeat itself, which is not kept twice.
struct Seen {
    bits: Vec<u64>,
    rows: usize,
}

impl Seen {
    fn new(effects: usize, rows: usize) -> Self {
        let rows = rows.max(1);
        Self { bits: vec![0; (effects * rows * 2).div_ceil(64)], rows }
    }

    /// Whether an item, which is in bounds, says something that was not said before.
    fn is_new(&mut self, item: &Item, planned: &PlannedEffect) -> bool {
        let place = match (planned.carries, planned.about) {
            (Carries::Tag, _) => item.value as usize,
            (_, Level::Request) => 0,
            (_, Level::Row | Level::Tag) => item.row as usize,
        };
        let bit = (usize::from(item.effect) * self.rows + place) * 2 + item.cause as usize;
        let Some(bits) = self.bits.get_mut(bit / 64) else { return true };
        let known = *bits >> (bit % 64) & 1;
        *bits |= 1 << (bit % 64);
        known == 0
    }
}

/// Vetoes of tags by the tags' names. Those of one tag share the name.
fn vetoes_of_tags(batch: &Batch, raw: &mut Vec<(u32, RuleRef)>) -> Vec<VetoItem> {
    raw.sort_unstable();
    raw.dedup();
    let of_one = raw.chunk_by(|a, b| a.0 == b.0).flat_map(|own| {
        let feature: Arc<str> = format!("tag:{}", batch.row_id("tags.tag_id", own[0].0)).into();
        own.iter().map(move |(_, rule)| VetoItem { feature: Arc::clone(&feature), rule: *rule })
    });
    of_one.collect()
}

/// The verdict on every tag: its strongest action, and its reasons by rule id, each rule once.
fn tag_verdicts(set: &PolicySet, tags: usize, raw: &mut [(u32, RuleRef, TagAction, Cause)]) -> Vec<TagVerdict> {
    let mut verdicts = vec![TagVerdict { action: TagAction::Keep, reasons: Vec::new() }; tags];
    raw.sort_by_key(|(tag, rule, action, cause)| (*tag, set.rank(*rule), *rule, Reverse((*action, *cause))));
    for (tag, rule, action, cause) in raw {
        let Some(verdict) = verdicts.get_mut(*tag as usize) else { continue };
        verdict.action = verdict.action.max(*action);
        if verdict.reasons.last().is_none_or(|(last, ..)| last != rule) {
            verdict.reasons.push((*rule, *action, *cause));
        }
    }
    verdicts
}

/// Reasons row by row, in a row by rule id, each rule once with its strongest effect; and the range of each row's reasons.
fn by_row(raw: &[(u32, u32, Reason)], rows: usize) -> (Vec<Reason>, Vec<Range<usize>>) {
    // A row has few reasons and a list may have very many, so they are dealt out to their rows and sorted there.
    let mut ends = vec![0u32; rows];
    raw.iter().for_each(|(row, ..)| ends[*row as usize] += 1);
    let mut start = 0;
    for end in &mut ends {
        start += std::mem::replace(end, start);
    }
    let mut dealt = vec![0u32; raw.len()];
    for (index, (row, ..)) in raw.iter().enumerate() {
        let end = &mut ends[*row as usize];
        dealt[*end as usize] = index as u32;
        *end += 1;
    }
    let mut reasons: Vec<Reason> = Vec::with_capacity(raw.len());
    let mut start = 0;
    let spans = ends.into_iter().map(|end| {
        let own = &mut dealt[start..end as usize];
        start = end as usize;
        own.sort_unstable_by_key(|index| {
            let (_, rank, reason) = &raw[*index as usize];
            (*rank, reason.rule)
        });
        let first = reasons.len();
        for index in own {
            let reason = raw[*index as usize].2;
            match reasons[first..].last_mut() {
                Some(last) if last.rule == reason.rule => {
                    last.effect = last.effect.max(reason.effect);
                    last.cause = last.cause.max(reason.cause);
                }
                _ => reasons.push(reason),
            }
        }
        first..reasons.len()
    });
    let spans = spans.collect();
    (reasons, spans)
}

/// What an effect says of a row; none for one that is not about a row's verdict.
fn judgement_of(planned: &PlannedEffect, value: i64) -> Option<Judgement> {
    let demoted = |weight| Judgement { demotion: Some(weight), must_demote: planned.must, ..Judgement::ALLOW };
    match &planned.effect {
        EffectPlan::Label(label) => Some(Judgement { labels: 1 << label, ..Judgement::ALLOW }),
        EffectPlan::Demote(weight) => Some(demoted(*weight)),
        EffectPlan::DemoteComputed => Some(demoted(value as u32)),
        EffectPlan::Block(hold) => Some(Judgement { block: Some(*hold), ..Judgement::ALLOW }),
        _ => None,
    }
}

/// What a rule's obligation, veto or violation is about.
fn target(level: Level, row: u32) -> Target {
    match (level, row) {
        (_, REQUEST_ROW) | (Level::Request, _) => Target::Request,
        (Level::Row, row) => Target::Candidate(row),
        (Level::Tag, row) => Target::Tag(row),
    }
}

/// A stage's name on the wire.
pub(crate) fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Candidate => "candidate",
        Stage::Slate => "slate",
    }
}

/// The wire name of a hold.
pub(crate) fn hold_name(hold: Block) -> &'static str {
    match hold {
        Block::None => "none",
        Block::HumanReview => "human_review",
        Block::LabelFirst => "label_first",
    }
}

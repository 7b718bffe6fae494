//! Merging answers: each is checked whole, then added; the order in which modules answer leaves no trace.

use std::ops::Range;

use normgate_contract::{Block, Level, REQUEST_ROW, Stage, TagAction};

use crate::batch::Batch;
use crate::bindings::exports::normgate::policy::judging::Answer;
use crate::outcome::{
    Cause, ConstraintItem, Failure, ObligationItem, Reason, ShadowItem, TagVerdict, Target, VetoItem,
};
use crate::plan::{ArgumentValue, EffectPlan};
use crate::policy_set::{FILING, Fallback, HOST_FAILURE, Loaded, PolicySet, Resolved, RuleRef};
use crate::sandbox::FailureKind;
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
    /// Blocks and demotions that an emergency row was spared.
    spared: Vec<(u32, RuleRef)>,
    /// Rules that an emergency row keeps from acting, whether or not something else does too.
    exempted: Vec<RuleRef>,
    pub(crate) judgements: Vec<Judgement>,
    raw_reasons: Vec<(u32, u32, Reason)>,
    tags: Vec<TagVerdict>,
    obligations: Vec<ObligationItem>,
    vetoes: Vec<VetoItem>,
    constraints: Vec<ConstraintItem>,
    promote: Vec<(Target, RuleRef)>,
    violations: Vec<(Target, RuleRef, Cause)>,
    shadow: Vec<ShadowItem>,
    pub(crate) failures: Vec<Failure>,
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
            spared: Vec::new(),
            exempted: Vec::new(),
            judgements: vec![Judgement::ALLOW; batch.candidates()],
            raw_reasons: Vec::new(),
            tags: vec![TagVerdict { action: TagAction::Keep, reasons: Vec::new() }; batch.tags()],
            obligations: Vec::new(),
            vetoes: Vec::new(),
            constraints: Vec::new(),
            promote: Vec::new(),
            violations: Vec::new(),
            shadow: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Adds a module's answer. `rows` maps the call's candidate rows to the request's; none = they are the same.
    ///
    /// One item that is out of bounds fails the whole answer: the module is not what it says it is, and nothing of it is
    /// used. What a module says with a rule that it was not asked about is beyond its right; that is dropped alone, and comes
    /// back as a sentence.
    pub(crate) fn add(
        &mut self,
        policy: u16,
        resolved: &Resolved,
        stage: Stage,
        parts: &[Part],
        rows: Option<&[u32]>,
        answer: &Answer,
    ) -> Result<Option<String>, String> {
        let loaded = &self.set.policies[usize::from(policy)];
        let effects = &resolved.plan.effects;
        #[cfg(feature = "weakened")]
        let answer = &crate::sandbox::weakened::misplaced(answer, rows.map_or(self.batch.candidates(), <[u32]>::len));
        self.check(loaded, effects, rows, answer)?;
        let mut beyond = None;
        for (index, &row) in answer.rows.iter().enumerate() {
            let (rule, effect) = &effects[usize::from(answer.effects[index])];
            let cause = if answer.missing[index] == 1 { Cause::MissingInput } else { Cause::Fact };
            let reference = RuleRef { policy, rule: *rule };
            let row = match rows {
                Some(map) if row != REQUEST_ROW && loaded.level(*rule) != Level::Tag => map[row as usize],
                _ => row,
            };
            match parts[usize::from(*rule)] {
                Part::Silent => {
                    let declared = &loaded.module.manifest.rules[usize::from(*rule)];
                    if declared.stage != stage {
                        beyond.get_or_insert_with(|| format!("{} belongs to the other stage", declared.id));
                    }
                }
                Part::Shadow => self.add_shadow(loaded, reference, effect, row, answer.values[index]),
                Part::Enforced => {
                    if self.observed {
                        self.add_shadow(loaded, reference, effect, row, answer.values[index]);
                    }
                    self.apply(loaded, reference, effect, row, answer.values[index], cause);
                }
            }
        }
        Ok(beyond)
    }

    fn check(
        &self,
        loaded: &Loaded,
        effects: &[(u16, EffectPlan)],
        rows: Option<&[u32]>,
        answer: &Answer,
    ) -> Result<(), String> {
        let items = answer.rows.len();
        if [answer.effects.len(), answer.values.len(), answer.missing.len()] != [items; 3] {
            return Err("the lists of the answer differ in length".into());
        }
        let candidates = rows.map_or(self.batch.candidates(), <[u32]>::len);
        let tags = self.batch.tags();
        for index in 0..items {
            let (row, effect, value) = (answer.rows[index], answer.effects[index], answer.values[index]);
            let Some((rule, plan)) = effects.get(usize::from(effect)) else {
                return Err(format!("item {index} names effect {effect} of {}", effects.len()));
            };
            let level = loaded.level(*rule);
            let fits = match plan {
                EffectPlan::Label(_)
                | EffectPlan::Demote(_)
                | EffectPlan::DemoteComputed
                | EffectPlan::Block(_)
                | EffectPlan::Promote => (row as usize) < candidates,
                EffectPlan::Tag(_) => (row as usize) < tags,
                EffectPlan::Constraint(..) => row == REQUEST_ROW,
                EffectPlan::Dropped => true,
                _ => match level {
                    Level::Row => (row as usize) < candidates,
                    Level::Tag => (row as usize) < tags,
                    Level::Request => row == REQUEST_ROW,
                },
            };
            if !fits {
                return Err(format!("item {index} names row {row}, which effect {effect} cannot have"));
            }
            let value_fits = match plan {
                EffectPlan::DemoteComputed => (0..=i64::from(FULL_WEIGHT)).contains(&value),
                EffectPlan::VetoTag => usize::try_from(value).is_ok_and(|tag| tag < tags),
                _ => true,
            };
            if !value_fits {
                return Err(format!("item {index} carries value {value}, which effect {effect} cannot have"));
            }
            if answer.missing[index] > 1 {
                return Err(format!("item {index} has a missing-input flag of {}", answer.missing[index]));
            }
        }
        Ok(())
    }

    fn exempt(&self, loaded: &Loaded, rule: u16, row: u32) -> bool {
        self.emergency.get(row as usize) == Some(&true)
            && !loaded.module.manifest.rules[usize::from(rule)].binds_emergency
    }

    fn apply(&mut self, loaded: &Loaded, rule: RuleRef, effect: &EffectPlan, row: u32, value: i64, cause: Cause) {
        let target = target(loaded.level(rule.rule), row);
        if let Some(judgement) = judgement_of(effect, value) {
            return self.judge(loaded, rule, row, cause, judgement);
        }
        match effect {
            EffectPlan::Tag(action) => {
                let tag = &mut self.tags[row as usize];
                tag.action = tag.action.max(*action);
                tag.reasons.push((rule, *action, cause));
            }
            EffectPlan::Obligation(plan) => {
                let args = match (&plan.args, plan.computed) {
                    (Some(args), Some(computed)) => {
                        let mut args = args.to_vec();
                        args[computed].1 = ArgumentValue::Number(value);
                        Some(args.into())
                    }
                    (args, _) => args.clone(),
                };
                self.obligations.push(ObligationItem {
                    code: plan.code,
                    target: if plan.about_request { Target::Request } else { target },
                    rule,
                    deadline_s: plan.deadline_s,
                    retain_d: plan.retain_d,
                    args,
                });
            }
            EffectPlan::Veto(feature) => self.vetoes.push(VetoItem { feature: feature.clone(), rule }),
            EffectPlan::VetoTag => {
                let feature = format!("tag:{}", self.batch.row_id("tags.tag_id", value as u32));
                self.vetoes.push(VetoItem { feature, rule });
            }
            EffectPlan::Violation => self.violations.push((target, rule, cause)),
            EffectPlan::Promote => self.promote.push((Target::Candidate(row), rule)),
            EffectPlan::Constraint(constraint, count, slots) => self.constraints.push(ConstraintItem {
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

    fn judge(&mut self, loaded: &Loaded, rule: RuleRef, row: u32, cause: Cause, judgement: Judgement) {
        let effect = judgement.action();
        if effect >= Action::Demote && self.exempt(loaded, rule.rule, row) {
            self.spared.push((row, rule));
            self.exempted.push(rule);
            return;
        }
        let known = &mut self.judgements[row as usize];
        *known = known.join(judgement);
        self.raw_reasons.push((row, loaded.rank[usize::from(rule.rule)], Reason { rule, effect, cause }));
    }

    fn add_shadow(&mut self, loaded: &Loaded, rule: RuleRef, effect: &EffectPlan, row: u32, value: i64) {
        let level = loaded.level(rule.rule);
        let judgement = judgement_of(effect, value).unwrap_or(Judgement::ALLOW);
        let on_row = Target::Candidate(row);
        let (target, kind, value) = match effect {
            EffectPlan::Label(label) => (on_row, "label", self.batch.vocabulary.labels[usize::from(*label)].clone()),
            EffectPlan::Demote(weight) => (on_row, "demote", weight.to_string()),
            EffectPlan::DemoteComputed => (on_row, "demote", value.to_string()),
            EffectPlan::Block(hold) => (on_row, "block", hold_name(*hold).to_owned()),
            EffectPlan::Tag(action) => (Target::Tag(row), "tag", format!("{action:?}").to_lowercase()),
            EffectPlan::Obligation(plan) => {
                let about = if plan.about_request { Target::Request } else { target(level, row) };
                (about, "obligation", self.batch.vocabulary.obligations[usize::from(plan.code)].clone())
            }
            EffectPlan::Veto(feature) => (Target::Request, "veto", feature.clone()),
            EffectPlan::VetoTag => {
                (Target::Request, "veto", format!("tag:{}", self.batch.row_id("tags.tag_id", value as u32)))
            }
            EffectPlan::Violation => (target(level, row), "violation", String::new()),
            EffectPlan::Promote => (on_row, "promote", String::new()),
            EffectPlan::Constraint(constraint, ..) => (Target::Request, "constraint", constraint.kind.clone()),
            EffectPlan::Dropped => return,
        };
        if matches!(kind, "demote" | "block") && self.exempt(loaded, rule.rule, row) {
            self.exempted.push(rule);
            return;
        }
        self.shadow.push(ShadowItem { rule, target, effect: kind, value, judgement });
    }

    /// Applies a failed module's fallback to the rows that it was asked about, and records the failure.
    pub(crate) fn fail(
        &mut self,
        policy: u16,
        stage: Stage,
        fallback: Fallback,
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
            for &row in rows.unwrap_or(&all) {
                let rule = RuleRef { policy, rule: HOST_FAILURE };
                if self.emergency[row as usize] {
                    self.spared.push((row, rule));
                    continue;
                }
                let known = &mut self.judgements[row as usize];
                *known = known.join(judgement);
                self.raw_reasons.push((
                    row,
                    u32::MAX,
                    Reason { rule, effect: judgement.action(), cause: Cause::MissingInput },
                ));
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
        self.violations.push((Target::Request, rule, Cause::Fact));
    }

    /// Has the number of the provider's filing displayed (Art 26); `code` is the obligation to do so.
    pub(crate) fn owe_filing_number(&mut self, code: u16) {
        let rule = RuleRef { policy: 0, rule: FILING };
        let (target, deadline_s, retain_d, args) = (Target::Request, None, None, None);
        self.obligations.push(ObligationItem { code, target, rule, deadline_s, retain_d, args });
    }

    /// Sorts and joins what was said, so that nothing remembers who spoke first.
    pub(crate) fn finish(mut self) -> Merged {
        if self.observed {
            self.forget();
        }
        let id = |rule: RuleRef| self.set.rule_id(rule);
        let (reasons, spans) = by_row(&self.raw_reasons, self.judgements.len());
        for tag in &mut self.tags {
            tag.reasons.sort_by(|a, b| id(a.0).cmp(id(b.0)).then(b.1.cmp(&a.1)).then(b.2.cmp(&a.2)));
            tag.reasons.dedup_by(|later, first| later.0 == first.0);
        }
        // Dense lists owe thousands of things: these are sorted by numbers, and names are looked up when they are written.
        let set = self.set;
        let rank = |rule: RuleRef| set.rank(rule);
        self.obligations.sort_by_cached_key(|o| (set.obligation_rank[usize::from(o.code)], o.target, rank(o.rule)));
        self.obligations.dedup_by(|later, first| {
            let same = (later.code, later.target, later.rule) == (first.code, first.target, first.rule);
            if same {
                first.deadline_s = [first.deadline_s, later.deadline_s].into_iter().flatten().min();
                first.retain_d = first.retain_d.max(later.retain_d);
                first.args = first.args.take().min(later.args.take());
            }
            same
        });
        self.vetoes.sort_by(|a, b| (&a.feature, id(a.rule)).cmp(&(&b.feature, id(b.rule))));
        self.vetoes.dedup();
        self.constraints.sort_by(|a, b| (&a.kind, &a.codes, id(a.rule)).cmp(&(&b.kind, &b.codes, id(b.rule))));
        self.constraints.dedup();
        self.promote.sort_by_key(|(target, rule)| (*target, rank(*rule)));
        self.promote.dedup();
        self.violations.sort_by_cached_key(|(target, rule, cause)| (*target, rank(*rule), std::cmp::Reverse(*cause)));
        self.violations.dedup_by(|later, first| (later.0, later.1) == (first.0, first.1));
        self.shadow.sort_by(|a, b| {
            (a.effect, a.target, rank(a.rule), &a.value).cmp(&(b.effect, b.target, rank(b.rule), &b.value))
        });
        self.shadow.dedup();
        self.spared.sort_by_key(|(row, rule)| (*row, id(*rule), rule.policy));
        self.spared.dedup();
        self.exempted.sort_unstable();
        self.exempted.dedup();
        Merged {
            reasons,
            spans,
            judgements: self.judgements,
            tags: self.tags,
            obligations: self.obligations,
            vetoes: self.vetoes,
            constraints: self.constraints,
            promote: self.promote,
            violations: self.violations,
            shadow: self.shadow,
            failures: self.failures,
            spared: self.spared,
            exempted: self.exempted,
        }
    }

    /// Takes back everything that would be applied. What was decided stays in `shadow`: it was decided as if it were applied,
    /// stage by stage, so it is what enforcing would have done.
    fn forget(&mut self) {
        self.judgements.fill(Judgement::ALLOW);
        self.raw_reasons.clear();
        self.tags.fill(TagVerdict { action: TagAction::Keep, reasons: Vec::new() });
        self.obligations.clear();
        self.vetoes.clear();
        self.constraints.clear();
        self.promote.clear();
        self.violations.clear();
        self.spared.clear();
        for failure in &mut self.failures {
            failure.applied = "allow";
        }
    }
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
fn judgement_of(effect: &EffectPlan, value: i64) -> Option<Judgement> {
    match effect {
        EffectPlan::Label(label) => Some(Judgement { labels: 1 << label, ..Judgement::ALLOW }),
        EffectPlan::Demote(weight) => Some(Judgement { demotion: Some(*weight), ..Judgement::ALLOW }),
        EffectPlan::DemoteComputed => Some(Judgement { demotion: Some(value as u32), ..Judgement::ALLOW }),
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

//! Judging one request in one generation: what is in force, every module asked in both stages, what they say merged.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use normgate_contract::{Block, Law, Owner, Rule, Stage};
use tracing::warn;

use crate::batch::Batch;
use crate::bindings::exports::normgate::policy::judging;
use crate::breaker::Admission;
use crate::canary::Draws;
use crate::config::Mode;
use crate::expiry::Expiry;
use crate::generation::Generation;
use crate::merge::{Merge, Part, stage_name};
use crate::notice::Notice;
use crate::notices;
use crate::order::{self, Order};
use crate::outcome::{Cause, Draw, Outcome, Reason, Scope, Verdict};
use crate::overrides::Override;
use crate::plan::Scratch;
use crate::policy_set::{HOST_INPUT, LOOSENING, Loaded, PolicySet, Resolved, RuleRef, begun, in_force};
use crate::purse::{self, Purse, Purses, scaled};
use crate::record::{Circumstances, Disturbance};
use crate::sandbox::{Allowance, FailureKind, Used, WEAKENED};
use crate::stats::Health;
use crate::verdict::{Action, Judgement};

/// How many times as long judging again may take: whoever does it has another machine, and nobody waits for the answer.
const AGAIN: u32 = 20;

/// Items that an answer may have for every row of its call, the request being one. Of what we ship none says more than fourteen
/// things of one row, so an honest answer does not meet it; and what is kept of an answer stays below two kilobytes a row.
const ITEMS_A_ROW: usize = 16;
/// Items that it may have besides, for short lists.
const ITEMS_BESIDES: usize = 1_024;

impl Generation {
    /// Judges one request. It cannot fail as a whole: what went wrong is data in the outcome. What modules do is counted in
    /// `health`, one for each policy of the set.
    pub(crate) fn judge(
        &self,
        request: &Batch,
        overrides: &[Override],
        expiries: &[Expiry],
        health: &[Arc<Health>],
    ) -> Outcome {
        let clock_ms = self.clock_ms();
        let overrides = overrides.iter().filter(|entry| entry.in_force(clock_ms)).cloned().collect();
        let stale = expiries.iter().filter_map(|expiry| expiry.notice(clock_ms));
        let switched = self.switched_at(clock_ms).iter().cloned();
        let behind = notices::clock_behind((self.clock)(), clock_ms);
        let notices = self.notices.iter().cloned().chain(switched).chain(stale).chain(behind).collect();
        let circumstances =
            Circumstances { clock_ms, as_of: self.as_of, notices, overrides, ..Circumstances::default() };
        self.judge_under(request, circumstances, health, self.sandbox.patience())
    }

    /// Judges a request as it was judged under recorded circumstances: by that clock or day, by the canaries' draws, with the
    /// calls that were disturbed then failing in the same way, and with no breaker. Nothing is counted.
    pub fn replay(&self, request: &Batch, circumstances: &Circumstances) -> Outcome {
        let health = Health::of(&self.set, self.breaker);
        self.judge_under(request, circumstances.clone(), &health, AGAIN * self.sandbox.patience())
    }

    /// The id that a decision of this generation on a request has: [`Outcome::decision_id`] without judging.
    pub fn decision_id(&self, request: &Batch) -> String {
        match &self.facts {
            Some(facts) => self.set.decision_id(&facts.apply(request).0),
            None => self.set.decision_id(request),
        }
    }

    /// Calls that are disturbed in `circumstances` fail as they did then; what is disturbed now is added there. Calls may take
    /// `patience` times as long as usual.
    fn judge_under(
        &self,
        request: &Batch,
        circumstances: Circumstances,
        health: &[Arc<Health>],
        patience: u32,
    ) -> Outcome {
        // 1. The facts as the operator stated them, and what is in force.
        let (whole, mut notices) = match &self.facts {
            Some(facts) => facts.apply(request),
            None => (request.clone(), Vec::new()),
        };
        // Candidates that are withheld for what they were sent as are seen by nobody.
        let batch = &*whole.judged();
        notices.extend(notices::amiss(&whole));
        notices.extend(notices::age_contradiction(batch));
        let scope = scope(batch);
        let (at_ms, by_clock) = (circumstances.at_ms(), circumstances.as_of.is_none());
        let turn = Turn::new(self, batch, scope, circumstances, health, patience, &mut notices);
        let observed = self.set.chosen.observed_until.is_some_and(|day| at_ms < day.start_ms());
        let emergency = emergency(batch);
        let mut merge = Merge::new(&self.set, batch, &emergency, observed);
        self.loosening(&turn, &mut merge, &mut notices);
        self.sandbox.wake();

        // 2. Candidate stage: every module judges rows and tags, free of any order.
        self.stage(Stage::Candidate, batch, None, &turn, &mut merge);

        // 3. Slate stage: the rows that are left, in the order that the first stage made. It runs also when none is left, but
        //    not when none was sent: then there is nothing to arrange.
        let slate_asked = batch.candidates() > 0
            && (self.set.policies[..self.set.judging].iter().zip(&turn.parts))
                .any(|(policy, parts)| parts.is_some() && policy.has_stage(Stage::Slate));
        if slate_asked {
            let (order, slate) = slate(batch, &merge, &self.set);
            self.stage(Stage::Slate, &slate, Some(&order), &turn, &mut merge);
        }

        turn.conclude(&self.set);

        // 4. The final order, and the outcome.
        if scope == Scope::In
            && let Some(code) = self.filing
        {
            merge.owe_filing_number(code);
        }
        let mut merged = merge.finish();
        let order = Order::of(batch, &merged.judgements, self.set.chosen.order);
        let (rows, shown) = order.rows();
        notices.extend(order.not_applied(&rows));
        notices.extend((scope == Scope::Out).then(|| notices::scope_contradiction(batch)).flatten());
        notices.extend(by_clock.then(|| notices::clock(batch, at_ms)).flatten());
        notices.extend(self.set.chosen.observed_until.filter(|_| observed).map(notices::observed));
        notices.extend(notices::emergencies(&self.set, batch, &emergency, &merged.spared));
        let circumstances = turn.circumstances.into_inner();
        notices.extend(circumstances.notices.iter().cloned());
        let mut verdicts: Vec<Verdict> = rows
            .into_iter()
            .map(|row| Verdict {
                row,
                judgement: merged.judgements[row as usize],
                reasons: merged.spans[row as usize].clone(),
            })
            .collect();
        let withheld = batch.candidates() as u32..whole.candidates() as u32;
        verdicts.extend(withheld.map(|row| unread(row, &mut merged.reasons)));
        let mut outcome = Outcome {
            set: Arc::clone(&self.set),
            generation: self.label.clone(),
            batch: whole.clone(),
            circumstances,
            scope,
            shown,
            verdicts,
            reasons: merged.reasons,
            tags: merged.tags,
            obligations: merged.obligations,
            vetoes: merged.vetoes,
            constraints: merged.constraints,
            promote: merged.promote,
            violations: merged.violations,
            shadow: merged.shadow,
            exempted: merged.exempted,
            failures: merged.failures,
            draws: turn.draws,
            notices,
        };
        outcome.notices.extend(outcome.unmet_by_pins());
        outcome
    }

    /// A sector norm that would loosen a parameter: a finding where the parameter is the law's, else a notice.
    fn loosening(&self, turn: &Turn<'_>, merge: &mut Merge<'_>, notices: &mut Vec<Notice>) {
        for policy in &self.set.policies[..self.set.judging] {
            for (norm, looser) in policy.looser.iter().filter(|(norm, _)| turn.adopted[usize::from(*norm)]) {
                if looser.owner == Owner::Law {
                    merge.find(RuleRef { policy: *norm, rule: LOOSENING });
                }
                notices.push(notices::loosening(self.set.policy_reference(*norm), looser));
            }
        }
    }

    /// Asks every module that has rules of the stage: those that act in it, and then those that are only observed.
    fn stage(&self, stage: Stage, batch: &Batch, rows: Option<&[u32]>, turn: &Turn<'_>, merge: &mut Merge<'_>) {
        for index in self.turns(stage, turn) {
            let policy = &self.set.policies[index];
            let Some(parts) = &turn.parts[index] else { continue };
            let parts = parts_in(policy, stage, parts);
            let Err(failure) = self.consult(index, stage, batch, rows, &parts, turn, merge) else { continue };
            turn.health[index].told(&policy.module.manifest.reference(), &failure);
            // The last good version, if there is one; else what the failure policy says.
            let enforced = parts.contains(&Part::Enforced);
            let stand_in = (self.set.policies[self.set.judging..].iter())
                .position(|old| enforced && old.module.manifest.id == policy.module.manifest.id)
                .map(|position| self.set.judging + position);
            let stood_in = stand_in.is_some_and(|stand_in| {
                let Some(parts) = &turn.parts[stand_in] else { return false };
                let parts = parts_in(&self.set.policies[stand_in], stage, parts);
                self.consult(stand_in, stage, batch, rows, &parts, turn, merge).is_ok()
            });
            if stood_in {
                merge.record(index as u16, stage, "last_good", failure);
            } else {
                let clock_ms = turn.circumstances.borrow().clock_ms;
                let on_failure = self.set.chosen.on_failure.of(&policy.module.manifest, failure.0, clock_ms);
                let resolved = policy.under(&turn.adopted);
                let fallback = policy.fallback(on_failure, resolved, |rule| parts[rule] == Part::Enforced);
                merge.fail(index as u16, stage, fallback, resolved, rows, failure);
            }
        }
    }

    /// The modules that are asked in a stage, in the order in which they are.
    fn turns(&self, stage: Stage, turn: &Turn<'_>) -> impl Iterator<Item = usize> {
        let turns = || self.set.turns.iter().map(|index| usize::from(*index));
        let acts = move |index: usize| {
            let policy = &self.set.policies[index];
            let parts = turn.parts[index].as_ref().filter(|_| policy.has_stage(stage))?;
            let rules = policy.module.manifest.rules.iter().zip(parts);
            Some(rules.filter(|(rule, _)| rule.stage == stage).any(|(_, part)| *part == Part::Enforced))
        };
        let those = move |acting: bool| turns().filter(move |index| acts(*index) == Some(acting));
        those(true).chain(those(false))
    }

    /// Asks one module, unless its breaker is open or its time is over, and merges what it says.
    #[expect(clippy::too_many_arguments, reason = "one call's whole context, named")]
    fn consult(
        &self,
        index: usize,
        stage: Stage,
        batch: &Batch,
        rows: Option<&[u32]>,
        parts: &[Part],
        turn: &Turn<'_>,
        merge: &mut Merge<'_>,
    ) -> Result<(), (FailureKind, String)> {
        let (policy, health) = (&self.set.policies[index], &turn.health[index]);
        let purse = turn.purses.of(policy.authority, parts.contains(&Part::Enforced));
        let before = std::mem::replace(&mut turn.standings.borrow_mut()[index], Standing::Failed);
        let unharmed = !matches!(before, Standing::Failed);
        if let Some(known) = turn.disturbed(policy, stage) {
            purse.spend(known.fuel);
            return Err((known.kind, known.message));
        }
        let Some(wall) = turn.purses.time(purse) else {
            health.failed(FailureKind::Deadline);
            let message = "not asked: the time for this request is over".to_owned();
            return Err(turn.disturb(policy, stage, 0, (FailureKind::Deadline, message)));
        };
        let admission = match before {
            Standing::Heard(admission) => Ok(admission),
            Standing::Unasked | Standing::Failed => health.breaker.admit(Instant::now),
        };
        let admission = admission.map_err(|kind| {
            let message = "not asked: it failed too often in a row, and is tried again after a while".to_owned();
            turn.disturb(policy, stage, 0, (kind, message))
        })?;
        let resolved = policy.under(&turn.adopted);
        let values = turn.values[index];
        let begin = Instant::now();
        let turn_of_it = || {
            let leave = Leave { values, purse, patience: turn.patience, wall };
            let (answer, used) = self.ask(policy, resolved, stage, batch, parts, leave);
            let read = answer.and_then(|answer| {
                let read = merge.read(index as u16, resolved, stage, parts, rows, &answer);
                read.map_err(|message| (FailureKind::Garbage, message))
            });
            (read, used, begin.elapsed())
        };
        // Nothing of an answer counts before it is accepted, so a panic leaves nothing behind. What it used is not known; the time
        // that reporting it took is nobody's.
        let (read, used, took) = catch_unwind(AssertUnwindSafe(turn_of_it)).unwrap_or_else(|_| {
            let message = "the host stopped in the middle of its turn; this is a fault of the host".to_owned();
            let units = scaled(self.fuel_of(policy), values);
            (Err((FailureKind::Trap, message)), Used { units, ..Used::default() }, Duration::ZERO)
        });
        if read.is_ok() {
            merge.accept();
        }
        health.called(took, used.units);
        purse.spend(used.units);
        turn.purses.pass(purse, took);
        // What a long list does to a module is no fault of the module; an ordinary one that is slow costs everybody who waits.
        let ordinary = values <= purse::ORDINARY;
        match read {
            Ok(beyond) => {
                if used.slow && ordinary {
                    leave_out_for_now(policy, admission, FailureKind::Deadline);
                } else if unharmed {
                    turn.standings.borrow_mut()[index] = Standing::Heard(admission);
                }
                if let Some(message) = beyond {
                    health.failed(FailureKind::Grant);
                    merge.record(index as u16, stage, "dropped", (FailureKind::Grant, message));
                }
                Ok(())
            }
            Err(failure) => {
                health.failed(failure.0);
                if failure.0.is_its_own() && ordinary {
                    leave_out_for_now(policy, admission, failure.0);
                }
                Err(match failure.0 {
                    FailureKind::Deadline | FailureKind::Overload | FailureKind::Host => {
                        turn.disturb(policy, stage, used.units, failure)
                    }
                    _ => failure,
                })
            }
        }
    }

    /// Units of work that one call of a module may use on a list without values.
    fn fuel_of(&self, policy: &Loaded) -> u64 {
        let limit = self.sandbox.limits().fuel;
        policy.granted.fuel.map_or(limit, |granted| granted.min(limit))
    }

    fn ask(
        &self,
        policy: &Loaded,
        resolved: &Resolved,
        stage: Stage,
        batch: &Batch,
        parts: &[Part],
        leave: Leave<'_>,
    ) -> (Result<judging::Answer, (FailureKind, String)>, Used) {
        thread_local! {
            static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
        }
        let limits = self.sandbox.limits();
        let used_up = || {
            let authority = policy.module.manifest.authority();
            Err((FailureKind::Budget, format!("the work of `{authority}` in this request is used up")))
        };
        let Some((own, fuel)) = leave.purse.fuel(scaled(self.fuel_of(policy), leave.values)) else {
            return (used_up(), Used::default());
        };
        let mut enforced = vec![0u8; parts.len().div_ceil(8)];
        for (rule, _) in parts.iter().enumerate().filter(|(_, part)| **part == Part::Enforced) {
            enforced[rule / 8] |= 1 << (rule % 8);
        }
        let items = ITEMS_A_ROW * (batch.candidates() + batch.tags() + 1) + ITEMS_BESIDES;
        let limit = policy.granted.memory.unwrap_or(usize::MAX).min(limits.memory);
        let (memory, counts) = purse::reserved(policy.compiled.initial.min(limit), purse::memory(limit, leave.values));
        let allowance = Allowance {
            fuel: (fuel / counts).max(1),
            memory,
            // An item takes 4 + 2 + 8 + 1 bytes.
            output: items * 15 + 4_096,
            processor: purse::time(scaled(limits.deadline_ticks, leave.values)).saturating_mul(leave.patience),
            wall: leave.wall,
        };
        let (answer, used) = SCRATCH.with_borrow_mut(|scratch| {
            let lowered = resolved.plan.lower(batch, scratch);
            let ask = || {
                lowered.with_call(stage, &enforced, &resolved.parameters, |call| {
                    self.sandbox.ask(&policy.compiled, call, allowance)
                })
            };
            match ask() {
                // What the host lacked it may have by now; the module had no turn.
                (Err((kind, _)), _) if kind.is_hosts() => ask(),
                asked => asked,
            }
        });
        let used = Used { units: used.units.saturating_mul(counts), ..used };
        let answer = match answer {
            Err((FailureKind::Fuel, _)) if fuel < own => used_up(),
            Ok(answer) if answer.rows.len() > items && !WEAKENED => {
                Err((FailureKind::Output, format!("{} items; at most {items} make sense here", answer.rows.len())))
            }
            answer => answer,
        };
        (answer, used)
    }
}

/// Counts a failure towards a module's breaker, and says so where that opens it.
fn leave_out_for_now(policy: &Loaded, admission: Admission<'_>, kind: FailureKind) {
    if let Some(backoff) = admission.failed(kind, Instant::now()) {
        warn!(
            policy = policy.module.manifest.reference(),
            kind = kind.name(),
            backoff_ms = backoff.as_millis() as u64,
            "breaker open: the module is left out for now"
        );
    }
}

/// What one call may use.
struct Leave<'t> {
    /// Values that the module is handed.
    values: u64,
    purse: &'t Purse,
    patience: u32,
    /// Time that is left by the clock on the wall.
    wall: Duration,
}

/// How a module stands in one request. It has worked when every stage of it was heard, and no sooner.
enum Standing<'t> {
    Unasked,
    Heard(Admission<'t>),
    /// Or it was not heard in some stage.
    Failed,
}

/// What one request settles before any module is asked.
struct Turn<'t> {
    /// Where what each module does is counted.
    health: &'t [Arc<Health>],
    /// How each rule takes part, module by module; none = the module has nothing to do here.
    parts: Vec<Option<Vec<Part>>>,
    /// On which side of a canary the user is, module by module.
    draws: Vec<Draw>,
    /// Whether each module is a sector norm that the provider adopted, and in force.
    adopted: Vec<bool>,
    /// Values that each module is handed, at most; 0 where it has nothing to do.
    values: Vec<u64>,
    /// Work and time that are left.
    purses: Purses,
    /// How many times as long as usual calls may take.
    patience: u32,
    /// How each module stands with its breaker.
    standings: RefCell<Vec<Standing<'t>>>,
    /// What the outcome rests on besides: known beforehand, and calls that are disturbed as they are.
    circumstances: RefCell<Circumstances>,
}

impl<'t> Turn<'t> {
    fn new(
        generation: &Generation,
        batch: &Batch,
        scope: Scope,
        mut circumstances: Circumstances,
        health: &'t [Arc<Health>],
        patience: u32,
        notices: &mut Vec<Notice>,
    ) -> Self {
        let set = &generation.set;
        let at_ms = circumstances.at_ms();
        let (drawing, mut draws) = (Draws::new(batch, std::mem::take(&mut circumstances.draws)), Vec::new());
        let parts = set.policies.iter().enumerate().map(|(index, policy)| {
            let manifest = &policy.module.manifest;
            let plan = &policy.resolved[0].plan;
            let asked = (scope == Scope::In || manifest.law == Law::Other)
                && (!generation.applicability || plan.applies(batch));
            let overridden = circumstances.overrides.iter().find(|entry| set.is_covered(entry, manifest));
            if index < set.judging {
                notices.extend(overridden.into_iter().flat_map(|entry| entry.notices(manifest)));
            }
            let off = overridden.is_some_and(|entry| entry.off);
            if !asked || off || set.is_succeeded(policy, &drawing, at_ms) {
                return None;
            }
            let (mut parts, draw) = parts_of(policy, batch, &drawing, at_ms);
            draws.extend(
                draw.filter(|_| index < set.judging)
                    .map(|millionth| Draw { policy: index as u16, hundredth: (millionth / 10_000) as u8 }),
            );
            if overridden.is_some() {
                parts.iter_mut().filter(|part| **part == Part::Enforced).for_each(|part| *part = Part::Shadow);
            }
            parts.iter().any(|part| *part != Part::Silent).then_some(parts)
        });
        let parts: Vec<_> = parts.collect();
        let adopted = set.policies.iter().map(|policy| {
            let manifest = &policy.module.manifest;
            // Whoever is overridden has no say over others either.
            !manifest.overlays.is_empty()
                && !circumstances.overrides.iter().any(|entry| set.is_covered(entry, manifest))
                && policy.is_released(&drawing)
                && !set.is_succeeded(policy, &drawing, at_ms)
                && in_force(manifest.effective_from, manifest.effective_until, at_ms)
                && adopted(policy, batch)
        });
        let adopted: Vec<bool> = adopted.collect();
        let tightening = set.tightening.iter().filter(|(norm, _)| adopted[usize::from(*norm)]);
        notices.extend(tightening.map(|(_, notice)| notice.clone()));
        let values = |(policy, parts): (&Loaded, &Option<Vec<Part>>)| {
            parts.as_ref().map_or(0, |_| policy.resolved[0].plan.values(batch))
        };
        let values: Vec<u64> = set.policies.iter().zip(&parts).map(values).collect();
        let purses = Purses::new(set, generation.sandbox.limits(), &values, patience);
        circumstances.draws = drawing.into_known();
        let circumstances = RefCell::new(circumstances);
        let standings = RefCell::new(set.policies.iter().map(|_| Standing::Unasked).collect());
        Self { health, parts, draws, adopted, values, purses, patience, standings, circumstances }
    }

    /// Counts the modules that worked.
    fn conclude(&self, set: &PolicySet) {
        for (policy, standing) in set.policies.iter().zip(self.standings.take()) {
            if let Standing::Heard(admission) = standing
                && let Some(missed) = admission.succeeded()
            {
                let policy = policy.module.manifest.reference();
                warn!(policy, missed, "module works again: its breaker is closed, which kept so many calls from it");
            }
        }
    }

    /// How a call was disturbed, if the circumstances say that it was.
    fn disturbed(&self, policy: &Loaded, stage: Stage) -> Option<Disturbance> {
        let known = &self.circumstances.borrow().disturbed;
        if known.is_empty() {
            return None;
        }
        let module = policy.module.digest_text();
        known.iter().find(|entry| entry.module == module && entry.stage == stage_name(stage)).cloned()
    }

    /// Notes that a call was disturbed.
    fn disturb(
        &self,
        policy: &Loaded,
        stage: Stage,
        fuel: u64,
        (kind, message): (FailureKind, String),
    ) -> (FailureKind, String) {
        self.circumstances.borrow_mut().disturbed.push(Disturbance {
            module: policy.module.digest_text(),
            stage: stage_name(stage).to_owned(),
            kind,
            message: message.clone(),
            fuel,
        });
        (kind, message)
    }
}

/// The parts of the rules of one stage; the others are silent.
fn parts_in(policy: &Loaded, stage: Stage, parts: &[Part]) -> Vec<Part> {
    let rules = &policy.module.manifest.rules;
    (parts.iter().zip(rules)).map(|(part, rule)| if rule.stage == stage { *part } else { Part::Silent }).collect()
}

/// What one module is asked and answers, apart from everything else: for benches, and for holding the sandbox against the
/// same policy compiled natively.
impl Generation {
    /// The calls that `evaluate` makes for a request, in order: module, stage, and the rows that it sees.
    pub(crate) fn calls(&self, request: &Batch) -> Vec<(String, Stage, Batch)> {
        let request = &*request.judged();
        let circumstances = Circumstances { clock_ms: self.clock_ms(), as_of: self.as_of, ..Circumstances::default() };
        let patience = self.sandbox.patience();
        let turn = Turn::new(self, request, scope(request), circumstances, &self.health, patience, &mut Vec::new());
        let emergency = emergency(request);
        let mut merge = Merge::new(&self.set, request, &emergency, false);
        self.stage(Stage::Candidate, request, None, &turn, &mut merge);
        let slate = slate(request, &merge, &self.set).1;
        let asked = |stage: Stage, batch: &Batch| -> Vec<_> {
            let asked = self.turns(stage, &turn).map(|index| self.set.policies[index].module.manifest.module.clone());
            asked.map(|module| (module, stage, batch.clone())).collect()
        };
        let mut calls = asked(Stage::Candidate, request);
        calls.extend(if request.candidates() > 0 { asked(Stage::Slate, &slate) } else { Vec::new() });
        calls
    }

    /// The question of one module in a stage, lent to `f`.
    pub(crate) fn with_call_in<R>(
        &self,
        stage: Stage,
        module: &str,
        batch: &Batch,
        f: impl FnOnce(judging::Call<'_>) -> R,
    ) -> Option<R> {
        let policy = self.loaded(module)?;
        let mut scratch = Scratch::default();
        let Resolved { parameters, plan } = &policy.resolved[0];
        let lowered = plan.lower(batch, &mut scratch);
        let enforced = vec![u8::MAX; policy.module.manifest.rules.len().div_ceil(8)];
        Some(lowered.with_call(stage, &enforced, parameters, f))
    }

    /// The answer to a question that was made by [`Generation::with_call_in`], on a fresh instance: lowering, the call itself,
    /// lifting and the instance's end, and no more.
    pub(crate) fn ask_call(&self, module: &str, call: judging::Call<'_>) -> Option<Result<judging::Answer, String>> {
        let (answer, _) = self.sandbox.ask(&self.loaded(module)?.compiled, call, self.wide());
        Some(answer.map_err(|(_, message)| message))
    }

    /// What the parts of [`Generation::ask_call`] take: making the instance, the call on it, its end.
    pub(crate) fn time_call(&self, module: &str, call: judging::Call<'_>) -> Option<[Duration; 3]> {
        self.sandbox.time(&self.loaded(module)?.compiled, call, self.wide())
    }

    /// No bound on work, and one on time that nothing honest meets.
    fn wide(&self) -> Allowance {
        let limits = self.sandbox.limits();
        let processor = purse::time(limits.deadline_ticks).saturating_mul(AGAIN * self.sandbox.patience());
        Allowance { fuel: u64::MAX >> 1, memory: limits.memory, output: 64 << 20, processor, wall: Duration::MAX }
    }

    fn loaded(&self, module: &str) -> Option<&Loaded> {
        self.set.policies.iter().find(|policy| policy.module.manifest.module == module)
    }

    /// Whether a module's failure may reach a row.
    pub(crate) fn failure_reaches(&self, module: &str, batch: &Batch, row: u32) -> Option<bool> {
        self.loaded(module).map(|policy| policy.resolved[0].plan.concerns.reach(batch, row))
    }

    /// The candidate-stage answer of one module, on a fresh instance.
    pub(crate) fn ask_module(
        &self,
        module: &str,
        batch: &Batch,
    ) -> Option<Result<judging::Answer, (FailureKind, String)>> {
        let policy = self.loaded(module)?;
        let parts = vec![Part::Enforced; policy.module.manifest.rules.len()];
        let (resolved, patience) = (&policy.resolved[0], AGAIN * self.sandbox.patience());
        let purse = Purse::boundless();
        let leave = Leave { values: resolved.plan.values(batch), purse: &purse, patience, wall: Duration::MAX };
        Some(self.ask(policy, resolved, Stage::Candidate, batch, &parts, leave).0)
    }
}

/// The rows that may be shown after the candidate stage, in the order that it made: their numbers, and a batch of them with the
/// columns that modules read there.
fn slate(batch: &Batch, merge: &Merge<'_>, set: &PolicySet) -> (Vec<u32>, Batch) {
    let (mut order, shown) = order::sorted(batch, &merge.judgements, set.chosen.order);
    order.truncate(shown);
    let positions = batch.known_integers("candidates.rank_pos") as i64;
    let slate = batch.gather(&order, &set.slate_columns).with_request_integer("request.slate.positions", positions);
    (order, slate)
}

/// The verdict on a row that is withheld for what it was sent as.
fn unread(row: u32, reasons: &mut Vec<Reason>) -> Verdict {
    let (begin, rule) = (reasons.len(), RuleRef { policy: u16::MAX, rule: HOST_INPUT });
    reasons.push(Reason { rule, effect: Action::Block, cause: Cause::MissingInput });
    let judgement = Judgement { block: Some(Block::None), ..Judgement::ALLOW };
    Verdict { row, judgement, reasons: begin..begin + 1 }
}

/// Art 2: out of scope when the service is offered elsewhere, or no algorithm is at work. Unknown is in scope.
fn scope(batch: &Batch) -> Scope {
    let elsewhere = batch.request_term("request.ctx.territory") == Some("OTHER");
    let none = batch.request_term("request.ctx.algo_type") == Some("none");
    if elsewhere || none { Scope::Out } else { Scope::In }
}

/// Whether a provider adopted a sector norm (Art 5). What is none needs no adoption, and adopting somebody else's adopts nothing.
pub(crate) fn adopted(policy: &Loaded, batch: &Batch) -> bool {
    let named = |pack: &String| policy.owns_pack && batch.request_has("request.provider.norms_adopted", pack);
    policy.module.manifest.pack.as_ref().is_none_or(named)
}

/// How each rule of a policy takes part: dates, adoption of a sector norm (Art 5), configured mode. And the millionth of users
/// that was drawn, if that mattered.
fn parts_of(policy: &Loaded, batch: &Batch, draws: &Draws<'_>, at_ms: i64) -> (Vec<Part>, Option<u32>) {
    let manifest = &policy.module.manifest;
    let module_in_force = in_force(manifest.effective_from, manifest.effective_until, at_ms);
    let adopted = adopted(policy, batch);
    let mut drawn = None;
    let mut acts = |mode: Mode| mode.acts(|| *drawn.get_or_insert_with(|| draws.of(&manifest.id)));
    let released = acts(policy.release);
    let part = |(rule, mode): (&Rule, &Mode)| {
        if *mode == Mode::Off {
            return Part::Silent;
        }
        let observed_early = policy.awaited || *mode == Mode::Preview;
        if observed_early && !(begun(rule.effective_from, at_ms) && begun(manifest.effective_from, at_ms)) {
            return Part::Shadow;
        }
        if !in_force(rule.effective_from, rule.effective_until, at_ms) || (!module_in_force && manifest.pack.is_none())
        {
            return Part::Silent;
        }
        // A sector norm outside its dates, or not adopted, is only observed.
        if module_in_force && adopted && released && acts(*mode) { Part::Enforced } else { Part::Shadow }
    };
    let parts = manifest.rules.iter().zip(&policy.modes).map(part).collect();
    (parts, drawn)
}

/// Rows declared an emergency, with the ticket of who declared it.
fn emergency(batch: &Batch) -> Vec<bool> {
    let code = batch.vocabulary.terms.get("exempt").and_then(|set| set.position("emergency")).map(|p| p + 2);
    let exempt = batch.column("candidates.exempt");
    let tickets = batch.column("candidates.exempt_ticket");
    (0..batch.candidates())
        .map(|row| {
            exempt.is_some_and(|column| Some(column.term(row)) == code)
                && tickets.and_then(|column| column.integer(row)).is_some_and(|ticket| ticket != 0)
        })
        .collect()
}

#[cfg(all(test, feature = "embedded"))]
mod tests {
    use normgate_contract::{Day, Vocabulary};

    use super::*;
    use crate::gate::Gate;
    use crate::module::Module;

    /// A request whose strings are gone: translating its signals panics, and so does nothing else.
    fn contradictory() -> Batch {
        let line = br#"{"ctx":{"now_ms":1793532600000,"local_min":600},
            "candidates":[{"id":"a","aigc":{"meta_label":"1"},"signals":[{"code":"L8","source":"authority"}]}]}"#;
        let mut batch = Batch::from_json(line).expect("a request");
        batch.strings = Arc::default();
        batch
    }

    #[test]
    fn a_panic_costs_one_module_its_turn_and_nobody_else() {
        let policies =
            || crate::embedded::arp().into_iter().filter(|m| ["art06", "art15"].contains(&&*m.manifest.module));
        let gate = Gate::builder().policies(policies()).build().expect("a gate");
        let stats = || gate.stats().modules[0].clone();
        for round in 1..=5 {
            let outcome = gate.evaluate(&contradictory());
            // art06 reads signals and holds where it fails; art15 reads none.
            let failures: Vec<_> = outcome.failures.iter().map(|f| (f.policy, f.kind, f.applied)).collect();
            assert_eq!(failures, [(0, FailureKind::Trap, "hold")]);
            assert_eq!((stats().calls, stats().failures[&FailureKind::Trap]), (round, round));
            let call = gate.generation().sandbox.limits().fuel;
            assert!(stats().fuel >= round * call, "it is charged a whole call: {}", stats().fuel);
            assert_eq!(gate.stats().modules[1].calls, round);
        }
        // Five in a row open the breaker, as of any other failure.
        assert_eq!(stats().breaker, crate::BreakerState::Open);
        assert!(gate.evaluate(&contradictory()).failures[0].message.starts_with("not asked"));
    }

    #[test]
    fn nothing_of_an_answer_counts_when_reading_it_panics() {
        let policies =
            || crate::embedded::arp().into_iter().filter(|m| ["art06", "art09"].contains(&&*m.manifest.module));
        let mut generation = Gate::builder().policies(policies()).generation().expect("a generation");
        let illegal = Batch::from_json(
            br#"{"ctx":{"now_ms":1793532600000,"local_min":600,"can_render_labels":true},
                "candidates":[{"id":"a","signals":[{"code":"L8","source":"authority"}]},{"id":"b","scan_state":"done","signals":[]}]}"#,
        )
        .expect("a request");
        let judge = |generation: &Generation| generation.judge(&illegal, &[], &[], &generation.health);
        let of =
            |outcome: &Outcome, policy: u16| outcome.obligations.iter().filter(|o| o.rule.policy == policy).count();
        let whole = judge(&generation);
        let owed = (of(&whole, 0), of(&whole, 1));
        assert!(owed.0 > 0 && owed.1 > 0 && whole.failures.is_empty());
        drop(whole);
        // The ranks of its rules are lost, so that reading its answer panics in the middle.
        let set = Arc::get_mut(&mut generation.set).expect("the only one");
        set.policies[1].rank.clear();
        let outcome = judge(&generation);
        assert_eq!(outcome.failures.iter().map(|f| (f.policy, f.kind)).collect::<Vec<_>>(), [(1, FailureKind::Trap)]);
        assert_eq!((of(&outcome, 0), of(&outcome, 1)), (owed.0, 0));
        let by: Vec<u16> =
            outcome.reasons.iter().filter(|r| outcome.set.rule(r.rule).is_some()).map(|r| r.rule.policy).collect();
        assert!(by.iter().all(|policy| *policy == 0), "{by:?}");
    }

    #[test]
    fn a_generation_that_runs_hands_over_on_the_day() {
        let old = crate::embedded::arp().into_iter().find(|module| module.manifest.module == "art06").expect("Art 6");
        let mut manifest = serde_json::to_value(&*old.manifest).expect("JSON");
        manifest["version"] = "1.1.0".into();
        manifest["effective_from"] = "2027-01-01".into();
        let mut bytes = old.bytes.to_vec();
        normgate_package::set_section(&mut bytes, "normgate:manifest", manifest.to_string().as_bytes());
        let new = Module::read("art06 of the next year", &bytes, Vocabulary::shipped()).expect("a module");
        let day = |text: &str| text.parse::<Day>().expect("a day");
        let builder = Gate::builder().policies([old, new]).as_of(day("2026-12-30")).trusting();
        let mut generation = builder.generation().expect("a generation");
        let illegal = Batch::from_json(
            br#"{"ctx":{"now_ms":1798700000000,"local_min":600},
                "candidates":[{"id":"a","signals":[{"code":"L8","source":"authority"}]}]}"#,
        )
        .expect("a request");
        for (on, acting, observed) in [("2026-12-31", 0, Some(1)), ("2027-01-01", 1, None)] {
            generation.as_of = Some(day(on));
            let outcome = generation.judge(&illegal, &[], &[], &generation.health);
            let by: Vec<u16> = outcome.reasons(&outcome.verdicts[0]).iter().map(|reason| reason.rule.policy).collect();
            assert!(!by.is_empty() && by.iter().all(|policy| *policy == acting), "{on}: {by:?}");
            assert_eq!(outcome.shadow.first().map(|item| item.rule.policy), observed, "{on}");
        }
    }
}

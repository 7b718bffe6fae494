//! The gate: a policy set behind a sandbox, asked once per ranked list.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use normgate_contract::{Day, Law, Manifest, Stage, Vocabulary};

use crate::artifacts::Artifacts;
use crate::batch::{Batch, Reader};
use crate::bindings::exports::normgate::policy::judging;
use crate::config::Config;
use crate::error::BuildError;
use crate::merge::{Merge, Part};
use crate::module::Module;
use crate::notices;
use crate::order;
use crate::outcome::{Outcome, Scope, Verdict};
use crate::plan::{Plan, Scratch};
use crate::policy_set::{Loaded, PolicySet, in_force};
use crate::sandbox::{FailureKind, Limits, Sandbox};

/// Judges ranked lists. `Send + Sync`; one is enough for a process, and `evaluate` may run on any number of threads.
pub struct Gate {
    sandbox: Sandbox,
    set: Arc<PolicySet>,
    vocabulary: Arc<Vocabulary>,
    as_of: Option<Day>,
    applicability: bool,
}

/// Builds a gate.
pub struct GateBuilder {
    modules: Vec<Module>,
    config: Config,
    limits: Limits,
    artifacts: Option<Artifacts>,
    as_of: Option<Day>,
    vocabulary: Arc<Vocabulary>,
    applicability: bool,
}

impl GateBuilder {
    /// Adds modules.
    pub fn policies(mut self, modules: impl IntoIterator<Item = Module>) -> Self {
        self.modules.extend(modules);
        self
    }

    /// Sets parameters and modes.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets what one call may use.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Keeps compiled modules in a private folder, so that the next start is fast.
    pub fn artifacts(mut self, artifacts: Artifacts) -> Self {
        self.artifacts = Some(artifacts);
        self
    }

    /// Judges as on this day in Asia/Shanghai, instead of by the clock.
    pub fn as_of(mut self, day: Day) -> Self {
        self.as_of = Some(day);
        self
    }

    /// Speaks another vocabulary than the shipped one.
    pub fn vocabulary(mut self, vocabulary: Arc<Vocabulary>) -> Self {
        self.vocabulary = vocabulary;
        self
    }

    /// Asks every module, also those that provably have nothing to say. The outcome is the same; for tests of that.
    #[doc(hidden)]
    pub fn without_applicability(mut self) -> Self {
        self.applicability = false;
        self
    }

    /// Compiles the modules and resolves their parameters.
    ///
    /// # Errors
    /// See [`BuildError`]: each names the module or the configuration key.
    pub fn build(self) -> Result<Gate, BuildError> {
        let sandbox = Sandbox::new(self.limits).map_err(BuildError::Sandbox)?;
        let manifests: Vec<&Manifest> = self.modules.iter().map(|module| &*module.manifest).collect();
        self.config.check_names(&manifests, &self.vocabulary)?;
        let vocabulary = self
            .vocabulary
            .extended(manifests)
            .map_err(|error| BuildError::Config { place: "modules".into(), message: error.to_string() })?;
        let now = self.as_of.map_or_else(now_ms, Day::start_ms);
        let mut policies = Vec::with_capacity(self.modules.len());
        for module in self.modules {
            let parameters = self.config.parameters_of(&module.manifest, now)?;
            policies.push(Loaded {
                compiled: sandbox.compile(&module, self.artifacts.as_ref())?,
                plan: Plan::new(&module.manifest, &parameters, &vocabulary),
                shadowed: self.config.shadowed(&module.manifest),
                rank: Vec::new(),
                parameters,
                module,
            });
        }
        let observed_until = self.config.observed_until()?;
        let set = Arc::new(PolicySet::new(policies, observed_until, &sandbox.semantics())?);
        Ok(Gate { sandbox, set, vocabulary, as_of: self.as_of, applicability: self.applicability })
    }
}

impl Gate {
    /// Starts building a gate: no modules, defaults everywhere, the shipped vocabulary.
    pub fn builder() -> GateBuilder {
        GateBuilder {
            modules: Vec::new(),
            config: Config::default(),
            limits: Limits::default(),
            artifacts: None,
            as_of: None,
            vocabulary: Arc::clone(Vocabulary::shipped()),
            applicability: true,
        }
    }

    /// The policy set that judges.
    pub fn policy_set(&self) -> &PolicySet {
        &self.set
    }

    /// A reader of requests that knows the columns which loaded norms define themselves. (A batch that was read without
    /// them lacks these columns, and nothing else.)
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.vocabulary))
    }

    /// Judges one request. It cannot fail as a whole: what went wrong is data in the outcome.
    pub fn evaluate(&self, batch: &Batch) -> Outcome {
        // 1. Is the request covered, and which rules are in force?
        let scope = scope(batch);
        let at_ms = self.as_of.map_or_else(now_ms, Day::start_ms);
        let parts: Vec<Option<Vec<Part>>> = (self.set.policies.iter())
            .map(|policy| {
                let asked = (scope == Scope::In || policy.module.manifest.law == Law::Other)
                    && (!self.applicability || policy.plan.applies(batch));
                asked.then(|| parts_of(policy, batch, at_ms)).filter(|parts| parts.iter().any(|p| *p != Part::Silent))
            })
            .collect();
        let observed = self.set.observed_until.is_some_and(|day| at_ms < day.start_ms());
        let emergency = emergency(batch);
        let mut merge = Merge::new(&self.set, batch, &emergency, observed);

        // 2. Candidate stage: every module judges rows and tags, free of any order.
        self.stage(Stage::Candidate, batch, None, &parts, &mut merge);

        // 3. Slate stage: the rows that are left, in the order that the first stage made. It runs also when none is left, but
        //    not when none was sent: then there is nothing to arrange.
        let slate_asked = batch.candidates() > 0
            && (self.set.policies.iter().zip(&parts))
                .any(|(policy, parts)| parts.is_some() && policy.has_stage(Stage::Slate));
        if slate_asked {
            let (mut order, shown) = order::sorted(batch, &merge.judgements);
            order.truncate(shown);
            let positions = batch.known_integers("candidates.rank_pos") as i64;
            let slate = batch.gather(&order).with_request_integer("request.slate.positions", positions);
            self.stage(Stage::Slate, &slate, Some(&order), &parts, &mut merge);
        }

        // 4. The final order, and the outcome.
        let merged = merge.finish();
        let (order, shown) = order::sorted(batch, &merged.judgements);
        let mut notices = Vec::new();
        notices.extend((scope == Scope::Out).then(|| notices::scope_contradiction(batch)).flatten());
        notices.extend(self.as_of.is_none().then(|| notices::clock(batch, at_ms)).flatten());
        notices.extend(self.set.observed_until.filter(|_| observed).map(notices::observed));
        notices.extend(notices::emergencies(&self.set, batch, &emergency, &merged.spared));
        let verdicts = order
            .into_iter()
            .map(|row| Verdict {
                row,
                judgement: merged.judgements[row as usize],
                reasons: merged.spans[row as usize].clone(),
            })
            .collect();
        Outcome {
            set: Arc::clone(&self.set),
            batch: batch.clone(),
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
            failures: merged.failures,
            notices,
        }
    }

    /// What the request itself and the user's tags entail, before anything was retrieved: which features not to retrieve by
    /// (vetoes), what is owed (obligations), which tags not to use. Candidates in the batch are ignored.
    ///
    /// Rules that look at candidates have nothing to look at here; judge the list with [`Gate::evaluate`] when it is there.
    pub fn preflight(&self, request: &Batch) -> Outcome {
        self.evaluate(&request.gather(&[]))
    }

    /// Asks every module that has rules of the stage.
    fn stage(
        &self,
        stage: Stage,
        batch: &Batch,
        rows: Option<&[u32]>,
        parts: &[Option<Vec<Part>>],
        merge: &mut Merge<'_>,
    ) {
        thread_local! {
            static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
        }
        for (index, (policy, parts)) in self.set.policies.iter().zip(parts).enumerate() {
            let Some(parts) = parts else { continue };
            if !policy.has_stage(stage) {
                continue;
            }
            let rules = &policy.module.manifest.rules;
            let parts: Vec<Part> = (parts.iter().zip(rules))
                .map(|(part, rule)| if rule.stage == stage { *part } else { Part::Silent })
                .collect();
            let answer = SCRATCH.with_borrow_mut(|scratch| self.ask(policy, stage, batch, &parts, scratch));
            let added = answer.and_then(|answer| {
                merge.add(index as u16, &parts, rows, &answer).map_err(|message| (FailureKind::Garbage, message))
            });
            if let Err((kind, message)) = added {
                let fallback = policy.fallback(|rule| parts[rule] == Part::Enforced);
                merge.fail(index as u16, stage, fallback, rows, kind, message);
            }
        }
    }

    fn ask(
        &self,
        policy: &Loaded,
        stage: Stage,
        batch: &Batch,
        parts: &[Part],
        scratch: &mut Scratch,
    ) -> Result<judging::Answer, (FailureKind, String)> {
        let mut enforced = vec![0u8; parts.len().div_ceil(8)];
        for (rule, _) in parts.iter().enumerate().filter(|(_, part)| **part == Part::Enforced) {
            enforced[rule / 8] |= 1 << (rule % 8);
        }
        // An honest module names a (row, effect) pair once; twice that and some slack is room enough.
        let rows = batch.candidates() + batch.tags() + 1;
        let items = (rows * policy.plan.effects.len() * 2).max(1_024);
        // An item takes 4 + 2 + 8 + 1 bytes.
        let output_bytes = (items * 15 + 4_096).min(64 << 20);
        let lowered = policy.plan.lower(batch, scratch);
        let answer = lowered.with_call(stage, &enforced, &policy.parameters, |call| {
            self.sandbox.ask(&policy.compiled, call, output_bytes)
        })?;
        if answer.rows.len() > items {
            return Err((FailureKind::Output, format!("{} items; at most {items} make sense here", answer.rows.len())));
        }
        Ok(answer)
    }
}

/// What one module is asked and answers, apart from everything else: for benches, and for holding the sandbox against the
/// same policy compiled natively.
#[doc(hidden)]
impl Gate {
    /// The candidate-stage question of one module, lent to `f`.
    pub fn with_call<R>(&self, module: &str, batch: &Batch, f: impl FnOnce(judging::Call<'_>) -> R) -> Option<R> {
        let policy = self.set.policies.iter().find(|policy| policy.module.manifest.module == module)?;
        let mut scratch = Scratch::default();
        let lowered = policy.plan.lower(batch, &mut scratch);
        let enforced = vec![u8::MAX; policy.module.manifest.rules.len().div_ceil(8)];
        Some(lowered.with_call(Stage::Candidate, &enforced, &policy.parameters, f))
    }

    /// The candidate-stage answer of one module, on a fresh instance.
    pub fn ask_module(&self, module: &str, batch: &Batch) -> Option<Result<judging::Answer, (FailureKind, String)>> {
        let policy = self.set.policies.iter().find(|policy| policy.module.manifest.module == module)?;
        let parts = vec![Part::Enforced; policy.module.manifest.rules.len()];
        Some(self.ask(policy, Stage::Candidate, batch, &parts, &mut Scratch::default()))
    }
}

/// Art 2: out of scope when the service is offered elsewhere, or no algorithm is at work. Unknown is in scope.
fn scope(batch: &Batch) -> Scope {
    let elsewhere = batch.request_term("request.ctx.territory") == Some("OTHER");
    let none = batch.request_term("request.ctx.algo_type") == Some("none");
    if elsewhere || none { Scope::Out } else { Scope::In }
}

/// How each rule of a policy takes part: dates, adoption of a sector norm (Art 5), configured mode.
fn parts_of(policy: &Loaded, batch: &Batch, at_ms: i64) -> Vec<Part> {
    let manifest = &policy.module.manifest;
    let module_in_force = in_force(manifest.effective_from, manifest.effective_until, at_ms);
    let adopted = manifest.pack.as_ref().is_none_or(|pack| batch.request_has("request.provider.norms_adopted", pack));
    (manifest.rules.iter().zip(&policy.shadowed))
        .map(|(rule, shadowed)| {
            let in_force = in_force(rule.effective_from, rule.effective_until, at_ms);
            if !in_force || (!module_in_force && manifest.pack.is_none()) {
                Part::Silent
            } else if !module_in_force || !adopted || *shadowed {
                // A sector norm outside its dates, or not adopted, is only observed.
                Part::Shadow
            } else {
                Part::Enforced
            }
        })
        .collect()
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

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

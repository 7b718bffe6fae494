//! What a gate has been doing since it was built: counters a module, and a snapshot of them for people and for Prometheus.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tracing::warn;

use crate::batch::Amiss;
use crate::breaker::{Breaker, BreakerState};
use crate::config::BreakerConfig;
use crate::counters::Counters;
use crate::diff::ShadowDiff;
use crate::latency::{Histogram, Latency};
use crate::notice::Notice;
use crate::notices;
use crate::outcome::{Outcome, Verdict};
use crate::policy_set::{HOST_FAILURE, Loaded, PolicySet};
use crate::sandbox::FailureKind;
use crate::verdict::Action;

/// Counters of one module. Written by every judging thread, so nothing here locks but the breaker.
pub(crate) struct Health {
    pub(crate) breaker: Breaker,
    calls: AtomicU64,
    fuel: AtomicU64,
    latency: Latency,
    failures: [AtomicU64; FailureKind::ALL.len()],
    /// Turns in which it was not heard, whether or not it was called.
    unheard: AtomicU64,
    /// Rows that were withheld because it failed.
    held: AtomicU64,
    /// Rows withheld, by rule.
    withheld: Vec<AtomicU64>,
}

impl Health {
    /// One for each policy of a set, with nothing counted yet.
    pub(crate) fn of(set: &PolicySet, config: BreakerConfig) -> Vec<Arc<Self>> {
        set.policies.iter().map(|policy| Arc::new(Self::new(policy, config))).collect()
    }

    fn new(loaded: &Loaded, config: BreakerConfig) -> Self {
        Self {
            breaker: Breaker::new(config),
            calls: AtomicU64::new(0),
            fuel: AtomicU64::new(0),
            latency: Latency::default(),
            failures: std::array::from_fn(|_| AtomicU64::new(0)),
            unheard: AtomicU64::new(0),
            held: AtomicU64::new(0),
            withheld: loaded.module.manifest.rules.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub(crate) fn called(&self, took: Duration, fuel: u64) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.fuel.fetch_add(fuel, Ordering::Relaxed);
        self.latency.record(took);
    }

    pub(crate) fn failed(&self, kind: FailureKind) {
        self.failures[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Says in the log that it was not heard: the first time, the second, the fourth, the eighth. A module that fails on every list says
    /// it about once in every doubling of them.
    pub(crate) fn told(&self, policy: &str, (kind, message): &(FailureKind, String)) {
        let times = self.unheard.fetch_add(1, Ordering::Relaxed) + 1;
        if times.is_power_of_two() {
            warn!(policy, kind = kind.name(), message, times, "module failed");
        }
    }
}

/// Most different names of what was not as the vocabulary says that are counted apart: names come from outside.
const MOST_NAMES: usize = 256;

/// What was sent and not as the vocabulary says. Nothing here is touched by requests that are right.
#[derive(Debug, Default)]
pub(crate) struct InputTotals(Mutex<InputStats>);

impl InputTotals {
    fn counted(&self) -> MutexGuard<'_, InputStats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request that was refused, and what it had besides that the vocabulary lacks.
    pub(crate) fn refused(&self, unknown: &BTreeMap<String, u64>) {
        let mut counted = self.counted();
        counted.refused += 1;
        add(&mut counted.unknown_fields, unknown);
    }

    /// Counts what of a request that is judged was not as it should be.
    fn count(&self, amiss: &Amiss) {
        let mut counted = self.counted();
        add(&mut counted.unknown_fields, &amiss.unknown);
        add(&mut counted.bad_cells, &amiss.cells);
        for cause in &amiss.rows {
            *counted.bad_rows.entry(cause.name()).or_default() += 1;
        }
        for (cause, times) in &amiss.tags {
            *counted.bad_rows.entry(cause.name()).or_default() += times;
        }
    }
}

/// Adds counts by name; beyond as many names as are kept apart, to those that have none of their own.
fn add(to: &mut BTreeMap<String, u64>, counts: &BTreeMap<String, u64>) {
    for (name, times) in counts {
        let name = if to.contains_key(name) || to.len() < MOST_NAMES { name } else { "(others)" };
        *to.entry(name.to_owned()).or_default() += times;
    }
}

/// What was sent and not as the vocabulary says.
#[derive(Clone, Debug, Default, Serialize)]
pub struct InputStats {
    /// Requests that were refused.
    pub refused: u64,
    /// Fields that the vocabulary lacks, by path without numbers of rows: in refused requests too.
    pub unknown_fields: BTreeMap<String, u64>,
    /// Values that were judged as unknown, by column.
    pub bad_cells: BTreeMap<String, u64>,
    /// Rows that were withheld or left out, by cause.
    pub bad_rows: BTreeMap<&'static str, u64>,
}

/// Counters of the gate as a whole, beside those of its modules.
pub(crate) struct Totals {
    pub(crate) input: Arc<InputTotals>,
    evaluate: Latency,
    ignored: AtomicU64,
    /// Notices of outcomes, by code.
    noticed: Counters,
    /// Requests in which a decision rests on what is missing, by column.
    missing: Counters,
    requests: AtomicU64,
    rows: AtomicU64,
    withheld: AtomicU64,
    emergencies: AtomicU64,
    overridden: AtomicU64,
    stale: AtomicU64,
    swaps: AtomicU64,
    refused: AtomicU64,
}

impl Default for Totals {
    fn default() -> Self {
        let nought = AtomicU64::default;
        Self {
            input: Arc::default(),
            evaluate: Latency::default(),
            ignored: nought(),
            noticed: Counters::of(&notices::OF_REQUESTS),
            missing: Counters::default(),
            requests: nought(),
            rows: nought(),
            withheld: nought(),
            emergencies: nought(),
            overridden: nought(),
            stale: nought(),
            swaps: nought(),
            refused: nought(),
        }
    }
}

impl Totals {
    /// Counts another generation.
    pub(crate) fn swapped(&self) {
        self.swaps.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a proposal that was refused.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an outcome, what it took, and the rows that each rule withheld.
    pub(crate) fn count(&self, outcome: &Outcome, took: Duration, health: &[Arc<Health>]) {
        self.evaluate.record(took);
        self.ignored.fetch_add(outcome.batch.ignored_fields(), Ordering::Relaxed);
        outcome.missing_columns().iter().for_each(|column| self.missing.add(column));
        self.requests.fetch_add(1, Ordering::Relaxed);
        if let Some(amiss) = outcome.batch.amiss() {
            self.input.count(amiss);
        }
        self.rows.fetch_add(outcome.verdicts.len() as u64, Ordering::Relaxed);
        self.withheld.fetch_add((outcome.verdicts.len() - outcome.shown) as u64, Ordering::Relaxed);
        self.stale.fetch_add(u64::from(outcome.notices.iter().any(|notice| notice.code == "stale")), Ordering::Relaxed);
        for notice in &outcome.notices {
            self.noticed.add(notice.code);
            match notice.code {
                "emergency-row" => self.emergencies.fetch_add(1, Ordering::Relaxed),
                "override" => self.overridden.fetch_add(1, Ordering::Relaxed),
                _ => 0,
            };
        }
        let withheld: &[Verdict] = &outcome.verdicts[outcome.shown..];
        if withheld.is_empty() {
            return;
        }
        // Counted apart first: what all threads share is then written once a rule, not once a row.
        let mut counts: Vec<Vec<u64>> = health.iter().map(|h| vec![0; h.withheld.len()]).collect();
        for reason in withheld.iter().flat_map(|verdict| outcome.reasons(verdict)) {
            if reason.effect == Action::Block
                && reason.rule.rule == HOST_FAILURE
                && let Some(health) = health.get(usize::from(reason.rule.policy))
            {
                health.held.fetch_add(1, Ordering::Relaxed);
            }
            if reason.effect == Action::Block
                && let Some(count) = counts
                    .get_mut(usize::from(reason.rule.policy))
                    .and_then(|rules| rules.get_mut(usize::from(reason.rule.rule)))
            {
                *count += 1;
            }
        }
        for (total, count) in health.iter().zip(&counts).flat_map(|(h, rules)| h.withheld.iter().zip(rules)) {
            if *count > 0 {
                total.fetch_add(*count, Ordering::Relaxed);
            }
        }
    }
}

/// What a gate has been doing since it was built.
#[derive(Clone, Debug, Serialize)]
pub struct Stats {
    /// The policy set that judges now.
    pub policy_set: String,
    /// The name of its generation, if it was given one.
    pub generation: Option<String>,
    /// How often another generation took over.
    pub swaps: u64,
    /// How often a proposed one was refused after its trial.
    pub refused: u64,
    /// What was noticed when the generation was built.
    pub notices: Vec<Notice>,
    /// Requests judged.
    pub requests: u64,
    /// Candidates judged.
    pub rows: u64,
    /// Candidates withheld.
    pub withheld: u64,
    /// Uses of an emergency row.
    pub emergencies: u64,
    /// Requests judged while some module was overridden.
    pub overridden: u64,
    /// Requests judged by modules whose repository had expired.
    pub stale: u64,
    /// What was sent and not as the vocabulary says.
    pub input: InputStats,
    /// Time of judging a request, all of it together.
    pub evaluate: Histogram,
    /// Unknown fields of requests, which were ignored.
    pub ignored: u64,
    /// Notices of outcomes, by code.
    pub noticed: BTreeMap<String, u64>,
    /// Requests in which a decision rests on something missing, by column. Of a rule the first sixteen rows are looked at.
    pub missing_input: BTreeMap<String, u64>,
    /// Module by module, by policy id.
    pub modules: Vec<ModuleStats>,
}

/// What one module has been doing.
#[derive(Clone, Debug, Serialize)]
pub struct ModuleStats {
    /// `<id>@<version>`.
    pub policy: String,
    /// Whether it is being asked.
    pub breaker: BreakerState,
    /// Calls, failed ones included.
    pub calls: u64,
    /// Median time of a call, microseconds.
    pub p50_us: f64,
    /// 90th percentile of the time of a call, microseconds.
    pub p90_us: f64,
    /// 99th percentile of the time of a call, microseconds.
    pub p99_us: f64,
    /// Time of a call and of reading its answer.
    pub latency: Histogram,
    /// Times that its breaker opened.
    pub breaker_opened: u64,
    /// Units of work, all calls together.
    pub fuel: u64,
    /// Failures by kind; kinds that did not occur are left out.
    pub failures: BTreeMap<FailureKind, u64>,
    /// Turns in which it was not heard, whether or not it was called.
    pub unheard: u64,
    /// Rows withheld because it failed.
    pub held: u64,
    /// Rows withheld by rule; rules that withheld none are left out.
    pub withheld: BTreeMap<String, u64>,
    /// What rules in shadow said, since the generation that judges began; rules that said nothing are left out.
    pub shadow: BTreeMap<String, ShadowStats>,
}

/// What one rule said in shadow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShadowStats {
    /// Requests in which it said something.
    pub requests: u64,
    /// Rows that it would have withheld, and that are not.
    pub withheld: u64,
}

impl Stats {
    /// The counters of a set. Its generation adds what it is called and what was noticed of it.
    pub(crate) fn of(set: &PolicySet, health: &[Arc<Health>], totals: &Totals) -> Self {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let modules = set.policies.iter().zip(health).map(|(policy, health)| {
            let rules = policy.module.manifest.rules.iter().zip(&health.withheld);
            let failures = FailureKind::ALL.into_iter().zip(&health.failures);
            ModuleStats {
                policy: policy.module.manifest.reference(),
                breaker: health.breaker.state(),
                calls: read(&health.calls),
                p50_us: health.latency.percentile_us(0.5),
                p90_us: health.latency.percentile_us(0.9),
                p99_us: health.latency.percentile_us(0.99),
                latency: health.latency.histogram(),
                breaker_opened: health.breaker.opened(),
                fuel: read(&health.fuel),
                failures: failures.map(|(kind, n)| (kind, read(n))).filter(|(_, n)| *n > 0).collect(),
                unheard: read(&health.unheard),
                held: read(&health.held),
                withheld: rules.map(|(rule, n)| (rule.id.clone(), read(n))).filter(|(_, n)| *n > 0).collect(),
                shadow: BTreeMap::new(),
            }
        });
        Self {
            policy_set: set.digest().to_owned(),
            generation: None,
            swaps: read(&totals.swaps),
            refused: read(&totals.refused),
            notices: Vec::new(),
            requests: read(&totals.requests),
            rows: read(&totals.rows),
            withheld: read(&totals.withheld),
            emergencies: read(&totals.emergencies),
            overridden: read(&totals.overridden),
            stale: read(&totals.stale),
            input: totals.input.counted().clone(),
            evaluate: totals.evaluate.histogram(),
            ignored: read(&totals.ignored),
            noticed: totals.noticed.read(),
            missing_input: totals.missing.read(),
            modules: modules.collect(),
        }
    }

    /// Adds what rules said in shadow, on all surfaces together.
    pub(crate) fn add_shadow(&mut self, diff: &ShadowDiff) {
        for change in &diff.changes {
            let (Some(policy), Some(rule)) = (&change.policy, &change.rule) else { continue };
            let Some(module) = self.modules.iter_mut().find(|module| module.policy == *policy) else { continue };
            let shadow = module.shadow.entry(rule.clone()).or_default();
            shadow.requests += change.requests;
            shadow.withheld += change.withheld;
        }
    }
}

//! What a gate has been doing since it was built: counters a module, and a snapshot of them for people and for Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use normgate_contract::Vocabulary;
use serde::Serialize;

use crate::batch::{Amiss, nearest_field};
use crate::breaker::{Breaker, BreakerState};
use crate::config::BreakerConfig;
use crate::notice::Notice;
use crate::outcome::{Outcome, Verdict};
use crate::policy_set::{Loaded, PolicySet};
use crate::sandbox::FailureKind;
use crate::verdict::Action;

/// Latency classes: four to every doubling of nanoseconds, so a percentile is right to about a tenth.
const CLASSES: usize = 160;

/// Counters of one module. Written by every judging thread, so nothing here locks but the breaker.
pub(crate) struct Health {
    pub(crate) breaker: Breaker,
    calls: AtomicU64,
    fuel: AtomicU64,
    latency: [AtomicU64; CLASSES],
    failures: [AtomicU64; FailureKind::ALL.len()],
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
            latency: std::array::from_fn(|_| AtomicU64::new(0)),
            failures: std::array::from_fn(|_| AtomicU64::new(0)),
            withheld: loaded.module.manifest.rules.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub(crate) fn called(&self, took: Duration, fuel: u64) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.fuel.fetch_add(fuel, Ordering::Relaxed);
        self.latency[class(took)].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, kind: FailureKind) {
        self.failures[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn percentile(&self, share: f64) -> u64 {
        let counts: Vec<u64> = self.latency.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let wanted = (counts.iter().sum::<u64>() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let reached = counts.iter().position(|count| {
            seen += count;
            seen >= wanted.max(1)
        });
        reached.map_or(0, upper_bound)
    }
}

/// The class of a latency: the position of its highest bit and the two bits below it.
fn class(took: Duration) -> usize {
    let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(4);
    let octave = nanos.ilog2();
    ((octave - 2) as usize * 4 + (nanos >> (octave - 2) & 3) as usize).min(CLASSES - 1)
}

/// The largest latency of a class, in nanoseconds.
fn upper_bound(class: usize) -> u64 {
    let (octave, quarter) = (class / 4 + 2, class % 4);
    (4 + quarter as u64 + 1) << (octave - 2)
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
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) input: Arc<InputTotals>,
    requests: AtomicU64,
    rows: AtomicU64,
    withheld: AtomicU64,
    emergencies: AtomicU64,
    overridden: AtomicU64,
    stale: AtomicU64,
    swaps: AtomicU64,
    refused: AtomicU64,
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

    /// Counts an outcome, and the rows that each rule withheld.
    pub(crate) fn count(&self, outcome: &Outcome, health: &[Arc<Health>]) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if let Some(amiss) = outcome.batch.amiss() {
            self.input.count(amiss);
        }
        self.rows.fetch_add(outcome.verdicts.len() as u64, Ordering::Relaxed);
        self.withheld.fetch_add((outcome.verdicts.len() - outcome.shown) as u64, Ordering::Relaxed);
        self.stale.fetch_add(u64::from(outcome.notices.iter().any(|notice| notice.code == "stale")), Ordering::Relaxed);
        for notice in &outcome.notices {
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
    /// Units of work, all calls together.
    pub fuel: u64,
    /// Failures by kind; kinds that did not occur are left out.
    pub failures: BTreeMap<FailureKind, u64>,
    /// Rows withheld by rule; rules that withheld none are left out.
    pub withheld: BTreeMap<String, u64>,
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
                p50_us: health.percentile(0.5) as f64 / 1e3,
                p90_us: health.percentile(0.9) as f64 / 1e3,
                p99_us: health.percentile(0.99) as f64 / 1e3,
                fuel: read(&health.fuel),
                failures: failures.map(|(kind, n)| (kind, read(n))).filter(|(_, n)| *n > 0).collect(),
                withheld: rules.map(|(rule, n)| (rule.id.clone(), read(n))).filter(|(_, n)| *n > 0).collect(),
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
            modules: modules.collect(),
        }
    }

    /// The snapshot in the text format of Prometheus. Every series carries the generation, so that a swap shows.
    pub fn to_prometheus(&self) -> String {
        let mut text = String::new();
        let set = &self.policy_set;
        let mut family = |name: &str, kind: &str, help: &str, series: &[(String, f64)]| {
            let _ = writeln!(text, "# HELP normgate_{name} {help}\n# TYPE normgate_{name} {kind}");
            for (labels, value) in series {
                let _ = writeln!(text, "normgate_{name}{{policy_set=\"{set}\"{labels}}} {value}");
            }
        };
        let one = |value: u64| vec![(String::new(), value as f64)];
        family("requests_total", "counter", "Requests judged.", &one(self.requests));
        family("candidates_total", "counter", "Candidates judged.", &one(self.rows));
        family("candidates_withheld_total", "counter", "Candidates withheld.", &one(self.withheld));
        family("emergency_rows_total", "counter", "Uses of an emergency row.", &one(self.emergencies));
        family("overridden_requests_total", "counter", "Requests judged under an override.", &one(self.overridden));
        family("input_refused_total", "counter", "Requests refused for what was sent.", &one(self.input.refused));
        let quoted = |name: &str| name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let by = |label: &str, counts: &mut dyn Iterator<Item = (&str, u64)>| -> Vec<(String, f64)> {
            counts.map(|(name, n)| (format!(",{label}=\"{}\"", quoted(name)), n as f64)).collect()
        };
        let fields: Vec<(String, f64)> = (self.input.unknown_fields.iter())
            .map(|(name, n)| {
                let near = nearest_field(Vocabulary::shipped(), name).unwrap_or_default();
                (format!(",field=\"{}\",nearest=\"{near}\"", quoted(name)), *n as f64)
            })
            .collect();
        family("input_unknown_fields_total", "counter", "Fields that the vocabulary lacks, ignored.", &fields);
        let cells = by("column", &mut self.input.bad_cells.iter().map(|(name, n)| (name.as_str(), *n)));
        family("input_bad_cells_total", "counter", "Values not legal, judged as unknown.", &cells);
        let rows = by("cause", &mut self.input.bad_rows.iter().map(|(cause, n)| (*cause, *n)));
        family("input_bad_rows_total", "counter", "Rows withheld or left out for what was sent.", &rows);
        family("stale_requests_total", "counter", "Requests judged by what had expired.", &one(self.stale));
        if let Some(name) = &self.generation {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            family(
                "generation_info",
                "gauge",
                "The name of the generation.",
                &[(format!(",generation=\"{name}\""), 1.0)],
            );
        }
        family("generation_swaps_total", "counter", "Times that another generation took over.", &one(self.swaps));
        family("generations_refused_total", "counter", "Proposals refused after their trial.", &one(self.refused));
        let mut notices: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for notice in &self.notices {
            *notices.entry((notice.code, notice.policy.as_deref().unwrap_or_default())).or_default() += 1;
        }
        let notices: Vec<(String, f64)> = (notices.into_iter())
            .map(|((code, policy), n)| (format!(",code=\"{code}\",policy=\"{policy}\""), f64::from(n)))
            .collect();
        family("generation_notices", "gauge", "What was noticed when the generation was built.", &notices);
        let each = |value: &dyn Fn(&ModuleStats) -> f64| -> Vec<(String, f64)> {
            self.modules.iter().map(|module| (format!(",policy=\"{}\"", module.policy), value(module))).collect()
        };
        family("module_calls_total", "counter", "Calls of a module.", &each(&|m| m.calls as f64));
        family("module_fuel_total", "counter", "Units of work of a module.", &each(&|m| m.fuel as f64));
        family(
            "module_breaker_open",
            "gauge",
            "1 while a module is left out.",
            &each(&|m| f64::from(u8::from(m.breaker != BreakerState::Closed))),
        );
        let quantiles: Vec<(String, f64)> = (self.modules.iter())
            .flat_map(|m| [("0.5", m.p50_us), ("0.9", m.p90_us), ("0.99", m.p99_us)].map(|(q, us)| (m, q, us)))
            .map(|(m, q, us)| (format!(",policy=\"{}\",quantile=\"{q}\"", m.policy), us / 1e6))
            .collect();
        family("module_call_seconds", "summary", "Time of a call and of reading its answer.", &quantiles);
        let failures: Vec<(String, f64)> = (self.modules.iter())
            .flat_map(|m| m.failures.iter().map(move |(kind, n)| (m, kind, n)))
            .map(|(m, kind, n)| (format!(",policy=\"{}\",kind=\"{}\"", m.policy, kind.name()), *n as f64))
            .collect();
        family("module_failures_total", "counter", "Failed calls, by kind.", &failures);
        let withheld: Vec<(String, f64)> = (self.modules.iter())
            .flat_map(|m| m.withheld.iter().map(move |(rule, n)| (m, rule, n)))
            .map(|(m, rule, n)| (format!(",policy=\"{}\",rule=\"{rule}\"", m.policy), *n as f64))
            .collect();
        family("rule_withheld_total", "counter", "Candidates withheld, by rule.", &withheld);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_class_is_never_below_what_it_holds_and_never_a_quarter_above() {
        for nanos in [4u64, 5, 7, 8, 999, 1_000, 1_001, 65_535, 1_000_000, 123_456_789] {
            let bound = upper_bound(class(Duration::from_nanos(nanos)));
            assert!(bound > nanos && bound <= nanos + nanos / 4 + 1, "{nanos} -> {bound}");
        }
        assert!(class(Duration::MAX) < CLASSES);
    }
}

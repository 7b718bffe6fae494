//! A generation: a policy set behind a sandbox, and all that judging one request needs. Built once, never changed; the gate
//! that holds it may be given another.

use std::collections::BTreeSet;
use std::sync::Arc;

use normgate_contract::{Day, Vocabulary};
use tracing::{info, warn};

use crate::batch::{Reader, Tolerance};
use crate::config::{BreakerConfig, is_required};
use crate::diff::{Diff, ShadowDiff};
use crate::fitting::LeftOut;
use crate::notice::Notice;
use crate::notices;
use crate::policy_set::PolicySet;
use crate::provider::Facts;
use crate::sandbox::Sandbox;
use crate::stats::{Health, Stats, Totals};

/// What judges from one swap to the next. Made by [`crate::GateBuilder::generation`]; the last request that it judges frees it.
pub struct Generation {
    pub(crate) label: Option<Arc<str>>,
    pub(crate) sandbox: Sandbox,
    pub(crate) set: Arc<PolicySet>,
    pub(crate) facts: Option<Facts>,
    /// The obligation to display the number of the provider's filing, where there is one.
    pub(crate) filing: Option<u16>,
    /// What was noticed when it was built; in every outcome.
    pub(crate) notices: Vec<Notice>,
    /// What is noticed besides, while `[on_failure] all` lasts.
    pub(crate) switched: Vec<Notice>,
    pub(crate) vocabulary: Arc<Vocabulary>,
    /// What of a request need not be as the vocabulary says.
    pub(crate) tolerance: Tolerance,
    pub(crate) as_of: Option<Day>,
    pub(crate) clock: fn() -> i64,
    pub(crate) applicability: bool,
    /// Modules that were left out because they did not fit.
    pub(crate) left_out: Vec<LeftOut>,
    /// Ids of policies of which nothing judges, for a reason that a notice gives.
    pub(crate) absent: BTreeSet<String>,
    pub(crate) breaker: BreakerConfig,
    /// What its rules in shadow would change.
    pub(crate) diff: Arc<Diff>,
    /// What each policy of the set has been doing. Outlives the generation where the next one has the same module.
    pub(crate) health: Vec<Arc<Health>>,
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generation").field("label", &self.label).field("set", &self.set).finish_non_exhaustive()
    }
}

impl Generation {
    /// Its name, if it was given one ([`crate::GateBuilder::label`]).
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// A reader of requests that knows the columns which its norms define themselves, and tolerates what the configuration does.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.vocabulary)).tolerating(self.tolerance)
    }

    /// The policy set that judges in it.
    pub fn policy_set(&self) -> &PolicySet {
        &self.set
    }

    /// What was noticed when it was built; every outcome carries it.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// The modules that were given and left out, because they did not fit ([`crate::GateBuilder::tolerant`]).
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// The instant by which it decides what is in force: the clock's, or the day that it was built for.
    pub(crate) fn now_ms(&self) -> i64 {
        self.as_of.map_or_else(|| self.clock_ms(), Day::start_ms)
    }

    /// The clock's time. It stands still for as long as the clock is behind the time at which this was built: what was in force then
    /// does not go out of force because a clock died.
    pub(crate) fn clock_ms(&self) -> i64 {
        let clock_ms = (self.clock)();
        if self.as_of.is_some() { clock_ms } else { clock_ms.max(self.set.origin.resolved_ms) }
    }

    /// What is noticed of `[on_failure] all` at an instant.
    pub(crate) fn switched_at(&self, at_ms: i64) -> &[Notice] {
        if self.set.chosen.on_failure.in_force(at_ms).is_some() { &self.switched } else { &[] }
    }

    /// Says in the log that it judges, and what was noticed.
    pub(crate) fn announce(&self) {
        info!(generation = self.label(), policy_set = self.set.digest(), "a generation judges");
        for Notice { code, policy, message } in self.notices.iter().chain(self.switched_at(self.clock_ms())) {
            warn!(generation = self.label(), policy, "{code}: {message}");
        }
    }

    /// What it has been doing.
    pub(crate) fn stats(&self, totals: &Totals) -> Stats {
        let mut stats = Stats {
            generation: self.label().map(str::to_owned),
            notices: self.notices.clone(),
            ..Stats::of(&self.set, &self.health, totals)
        };
        stats.add_shadow(&self.shadow_diff());
        stats
    }

    /// What would change if its rules in shadow acted.
    pub(crate) fn shadow_diff(&self) -> ShadowDiff {
        ShadowDiff::of(&self.set, &self.diff, self.label())
    }

    /// Takes over what is known of modules that the generation before has too, byte for byte: counters, and a breaker that
    /// is open stays open. What the law requires does not go silently: a module that is there no more is noticed.
    pub(crate) fn follow(&mut self, before: &Generation) {
        for gone in before.set.manifests() {
            let required = gone.rules.iter().any(|rule| is_required(gone, rule));
            let there = self.set.manifests().any(|m| m.id == gone.id) || self.absent.contains(&gone.id);
            if required && !there {
                self.notices.push(notices::missing(gone));
            }
        }
        if self.set.digest() == before.set.digest() {
            self.diff = Arc::clone(&before.diff);
        }
        if self.breaker != before.breaker {
            return;
        }
        for (policy, health) in self.set.policies.iter().zip(&mut self.health) {
            let mut known = before.set.policies.iter().zip(&before.health);
            if let Some((_, kept)) = known.find(|(known, _)| known.module.digest == policy.module.digest) {
                *health = Arc::clone(kept);
            }
        }
    }
}

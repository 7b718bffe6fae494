//! The trial of a proposed generation: it judges the last recorded requests before it judges anybody, and modules that are
//! new or changed stay in shadow when too much would be withheld or fail.

use serde::Serialize;
use tracing::warn;

use crate::batch::Batch;
use crate::builder::GateBuilder;
use crate::config::Mode;
use crate::error::BuildError;
use crate::gate::Gate;
use crate::generation::Generation;
use crate::module::Module;
use crate::overrides::Override;
use crate::policy_set::begun;
use crate::stats::Health;

/// How far a proposed generation may differ from the one that judges, on the recorded requests. Engineering defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// By how much the share of withheld candidates may rise, in ppm. Default: 20,000, two of a hundred. Wide enough for an
    /// article that becomes stricter, and narrow enough for a module that withholds everything.
    pub withheld_ppm: u64,
    /// By how much the share of requests in which some module fails may rise, in ppm. Default: 1,000, so that of 256 recorded
    /// requests not one may.
    pub failing_ppm: u64,
    /// As `withheld_ppm`, where urgent releases judge. Default: 500,000. What is urgent may withhold much, and a person should look
    /// before it withholds most.
    pub urgent_withheld_ppm: u64,
    /// As `failing_ppm`, where urgent releases judge. Default: 100,000: what fails in a tenth of the requests mends nothing.
    pub urgent_failing_ppm: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { withheld_ppm: 20_000, failing_ppm: 1_000, urgent_withheld_ppm: 500_000, urgent_failing_ppm: 100_000 }
    }
}

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ruling {
    /// It judges.
    Accepted,
    /// It judges, with modules that are new or changed in shadow, and whom they would follow in their place.
    Held,
    /// Nothing has changed: it would go beyond the bounds even with these in shadow.
    Refused,
}

/// What a generation does with the recorded requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Requests.
    pub requests: u64,
    /// Candidates.
    pub rows: u64,
    /// Candidates withheld.
    pub withheld: u64,
    /// Requests in which some module failed that is not left in shadow.
    pub failing: u64,
}

/// The report of a trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// What became of the proposal.
    pub ruling: Ruling,
    /// What the generation does that judged before.
    pub before: Tally,
    /// What the proposed one does. Without recorded requests nothing is counted, and the proposal is accepted as it is.
    pub proposed: Tally,
    /// Modules that were left in shadow, `<id>@<version>`.
    pub held: Vec<String>,
    /// A sentence for each bound that the proposal goes beyond.
    pub alarms: Vec<String>,
}

impl Tally {
    /// Judges requests in a generation; nothing of that is counted in its statistics.
    fn of(generation: &Generation, requests: &[Batch], overrides: &[Override]) -> Self {
        let health = Health::of(&generation.set, generation.breaker);
        let mut tally = Self::default();
        for request in requests {
            let outcome = generation.judge(request, overrides, &[], &health);
            tally.requests += 1;
            tally.rows += outcome.verdicts.len() as u64;
            tally.withheld += (outcome.verdicts.len() - outcome.shown) as u64;
            // What fails in shadow harms nobody.
            let acting = |policy: u16| generation.set.policies[usize::from(policy)].release != Mode::Shadow;
            tally.failing += u64::from(outcome.failures.iter().any(|failure| acting(failure.policy)));
        }
        tally
    }

    fn withheld_ppm(self) -> u64 {
        self.withheld * 1_000_000 / self.rows.max(1)
    }

    fn failing_ppm(self) -> u64 {
        self.failing * 1_000_000 / self.requests.max(1)
    }
}

impl Bounds {
    /// What urgent releases are held to.
    fn urgent(&self) -> Self {
        Self { withheld_ppm: self.urgent_withheld_ppm, failing_ppm: self.urgent_failing_ppm, ..*self }
    }

    /// A sentence for each bound that lies between two tallies.
    fn alarms(&self, before: Tally, proposed: Tally) -> Vec<String> {
        let percent = |ppm: u64| ppm as f64 / 1e4;
        [
            ("of the candidates are withheld", before.withheld_ppm(), proposed.withheld_ppm(), self.withheld_ppm),
            ("of the requests see a module fail", before.failing_ppm(), proposed.failing_ppm(), self.failing_ppm),
        ]
        .into_iter()
        .filter(|(_, now, then, bound)| *then > now.saturating_add(*bound))
        .map(|(what, now, then, bound)| {
            format!(
                "on {} recorded requests {:.2} % {what}, {:.2} % before; at most {:.2} points more are in bounds",
                proposed.requests,
                percent(then),
                percent(now),
                percent(bound)
            )
        })
        .collect()
    }
}

impl Gate {
    /// Tries a generation on the recorded requests ([`GateBuilder::recording`]), and has it judge when it stays within bounds.
    ///
    /// Otherwise the modules that are new or changed stay in shadow, those that they would follow go on, and everything else of the
    /// proposal judges; where that does not help, nothing changes. Releases that are marked urgent ([`GateBuilder::urgent`]), by an
    /// authority whose grant lets it, are held back only where they go far beyond ([`Bounds::urgent_failing_ppm`]): then a person
    /// decides. Each bound that is passed is a warning in the log and a sentence in the report.
    ///
    /// It judges the recorded requests two to four times, in the calling thread; nobody waits for it.
    ///
    /// # Errors
    /// Where the proposal cannot be built; see [`GateBuilder::generation`]. Then nothing changes.
    pub fn propose(&self, mut proposal: GateBuilder, bounds: &Bounds) -> Result<Trial, BuildError> {
        let generation = proposal.generation()?;
        let _one_at_a_time = self.changing();
        let current = self.generation();
        let (requests, overrides) = (self.recorded(), self.overrides());
        let before = Tally::of(&current, &requests, &overrides);
        let proposed = Tally::of(&generation, &requests, &overrides);
        let alarms = bounds.alarms(before, proposed);
        let mut trial = Trial { ruling: Ruling::Accepted, before, proposed, held: Vec::new(), alarms };
        if trial.alarms.is_empty() {
            self.take_over(generation);
            return Ok(trial);
        }

        let beyond = |generation: &Generation, bounds: &Bounds| {
            bounds.alarms(before, Tally::of(generation, &requests, &overrides))
        };
        let (urgent, others): (Vec<Module>, Vec<Module>) =
            changed(&current, &generation).partition(|module| proposal.is_urgent(module));
        let mut hold = |modules: &[Module]| {
            for module in modules {
                trial.held.push(module.manifest.reference());
                proposal.hold(module.digest, followed(&current, module));
            }
            proposal.generation()
        };
        // 1. What is not urgent is held back.
        let mut generation = if others.is_empty() { generation } else { hold(&others)? };
        let within = if urgent.is_empty() {
            !others.is_empty() && beyond(&generation, bounds).is_empty()
        } else {
            // 2. What is urgent too, where it goes far beyond.
            let far = beyond(&generation, &bounds.urgent());
            if !far.is_empty() {
                generation = hold(&urgent)?;
                trial.alarms.extend(far.iter().cloned());
            }
            far.is_empty() || beyond(&generation, bounds).is_empty()
        };
        for alarm in &trial.alarms {
            warn!(generation = generation.label(), alarm, "a proposed generation goes beyond a bound");
        }
        if within {
            trial.ruling = if trial.held.is_empty() { Ruling::Accepted } else { Ruling::Held };
            self.take_over(generation);
        } else {
            trial.ruling = Ruling::Refused;
            trial.held.clear();
            self.refused();
        }
        Ok(trial)
    }
}

/// The modules of a proposed generation that the trial was about. What acted for nobody before, or for some, is as new as what
/// comes now; what is not in force yet did nothing that could be tried.
fn changed(current: &Generation, proposed: &Generation) -> impl Iterator<Item = Module> {
    let acted =
        |module: &Module| current.set.policies.iter().any(|p| !p.release.weakens() && p.module.digest == module.digest);
    let at_ms = proposed.now_ms();
    let judging = proposed.set.policies[..proposed.set.judging].iter().map(|policy| &policy.module);
    judging.filter(move |module| !acted(module) && begun(module.manifest.effective_from, at_ms)).cloned()
}

/// The modules that a module would follow: earlier versions, and those that it replaces.
fn followed(current: &Generation, module: &Module) -> impl Iterator<Item = Module> {
    let judging = current.set.policies[..current.set.judging].iter().map(|policy| &policy.module);
    let is_followed = |before: &&Module| {
        let id = &before.manifest.id;
        *id == module.manifest.id || module.manifest.replaces.contains(id)
    };
    judging.filter(is_followed).cloned()
}

//! One unit of work: a module (or a crowd of them) on a gate beside innocent modules, judged, and held against what the
//! innocents say alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use normgate::contract::{OnFailure, Vocabulary};
use normgate::{
    ArgumentValue, Batch, BreakerConfig, BuildError, Config, Detail, Failure, FailureKind, Gate, GateBuilder, Limits,
    LoadError, Module, OnFailures, Outcome, embedded,
};

use crate::cost::measured;
use crate::manifests::Author;
use crate::modules::Workshop;
use crate::numbers::Numbers;
use crate::platform::{self, AUTHORITIES};
use crate::requests::{self, INNOCENTS, REQUESTS, Request};
use crate::road::Road;
use crate::tally::Tally;

/// Enough for the innocents and for what made modules do before they end; a loop without end costs a millisecond. A crowd that
/// spends all it may spends more than one request has.
pub(crate) const LIMITS: Limits = Limits {
    fuel: 2_000_000,
    budget: 5_000_000,
    memory: 32 << 20,
    stack: 256 << 10,
    deadline_ticks: 200,
    request_ticks: 200,
};

/// One unit in so many is a crowd.
const CROWD_EVERY: u64 = 100;

/// One module in so many takes all there is, on a gate with the limits of a platform.
const HEAVY_EVERY: u64 = 200;

/// One module in so many travels the road too, with others.
const ROAD_EVERY: u64 = 20;

/// Modules of a crowd, and requests that it is judged with.
const CROWD: usize = 4;
const CROWD_REQUESTS: usize = 400;

/// A campaign: its requests, what the innocents say of them, and the tools that make modules.
pub struct Campaign {
    seed: u64,
    modules: u64,
    /// Requests that each module is judged with, the repeated first not counted.
    each: usize,
    workshop: Workshop,
    road: Road,
    requests: Vec<Request>,
    innocents: Vec<Module>,
    /// The innocents alone, in the same pool of instances.
    alone: Gate,
}

impl Campaign {
    /// Prepares `modules` modules, each judged with `each` requests.
    ///
    /// # Errors
    /// What is wrong with the tools.
    pub fn new(seed: u64, modules: u64, each: usize) -> Result<Self, String> {
        let innocents: Vec<Module> =
            embedded::arp().into_iter().filter(|module| INNOCENTS.contains(&module.manifest.module.as_str())).collect();
        let alone = gate(&innocents, Vec::new(), Config::default()).build().map_err(|error| error.to_string())?;
        let requests = requests::lines(seed)?.into_iter().map(|line| {
            let batch = Batch::from_json(line.as_bytes()).map_err(|error| error.to_string())?;
            let outcome = alone.evaluate(&batch);
            if let Some(failure) = outcome.failures.first() {
                return Err(format!("an innocent module fails: {}", failure.message));
            }
            let (said, order) = (requests::said(&outcome, |_| true, |_| true), requests::order(&outcome));
            Ok(Request { batch, said, order })
        });
        let requests = requests.collect::<Result<_, String>>()?;
        let workshop = Workshop::open()?;
        let road = Road::new(&workshop).map_err(|error| format!("the repositories: {error}"))?;
        Ok(Self { seed, modules, each, workshop, road, requests, innocents, alone })
    }

    /// How many units it takes until all modules are through, with the crowds among them. What comes after are crowds.
    pub fn units(modules: u64) -> u64 {
        modules + modules.saturating_sub(1) / (CROWD_EVERY - 1)
    }

    /// Whether a unit is a crowd.
    pub fn is_crowd(modules: u64, unit: u64) -> bool {
        unit % CROWD_EVERY == CROWD_EVERY - 1 || unit >= Self::units(modules)
    }

    /// Runs one unit: a module or a crowd. A panic is counted, not passed on.
    pub fn unit(&self, number: u64) -> Tally {
        let crowd = Self::is_crowd(self.modules, number);
        let run = || if crowd { self.crowd(number) } else { self.module(number) };
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
            eprintln!("hostile: a panic in unit {number} of seed {}", self.seed);
            let mut tally = Tally::default();
            tally.add("modules", u64::from(!crowd));
            tally.count("panics");
            tally
        })
    }

    fn module(&self, number: u64) -> Tally {
        let mut tally = Tally::default();
        // Three in four are held against what a platform grants; of the others nobody asks for anything.
        let heavy = number % HEAVY_EVERY == HEAVY_EVERY / 2;
        let granted = !heavy && !number.is_multiple_of(4);
        let mut numbers = Numbers::of(!self.seed, number);
        let made = match heavy {
            true => self.workshop.heavy(&mut numbers),
            false => self.workshop.make(self.seed, number, granted),
        };
        let made = match made {
            Ok(made) => made,
            Err(error) => {
                eprintln!("hostile: {error}");
                tally.count("unmade");
                return tally;
            }
        };
        let source = made.source;
        let count = |tally: &mut Tally, what: &str| {
            tally.count(what);
            tally.count(&format!("source.{source}.{what}"));
        };
        count(&mut tally, "modules");
        if number.is_multiple_of(ROAD_EVERY) {
            let mut numbers = Numbers::of(self.seed.rotate_left(32), number);
            if let Err(error) = self.road.travel(number, &self.workshop, &mut numbers, &mut tally) {
                eprintln!("hostile: the road of unit {number}: {error}");
                tally.count("unmade");
            }
        }
        let gate = Module::read("made.wasm", &made.bytes, Vocabulary::shipped()).map_err(BuildError::from).and_then(
            |module| {
                // Half of them hold rows when they fail, and half are simply not there.
                let allow = made.illegal || numbers.position(2) == 0;
                let on_failure = [(module.manifest.module.clone(), OnFailure::Allow)].into_iter().take(allow.into());
                let on_failure = OnFailures { modules: on_failure.collect(), ..OnFailures::default() };
                let config = Config { on_failure, ..config(granted.then_some(&mut numbers)) };
                let builder = gate(&self.innocents, vec![module], config);
                if heavy { builder.limits(Limits::default()).build() } else { builder.build() }
            },
        );
        let gate = match gate {
            Ok(gate) => gate,
            Err(error) => {
                count(&mut tally, "refused");
                tally.count(&format!("refusal.{}", refusal(&error)));
                return tally;
            }
        };
        let trial = Trial::new(self, gate, made.illegal);
        let first = numbers.position(REQUESTS);
        let mut answer = None;
        for step in 0..if heavy { 2 } else { self.each } {
            let outcome = trial.judge((first + step) % REQUESTS, number, &mut tally);
            answer.get_or_insert_with(|| outcome.to_json(Detail::default()));
            if step % 4 == 0 {
                self.bystander((first + step * 7) % REQUESTS, number, &mut tally);
            }
        }
        // Asked again, it answers as it did at first, whatever it was asked in between.
        let again = trial.judge(first, number, &mut tally);
        let timely = |kind: &FailureKind| !matches!(kind, FailureKind::Deadline | FailureKind::Overload);
        if again.failures.iter().all(|failure| timely(&failure.kind))
            && answer.is_some_and(|answer| answer != again.to_json(Detail::default()))
        {
            tally.count("leaks");
            tally.count("leak.remembered");
        }
        let stats = trial.gate.stats();
        let calls =
            (stats.modules.iter()).filter(|module| !innocent(&module.policy)).map(|module| module.calls).sum::<u64>();
        // What is beyond its right, or came too late, is no failure of its own.
        let own = |kind: &str| !["grant", "overload", "budget"].contains(&kind);
        let failed: u64 = tally.under("kind.").filter(|(kind, _)| own(kind)).map(|(_, count)| count).sum();
        // One that is not in force, or has no rule left, is never asked.
        if calls == 0 {
            count(&mut tally, "silent");
        } else {
            count(&mut tally, "ran");
            count(&mut tally, if failed > 0 { "trapped" } else { "answered" });
        }
        tally
    }

    /// Several modules of several authorities on one gate, which leaves out what does not fit its grants.
    fn crowd(&self, number: u64) -> Tally {
        let mut tally = Tally::default();
        let mut numbers = Numbers::of(self.seed, number);
        let modules = (0..CROWD).filter_map(|place| {
            let author = Author::of(numbers.pick::<&str>(&AUTHORITIES), &format!("m{place}"));
            let made = self.workshop.spy(&mut numbers, &author, true).ok()?;
            Module::read("crowd.wasm", &made.bytes, Vocabulary::shipped()).ok()
        });
        let modules: Vec<Module> = modules.collect();
        let gate = match gate(&self.innocents, modules, config(Some(&mut numbers))).tolerant().build() {
            Ok(gate) => gate,
            Err(error) => {
                eprintln!("hostile: crowd {number} of seed {}: no gate: {error}", self.seed);
                tally.count("unbuildable");
                return tally;
            }
        };
        let trial = Trial::new(self, gate, false);
        if trial.innocent.iter().filter(|innocent| **innocent).count() < INNOCENTS.len() {
            eprintln!("hostile: crowd {number} of seed {}: the law's modules are not all there", self.seed);
            tally.count("unbuildable");
            return tally;
        }
        for _ in 0..CROWD_REQUESTS {
            trial.judge(numbers.position(REQUESTS), number, &mut tally);
            if numbers.position(4) == 0 {
                self.bystander(numbers.position(REQUESTS), number, &mut tally);
            }
        }
        tally.count("crowds");
        tally
    }

    /// Judges without an attacker, in the pool that attackers use.
    fn bystander(&self, index: usize, number: u64, tally: &mut Tally) {
        let request = &self.requests[index];
        let outcome = self.alone.evaluate(&request.batch);
        tally.count("bystanders");
        if (requests::said(&outcome, |_| true, |_| true), requests::order(&outcome)) != (request.said, request.order) {
            self.changed(tally, "bystander", number, index);
        }
    }

    fn changed(&self, tally: &mut Tally, how: &str, number: u64, index: usize) {
        tally.count("changed");
        tally.count(&format!("change.{how}"));
        if tally.of("changed") == 1 {
            eprintln!("hostile: changed ({how}) in unit {number} of seed {}, request {index}", self.seed);
        }
    }
}

/// A gate under attack.
struct Trial<'c> {
    campaign: &'c Campaign,
    gate: Gate,
    /// Whether each policy of the set is innocent.
    innocent: Vec<bool>,
    /// Whether nothing that the attacker answers may be used.
    illegal: bool,
}

impl<'c> Trial<'c> {
    fn new(campaign: &'c Campaign, gate: Gate, illegal: bool) -> Self {
        let innocent = gate.policy_set().manifests().map(|manifest| innocent(&manifest.reference())).collect();
        Self { campaign, gate, innocent, illegal }
    }

    /// Judges one request and counts what must not be.
    fn judge(&self, index: usize, number: u64, tally: &mut Tally) -> Outcome {
        let (campaign, request) = (self.campaign, &self.campaign.requests[index]);
        let outcome = measured(tally, "request", || self.gate.evaluate(&request.batch));
        tally.count("requests");
        let innocent = |policy: u16| self.innocent[usize::from(policy)];
        let failures = || outcome.failures.iter().filter(|failure| !innocent(failure.policy));
        for failure in failures() {
            tally.count(&format!("kind.{}", failure.kind.name()));
        }
        let denied = |failure: &&Failure| {
            innocent(failure.policy) && matches!(failure.kind, FailureKind::Budget | FailureKind::Deadline)
        };
        if outcome.failures.iter().any(|failure| denied(&failure)) {
            tally.count("starved");
        }
        // 1. What the innocents say is what they say alone.
        if requests::said(&outcome, innocent, innocent) != request.said {
            campaign.changed(tally, "said", number, index);
        // 2. Of an answer that is none, nothing is left.
        } else if (self.illegal || (self.innocent.len() == INNOCENTS.len() + 1 && self.dropped(&outcome)))
            && (requests::said(&outcome, |_| true, innocent), requests::order(&outcome))
                != (request.said, request.order)
        {
            campaign.changed(tally, "applied", number, index);
        }
        // 3. Nobody reports another request's number.
        let reported = (outcome.obligations.iter().filter(|owed| !innocent(owed.rule.policy)))
            .flat_map(|owed| owed.args.iter().flat_map(|args| args.iter()));
        for (_, value) in reported {
            if let ArgumentValue::Number(value) = value
                && requests::owner(campaign.seed, value).is_some_and(|owner| owner != index)
            {
                if tally.of("leaks") == 0 {
                    eprintln!("hostile: a leak in unit {number} of seed {}, request {index}", campaign.seed);
                }
                tally.count("leaks");
                tally.count("leak.canary");
            }
        }
        outcome
    }

    /// Whether the one attacker failed in the candidate stage, so that it said nothing, and nothing was put in its place.
    fn dropped(&self, outcome: &Outcome) -> bool {
        let set = self.gate.policy_set();
        let stages = set.manifests().zip(&self.innocent);
        let slate = stages
            .filter(|(_, innocent)| !**innocent)
            .any(|(manifest, _)| manifest.rules.iter().any(|rule| rule.stage == normgate::contract::Stage::Slate));
        let failed = |stage: &str| {
            let mut failures = outcome.failures.iter().filter(|f| !self.innocent[usize::from(f.policy)]);
            failures.any(|failure| failure.stage == stage && failure.applied == "allow")
        };
        failed("candidate") && (!slate || failed("slate"))
    }
}

/// Why a module does not load, in a word.
fn refusal(error: &BuildError) -> &'static str {
    match error {
        BuildError::Load(LoadError::Malformed { .. }) => "malformed",
        BuildError::Load(LoadError::CoreModule { .. }) => "core",
        BuildError::Load(LoadError::Imports { .. }) => "imports",
        BuildError::Load(LoadError::TooLarge { .. }) => "size",
        BuildError::Load(LoadError::NoManifest { .. } | LoadError::Manifest { .. }) => "manifest",
        BuildError::Load(LoadError::Compile { .. }) => "compile",
        _ => "other",
    }
}

/// The platform's configuration: what it grants, drawn, or nothing of it.
fn config(granted: Option<&mut Numbers>) -> Config {
    let text = granted.map(platform::authorities).unwrap_or_default();
    Config::parse(&text).unwrap_or_else(|error| unreachable!("{text}: {error}"))
}

/// Whether a policy of this reference (`<id>@<version>`) is one of the innocents.
fn innocent(reference: &str) -> bool {
    INNOCENTS.iter().any(|name| reference.starts_with(&format!("reference/{name}-")))
}

/// A gate with these modules beside the innocents, which asks each every time, however often it fails.
fn gate(innocents: &[Module], modules: Vec<Module>, config: Config) -> GateBuilder {
    let breaker = BreakerConfig { failures: u32::MAX, ..BreakerConfig::default() };
    Gate::builder()
        .policies(modules)
        .policies(innocents.iter().cloned())
        .config(Config { breaker, ..config })
        .limits(LIMITS)
        .trusting()
        // Also a module that would have nothing to say is asked.
        .without_applicability()
}

//! Building a gate: modules are held against their grants and compiled, parameters are resolved; all of it once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use normgate_contract::{Day, Vocabulary, hex, now_ms};

use crate::artifacts::{Artifact, Artifacts};
use crate::config::{BreakerConfig, Config, Mode, Parameters, carried};
use crate::confirm::Recorder;
use crate::description::Origin;
use crate::diff::Diff;
use crate::error::BuildError;
use crate::fitting::{Fitted, Fitting, Ready};
use crate::gate::Gate;
use crate::generation::Generation;
use crate::grant::Grant;
use crate::lineup::{Lineup, Placed};
use crate::module::Module;
use crate::names::Known;
use crate::notice::Notice;
use crate::notices;
use crate::overlay::{Norms, Tightened};
use crate::plan::{Plan, longest_retention};
use crate::policy_set::{Chosen, Loaded, PolicySet, Resolved};
use crate::provider::Facts;
use crate::recent::Recent;
use crate::sandbox::{Allocation, Backend, Compiler, Limits, Sandbox, WEAKENED};
use crate::stats::Health;

/// Builds a gate, or another generation for one that runs.
pub struct GateBuilder {
    modules: Vec<Module>,
    last_good: Vec<Module>,
    config: Config,
    limits: Limits,
    allocation: Allocation,
    backend: Backend,
    artifacts: Option<Artifacts>,
    compiler: Option<Box<Compiler>>,
    trusting: bool,
    tolerant: bool,
    of_a_larger_set: bool,
    /// The prefix that a policy has already, by id.
    holders: BTreeMap<String, String>,
    as_of: Option<Day>,
    vocabulary: Arc<Vocabulary>,
    applicability: bool,
    breakers: bool,
    clock: fn() -> i64,
    label: Option<Arc<str>>,
    recording: usize,
    last_requests: Option<PathBuf>,
    recorder: Option<Arc<dyn Recorder>>,
    /// Ids of policies whose release is urgent.
    urgent: Vec<String>,
    /// Digests of modules that a trial leaves in shadow.
    held: Vec<[u8; 32]>,
}

impl Gate {
    /// Starts building a gate: no modules, defaults everywhere, the shipped vocabulary.
    pub fn builder() -> GateBuilder {
        GateBuilder {
            modules: Vec::new(),
            last_good: Vec::new(),
            config: Config::default(),
            limits: Limits::default(),
            allocation: Allocation::begin(),
            backend: Backend::default(),
            artifacts: None,
            compiler: None,
            trusting: false,
            tolerant: false,
            of_a_larger_set: false,
            holders: BTreeMap::new(),
            as_of: None,
            vocabulary: Arc::clone(Vocabulary::shipped()),
            applicability: true,
            breakers: true,
            clock: now_ms,
            label: None,
            recording: 0,
            last_requests: None,
            recorder: None,
            urgent: Vec::new(),
            held: Vec::new(),
        }
    }
}

impl GateBuilder {
    /// Adds modules. Of one policy the highest version judges; a lower one stands in when it fails. A higher one that is not
    /// in force yet is observed until it is.
    pub fn policies(mut self, modules: impl IntoIterator<Item = Module>) -> Self {
        self.modules.extend(modules);
        self
    }

    /// Adds earlier versions of modules that were known to work: each stands in when the module of its id fails.
    pub fn last_good(mut self, modules: impl IntoIterator<Item = Module>) -> Self {
        self.last_good.extend(modules);
        self
    }

    /// Sets parameters, modes, authorities, facts about the operator.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets what judging may use.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets where instances take their memory from.
    pub fn allocation(mut self, allocation: Allocation) -> Self {
        self.allocation = allocation;
        self
    }

    /// Sets what executes modules. A compiler that is given ([`GateBuilder::compiler`]) has to compile for it.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Keeps compiled modules in a private folder, so that the next start is fast.
    pub fn artifacts(mut self, artifacts: Artifacts) -> Self {
        self.artifacts = Some(artifacts);
        self
    }

    /// Has modules that this program does not carry compiled elsewhere: by [`crate::precompile`] in a child process that can be
    /// killed, as the `normgate` command does ([`Artifact::from_bytes`]).
    ///
    /// Bytes alone are no artifact, since they would be executed:
    /// ```compile_fail
    /// normgate::Gate::builder().compiler(|_| Ok(b"whatever these are".to_vec()));
    /// ```
    pub fn compiler(mut self, compiler: impl Fn(&Module) -> Result<Artifact, String> + Send + Sync + 'static) -> Self {
        self.compiler = Some(Box::new(compiler));
        self
    }

    /// Lets in modules that nobody vouched for: where the configuration has no `[authorities]`, each is granted what its
    /// manifest asks; and each is compiled in this process, unless a compiler is given. For authors, tests and trials.
    pub fn trusting(mut self) -> Self {
        self.trusting = true;
        self
    }

    /// Leaves out each module that does not fit (beyond its grant, clashing with another, refused by the compiler), with the notice
    /// `left-out` ([`Generation::left_out`]), instead of building nothing; and so each value of the configuration that fits no
    /// module. Who may do more stays, and where a module is left out the one before it judges. For what comes out of a store:
    /// whatever one authority ships, the modules of the others judge.
    pub fn tolerant(mut self) -> Self {
        self.tolerant = !WEAKENED;
        self
    }

    /// Says that the configuration is that of a larger set: a name in it that no module has is left alone, instead of being an error or
    /// a notice.
    pub fn of_a_larger_set(mut self) -> Self {
        self.of_a_larger_set = true;
        self
    }

    /// Says which prefix a policy has already, by its id: of two that clash, and of which nobody may do more or lists the prefix, that
    /// one stays.
    pub fn holders(mut self, holders: BTreeMap<String, String>) -> Self {
        self.holders = holders;
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

    /// Names the generation: outcomes, stats and logs carry the name beside the set's digest.
    pub fn label(mut self, label: &str) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Keeps the last so many requests in memory, for [`Gate::propose`] to try other generations on; 256 say enough about most
    /// services. Off by default, since they hold what was sent about users.
    pub fn recording(mut self, requests: usize) -> Self {
        self.recording = requests;
        self
    }

    /// Writes the requests that are kept ([`GateBuilder::recording`]) to this file whenever a module's breaker opens, for whoever is
    /// called in the night. For other alarms there is [`Gate::write_last_requests`].
    pub fn last_requests(mut self, path: &Path) -> Self {
        self.last_requests = Some(path.to_owned());
        self
    }

    /// Has decisions kept ([`Gate::decide`]), and what became of them ([`Gate::confirm`]).
    pub fn recorder(mut self, recorder: Arc<dyn Recorder>) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// Names policies, by id, whose authority marked their release urgent: where its grant says `urgent`, a trial leaves them in
    /// shadow only far beyond its bounds.
    pub fn urgent(mut self, policies: impl IntoIterator<Item = String>) -> Self {
        self.urgent.extend(policies);
        self
    }

    /// Whether a module's release is marked urgent by an authority that may.
    pub(crate) fn is_urgent(&self, module: &Module) -> bool {
        let may = || self.config.grant_of(module, self.trusting).is_some_and(Grant::may_be_urgent);
        self.urgent.contains(&module.manifest.id) && may()
    }

    /// Leaves modules in shadow that a trial left there, as [`crate::SetDescription::held`] names them. Only modules given
    /// before are meant.
    pub fn held(mut self, digests: &[String]) -> Self {
        let named = |module: &&Module| digests.contains(&module.digest_text());
        self.held.extend(self.modules.iter().filter(named).map(|module| module.digest));
        self
    }

    /// Leaves a module in shadow, and has those judge that it would follow.
    pub(crate) fn hold(&mut self, module: [u8; 32], followed: impl IntoIterator<Item = Module>) {
        self.held.push(module);
        self.modules.extend(followed);
    }

    /// Asks every module, also those that provably have nothing to say. The outcome is the same; for tests of that.
    #[doc(hidden)]
    pub fn without_applicability(mut self) -> Self {
        self.applicability = false;
        self
    }

    /// Takes the time from another clock, in milliseconds since 1970 (UTC); for tests of clocks.
    #[doc(hidden)]
    pub fn clock(mut self, clock: fn() -> i64) -> Self {
        self.clock = clock;
        self
    }

    /// Asks a module again however often it failed. A breaker goes by the clock, so it makes judging a file another thing each time.
    pub fn without_breakers(mut self) -> Self {
        self.breakers = false;
        self
    }

    /// Builds a generation and opens a gate with it.
    ///
    /// # Errors
    /// As [`GateBuilder::generation`].
    pub fn build(self) -> Result<Gate, BuildError> {
        let generation = self.generation()?;
        let recent = (self.recording > 0).then(|| Recent::new(self.recording, self.last_requests));
        Ok(Gate::new(generation, recent, self.recorder))
    }

    /// Holds the modules against their grants, compiles them and resolves their parameters: a generation, for
    /// [`Gate::swap`]. Modules that the process has compiled already, and still holds, are not compiled again.
    ///
    /// # Errors
    /// See [`BuildError`]: each names the module or the configuration key.
    pub fn generation(&self) -> Result<Generation, BuildError> {
        let allocation = self.config.sandbox.allocation.unwrap_or(self.allocation);
        let sandbox = Sandbox::new(self.limits, allocation, self.backend).map_err(BuildError::Sandbox)?;
        let now = match self.as_of {
            Some(day) => day.start_ms(),
            None => alive((self.clock)())?,
        };
        let unmatched = if self.of_a_larger_set { Vec::new() } else { self.unmatched()? };
        let config = self.config.by_policy(self.modules.iter().chain(&self.last_good));
        let fitting = Fitting {
            config: &config,
            vocabulary: &self.vocabulary,
            held: &self.held,
            holders: &self.holders,
            trusting: self.trusting,
            tolerant: self.tolerant,
            now,
            compile: &|module| {
                sandbox.compile(module, self.artifacts.as_ref(), self.compiler.as_deref(), self.trusting)
            },
        };
        let Fitted { lineup, vocabulary, mut ready, left_out, absent } = fitting.fit(&self.modules, &self.last_good)?;
        for ready in ready.values() {
            sandbox.prepare(&ready.compiled)?;
        }
        let Lineup { judging, stand_ins, mut notices, .. } = lineup;
        notices.extend(unmatched);
        let facts = Facts::read(&self.config.provider, &vocabulary)?;
        let mut norms = Norms::of(&judging, &self.config, self.trusting, &vocabulary);
        for Placed { module: Module { manifest, .. }, release, awaited, .. } in &judging {
            // While another one acts where a release does not, nothing is weakened.
            let release = if *awaited { Mode::Enforce } else { *release };
            let weakened = config.weakened(manifest, release);
            notices.extend((!weakened.is_empty()).then(|| notices::weakened(manifest, &weakened)));
            let loosened = config.weakened_norm(manifest, release);
            notices.extend((!loosened.is_empty()).then(|| notices::norm_weakened(manifest, &loosened)));
        }
        let mut load = |placed: Placed| {
            let ready = ready.remove(&placed.module.digest)?;
            Some(self.load(placed, ready, &config, &vocabulary, &mut norms, &mut notices))
        };
        let policies: Vec<Loaded> = judging.into_iter().filter_map(&mut load).collect();
        let stand_ins: Vec<Loaded> = stand_ins.into_iter().map(Placed::stand_in).filter_map(&mut load).collect();
        notices.extend(norms.refused());
        let mut semantics = sandbox.semantics();
        if let Some(facts) = &facts {
            semantics.push_str(&format!(" provider={}", facts.digest()));
        }
        let filing = self.config.filing.as_ref().and_then(|_| vocabulary.obligation("display.filing_no"));
        if self.config.filing.is_some() {
            semantics.push_str(" filed");
        }
        let observed_until = self.config.observed_until()?;
        let held = self.held.iter().map(|digest| format!("sha256:{}", hex(digest))).collect();
        let origin = Origin {
            semantics,
            config: config.to_toml()?,
            resolved_ms: now,
            held,
            associations: config.associations(),
        };
        let on_failure = self.config.on_failure.clone();
        notices.extend(on_failure.weakened(policies.iter().map(|policy| &*policy.module.manifest)));
        let switched = on_failure.switched(policies.iter().map(|policy| &*policy.module.manifest));
        let chosen = Chosen { observed_until, order: config.order.by, on_failure };
        let set = PolicySet::new(policies, stand_ins, norms.taken(), chosen, &vocabulary, origin);
        let diff = Arc::new(Diff::new(&set, &vocabulary));
        let never = BreakerConfig { failures: u32::MAX, ..self.config.breaker };
        let breaker = if self.breakers { self.config.breaker } else { never };
        let health = Health::of(&set, breaker);
        Ok(Generation {
            label: self.label.clone(),
            sandbox,
            set: Arc::new(set),
            facts,
            filing,
            notices,
            switched,
            vocabulary,
            tolerance: self.config.input,
            as_of: self.as_of,
            clock: self.clock,
            applicability: self.applicability,
            left_out,
            absent,
            breaker,
            diff,
            health,
        })
    }

    /// What the configuration names and no module has: a notice each, or the error of the first. Where nothing is left out, a name
    /// may also be one of a module that this program carries and that is not loaded.
    fn unmatched(&self) -> Result<Vec<Notice>, BuildError> {
        let vocabulary = &self.vocabulary;
        let given = || self.modules.iter().chain(&self.last_good).map(|module| &*module.manifest);
        let known = Known::new(given(), vocabulary);
        let mut unmatched = known.missing(&self.config);
        let mut unknown = known.refuse(&self.config);
        if !self.tolerant && !unknown.is_empty() {
            let carried = carried();
            unknown = Known::new(given().chain(carried.iter().map(|module| &*module.manifest)), vocabulary)
                .refuse(&self.config);
            if let Some(error) = unknown.into_iter().next() {
                return Err(error);
            }
            return Ok(unmatched);
        }
        unmatched.extend(unknown.into_iter().map(|error| notices::ignored_config(None, error.to_string())));
        Ok(unmatched)
    }

    /// A module with all that follows from its parameters and rights.
    fn load(
        &self,
        Placed { module, release, awaited, stands_in, successors }: Placed,
        Ready { granted, parameters, compiled }: Ready,
        config: &Config,
        vocabulary: &Vocabulary,
        norms: &mut Norms,
        notices: &mut Vec<Notice>,
    ) -> Loaded {
        let manifest = Arc::clone(&module.manifest);
        let Parameters { values, looser, refused } = parameters;
        notices.extend(looser.into_iter().map(|(regulator, looser)| notices::ignored_overlay(&regulator, &looser)));
        notices.extend(refused.into_iter().map(|why| notices::ignored_config(Some(&manifest), why)));
        let owns_pack = vocabulary.owns_pack_of(&manifest);
        notices.extend((!owns_pack).then(|| notices::foreign_pack(&manifest)));
        let Tightened { by, combinations, looser } = norms.tighten(&manifest, &values, !stands_in);
        if let Some(longest) = granted.retain_d {
            let asked = combinations.iter().map(|values| longest_retention(&manifest, values)).max().unwrap_or(0);
            notices.extend((asked > i64::from(longest)).then(|| notices::retention_cut(&manifest, asked, longest)));
        }
        let resolved = combinations
            .into_iter()
            .map(|parameters| Resolved { plan: Plan::new(&manifest, &granted, &parameters, vocabulary), parameters });
        Loaded {
            compiled,
            resolved: resolved.collect(),
            tightened_by: by,
            looser,
            modes: config.modes_of(&manifest),
            owns_pack,
            release,
            awaited,
            successors,
            granted,
            rank: Vec::new(),
            authority: 0,
            module,
        }
    }
}

/// The beginning of 2026: this program is younger, so a clock that stands before has lost the time.
const YOUNGER_THAN_MS: i64 = 1_767_225_600_000;

/// A clock's time, unless it is dead: which rules are in force would then be anybody's guess.
fn alive(now_ms: i64) -> Result<i64, BuildError> {
    if now_ms >= YOUNGER_THAN_MS {
        return Ok(now_ms);
    }
    let day = Day::containing(now_ms);
    let message =
        format!("it stands in {day}, before this program was made; set it, or name the day to judge by (--as-of)");
    Err(BuildError::Config { place: "the clock".into(), message })
}

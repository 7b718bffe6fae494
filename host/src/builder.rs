//! Building a gate: modules are held against their grants and compiled, parameters are resolved; all of it once.

use std::sync::Arc;

use normgate_contract::{Day, Manifest, Vocabulary, hex, now_ms};

use crate::artifacts::{Artifact, Artifacts};
use crate::config::{Config, Looser, Mode, in_order};
use crate::confirm::Recorder;
use crate::description::Origin;
use crate::diff::Diff;
use crate::error::BuildError;
use crate::gate::Gate;
use crate::generation::Generation;
use crate::lineup::{Lineup, Placed};
use crate::module::Module;
use crate::notice::Notice;
use crate::notices;
use crate::plan::Plan;
use crate::policy_set::{Loaded, PolicySet, Resolved};
use crate::provider::Facts;
use crate::sandbox::{Allocation, Backend, Compiler, Limits, Sandbox};
use crate::stats::Health;

/// Most sector norms that may tighten the parameters of one module: each doubles the combinations kept ready.
const MAX_TIGHTENING_NORMS: usize = 4;

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
    as_of: Option<Day>,
    vocabulary: Arc<Vocabulary>,
    applicability: bool,
    label: Option<Arc<str>>,
    recording: usize,
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
            allocation: Allocation::default(),
            backend: Backend::default(),
            artifacts: None,
            compiler: None,
            trusting: false,
            as_of: None,
            vocabulary: Arc::clone(Vocabulary::shipped()),
            applicability: true,
            label: None,
            recording: 0,
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

    /// Has decisions kept ([`Gate::decide`]), and what became of them ([`Gate::confirm`]).
    pub fn recorder(mut self, recorder: Arc<dyn Recorder>) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// Names policies, by id, whose authority marked their release urgent: a trial does not leave them in shadow.
    pub fn urgent(mut self, policies: impl IntoIterator<Item = String>) -> Self {
        self.urgent.extend(policies);
        self
    }

    pub(crate) fn is_urgent(&self, policy: &str) -> bool {
        self.urgent.iter().any(|urgent| urgent == policy)
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

    /// Builds a generation and opens a gate with it.
    ///
    /// # Errors
    /// As [`GateBuilder::generation`].
    pub fn build(self) -> Result<Gate, BuildError> {
        Ok(Gate::new(self.generation()?, self.recording, self.recorder))
    }

    /// Holds the modules against their grants, compiles them and resolves their parameters: a generation, for
    /// [`Gate::swap`]. Modules that the process has compiled already, and still holds, are not compiled again.
    ///
    /// # Errors
    /// See [`BuildError`]: each names the module or the configuration key.
    pub fn generation(&self) -> Result<Generation, BuildError> {
        let sandbox = Sandbox::new(self.limits, self.allocation, self.backend).map_err(BuildError::Sandbox)?;
        let now = self.as_of.map_or_else(now_ms, Day::start_ms);
        let Lineup { judging, stand_ins, replaced, mut notices } =
            Lineup::of(&self.modules, &self.last_good, &self.config, &self.held, now)?;
        let manifests: Vec<&Manifest> =
            judging.iter().map(|placed| &placed.module).chain(&stand_ins).map(|module| &*module.manifest).collect();
        self.config.check_names(&manifests, &self.vocabulary)?;
        let vocabulary = self
            .vocabulary
            .extended(manifests)
            .map_err(|error| BuildError::Config { place: "modules".into(), message: error.to_string() })?;
        let facts = Facts::read(&self.config.provider, &vocabulary)?;
        let norms: Vec<(u16, Arc<Manifest>)> = (judging.iter().enumerate())
            .filter(|(_, placed)| !placed.module.manifest.overlays.is_empty())
            .map(|(index, placed)| (index as u16, Arc::clone(&placed.module.manifest)))
            .collect();
        for Placed { module: Module { manifest, .. }, release, awaited, .. } in &judging {
            // While another one acts where a release does not, nothing is weakened.
            let release = if *awaited { Mode::Enforce } else { *release };
            let weakened = self.config.weakened(manifest, release);
            notices.extend((!weakened.is_empty()).then(|| notices::weakened(manifest, &weakened)));
        }
        let mut load = |placed: Placed| self.load(placed, &sandbox, &vocabulary, &norms, now, &mut notices);
        let policies = judging.into_iter().map(&mut load).collect::<Result<Vec<_>, _>>()?;
        let stand_ins = stand_ins.into_iter().map(Placed::alone).map(&mut load).collect::<Result<Vec<_>, _>>()?;
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
        let origin = Origin { semantics, config: self.config.to_toml()?, resolved_ms: now, held };
        let set = PolicySet::new(policies, stand_ins, observed_until, &vocabulary, origin)?;
        let diff = Arc::new(Diff::new(&set, &vocabulary));
        let health = Health::of(&set, self.config.breaker);
        Ok(Generation {
            label: self.label.clone(),
            sandbox,
            set: Arc::new(set),
            facts,
            filing,
            notices,
            vocabulary,
            as_of: self.as_of,
            applicability: self.applicability,
            replaced,
            breaker: self.config.breaker,
            diff,
            health,
        })
    }

    fn load(
        &self,
        Placed { module, release, awaited, successors }: Placed,
        sandbox: &Sandbox,
        vocabulary: &Vocabulary,
        norms: &[(u16, Arc<Manifest>)],
        now: i64,
        notices: &mut Vec<Notice>,
    ) -> Result<Loaded, BuildError> {
        let manifest = Arc::clone(&module.manifest);
        let granted = self.config.granted_to(&module, self.trusting)?;
        let compiled = sandbox.compile(&module, self.artifacts.as_ref(), self.compiler.as_deref(), self.trusting)?;
        let (base, ignored) = self.config.parameters_of(&manifest, now)?;
        notices.extend(ignored.into_iter().map(|(regulator, looser)| notices::ignored_overlay(&regulator, &looser)));
        // What each sector norm says of this module's parameters: tighter values, by parameter, and looser ones.
        let mut tighter: Vec<(u16, Vec<(usize, i64)>)> = Vec::new();
        let mut looser = Vec::new();
        for (norm, source) in norms {
            let mut values = Vec::new();
            for (index, parameter) in manifest.parameters.iter().enumerate() {
                let Some(value) = source.overlays.get(&parameter.name) else { continue };
                // A value that is not even legal is not taken either, and no reason to fail: the norm's other rules stand.
                match parameter.encode(value) {
                    Ok(offered) if parameter.strictness(offered) >= parameter.strictness(base[index]) => {
                        values.push((index, offered));
                    }
                    _ => {
                        let (parameter, owner) = (parameter.name.clone(), parameter.owner);
                        looser.push((*norm, Looser { parameter, offered: value.clone(), owner }));
                    }
                }
            }
            if !values.is_empty() {
                tighter.push((*norm, values));
            }
        }
        if tighter.len() > MAX_TIGHTENING_NORMS {
            return Err(BuildError::Config {
                place: manifest.reference(),
                message: format!(
                    "{} sector norms tighten its parameters; at most {MAX_TIGHTENING_NORMS} may",
                    tighter.len()
                ),
            });
        }
        let resolved = (0..1usize << tighter.len()).map(|adopted| {
            let mut parameters = base.clone();
            for (_, values) in tighter.iter().enumerate().filter(|(bit, _)| adopted >> bit & 1 == 1).map(|(_, t)| t) {
                for (index, offered) in values {
                    let parameter = &manifest.parameters[*index];
                    if parameter.strictness(*offered) > parameter.strictness(parameters[*index]) {
                        parameters[*index] = *offered;
                    }
                }
            }
            in_order(&manifest, &parameters)?;
            Ok(Resolved { plan: Plan::new(&manifest, &granted, &parameters, vocabulary), parameters })
        });
        Ok(Loaded {
            compiled,
            resolved: resolved.collect::<Result<_, BuildError>>()?,
            tightened_by: tighter.iter().map(|(norm, _)| *norm).collect(),
            looser,
            on_failure: self.config.on_failure_of(&manifest),
            modes: self.config.modes_of(&manifest),
            release,
            awaited,
            successors,
            granted,
            rank: Vec::new(),
            module,
        })
    }
}

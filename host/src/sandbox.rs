//! The sandbox: one wasmtime engine, the limits of a call, and the clock behind them.
//!
//! Deterministic by construction: fuel ends a call the same way every time, NaNs are canonical, there are no threads and
//! no SIMD. Operators are priced by the time they take (`price.rs`), so that fuel is time; the clock behind it is for what prices do not
//! know, and it never decides in a healthy process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmtime::component::{Component, ComponentExportIndex, Func, InstancePre, Linker, TypedFunc};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OperatorCost, PoolingAllocationConfig, Store,
    StoreLimitsBuilder, Trap,
};

use crate::artifacts::{Artifact, Artifacts};
use crate::bindings::PolicyPre;
use crate::bindings::exports::normgate::policy::judging::{Answer, Call};
use crate::error::BuildError;
use crate::guest::Guest;
use crate::module::{LoadError, Module};
use crate::price;

#[cfg(normgate_weakened)]
pub(crate) mod weakened;

/// Whether this is a host that forgot what it is for, so that `make hostile WEAK=1` has something to notice (`weakened.rs`).
pub(crate) const WEAKENED: bool = cfg!(normgate_weakened);

/// Version of what judging means, at the head of `semantics`: under another number the same request may come out otherwise.
/// 2: work is priced by what it takes. 3: rows keep the order sent, and a demotion is by place.
const SEMANTICS: &str = "normgate/3";
/// Version of wasmtime that judges; part of `semantics`, because fuel is counted by it.
pub(crate) const WASMTIME: &str = "48.0.8";

/// How a module failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// It trapped.
    Trap,
    /// It used up its work.
    Fuel,
    /// It used up its time.
    Deadline,
    /// The modules of its authority together used up their work before its turn was over.
    Budget,
    /// It wanted more memory than it may have.
    Memory,
    /// It answered more than it may.
    Output,
    /// It answered something that is no answer.
    Garbage,
    /// It said what it has no right to; that alone was dropped.
    Grant,
    /// No slot was free.
    Overload,
    /// The host could not give it what a call takes: memory, or a descriptor.
    Host,
}

impl FailureKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [FailureKind; 10] = [
        Self::Trap,
        Self::Fuel,
        Self::Deadline,
        Self::Budget,
        Self::Memory,
        Self::Output,
        Self::Garbage,
        Self::Grant,
        Self::Overload,
        Self::Host,
    ];

    /// The kind's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Fuel => "fuel",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
            Self::Memory => "memory",
            Self::Output => "output",
            Self::Garbage => "garbage",
            Self::Grant => "grant",
            Self::Overload => "overload",
            Self::Host => "host",
        }
    }

    /// Whether the module itself is to blame, so that it counts towards its circuit breaker.
    pub(crate) fn is_its_own(self) -> bool {
        !matches!(self, Self::Budget | Self::Grant | Self::Overload | Self::Host)
    }

    /// Whether the host is to blame, so that its operator says what is done, and the call is tried once more.
    pub(crate) fn is_hosts(self) -> bool {
        matches!(self, Self::Overload | Self::Host)
    }
}

/// What judging may use. Fuel decides in a healthy process, since it ends the same way every time; the rest bounds the damage.
///
/// Work and time are for a short list. A list of n times 32,768 values, which are rows and what their lists hold, has n times as much
/// besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Units of work of one call. A rule over 10,000 rows takes a few million; this is about 5 ms of work.
    pub fuel: u64,
    /// Units of work of one association's modules in one request, where its grant says nothing else: two calls that use up theirs, and
    /// honest ones beside them. A module whose turn comes after that is not asked. An authority with `base = "full"`, or that the program
    /// carries, has six times as much; modules that are only observed have half of it apart.
    pub budget: u64,
    /// Linear memory, bytes, on the longest lists. On short ones a call has 1 MiB, and 512 bytes for every value: ten thousand rows of
    /// thirty columns take 3 MiB.
    pub memory: usize,
    /// The guest's stack, bytes; rules do not recurse.
    pub stack: usize,
    /// Backstop of one call, in ticks of 10 ms of processor time. Fuel ends a call before, also on a machine that does ten other
    /// things: a deadline that decided would make outcomes depend on the machine.
    pub deadline_ticks: u64,
    /// Backstop of all calls of one request together, in ticks of 10 ms by the clock on the wall. An association's may take two fifths
    /// of it.
    pub request_ticks: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 20_000_000,
            budget: 50_000_000,
            memory: 32 << 20,
            stack: 256 << 10,
            deadline_ticks: 10,
            request_ticks: 50,
        }
    }
}

/// Where instances take their memory from. It changes no outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allocation {
    /// From a pool that is reserved once: fast, and 256 calls at a time. It takes about 1 TiB of address space, and no memory.
    #[default]
    Pooled,
    /// From the system, call by call: slower, and bounded by the system alone. A call takes about 4 GiB of address space.
    OnDemand,
}

/// What [`Gate::builder`](crate::Gate::builder) begins with. Address space is the process's, so this is too.
static OF_PROCESS: AtomicU32 = AtomicU32::new(0);

impl Allocation {
    /// Has every builder of this process begin with it.
    pub fn of_process(self) {
        OF_PROCESS.store(self as u32, Ordering::Relaxed);
    }

    pub(crate) fn begin() -> Self {
        if OF_PROCESS.load(Ordering::Relaxed) == Self::OnDemand as u32 { Self::OnDemand } else { Self::Pooled }
    }
}

/// What executes modules. It changes no outcome: both count the same work, and both end a call where it is used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// Machine code, compiled by Cranelift.
    #[default]
    Native,
    /// Bytecode of wasmtime's Pulley, interpreted: slower, and another way to the same answer, on any processor.
    Interpreter,
}

/// What one call may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    pub(crate) fuel: u64,
    pub(crate) memory: usize,
    /// Bytes that the module may hand back.
    pub(crate) output: usize,
    /// Processor time.
    pub(crate) processor: Duration,
    /// Time by the clock on the wall.
    pub(crate) wall: Duration,
}

/// What one call used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    /// Units of work, its instance included.
    pub(crate) units: u64,
    /// Whether it took more than half of the processor time that it may take.
    pub(crate) slow: bool,
}

/// Compiles a module somewhere else, for example in a child process that can be killed: the artifact, or why there is none.
pub type Compiler = dyn Fn(&Module) -> Result<Artifact, String> + Send + Sync;

/// Bytes of a page of linear memory.
const PAGE: usize = 1 << 16;

/// How often the clock ticks.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// How many times as long the interpreter may take: it is a few times slower on lists, and more so in a tight loop.
const INTERPRETED: u32 = 20;

/// Concurrent instances. A call takes one slot; more callers than slots is a typed failure, not a wait.
const SLOTS: u32 = 256;

/// Elements of a table; a policy has a few dozen function pointers.
const TABLE_ELEMENTS: usize = 4_096;

/// The sandbox of a gate. Gates with the same limits and backend share one engine, and so one pool and one clock.
pub(crate) struct Sandbox {
    shared: Arc<Shared>,
    linker: Linker<Guest>,
    limits: Limits,
    backend: Backend,
}

/// An engine and its clock; they end with the last gate that uses them.
struct Shared {
    engine: Engine,
    alive: Arc<AtomicBool>,
    /// Process in which the clock ticks: threads do not survive a fork.
    ticks_in: AtomicU32,
    /// What is loaded somewhere in the process, by digest: a second gate, or the next generation of a set, does not compile again
    /// what it shares with the first.
    compiled: Mutex<HashMap<[u8; 32], Weak<Compiled>>>,
}

impl Shared {
    /// The process's engine for these limits: a pool reserves address space, and one is enough.
    fn of(limits: Limits, allocation: Allocation, backend: Backend) -> Result<Arc<Self>, String> {
        type Known = (Limits, Allocation, Backend, Weak<Shared>);
        static ENGINES: Mutex<Vec<Known>> = Mutex::new(Vec::new());
        let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
        engines.retain(|(.., shared)| shared.strong_count() > 0);
        let known = engines.iter().find(|(l, a, b, _)| (*l, *a, *b) == (limits, allocation, backend));
        if let Some(shared) = known.and_then(|(.., shared)| shared.upgrade()) {
            return Ok(shared);
        }
        let engine = engine(limits, allocation, backend)?;
        let alive = Arc::new(AtomicBool::new(true));
        let shared = Arc::new(Self { engine, alive, ticks_in: AtomicU32::new(0), compiled: Mutex::default() });
        shared.tick()?;
        engines.push((limits, allocation, backend, Arc::downgrade(&shared)));
        Ok(shared)
    }

    /// Starts the clock, unless it ticks in this process already.
    fn tick(&self) -> Result<(), String> {
        let process = std::process::id();
        if self.ticks_in.swap(process, Ordering::Relaxed) == process {
            return Ok(());
        }
        let (ticking, weak) = (Arc::clone(&self.alive), self.engine.weak());
        let clock = thread::Builder::new().name("normgate-epoch".into()).spawn(move || {
            while ticking.load(Ordering::Relaxed) {
                thread::sleep(TICK);
                match weak.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => break,
                }
            }
        });
        clock.map(drop).map_err(|error| {
            // The next call tries again.
            self.ticks_in.store(0, Ordering::Relaxed);
            format!("the sandbox's clock cannot start: {error}")
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.alive.store(false, Ordering::Relaxed);
    }
}

/// The engine for these limits. Artifacts fit every engine of the same release, limits and backend, and no other: what they are of is
/// part of them.
fn engine(limits: Limits, allocation: Allocation, backend: Backend) -> Result<Engine, String> {
    let strategy = match allocation {
        Allocation::OnDemand => InstanceAllocationStrategy::OnDemand,
        Allocation::Pooled => {
            let mut pool = PoolingAllocationConfig::default();
            pool.total_component_instances(SLOTS)
                .total_core_instances(SLOTS)
                .total_memories(SLOTS)
                .total_tables(SLOTS)
                .max_core_instances_per_component(4)
                .max_memories_per_component(1)
                .max_tables_per_component(4)
                .table_elements(TABLE_ELEMENTS)
                .max_memory_size(limits.memory)
                // A dropped instance costs what is resident of its memory, which a large list leaves behind: docs/performance.md.
                .linear_memory_keep_resident(256 << 10)
                .table_keep_resident(16 << 10)
                .pagemap_scan(Enabled::Auto);
            InstanceAllocationStrategy::Pooling(pool)
        }
    };
    let mut config = Config::new();
    config
        .allocation_strategy(strategy)
        .concurrency_support(false)
        .consume_fuel(true)
        .operator_cost(if WEAKENED { OperatorCost::new() } else { price::operators() })
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        // What neither the SDK nor C makes, and has prices of its own.
        .wasm_relaxed_simd(false)
        .wasm_simd(false)
        .wasm_tail_call(false)
        .wasm_multi_memory(false)
        .wasm_extended_const(false)
        .memory_init_cow(true)
        .max_wasm_stack(limits.stack);
    let cannot = |error: wasmtime::Error| {
        let way_out = match allocation {
            Allocation::Pooled if is_hosts(&error) => {
                "; its pool reserves about 1 TiB of address space, and takes no memory for it: where that is bounded (`ulimit -v`, \
                 overcommit), set allocation = \"on-demand\" under [sandbox] in normgate.toml, or NORMGATE_ALLOCATION=on-demand for the \
                 command"
            }
            _ => "",
        };
        format!("the sandbox cannot start: {error:#}{way_out}")
    };
    if backend == Backend::Interpreter {
        config.target("pulley64").map_err(cannot)?;
    }
    Engine::new(&config).map_err(cannot)
}

/// Compiles a module to an artifact that [`crate::GateBuilder::compiler`] may hand back for a backend, with default limits. For the child
/// process that compiles what nobody trusts: this call may take long and much memory, and whoever starts it may kill it.
///
/// # Errors
/// What the compiler says of a component that it refuses.
pub fn precompile(component: &[u8], backend: Backend) -> Result<Artifact, String> {
    let engine = engine(Limits::default(), Allocation::OnDemand, backend)?;
    let bytes = engine.precompile_component(component).map_err(|error| format!("{error:#}"))?;
    Ok(Artifact { component: Sha256::digest(component).into(), bytes })
}

/// The function that judges, on one instance.
type Evaluate<'c> = TypedFunc<(Call<'c>,), (Answer,)>;

/// A compiled module, ready to be instantiated. Lives as long as a policy set that holds it.
pub(crate) struct Compiled {
    pre: InstancePre<Guest>,
    /// Bytes of linear memory with which it starts.
    pub(crate) initial: usize,
    /// Where the component exports the function that judges.
    evaluate: ComponentExportIndex,
    /// Whether that function was found to have the contract's type.
    checked: AtomicBool,
    #[cfg(normgate_weakened)]
    kept: weakened::Kept,
}

impl Compiled {
    fn new(linker: &Linker<Guest>, component: &Component) -> wasmtime::Result<Self> {
        // The bindings say what the component lacks, if it lacks something.
        let pre = PolicyPre::new(linker.instantiate_pre(component)?)?.instance_pre().clone();
        let judging = component.get_export_index(None, "normgate:policy/judging@0.1.0");
        let evaluate = judging.and_then(|judging| component.get_export_index(Some(&judging), "evaluate"));
        let evaluate = evaluate.ok_or_else(|| wasmtime::format_err!("it exports no function that judges"))?;
        let pages = component.resources_required().and_then(|required| required.max_initial_memory_size).unwrap_or(0);
        Ok(Self {
            pre,
            initial: usize::try_from(pages).unwrap_or(usize::MAX).saturating_mul(PAGE),
            evaluate,
            checked: AtomicBool::new(false),
            #[cfg(normgate_weakened)]
            kept: weakened::Kept::default(),
        })
    }

    /// A fresh instance's function.
    fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Func> {
        let instance = self.pre.instantiate(&mut *store)?;
        instance
            .get_func(store, self.evaluate)
            .ok_or_else(|| wasmtime::format_err!("it exports no function that judges"))
    }

    /// The same, typed. Comparing types takes longer than a rule over ten rows, and they are the component's, not the instance's: they
    /// are compared until they were found equal.
    #[allow(unsafe_code, reason = "a type that was compared once is not compared at every call")]
    fn typed<'c>(&self, store: &Store<Guest>, function: Func) -> wasmtime::Result<Evaluate<'c>> {
        if self.checked.load(Ordering::Relaxed) {
            // SAFETY: the function is the same export of the same component as the one that passed the comparison below, and a
            // component's exports have one type.
            return Ok(unsafe { TypedFunc::new_unchecked(function) });
        }
        let typed = function.typed(store)?;
        self.checked.store(true, Ordering::Relaxed);
        Ok(typed)
    }
}

impl Sandbox {
    pub(crate) fn new(limits: Limits, allocation: Allocation, backend: Backend) -> Result<Self, String> {
        let shared = Shared::of(limits, allocation, backend)?;
        Ok(Self { linker: Linker::new(&shared.engine), shared, limits, backend })
    }

    /// What matters for identical outcomes; part of the policy set's digest.
    pub(crate) fn semantics(&self) -> String {
        let Limits { fuel, budget, memory, stack, .. } = self.limits;
        let weakened = if WEAKENED { " WEAKENED" } else { "" };
        format!(
            "{SEMANTICS} merge=1 wasmtime={WASMTIME} prices={} fuel={fuel} budget={budget} memory={memory} stack={stack} simd=0 \
             nan=canonical{weakened}",
            price::VERSION
        )
    }

    /// How many times as long as machine code this may take.
    pub(crate) fn patience(&self) -> u32 {
        match self.backend {
            Backend::Native => 1,
            Backend::Interpreter => INTERPRETED,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Sees to it that the clock ticks in this process, which may be a fork of the one that built the gate.
    pub(crate) fn wake(&self) {
        // Without a clock fuel still ends every call.
        let _ = self.shared.tick();
    }

    /// A module, compiled: from memory, from the store of artifacts, or anew, by the compiler given or in this process.
    pub(crate) fn compile(
        &self,
        module: &Module,
        artifacts: Option<&Artifacts>,
        compiler: Option<&Compiler>,
        here: bool,
    ) -> Result<Arc<Compiled>, LoadError> {
        let known = || self.shared.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = known().get(&module.digest).and_then(Weak::upgrade) {
            return Ok(compiled);
        }
        let place = || module.place.clone();
        let fail = |error: wasmtime::Error| match format!("{error:#}") {
            message if is_hosts(&error) => LoadError::Host { place: place(), message },
            message => LoadError::Compile { place: place(), message },
        };
        let engine = &self.shared.engine;
        let component = match (artifacts.and_then(|store| store.load(engine, module)), compiler) {
            (Some(component), _) => component,
            (None, Some(compiler)) if !module.embedded => {
                let artifact = compiler(module).map_err(|message| LoadError::Compile { place: place(), message })?;
                if artifact.component != module.digest {
                    let message = "the compiler gave the code of another module".into();
                    return Err(LoadError::Compile { place: place(), message });
                }
                let component = artifact.load(engine).map_err(fail)?;
                if let Some(store) = artifacts {
                    store.save(engine, module, artifact.as_bytes());
                }
                component
            }
            _ if here || module.embedded => {
                let component = Component::new(engine, &module.bytes).map_err(fail)?;
                if let (Some(store), Ok(bytes)) = (artifacts, component.serialize()) {
                    store.save(engine, module, &bytes);
                }
                component
            }
            _ => return Err(LoadError::NotCompiled { place: place() }),
        };
        let compiled = Arc::new(Compiled::new(&self.linker, &component).map_err(fail)?);
        let mut known = known();
        known.retain(|_, compiled| compiled.strong_count() > 0);
        known.insert(module.digest, Arc::downgrade(&compiled));
        Ok(compiled)
    }

    /// Has the host make now what every instance of a module takes of it, so that a host that cannot fails here and not in a call.
    /// Nothing of the module runs.
    pub(crate) fn prepare(&self, compiled: &Compiled) -> Result<(), BuildError> {
        let limits = self.limits;
        let allowance =
            Allowance { fuel: 0, memory: limits.memory, output: 0, processor: Duration::MAX, wall: Duration::MAX };
        let mut store = self.store(allowance);
        let made = store.set_fuel(0).and_then(|()| compiled.instantiate(&mut store));
        match made.map_err(|error| classify(&error, store.data())) {
            Err((FailureKind::Host, message)) => Err(BuildError::Host(message)),
            // Whatever else ends it is the module's own affair, at every call.
            _ => Ok(()),
        }
    }

    /// What a call takes by its parts: making the instance, the call on it, its end. For benches.
    pub(crate) fn time(&self, compiled: &Compiled, call: Call<'_>, allowance: Allowance) -> Option<[Duration; 3]> {
        let begin = Instant::now();
        let mut store = self.store(allowance);
        store.set_fuel(allowance.fuel).ok()?;
        let function = compiled.instantiate(&mut store).ok()?;
        let function = compiled.typed(&store, function).ok()?;
        let made = Instant::now();
        let answer = function.call(&mut store, (call,)).ok()?;
        let answered = Instant::now();
        drop(store);
        let dropped = Instant::now();
        drop(answer);
        Some([made - begin, answered - made, dropped - answered])
    }

    /// A fresh store with its limits.
    fn store(&self, allowance: Allowance) -> Store<Guest> {
        let limits = StoreLimitsBuilder::new()
            .memory_size(allowance.memory)
            .table_elements(TABLE_ELEMENTS)
            .instances(8)
            .tables(8)
            .memories(1)
            .build();
        let mut store = Store::new(&self.shared.engine, Guest::new(limits, allowance.processor, allowance.wall));
        store.limiter(|guest| guest);
        store.set_hostcall_fuel(allowance.output);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| Ok(context.data_mut().tick()));
        store
    }

    /// Asks a module once, on an instance of its own. The second of the pair is what it used, whatever came of it.
    #[cfg(not(normgate_weakened))]
    pub(crate) fn ask(
        &self,
        compiled: &Compiled,
        call: Call<'_>,
        allowance: Allowance,
    ) -> (Result<Answer, (FailureKind, String)>, Used) {
        // The instance dies with the store, whatever happened.
        let mut store = self.store(allowance);
        fuelled(&mut store, allowance.fuel, |store| {
            let function = compiled.instantiate(store)?;
            Ok(compiled.typed(store, function)?.call(store, (call,))?.0)
        })
    }
}

/// Runs guest code on so much fuel, which is set immediately before. The second of the pair is what it used, whatever came of it.
///
/// What a function uses is in a local of its own until it calls or returns, and is lost where it traps or is interrupted: such a call is
/// charged with all that it might have used.
fn fuelled<T>(
    store: &mut Store<Guest>,
    fuel: u64,
    run: impl FnOnce(&mut Store<Guest>) -> wasmtime::Result<T>,
) -> (Result<T, (FailureKind, String)>, Used) {
    if let Err(error) = store.set_fuel(fuel) {
        return (Err((FailureKind::Trap, error.to_string())), Used::default());
    }
    let result = run(store).map_err(|error| classify(&error, store.data()));
    let counted = match &result {
        Err((FailureKind::Trap | FailureKind::Deadline, _)) => fuel,
        _ => fuel.saturating_sub(store.get_fuel().unwrap_or(0)),
    };
    let guest = store.data();
    (result, Used { units: counted.saturating_add(price::instance(guest.memory)), slow: guest.slow })
}

/// Whether what failed is the system, and no guest had a say in it.
pub(crate) fn is_hosts(error: &wasmtime::Error) -> bool {
    let is_systems = |cause: &(dyn std::error::Error + 'static)| {
        #[cfg(unix)]
        if cause.is::<rustix::io::Errno>() {
            return true;
        }
        cause.is::<std::io::Error>() || cause.is::<wasmtime::OutOfMemory>()
    };
    error.chain().any(is_systems)
}

/// The typed kind of a failed call.
fn classify(error: &wasmtime::Error, guest: &Guest) -> (FailureKind, String) {
    let root = error.root_cause().to_string();
    if let Some(refused) = &guest.refused {
        return (FailureKind::Host, refused.clone());
    }
    let kind = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => FailureKind::Fuel,
        Some(Trap::Interrupt) => FailureKind::Deadline,
        Some(_) => FailureKind::Trap,
        None if error.is::<wasmtime::PoolConcurrencyLimitError>() => FailureKind::Overload,
        None if is_hosts(error) => FailureKind::Host,
        None if root.contains("exceeds memory limits") => FailureKind::Memory,
        None if root.contains("fuel") => FailureKind::Output,
        None => FailureKind::Garbage,
    };
    (kind, root)
}

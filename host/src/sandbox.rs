//! The sandbox: one wasmtime engine, the limits of a call, and the clock behind them.
//!
//! Deterministic by construction: fuel ends a call the same way every time, NaNs are canonical, there are no threads and
//! no relaxed SIMD. The epoch deadline behind it bounds wall time only; it never decides in a healthy process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use wasmtime::component::{Component, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, StoreLimits,
    StoreLimitsBuilder, Trap,
};

use crate::artifacts::Artifacts;
use crate::bindings::exports::normgate::policy::judging::{Answer, Call};
use crate::bindings::{Policy, PolicyPre};
use crate::module::{LoadError, Module};

/// Version of wasmtime that judges; part of `semantics`, because fuel is counted by it.
pub(crate) const WASMTIME: &str = "48.0.8";

/// How a module failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// It trapped.
    Trap,
    /// It used up its work.
    Fuel,
    /// It used up its time.
    Deadline,
    /// It wanted more memory than it may have.
    Memory,
    /// It answered more than it may.
    Output,
    /// It answered something that is no answer.
    Garbage,
    /// No slot was free.
    Overload,
}

/// What one call of one module may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Units of work. A rule over 10,000 rows takes a few million; this is about 20 ms of work.
    pub fuel: u64,
    /// Linear memory, bytes. Ten thousand rows of thirty columns take 3 MiB.
    pub memory: usize,
    /// The guest's stack, bytes; rules do not recurse.
    pub stack: usize,
    /// Wall-clock backstop, in ticks of 10 ms. Fuel ends a call long before.
    pub deadline_ticks: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { fuel: 200_000_000, memory: 32 << 20, stack: 256 << 10, deadline_ticks: 50 }
    }
}

const TICK: Duration = Duration::from_millis(10);

/// Concurrent instances. A call takes one slot; more callers than slots is a typed failure, not a wait.
const SLOTS: u32 = 256;

/// The sandbox of a gate. Gates with the same limits share one engine, and so one pool and one clock.
pub(crate) struct Sandbox {
    shared: Arc<Shared>,
    linker: Linker<StoreLimits>,
    limits: Limits,
}

/// An engine and its clock; they end with the last gate that uses them.
struct Shared {
    engine: Engine,
    alive: Arc<AtomicBool>,
    /// What is loaded somewhere in the process, by digest: a second gate, or the next generation of a set, does not compile again
    /// what it shares with the first.
    compiled: Mutex<HashMap<[u8; 32], Weak<Compiled>>>,
}

impl Shared {
    /// The process's engine for these limits: a pool reserves address space, and one is enough.
    fn of(limits: Limits) -> Result<Arc<Self>, String> {
        static ENGINES: Mutex<Vec<(Limits, Weak<Shared>)>> = Mutex::new(Vec::new());
        let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
        engines.retain(|(_, shared)| shared.strong_count() > 0);
        if let Some(shared) = engines.iter().find(|(l, _)| *l == limits).and_then(|(_, shared)| shared.upgrade()) {
            return Ok(shared);
        }
        let shared = Arc::new(Self::new(limits)?);
        engines.push((limits, Arc::downgrade(&shared)));
        Ok(shared)
    }

    fn new(limits: Limits) -> Result<Self, String> {
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(SLOTS)
            .total_core_instances(SLOTS)
            .total_memories(SLOTS)
            .total_tables(SLOTS)
            .max_core_instances_per_component(4)
            .max_memories_per_component(1)
            .max_tables_per_component(4)
            .table_elements(4_096)
            .max_memory_size(limits.memory)
            // With page-map scanning a dropped instance costs what it touched, not what it could have.
            .linear_memory_keep_resident(4 << 20)
            .table_keep_resident(16 << 10)
            .pagemap_scan(Enabled::Auto);
        let mut config = Config::new();
        config
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
            .concurrency_support(false)
            .consume_fuel(true)
            .epoch_interruption(true)
            .cranelift_nan_canonicalization(true)
            .relaxed_simd_deterministic(true)
            .wasm_relaxed_simd(false)
            .memory_init_cow(true)
            .max_wasm_stack(limits.stack);
        let engine = Engine::new(&config).map_err(|error| format!("the sandbox cannot start: {error:#}"))?;
        let alive = Arc::new(AtomicBool::new(true));
        let (ticking, weak) = (Arc::clone(&alive), engine.weak());
        thread::Builder::new()
            .name("normgate-epoch".into())
            .spawn(move || {
                while ticking.load(Ordering::Relaxed) {
                    thread::sleep(TICK);
                    match weak.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => break,
                    }
                }
            })
            .map_err(|error| format!("the sandbox's clock cannot start: {error}"))?;
        Ok(Self { engine, alive, compiled: Mutex::default() })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.alive.store(false, Ordering::Relaxed);
    }
}

/// A compiled module, ready to be instantiated. Lives as long as a policy set that holds it.
pub(crate) struct Compiled(PolicyPre<StoreLimits>);

impl Sandbox {
    pub(crate) fn new(limits: Limits) -> Result<Self, String> {
        let shared = Shared::of(limits)?;
        Ok(Self { linker: Linker::new(&shared.engine), shared, limits })
    }

    /// What matters for identical outcomes; part of the policy set's digest.
    pub(crate) fn semantics(&self) -> String {
        let Limits { fuel, memory, stack, .. } = self.limits;
        format!(
            "normgate/1 merge=1 wasmtime={WASMTIME} fuel={fuel} memory={memory} stack={stack} simd=1 relaxed=0 nan=canonical"
        )
    }

    /// Compiles a module, or takes it from the store of compiled artifacts.
    pub(crate) fn compile(&self, module: &Module, artifacts: Option<&Artifacts>) -> Result<Arc<Compiled>, LoadError> {
        let known = || self.shared.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = known().get(&module.digest).and_then(Weak::upgrade) {
            return Ok(compiled);
        }
        let fail =
            |error: wasmtime::Error| LoadError::Compile { place: module.place.clone(), message: format!("{error:#}") };
        let component = match artifacts.and_then(|store| store.load(&self.shared.engine, module)) {
            Some(component) => component,
            None => {
                let component = Component::new(&self.shared.engine, &module.bytes).map_err(fail)?;
                if let Some(store) = artifacts {
                    store.save(&self.shared.engine, module, &component);
                }
                component
            }
        };
        let pre = self.linker.instantiate_pre(&component).and_then(PolicyPre::new).map_err(fail)?;
        let compiled = Arc::new(Compiled(pre));
        let mut known = known();
        known.retain(|_, compiled| compiled.strong_count() > 0);
        known.insert(module.digest, Arc::downgrade(&compiled));
        Ok(compiled)
    }

    /// Asks a module once, on an instance of its own. `output_bytes` bounds what it may hand back.
    pub(crate) fn ask(
        &self,
        compiled: &Compiled,
        call: Call<'_>,
        output_bytes: usize,
    ) -> Result<Answer, (FailureKind, String)> {
        // 1. A fresh store with its limits.
        let limits = StoreLimitsBuilder::new()
            .memory_size(self.limits.memory)
            .table_elements(4_096)
            .instances(8)
            .tables(8)
            .memories(1)
            .build();
        let mut store = Store::new(&self.shared.engine, limits);
        store.limiter(|limits| limits);
        store.set_hostcall_fuel(output_bytes);
        store.set_epoch_deadline(self.limits.deadline_ticks);
        // 2. Fuel, set immediately before the guest runs.
        store.set_fuel(self.limits.fuel).map_err(|error| (FailureKind::Trap, error.to_string()))?;
        // 3. Instantiate and call. The instance dies with the store, whatever happened.
        let policy: Policy = compiled.0.instantiate(&mut store).map_err(|error| classify(&error))?;
        policy.normgate_policy_judging().call_evaluate(&mut store, call).map_err(|error| classify(&error))
    }
}

/// The typed kind of a failed call.
fn classify(error: &wasmtime::Error) -> (FailureKind, String) {
    let root = error.root_cause().to_string();
    let kind = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => FailureKind::Fuel,
        Some(Trap::Interrupt) => FailureKind::Deadline,
        Some(_) => FailureKind::Trap,
        None if error.is::<wasmtime::PoolConcurrencyLimitError>() => FailureKind::Overload,
        None if root.contains("memory") => FailureKind::Memory,
        None if root.contains("fuel") => FailureKind::Output,
        None => FailureKind::Garbage,
    };
    (kind, root)
}

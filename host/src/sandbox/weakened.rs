//! TEST ONLY: a host that forgot what it is for. Instances are kept from call to call, nothing bounds them but the work of
//! one request, and rows out of range hit other rows. Elsewhere the same `--cfg` gives all authorities one purse, charges every
//! operator alike, keeps every item of an answer, and refuses a set for the sake of one module. `make hostile WEAK=1` must
//! notice all of it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use normgate_contract::REQUEST_ROW;
use wasmtime::component::Func;
use wasmtime::{Store, StoreLimits};

use super::{Allowance, Answer, Call, Compiled, FailureKind, Guest, Sandbox, Used, fuelled};

#[deprecated = "this build of normgate is WEAKENED: it protects nobody, and is for `make hostile WEAK=1` alone"]
const WARNING: () = ();
/// Says so at every compilation.
const _: () = WARNING;

/// The instance that a module's last call left.
#[derive(Default)]
pub(super) struct Kept(Mutex<Option<(Store<Guest>, Func)>>);

impl Sandbox {
    /// Asks a module on the instance that its last call left, if it left one that still works.
    pub(crate) fn ask(
        &self,
        compiled: &Compiled,
        call: Call<'_>,
        allowance: Allowance,
    ) -> (Result<Answer, (FailureKind, String)>, Used) {
        let kept = || compiled.kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = kept().take();
        let (mut store, function) = last.map_or_else(|| (self.store(allowance), None), |(store, it)| (store, Some(it)));
        *store.data_mut() = Guest::new(StoreLimits::default(), Duration::MAX, Duration::MAX);
        store.set_hostcall_fuel(usize::MAX);
        store.set_epoch_deadline(1);
        // Whoever comes first may use up the work of everybody.
        let fuel = self.limits.budget;
        let (answer, used) = fuelled(&mut store, fuel, |store| {
            let function = match function {
                Some(function) => function,
                None => compiled.instantiate(store)?,
            };
            let (answer,) = compiled.typed(store, function)?.call(store, (call,))?;
            Ok((function, answer))
        });
        let answer = answer.map(|(function, answer)| {
            *kept() = Some((store, function));
            answer
        });
        (answer, used)
    }
}

/// The answer as an unchecked index would read it: a row out of range is another row.
pub(crate) fn misplaced(answer: &Answer, candidates: usize) -> Answer {
    let mut answer = answer.clone();
    for row in answer.rows.iter_mut().filter(|row| **row != REQUEST_ROW) {
        *row = row.checked_rem(candidates as u32).unwrap_or(*row);
    }
    answer
}

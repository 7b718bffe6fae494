//! The gate: what a process asks once per ranked list. It holds the generation that judges now, and what outlives it.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use normgate_contract::Stage;
use tracing::warn;

use crate::batch::{Batch, Reader};
use crate::bindings::exports::normgate::policy::judging;
use crate::confirm::{Confirmation, NotRecorded, Recorder};
use crate::diff::ShadowDiff;
use crate::expiry::Expiry;
use crate::generation::Generation;
use crate::outcome::Outcome;
use crate::overrides::Override;
use crate::policy_set::PolicySet;
use crate::recent::{self, Recent};
use crate::sandbox::FailureKind;
use crate::stats::{Stats, Totals};

/// Judges ranked lists. `Send + Sync`; one is enough for a process, and `evaluate` may run on any number of threads, also while
/// another generation takes over.
pub struct Gate {
    current: ArcSwap<Generation>,
    overrides: ArcSwap<Vec<Override>>,
    expiries: ArcSwap<Vec<Expiry>>,
    totals: Totals,
    /// Held while another generation takes over, so that each follows the one before it.
    changing: Mutex<()>,
    /// The last requests, where trials are wanted.
    recent: Option<Recent>,
    recorder: Option<Arc<dyn Recorder>>,
}

impl Gate {
    pub(crate) fn new(generation: Generation, recent: Option<Recent>, recorder: Option<Arc<dyn Recorder>>) -> Self {
        generation.announce();
        Self {
            current: ArcSwap::from_pointee(generation),
            overrides: ArcSwap::default(),
            expiries: ArcSwap::default(),
            totals: Totals::default(),
            changing: Mutex::default(),
            recent,
            recorder,
        }
    }

    /// The generation that judges now.
    pub fn generation(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// The policy set that judges now.
    pub fn policy_set(&self) -> Arc<PolicySet> {
        Arc::clone(&self.current.load().set)
    }

    /// A reader of requests that knows the columns which loaded norms define themselves, tolerates what the configuration
    /// tolerates (`[input]`), and has what it refuses counted. (A batch that was read without
    /// them lacks these columns, and nothing else; so a reader may outlive the generation that it was made for.)
    pub fn reader(&self) -> Reader {
        self.current.load().reader().counting(Arc::clone(&self.totals.input))
    }

    /// What the gate has been doing since it was built, and the modules that judge now since they came.
    pub fn stats(&self) -> Stats {
        self.current.load().stats(&self.totals)
    }

    /// What would change if the rules in shadow acted, since the generation that judges now began.
    pub fn shadow_diff(&self) -> ShadowDiff {
        self.current.load().shadow_diff()
    }

    /// The last requests; none where none are recorded.
    pub(crate) fn recorded(&self) -> Vec<Batch> {
        self.recent.as_ref().map_or(Vec::new(), Recent::all)
    }

    /// Writes the last requests to a file for its owner alone, one a line, as `normgate eval -i FILE` reads them; says how many
    /// there are. Without [`crate::GateBuilder::recording`] there are none.
    ///
    /// They hold what was sent about users: delete the file when the cause is found.
    ///
    /// # Errors
    /// When the file cannot be written; one that was there before is as it was.
    pub fn write_last_requests(&self, path: &Path) -> io::Result<usize> {
        let requests = self.recorded();
        recent::write(path, &requests)?;
        Ok(requests.len())
    }

    pub(crate) fn overrides(&self) -> Arc<Vec<Override>> {
        self.overrides.load_full()
    }

    /// Counts a proposal that was refused.
    pub(crate) fn refused(&self) {
        self.totals.refused();
    }

    /// Has another generation judge from the next request on, and gives back the one before it.
    ///
    /// No request waits or fails: each sees one generation from its beginning to its end, and those that are running end in
    /// the one in which they began. Modules that stay the same keep their counters and their breakers.
    pub fn swap(&self, generation: Generation) -> Arc<Generation> {
        let _one_at_a_time = self.changing();
        self.take_over(generation)
    }

    /// Has another generation judge; the caller holds [`Gate::changing`].
    pub(crate) fn take_over(&self, mut generation: Generation) -> Arc<Generation> {
        generation.follow(&self.current.load());
        generation.announce();
        self.totals.swapped();
        self.current.swap(Arc::new(generation))
    }

    /// Waits until no other generation is taking over, and keeps any from it. No request ever waits for this.
    pub(crate) fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the overrides in force ([`Override::read`]); no restart, and the next request obeys. An override that was not there
    /// before is a warning in the log, so that the file may be read as often as one likes.
    pub fn set_overrides(&self, overrides: Vec<Override>) {
        let known = self.overrides();
        for entry in overrides.iter().filter(|entry| entry.left_ms() > 0 && !known.contains(entry)) {
            warn!(
                module = entry.module,
                until_ms = entry.until_ms,
                reason = entry.reason,
                by = entry.by,
                "module overridden"
            );
        }
        self.overrides.store(Arc::new(overrides));
    }

    /// Says until when what was taken of repositories is good; after a sync it is said anew. From then on every outcome that is later
    /// has a notice `stale`.
    pub fn set_expiries(&self, expiries: Vec<Expiry>) {
        self.expiries.store(Arc::new(expiries));
    }

    /// Judges one request, in the generation that is there when it comes. It cannot fail as a whole: what went wrong is data
    /// in the outcome.
    pub fn evaluate(&self, request: &Batch) -> Outcome {
        let begin = Instant::now();
        let generation = self.current.load();
        let outcome = generation.judge(request, &self.overrides.load(), &self.expiries.load(), &generation.health);
        self.totals.count(&outcome, begin.elapsed(), &generation.health);
        generation.diff.observe(&outcome);
        if let Some(recent) = &self.recent {
            recent.keep(request);
            if !outcome.failures.is_empty() {
                recent.write_if_opened(&generation.health);
            }
        }
        outcome
    }

    /// Judges one request and has the decision kept. The outcome is right either way: whether it may be answered when it could
    /// not be kept is for the caller to say. Without a recorder ([`crate::GateBuilder::recorder`]) it is [`Gate::evaluate`].
    pub fn decide(&self, request: &Batch) -> (Arc<Outcome>, Result<(), NotRecorded>) {
        let outcome = Arc::new(self.evaluate(request));
        let kept = self.recorder.as_ref().map_or(Ok(()), |recorder| recorder.record(request, &outcome));
        (outcome, kept)
    }

    /// Has it kept what became of a decision: what was shown, which labels were rendered, which vetoes applied, which
    /// obligations discharged.
    ///
    /// # Errors
    /// When there is no recorder, or it could not keep it.
    pub fn confirm(&self, confirmation: &Confirmation) -> Result<(), NotRecorded> {
        match &self.recorder {
            Some(recorder) => recorder.confirm(confirmation),
            None => {
                Err(NotRecorded("the gate was built without a recorder; give it one (`GateBuilder::recorder`)".into()))
            }
        }
    }

    /// What the request itself and the user's tags entail, before anything was retrieved: which features not to retrieve by
    /// (vetoes), what is owed (obligations), which tags not to use. Candidates in the batch are ignored.
    ///
    /// Rules that look at candidates have nothing to look at here; judge the list with [`Gate::evaluate`] when it is there.
    pub fn preflight(&self, request: &Batch) -> Outcome {
        self.evaluate(&request.gather(&[], &[]))
    }
}

/// What one module is asked and answers, apart from everything else: for benches, and for holding the sandbox against the
/// same policy compiled natively.
#[doc(hidden)]
impl Gate {
    /// The calls that `evaluate` makes for a request, in order: module, stage, and the rows that it sees.
    pub fn calls(&self, request: &Batch) -> Vec<(String, Stage, Batch)> {
        self.current.load().calls(request)
    }

    /// The candidate-stage question of one module, lent to `f`.
    pub fn with_call<R>(&self, module: &str, batch: &Batch, f: impl FnOnce(judging::Call<'_>) -> R) -> Option<R> {
        self.with_call_in(Stage::Candidate, module, batch, f)
    }

    /// The question of one module in a stage, lent to `f`.
    pub fn with_call_in<R>(
        &self,
        stage: Stage,
        module: &str,
        batch: &Batch,
        f: impl FnOnce(judging::Call<'_>) -> R,
    ) -> Option<R> {
        self.current.load().with_call_in(stage, module, batch, f)
    }

    /// The answer to a question that was made by [`Gate::with_call_in`], on a fresh instance: lowering, the call itself,
    /// lifting and the instance's end, and no more.
    pub fn ask_call(&self, module: &str, call: judging::Call<'_>) -> Option<Result<judging::Answer, String>> {
        self.current.load().ask_call(module, call)
    }

    /// What the parts of [`Gate::ask_call`] take: making the instance, the call on it, its end.
    pub fn time_call(&self, module: &str, call: judging::Call<'_>) -> Option<[Duration; 3]> {
        self.current.load().time_call(module, call)
    }

    /// Whether a module's failure may reach a row.
    pub fn failure_reaches(&self, module: &str, batch: &Batch, row: u32) -> Option<bool> {
        self.current.load().failure_reaches(module, batch, row)
    }

    /// The candidate-stage answer of one module, on a fresh instance.
    pub fn ask_module(&self, module: &str, batch: &Batch) -> Option<Result<judging::Answer, (FailureKind, String)>> {
        self.current.load().ask_module(module, batch)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::{Gate, Override};

    /// Counts events of the log.
    struct Counted(Arc<AtomicUsize>);

    impl Subscriber for Counted {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn overrides_that_are_read_again_are_no_news() {
        let gate = Gate::builder().build().expect("a gate");
        let override_of = |module: &str| Override::starting_now(module, 60, "a reason".into(), "tests".into());
        let (one, other) = (override_of("art18"), override_of("art09"));
        let events = Arc::new(AtomicUsize::new(0));
        tracing::subscriber::with_default(Counted(Arc::clone(&events)), || {
            for (overrides, news) in [
                (vec![one.clone()], 1),
                (vec![one.clone()], 1),
                (vec![one.clone(), other.clone()], 2),
                (vec![other.clone()], 2),
                (vec![], 2),
                (vec![one], 3),
            ] {
                gate.set_overrides(overrides);
                assert_eq!(events.load(Ordering::Relaxed), news);
            }
        });
    }
}

//! Noticing that something changed: a watcher of the store's pointer, and a sync that repeats itself.
//!
//! Both run on a thread of their own and end when what they return is dropped. What they find goes to a callback; whoever judges
//! swaps its gate there.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use normgate::contract::Day;

use crate::clock::{day_at, now_ms};
use crate::error::Result;
use crate::store::{Generation, Store};

/// Finds out whether a store has something new: another generation, or a day on which something of one comes into force or ends.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    /// What was last handed on, and the day on which it was looked at.
    known: Option<(Generation, Option<Day>)>,
}

impl Watch {
    /// Watches a store. What is in force now counts as new.
    pub fn new(store: Store) -> Self {
        Self { store, known: None }
    }

    /// The generation, if it is new since the last call.
    ///
    /// # Errors
    /// When the store cannot be read. What was handed on before is still good.
    pub fn poll(&mut self) -> Result<Option<Generation>> {
        let today = day_at(now_ms());
        // Usually nothing happened, and nothing needs to be read to know it.
        let current = self.store.current()?;
        if let Some((known, day)) = &mut self.known
            && Some(known.number) == current
        {
            let begun = |changes: BTreeSet<Day>| changes.first().is_some_and(|first| Some(*first) <= today);
            let changed = day.is_some_and(|day| begun(known.changes_after(day)));
            *day = today;
            return Ok(changed.then(|| known.clone()));
        }
        let generation = self.store.generation()?;
        self.known = generation.clone().map(|generation| (generation, today));
        Ok(generation)
    }
}

/// When a repeated sync comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The usual interval.
    pub every: Duration,
    /// The longest interval after failures, each of which doubles it.
    pub longest: Duration,
}

impl Schedule {
    /// The wait after so many failures in a row. `random` shortens it by up to a fifth, so that platforms which began together do
    /// not ask together.
    pub fn wait(&self, failures: u32, random: u64) -> Duration {
        let doubled = self.every.saturating_mul(1 << failures.min(20)).min(self.longest.max(self.every));
        doubled - (doubled / 5).mul_f64((random % 1_000) as f64 / 1_000.0)
    }
}

/// Something that runs in the background until this is dropped.
#[derive(Debug)]
pub struct Background {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A callback that panicked has said so on its own thread.
            let _ = thread.join();
        }
    }
}

/// Hands every new generation of a store to `use_it`, the one in force now included, looking every `interval`.
///
/// # Errors
/// When no thread can be started.
pub fn watch(
    store: Store,
    interval: Duration,
    mut use_it: impl FnMut(Generation) + Send + 'static,
) -> io::Result<Background> {
    let mut watch = Watch::new(store);
    background("normgate-watch", move |_| {
        match watch.poll() {
            Ok(Some(generation)) => use_it(generation),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the store cannot be read; the generation before judges on"),
        }
        interval
    })
}

/// Calls `sync` now and then by a schedule; it says whether all went well.
///
/// # Errors
/// When no thread can be started.
pub fn repeat(schedule: Schedule, mut sync: impl FnMut() -> bool + Send + 'static) -> io::Result<Background> {
    let random = RandomState::new();
    let mut failures = 0u32;
    background("normgate-sync", move |turn| {
        failures = if sync() { 0 } else { failures.saturating_add(1) };
        schedule.wait(failures, random.hash_one(turn))
    })
}

/// Runs a step again and again, each time after the wait that it asked for.
fn background(name: &str, mut step: impl FnMut(u64) -> Duration + Send + 'static) -> io::Result<Background> {
    let (stop, stopped) = mpsc::channel();
    let thread = thread::Builder::new().name(name.into()).spawn(move || {
        for turn in 0.. {
            let wait = step(turn);
            if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
    })?;
    Ok(Background { stop: Some(stop), thread: Some(thread) })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::{Schedule, repeat};

    #[test]
    fn failures_double_the_wait_up_to_a_bound_and_chance_only_shortens_it() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let schedule = Schedule { every: minutes(10), longest: minutes(60) };
        let waits: Vec<_> = (0..5).map(|failures| schedule.wait(failures, 0)).collect();
        assert_eq!(waits, [10, 20, 40, 60, 60].map(minutes));
        assert_eq!(schedule.wait(u32::MAX, 0), minutes(60));
        for random in [1, 500, 999, u64::MAX] {
            let wait = schedule.wait(0, random);
            assert!(wait < minutes(10) && wait >= minutes(8), "{wait:?}");
        }
        assert_eq!(Schedule { every: minutes(90), longest: minutes(60) }.wait(3, 0), minutes(90));
    }

    #[test]
    fn a_repeated_sync_goes_on_after_failures_and_ends_when_dropped() {
        let (said, heard) = mpsc::channel();
        let schedule = Schedule { every: Duration::from_millis(1), longest: Duration::from_millis(2) };
        let mut turn = 0;
        let running = repeat(schedule, move || {
            turn += 1;
            // The receiver goes away at the end of the test.
            let _ = said.send(turn);
            turn > 2
        })
        .expect("a thread");
        assert_eq!(heard.iter().take(4).collect::<Vec<_>>(), [1, 2, 3, 4]);
        drop(running);
        // The thread, and with it the sender, is gone: the channel ends.
        assert!(heard.iter().count() < 1_000);
    }
}

//! What the store of one call knows: its limits, the memory it has, and how long it has been running.

use std::time::{Duration, Instant};

use wasmtime::{ResourceLimiter, StoreLimits, UpdateDeadline};

use crate::sandbox::{TICK, is_hosts};

/// The owner of one instance.
pub(crate) struct Guest {
    pub(crate) limits: StoreLimits,
    /// Bytes of linear memory that it has.
    pub(crate) memory: usize,
    /// Whether it took more than half of the processor time that it may take.
    pub(crate) slow: bool,
    /// Why the system gave it no memory that it may have.
    pub(crate) refused: Option<String>,
    /// Processor time that it may take, and what the thread had taken when the clock ticked for the first time.
    processor: Duration,
    since: Option<Duration>,
    /// When it ends by the clock on the wall.
    until: Option<Instant>,
}

impl Guest {
    /// A guest that may take so much processor time, and so much time by the clock on the wall from now on.
    pub(crate) fn new(limits: StoreLimits, processor: Duration, wall: Duration) -> Self {
        let until = Instant::now().checked_add(wall);
        Self { limits, memory: 0, slow: false, refused: None, processor, since: None, until }
    }

    /// The clock ticked: whether the call goes on. A thread that was not running has not used its time, so that a starved machine
    /// decides nothing before the clock on the wall does.
    pub(crate) fn tick(&mut self) -> UpdateDeadline {
        let now = processor_time();
        let took = now.saturating_sub(*self.since.get_or_insert(now)) + TICK;
        self.slow = took > self.processor / 2;
        let over = took > self.processor || self.until.is_some_and(|until| Instant::now() >= until);
        if over { UpdateDeadline::Interrupt } else { UpdateDeadline::Continue(1) }
    }
}

impl ResourceLimiter for Guest {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let grows = self.limits.memory_growing(current, desired, maximum)?;
        if grows {
            self.memory = self.memory.max(desired);
        }
        Ok(grows)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        // A guest may ask beyond its maximum as often as it likes; only the system's refusal is the host's.
        if is_hosts(&error) {
            self.refused = Some(error.root_cause().to_string());
        }
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.limits.table_growing(current, desired, maximum)
    }

    fn instances(&self) -> usize {
        self.limits.instances()
    }

    fn tables(&self) -> usize {
        self.limits.tables()
    }

    fn memories(&self) -> usize {
        self.limits.memories()
    }
}

/// Processor time that this thread has taken.
#[cfg(unix)]
#[allow(
    unsafe_code,
    reason = "the system's clocks are read through libc, since rustix reads them in a way that valgrind ends"
)]
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of ours, which lives for the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Where threads are not timed one by one, the clock on the wall stands for it.
#[cfg(not(unix))]
fn processor_time() -> Duration {
    use std::sync::LazyLock;
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGIN.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(processor: Duration, wall: Duration) -> (bool, bool) {
        let mut guest = Guest::new(StoreLimits::default(), processor, wall);
        let goes_on = matches!(guest.tick(), UpdateDeadline::Continue(1));
        (goes_on, guest.slow)
    }

    #[test]
    fn a_call_ends_when_its_processor_time_or_the_wait_for_it_is_over() {
        let day = Duration::from_secs(86_400);
        assert_eq!(tick(day, day), (true, false));
        assert_eq!(tick(TICK * 3 / 2, day), (true, true), "more than half of its time is gone");
        assert_eq!(tick(TICK / 2, day), (false, true));
        assert_eq!(tick(day, Duration::ZERO), (false, false));
        assert_eq!(tick(Duration::MAX, Duration::MAX), (true, false));
    }
}

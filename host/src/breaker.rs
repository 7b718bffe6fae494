//! The circuit breaker of one module: after failures in a row it is left out, and let in again for a probe, ever later.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::config::BreakerConfig;
use crate::sandbox::FailureKind;

/// Whether a module is being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// It is.
    Closed,
    /// It failed too often in a row, and is left out for now.
    Open,
    /// One request probes whether it works again.
    HalfOpen,
}

#[derive(Debug, Default)]
struct Inner {
    /// Failures in a row.
    failures: u32,
    /// While open: how it failed last, until when it is left out, and for how long that was.
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    kind: FailureKind,
    until: Instant,
    backoff: Duration,
    probing: bool,
    /// Calls that it has kept from the module.
    missed: u64,
}

/// The breaker. Times are passed in, so that it can be held against any clock.
#[derive(Debug)]
pub(crate) struct Breaker {
    config: BreakerConfig,
    /// Whether anything has failed since the last success. Nearly always false, and then nobody waits for the lock.
    troubled: AtomicBool,
    /// How often it opened.
    opened: AtomicU64,
    inner: Mutex<Inner>,
}

impl Breaker {
    pub(crate) fn new(config: BreakerConfig) -> Self {
        Self { config, troubled: AtomicBool::new(false), opened: AtomicU64::new(0), inner: Mutex::default() }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leave to ask the module now; else how it failed when it was asked last.
    pub(crate) fn admit(&self, now: impl FnOnce() -> Instant) -> Result<Admission<'_>, FailureKind> {
        let admission = |probes| Ok(Admission { breaker: self, probes });
        if !self.troubled.load(Ordering::Acquire) {
            return admission(false);
        }
        match &mut self.inner().open {
            None => admission(false),
            Some(open) if !open.probing && now() >= open.until => {
                open.probing = true;
                admission(true)
            }
            Some(open) => {
                open.missed += 1;
                Err(open.kind)
            }
        }
    }

    fn succeeded(&self) -> Option<u64> {
        if !self.troubled.load(Ordering::Acquire) {
            return None;
        }
        let mut inner = self.inner();
        self.troubled.store(false, Ordering::Release);
        inner.failures = 0;
        inner.open.take().map(|open| open.missed)
    }

    fn failed(&self, kind: FailureKind, now: Instant) -> Option<Duration> {
        let mut inner = self.inner();
        self.troubled.store(true, Ordering::Release);
        inner.failures = inner.failures.saturating_add(1);
        let backoff = match inner.open {
            Some(open) if open.probing => {
                open.backoff.saturating_mul(2).min(Duration::from_millis(self.config.max_backoff_ms))
            }
            // A request that began before it opened.
            Some(_) => return None,
            None if inner.failures >= self.config.failures => {
                self.opened.fetch_add(1, Ordering::Relaxed);
                Duration::from_millis(self.config.backoff_ms)
            }
            None => return None,
        };
        let missed = inner.open.map(|open| open.missed);
        inner.open = Some(Open { kind, until: now + backoff, backoff, probing: false, missed: missed.unwrap_or(0) });
        missed.is_none().then_some(backoff)
    }

    /// How often it opened; that a probe failed is no opening.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    pub(crate) fn state(&self) -> BreakerState {
        match self.inner().open {
            None => BreakerState::Closed,
            Some(Open { probing: true, .. }) => BreakerState::HalfOpen,
            Some(_) => BreakerState::Open,
        }
    }
}

/// Leave to ask a module once. Where it is dropped, because the module was not heard for a reason that is not its own or because of
/// a panic, a probe is left to the next request.
pub(crate) struct Admission<'b> {
    breaker: &'b Breaker,
    probes: bool,
}

impl Admission<'_> {
    /// The module answered. When that closes an open breaker, the calls that were kept from it.
    pub(crate) fn succeeded(mut self) -> Option<u64> {
        self.probes = false;
        self.breaker.succeeded()
    }

    /// The module failed. The time that it is left out for, when this opens the breaker; a failed probe keeps it open.
    pub(crate) fn failed(mut self, kind: FailureKind, now: Instant) -> Option<Duration> {
        self.probes = false;
        self.breaker.failed(kind, now)
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        if self.probes
            && let Some(open) = &mut self.breaker.inner().open
        {
            open.probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BreakerConfig = BreakerConfig { failures: 3, backoff_ms: 1_000, max_backoff_ms: 3_000 };

    #[test]
    fn it_opens_after_failures_in_a_row_and_waits_longer_after_every_failed_probe() {
        let breaker = Breaker::new(CONFIG);
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let fail = |seconds| breaker.failed(FailureKind::Trap, at(seconds)).map(|backoff| backoff.as_secs());
        assert_eq!((fail(0), fail(0)), (None, None));
        breaker.succeeded();
        assert_eq!((fail(0), fail(0), fail(0)), (None, None, Some(1)));
        let admit = |seconds| breaker.admit(|| at(seconds));
        let refused = |seconds| admit(seconds).err();
        assert_eq!(refused(0), Some(FailureKind::Trap));
        // One probe, and only one.
        let probe = admit(1).expect("a probe");
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert_eq!(refused(1), Some(FailureKind::Trap));
        assert_eq!(probe.failed(FailureKind::Trap, at(1)), None, "it is open already");
        assert_eq!(refused(2), Some(FailureKind::Trap));
        let probe = admit(3).expect("a probe after two seconds");
        assert_eq!(probe.failed(FailureKind::Trap, at(3)), None);
        assert_eq!(refused(5), Some(FailureKind::Trap));
        let probe = admit(6).expect("a probe after three: the back-off has a bound");
        assert_eq!(probe.succeeded(), Some(4), "so many were kept from it");
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert_eq!((fail(6), fail(6), fail(6)), (None, None, Some(1)), "and starts over after a success");
    }

    #[test]
    fn a_failure_of_a_request_that_began_earlier_does_not_prolong_it() {
        let breaker = Breaker::new(CONFIG);
        let now = Instant::now();
        for _ in 0..3 {
            breaker.failed(FailureKind::Fuel, now);
        }
        assert_eq!(breaker.failed(FailureKind::Fuel, now), None);
    }

    #[test]
    fn a_probe_that_comes_to_nothing_is_left_to_the_next_request() {
        let breaker = Breaker::new(CONFIG);
        let now = Instant::now();
        let later = || now + Duration::from_secs(1);
        for _ in 0..3 {
            breaker.failed(FailureKind::Fuel, now);
        }
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _probe = breaker.admit(later);
            assert_eq!(breaker.state(), BreakerState::HalfOpen);
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(unwound.is_err());
        assert_eq!(breaker.state(), BreakerState::Open);
        assert!(breaker.admit(later).is_ok());
    }
}

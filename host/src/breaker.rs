//! The circuit breaker of one module: after failures in a row it is left out, and let in again for a probe, ever later.

use std::sync::atomic::{AtomicBool, Ordering};
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
}

/// The breaker. Times are passed in, so that it can be held against any clock.
#[derive(Debug)]
pub(crate) struct Breaker {
    config: BreakerConfig,
    /// Whether anything has failed since the last success. Nearly always false, and then nobody waits for the lock.
    troubled: AtomicBool,
    inner: Mutex<Inner>,
}

impl Breaker {
    pub(crate) fn new(config: BreakerConfig) -> Self {
        Self { config, troubled: AtomicBool::new(false), inner: Mutex::default() }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the module may be asked now; else how it failed when it was asked last.
    pub(crate) fn admit(&self, now: impl FnOnce() -> Instant) -> Result<(), FailureKind> {
        if !self.troubled.load(Ordering::Acquire) {
            return Ok(());
        }
        match &mut self.inner().open {
            None => Ok(()),
            Some(open) if !open.probing && now() >= open.until => {
                open.probing = true;
                Ok(())
            }
            Some(open) => Err(open.kind),
        }
    }

    /// The module answered. True when that closes an open breaker.
    pub(crate) fn succeeded(&self) -> bool {
        if !self.troubled.load(Ordering::Acquire) {
            return false;
        }
        let mut inner = self.inner();
        self.troubled.store(false, Ordering::Release);
        inner.failures = 0;
        inner.open.take().is_some()
    }

    /// The module failed. The time that it is left out for, when this opens the breaker or keeps it open.
    pub(crate) fn failed(&self, kind: FailureKind, now: Instant) -> Option<Duration> {
        let mut inner = self.inner();
        self.troubled.store(true, Ordering::Release);
        inner.failures = inner.failures.saturating_add(1);
        let backoff = match inner.open {
            Some(open) if open.probing => {
                open.backoff.saturating_mul(2).min(Duration::from_millis(self.config.max_backoff_ms))
            }
            // A request that began before it opened.
            Some(_) => return None,
            None if inner.failures >= self.config.failures => Duration::from_millis(self.config.backoff_ms),
            None => return None,
        };
        inner.open = Some(Open { kind, until: now + backoff, backoff, probing: false });
        Some(backoff)
    }

    /// The module was not heard for a reason that is not its own; a probe is left to the next request.
    pub(crate) fn abstained(&self) {
        if let Some(open) = &mut self.inner().open {
            open.probing = false;
        }
    }

    pub(crate) fn state(&self) -> BreakerState {
        match self.inner().open {
            None => BreakerState::Closed,
            Some(Open { probing: true, .. }) => BreakerState::HalfOpen,
            Some(_) => BreakerState::Open,
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
        assert_eq!(breaker.admit(|| at(0)), Err(FailureKind::Trap));
        // One probe, and only one.
        assert_eq!(breaker.admit(|| at(1)), Ok(()));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert_eq!(breaker.admit(|| at(1)), Err(FailureKind::Trap));
        assert_eq!(fail(1), Some(2));
        assert_eq!(breaker.admit(|| at(2)), Err(FailureKind::Trap));
        assert_eq!(breaker.admit(|| at(3)), Ok(()));
        assert_eq!(fail(3), Some(3), "the back-off has a bound");
        assert_eq!(breaker.admit(|| at(6)), Ok(()));
        assert!(breaker.succeeded());
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
}

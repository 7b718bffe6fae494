//! How long something takes, counted by every thread without a lock, and read as percentiles or as a histogram that adds up over
//! processes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// Latency classes: four to every doubling of nanoseconds, so a percentile is right to about a tenth.
const CLASSES: usize = 160;

/// The doublings at which a histogram has its bounds: 2^15 ns (33 us) to 2^30 ns (1.07 s).
const DOUBLINGS: std::ops::RangeInclusive<u32> = 15..=30;

/// Times, by class.
pub(crate) struct Latency {
    classes: [AtomicU64; CLASSES],
    nanos: AtomicU64,
}

/// Times by bound, as Prometheus has them: each bucket holds those before it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Histogram {
    /// Upper bounds in seconds, and how many were below.
    pub buckets: Vec<(f64, u64)>,
    /// How many there were.
    pub count: u64,
    /// All of them together, in seconds.
    pub sum_s: f64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { classes: std::array::from_fn(|_| AtomicU64::new(0)), nanos: AtomicU64::new(0) }
    }
}

impl Latency {
    pub(crate) fn record(&self, took: Duration) {
        self.classes[class(took)].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The time, in microseconds, that this share of all stayed below.
    pub(crate) fn percentile_us(&self, share: f64) -> f64 {
        let counts = self.counts();
        let wanted = (counts.iter().sum::<u64>() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let reached = counts.iter().position(|count| {
            seen += count;
            seen >= wanted.max(1)
        });
        reached.map_or(0.0, |class| upper_bound(class) as f64 / 1e3)
    }

    pub(crate) fn histogram(&self) -> Histogram {
        let counts = self.counts();
        let below = |doubling: u32| counts[..(doubling as usize - 2) * 4].iter().sum();
        Histogram {
            buckets: DOUBLINGS.map(|doubling| (f64::from(1u32 << doubling) / 1e9, below(doubling))).collect(),
            count: counts.iter().sum(),
            sum_s: self.nanos.load(Ordering::Relaxed) as f64 / 1e9,
        }
    }

    fn counts(&self) -> Vec<u64> {
        self.classes.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }
}

/// The class of a latency: the position of its highest bit and the two bits below it.
fn class(took: Duration) -> usize {
    let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(4);
    let octave = nanos.ilog2();
    ((octave - 2) as usize * 4 + (nanos >> (octave - 2) & 3) as usize).min(CLASSES - 1)
}

/// The largest latency of a class, in nanoseconds.
fn upper_bound(class: usize) -> u64 {
    let (octave, quarter) = (class / 4 + 2, class % 4);
    (4 + quarter as u64 + 1) << (octave - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_class_is_never_below_what_it_holds_and_never_a_quarter_above() {
        for nanos in [4u64, 5, 7, 8, 999, 1_000, 1_001, 65_535, 1_000_000, 123_456_789] {
            let bound = upper_bound(class(Duration::from_nanos(nanos)));
            assert!(bound > nanos && bound <= nanos + nanos / 4 + 1, "{nanos} -> {bound}");
        }
        assert!(class(Duration::MAX) < CLASSES);
    }

    #[test]
    fn a_bucket_holds_what_stayed_below_its_bound_and_all_before_it() {
        let latency = Latency::default();
        for nanos in [1, 32_767, 32_768, 1_000_000, 1 << 40] {
            latency.record(Duration::from_nanos(nanos));
        }
        let Histogram { buckets, count, sum_s } = latency.histogram();
        let below = |bound: f64| buckets.iter().find(|(upper, _)| *upper == bound).map(|(_, below)| *below);
        assert_eq!([below(0.000_032_768), below(0.000_065_536), below(0.001_048_576)], [Some(2), Some(3), Some(4)]);
        assert_eq!((count, buckets.last().map(|(_, below)| *below)), (5, Some(4)));
        assert!((sum_s - 1_099.512_694_0).abs() < 1e-3, "{sum_s}");
        assert!(buckets.is_sorted());
    }
}

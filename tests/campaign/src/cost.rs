//! What one request or sync costs the host: memory beyond what was held before, processor time, and time by the clock.

use std::time::{Duration, Instant};

use crate::heap;
use crate::tally::Tally;

/// Bytes of the host's memory that one request, or one sync, may take.
const MOST_BYTES: usize = 64 << 20;

/// Processor time that one request may take, with four attackers that spend all they may.
const MOST_TIME: Duration = Duration::from_millis(500);

/// Time by the clock after which a request or sync hangs, whatever else the machine does.
const MOST_WAIT: Duration = Duration::from_secs(10);

/// Runs `work`, and counts under `oom` and `slow` if it cost more than it may. The most that was ever seen stands under
/// `most.`, by `what` it was.
pub(crate) fn measured<T>(tally: &mut Tally, what: &str, work: impl FnOnce() -> T) -> T {
    let (began, processor) = (Instant::now(), processor());
    let (done, bytes) = heap::peak(work);
    let (wait, time) = (began.elapsed(), self::processor().saturating_sub(processor));
    tally.add(&format!("most.{what}_kib"), bytes as u64 / 1024);
    tally.add(&format!("most.{what}_ms"), time.as_millis() as u64);
    for (name, beyond) in [("oom", bytes > MOST_BYTES), ("slow", time > MOST_TIME || wait > MOST_WAIT)] {
        if beyond {
            tally.count(name);
            tally.count(&format!("{name}.{what}"));
        }
    }
    done
}

/// Processor time of this thread; nothing where the system does not tell.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

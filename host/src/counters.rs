//! Counters by a name that is only known when it occurs: of a notice, of a column.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// Most names that are counted apart: more than the vocabulary has, since norms bring names of their own, and generations come and go.
const MOST_NAMES: usize = 1_024;

/// Where all others are counted.
const OTHERS: &str = "(others)";

/// Counters by name. Whoever counts waits for nobody, but where a name is new.
#[derive(Default)]
pub(crate) struct Counters(RwLock<BTreeMap<String, AtomicU64>>);

impl Counters {
    /// Starts with these names at nought, so that their first occurrence is a rise.
    pub(crate) fn of(names: &[&str]) -> Self {
        Self(RwLock::new(names.iter().map(|name| ((*name).to_owned(), AtomicU64::new(0))).collect()))
    }

    pub(crate) fn add(&self, name: &str) {
        if let Some(count) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            count.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut counts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let name = if counts.len() < MOST_NAMES { name } else { OTHERS };
        counts.entry(name.to_owned()).or_default().fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> BTreeMap<String, u64> {
        let counts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(name, count)| (name.clone(), count.load(Ordering::Relaxed))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Counters, MOST_NAMES, OTHERS};

    #[test]
    fn names_that_come_from_outside_fill_no_memory() {
        let counters = Counters::of(&["stale"]);
        for number in 0..2 * MOST_NAMES {
            counters.add(&format!("column {number}"));
        }
        counters.add("column 0");
        let read = counters.read();
        assert_eq!((read.len(), read["stale"], read["column 0"]), (MOST_NAMES + 1, 0, 2));
        assert_eq!(read[OTHERS], MOST_NAMES as u64 + 1);
    }
}

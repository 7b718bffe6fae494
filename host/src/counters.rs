//! Counters by a name that is only known when it occurs: of a notice, of a column.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// Counters by name. Whoever counts waits for nobody, but where a name is new. There are as many as the vocabulary, and what norms
/// add to it, has names.
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
        counts.entry(name.to_owned()).or_default().fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> BTreeMap<String, u64> {
        let counts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(name, count)| (name.clone(), count.load(Ordering::Relaxed))).collect()
    }
}

//! What came of units of work, counted by name; written as `name=count` pairs, so that a child process can hand it over.
//! Under `most.` stands the largest figure of all, not their sum.

use std::collections::BTreeMap;
use std::fmt;

/// Counts by name. Those of one source or kind are named `smith.ran`, `kind.trap`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<String, u64>);

impl Tally {
    /// One more of this.
    pub fn count(&mut self, name: &str) {
        self.add(name, 1);
    }

    /// So many more of this; for a name under `most.`, so many if that is more than ever.
    pub fn add(&mut self, name: &str, more: u64) {
        let known = self.0.entry(name.to_owned()).or_default();
        *known = if name.starts_with("most.") { more.max(*known) } else { *known + more };
    }

    /// How many of this.
    pub fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Everything of another.
    pub fn join(&mut self, other: &Tally) {
        for (name, count) in &other.0 {
            self.add(name, *count);
        }
    }

    /// Reads what [`fmt::Display`] writes; words that are no such pair are skipped.
    pub fn parse(text: &str) -> Self {
        let pairs = text.split_whitespace().filter_map(|word| word.split_once('='));
        Self(pairs.filter_map(|(name, count)| Some((name.to_owned(), count.parse().ok()?))).collect())
    }

    /// Names and counts whose name begins so, without that beginning.
    pub fn under<'t>(&'t self, prefix: &'t str) -> impl Iterator<Item = (&'t str, u64)> {
        self.0.iter().filter_map(move |(name, count)| Some((name.strip_prefix(prefix)?, *count)))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, count)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={count}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

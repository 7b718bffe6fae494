//! Nothing: this crate exists for its tests, its trial and its benches.

//! Signed repositories: what is published arrives, and every attack is refused with a sentence that names authority, role and file.
//!
//! Each test is a real repository on disk, and a store that has taken its first state.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bystanders;
mod names;
mod publishing;
mod rollback;
mod scene;
mod signatures;
mod strangers;
mod taking;
mod transport;

#[path = "../support/component.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod component;

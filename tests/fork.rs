//! A server that forks its workers keeps its deadline: the clock ticks in whichever process judges.
//!
//! Alone in its binary, because a fork takes along only the thread that forks.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, unsafe_code, reason = "a test fails by panicking, and forks through libc")]

mod support;

use normgate::contract::Vocabulary;
use normgate::{Batch, FailureKind, Gate, Limits, Module};
use support::component::module;

#[test]
fn the_deadline_fires_in_a_forked_process() {
    // Fuel would last for hours, so that only the deadline can end the loop.
    let limits = Limits { fuel: u64::MAX >> 1, budget: u64::MAX >> 1, deadline_ticks: 3, ..Limits::default() };
    let endless = Module::read("loop.wasm", &module("(loop (br 0))", 0, 0, 0), Vocabulary::shipped()).unwrap();
    let gate = Gate::builder().policies([endless]).limits(limits).trusting().build().unwrap();
    let batch = Batch::from_json(br#"{"ctx":{"now_ms":1,"local_min":1},"candidates":[{"id":"a"}]}"#).unwrap();
    let ends_by_deadline = || gate.evaluate(&batch).failures.first().map(|f| f.kind) == Some(FailureKind::Deadline);
    assert!(ends_by_deadline());
    // SAFETY: the child judges once and leaves by `_exit`; nobody else runs in this process.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let code = if ends_by_deadline() { 0 } else { 1 };
        // SAFETY: ends the child without running what belongs to the parent.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: `status` lives until the call returns.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((waited, libc::WEXITSTATUS(status)), (child, 0));
}

//! What the tests of the command share.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder of one test, empty.
pub(crate) fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// What the command does with these arguments, and nothing on its standard input.
#[allow(dead_code, reason = "each test takes its part")]
pub(crate) fn normgate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_normgate")).args(args).stdin(Stdio::null()).output().unwrap()
}

#[allow(dead_code, reason = "each test takes its part")]
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The output of a command that ends so.
#[allow(dead_code, reason = "each test takes its part")]
pub(crate) fn ended(code: i32, args: &[&str]) -> String {
    let output = normgate(args);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

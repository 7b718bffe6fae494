//! What the tests of the command share.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use normgate::contract::MANIFEST_SECTION;
use serde_json::Value;

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

/// The frozen module, saying this of itself instead.
#[allow(dead_code, reason = "each test takes its part")]
pub(crate) fn film_club(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let whole = include_bytes!("../../../../tests/frozen/film-club-0.1.0.wasm");
    let mut manifest: Value =
        serde_json::from_slice(normgate_package::section(whole, MANIFEST_SECTION).unwrap()).unwrap();
    change(&mut manifest);
    let mut bytes = without_manifest(whole);
    normgate_package::set_section(&mut bytes, MANIFEST_SECTION, manifest.to_string().as_bytes());
    bytes
}

/// A component without the section of its manifest.
fn without_manifest(component: &[u8]) -> Vec<u8> {
    let leb = |at: &mut usize| {
        let (mut value, mut shift) = (0_usize, 0);
        loop {
            let byte = component[*at];
            *at += 1;
            value |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    };
    let (mut bytes, mut at) = (component[..8].to_vec(), 8);
    while at < component.len() {
        let begin = at;
        let id = component[at];
        at += 1;
        let length = leb(&mut at);
        let end = at + length;
        let name = if id == 0 { leb(&mut at) } else { 0 };
        if &component[at..at + name] != MANIFEST_SECTION.as_bytes() {
            bytes.extend_from_slice(&component[begin..end]);
        }
        at = end;
    }
    bytes
}

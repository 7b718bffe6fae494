//! The store of compiled modules: it makes a start fast, and nothing in it is trusted blindly.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use normgate::{Artifacts, Backend, Batch, Detail, Gate, Limits, embedded};

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    path
}

/// Judges one request with a gate that uses the store. Gates with the same limits share what is compiled as long as one of them
/// lives, so each test has limits of its own: what another test holds must not answer for the store.
fn judge(path: &Path, deadline_ticks: u64) -> String {
    judge_by(path, deadline_ticks, Backend::Native)
}

fn judge_by(path: &Path, deadline_ticks: u64, backend: Backend) -> String {
    let modules = embedded::arp().into_iter().filter(|module| module.manifest.module == "art09");
    let limits = Limits { deadline_ticks, ..Limits::default() };
    let store = Artifacts::open(path).unwrap();
    let gate = Gate::builder().policies(modules).limits(limits).backend(backend).artifacts(store).build().unwrap();
    let batch = Batch::from_json(
        br#"{"ctx":{"now_ms":1,"local_min":1,"can_render_labels":true},"candidates":[{"id":"a","aigc":{"meta_label":"1"}}]}"#,
    );
    gate.evaluate(&batch.unwrap()).to_json(Detail::default())
}

#[test]
fn a_second_start_takes_what_the_first_compiled() {
    let path = folder("artifacts-twice");
    let first = judge(&path, 201);
    let files: Vec<_> = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(files.len(), 1, "one artifact a module, and no part of one");
    let written = files[0].metadata().unwrap().modified().unwrap();
    assert_eq!(judge(&path, 201), first);
    assert_eq!(files[0].metadata().unwrap().modified().unwrap(), written, "the artifact was compiled again");
}

#[test]
fn each_backend_has_artifacts_of_its_own() {
    let path = folder("artifacts-backends");
    let judge = |backend| judge_by(&path, 203, backend);
    let first = judge(Backend::Native);
    assert_eq!(judge(Backend::Interpreter), first);
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 2);
    // What one left is still right when the other has been there.
    assert_eq!([judge(Backend::Native), judge(Backend::Interpreter)], [first.clone(), first]);
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 2);
}

#[test]
fn an_artifact_that_was_cut_or_changed_is_compiled_anew() {
    let path = folder("artifacts-broken");
    let first = judge(&path, 202);
    let file = std::fs::read_dir(&path).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    for broken in [&whole[..whole.len() / 2], &changed[..], b""] {
        std::fs::write(&file, broken).unwrap();
        assert_eq!(judge(&path, 202), first);
        assert_eq!(std::fs::read(&file).unwrap().len(), whole.len(), "the artifact was not replaced");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let path = folder("artifacts-open");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = Artifacts::open(&path).unwrap_err().to_string();
    assert!(error.contains("others may write") && error.contains("chmod 700"), "{error}");
}

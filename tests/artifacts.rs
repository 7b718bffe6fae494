//! The store of compiled modules: it makes a start fast, and nothing in it is trusted blindly.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use normgate::contract::Vocabulary;
use normgate::{Artifacts, Backend, Batch, Detail, Gate, Limits, Module, embedded, precompile};

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
    let modules = [shipped("art09")];
    let limits = Limits { deadline_ticks, ..Limits::default() };
    let store = Artifacts::open(path).unwrap();
    let gate = Gate::builder().policies(modules).limits(limits).backend(backend).artifacts(store).build().unwrap();
    let batch = Batch::from_json(
        br#"{"ctx":{"now_ms":1,"local_min":1,"can_render_labels":true},"candidates":[{"id":"a","aigc":{"meta_label":"1"}}]}"#,
    );
    gate.evaluate(&batch.unwrap()).to_json(Detail::default())
}

fn shipped(name: &str) -> Module {
    embedded::arp().into_iter().find(|module| module.manifest.module == name).unwrap()
}

/// The artifacts of a store.
fn kept(path: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.file_name().unwrap() != "key").collect()
}

#[test]
fn a_second_start_takes_what_the_first_compiled() {
    let path = folder("artifacts-twice");
    let first = judge(&path, 201);
    let files = kept(&path);
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
    assert_eq!(kept(&path).len(), 2);
    // What one left is still right when the other has been there.
    assert_eq!([judge(Backend::Native), judge(Backend::Interpreter)], [first.clone(), first]);
    assert_eq!(kept(&path).len(), 2);
}

#[test]
fn an_artifact_that_was_cut_or_changed_is_compiled_anew() {
    let path = folder("artifacts-broken");
    let first = judge(&path, 202);
    let file = kept(&path).remove(0);
    let whole = std::fs::read(&file).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    for broken in [&whole[..whole.len() / 2], &changed[..], b""] {
        std::fs::write(&file, broken).unwrap();
        assert_eq!(judge(&path, 202), first);
        assert_eq!(std::fs::read(&file).unwrap().len(), whole.len(), "the artifact was not replaced");
    }
}

#[test]
fn an_artifact_without_our_tag_is_compiled_anew() {
    let (path, other) = (folder("artifacts-tags"), folder("artifacts-other-key"));
    let first = judge(&path, 204);
    let file = kept(&path).remove(0);
    let ours = std::fs::read(&file).unwrap();
    // The same code, from somebody who has another key; and code of ours, of another module.
    judge(&other, 204);
    let foreign = std::fs::read(kept(&other).remove(0)).unwrap();
    assert!(foreign.len() == ours.len() && foreign != ours);
    let limits = Limits { deadline_ticks: 204, ..Limits::default() };
    let store = Artifacts::open(&path).unwrap();
    Gate::builder().policies([shipped("art10")]).limits(limits).artifacts(store).build().unwrap();
    let moved = std::fs::read(kept(&path).into_iter().find(|known| *known != file).unwrap()).unwrap();
    for planted in [foreign, moved] {
        std::fs::write(&file, &planted).unwrap();
        assert_eq!(judge(&path, 204), first);
        assert_eq!(std::fs::read(&file).unwrap(), ours, "what was planted was taken");
    }
}

#[test]
fn a_compiler_that_gives_the_code_of_another_module_is_refused() {
    let bytes = include_bytes!("frozen/film-club-0.1.0.wasm");
    let module = Module::read("film-club.wasm", bytes, Vocabulary::shipped()).unwrap();
    let gate = |by: Module| {
        let limits = Limits { deadline_ticks: 205, ..Limits::default() };
        let builder = Gate::builder().policies([module.clone()]).limits(limits).trusting();
        builder.compiler(move |_| precompile(&by.bytes, Backend::Native)).build().map(drop)
    };
    let error = gate(shipped("art09")).unwrap_err().to_string();
    assert!(error.contains("film-club.wasm") && error.contains("the code of another module"), "{error}");
    gate(module.clone()).unwrap();
}

#[cfg(unix)]
mod owners {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;

    /// What somebody does to a file.
    type Change<'a> = Box<dyn Fn() + 'a>;

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn refused(path: &Path) -> String {
        Artifacts::open(path).unwrap_err().to_string()
    }

    #[test]
    fn a_folder_that_others_may_write_to_or_replace_is_refused() {
        let path = folder("artifacts-open");
        let inner = path.join("around/inner");
        std::fs::create_dir_all(&inner).unwrap();
        for bits in [0o777, 0o770, 0o702] {
            mode(&inner, bits);
            let error = refused(&inner);
            assert!(error.contains("others may write") && error.contains("chmod 700"), "{error}");
        }
        mode(&inner, 0o700);
        mode(&path.join("around"), 0o777);
        let error = refused(&inner);
        assert!(error.contains("everybody may write to ") && error.contains("artifacts-open/around "), "{error}");
        // As /tmp is: nobody removes what is ours.
        mode(&path.join("around"), 0o1777);
        Artifacts::open(&inner).unwrap();
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused() {
        let path = folder("artifacts-foreign");
        std::fs::create_dir_all(&path).unwrap();
        if chown(&path, Some(12345), None).is_err() {
            return eprintln!("skipped: only root can have a folder that belongs to somebody else");
        }
        let error = refused(&path);
        assert!(error.contains("belongs to user 12345, and this program runs as user "), "{error}");
        // Nor is a key of somebody else's, or one behind a link.
        chown(&path, Some(0), None).unwrap();
        std::fs::write(path.join("key"), [7; 64]).unwrap();
        mode(&path.join("key"), 0o600);
        chown(path.join("key"), Some(12345), None).unwrap();
        assert!(refused(&path).contains("key belongs to user 12345"));
        std::fs::rename(path.join("key"), path.join("other")).unwrap();
        symlink("other", path.join("key")).unwrap();
        Artifacts::open(&path).unwrap_err();
    }

    #[test]
    fn a_file_that_somebody_else_could_have_written_is_compiled_anew() {
        let path = folder("artifacts-files");
        let first = judge(&path, 206);
        let file = kept(&path).remove(0);
        let aside = path.join("aside");
        let mut ways: Vec<(&str, Change<'_>)> = vec![
            ("others may write to it", Box::new(|| mode(&file, 0o620))),
            ("it has another name as well", Box::new(|| std::fs::hard_link(&file, &aside).unwrap())),
            (
                "it is a link",
                Box::new(|| {
                    std::fs::rename(&file, &aside).unwrap();
                    symlink("aside", &file).unwrap();
                }),
            ),
            (
                "it is a pipe",
                Box::new(|| {
                    std::fs::remove_file(&file).unwrap();
                    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
                }),
            ),
        ];
        if std::fs::metadata(&path).unwrap().uid() == 0 {
            ways.push(("it belongs to somebody else", Box::new(|| chown(&file, Some(12345), None).unwrap())));
        }
        for (what, change) in ways {
            let ours = std::fs::metadata(&file).unwrap();
            change();
            assert_eq!(judge(&path, 206), first, "{what}");
            let now = std::fs::symlink_metadata(&file).unwrap();
            assert!(now.is_file() && now.nlink() == 1, "{what}");
            assert_eq!((now.uid(), now.mode() & 0o777), (ours.uid(), 0o600), "{what}");
            let _ = std::fs::remove_file(&aside);
        }
    }

    #[test]
    fn a_key_that_others_could_have_read_is_made_anew() {
        let path = folder("artifacts-key");
        let first = judge(&path, 207);
        let (key, file) = (path.join("key"), kept(&path).remove(0));
        let read = || (std::fs::read(&key).unwrap(), std::fs::read(&file).unwrap());
        let before = read();
        assert_eq!((before.0.len(), std::fs::metadata(&key).unwrap().mode() & 0o777), (64, 0o600));
        for spoil in [|key: &Path| mode(key, 0o644), |key: &Path| std::fs::write(key, b"short").unwrap()] {
            spoil(&key);
            assert_eq!(judge(&path, 207), first);
            let now = read();
            assert!(now.0 != before.0 && now.1 != before.1 && now.0.len() == 64);
            assert_eq!(std::fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
        }
    }
}

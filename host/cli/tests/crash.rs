//! Syncing while the plug is pulled, or the disk is full: the old generation or the new one, never a mixture, and a clean restart.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const MODULE: &[u8] = include_bytes!("../../../tests/frozen/film-club-0.1.0.wasm");
const CASES: &str = include_str!("../../../tests/frozen/film-club.cases.jsonl");
const REQUEST: &str =
    r#"{"id":"r1","ctx":{"now_ms":1767225600000,"local_min":600},"candidates":[{"id":"f1","age_rating":"r18"}]}"#;

/// Everything that a sync writes, in its order: each before it begins, when it is written beside, and when it is renamed.
const STEPS: [&str; 16] = [
    "datastore",
    "module",
    "module-written",
    "module-renamed",
    "generation",
    "generation-written",
    "generation-renamed",
    "trusted",
    "trusted-written",
    "trusted-renamed",
    "current",
    "current-written",
    "current-renamed",
    "status",
    "status-written",
    "status-renamed",
];

struct Scene(PathBuf);

impl Scene {
    /// A store that has taken version 1.0.0, of a repository that now has 1.1.0.
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let scene = Self(folder);
        scene.write("cases.jsonl", CASES.as_bytes());
        scene.write("1.wasm", MODULE);
        scene.write("2.wasm", &next_version());
        let config = "[[repositories]]\nname = \"national\"\nroot = \"norms/metadata/1.root.json\"\nlocation = \"norms\"\n\
                      authorities = [\"film-club\"]\n[authorities.film-club]\neffect = \"block\"\n";
        scene.write("normgate.toml", config.as_bytes());
        scene.good(&["repo", "init", "norms", "--keys", "keys"]);
        scene.good(&["key", "generate", "keys/club.pem"]);
        let (association, online) = (["--keys", "keys/club.pem"], ["--keys", "keys/online.pem"]);
        let delegate =
            ["repo", "delegate", "norms", "film-club", "--key", "keys/club.pub", "--keys", "keys/targets.pem"];
        scene.good(&delegate);
        scene.good(
            &[&["repo", "sign", "norms", "--role", "film-club", "--role", "film-club-data"], &association[..]].concat(),
        );
        scene.good(&[&["repo", "add", "norms", "1.wasm"], &association[..]].concat());
        scene.good(&[&["repo", "publish", "norms"], &online[..]].concat());
        scene.good(&["sync", "--store", "store"]);
        assert_eq!(scene.judged(), "1.0.0");
        scene.good(&[&["repo", "add", "norms", "2.wasm"], &association[..]].concat());
        scene.good(&[&["repo", "publish", "norms"], &online[..]].concat());
        std::fs::rename(scene.0.join("store"), scene.0.join("before")).unwrap();
        scene
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.join(name), bytes).unwrap();
    }

    /// Puts the store back to where it was.
    fn reset(&self) {
        let _ = std::fs::remove_dir_all(self.0.join("store"));
        let copied = Command::new("cp").args(["-a", "before", "store"]).current_dir(&self.0).status().unwrap();
        assert!(copied.success());
    }

    fn run(&self, args: &[&str], fault: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_normgate"))
            .args(args)
            .current_dir(&self.0)
            .env("XDG_CACHE_HOME", self.0.join("cache"))
            .env("NORMGATE_FAULT", fault)
            .output()
            .unwrap()
    }

    fn good(&self, args: &[&str]) -> String {
        let output = self.run(args, "");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The version that judges.
    fn judged(&self) -> String {
        self.write("requests.jsonl", REQUEST.as_bytes());
        let answer = self.good(&["eval", "-c", "normgate.toml", "--store", "store", "-i", "requests.jsonl"]);
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let policy = answer["verdicts"][0]["reasons"][0]["policy"].as_str().unwrap().to_owned();
        policy.split_once('@').unwrap().1.to_owned()
    }
}

/// The same module as a later version.
fn next_version() -> Vec<u8> {
    let text = String::from_utf8_lossy(MODULE);
    let begin = text.find("{\"contract\"").unwrap();
    let mut manifests = serde_json::Deserializer::from_str(&text[begin..]).into_iter::<serde_json::Value>();
    let mut manifest = manifests.next().unwrap().unwrap();
    manifest["version"] = "1.1.0".into();
    let mut bytes = MODULE.to_vec();
    normgate_package::set_section(&mut bytes, "normgate:manifest", manifest.to_string().as_bytes());
    bytes
}

#[test]
fn a_process_that_ends_at_any_step_leaves_the_old_generation_or_the_new_one() {
    let scene = Scene::new("crash-abort");
    let mut judged = Vec::new();
    for step in STEPS {
        scene.reset();
        let output = scene.run(&["sync", "--store", "store"], &format!("abort:{step}"));
        assert!(!output.status.success(), "{step} was never reached");
        judged.push(scene.judged());
        scene.good(&["sync", "--store", "store"]);
        assert_eq!(scene.judged(), "1.1.0", "after a restart from {step}");
    }
    // Before the pointer is renamed it is the old one, after that the new one.
    let switched = STEPS.iter().position(|step| *step == "current-renamed").unwrap();
    let expected: Vec<&str> = (0..STEPS.len()).map(|index| if index < switched { "1.0.0" } else { "1.1.0" }).collect();
    assert_eq!(judged, expected);
}

/// Ends a command at every step of writing, each time it is passed, and holds that the same command ends what was begun.
fn killed_everywhere(scene: &Scene, folders: &[&str], args: &[&str], holds: impl Fn(&Scene)) {
    let mut killed = 0;
    for step in ["key", "key-written", "file", "file-written", "file-renamed", "unstage"] {
        for turn in 1.. {
            assert!(turn < 100, "{step} has no end");
            for folder in folders {
                let _ = std::fs::remove_dir_all(scene.0.join(folder));
                let before = format!("{folder}-before");
                if scene.0.join(&before).exists() {
                    let copied = Command::new("cp").args(["-a", &before, folder]).current_dir(&scene.0).status();
                    assert!(copied.unwrap().success());
                }
            }
            let output = scene.run(args, &format!("abort:{step}:{turn}"));
            if output.status.success() {
                break;
            }
            assert!(output.status.code().is_none(), "{step}:{turn}: {}", String::from_utf8_lossy(&output.stderr));
            killed += 1;
            let again = scene.run(args, "");
            assert!(again.status.success(), "{step}:{turn}: {}", String::from_utf8_lossy(&again.stderr));
            holds(scene);
        }
    }
    assert!(killed > 3, "{args:?} was killed {killed} times");
}

#[test]
fn what_was_killed_while_publishing_is_taken_up_again() {
    let scene = Scene::new("crash-publish");
    let folder = &["made", "made-keys"];
    killed_everywhere(&scene, folder, &["repo", "init", "made", "--keys", "made-keys"], |scene| {
        assert_eq!(scene.good(&["repo", "lint", "made"]), "");
        scene.good(&["repo", "refresh", "made", "--keys", "made-keys/online.pem"]);
    });
    for fault in ["abort:key:1", "abort:key-written:1", "abort:key:2"] {
        let _ = std::fs::remove_dir_all(scene.0.join("own"));
        std::fs::create_dir(scene.0.join("own")).unwrap();
        let args = ["key", "generate", "own/own.pem"];
        assert_eq!(scene.run(&args, fault).status.code(), None, "{fault}");
        let private = std::fs::read(scene.0.join("own/own.pem")).ok();
        scene.good(&args);
        assert!(
            private.is_none_or(|private| private == std::fs::read(scene.0.join("own/own.pem")).unwrap()),
            "{fault}"
        );
        assert!(scene.0.join("own/own.pub").exists(), "{fault}");
    }
    // A root, the role that it names another key of, and a release, all at once.
    scene.good(&["key", "generate", "keys/online-2.pem"]);
    let roots = ["--keys", "keys/root-1.pem", "--keys", "keys/root-2.pem"];
    scene.good(&[&["repo", "rotate", "norms", "online", "--to", "keys/online-2.pub"], &roots[..]].concat());
    scene.good(&["repo", "renew", "norms", "film-club", "--keys", "keys/club.pem"]);
    std::fs::rename(scene.0.join("norms"), scene.0.join("norms-before")).unwrap();
    scene.reset();
    killed_everywhere(&scene, &["norms"], &["repo", "publish", "norms", "--keys", "keys/online-2.pem"], |scene| {
        assert_eq!(scene.good(&["repo", "lint", "norms"]), "");
        scene.reset();
        scene.good(&["sync", "--store", "store"]);
        assert_eq!(scene.judged(), "1.1.0");
    });
}

#[test]
fn a_damaged_file_of_warnings_decides_nothing() {
    let scene = Scene::new("damaged-status");
    scene.reset();
    for text in ["", "{", "[]", "\u{0}"] {
        std::fs::write(scene.0.join("store/status.json"), text).unwrap();
        assert_eq!(scene.judged(), "1.0.0", "{text:?}");
        let args = ["eval", "-c", "normgate.toml", "--store", "store", "-i", "requests.jsonl"];
        let said = String::from_utf8_lossy(&scene.run(&args, "").stderr).into_owned();
        assert!(said.contains("status.json: it cannot be read"), "{said}");
    }
    scene.good(&["sync", "--store", "store"]);
    assert_eq!(scene.judged(), "1.1.0");
}

#[test]
fn a_full_disk_leaves_a_whole_generation_and_is_said() {
    let scene = Scene::new("crash-full");
    for step in STEPS {
        scene.reset();
        let output = scene.run(&["sync", "--store", "store"], &format!("full:{step}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{step}: {said}");
        assert!(said.contains("store/") && said.contains("no storage space"), "{step}: {said}");
        assert!(["1.0.0", "1.1.0"].contains(&scene.judged().as_str()), "{step}");
        scene.good(&["sync", "--store", "store"]);
        assert_eq!(scene.judged(), "1.1.0", "after room was made at {step}");
    }
}

#[test]
fn two_syncs_do_not_write_at_the_same_time() {
    let scene = Scene::new("crash-lock");
    scene.reset();
    let lock = std::fs::File::options().write(true).open(scene.0.join("store/lock")).unwrap();
    lock.lock().unwrap();
    let output = scene.run(&["sync", "--store", "store"], "");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("another sync is at work in this store"), "{said}");
    drop(lock);
    scene.good(&["sync", "--store", "store"]);
}

#[test]
fn a_store_is_for_its_owner_alone_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new("crash-umask");
    let sync = || {
        let line = format!("umask 000; exec {} sync --store loose", env!("CARGO_BIN_EXE_normgate"));
        let output = Command::new("sh").args(["-c", &line]).current_dir(&scene.0).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let mut folders = vec![scene.0.join("loose")];
    sync();
    // What the first left, the second takes.
    sync();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap()) {
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o022, 0, "{:?} has mode {mode:o}", entry.path());
            if entry.path().is_dir() {
                folders.push(entry.path());
            }
        }
    }
}

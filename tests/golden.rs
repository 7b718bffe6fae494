//! Sealed cases of every release, which no later one may come to judge otherwise: `tests/golden` only grows.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use normgate::contract::{Vocabulary, hex};
use normgate::{Backend, Batch, Config, Gate, Module, embedded};
use normgate_ledger::{Case, CaseReplayed, History, Ledger, Recipient, SealingKey, Settings};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use support::component::module;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// What the lock lists: a digest for every file.
fn locked() -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder().join("golden.lock")).unwrap_or_default();
    let lines = text.lines().map(|line| line.split_once("  ").unwrap());
    lines.map(|(digest, name)| (name.to_owned(), digest.to_owned())).collect()
}

fn key() -> SealingKey {
    SealingKey::parse(&fs::read_to_string(folder().join("test-only.key")).unwrap()).unwrap()
}

#[test]
fn every_golden_case_is_there_unaltered_and_none_beside() {
    let locked = locked();
    assert!(locked.len() >= 5);
    for (name, digest) in &locked {
        let bytes = fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name} is missing: {error}"));
        assert_eq!(*digest, self::digest(&bytes), "{name} was altered: a golden case is never written again");
    }
    let there = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let unlisted: Vec<String> = there.filter(|name| name.ends_with(".sealed") && !locked.contains_key(name)).collect();
    assert_eq!(unlisted, Vec::<String>::new(), "not in golden.lock: `make golden` adds a line with every file");
}

#[test]
fn every_golden_case_opens_is_proven_and_comes_out_as_its_semantics_say() {
    let (key, own) = (key(), Gate::builder().generation().unwrap().policy_set().describe().semantics);
    for name in locked().keys() {
        let case = Case::open(&fs::read(folder().join(name)).unwrap(), &key).unwrap();
        case.proven(None).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!case.fired().is_empty() && case.text().contains(case.decision_id()), "{name}: it cannot be read");
        let theirs = &case.set().semantics;
        for backend in [Backend::Native, Backend::Interpreter] {
            let replayed = case.replay(Gate::builder().trusting().backend(backend)).unwrap();
            match replayed {
                CaseReplayed::Other { note, .. } => {
                    assert!(!theirs.starts_with(&own), "{name}, {backend:?}: {note}");
                    assert_eq!(note, format!("judged under `{theirs}`, this program judges by `{own}`"), "{name}");
                }
                CaseReplayed::Same => assert!(theirs.starts_with(&own), "{name}, {backend:?}: judged under {theirs}"),
                CaseReplayed::Different(..) => panic!("{name}, {backend:?}: {replayed:?}"),
            }
        }
    }
}

/// What a golden case is made of.
#[derive(Deserialize)]
struct Scene {
    scene: String,
    modules: Vec<String>,
    config: String,
    request: Value,
}

/// The modules of a scene; `hostile` is one that never ends.
fn modules(names: &[String]) -> Vec<Module> {
    let spin = module("(loop (br 0))", 0, 1, 300_000);
    let spin = Module::read("spin.wasm", &spin, Vocabulary::shipped()).unwrap();
    let all = embedded::arp().into_iter().chain([spin]);
    all.filter(|module| names.contains(&module.manifest.module)).collect()
}

#[test]
#[ignore = "it adds files: `make golden`"]
fn what_has_no_golden_case_gets_one() {
    let text = fs::read_to_string(folder().join("scenes.jsonl")).unwrap();
    let recipient = Recipient::parse(&fs::read_to_string(folder().join("test-only.pub")).unwrap()).unwrap();
    for line in text.lines() {
        let scene: Scene = serde_json::from_str(line).unwrap();
        let (name, modules) = (format!("{}.sealed", scene.scene), modules(&scene.modules));
        assert_eq!(modules.len(), scene.modules.len(), "{name}");
        if locked().contains_key(&name) {
            continue;
        }
        let config = Config::parse(&scene.config).unwrap();
        let gate = Gate::builder().policies(modules.clone()).config(config).trusting().build().unwrap();
        let batch = Batch::from_json(scene.request.to_string().as_bytes()).unwrap();
        // The second time, what failed the first time is left out.
        gate.evaluate(&batch);
        let outcome = Arc::new(gate.evaluate(&batch));
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden").join(&scene.scene);
        let _ = fs::remove_dir_all(&place);
        let ledger = Ledger::open(&place, Settings { sample_ppm: 1_000_000, ..Settings::default() }).unwrap();
        ledger.record(&batch, &outcome).unwrap();
        ledger.close().unwrap();
        let history = History::open(&place).unwrap();
        let case = Case::export(&history, &outcome.decision_id(), &modules, Gate::builder().trusting()).unwrap();
        let sealed = case.seal(&recipient).unwrap();
        println!("{name}: {} bytes, {:?}", sealed.len(), case.fired());
        let mut lock = locked();
        lock.insert(name.clone(), digest(&sealed));
        fs::write(folder().join(&name), sealed).unwrap();
        let lines: String = lock.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect();
        fs::write(folder().join("golden.lock"), lines).unwrap();
    }
}

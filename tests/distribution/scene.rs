//! A regulator's repository with two associations, and a platform that has taken its first state.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use normgate::contract::Day;
use normgate::{Config, Generation};
use normgate_repo::keys::{Keyring, PublicKey, generate};
use normgate_repo::publisher::{Addition, Publisher};
use normgate_repo::{Bounds, Checks, Store, Synced, Trust, sync};
use serde_json::Value;

use crate::component::{MANIFEST, module, with_manifest};

/// Cases of [`club`]: the first row is demoted.
pub(crate) const CASES: &str = r#"{"case":"1","request":{"ctx":{"now_ms":1,"local_min":1},"candidates":[{"id":"a"}]},"expect":{"verdicts":{"a":{"action":"demote","weight_ppm":300000,"rules":["club.rule"]}}}}"#;

pub(crate) struct Scene {
    folder: PathBuf,
    pub(crate) bounds: Bounds,
    /// Where the platform looks; the repository itself, unless a test puts something between.
    pub(crate) location: String,
    /// More lines for the entry of the repository in the configuration.
    pub(crate) more: String,
    /// Whether a first generation may lack a repository.
    pub(crate) partial: bool,
}

/// A module of the film club.
pub(crate) fn club(version: &str) -> Vec<u8> {
    made("film-club/night-films", "club", version)
}

/// A module that demotes the first row, under this id.
pub(crate) fn made(id: &str, prefix: &str, version: &str) -> Vec<u8> {
    made_with(id, prefix, version, &serde_json::json!({"demote": "computed"}), 300_000)
}

/// A module that does this to the first row.
pub(crate) fn made_with(id: &str, prefix: &str, version: &str, effect: &Value, value: i64) -> Vec<u8> {
    let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    manifest["id"] = id.into();
    manifest["module"] = prefix.into();
    manifest["version"] = version.into();
    manifest["law"] = "other".into();
    manifest["rules"][0]["id"] = format!("{prefix}.rule").into();
    manifest["rules"][0]["effects"] = serde_json::json!([effect]);
    with_manifest(module("", 0, 0, value), &manifest.to_string())
}

impl Scene {
    /// Two associations: `film-club`, which has shipped a module, and `other`, which has not. Two keys of `root-1`, `root-2`,
    /// `root-3` sign the root.
    pub(crate) fn new(name: &str) -> Self {
        static MADE: OnceLock<PathBuf> = OnceLock::new();
        let made = MADE.get_or_init(|| {
            let scene = Self::at("made");
            let publisher = Publisher::init(&scene.path("norms"), &scene.path("keys"), 3, 2).unwrap();
            for name in ["film-club", "other"] {
                let key = scene.key(name);
                publisher.delegate(name, &[], &[key], &[], 1).unwrap();
            }
            scene.add("1.0.0");
            publisher.publish(&scene.all()).unwrap();
            scene.folder
        });
        Self::like(made, name)
    }

    /// The same after a first sync.
    pub(crate) fn taken(name: &str) -> Self {
        static TAKEN: OnceLock<PathBuf> = OnceLock::new();
        let taken = TAKEN.get_or_init(|| {
            let scene = Self::new("made-and-taken");
            assert_eq!(scene.sync().generation, Some(1));
            scene.folder
        });
        Self::like(taken, name)
    }

    fn at(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("distribution").join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self { location: "norms".into(), more: String::new(), partial: false, bounds: quick(), folder }
    }

    fn like(made: &Path, name: &str) -> Self {
        let scene = Self::at(name);
        copy(made, &scene.folder);
        scene
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn publisher(&self) -> Publisher {
        Publisher::open(&self.path("norms")).unwrap()
    }

    /// Makes a key.
    pub(crate) fn key(&self, name: &str) -> PublicKey {
        generate(&self.path("keys").join(name).with_extension("pem")).unwrap()
    }

    pub(crate) fn public(&self, name: &str) -> PublicKey {
        PublicKey::read(&self.path("keys").join(name).with_extension("pub")).unwrap()
    }

    /// Every key there is.
    pub(crate) fn all(&self) -> Keyring {
        Keyring::read(&[self.path("keys")]).unwrap()
    }

    pub(crate) fn only(&self, names: &[&str]) -> Keyring {
        let paths: Vec<_> = names.iter().map(|name| self.path("keys").join(name).with_extension("pem")).collect();
        Keyring::read(&paths).unwrap()
    }

    /// Stages another release of the film club's module.
    pub(crate) fn add(&self, version: &str) {
        self.publisher().add_module("club.wasm", &club(version), CASES, &Addition::default()).unwrap();
    }

    /// Publishes another release of the film club's module.
    pub(crate) fn ship(&self, version: &str) {
        self.add(version);
        self.publisher().publish(&self.all()).unwrap();
    }

    /// Changes what a staged role says.
    pub(crate) fn forge(&self, role: &str, change: impl FnOnce(&mut Value)) {
        let publisher = self.publisher();
        publisher.renew(role).unwrap();
        let path = self.path("norms/staged").join(format!("{role}.json"));
        let mut document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut document["signed"]);
        std::fs::write(&path, document.to_string()).unwrap();
    }

    /// Publishes whatever is staged, as somebody with all keys could.
    pub(crate) fn publish_anyway(&self) {
        self.publisher().publish_anyway(&self.all(), &[]).unwrap();
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.path("store")).unwrap()
    }

    pub(crate) fn config(&self) -> String {
        format!(
            "[authorities.film-club]\n[authorities.other]\n[[repositories]]\nname = \"national\"\nroot = \"root.json\"\n\
             location = \"{}\"\nauthorities = [\"film-club\", \"other\"]\n{}",
            self.location, self.more
        )
    }

    pub(crate) fn sync(&self) -> Synced {
        self.sync_with(&self.config())
    }

    pub(crate) fn sync_with(&self, config: &str) -> Synced {
        let anchor = self.path("root.json");
        if !anchor.exists() {
            std::fs::copy(self.path("norms/metadata/1.root.json"), &anchor).unwrap();
        }
        let config = Config::parse(config).unwrap();
        let trust = Trust::read(&config.repositories, &self.folder).unwrap();
        let compiler =
            Arc::new(|module: &normgate::Module| normgate::precompile(&module.bytes, normgate::Backend::Native));
        let checks = Checks { compiler, artifacts: || None, config, bounds: self.bounds, partial: self.partial };
        sync(&self.store(), &trust, &checks).unwrap()
    }

    /// The gate of the store, as everybody builds it.
    pub(crate) fn gate(&self, config: &str, as_of: Option<Day>) -> Generation {
        let generation = self.store().generation().unwrap().unwrap();
        let builder = generation.builder(Config::parse(config).unwrap(), as_of);
        let compiler = |module: &normgate::Module| normgate::precompile(&module.bytes, normgate::Backend::Native);
        builder.compiler(compiler).generation().unwrap()
    }

    /// The sentence with which the only repository is refused. The generation before stays, and is marked stale.
    pub(crate) fn refused(&self) -> String {
        let before = self.store().current().unwrap();
        let synced = self.sync();
        assert!(!synced.switched, "a refused repository changed the generation");
        assert_eq!(self.store().current().unwrap(), before);
        let [(name, error)] = &synced.refused[..] else { panic!("nothing was refused: {synced:?}") };
        let status = self.store().status().unwrap();
        assert!(status[name].stale_since_ms.is_some());
        assert_eq!(status[name].why.as_ref(), Some(&error.to_string()));
        error.to_string().replace(&format!("{}/", self.folder.display()), "")
    }

    /// The releases in force of the film club's module: number and version.
    pub(crate) fn in_force(&self) -> Vec<(u64, String)> {
        let generation = self.store().generation().unwrap().unwrap();
        let today = normgate_repo::today().unwrap();
        generation.in_force(today).iter().map(|entry| (entry.release, entry.says.version.clone())).collect()
    }

    /// Copies a folder, links and all that is in it as files.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        let to = self.path(to);
        let _ = std::fs::remove_dir_all(&to);
        copy(&self.path(from), &to);
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Bounds so small that an attack on them ends at once.
fn quick() -> Bounds {
    Bounds { metadata: 64 << 10, request: Duration::from_secs(5), total: Duration::from_secs(60), ..Bounds::default() }
}

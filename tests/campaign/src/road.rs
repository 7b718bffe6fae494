//! The road: releases of several associations go through signed repositories into a platform's store, and a gate is built
//! from what lies there. What a sync accepts must never leave a store that no gate can be built from.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use normgate::contract::{Day, Vocabulary};
use normgate::{Backend, Batch, Config, Gate, Module, precompile};
use normgate_cases::{accept, read};
use normgate_repo::keys::{Keyring, generate};
use normgate_repo::publisher::{Addition, Publisher};
use normgate_repo::{Bounds, Checks, Store, Synced, Trust, sync};
use serde_json::{Value, json};

use crate::campaign::LIMITS;
use crate::cost::measured;
use crate::manifests::Author;
use crate::modules::Workshop;
use crate::numbers::Numbers;
use crate::platform::AUTHORITIES;
use crate::tally::Tally;

/// The authority whose module must be there whatever the others ship.
pub(crate) const LAW: &str = "ministry";

/// Its module's id.
pub(crate) const LAW_MODULE: &str = "ministry/first-row";

/// Days on which the store must be usable, beside today: what claims are dated by lies between them.
const DAYS: [&str; 3] = ["2026-12-01", "2027-06-01", "2031-01-01"];

/// Repositories with a key each, one an authority, and the folder of one platform after the other.
pub(crate) struct Road {
    folder: PathBuf,
}

/// What is wrong with the tools, or with a file.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

impl Road {
    /// Makes the repositories; the ministry's has its module.
    pub(crate) fn new(workshop: &Workshop) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("normgate-hostile-{}", std::process::id()));
        let road = Self { folder };
        let _ = fs::remove_dir_all(&road.folder);
        for authority in AUTHORITIES.into_iter().chain([LAW]) {
            let (repository, keys) =
                (road.folder.join("made").join(authority), road.folder.join("keys").join(authority));
            fs::create_dir_all(&keys)?;
            let publisher = Publisher::init(&repository, &keys, 1, 1)?;
            let key = generate(&keys.join("association.pem"))?;
            publisher.delegate(authority, &[], &[key], &[], 1)?;
            if authority == LAW {
                let module = workshop.law()?;
                publisher.add_module("first-row.wasm", &module, &cases(&module)?, &Addition::default())?;
            }
            publisher.publish(&Keyring::read(&[keys])?)?;
        }
        Ok(road)
    }

    /// One platform: two or three associations ship, sync follows sync, and after each a gate is built for every day.
    pub(crate) fn travel(
        &self,
        number: u64,
        workshop: &Workshop,
        numbers: &mut Numbers,
        tally: &mut Tally,
    ) -> Result<()> {
        let folder = self.folder.join(format!("unit-{number}"));
        let travelled = self.travel_in(&folder, workshop, numbers, tally);
        let _ = fs::remove_dir_all(&folder);
        travelled
    }

    fn travel_in(&self, folder: &Path, workshop: &Workshop, numbers: &mut Numbers, tally: &mut Tally) -> Result<()> {
        copy(&self.folder.join("made"), folder)?;
        let config = Config::parse(&self.config(folder, numbers))?;
        let trust = Trust::read(&config.repositories, folder)?;
        let store = Store::open(&folder.join("store"))?;
        for _ in 0..2 {
            for _ in 0..1 + numbers.position(3) {
                let authority = *numbers.pick(&AUTHORITIES);
                match self.ship(folder, authority, workshop, numbers) {
                    Ok(()) => tally.count("shipped"),
                    // The publisher's own tools refuse a part; the rest is what the platform has to deal with.
                    Err(_) => tally.count("unshipped"),
                }
            }
            let synced = measured(tally, "sync", || {
                sync(
                    &store,
                    &trust,
                    &Checks {
                        compiler: Arc::new(|module: &Module| precompile(&module.bytes, Backend::Native)),
                        artifacts: || None,
                        config: config.clone(),
                        bounds: Bounds::default(),
                    },
                )
            })?;
            tally.count("syncs");
            tally.add("syncs.refused", synced.refused.len() as u64);
            self.usable(&store, &config, &synced, tally);
        }
        Ok(())
    }

    /// The platform: the ministry is trusted with everything, the others with what was drawn.
    fn config(&self, folder: &Path, numbers: &mut Numbers) -> String {
        let mut text = crate::platform::authorities(numbers);
        text.push_str(&format!("[authorities.{LAW}]\nbase = \"full\"\n"));
        for authority in AUTHORITIES.into_iter().chain([LAW]) {
            let repository = folder.join(authority);
            text.push_str(&format!(
                "[[repositories]]\nname = \"{authority}\"\nroot = {:?}\nlocation = {:?}\nauthorities = [\"{authority}\"]\n",
                repository.join("metadata/1.root.json"),
                repository
            ));
        }
        text
    }

    /// One release of an association, with cases that it passes with everything granted.
    fn ship(&self, folder: &Path, authority: &str, workshop: &Workshop, numbers: &mut Numbers) -> Result<()> {
        let author = Author::of(authority, &format!("m{}", numbers.position(2)));
        let version = format!("1.{}.{}", numbers.position(3), numbers.position(3));
        let module = workshop.shipped(numbers, &author, &version)?;
        let publisher = Publisher::open(&folder.join(authority))?;
        let day = |day: &str| day.parse::<Day>().ok();
        let addition = Addition {
            effective_from: day("2026-12-01").filter(|_| numbers.position(4) == 0),
            effective_until: day("2027-01-01").filter(|_| numbers.position(8) == 0),
            urgent: numbers.position(4) == 0,
        };
        publisher.add_module(&format!("{}.wasm", author.name), &module, &cases(&module)?, &addition)?;
        publisher.publish(&Keyring::read(&[self.folder.join("keys").join(authority)])?)?;
        Ok(())
    }

    /// Whether gates can be built from the store, with the ministry's module in each, which acts.
    fn usable(&self, store: &Store, config: &Config, synced: &Synced, tally: &mut Tally) {
        let days = DAYS.into_iter().filter_map(|day| day.parse().ok()).map(Some).chain([None]);
        for day in days {
            let built = (|| -> Result<bool> {
                let generation = store.generation()?.ok_or("nothing is in force")?;
                let mut builder = Gate::builder()
                    .policies(generation.modules())
                    .last_good(generation.last_good())
                    .urgent(generation.urgent())
                    .config(config.clone())
                    .limits(LIMITS)
                    .compiler(|module| precompile(&module.bytes, Backend::Native));
                if let Some(day) = day {
                    builder = builder.as_of(day);
                }
                let gate = builder.build()?;
                let outcome = measured(tally, "request", || gate.evaluate(&first_row()));
                Ok(outcome.verdicts.iter().any(|verdict| verdict.judgement.block.is_some()))
            })();
            let why = match built {
                Ok(true) => continue,
                Ok(false) => "the ministry's module says nothing".into(),
                Err(error) => error.to_string(),
            };
            eprintln!("hostile: after a sync, on {day:?}: {why}; refused there: {:?}", synced.refused);
            tally.count("unbuildable");
        }
    }
}

impl Drop for Road {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The request of every case.
fn request() -> Value {
    json!({"id": "r", "ctx": {"now_ms": 1_767_225_600_000u64, "local_min": 600},
           "candidates": [{"id": "a", "kind": "article"}, {"id": "b"}]})
}

fn first_row() -> Batch {
    Batch::from_json(request().to_string().as_bytes()).unwrap_or_else(|error| unreachable!("{error}"))
}

/// A case that a module passes with everything granted, whatever it says.
fn cases(module: &[u8]) -> Result<String> {
    let module = Module::read("made.wasm", module, Vocabulary::shipped())?;
    let line = json!({"case": "1", "request": request(), "expect": {}}).to_string();
    let case = read(&line)?.remove(0);
    let mut runner = normgate_cases::Runner::new(vec![module], None);
    let report = runner.run(&case);
    Ok(accept(&line, &report.answer)?)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() { copy(&entry.path(), &to)? } else { fs::copy(entry.path(), to).map(drop)? }
    }
    Ok(())
}

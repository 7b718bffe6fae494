//! Syncing: what several repositories say becomes one generation, or stays what it was.
//!
//! 1. Repositories are taken side by side (`take`), each on a thread of its own and within its own bounds: verified over a copy of its
//!    datastore, what is needed of it fetched whole, each new module tried alone (`trial`).
//! 2. The whole is built as every gate is built from a store, today and on each day on which it changes.
//! 3. Files, generation, floor, pointer: written in this order, the last by one rename.
//!
//! What a repository does wrong keeps it alone from being taken, and what is wrong with a module that module: what was last taken
//! stays, and is marked stale. A repository that takes long keeps no other waiting: what is there is switched to before.
//!
//! Modules run here as they run in a gate, and what one of them can cost is bounded by the same constants; compiling, which no
//! constant bounds, is the caller's, in a child process.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use normgate::contract::Manifest;
use normgate::{Artifacts, Base, Compiler, Config, Gate};
use tokio::sync::Semaphore;

use crate::clock::{day_at, now_ms};
use crate::error::{Error, Place, Refusal, Result, at};
use crate::store::{Entry, Floor, Generation, Status, Store, Trusted};
use crate::take::{Part, Taken, Taking};
use crate::transport::Bounds;
use crate::trust::Trust;

/// The stack of a thread that takes a repository: as large as the one on which a gate usually judges.
const STACK: usize = 8 << 20;

/// How new modules are tried.
pub struct Checks {
    /// Compiles a module that nobody trusts yet: in a child process that can be killed.
    pub compiler: Arc<Compiler>,
    /// Opens the store of compiled modules, so that the next start is fast; none where there is none.
    pub artifacts: fn() -> Option<Artifacts>,
    /// The platform's configuration, with what it grants to each authority.
    pub config: Config,
    /// What taking a repository may use.
    pub bounds: Bounds,
    /// Whether a first generation is made although a repository was refused, or a module of an authority that may do everything:
    /// what it would have added may be the law.
    pub partial: bool,
}

/// What a sync did.
#[derive(Debug)]
pub struct Synced {
    /// The generation in force; none when nothing was ever taken.
    pub generation: Option<u64>,
    /// Whether it is a new one.
    pub switched: bool,
    /// Of each repository that was not taken, and of each module of one that was, why. What was last taken of it stays.
    pub refused: Vec<(String, Error)>,
    /// What a person should know: a sentence each.
    pub notices: Vec<String>,
    /// What judges now, or was announced, that did not before: a sentence each.
    pub changes: Vec<String>,
}

/// Brings a store up to date with repositories.
///
/// # Errors
/// When the store itself cannot be read or written, or is in use; or when no gate can be built with the configuration. What a
/// repository does wrong is in the answer.
pub fn sync(store: &Store, repositories: &[Trust], checks: &Checks) -> Result<Synced> {
    let _lock = store.lock()?;
    let mut syncing = Syncing::begin(store, repositories, checks)?;
    let known: Vec<Part> = repositories.iter().map(|trust| syncing.parts[trust.name.as_str()].clone()).collect();
    let bench = Semaphore::new(thread::available_parallelism().map_or(1, usize::from));
    thread::scope(|scope| {
        let (say, heard) = channel();
        for (index, trust) in repositories.iter().enumerate() {
            let taking = Taking { store, trust, checks, known: &known[index], bench: &bench };
            let say = say.clone();
            // Who listens goes on until everybody has spoken, or gave up over an error of the store.
            let work = move || drop(say.send((index, alone(&taking))));
            let name = format!("normgate-sync-{}", trust.name);
            thread::Builder::new().name(name).stack_size(STACK).spawn_scoped(scope, work).place("sync")?;
        }
        drop(say);
        syncing.gather(&heard, Instant::now() + checks.bounds.patience)
    })?;
    store.set_status(&syncing.status)?;
    Ok(syncing.synced)
}

/// Takes one repository on this thread, whatever happens.
fn alone(taking: &Taking<'_>) -> Result<Taken> {
    let name = &taking.trust.name;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().place("sync")?;
    // A panic here would be a mistake of ours; it costs this repository and no other.
    catch_unwind(AssertUnwindSafe(|| runtime.block_on(taking.take())))
        .unwrap_or_else(|_| Err(at(format!("repository {name}"), "taking it panicked; please report that")))
}

/// A sync under way.
struct Syncing<'a> {
    store: &'a Store,
    repositories: &'a [Trust],
    checks: &'a Checks,
    /// The generation in force.
    before: Option<Generation>,
    /// Whether the generation in force cannot be read.
    damaged: bool,
    status: Status,
    /// What the next generation has of each repository.
    parts: BTreeMap<&'a str, Part>,
    floors: BTreeMap<String, Floor>,
    /// Whether something was refused that may be the law: a repository, or a module of an authority that may do everything.
    lacking: bool,
    synced: Synced,
}

impl<'a> Syncing<'a> {
    fn begin(store: &'a Store, repositories: &'a [Trust], checks: &'a Checks) -> Result<Self> {
        // A store that somebody damaged heals: everything is verified again, and the floor holds.
        let (before, damaged) = match store.generation() {
            Ok(before) => (before, None),
            Err(error) => (None, Some(error.to_string())),
        };
        // What was heard is told to people and decides nothing, so that a file of it that cannot be read is written anew.
        let mut status = store.status().unwrap_or_default();
        status.retain(|name, _| repositories.iter().any(|trust| trust.name == *name));
        let parts = repositories.iter().map(|trust| (trust.name.as_str(), Part::of(before.as_ref(), &trust.name)));
        Ok(Self {
            parts: parts.collect(),
            floors: before.as_ref().map(|before| before.floors.clone()).unwrap_or_default(),
            damaged: damaged.is_some(),
            lacking: false,
            synced: Synced {
                generation: before.as_ref().map(|generation| generation.number),
                switched: false,
                refused: Vec::new(),
                notices: damaged.into_iter().collect(),
                changes: Vec::new(),
            },
            store,
            repositories,
            checks,
            before,
            status,
        })
    }

    /// Takes up what the threads say. What has come within the patience is switched to, and then the rest as it comes; a first
    /// generation waits for everybody.
    fn gather(&mut self, heard: &Receiver<(usize, Result<Taken>)>, patience: Instant) -> Result<()> {
        let mut missing = self.repositories.len();
        while missing > 0 {
            let mut wave = Vec::new();
            while missing > 0 {
                let waits = wave.is_empty() || self.before.is_none();
                let wait = if waits { Duration::MAX } else { patience.saturating_duration_since(Instant::now()) };
                match heard.recv_timeout(wait) {
                    Ok(said) => {
                        wave.push(said);
                        missing -= 1;
                    }
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => missing = 0,
                }
            }
            wave.sort_by_key(|(index, _)| *index);
            self.settle(wave)?;
        }
        Ok(())
    }

    /// Switches to what was taken of some repositories, beside what there is of the others.
    fn settle(&mut self, wave: Vec<(usize, Result<Taken>)>) -> Result<()> {
        let mut trusted = Vec::new();
        for (index, taken) in wave {
            let name = self.repositories[index].name.as_str();
            let heard = self.status.entry(name.to_owned()).or_default();
            let (whole, refused) = match taken {
                Ok(Taken { part, trusted: taken, expires_ms, notices, refused }) => {
                    self.parts.insert(name, part);
                    self.floors.insert(name.to_owned(), taken.floor.clone());
                    self.synced.notices.extend(notices);
                    (heard.taken_ms, heard.expires_ms) = (now_ms(), expires_ms);
                    trusted.push((name, taken));
                    (true, refused)
                }
                Err(error) => (false, vec![error]),
            };
            self.lacking |= !whole || refused.iter().any(|error| is_of_full_rights(error, &self.checks.config));
            match refused.first() {
                None => (heard.stale_since_ms, heard.why) = (None, None),
                Some(error) => {
                    heard.stale_since_ms.get_or_insert(now_ms());
                    heard.why = Some(error.to_string());
                }
            }
            for error in refused {
                tracing::warn!(repository = %name, %error, "not taken; what was last taken stays");
                self.synced.refused.push((name.to_owned(), error));
            }
        }
        let mut next = self.next_generation()?;
        self.try_out(&mut next)?;
        if self.is_to_be_switched_to(&next) {
            self.synced.notices.extend(self.dropped(&next));
            for part in self.parts.values() {
                for bytes in part.loaded.values().map(|module| &module.bytes[..]) {
                    self.store.keep("modules", bytes)?;
                }
                for bytes in &part.bundles {
                    self.store.keep("data", bytes)?;
                }
            }
            self.store.write_generation(&next)?;
            raise(self.store, &trusted)?;
            self.store.switch(next.number)?;
            (self.synced.generation, self.synced.switched) = (Some(next.number), true);
            if let Err(error) = self.store.clean() {
                self.synced.notices.push(error.to_string());
            }
            self.synced.changes.extend(changes(self.before.as_ref(), &next));
            (self.before, self.damaged) = (Some(next), false);
        } else {
            raise(self.store, &trusted)?;
        }
        Ok(())
    }

    /// Whether a generation is new, and nothing is missing without which it must not be in force.
    fn is_to_be_switched_to(&mut self, next: &Generation) -> bool {
        match &self.before {
            Some(before) => (&before.modules, &before.data) != (&next.modules, &next.data),
            // What was lost of a damaged store comes back whole, or what is left of it stays.
            None if self.damaged => !self.lacking,
            None if self.lacking && !self.checks.partial => {
                let why = "no first generation is made while a repository is refused, or a module of an authority with base = \"full\", \
                           since what it would add may be the law; mend \
                           what was refused and sync again, or say --partial";
                self.synced.notices.push(why.into());
                false
            }
            None => self.parts.keys().any(|name| self.floors.contains_key(*name)),
        }
    }

    /// Builds a generation as every gate is built from a store, today and on each day on which it changes, and notes which modules
    /// do not fit.
    fn try_out(&mut self, next: &mut Generation) -> Result<()> {
        let today = crate::today().ok_or_else(|| at("the clock", "it stands outside of the calendar; set it"))?;
        let mut said = BTreeSet::new();
        let modules: Vec<_> = self.parts.values().flat_map(|part| part.loaded.values().cloned()).collect();
        let unmatched = self.checks.config.unmatched(&modules);
        self.synced.notices.extend(unmatched.into_iter().map(|error| format!("{error}; nothing comes of it")));
        // The one before lives until the next is built, so that what it compiled is compiled once.
        let mut built = Vec::new();
        for day in std::iter::once(today).chain(next.changes_after(today)) {
            let builder = self.checks.equip(next.builder(self.checks.config.clone(), Some(day)));
            let gate = builder.generation().map_err(|error| {
                at(
                    "the configuration",
                    format!("on {day} no gate can be built with it, so that nothing is taken: {error}"),
                )
            })?;
            for normgate::LeftOut { id, version, why, .. } in gate.left_out() {
                if said.insert((id.clone(), version.clone())) {
                    let from = if day == today { String::new() } else { format!(" from {day} on") };
                    self.synced.notices.push(format!("{id} {version} is left out{from}: {why}"));
                }
            }
            if day == today {
                let weakened = gate.notices().iter().filter(|notice| notice.code == "norm-weakened");
                self.synced.notices.extend(weakened.map(|notice| notice.message.clone()));
                let out =
                    |module: &normgate::Module| gate.left_out().iter().any(|out| out.digest == module.digest_text());
                let judging = next.modules_on(today).into_iter().filter(|module| !out(module));
                next.holders =
                    judging.map(|module| (module.manifest.id.clone(), module.manifest.module.clone())).collect();
            }
            built.truncate(1);
            built.push(gate);
        }
        Ok(())
    }

    fn next_generation(&self) -> Result<Generation> {
        let mut next = Generation::default();
        (next.number, next.created_ms) = (self.store.highest()? + 1, now_ms());
        next.floors.clone_from(&self.floors);
        next.holders = self.before.as_ref().map(|before| before.holders.clone()).unwrap_or_default();
        for part in self.parts.values() {
            next.add(&part.modules, &part.loaded);
            next.data.extend(part.data.iter().cloned());
        }
        if let (Some(before), Some(today)) = (&self.before, day_at(now_ms())) {
            // What is replaced was judging until now, so it is what stands in when its successor fails.
            let old = before.in_force(today);
            for entry in next.in_force(today).into_iter().cloned().collect::<Vec<_>>() {
                let replaced = old.iter().find(|old| old.id == entry.id && old.digest != entry.digest).copied();
                let still = before.previous.iter().find(|old| old.id == entry.id && old.digest != entry.digest);
                // Only what may still do what it does: otherwise the gate would not open for the sake of an old version.
                let opens = |old: &&Entry| {
                    let builder = |module| {
                        Gate::builder().policies([module]).config(self.checks.config.clone()).of_a_larger_set()
                    };
                    before
                        .module(old)
                        .is_some_and(|module| self.checks.equip(builder(module.clone())).generation().is_ok())
                };
                if let Some(previous) = replaced.or(still).filter(opens) {
                    next.previous.push(previous.clone());
                }
            }
        }
        Ok(next)
    }

    /// What was taken before and is no more, and why.
    fn dropped(&self, next: &Generation) -> Vec<String> {
        let mut said = Vec::new();
        let Some(before) = &self.before else { return said };
        let mut ids = BTreeSet::new();
        let gone = |entry: &&Entry| next.modules.iter().all(|kept| kept.id != entry.id);
        for entry in before.modules.iter().filter(gone).filter(|entry| ids.insert(entry.id.clone())) {
            let known = self.repositories.iter().any(|trust| trust.name == entry.repository);
            let why = match (known, self.status.contains_key(&entry.repository)) {
                (true, true) => {
                    format!("{} no longer lists it, or no longer delegates to {}", entry.repository, entry.authority)
                }
                _ => format!("{} is no longer among the repositories", entry.repository),
            };
            said.push(format!(
                "{} {} is dropped: {why} (role {}, file {})",
                entry.id, entry.says.version, entry.role, entry.file
            ));
        }
        let today = day_at(now_ms());
        let announced = |entry: &&Entry| entry.says.effective_from > today;
        let there =
            |entry: &&Entry| next.modules.iter().any(|kept| kept.digest == entry.digest) || ids.contains(&entry.id);
        for entry in before.modules.iter().filter(announced).filter(|entry| !there(entry)) {
            let day = entry.says.effective_from.map(|day| day.to_string()).unwrap_or_default();
            said.push(format!(
                "{} {}, which was announced for {day}, is withdrawn by {} (role {}, file {})",
                entry.id, entry.says.version, entry.repository, entry.role, entry.file
            ));
        }
        said
    }
}

/// What judges now, or was announced, and did not before: of each module, what of it changed.
fn changes(before: Option<&Generation>, next: &Generation) -> Vec<String> {
    let Some(today) = day_at(now_ms()) else { return Vec::new() };
    let old = before.map(|before| before.in_force(today)).unwrap_or_default();
    let mut said = Vec::new();
    for entry in next.in_force(today) {
        let (id, version) = (&entry.id, &entry.says.version);
        match old.iter().find(|old| old.id == *id) {
            None => said.push(format!("{id} {version} judges now")),
            Some(old) if old.digest != entry.digest => {
                let what = match (before.and_then(|before| before.module(old)), next.module(entry)) {
                    (Some(old), Some(new)) => differences(&old.manifest, &new.manifest),
                    _ => Vec::new(),
                };
                let what =
                    if what.is_empty() { "no rule and no parameter is another one".into() } else { what.join("; ") };
                said.push(format!("{id} {version} judges in the place of {}: {what}", old.says.version));
            }
            Some(_) => {}
        }
    }
    let known =
        |entry: &Entry| before.is_some_and(|before| before.modules.iter().any(|old| old.digest == entry.digest));
    for entry in next.modules.iter().filter(|entry| !known(entry)) {
        if let Some(from) = entry.says.effective_from.filter(|from| *from > today) {
            said.push(format!("{} {} is announced for {from}", entry.id, entry.says.version));
        }
    }
    said
}

/// How the rules and parameters of a module differ from those of the version before.
fn differences(old: &Manifest, new: &Manifest) -> Vec<String> {
    let mut said = Vec::new();
    for rule in &new.rules {
        match old.rules.iter().find(|old| old.id == rule.id) {
            None => said.push(format!("rule {} is new", rule.id)),
            Some(old) if old != rule => said.push(format!("rule {} is changed", rule.id)),
            Some(_) => {}
        }
    }
    let gone = old.rules.iter().filter(|old| new.rules.iter().all(|rule| rule.id != old.id));
    said.extend(gone.map(|rule| format!("rule {} is gone", rule.id)));
    for parameter in &new.parameters {
        let (name, value) = (&parameter.name, &parameter.default);
        match old.parameters.iter().find(|old| old.name == *name) {
            None => said.push(format!("{name} is {value}, and new")),
            Some(old) if old.default != *value => said.push(format!("{name} is {value}, and was {}", old.default)),
            Some(old) if old != parameter => said.push(format!("{name} has other bounds or days")),
            Some(_) => {}
        }
    }
    let gone = old.parameters.iter().filter(|old| new.parameters.iter().all(|known| known.name != old.name));
    said.extend(gone.map(|parameter| format!("{} is gone", parameter.name)));
    for (name, value) in new.overlays.iter().filter(|(name, value)| old.overlays.get(*name) != Some(value)) {
        said.push(format!("it tightens {name} to {value}"));
    }
    let gone = old.overlays.keys().filter(|name| !new.overlays.contains_key(*name));
    said.extend(gone.map(|name| format!("it tightens {name} no longer")));
    said
}

/// Whether a file was refused of an authority that the platform lets do everything.
fn is_of_full_rights(error: &Error, config: &Config) -> bool {
    let Error::Refused(Refusal { file, .. }) = error else { return false };
    let authority = file.split('/').next().unwrap_or_default();
    config.authorities.as_ref().and_then(|known| known.get(authority)).is_some_and(|grant| grant.base == Base::Full)
}

fn raise(store: &Store, trusted: &[(&str, Trusted)]) -> Result<()> {
    trusted.iter().try_for_each(|(name, trusted)| store.trust(name, trusted))
}

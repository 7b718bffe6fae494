//! Syncing: what several repositories say becomes one generation, or stays what it was.
//!
//! 1. Each repository is verified over a copy of its datastore.
//! 2. Of each module the release in force and those to come are fetched whole.
//! 3. A module that is new is held against its grant, compiled by the caller's compiler, and must pass its own cases.
//! 4. The whole set must open as a gate, on every day on which it changes.
//! 5. Files, generation, floor, pointer: written in this order, the last by one rename.
//!
//! Whatever fails, fails for its repository alone: what was last taken of it stays, and is marked stale.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use normgate::contract::Day;
use normgate::{Artifacts, Compiler, Config, Gate, Module};
use normgate_cases::Runner;

use crate::charter::Listed;
use crate::client::{self, Verified};
use crate::clock::{day_at, now_ms};
use crate::error::{Error, Refusal, Result, at};
use crate::names::Kind;
use crate::store::{Entry, Generation, Heard, Store, Trusted, read_module};
use crate::transport::Bounds;
use crate::trust::Trust;

/// Most cases that one module may bring.
const MAX_CASES: usize = 1_000;

/// How new modules are tried.
pub struct Checks {
    /// Compiles a module that nobody trusts yet: in a child process that can be killed.
    pub compiler: Arc<Compiler>,
    /// Opens the store of compiled modules, so that the next start is fast; none where there is none.
    pub artifacts: fn() -> Option<Artifacts>,
    /// The platform's configuration, with what it grants to each authority.
    pub config: Config,
    /// What fetching may use.
    pub bounds: Bounds,
}

/// What a sync did.
#[derive(Debug)]
pub struct Synced {
    /// The generation in force; none when nothing was ever taken.
    pub generation: Option<u64>,
    /// Whether it is a new one.
    pub switched: bool,
    /// Of each repository that was not taken, why. What was last taken of it stays.
    pub refused: Vec<(String, Error)>,
    /// What a person should know: a sentence each.
    pub notices: Vec<String>,
}

/// What one repository contributes.
#[derive(Clone, Default)]
struct Part {
    modules: Vec<Entry>,
    data: Vec<Entry>,
    loaded: BTreeMap<String, Module>,
    bundles: Vec<Vec<u8>>,
}

/// A repository as it would be taken.
struct Taken {
    part: Part,
    trusted: Trusted,
    expires_ms: i64,
    notices: Vec<String>,
}

/// Brings a store up to date with repositories.
///
/// # Errors
/// When the store itself cannot be read or written, or is in use. What a repository does wrong is in the answer.
pub fn sync(store: &Store, repositories: &[Trust], checks: &Checks) -> Result<Synced> {
    let _lock = store.lock()?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| at("sync", error))?;
    // A store that somebody damaged heals: everything is verified again, and the floor holds.
    let (before, damaged) = match store.generation() {
        Ok(before) => (before, None),
        Err(error) => (None, Some(error.to_string())),
    };
    // What was heard is told to people and decides nothing, so that a file of it that cannot be read is written anew.
    let mut status = store.status().unwrap_or_default();
    status.retain(|name, _| repositories.iter().any(|trust| trust.name == *name));
    let mut parts: BTreeMap<&str, Part> =
        repositories.iter().map(|trust| (trust.name.as_str(), part_of(before.as_ref(), &trust.name))).collect();
    let mut trusted = Vec::new();
    let mut synced = Synced {
        generation: before.as_ref().map(|g| g.number),
        switched: false,
        refused: Vec::new(),
        notices: damaged.iter().cloned().collect(),
    };
    for trust in repositories {
        let heard = status.entry(trust.name.clone()).or_default();
        let taken = runtime.block_on(take(store, trust, checks, &parts[trust.name.as_str()])).and_then(|taken| {
            let mut with = parts.clone();
            with.insert(&trust.name, taken.part.clone());
            together(trust, with.values(), checks)?;
            Ok(taken)
        });
        match taken {
            Ok(taken) => {
                parts.insert(&trust.name, taken.part);
                trusted.push((trust.name.as_str(), taken.trusted));
                synced.notices.extend(taken.notices);
                *heard = Heard { taken_ms: now_ms(), expires_ms: taken.expires_ms, stale_since_ms: None, why: None };
            }
            Err(error) => {
                heard.stale_since_ms.get_or_insert(now_ms());
                heard.why = Some(error.to_string());
                tracing::warn!(repository = %trust.name, %error, "not taken; the last good generation stays");
                synced.refused.push((trust.name.clone(), error));
            }
        }
    }
    let next = next_generation(store, before.as_ref(), &parts, checks)?;
    let new = before.as_ref().is_none_or(|old| (&old.modules, &old.data) != (&next.modules, &next.data));
    // What was lost of a damaged store comes back whole, or what is left of it stays.
    let whole = if damaged.is_some() { synced.refused.is_empty() } else { before.is_some() || !trusted.is_empty() };
    if new && whole {
        synced.notices.extend(dropped(before.as_ref(), &next, repositories, &status));
        for part in parts.values() {
            for bytes in part.loaded.values().map(|module| &module.bytes[..]) {
                store.keep("modules", bytes)?;
            }
            for bytes in &part.bundles {
                store.keep("data", bytes)?;
            }
        }
        store.write_generation(&next)?;
        raise(store, &trusted)?;
        store.switch(next.number)?;
        synced.generation = Some(next.number);
        synced.switched = true;
        if let Err(error) = store.clean() {
            synced.notices.push(error.to_string());
        }
    } else {
        raise(store, &trusted)?;
    }
    store.set_status(&status)?;
    Ok(synced)
}

fn raise(store: &Store, trusted: &[(&str, Trusted)]) -> Result<()> {
    trusted.iter().try_for_each(|(name, trusted)| store.trust(name, trusted))
}

/// What a generation has of a repository.
fn part_of(generation: Option<&Generation>, repository: &str) -> Part {
    let Some(generation) = generation else { return Part::default() };
    let of =
        |entries: &[Entry]| entries.iter().filter(|entry| entry.repository == repository).cloned().collect::<Vec<_>>();
    let modules = of(&generation.modules);
    let loaded =
        modules.iter().filter_map(|entry| Some((entry.digest.clone(), generation.module(entry)?.clone()))).collect();
    Part { modules, data: of(&generation.data), loaded, bundles: Vec::new() }
}

/// Verifies a repository and fetches what a platform needs of it.
async fn take(store: &Store, trust: &Trust, checks: &Checks, known: &Part) -> Result<Taken> {
    let trusted = store.trusted(&trust.name)?;
    let (datastore, path) = store.copy_datastore(&trust.name, &trusted)?;
    let today = day_at(now_ms()).ok_or_else(|| at("the clock", "it stands outside of the calendar; set it"))?;
    let verified = client::load(trust, &path, &trusted.floor, checks.bounds).await?;
    let notices = unheard(trust, &verified);
    let mut part = Part::default();
    let mut size = 0u64;
    for listed in needed(trust, &verified.charter.files, today) {
        size = size.saturating_add(listed.length);
        let entry = Entry::of(listed, &trust.name);
        if size > checks.bounds.altogether {
            let why = format!("with it, what is to be taken is larger than {} bytes", checks.bounds.altogether);
            return Err(refuse(&entry, why));
        }
        if listed.file.kind == Kind::Data {
            if store.object("data", &entry.digest)?.is_none() {
                part.bundles.push(verified.fetch(listed).await?);
            }
            part.data.push(entry);
            continue;
        }
        let module = match known.loaded.get(&entry.digest) {
            // The same bytes were tried when they first came; under another grant they are tried again, by `together`.
            Some(module) if known.modules.contains(&entry) => module.clone(),
            _ => fetch_module(trust, &verified, listed, &entry, checks).await?,
        };
        part.loaded.insert(entry.digest.clone(), module);
        part.modules.push(entry);
    }
    let trusted = Trusted { datastore: Some(datastore), floor: verified.versions };
    Ok(Taken { part, trusted, expires_ms: verified.expires_ms, notices })
}

/// Of each id that the repository may speak for: the highest release in force, and those to come.
fn needed<'a>(trust: &Trust, files: &'a [Listed], today: Day) -> Vec<&'a Listed> {
    let may = |listed: &&Listed| listed.file.kind != Kind::Cases && trust.authorities.contains(&listed.file.namespace);
    let over = |listed: &&Listed| listed.release.effective_until.is_some_and(|until| until <= today);
    let mut current: BTreeMap<(String, Kind), u64> = BTreeMap::new();
    for listed in files.iter().filter(may).filter(|listed| listed.release.in_force(today)) {
        let highest = current.entry((listed.file.id(), listed.file.kind)).or_default();
        *highest = listed.file.release.max(*highest);
    }
    let wanted = |listed: &&Listed| {
        let highest = current.get(&(listed.file.id(), listed.file.kind)).copied().unwrap_or(0);
        !over(listed) && listed.file.release >= highest
    };
    files.iter().filter(may).filter(wanted).collect()
}

fn unheard(trust: &Trust, verified: &Verified) -> Vec<String> {
    let mut unheard = BTreeSet::new();
    for (association, namespaces) in &verified.charter.associations {
        for namespace in namespaces.iter().filter(|namespace| !trust.authorities.contains(namespace)) {
            unheard.insert(format!(
                "{}: it speaks for `{namespace}` through {association}, and nothing of that is taken; to take it, list it under `authorities`",
                trust.name
            ));
        }
    }
    unheard.into_iter().collect()
}

async fn fetch_module(
    trust: &Trust,
    verified: &Verified,
    listed: &Listed,
    entry: &Entry,
    checks: &Checks,
) -> Result<Module> {
    let refuse = |why: String| refuse(entry, why);
    let bytes = verified.fetch(listed).await?;
    let module = read_module(entry, &bytes).map_err(|error| refuse(error.to_string()))?;
    let manifest = &module.manifest;
    if manifest.id != entry.id {
        return Err(refuse(format!("its manifest says `{}`; a module is shipped under its own name", manifest.id)));
    }
    if manifest.version != entry.says.version {
        return Err(refuse(format!(
            "its manifest says version {}, and what was signed {}",
            manifest.version, entry.says.version
        )));
    }
    // Its cases: signed by the same role, and named by digest in what was signed of the module.
    let cases =
        verified.charter.files.iter().find(|other| other.file == listed.file.cases() && other.role == listed.role);
    let Some(cases) = cases.filter(|cases| entry.says.cases.as_deref() == Some(&format!("sha256:{}", cases.sha256)))
    else {
        return Err(refuse(
            "it comes without the cases that were signed with it; its publisher adds it with --cases".into(),
        ));
    };
    let text = verified.fetch(cases).await?;
    examine(&module, &text, checks).map_err(refuse)?;
    tracing::info!(repository = %trust.name, id = %entry.id, release = entry.release, "tried and found good");
    Ok(module)
}

fn refuse(entry: &Entry, why: String) -> Error {
    let Entry { repository, authority, role, file, .. } = entry.clone();
    Refusal { repository, authority, role, file, why }.into()
}

/// Tries a module: its grant, the compiler, and its own cases.
///
/// # Errors
/// What is wrong with it, in a clause.
pub fn examine(module: &Module, cases: &[u8], checks: &Checks) -> Result<(), String> {
    let text = std::str::from_utf8(cases).map_err(|_| "its cases are no text".to_owned())?;
    let cases = normgate_cases::read(text).map_err(|why| format!("its cases cannot be read: {why}"))?;
    if cases.is_empty() || cases.len() > MAX_CASES {
        return Err(format!("it comes with {} cases; 1 to {MAX_CASES} are taken", cases.len()));
    }
    // The gate lives while the cases run, so that what it compiled is compiled once.
    let gate = open([module.clone()], checks).map_err(|error| error.to_string())?;
    let mut runner =
        Runner::new(vec![module.clone()], Some(Box::new(checks.artifacts))).compiler(Arc::clone(&checks.compiler));
    for case in &cases {
        let report = runner.run(case);
        if let Some(error) = &report.error {
            return Err(format!("its own case `{}` cannot be run: {error}", report.case));
        }
        if let Some(difference) = report.differences.first() {
            let (place, expected, got) = (&difference.place, &difference.expected, &difference.got);
            return Err(format!("its own case `{}` fails: {place}: expected {expected}, got {got}", report.case));
        }
    }
    drop(gate);
    Ok(())
}

fn open(modules: impl IntoIterator<Item = Module>, checks: &Checks) -> Result<Gate, normgate::BuildError> {
    let compiler = Arc::clone(&checks.compiler);
    let mut builder =
        Gate::builder().policies(modules).config(checks.config.clone()).compiler(move |module| compiler(module));
    if let Some(artifacts) = (checks.artifacts)() {
        builder = builder.artifacts(artifacts);
    }
    builder.build()
}

/// Whether everything together opens as a gate: today, and on each day on which something comes into force.
fn together<'a>(trust: &Trust, parts: impl Iterator<Item = &'a Part>, checks: &Checks) -> Result<()> {
    let mut all = Generation::default();
    for part in parts {
        all.add(&part.modules, &part.loaded);
    }
    let mut days: BTreeSet<Day> = all.modules.iter().filter_map(|entry| entry.says.effective_from).collect();
    days.extend(day_at(now_ms()));
    for day in days {
        open(all.modules_on(day), checks).map_err(|error| Refusal {
            repository: trust.name.clone(),
            authority: trust.name.clone(),
            role: "targets".into(),
            file: "targets.json".into(),
            why: format!("what is in force on {day} does not go together: {error}"),
        })?;
    }
    Ok(())
}

fn next_generation(
    store: &Store,
    before: Option<&Generation>,
    parts: &BTreeMap<&str, Part>,
    checks: &Checks,
) -> Result<Generation> {
    let mut next = Generation::default();
    (next.number, next.created_ms) = (store.highest()? + 1, now_ms());
    for part in parts.values() {
        next.add(&part.modules, &part.loaded);
        next.data.extend(part.data.iter().cloned());
    }
    if let (Some(before), Some(today)) = (before, day_at(now_ms())) {
        // What is replaced was judging until now, so it is what stands in when its successor fails.
        let old = before.in_force(today);
        for entry in next.in_force(today).into_iter().cloned().collect::<Vec<_>>() {
            let replaced = old.iter().find(|old| old.id == entry.id && old.digest != entry.digest).copied();
            let still = before.previous.iter().find(|old| old.id == entry.id && old.digest != entry.digest);
            // Only what may still do what it does: otherwise the gate would not open for the sake of an old version.
            let opens = |old: &&Entry| before.module(old).is_some_and(|module| open([module.clone()], checks).is_ok());
            if let Some(previous) = replaced.or(still).filter(opens) {
                next.previous.push(previous.clone());
            }
        }
    }
    Ok(next)
}

/// What was taken before and is no more, and why.
fn dropped(
    before: Option<&Generation>,
    next: &Generation,
    repositories: &[Trust],
    status: &crate::store::Status,
) -> Vec<String> {
    let gone = |entry: &&Entry| next.modules.iter().all(|kept| kept.id != entry.id);
    let mut ids = BTreeSet::new();
    let mut said = Vec::new();
    for entry in before.iter().flat_map(|before| &before.modules).filter(gone) {
        if !ids.insert(&entry.id) {
            continue;
        }
        let known =
            repositories.iter().any(|trust| trust.name == entry.repository) && status.contains_key(&entry.repository);
        let why = if known {
            format!("{} no longer lists it, or no longer delegates to {}", entry.repository, entry.authority)
        } else {
            format!("{} is no longer among the repositories", entry.repository)
        };
        said.push(format!(
            "{} {} is dropped: {why} (role {}, file {})",
            entry.id, entry.says.version, entry.role, entry.file
        ));
    }
    said
}

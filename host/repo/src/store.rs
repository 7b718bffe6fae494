//! What a platform keeps: generations of modules, each whole, and a pointer to the one in force.
//!
//! ```text
//! current                   the number of the generation in force; replaced by one rename
//! generations/000007.json   what belongs to it; written before it is pointed to, never changed
//! modules/, data/           by digest, so that a file is what its name says
//! repositories/NAME/        trusted.json: the version floor and which tuf-N/ is tough's datastore
//! status.json               when each repository was last taken, and why it is stale
//! ```
//!
//! The order of writing makes a crash harmless: files, generation, floor, pointer. Whatever was written before the pointer moved
//! is unused, or only makes the next sync refuse more.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use normgate::contract::{Day, Manifest, Vocabulary};
use normgate::private::PrivateFolder;
use normgate::{Config, Gate, GateBuilder, Module};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::{day_at, now_ms};
use crate::digest::sha256;
use crate::error::{Place, Result, at};
use crate::fault;
use crate::names::FileName;
use crate::release::Release;

/// The smallest version of each role, and the smallest release of each module and bundle, that is taken. A module or bundle stands
/// by its line ([`FileName::line`]), or in an older store by its id, where the higher release of a module and a bundle counts.
pub(crate) type Floor = BTreeMap<String, u64>;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// How many generations are kept, the one in force included.
const KEPT: usize = 10;

/// A file of a generation, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `<authority>/<name>`.
    pub id: String,
    /// The release number; the higher one of an id wins.
    pub release: u64,
    /// SHA-256 in hexadecimal.
    pub digest: String,
    /// The name of the file in its repository.
    pub file: String,
    /// The repository, as the platform calls it.
    pub repository: String,
    /// The association that signed.
    pub authority: String,
    /// The role that signed.
    pub role: String,
    /// What was signed of it: version, effective dates, urgency, digest of the cases.
    #[serde(flatten)]
    pub says: Release,
}

/// A generation: everything that belongs together at one time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Generation {
    /// Its number: 1, 2, 3, …
    pub number: u64,
    /// When it was made, in milliseconds since 1970 UTC.
    pub created_ms: i64,
    /// The modules, those included that come into force on a later day.
    pub modules: Vec<Entry>,
    /// The data bundles.
    pub data: Vec<Entry>,
    /// Of each id that was replaced, the version before: it worked.
    pub previous: Vec<Entry>,
    /// Of each repository, the versions below which nothing was taken any more when it was made.
    #[serde(default)]
    pub(crate) floors: BTreeMap<String, Floor>,
    /// Which prefix each policy that judged when it was made has, by id: who came first keeps it.
    #[serde(default)]
    pub(crate) holders: BTreeMap<String, String>,
    /// The modules by digest.
    #[serde(skip)]
    loaded: BTreeMap<String, Module>,
}

impl Generation {
    /// Starts building the gate of this generation as on a day in Asia/Shanghai, or by the clock: what is in force judges, the
    /// versions before stand in, and what comes into force later is observed.
    ///
    /// Everybody builds from a store in this way, and [`crate::sync()`] has tried it for every day on which something changes. A
    /// module that does not fit is left out with a notice, and takes nothing else with it. What the embedder adds is a compiler,
    /// and where it likes artifacts, modules of its own, a recorder.
    pub fn builder(&self, config: Config, as_of: Option<Day>) -> GateBuilder {
        let day = as_of.or_else(|| day_at(now_ms()));
        let builder = Gate::builder()
            .policies(day.map(|day| self.modules_on(day)).unwrap_or_default())
            .policies(day.map(|day| self.upcoming(day)).unwrap_or_default())
            .last_good(self.last_good())
            .urgent(day.map(|day| self.urgent_on(day)).unwrap_or_default())
            .holders(self.holders.clone())
            .label(&format!("generation {}", self.number))
            .config(config)
            .tolerant();
        match as_of {
            Some(day) => builder.as_of(day),
            None => builder,
        }
    }

    /// Leaves only the modules that pass a test.
    pub fn retain(&mut self, test: impl Fn(&Module) -> bool) {
        let loaded = &self.loaded;
        let passes = |entry: &Entry| loaded.get(&entry.digest).is_some_and(&test);
        self.modules.retain(passes);
        self.previous.retain(passes);
    }

    /// The days after one on which what judges changes: releases, modules, rules and values come into force or end.
    pub fn changes_after(&self, day: Day) -> BTreeSet<Day> {
        let all = self.modules.iter().flat_map(|entry| {
            let module = self.loaded.get(&entry.digest);
            entry.says.days().into_iter().chain(module.into_iter().flat_map(|module| days_of(&module.manifest)))
        });
        all.filter(|on| *on > day).collect()
    }

    /// The modules in force today.
    pub fn modules(&self) -> Vec<Module> {
        day_at(now_ms()).map(|today| self.modules_on(today)).unwrap_or_default()
    }

    /// The modules in force on a day: of each id the highest release whose day has come.
    pub fn modules_on(&self, day: Day) -> Vec<Module> {
        self.in_force(day).into_iter().filter_map(|entry| self.loaded.get(&entry.digest).cloned()).collect()
    }

    /// Ids of the policies in force today whose authority asks for no trial.
    pub fn urgent(&self) -> Vec<String> {
        day_at(now_ms()).map(|today| self.urgent_on(today)).unwrap_or_default()
    }

    fn urgent_on(&self, day: Day) -> Vec<String> {
        let in_force = self.in_force(day).into_iter();
        in_force.filter(|entry| entry.says.urgent).map(|entry| entry.id.clone()).collect()
    }

    pub(crate) fn module(&self, entry: &Entry) -> Option<&Module> {
        self.loaded.get(&entry.digest)
    }

    pub(crate) fn add(&mut self, entries: &[Entry], loaded: &BTreeMap<String, Module>) {
        self.modules.extend(entries.iter().cloned());
        self.loaded.extend(loaded.iter().map(|(digest, module)| (digest.clone(), module.clone())));
    }

    /// What is known of the modules in force on a day.
    pub fn in_force(&self, day: Day) -> Vec<&Entry> {
        let mut chosen: BTreeMap<&str, &Entry> = BTreeMap::new();
        for entry in self.modules.iter().filter(|entry| entry.says.in_force(day)) {
            let known = chosen.entry(&entry.id).or_insert(entry);
            if entry.release > known.release {
                *known = entry;
            }
        }
        chosen.into_values().collect()
    }

    /// Modules that come into force after a day by their own manifests, for judging them in shadow before. One that only its release
    /// keeps back is not among them: a gate goes by the manifest and would have it act at once.
    pub fn upcoming(&self, day: Day) -> Vec<Module> {
        let later = self.modules.iter().filter(|entry| entry.says.effective_from.is_some_and(|from| from > day));
        let modules = later.filter_map(|entry| self.loaded.get(&entry.digest));
        modules.filter(|module| module.manifest.effective_from.is_some_and(|from| from > day)).cloned().collect()
    }

    /// The versions before, which stand in when the module of their id fails.
    pub fn last_good(&self) -> Vec<Module> {
        self.previous.iter().filter_map(|entry| self.loaded.get(&entry.digest).cloned()).collect()
    }
}

/// What was last heard of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// When it was last taken, in milliseconds since 1970 UTC; 0 = never.
    pub taken_ms: i64,
    /// When what was taken expires.
    pub expires_ms: i64,
    /// Since when it, or something of it, is not taken; absent = all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since_ms: Option<i64>,
    /// Why the last sync did not take it, or something of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Heard {
    /// Why nobody should rely on what was taken any more, at this time in milliseconds since 1970 UTC; none when all is well.
    pub fn stale(&self, now_ms: i64) -> Option<String> {
        let expired = || {
            format!(
                "what was taken expired on {}; sync again",
                day_at(self.expires_ms).map(|d| d.to_string()).unwrap_or_default()
            )
        };
        self.why.clone().or_else(|| (self.expires_ms <= now_ms).then(expired))
    }
}

/// Of each repository by name, what was last heard.
pub type Status = BTreeMap<String, Heard>;

/// What has been accepted of a repository, in one file that is replaced as one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Trusted {
    /// The folder of tough's datastore.
    pub(crate) datastore: Option<String>,
    /// The versions below which nothing is taken, whatever the datastore says.
    pub(crate) floor: Floor,
}

/// A store, open.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    dir: PrivateFolder,
}

/// Held while a sync writes; let go when dropped, or when the process ends.
pub(crate) struct Lock(#[expect(dead_code, reason = "the lock lives as long as the file is open")] std::fs::File);

impl Store {
    /// Opens a store, making it (for its owner alone) when it is missing.
    ///
    /// # Errors
    /// When it cannot be made or opened, belongs to somebody else, or others may write to it or replace it.
    pub fn open(path: &Path) -> Result<Self> {
        let dir = PrivateFolder::open(path).place(path.display().to_string())?;
        Ok(Self { path: path.to_owned(), dir })
    }

    /// The number of the generation in force; none before the first sync.
    ///
    /// # Errors
    /// When the pointer cannot be read.
    pub fn current(&self) -> Result<Option<u64>> {
        let Some(bytes) = self.bytes("current")? else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes);
        let number =
            text.trim().parse().map_err(|_| at(self.place("current"), "it names no generation; sync again"))?;
        Ok(Some(number))
    }

    /// The generation in force, with its modules read and their digests checked; none before the first sync.
    ///
    /// # Errors
    /// When a file of it is missing or is not what it was.
    pub fn generation(&self) -> Result<Option<Generation>> {
        let Some(number) = self.current()? else { return Ok(None) };
        let file = format!("generations/{number:06}.json");
        let Some(mut generation) = self.json::<Generation>(&file)? else {
            return Err(at(self.place(&file), "the generation in force is missing; sync again"));
        };
        for entry in generation.modules.iter().chain(&generation.previous) {
            if generation.loaded.contains_key(&entry.digest) {
                continue;
            }
            let bytes = self.object("modules", &entry.digest)?.ok_or_else(|| {
                at(
                    self.place(&format!("modules/{}", entry.digest)),
                    format!("the module {} is missing or changed; sync again", entry.id),
                )
            })?;
            generation.loaded.insert(entry.digest.clone(), read_module(entry, &bytes)?);
        }
        Ok(Some(generation))
    }

    /// A data bundle of the generation in force; none when there is none of this id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn data(&self, entry: &Entry) -> Result<Option<Vec<u8>>> {
        self.object("data", &entry.digest)
    }

    /// What was last heard of each repository.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn status(&self) -> Result<Status> {
        Ok(self.json("status.json")?.unwrap_or_default())
    }

    /// Until when what was taken of each repository is good, for [`normgate::Gate::set_expiries`].
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn expiries(&self) -> Result<Vec<normgate::Expiry>> {
        let taken = self.status()?.into_iter().filter(|(_, heard)| heard.taken_ms > 0);
        Ok(taken.map(|(repository, heard)| normgate::Expiry { repository, expires_ms: heard.expires_ms }).collect())
    }

    /// Keeps others from writing.
    pub(crate) fn lock(&self) -> Result<Lock> {
        let mut options = cap_std::fs::OpenOptions::new();
        options.write(true).create(true);
        // Whoever can open it could hold it.
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = self.dir.open_with("lock", &options).place(self.place("lock"))?.into_std();
        file.try_lock().map_err(|_| at(self.place("lock"), "another sync is at work in this store; wait for it"))?;
        Ok(Lock(file))
    }

    /// What has been accepted of a repository. A file that cannot be read is no reason to begin anew: then an old state would
    /// pass. Of one that is gone the floor is in the generations.
    pub(crate) fn trusted(&self, repository: &str) -> Result<Trusted> {
        let folder = format!("repositories/{repository}");
        let file = format!("{folder}/trusted.json");
        let Some(trusted) = self.json::<Trusted>(&file)? else {
            let floor = self.floor_of_generations(repository)?;
            let used = self.status().unwrap_or_default().get(repository).is_some_and(|heard| heard.taken_ms > 0);
            if floor.is_empty() && used {
                let way = "restore it from a backup, or take the store away and sync anew, with `minimum` in [[repositories]]";
                return Err(at(
                    self.place(&file),
                    format!("it is missing, and with it which versions were taken before; {way}"),
                ));
            }
            return Ok(Trusted { datastore: None, floor });
        };
        let Some(datastore) = &trusted.datastore else { return Ok(trusted) };
        let folder = format!("{folder}/{datastore}");
        let entries = self.dir.read_dir(&folder).place(self.place(&folder))?;
        for entry in entries {
            let name = entry.place(self.place(&folder))?.file_name().to_string_lossy().into_owned();
            let file = format!("{folder}/{name}");
            if self.json::<serde_json::Value>(&file)?.is_none_or(|value| value.is_null()) {
                return Err(at(self.place(&file), "it is empty; restore the store from a backup"));
            }
        }
        Ok(trusted)
    }

    /// The highest floor of a repository in any generation that is kept.
    fn floor_of_generations(&self, repository: &str) -> Result<Floor> {
        let mut floor = Floor::new();
        for number in self.numbers()? {
            let Some(generation) = self.json::<Generation>(&format!("generations/{number:06}.json"))? else { continue };
            for (name, version) in generation.floors.get(repository).into_iter().flatten() {
                let known = floor.entry(name.clone()).or_default();
                *known = (*known).max(*version);
            }
            // A generation that was made before it kept floors says at least which releases it has.
            for entry in generation.modules.iter().chain(&generation.data).filter(|e| e.repository == repository) {
                let Some(file) = FileName::parse(&entry.file) else { continue };
                let known = floor.entry(file.line()).or_default();
                *known = (*known).max(entry.release);
            }
        }
        Ok(floor)
    }

    /// A copy of the datastore for tough to write to, beside the one that is trusted. Says its name.
    pub(crate) fn copy_datastore(&self, repository: &str, trusted: &Trusted) -> Result<(String, PathBuf)> {
        let folder = format!("repositories/{repository}");
        let copy = || -> io::Result<String> {
            self.dir.make_folder(Path::new(&folder))?;
            for entry in self.dir.read_dir(&folder)? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                if name.starts_with("tuf-") && trusted.datastore.as_deref() != Some(&name) {
                    self.dir.remove_dir_all(format!("{folder}/{name}"))?;
                }
            }
            let number =
                trusted.datastore.as_deref().and_then(|name| name.strip_prefix("tuf-")?.parse().ok()).unwrap_or(0u64);
            let next = format!("tuf-{}", number.saturating_add(1));
            self.dir.make_folder(&Path::new(&folder).join(&next))?;
            if let Some(from) = &trusted.datastore {
                for entry in self.dir.read_dir(format!("{folder}/{from}"))? {
                    let name = entry?.file_name();
                    let from = Path::new(&folder).join(from).join(&name);
                    self.dir.copy(from, &self.dir, Path::new(&folder).join(&next).join(&name))?;
                }
            }
            fault::step("datastore")?;
            Ok(next)
        };
        let next = copy().place(self.place(&folder))?;
        let path = self.path.join(&folder).join(&next);
        Ok((next, path))
    }

    /// Lets a clock go back that was ahead by a day at most when a datastore was written: what it had seen is forgotten, and nothing
    /// else. So a clock that was wrong for some hours stops nobody from syncing, and no state that expired is shown for more than
    /// a day. Says so.
    pub(crate) fn forgive_clock(&self, folder: &str) -> Result<Option<String>> {
        const KNOWN: &str = "latest_known_time.json";
        let file = format!("{folder}/{KNOWN}");
        let Some(known) = self.json::<jiff::Timestamp>(&file)? else { return Ok(None) };
        let ahead_ms = known.as_millisecond() - now_ms();
        if !(1..=DAY_MS).contains(&ahead_ms) {
            return Ok(None);
        }
        self.dir.remove_file(&file).place(self.place(&file))?;
        Ok(Some(format!("the clock is {} minutes behind where it stood when this was last synced", ahead_ms / 60_000)))
    }

    /// Has a datastore that tough wrote on the disk for good, and then trusted, with the floor, by one rename.
    pub(crate) fn trust(&self, repository: &str, trusted: &Trusted) -> Result<()> {
        let folder = format!("repositories/{repository}");
        if let Some(datastore) = &trusted.datastore {
            let folder = format!("{folder}/{datastore}");
            let whole = || -> io::Result<()> {
                for entry in self.dir.read_dir(&folder)? {
                    let file = entry?.open()?;
                    // tough leaves to the umask who may write.
                    #[cfg(unix)]
                    file.set_permissions(cap_std::fs::PermissionsExt::from_mode(0o600))?;
                    file.sync_all()?;
                }
                self.sync_folder(&folder)
            };
            whole().place(self.place(&folder))?;
        }
        self.write_json(&format!("{folder}/trusted.json"), "trusted", trusted)
    }

    /// A file by digest; none when it is missing or has other bytes.
    pub(crate) fn object(&self, folder: &str, digest: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.bytes(&format!("{folder}/{digest}"))?.filter(|bytes| sha256(bytes) == digest))
    }

    pub(crate) fn keep(&self, folder: &str, bytes: &[u8]) -> Result<()> {
        let digest = sha256(bytes);
        match self.object(folder, &digest)? {
            Some(_) => Ok(()),
            None => self.write(&format!("{folder}/{digest}"), "module", bytes),
        }
    }

    /// Writes a generation. It is not in force yet.
    pub(crate) fn write_generation(&self, generation: &Generation) -> Result<()> {
        self.write_json(&format!("generations/{:06}.json", generation.number), "generation", generation)
    }

    /// Puts a generation into force.
    pub(crate) fn switch(&self, number: u64) -> Result<()> {
        self.write("current", "current", format!("{number}\n").as_bytes())
    }

    pub(crate) fn set_status(&self, status: &Status) -> Result<()> {
        self.write_json("status.json", "status", status)
    }

    /// The highest number that any generation has, in force or not.
    pub(crate) fn highest(&self) -> Result<u64> {
        Ok(self.numbers()?.last().copied().unwrap_or(0))
    }

    fn numbers(&self) -> Result<Vec<u64>> {
        let entries = match self.dir.read_dir("generations") {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at(self.place("generations"), error)),
        };
        let mut numbers: Vec<u64> =
            entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".json")?.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Takes away what no kept generation names, of the files that are named by a digest as this store names them. What cannot be
    /// removed stays; it only takes room.
    pub(crate) fn clean(&self) -> Result<()> {
        let numbers = self.numbers()?;
        let (old, kept) = numbers.split_at(numbers.len().saturating_sub(KEPT));
        let mut named = BTreeSet::new();
        for number in kept {
            let Some(generation) = self.json::<Generation>(&format!("generations/{number:06}.json"))? else { continue };
            for entry in generation.modules.iter().chain(&generation.data).chain(&generation.previous) {
                named.insert(entry.digest.clone());
            }
        }
        for number in old {
            let _ = self.dir.remove_file(format!("generations/{number:06}.json"));
        }
        for folder in ["modules", "data"] {
            for entry in self.dir.read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let name = name.to_str().unwrap_or_default();
                if is_digest(name.strip_suffix(".part").unwrap_or(name)) && !named.contains(name) {
                    let _ = entry.remove_file();
                }
            }
        }
        Ok(())
    }

    fn place(&self, file: &str) -> String {
        self.path.join(file).display().to_string()
    }

    fn bytes(&self, file: &str) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        match self.dir.open_file(file).and_then(|mut opened| opened.read_to_end(&mut bytes)) {
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(self.place(file), error)),
        }
    }

    fn json<T: DeserializeOwned>(&self, file: &str) -> Result<Option<T>> {
        let Some(bytes) = self.bytes(file)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            at(self.place(file), format!("it cannot be read ({error}); restore the store from a backup"))
        })
    }

    fn write_json<T: Serialize>(&self, file: &str, step: &str, value: &T) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(value).place(self.place(file))?;
        self.write(file, step, &bytes)
    }

    /// Writes a file whole or not at all: beside it, to the disk, then one rename.
    fn write(&self, file: &str, step: &str, bytes: &[u8]) -> Result<()> {
        let folder = Path::new(file).parent().map_or("", |folder| folder.to_str().unwrap_or(""));
        let part = format!("{file}.part");
        let whole = || -> io::Result<()> {
            fault::step(step)?;
            if !folder.is_empty() {
                self.dir.make_folder(Path::new(folder))?;
            }
            let mut opened = self.dir.make_file(&part)?;
            opened.write_all(bytes)?;
            opened.sync_all()?;
            fault::step(&format!("{step}-written"))?;
            self.dir.rename(&part, &self.dir, file)?;
            self.sync_folder(folder)?;
            fault::step(&format!("{step}-renamed"))
        };
        whole().map_err(|error| {
            let _ = self.dir.remove_file(&part);
            at(self.place(file), format!("it cannot be written ({error}); make room, and sync again"))
        })
    }

    /// A rename is on the disk when its folder is.
    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        if cfg!(unix) {
            self.dir.open(if folder.is_empty() { "." } else { folder })?.sync_all()?;
        }
        Ok(())
    }
}

/// Whether a name is a SHA-256 as files are called by it.
fn is_digest(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Reads a module; its place is where it was signed.
pub(crate) fn read_module(entry: &Entry, bytes: &[u8]) -> Result<Module> {
    let place = format!("{}:{}", entry.repository, entry.file);
    Module::read(&place, bytes, Vocabulary::shipped()).map_err(|error| at(&entry.file, error))
}

/// The days that a manifest names.
pub(crate) fn days_of(manifest: &Manifest) -> Vec<Day> {
    let rules = manifest.rules.iter().flat_map(|rule| [rule.effective_from, rule.effective_until]);
    let whole = [manifest.effective_from, manifest.effective_until];
    let values = manifest.parameters.iter().flat_map(|parameter| parameter.dated.iter().map(|(from, _)| *from));
    whole.into_iter().chain(rules).flatten().chain(values).collect()
}

impl Entry {
    /// What a repository says of a file.
    pub(crate) fn of(listed: &crate::charter::Listed, repository: &str) -> Self {
        Self {
            id: listed.file.id(),
            release: listed.file.release,
            digest: listed.sha256.clone(),
            file: listed.file.to_string(),
            repository: repository.to_owned(),
            authority: listed.association.clone(),
            role: listed.role.clone(),
            says: listed.release.clone(),
        }
    }

    /// Whether it is what its repository says of a file.
    pub(crate) fn is(&self, listed: &crate::charter::Listed) -> bool {
        self.release == listed.file.release
            && self.digest == listed.sha256
            && *self == Self::of(listed, &self.repository)
    }
}

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

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use normgate::Module;
use normgate::contract::{Day, Vocabulary};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::{day_at, now_ms};
use crate::digest::sha256;
use crate::error::{Place, Result, at};
use crate::fault;
use crate::release::Release;

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
    /// The modules by digest.
    #[serde(skip)]
    loaded: BTreeMap<String, Module>,
}

impl Generation {
    /// The modules in force today, for [`normgate::GateBuilder::policies`].
    pub fn modules(&self) -> Vec<Module> {
        day_at(now_ms()).map(|today| self.modules_on(today)).unwrap_or_default()
    }

    /// The modules in force on a day: of each id the highest release whose day has come.
    pub fn modules_on(&self, day: Day) -> Vec<Module> {
        self.in_force(day).into_iter().filter_map(|entry| self.loaded.get(&entry.digest).cloned()).collect()
    }

    /// Ids of the policies in force today whose authority asks for no trial, for [`normgate::GateBuilder::urgent`].
    pub fn urgent(&self) -> Vec<String> {
        let in_force = day_at(now_ms()).map(|today| self.in_force(today)).unwrap_or_default();
        in_force.into_iter().filter(|entry| entry.says.urgent).map(|entry| entry.id.clone()).collect()
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

    /// The versions before, for [`normgate::GateBuilder::last_good`].
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
    /// Since when nothing could be taken; absent = all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since_ms: Option<i64>,
    /// Why the last sync took nothing of it.
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
    pub(crate) floor: BTreeMap<String, u64>,
}

/// A store, open.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    dir: Dir,
}

/// Held while a sync writes; let go when dropped, or when the process ends.
pub(crate) struct Lock(#[expect(dead_code, reason = "the lock lives as long as the file is open")] std::fs::File);

impl Store {
    /// Opens a store, making it (for its owner alone) when it is missing.
    ///
    /// # Errors
    /// When it cannot be made or opened, or others may write to it.
    pub fn open(path: &Path) -> Result<Self> {
        let place = &path.display().to_string();
        if !path.exists() {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).place(place)?;
            }
            let mut builder = std::fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(path).place(place)?;
        }
        let dir = Dir::open_ambient_dir(path, ambient_authority()).place(place)?;
        #[cfg(unix)]
        {
            use cap_std::fs::PermissionsExt;
            let mode = dir.dir_metadata().place(place)?.permissions().mode();
            if mode & 0o022 != 0 {
                return Err(at(place, format!("others may write to this store (mode {:o}): chmod 700", mode & 0o777)));
            }
        }
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
        let file = self.dir.open_with("lock", &options).place(self.place("lock"))?.into_std();
        file.try_lock().map_err(|_| at(self.place("lock"), "another sync is at work in this store; wait for it"))?;
        Ok(Lock(file))
    }

    /// What has been accepted of a repository. A file that cannot be read is no reason to begin anew: then an old state would
    /// pass.
    pub(crate) fn trusted(&self, repository: &str) -> Result<Trusted> {
        let folder = format!("repositories/{repository}");
        let trusted: Trusted = self.json(&format!("{folder}/trusted.json"))?.unwrap_or_default();
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

    /// A copy of the datastore for tough to write to, beside the one that is trusted. Says its name.
    pub(crate) fn copy_datastore(&self, repository: &str, trusted: &Trusted) -> Result<(String, PathBuf)> {
        let folder = format!("repositories/{repository}");
        let copy = || -> io::Result<String> {
            self.dir.create_dir_all(&folder)?;
            for entry in self.dir.read_dir(&folder)? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                if name.starts_with("tuf-") && trusted.datastore.as_deref() != Some(&name) {
                    self.dir.remove_dir_all(format!("{folder}/{name}"))?;
                }
            }
            let number =
                trusted.datastore.as_deref().and_then(|name| name.strip_prefix("tuf-")?.parse().ok()).unwrap_or(0u64);
            let next = format!("tuf-{}", number.saturating_add(1));
            self.dir.create_dir(format!("{folder}/{next}"))?;
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

    /// Has a datastore that tough wrote on the disk for good, and then trusted, with the floor, by one rename.
    pub(crate) fn trust(&self, repository: &str, trusted: &Trusted) -> Result<()> {
        let folder = format!("repositories/{repository}");
        if let Some(datastore) = &trusted.datastore {
            let folder = format!("{folder}/{datastore}");
            let whole = || -> io::Result<()> {
                for entry in self.dir.read_dir(&folder)? {
                    entry?.open()?.sync_all()?;
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

    /// Takes away what no kept generation names. What cannot be removed stays; it only takes room.
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
                if entry.file_name().to_str().is_none_or(|digest| !named.contains(digest)) {
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
        match self.dir.open(file).and_then(|mut opened| opened.read_to_end(&mut bytes)) {
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
                self.dir.create_dir_all(folder)?;
            }
            let mut opened = self.dir.create(&part)?;
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

/// Reads a module; its place is where it was signed.
pub(crate) fn read_module(entry: &Entry, bytes: &[u8]) -> Result<Module> {
    let place = format!("{}:{}", entry.repository, entry.file);
    Module::read(&place, bytes, Vocabulary::shipped()).map_err(|error| at(&entry.file, error))
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
}

//! The publisher's side: a repository as a plain directory.
//!
//! `metadata/` and `targets/` are what platforms read, and any static server or disk carries them. `staged/` holds what has been
//! decided and is not published yet: each role that changes, with the signatures that it has so far. Publishing moves what has
//! signatures enough to `metadata/`, and says with a new snapshot and timestamp that it belongs together.
//!
//! Nobody needs the keys of others: an association stages and signs its own roles in a copy of the directory, and whoever holds
//! the snapshot key publishes.

mod edit;
mod offline;
mod publish;
mod shown;
mod view;

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

pub use edit::{Added, Addition};
use normgate::private::read_regular;
pub use offline::{exported, sign_exported};
pub use publish::{Progress, Published};
use serde::Serialize;
use serde::de::DeserializeOwned;
pub use shown::Shown;
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::key::Key;
use tough::schema::{Delegations, Role, RoleType, Root, Signed, Snapshot, Targets, Timestamp};
pub use view::{Change, Life, Report, state};

use crate::error::{Place, Result, at};
use crate::names::{Duty, role_name, role_of};
use crate::{charter, clock, fault};

/// Most bytes of a document that is read here; platforms take less.
const LARGEST: u64 = 64 << 20;

/// The version of the TUF specification that the metadata follows.
pub(crate) const SPEC_VERSION: &str = "1.0.0";

/// A repository that is being worked on.
#[derive(Debug)]
pub struct Publisher {
    path: PathBuf,
    now_ms: i64,
}

/// The keys of a role and how many of them must sign.
pub(crate) struct Signers {
    pub(crate) keys: Vec<(Decoded<Hex>, Key)>,
    pub(crate) threshold: u64,
}

impl Signers {
    pub(crate) fn ids(&self) -> Vec<Decoded<Hex>> {
        self.keys.iter().map(|(id, _)| id.clone()).collect()
    }
}

impl Publisher {
    /// Opens a repository.
    ///
    /// # Errors
    /// When the directory holds none.
    pub fn open(path: &Path) -> Result<Self> {
        let publisher = Self { path: path.to_owned(), now_ms: clock::now_ms() };
        match publisher.root()? {
            Some(_) => Ok(publisher),
            None => Err(at(path.display(), "no repository is here; begin one with `normgate repo init`")),
        }
    }

    /// The same at another time, in milliseconds since 1970 UTC: what expires is counted from there.
    pub fn at(mut self, now_ms: i64) -> Self {
        self.now_ms = now_ms;
        self
    }

    /// The file that holds the published metadata of a role, as it is named below `metadata/`.
    pub(crate) fn file_of(&self, role: &str, version: u64) -> String {
        match role {
            "timestamp" => "timestamp.json".into(),
            role => format!("{version}.{role}.json"),
        }
    }

    fn metadata(&self, file: &str) -> PathBuf {
        self.path.join("metadata").join(file)
    }

    fn staged_path(&self, role: &str) -> PathBuf {
        self.path.join("staged").join(format!("{role}.json"))
    }

    pub(crate) fn target_path(&self, name: &str, sha256: &str) -> PathBuf {
        // The name as tough asks for it: the digest stands before the whole path.
        self.path.join("targets").join(format!("{sha256}.{name}"))
    }

    /// The root in force in this directory, staged or not.
    pub(crate) fn root(&self) -> Result<Option<Signed<Root>>> {
        Ok(match read(&self.staged_path("root"))? {
            Some(staged) => Some(staged),
            None => self.published_root()?,
        })
    }

    fn known_root(&self) -> Result<Signed<Root>> {
        self.root()?
            .ok_or_else(|| at(self.path.display(), "the repository has no root; begin one with `normgate repo init`"))
    }

    pub(crate) fn published_root(&self) -> Result<Option<Signed<Root>>> {
        let mut newest = None;
        // Roots are a chain without gaps; that is how clients walk it.
        for version in 1.. {
            match read(&self.metadata(&self.file_of("root", version)))? {
                Some(root) => newest = Some(root),
                None => break,
            }
        }
        Ok(newest)
    }

    pub(crate) fn timestamp(&self) -> Result<Option<Signed<Timestamp>>> {
        read(&self.metadata("timestamp.json"))
    }

    pub(crate) fn snapshot(&self) -> Result<Option<Signed<Snapshot>>> {
        let Some(timestamp) = self.timestamp()? else { return Ok(None) };
        let Some(meta) = timestamp.signed.meta.get("snapshot.json") else { return Ok(None) };
        read(&self.metadata(&self.file_of("snapshot", meta.version.get())))
    }

    /// The published metadata of the targets role or a delegated one.
    pub(crate) fn published(&self, role: &str) -> Result<Option<Signed<Targets>>> {
        let Some(snapshot) = self.snapshot()? else { return Ok(None) };
        match snapshot.signed.meta.get(&format!("{role}.json")) {
            Some(meta) => read(&self.metadata(&self.file_of(role, meta.version.get()))),
            None => Ok(None),
        }
    }

    pub(crate) fn staged(&self, role: &str) -> Result<Option<Signed<Targets>>> {
        read(&self.staged_path(role))
    }

    /// What a role says here: staged, or else published.
    pub(crate) fn role(&self, role: &str) -> Result<Option<Signed<Targets>>> {
        Ok(match self.staged(role)? {
            Some(staged) => Some(staged),
            None => self.published(role)?,
        })
    }

    /// The names of everything that is staged.
    pub(crate) fn staged_roles(&self) -> Result<Vec<String>> {
        let folder = self.path.join("staged");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at(folder.display(), error)),
        };
        let mut roles: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".json").map(str::to_owned))
            .collect();
        // The root first, then who delegates, then who is delegated to: the order in which they vouch for each other.
        roles.sort_by_key(|role| (role != "root", role != "targets", role_of(role).1 != Duty::Delegate, role.clone()));
        Ok(roles)
    }

    /// Who signs a role, by the root or the delegation that is in force here.
    pub(crate) fn signers(&self, role: &str) -> Result<Signers> {
        let nobody = || at(format!("role {role}"), "nobody delegates to it; `normgate repo delegate` names its keys");
        let top = match role {
            "root" => Some(RoleType::Root),
            "targets" => Some(RoleType::Targets),
            "snapshot" => Some(RoleType::Snapshot),
            "timestamp" => Some(RoleType::Timestamp),
            _ => None,
        };
        if let Some(top) = top {
            return signers_of_root(&self.known_root()?.signed, top).ok_or_else(nobody);
        }
        let by = self.delegator(role);
        let delegations = self.role(&by)?.and_then(|signed| signed.signed.delegations).ok_or_else(nobody)?;
        signers_of(&delegations, role).ok_or_else(nobody)
    }

    /// How many keys must sign a role; `online` is that of snapshot and timestamp.
    ///
    /// # Errors
    /// When there is no such role.
    pub fn threshold(&self, role: &str) -> Result<u64> {
        Ok(self.signers(if role == "online" { "timestamp" } else { role })?.threshold)
    }

    /// The role that delegates to this one.
    fn delegator(&self, role: &str) -> String {
        match role_of(role) {
            (_, Duty::Delegate) => "targets".into(),
            (association, _) => role_name(association, Duty::Delegate),
        }
    }

    /// What a role will say: what is staged, or a next version of what is published. Signatures of what it said are gone.
    fn draft(&self, role: &str, life_days: i64) -> Result<Signed<Targets>> {
        let (staged, published) = (self.staged(role)?, self.published(role)?);
        let version = after(published.as_ref().map(version_of))?;
        let expires = clock::in_days(self.now_ms, life_days);
        let mut targets = match staged.or(published) {
            Some(signed) => signed.signed,
            None => Targets { delegations: None, ..Targets::new(SPEC_VERSION.into(), one(), expires) },
        };
        targets.version = version;
        targets.expires = expires;
        // What a thief numbered so that nobody could follow is taken by nobody, and not signed again.
        let leaps = charter::leaps(targets.targets.keys().map(|name| name.raw()));
        targets.targets.retain(|name, _| !leaps.contains(name.raw()));
        Ok(Signed { signed: targets, signatures: Vec::new() })
    }

    fn stage<T: Serialize>(&self, role: &str, document: &Signed<T>) -> Result<()> {
        write(&self.staged_path(role), &to_json(document)?)
    }

    fn unstage(&self, role: &str) -> Result<()> {
        let path = self.staged_path(role);
        fault::step("unstage").and_then(|()| fs::remove_file(&path)).place(path.display())
    }
}

pub(crate) fn one() -> NonZeroU64 {
    NonZeroU64::MIN
}

pub(crate) fn signers_of_root(root: &Root, role: RoleType) -> Option<Signers> {
    let keys = root.roles.get(&role)?;
    Some(Signers { keys: known(&root.keys, &keys.keyids), threshold: keys.threshold.get() })
}

pub(crate) fn signers_of(delegations: &Delegations, role: &str) -> Option<Signers> {
    let role = delegations.roles.iter().find(|known| known.name == role)?;
    Some(Signers { keys: known(&delegations.keys, &role.keyids), threshold: role.threshold.get() })
}

fn known(keys: &HashMap<Decoded<Hex>, Key>, ids: &[Decoded<Hex>]) -> Vec<(Decoded<Hex>, Key)> {
    ids.iter().filter_map(|id| keys.get(id).map(|key| (id.clone(), key.clone()))).collect()
}

/// The JSON of a document, its keys in order, so that the same document has the same bytes.
pub(crate) fn to_json<T: Serialize>(document: &T) -> Result<Vec<u8>> {
    let value = serde_json::to_value(document).place("metadata")?;
    let mut bytes = serde_json::to_vec_pretty(&value).place("metadata")?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads a document; none when there is no such file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match read_regular(path, LARGEST) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).place(path.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path.display(), error)),
    }
}

/// Writes a file whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = path.with_file_name(format!(".{}.part", path.file_name().unwrap_or_default().to_string_lossy()));
    let whole = || -> std::io::Result<()> {
        fault::step("file")?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        // What an interrupted call left, or a link that somebody put there, is not written through.
        match fs::remove_file(&part) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = fs::File::create_new(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fault::step("file-written")?;
        fs::rename(&part, path)?;
        fault::step("file-renamed")
    };
    whole().inspect_err(|_| drop(fs::remove_file(&part))).place(path.display())
}

/// The version that follows; 1 after none.
pub(crate) fn after(version: Option<u64>) -> Result<NonZeroU64> {
    let next = version.unwrap_or(0).checked_add(1).and_then(NonZeroU64::new);
    next.ok_or_else(|| {
        at("metadata", "its version is the highest that there is; somebody forged it, so bring back the metadata of before from a copy")
    })
}

/// A version of a role, whatever its kind.
pub(crate) fn version_of<T: Role>(document: &Signed<T>) -> u64 {
    document.signed.version().get()
}

//! Looking: who may ship what, what expires when, what a platform would see, and what changed between two states.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use tough::schema::{Signed, Snapshot, Targets};

use super::publish::Progress;
use super::{Publisher, read, signers_of, version_of};
use crate::charter::{Charter, Listed, delegations};
use crate::clock::{self, lifetime};
use crate::digest::hex;
use crate::error::{Place, Result, at};
use crate::names::Kind;

/// The life of one published role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// The role.
    pub role: String,
    /// Its version.
    pub version: u64,
    /// How many of how many keys must sign it.
    pub threshold: u64,
    /// Ids of its keys.
    pub keys: Vec<String>,
    /// What it may ship; of a top role, nothing.
    pub patterns: Vec<String>,
    /// When it expires, in milliseconds since 1970 UTC.
    pub expires_ms: i64,
}

/// A repository at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The version of the published snapshot; 0 = nothing is published.
    pub snapshot: u64,
    /// Every published role.
    pub roles: Vec<Life>,
    /// Every published file.
    pub files: Vec<Listed>,
    /// What is staged, and how far it is.
    pub staged: Vec<Progress>,
}

/// One difference between two states.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Only in the second.
    Added(String),
    /// Only in the first.
    Removed(String),
}

/// A published state: a snapshot and what it holds together.
struct State {
    snapshot: Signed<Snapshot>,
    targets: Targets,
    charter: Charter,
}

impl Publisher {
    /// The published state and what is staged.
    ///
    /// # Errors
    /// When the metadata cannot be read, or has another shape than a repository may have.
    pub fn report(&self) -> Result<Report> {
        let staged = self.progress()?;
        let Some(snapshot) = self.snapshot()? else { return Ok(Report { staged, ..Report::default() }) };
        let version = version_of(&snapshot);
        let state = self.state_of(snapshot)?;
        let mut roles = Vec::new();
        let mut life = |role: &str, version: u64, expires: Timestamp, patterns: Vec<String>| -> Result<()> {
            let by = self.published_signers(role, &state)?;
            let keys = by.keys.iter().map(|(id, _)| hex(id)).collect();
            let (role, expires_ms) = (role.to_owned(), expires.as_millisecond());
            roles.push(Life { role, version, threshold: by.threshold, keys, patterns, expires_ms });
            Ok(())
        };
        if let Some(root) = self.published_root()? {
            life("root", version_of(&root), root.signed.expires, Vec::new())?;
        }
        if let Some(timestamp) = self.timestamp()? {
            life("timestamp", version_of(&timestamp), timestamp.signed.expires, Vec::new())?;
        }
        life("snapshot", version, state.snapshot.signed.expires, Vec::new())?;
        life("targets", state.targets.version.get(), state.targets.expires, Vec::new())?;
        for (_, role) in delegations(&state.targets) {
            let Some(signed) = &role.targets else { continue };
            life(&role.name, version_of(signed), signed.signed.expires, patterns_of(role))?;
        }
        Ok(Report { snapshot: version, roles, files: state.charter.files, staged })
    }

    /// What deserves a look before platforms complain: a sentence each. What is expired or soon will be, what is staged and waits,
    /// modules without cases.
    ///
    /// # Errors
    /// See [`Publisher::report`].
    pub fn lint(&self) -> Result<Vec<String>> {
        let report = self.report()?;
        let mut said = Vec::new();
        for life in &report.roles {
            let left_ms = life.expires_ms - self.now_ms;
            let warn_days = match life.role.as_str() {
                "timestamp" => 0,
                "snapshot" => 1,
                _ => lifetime::ASSOCIATION / 12,
            };
            let way = match life.role.as_str() {
                role if report.staged.iter().any(|progress| progress.role == role) => "it is staged".to_owned(),
                "timestamp" | "snapshot" => self.command("refresh", "", &life.keys, life.threshold),
                role => {
                    let renewed = super::edit::association_of(role).unwrap_or(role);
                    format!("{}, and publish", self.command("renew", renewed, &life.keys, life.threshold))
                }
            };
            if left_ms <= 0 {
                said.push(format!("role {} has expired, and platforms take nothing new: {way}", life.role));
            } else if left_ms < warn_days * 86_400_000 {
                said.push(format!("role {} expires in {} days: {way}", life.role, left_ms / 86_400_000));
            }
        }
        for listed in &report.files {
            let path = self.target_path(&listed.file.to_string(), &listed.sha256);
            match std::fs::read(&path) {
                Ok(bytes) if crate::digest::sha256(&bytes) == listed.sha256 => {}
                Ok(_) => said.push(format!(
                    "{} holds other bytes than {} signed: add the file again",
                    path.display(),
                    listed.role
                )),
                Err(error) => said.push(format!("{}: {error}: copy the file there, or add it again", path.display())),
            }
            if listed.file.kind == Kind::Module && listed.release.cases.is_none() {
                said.push(format!(
                    "{} comes without cases, and platforms refuse it: add it with its cases",
                    listed.file
                ));
            }
        }
        for progress in &report.staged {
            let Progress { role, signed, threshold } = progress;
            let way = match progress.missing() {
                0 => self.command("publish", "", &self.keys_of("timestamp")?, 1),
                missing => self.command("sign", &format!("--role {role}"), &self.keys_of(role)?, missing),
            };
            said.push(format!("{role} is staged with {signed} of {threshold} signatures: {way}"));
        }
        Ok(said)
    }

    /// A command as it is typed, but for the files of keys, which only their holders know; so the ids of the keys stand beside it.
    fn command(&self, verb: &str, what: &str, keys: &[String], needed: u64) -> String {
        let path = quoted(&self.path.display().to_string());
        let what = if what.is_empty() { String::new() } else { format!(" {what}") };
        let files = " --keys KEY.pem".repeat(usize::try_from(needed).unwrap_or(1));
        let ids: Vec<&str> = keys.iter().map(|id| short(id)).collect();
        format!("`normgate repo {verb} {path}{what}{files}` with {needed} of [{}]", ids.join(" "))
    }

    fn keys_of(&self, role: &str) -> Result<Vec<String>> {
        let ids = self.all_signers(role)?.into_iter().flat_map(|by| by.ids());
        let ids: BTreeSet<String> = ids.map(|id| hex(&id)).collect();
        Ok(ids.into_iter().collect())
    }

    /// What changed from the state of one snapshot to that of another; without a version, the published one.
    ///
    /// # Errors
    /// When a state cannot be read.
    pub fn changes(&self, before: Option<u64>, other: &Publisher, after: Option<u64>) -> Result<Vec<Change>> {
        let (before, after) = (self.facts(before)?, other.facts(after)?);
        let mut changes: Vec<Change> = before.difference(&after).cloned().map(Change::Removed).collect();
        changes.extend(after.difference(&before).cloned().map(Change::Added));
        let what = |change: &Change| match change {
            Change::Added(what) => (what.clone(), true),
            Change::Removed(what) => (what.clone(), false),
        };
        changes.sort_by_key(what);
        Ok(changes)
    }

    /// Everything that a state says of authority and files, a line each.
    fn facts(&self, snapshot: Option<u64>) -> Result<BTreeSet<String>> {
        let found = match snapshot {
            Some(version) => read(&self.path.join("metadata").join(self.file_of("snapshot", version)))?,
            None => self.snapshot()?,
        };
        let found = found.ok_or_else(|| {
            at(self.path.display(), "there is no such snapshot; `normgate repo status` says which is the newest")
        })?;
        let state = self.state_of(found)?;
        let mut facts = BTreeSet::new();
        for (by, role) in delegations(&state.targets) {
            let Some(signers) = signers_of(by, &role.name) else { continue };
            let keys: Vec<String> = signers.keys.iter().map(|(id, _)| short(&hex(id)).to_owned()).collect();
            let patterns = patterns_of(role).join(" ");
            facts.insert(format!("role {}: {patterns}, {} of [{}]", role.name, signers.threshold, keys.join(" ")));
        }
        for listed in &state.charter.files {
            let from = listed.release.effective_from.map(|day| format!(", from {day}")).unwrap_or_default();
            let until = listed.release.effective_until.map(|day| format!(", until {day}")).unwrap_or_default();
            facts.insert(format!(
                "file {}: {}{from}{until}, sha256 {}",
                listed.file,
                listed.release.version,
                short(&listed.sha256)
            ));
        }
        Ok(facts)
    }

    fn state_of(&self, snapshot: Signed<Snapshot>) -> Result<State> {
        let versions: BTreeMap<&str, u64> = (snapshot.signed.meta.iter())
            .filter_map(|(file, meta)| Some((file.strip_suffix(".json")?, meta.version.get())))
            .collect();
        let role = |name: &str| -> Result<Option<Signed<Targets>>> {
            match versions.get(name) {
                Some(version) => read(&self.path.join("metadata").join(self.file_of(name, *version))),
                None => Ok(None),
            }
        };
        let mut targets =
            role("targets")?.ok_or_else(|| at(self.path.display(), "the snapshot names no targets role"))?.signed;
        for outer in targets.delegations.iter_mut().flat_map(|delegations| &mut delegations.roles) {
            outer.targets = role(&outer.name)?;
            let inner = outer.targets.iter_mut().filter_map(|signed| signed.signed.delegations.as_mut());
            for inner in inner.flat_map(|delegations| &mut delegations.roles) {
                inner.targets = role(&inner.name)?;
            }
        }
        let file_of = |name: &str| self.file_of(name, versions.get(name).copied().unwrap_or(1));
        let charter = crate::charter::read("here", &targets, &file_of)?;
        Ok(State { targets, charter, snapshot })
    }

    fn published_signers(&self, role: &str, state: &State) -> Result<super::Signers> {
        let by = delegations(&state.targets).into_iter().find_map(|(by, _)| signers_of(by, role));
        match by {
            Some(signers) => Ok(signers),
            None => self.signers(role),
        }
    }
}

/// A path as a shell reads it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%:=".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

/// As much of a digest as people compare.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

pub(super) fn patterns_of(role: &tough::schema::DelegatedRole) -> Vec<String> {
    super::edit::patterns(role).map(str::to_owned).collect()
}

/// Reads `DIR` or `DIR@SNAPSHOT`: a state of a repository.
///
/// # Errors
/// When there is no repository.
pub fn state(text: &str) -> Result<(Publisher, Option<u64>)> {
    let (path, version) = match text.rsplit_once('@') {
        Some((path, version)) => (path, Some(version.parse().place(text)?)),
        None => (text, None),
    };
    Ok((Publisher::open(Path::new(path))?.at(clock::now_ms()), version))
}

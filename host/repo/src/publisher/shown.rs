//! What a signer is shown: all that a role says, and the digest of what is signed.

use std::collections::{BTreeSet, HashMap};

use tough::TargetName;
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::{DelegatedRole, Role, Root, Signed, Target, Targets};

use super::view::patterns_of;
use super::{Change, Publisher, Signers, read};
use crate::charter::delegated;
use crate::clock::day_at;
use crate::digest::{hex, sha256};
use crate::error::{Place, Result, at};
use crate::names::{FileName, Kind};
use crate::release::Release;

/// What a role says, for whoever is to sign it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The role.
    pub role: String,
    /// SHA-256 of what is signed, whoever has signed it so far.
    pub sha256: String,
    /// Version, end, and whose signatures it needs.
    pub head: String,
    /// Everything that it says: keys, thresholds, files with their digests. A line each, in order.
    pub says: Vec<String>,
}

impl Publisher {
    /// What a staged role says.
    ///
    /// # Errors
    /// When the role is not staged.
    pub fn shown(&self, role: &str) -> Result<Shown> {
        let absent = || at(format!("role {role}"), "it is not staged; `normgate repo status` lists what is");
        if role == "root" {
            let root: Signed<Root> = read(&self.staged_path(role))?.ok_or_else(absent)?;
            Shown::of(role, &root.signed, &self.root_signers(&root)?)
        } else {
            Shown::of(role, &self.staged(role)?.ok_or_else(absent)?.signed, &[self.signers(role)?])
        }
    }

    /// What changes with a staged role: lines that it adds to what is published of it, and lines that it takes away.
    ///
    /// # Errors
    /// When the role is not staged.
    pub fn change(&self, role: &str) -> Result<(Shown, Vec<Change>)> {
        let shown = self.shown(role)?;
        let published = match role {
            "root" => self.published_root()?.map(|root| root.signed.says()),
            _ => self.published(role)?.map(|targets| targets.signed.says()),
        };
        let (before, after): (BTreeSet<String>, BTreeSet<String>) =
            (published.unwrap_or_default().into_iter().collect(), shown.says.iter().cloned().collect());
        let added = after.difference(&before).cloned().map(Change::Added);
        let removed = before.difference(&after).cloned().map(Change::Removed);
        let changes = removed.chain(added).collect();
        Ok((shown, changes))
    }
}

impl Shown {
    pub(super) fn of<T: Role + Says>(role: &str, document: &T, signers: &[Signers]) -> Result<Self> {
        let bytes = document.canonical_form().place(format!("role {role}"))?;
        let until = day_at(document.expires().as_millisecond()).map_or("never".to_owned(), |day| day.to_string());
        let by: Vec<String> = signers
            .iter()
            .enumerate()
            .map(|(index, by)| {
                let whose = if index == 0 { "to be signed by" } else { "and, as before, by" };
                format!("{whose} {}", needed(by.threshold, by.keys.iter().map(|(id, _)| id)))
            })
            .collect();
        let head = format!("version {}, expires {until}, {}", document.version(), by.join("; "));
        Ok(Self { role: role.to_owned(), sha256: sha256(&bytes), head, says: document.says() })
    }
}

/// A document that can be told line by line.
pub(super) trait Says {
    /// Everything that it says, sorted.
    fn says(&self) -> Vec<String>;

    /// What it says and this program does not know, by field.
    fn unknown(&self) -> BTreeSet<String>;
}

/// Refuses a document with fields that this program does not know: they are shown, and only a program that knows what they mean can
/// say to what a signer would agree.
pub(super) fn hold_known(role: &str, document: &impl Says) -> Result<()> {
    let unknown: Vec<String> = document.unknown().into_iter().collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let fields = unknown.join("`, `");
    let why =
        format!("it says `{fields}`, which this normgate does not know; sign it with one that does. It is not signed");
    Err(at(format!("role {role}"), why))
}

/// The names of some fields.
fn names_of<'f>(fields: impl IntoIterator<Item = &'f HashMap<String, serde_json::Value>>) -> BTreeSet<String> {
    fields.into_iter().flat_map(HashMap::keys).cloned().collect()
}

impl Says for Root {
    fn says(&self) -> Vec<String> {
        let mut lines: Vec<String> = (self.roles.iter())
            .map(|(role, keys)| format!("role {role}: {}", needed(keys.threshold.get(), &keys.keyids)))
            .collect();
        lines.extend(self._extra.iter().map(|(name, value)| format!("{name}: {value}")));
        lines.sort();
        lines
    }

    fn unknown(&self) -> BTreeSet<String> {
        names_of(std::iter::once(&self._extra).chain(self.roles.values().map(|keys| &keys._extra)))
    }
}

impl Says for Targets {
    fn says(&self) -> Vec<String> {
        let roles = delegated(self).map(|role| format!("role {}: {}", role.name, delegation(role)));
        let files = self.targets.iter().map(|(name, target)| format!("file {}: {}", name.raw(), content(target)));
        let others = self._extra.iter().map(|(name, value)| format!("{name}: {value}"));
        let mut lines: Vec<String> = roles.chain(files).chain(others).collect();
        lines.sort();
        lines
    }

    fn unknown(&self) -> BTreeSet<String> {
        let of_files = self.targets.values().flat_map(|target| [&target._extra, &target.hashes._extra]);
        let mut unknown = names_of(std::iter::once(&self._extra).chain(of_files));
        // What cannot be read at all is told by whoever reads it.
        let is_read = |name: &TargetName, target: &Target| {
            let is_cases = FileName::parse(name.raw()).is_some_and(|file| file.kind == Kind::Cases);
            is_cases || Release::read(&target.custom).is_ok()
        };
        let read = self.targets.iter().filter(|(name, target)| is_read(name, target));
        unknown.extend(read.flat_map(|(_, target)| unknown_of_release(target).map(|(name, _)| name.clone())));
        unknown
    }
}

/// What is said of a file beyond what a release says.
fn unknown_of_release(target: &Target) -> impl Iterator<Item = (&String, &serde_json::Value)> {
    let known = Release::read(&target.custom).map(|release| release.to_custom()).unwrap_or_default();
    target.custom.iter().filter(move |(name, value)| known.get(*name) != Some(value))
}

fn delegation(role: &DelegatedRole) -> String {
    format!("may ship {}, {}", patterns_of(role).join(" "), needed(role.threshold.get(), &role.keyids))
}

/// What is said of a file: its version and days, where it has some, its length and digest.
fn content(target: &Target) -> String {
    let mut words = Vec::new();
    match Release::read(&target.custom) {
        _ if target.custom.is_empty() => {}
        Ok(Release { version, effective_from, effective_until, urgent, lowers, cases }) => {
            words.push(version);
            words.extend(effective_from.map(|day| format!("from {day}")));
            words.extend(effective_until.map(|day| format!("until {day}")));
            words.extend(urgent.then(|| "urgent".to_owned()));
            words.extend(lowers.then(|| "goes back behind the version before it".to_owned()));
            words.extend(cases.map(|digest| format!("cases {digest}")));
        }
        Err(why) => words.push(format!("what is said of it cannot be read: {why}")),
    }
    // A later version of this program may mean something by it.
    let others = unknown_of_release(target).chain(&target._extra).chain(&target.hashes._extra);
    let others: BTreeSet<String> = others.map(|(name, value)| format!("{name}: {value}")).collect();
    words.extend(others);
    words.push(format!("{} bytes", target.length));
    words.push(format!("sha256 {}", hex(&target.hashes.sha256)));
    words.join(", ")
}

/// `2 of [3f2a… 81c0…]`, ids in full: what people compare.
fn needed<'k>(threshold: u64, ids: impl IntoIterator<Item = &'k Decoded<Hex>>) -> String {
    let ids: Vec<String> = ids.into_iter().map(|id| hex(id)).collect();
    format!("{threshold} of [{}]", ids.join(" "))
}

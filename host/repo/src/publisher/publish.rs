//! Publishing: what has signatures enough becomes what platforms see, in one step.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use sha2::{Digest, Sha256};
use tough::schema::{Hashes, Metafile, Role, RoleType, Root, Signed, Snapshot, Targets, Timestamp};

use super::shown::{Says, hold_known};
use super::{
    Change, Publisher, SPEC_VERSION, Shown, Signers, after, one, read, signers_of, signers_of_root, to_json,
    version_of, write,
};
use crate::charter::{self, Charter, Listed};
use crate::client;
use crate::clock::{self, lifetime};
use crate::error::{Place, Refusal, Result, at};
use crate::keys::{Keyring, PublicKey, signers};
use crate::names::{Duty, FileName, Kind, role_name, role_of};
use crate::store::{Entry, Floor};
use crate::take::as_signed;
use crate::transport::Bounds;
use crate::trust::Trust;

/// How far a staged role is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The role.
    pub role: String,
    /// How many keys have signed it.
    pub signed: usize,
    /// How many must.
    pub threshold: u64,
}

impl Progress {
    /// How far a role is that all of these must sign: a root is signed by the keys of the one before, too, and those who lack
    /// more are the ones to wait for.
    pub(super) fn of<T: Role + Serialize>(role: &str, document: &Signed<T>, by: &[Signers]) -> Self {
        let each = by.iter().map(|by| Self {
            role: role.to_owned(),
            signed: signers(document, &by.keys).len(),
            threshold: by.threshold,
        });
        let nobody = || Self { role: role.to_owned(), signed: 0, threshold: 1 };
        each.max_by_key(Self::missing).unwrap_or_else(nobody)
    }

    /// How many signatures are missing.
    pub fn missing(&self) -> u64 {
        self.threshold.saturating_sub(self.signed as u64)
    }
}

/// What publishing did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The roles that were published.
    pub roles: Vec<String>,
    /// The roles that still lack signatures, and stay staged.
    pub waiting: Vec<Progress>,
    /// The version of the new snapshot.
    pub snapshot: u64,
}

/// Metadata that is signed and not written yet, in the order in which it is written.
struct Next {
    files: Vec<(String, Vec<u8>)>,
    /// The version of its snapshot.
    snapshot: u64,
}

/// What platforms would see.
struct State {
    root: Signed<Root>,
    /// With every role below it.
    targets: Signed<Targets>,
}

impl Publisher {
    /// Adds the signatures of the keys at hand to everything that is staged and theirs to sign, unseen: for a program that staged
    /// all of it itself. Says how far each role is.
    ///
    /// # Errors
    /// When a staged role belongs to nobody, or cannot be written.
    pub fn sign(&self, keys: &Keyring) -> Result<Vec<Progress>> {
        self.staged_roles()?.iter().try_for_each(|role| self.sign_role(role, keys))?;
        self.progress()
    }

    /// Adds the signatures of the keys at hand to one staged role, as far as it is theirs to sign.
    ///
    /// # Errors
    /// When the role belongs to nobody, or cannot be written.
    pub fn sign_role(&self, role: &str, keys: &Keyring) -> Result<()> {
        self.sign_if(role, keys, None)
    }

    /// Adds the signatures of the keys at hand to a staged role, if it still says what was shown of it.
    ///
    /// # Errors
    /// When it says something else by now, belongs to nobody, or cannot be written.
    pub fn sign_shown(&self, shown: &Shown, keys: &Keyring) -> Result<()> {
        self.sign_if(&shown.role, keys, Some(&shown.sha256))
    }

    fn sign_if(&self, role: &str, keys: &Keyring, sha256: Option<&str>) -> Result<()> {
        if role == "root" {
            let Some(mut root) = read::<Signed<Root>>(&self.staged_path("root"))? else { return Ok(()) };
            hold_shown(role, &root.signed, sha256)?;
            let ids: Vec<_> = self.root_signers(&root)?.iter().flat_map(Signers::ids).collect();
            if keys.sign(&mut root, &ids)? > 0 {
                self.stage("root", &root)?;
            }
        } else if let Some(mut staged) = self.staged(role)? {
            hold_shown(role, &staged.signed, sha256)?;
            if keys.sign(&mut staged, &self.signers(role)?.ids())? > 0 {
                self.stage(role, &staged)?;
            }
        }
        Ok(())
    }

    /// Whether a key may sign a staged role.
    ///
    /// # Errors
    /// When the role is not staged, or belongs to nobody.
    pub fn may_sign(&self, role: &str, key: &PublicKey) -> Result<bool> {
        Ok(self.all_signers(role)?.iter().any(|by| by.ids().contains(&key.id)))
    }

    /// Who signs a staged role: of a root, also those of the one that it follows.
    pub(super) fn all_signers(&self, role: &str) -> Result<Vec<Signers>> {
        match role {
            "root" => self.root_signers(&self.known_root()?),
            _ => Ok(vec![self.signers(role)?]),
        }
    }

    /// What somebody else staged in some of these roles: lines that change what is published, where one of the keys at hand may sign
    /// the role, and none has signed it as it is staged.
    ///
    /// # Errors
    /// When a staged role belongs to nobody, or cannot be read.
    pub fn staged_by_others(&self, roles: &[String], keys: &Keyring) -> Result<Vec<(String, Vec<Change>)>> {
        let mut others = Vec::new();
        for role in self.staged_roles()?.into_iter().filter(|role| roles.contains(role)) {
            let mut mine: Vec<_> = self.all_signers(&role)?.into_iter().flat_map(|by| by.keys).collect();
            mine.retain(|(id, _)| keys.ids().any(|own| own == id));
            let signed = match role.as_str() {
                "root" => self.root()?.is_some_and(|root| !signers(&root, &mine).is_empty()),
                _ => self.staged(&role)?.is_some_and(|staged| !signers(&staged, &mine).is_empty()),
            };
            let (_, changes) = self.change(&role)?;
            if !mine.is_empty() && !signed && !changes.is_empty() {
                others.push((role, changes));
            }
        }
        Ok(others)
    }

    /// How far each staged role is.
    ///
    /// # Errors
    /// When a staged role belongs to nobody, or cannot be read.
    pub fn progress(&self) -> Result<Vec<Progress>> {
        let mut all = Vec::new();
        for role in self.staged_roles()? {
            if role == "root" {
                let Some(root) = self.root()? else { continue };
                all.push(Progress::of(&role, &root, &self.root_signers(&root)?));
            } else if let Some(staged) = self.staged(&role)? {
                all.push(Progress::of(&role, &staged, &[self.signers(&role)?]));
            }
        }
        Ok(all)
    }

    /// Who signs a new root: its own root keys, and those of the one that it follows.
    pub(super) fn root_signers(&self, root: &Signed<Root>) -> Result<Vec<Signers>> {
        let before = self.published_root()?;
        let by = |root: &Signed<Root>| signers_of_root(&root.signed, RoleType::Root);
        Ok([by(root), before.as_ref().and_then(by)].into_iter().flatten().collect())
    }

    /// Signs everything that is staged with the keys at hand, as [`sign`](Self::sign) does, and publishes it.
    ///
    /// # Errors
    /// See [`publish_signed`](Self::publish_signed).
    pub fn publish(&self, keys: &Keyring) -> Result<Published> {
        self.sign(keys)?;
        self.publish_signed(keys)
    }

    /// Publishes every staged role that has signatures enough, under a new snapshot and timestamp. The keys sign these two, and
    /// nothing else.
    ///
    /// # Errors
    /// When what platforms would see then does not hold together, or the online key is not at hand. Nothing is published then.
    pub fn publish_signed(&self, keys: &Keyring) -> Result<Published> {
        // 1. What is complete; and what an interrupted call published, and left staged.
        let finished = self.finish()?;
        let (complete, waiting): (Vec<_>, Vec<_>) = self.progress()?.into_iter().partition(|p| p.missing() == 0);
        if complete.is_empty()
            && !finished.is_empty()
            && let Some(snapshot) = self.snapshot()?
        {
            return Ok(Published { roles: finished, waiting, snapshot: version_of(&snapshot) });
        }
        if complete.is_empty() {
            let lacking: Vec<_> =
                waiting.iter().map(|p| format!("{} has {} of {}", p.role, p.signed, p.threshold)).collect();
            let what = if lacking.is_empty() {
                "nothing is staged".into()
            } else {
                format!("signatures are missing: {}", lacking.join(", "))
            };
            return Err(at(self.path.display(), format!("there is nothing to publish: {what}")));
        }
        let roles: Vec<String> = complete.into_iter().map(|progress| progress.role).collect();
        // 2. Whether it holds together, before anybody sees it.
        let state = self.state(&|role| roles.iter().any(|name| name == role))?;
        self.hold(&state)?;
        self.hold_newer(&roles, &state)?;
        let next = self.sign_over(&roles, &state.root, keys, &[])?;
        self.hold_as_platforms(&roles, &state, &next)?;
        // 3. Seen by everybody.
        self.write_next(&next)?;
        roles.iter().try_for_each(|role| self.unstage(role))?;
        Ok(Published { roles, waiting, snapshot: next.snapshot })
    }

    /// Takes away what is staged and was published as it is: an earlier call was interrupted after that. Says which roles.
    fn finish(&self) -> Result<Vec<String>> {
        if self.timestamp()?.is_none() {
            return Ok(Vec::new());
        }
        let mut finished = Vec::new();
        for role in self.staged_roles()? {
            let published = match role.as_str() {
                "root" => match read::<Signed<Root>>(&self.staged_path(&role))? {
                    Some(staged) => self.published_root()?.as_ref() == Some(&staged) && self.follows(&staged)?,
                    None => false,
                },
                _ => self
                    .staged(&role)?
                    .is_some_and(|staged| self.published(&role).is_ok_and(|known| known == Some(staged))),
            };
            if published {
                self.unstage(&role)?;
                finished.push(role);
            }
        }
        Ok(finished)
    }

    /// Whether the published timestamp is signed as this root has it.
    fn follows(&self, root: &Signed<Root>) -> Result<bool> {
        let (by, timestamp) = (signers_of_root(&root.signed, RoleType::Timestamp), self.timestamp()?);
        let signed =
            by.zip(timestamp).map(|(by, timestamp)| signers(&timestamp, &by.keys).len() as u64 >= by.threshold);
        Ok(signed.unwrap_or(false))
    }

    /// TEST ONLY: publishes everything that is staged, however few have signed it and whatever it says, under a snapshot that leaves
    /// some roles out. It is what somebody with stolen keys could do.
    #[cfg(feature = "faults")]
    #[doc(hidden)]
    pub fn publish_anyway(&self, keys: &Keyring, omitted: &[&str]) -> Result<u64> {
        self.sign(keys)?;
        let (root, roles) = (self.known_root()?, self.staged_roles()?);
        let next = self.sign_over(&roles, &root, keys, omitted)?;
        self.write_next(&next)?;
        roles.iter().try_for_each(|role| self.unstage(role))?;
        Ok(next.snapshot)
    }

    /// These staged roles, each under a name that nobody reads yet, and then the snapshot and the timestamp, which make them seen.
    fn sign_over(&self, roles: &[String], root: &Signed<Root>, keys: &Keyring, omitted: &[&str]) -> Result<Next> {
        // A role that was withdrawn keeps its line: a platform that has seen the line takes a snapshot without it for tampering.
        let mut meta = self.snapshot()?.map(|snapshot| snapshot.signed.meta).unwrap_or_default();
        let mut files = Vec::new();
        for role in roles {
            if role == "root" {
                files.push((self.file_of(role, version_of(root)), to_json(root)?));
            } else if let Some(staged) = self.staged(role)? {
                let (bytes, version) = (to_json(&staged)?, version_of(&staged));
                meta.insert(format!("{role}.json"), metafile(version, &bytes)?);
                files.push((self.file_of(role, version), bytes));
            }
        }
        meta.retain(|file, _| !omitted.iter().any(|role| file.strip_suffix(".json") == Some(role)));
        self.next_snapshot(files, root, meta, keys)
    }

    /// Says once more that nothing newer exists: a new timestamp, and a new snapshot where the old one has lived half its life.
    ///
    /// # Errors
    /// When nothing has been published, or the online key is not at hand.
    pub fn refresh(&self, keys: &Keyring) -> Result<()> {
        let (Some(root), Some(snapshot)) = (self.published_root()?, self.snapshot()?) else {
            return Err(at(self.path.display(), "nothing has been published yet; `normgate repo publish` comes first"));
        };
        if snapshot.signed.expires < clock::in_days(self.now_ms, lifetime::SNAPSHOT / 2) {
            return self.write_next(&self.next_snapshot(Vec::new(), &root, snapshot.signed.meta, keys)?);
        }
        let path = self.metadata(&self.file_of("snapshot", version_of(&snapshot)));
        let bytes = std::fs::read(&path).place(path.display())?;
        let timestamp = self.next_timestamp(&root, version_of(&snapshot), &bytes, keys)?;
        write(&self.metadata("timestamp.json"), &timestamp)
    }

    /// Files of metadata, then a snapshot that names them, then the timestamp. Everything is signed before anything is written:
    /// without the online key nothing changes, not even a root, which platforms would see at once.
    fn next_snapshot(
        &self,
        mut files: Vec<(String, Vec<u8>)>,
        root: &Signed<Root>,
        meta: HashMap<String, Metafile>,
        keys: &Keyring,
    ) -> Result<Next> {
        let version = after(self.snapshot()?.as_ref().map(version_of))?;
        let expires = clock::in_days(self.now_ms, lifetime::SNAPSHOT);
        let mut snapshot = Snapshot::new(SPEC_VERSION.into(), version, expires);
        snapshot.meta = meta;
        let mut snapshot = Signed { signed: snapshot, signatures: Vec::new() };
        sign_online(&mut snapshot, root, RoleType::Snapshot, keys)?;
        let bytes = to_json(&snapshot)?;
        let timestamp = self.next_timestamp(root, version.get(), &bytes, keys)?;
        files.push((self.file_of("snapshot", version.get()), bytes));
        files.push((self.file_of("timestamp", 0), timestamp));
        Ok(Next { files, snapshot: version.get() })
    }

    fn write_next(&self, next: &Next) -> Result<()> {
        next.files.iter().try_for_each(|(file, bytes)| write(&self.metadata(file), bytes))
    }

    /// A signed timestamp, as bytes, for a snapshot of these bytes.
    fn next_timestamp(&self, root: &Signed<Root>, snapshot: u64, bytes: &[u8], keys: &Keyring) -> Result<Vec<u8>> {
        let version = after(self.timestamp()?.as_ref().map(version_of))?;
        let expires = clock::in_days(self.now_ms, lifetime::TIMESTAMP);
        let mut timestamp = Timestamp::new(SPEC_VERSION.into(), version, expires);
        timestamp.meta.insert("snapshot.json".into(), metafile(snapshot, bytes)?);
        let mut timestamp = Signed { signed: timestamp, signatures: Vec::new() };
        sign_online(&mut timestamp, root, RoleType::Timestamp, keys)?;
        to_json(&timestamp)
    }

    /// What platforms would see if these staged roles were published.
    fn state(&self, publish: &dyn Fn(&str) -> bool) -> Result<State> {
        let role = |name: &str| if publish(name) { self.staged(name) } else { self.published(name) };
        let root = if publish("root") { self.root()? } else { self.published_root()? };
        let root = root.ok_or_else(|| {
            at(self.path.display(), "the root is not signed yet; `normgate repo sign` with the root keys comes first")
        })?;
        let mut targets = role("targets")?
            .ok_or_else(|| at(self.path.display(), "the targets role is not signed yet; its key comes first"))?;
        for outer in targets.signed.delegations.iter_mut().flat_map(|delegations| &mut delegations.roles) {
            outer.targets = role(&outer.name)?;
            let inner = outer.targets.iter_mut().filter_map(|signed| signed.signed.delegations.as_mut());
            for inner in inner.flat_map(|delegations| &mut delegations.roles) {
                inner.targets = role(&inner.name)?;
            }
        }
        Ok(State { root, targets })
    }

    /// Holds what platforms would see against the rules by which they read it.
    fn hold(&self, state: &State) -> Result<()> {
        let file_of = |role: &str| {
            let version = match self.role(role) {
                Ok(Some(signed)) => version_of(&signed),
                _ => 1,
            };
            self.file_of(role, version)
        };
        let refuse = |role: &str, why: String| Refusal {
            repository: "here".into(),
            authority: super::edit::association_of(role).unwrap_or("here").into(),
            role: role.into(),
            file: file_of(role),
            why,
        };
        let charter = charter::read("here", &state.targets.signed, &file_of)?;
        let enough = |role: &str, by: Option<Signers>, document: &Signed<Targets>| match by {
            Some(by) if signers(document, &by.keys).len() as u64 >= by.threshold => Ok(()),
            Some(by) => {
                let signed = signers(document, &by.keys).len();
                let way = "its holders sign it with `normgate repo sign`";
                Err(refuse(role, format!("it has {signed} of {} signatures; {way}", by.threshold)))
            }
            None => Err(refuse(role, "nobody delegates to it".into())),
        };
        enough("targets", signers_of_root(&state.root.signed, RoleType::Targets), &state.targets)?;
        for (by, role) in charter::delegations(&state.targets.signed) {
            let Some(document) = &role.targets else { continue };
            enough(&role.name, signers_of(by, &role.name), document)?;
        }
        for listed in &charter.files {
            let path = self.target_path(&listed.file.to_string(), &listed.sha256);
            let bytes = std::fs::read(&path).place(path.display())?;
            if crate::digest::sha256(&bytes) != listed.sha256 {
                let why = format!("{} holds other bytes than the role signed; add the file again", path.display());
                return Err(Refusal { file: listed.file.to_string(), ..refuse(&listed.role, why) }.into());
            }
        }
        Ok(())
    }

    /// Holds the numbers of what would be published against what is published: each follows the one before it.
    fn hold_newer(&self, roles: &[String], state: &State) -> Result<()> {
        for role in roles {
            let refuse = |why: String| Err(at(format!("role {role}"), format!("{why}; nothing is published")));
            let (version, expires, before) = if role == "root" {
                // One that lies there as it is staged was written by a call that was interrupted.
                let published = self.published_root()?;
                let before = match &published {
                    Some(root) if *root == state.root => version_of(root).checked_sub(1),
                    other => other.as_ref().map(version_of),
                };
                (version_of(&state.root), state.root.signed.expires, before)
            } else {
                let Some(staged) = self.staged(role)? else { continue };
                for (line, releases) in self.new_releases(role, &staged.signed)? {
                    let before = releases.before;
                    if let Some((release, _)) = (releases.new.iter().zip(before + 1..)).find(|(new, next)| *new != next)
                    {
                        return refuse(format!("release {release} of {line} does not follow the published {before}"));
                    }
                }
                (version_of(&staged), staged.signed.expires, self.published(role)?.as_ref().map(version_of))
            };
            let published = before.unwrap_or(0);
            if Some(version) != published.checked_add(1) {
                return refuse(format!("version {version} does not follow the published {published}; stage it again"));
            }
            if expires < clock::in_days(self.now_ms, lifetime::TIMESTAMP) {
                return refuse(format!("it expires at {expires}, within a day; renew it with `normgate repo renew`"));
            }
        }
        Ok(())
    }

    /// The releases that a role would add, in order, by line, and the highest one before them.
    fn new_releases(&self, role: &str, staged: &Targets) -> Result<BTreeMap<String, Releases>> {
        // An association that was withdrawn and is delegated to anew begins anew with its releases.
        let delegated =
            |targets: Signed<Targets>| charter::delegated(&targets.signed).any(|known| known.name == role_of(role).0);
        let goes_on = self.published("targets")?.is_some_and(delegated);
        let published = self.published(role)?.filter(|_| goes_on);
        let mut lines: BTreeMap<String, Releases> = BTreeMap::new();
        for file in published.iter().flat_map(|published| files_of(&published.signed)) {
            let releases = lines.entry(file.line()).or_default();
            releases.before = releases.before.max(file.release);
        }
        for file in files_of(staged) {
            let releases = lines.entry(file.line()).or_default();
            if file.release > releases.before {
                releases.new.insert(file.release);
            }
        }
        Ok(lines)
    }

    /// Loads what would be published as platforms do that have taken what is published, and reads what is new: whatever they refuse
    /// is not published.
    fn hold_as_platforms(&self, roles: &[String], state: &State, next: &Next) -> Result<()> {
        let files: BTreeMap<String, Vec<u8>> =
            next.files.iter().map(|(file, bytes)| (format!("metadata/{file}"), bytes.clone())).collect();
        let first = self.file_of("root", 1);
        let anchor = match files.get(&format!("metadata/{first}")) {
            Some(bytes) => bytes.clone(),
            None => {
                let path = self.metadata(&first);
                std::fs::read(&path).place(path.display())?
            }
        };
        let (trust, floor) = (Trust::here(&self.path)?, self.floor()?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().place(self.path.display())?;
        let verified = runtime.block_on(client::load_ahead(&trust, &anchor, files, &floor, self.now_ms))?;
        if verified.versions.get("root") != Some(&version_of(&state.root)) {
            return Err(at("role root", "platforms would not reach it from the first root; nothing is published"));
        }
        // What stands in other roles was published before, and is not held up by.
        let of_these = |refusal: &&Refusal| roles.contains(&refusal.role);
        if let Some(refusal) = verified.refused.iter().find(of_these) {
            return Err(refusal.clone().into());
        }
        let known = self.published_files()?;
        for listed in verified.charter.files.iter().filter(|listed| !known.contains(&listed.file.to_string())) {
            self.hold_file(&verified.charter, listed).map_err(|why| Refusal {
                repository: trust.name.clone(),
                authority: listed.association.clone(),
                role: listed.role.clone(),
                file: listed.file.to_string(),
                why,
            })?;
        }
        Ok(())
    }

    /// Reads a file as a platform would, short of running it.
    fn hold_file(&self, charter: &Charter, listed: &Listed) -> Result<(), String> {
        Bounds::default().hold(listed)?;
        if listed.file.kind == Kind::Module {
            let path = self.target_path(&listed.file.to_string(), &listed.sha256);
            let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            as_signed(&Entry::of(listed, "here"), &bytes)?;
            charter.cases_of(listed)?;
        }
        Ok(())
    }

    /// What platforms have taken that have taken what is published.
    fn floor(&self) -> Result<Floor> {
        let Some(snapshot) = self.snapshot()? else { return Ok(Floor::new()) };
        let roles = snapshot.signed.meta.iter();
        let mut floor: Floor = roles
            .filter_map(|(file, meta)| Some((file.strip_suffix(".json")?.to_owned(), meta.version.get())))
            .collect();
        floor.insert("snapshot".into(), version_of(&snapshot));
        floor.extend(self.timestamp()?.map(|timestamp| ("timestamp".into(), version_of(&timestamp))));
        floor.extend(self.published_root()?.map(|root| ("root".into(), version_of(&root))));
        for file in self.published_files()?.iter().filter_map(|name| FileName::parse(name)) {
            let release = floor.entry(file.line()).or_default();
            *release = file.release.max(*release);
        }
        Ok(floor)
    }

    /// Every file that is published and that platforms may have taken.
    fn published_files(&self) -> Result<BTreeSet<String>> {
        let mut files = BTreeSet::new();
        let Some(targets) = self.published("targets")? else { return Ok(files) };
        for association in charter::delegated(&targets.signed) {
            for duty in [Duty::Modules, Duty::Data] {
                let Some(role) = self.published(&role_name(&association.name, duty))? else { continue };
                let names = || role.signed.targets.keys().map(|name| name.raw());
                let leaps = charter::leaps(names());
                files.extend(names().filter(|name| !leaps.contains(*name)).map(str::to_owned));
            }
        }
        Ok(files)
    }
}

/// The releases of one line: the highest that is published, and those above it.
#[derive(Default)]
struct Releases {
    before: u64,
    new: BTreeSet<u64>,
}

fn files_of(targets: &Targets) -> impl Iterator<Item = FileName> {
    targets.targets.keys().filter_map(|name| FileName::parse(name.raw()))
}

/// Holds a document that is to be signed against what this program knows, and against the digest of what was shown.
fn hold_shown<T: Role + Says>(role: &str, document: &T, sha256: Option<&str>) -> Result<()> {
    hold_known(role, document)?;
    let place = || format!("role {role}");
    let bytes = document.canonical_form().place(place())?;
    match sha256 {
        Some(shown) if shown != crate::digest::sha256(&bytes) => {
            Err(at(place(), "it is not what was shown any more; look at it again. It is not signed"))
        }
        _ => Ok(()),
    }
}

fn sign_online<T: Role + Serialize>(
    document: &mut Signed<T>,
    root: &Signed<Root>,
    role: RoleType,
    keys: &Keyring,
) -> Result<()> {
    let by = signers_of_root(&root.signed, role).unwrap_or(Signers { keys: Vec::new(), threshold: 1 });
    keys.sign(document, &by.ids())?;
    if (document.signatures.len() as u64) < by.threshold.max(one().get()) {
        return Err(at(format!("role {role}"), "its key is not at hand; give it with --keys"));
    }
    Ok(())
}

/// The line of a file in a snapshot or timestamp.
fn metafile(version: u64, bytes: &[u8]) -> Result<Metafile> {
    Ok(Metafile {
        length: Some(bytes.len() as u64),
        hashes: Some(Hashes { sha256: Sha256::digest(bytes).to_vec().into(), _extra: HashMap::new() }),
        version: version.try_into().place("metadata")?,
        _extra: HashMap::new(),
    })
}

//! Loading a repository: TUF by `tough`, and every check that it leaves to its user.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use tough::error::Error as Tuf;
use tough::schema::RoleType;
use tough::{ExpirationEnforcement, IntoVec, Limits, Repository, RepositoryLoader, TargetName};

use crate::charter::{self, Charter, Held, Listed};
use crate::error::{Refusal, Result};
use crate::names::role_of;
use crate::store::Floor;
use crate::transport::{Bounds, Seen, Watched, role_in};
use crate::trust::Trust;

/// A repository whose every signature, version and name has been checked.
pub(crate) struct Verified {
    repository: Repository,
    bounds: Bounds,
    /// Who may speak for whom, and every file.
    pub(crate) charter: Charter,
    /// Releases that are not taken, and are not among the files.
    pub(crate) refused: Vec<Refusal>,
    /// The version of each role, and the highest release of each module and bundle.
    pub(crate) versions: Floor,
    /// When the timestamp expires, in milliseconds since 1970 UTC.
    pub(crate) expires_ms: i64,
}

/// Most that the version of a role may be above the one that was taken before. An engineering default: a publication every second for
/// a century stays below, and a thief with a key cannot use up the versions.
const VERSION_STEP: u64 = 1 << 32;

/// Loads a repository over a datastore, which changes: give a copy.
///
/// `floor` holds what was taken before, whatever the datastore says.
pub(crate) async fn load(trust: &Trust, datastore: &Path, floor: &Floor, bounds: Bounds) -> Result<Verified, Refusal> {
    let anchor = std::fs::read(&trust.root).map_err(|error| {
        let why = format!(
            "the trust anchor cannot be read ({error}); get it from the authority by another way than its repository"
        );
        refusal(trust, "root", trust.root.display().to_string(), why)
    })?;
    let watched =
        Watched::new(&trust.location, bounds).map_err(|why| refusal(trust, "root", trust.location.to_string(), why))?;
    verify(trust, &anchor, watched, Some(datastore), floor).await
}

/// Loads a repository as a platform would, once these files were published in it.
pub(crate) async fn load_ahead(
    trust: &Trust,
    anchor: &[u8],
    files: BTreeMap<String, Vec<u8>>,
    floor: &Floor,
    now_ms: i64,
) -> Result<Verified, Refusal> {
    let watched = Watched::new(&trust.location, Bounds::default())
        .map_err(|why| refusal(trust, "root", trust.location.to_string(), why))?;
    let verified = verify(trust, anchor, watched.over(files), None, floor).await?;
    // By the clock of whoever publishes, which may be set.
    for (role, file, expires_ms) in verified.lives() {
        if expires_ms <= now_ms {
            return Err(refusal(trust, &role, file, "it has expired; its holders must renew it".into()));
        }
    }
    Ok(verified)
}

async fn verify(
    trust: &Trust,
    anchor: &[u8],
    watched: Watched,
    datastore: Option<&Path>,
    floor: &Floor,
) -> Result<Verified, Refusal> {
    // 1. The Update Framework: signatures, thresholds, versions, expiry, digests, lengths.
    let bounds = watched.bounds();
    let below = |folder: &str| {
        trust
            .location
            .join(folder)
            .map_err(|error| refusal(trust, "root", trust.location.to_string(), error.to_string()))
    };
    let limits = Limits {
        max_root_size: bounds.metadata,
        max_targets_size: bounds.metadata,
        max_timestamp_size: bounds.metadata,
        max_snapshot_size: bounds.metadata,
        ..Limits::default()
    };
    let mut loader = RepositoryLoader::new(&anchor, below("metadata/")?, below("targets/")?)
        .transport(watched.clone())
        .limits(limits);
    loader = match datastore {
        Some(datastore) => loader.datastore(datastore),
        None => loader.expiration_enforcement(ExpirationEnforcement::Unsafe),
    };
    let repository = match tokio::time::timeout(bounds.total, loader.load()).await {
        Ok(Ok(repository)) => repository,
        Ok(Err(error)) => return Err(explain(trust, &watched.seen(), &error)),
        Err(_) => {
            let why = format!("the repository took longer than {:?}; the last good generation stays", bounds.total);
            let seen = watched.seen();
            return Err(refusal(trust, role_in(&seen.last), file_in(&seen.last), why));
        }
    };
    let versions_of_files = repository.snapshot().signed.meta.clone();
    let file_of = |role: &str| match versions_of_files.get(&format!("{role}.json")) {
        Some(meta) => format!("{}.{role}.json", meta.version),
        None => format!("{role}.json"),
    };
    // 2. The shape: every delegated role is there, every pattern and name is legal, nobody lists a file of another.
    let targets = &repository.targets().signed;
    let mut charter = charter::read(&trust.name, targets, &file_of)?;
    // 3. The floor: nothing is older than what was taken before, or than what came with the trust anchor, and no number leaps so far
    //    that nobody could follow. A role refuses the repository, a release its own line.
    let floors = [
        Held { floor, what: "which was taken before" },
        Held { floor: &trust.minimum, what: "the minimum that came with the trust anchor" },
    ];
    hold_roles(trust, &of_roles(&repository), &floors, &file_of)?;
    let refused = charter.hold(&trust.name, &floors);
    let mut verified = Verified {
        expires_ms: repository.timestamp().signed.expires.as_millisecond(),
        versions: of_roles(&repository),
        charter,
        refused,
        repository,
        bounds,
    };
    for listed in &verified.charter.files {
        let release = verified.versions.entry(listed.file.line()).or_default();
        *release = listed.file.release.max(*release);
    }
    // A role that is gone keeps its floor, in case that it comes back. An association that is delegated to anew begins anew with its
    // releases; that no old state passes for this is seen from the roles.
    for (name, version) in floor {
        let delegated = |(namespace, _): (&str, &str)| verified.charter.association_of(namespace).is_some();
        let known_by_line = lines_of(name).is_some_and(|lines| lines.iter().any(|l| verified.versions.contains_key(l)));
        if name.split_once('/').is_none_or(delegated) && !known_by_line {
            verified.versions.entry(name.clone()).or_insert(*version);
        }
    }
    Ok(verified)
}

impl Verified {
    /// Each role that somebody has to renew, with its file and when it expires, in milliseconds since 1970 UTC.
    fn lives(&self) -> Vec<(String, String, i64)> {
        let (root, targets) = (&self.repository.root().signed, &self.repository.targets().signed);
        let mut lives = vec![
            ("root".to_owned(), root.version, root.expires),
            ("targets".to_owned(), targets.version, targets.expires),
        ];
        for (_, role) in charter::delegations(targets) {
            let signed = role.targets.iter().map(|signed| &signed.signed);
            lives.extend(signed.map(|signed| (role.name.clone(), signed.version, signed.expires)));
        }
        let named = |(role, version, expires): (String, std::num::NonZeroU64, jiff::Timestamp)| {
            let file = format!("{version}.{role}.json");
            (role, file, expires.as_millisecond())
        };
        lives.into_iter().map(named).collect()
    }

    /// Fetches a file whole, until an instant; nothing of it is used before its digest is known to be right.
    ///
    /// # Errors
    /// Why not, in a clause.
    pub(crate) async fn fetch(&self, listed: &Listed, end: Instant) -> Result<Vec<u8>, String> {
        self.bounds.hold(listed)?;
        let reading = async {
            let target = TargetName::new(listed.file.to_string())?;
            match self.repository.read_target(&target).await? {
                Some(stream) => stream.into_vec().await.map(Some),
                None => Ok(None),
            }
        };
        match tokio::time::timeout_at(end.into(), reading).await {
            Ok(Ok(Some(bytes))) => Ok(bytes),
            Ok(Ok(None)) => Err("the role that lists it is not the one that speaks for it".into()),
            Ok(Err(error)) => Err(format!("{}; the repository must serve the file that was signed", cause(&error))),
            Err(_) => {
                Err(format!("the repository took longer than {:?}; the next sync goes on here", self.bounds.total))
            }
        }
    }
}

/// Refuses a repository of which a role is older than floors allow, or leaps too far over them.
fn hold_roles(
    trust: &Trust,
    versions: &Floor,
    floors: &[Held<'_>],
    file_of: &dyn Fn(&str) -> String,
) -> Result<(), Refusal> {
    for (name, version) in versions {
        let refuse = |why: String| {
            let file = match name.as_str() {
                "timestamp" => "timestamp.json".into(),
                "root" | "snapshot" => format!("{version}.{name}.json"),
                _ => file_of(name),
            };
            Err(refusal(trust, name, file, why))
        };
        let known = || floors.iter().filter_map(|Held { floor, what }| Some((floor.get(name)?, what)));
        if let Some((least, what)) = known().find(|(least, _)| version < least) {
            return refuse(format!("version {version} is older than {least}, {what}; an old state is being served"));
        }
        let before = known().map(|(least, _)| *least).max().unwrap_or(0);
        if *version > before.saturating_add(VERSION_STEP) {
            return refuse(format!(
                "version {version} is more than {VERSION_STEP} above {before}, which was taken before: forged, so that nobody could \
                 publish after it; where it is right, name a higher `minimum` in [[repositories]]"
            ));
        }
    }
    Ok(())
}

/// The version of each role.
fn of_roles(repository: &Repository) -> Floor {
    let mut versions = Floor::from([
        ("root".to_owned(), repository.root().signed.version.get()),
        ("timestamp".to_owned(), repository.timestamp().signed.version.get()),
        ("snapshot".to_owned(), repository.snapshot().signed.version.get()),
        ("targets".to_owned(), repository.targets().signed.version.get()),
    ]);
    for (_, role) in charter::delegations(&repository.targets().signed) {
        if let Some(signed) = &role.targets {
            versions.insert(role.name.clone(), signed.signed.version.get());
        }
    }
    versions
}

/// The two lines that an id (`film-club/night-films`) can mean: that of the module, and that of the bundle.
fn lines_of(name: &str) -> Option<[String; 2]> {
    let (namespace, name) = name.split_once('/').filter(|(_, name)| !name.contains('/'))?;
    Some(["modules", "data"].map(|folder| format!("{namespace}/{folder}/{name}")))
}

fn refusal(trust: &Trust, role: &str, file: String, why: String) -> Refusal {
    let authority = match role {
        "root" | "timestamp" | "snapshot" | "targets" => &trust.name,
        role => role_of(role).0,
    };
    Refusal { repository: trust.name.clone(), authority: authority.into(), role: role.into(), file, why }
}

/// `metadata/3.film-club.json` as a file.
fn file_in(path: &str) -> String {
    path.trim_start_matches("metadata/").trim_start_matches("targets/").to_owned()
}

/// What `tough` refused, in a sentence that names the file which it looked at last.
fn explain(trust: &Trust, seen: &Seen, error: &Tuf) -> Refusal {
    let here = |why: String| refusal(trust, role_in(&seen.last), file_in(&seen.last), why);
    // The chain of roots ends at one that is not there, so that the last root is the one before.
    let of_root = |why: String| {
        let last = seen.metadata.keys().filter(|file| file.ends_with(".root.json")).max_by_key(|file| file.len());
        let file = last.map_or_else(|| trust.root.display().to_string(), |file| file_in(file));
        refusal(trust, "root", file, why)
    };
    match error {
        Tuf::ExpiredMetadata { role, .. } => {
            let way = match role {
                RoleType::Timestamp | RoleType::Snapshot => {
                    "its publisher must run `normgate repo refresh`, or an old state is being served"
                }
                _ => "its holders must renew it",
            };
            let why = format!("it has expired; {way}");
            if *role == RoleType::Root { of_root(why) } else { here(why) }
        }
        Tuf::VerifyTrustedMetadata { source, .. } => {
            of_root(format!("the trust anchor is not signed by its own keys: {}", plain(source)))
        }
        Tuf::ParseTrustedMetadata { source, .. } => of_root(format!("the trust anchor is no root.json: {source}")),
        Tuf::VerifyMetadata { source, .. } => here(plain(source)),
        Tuf::ParseMetadata { source, .. } => here(format!("it cannot be read: {source}")),
        Tuf::OlderMetadata { current_version, new_version, .. } => here(format!(
            "version {new_version} is older than {current_version}, which this store has seen; an old state is being served"
        )),
        Tuf::VersionMismatch { fetched, expected, .. } => {
            here(format!("it has version {fetched}, where {expected} was announced; the repository mixes states"))
        }
        Tuf::OlderSnapshotInTimestamp { snapshot_new, snapshot_old, .. } => here(format!(
            "it names snapshot {snapshot_new}, and this store has seen {snapshot_old}; an old state is being served"
        )),
        Tuf::SnapshotRoleMissing { role, .. } => {
            here(format!("it no longer names {role}; a snapshot never forgets a role, not even a withdrawn one"))
        }
        Tuf::SnapshotRoleRollback { role, old_role_version, new_role_version, .. } => here(format!(
            "it names version {new_role_version} of {role}, and this store has seen {old_role_version}; an old state is being served"
        )),
        Tuf::InvalidPath { source: tough::schema::Error::TargetNotFound { name, .. } } => {
            let lists = |bytes: &[u8]| {
                serde_json::from_slice::<serde_json::Value>(bytes)
                    .is_ok_and(|json| json["signed"]["targets"].get(name.raw()).is_some())
            };
            let role =
                seen.metadata.iter().find(|(_, bytes)| lists(bytes)).map_or("targets", |(file, _)| role_in(file));
            refusal(trust, role, name.raw().to_owned(), "outside of what this role may sign".into())
        }
        Tuf::SystemTimeSteppedBackward { .. } => here(format!(
            "{error}; set the clock of this machine, or where it was wrong before, take latest_known_time.json out of the newest tuf-N \
             of this repository in the store"
        )),
        _ => here(cause(error)),
    }
}

fn plain(error: &tough::schema::Error) -> String {
    match error {
        tough::schema::Error::SignatureThreshold { threshold, valid, .. } => {
            format!("{valid} of {threshold} signatures that it needs are valid; its holders must sign it")
        }
        other => other.to_string(),
    }
}

/// The innermost cause, which says what happened and not through how many hands it went.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

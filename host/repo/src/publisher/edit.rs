//! Deciding: who may sign what, and which files. Each change is staged; nothing of it is published here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU64;
use std::path::Path;

use normgate::Module;
use normgate::contract::{Day, Vocabulary};
use tough::TargetName;
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::key::Key;
use tough::schema::{
    DelegatedRole, Delegations, Hashes, PathPattern, PathSet, RoleKeys, RoleType, Root, Signed, Target, Targets,
};

use super::{Publisher, SPEC_VERSION, Signers, after, one, signers_of_root, version_of, write};
use crate::charter::{Charter, Listed, delegated};
use crate::clock::{self, day_at, lifetime};
use crate::digest::{hex, sha256};
use crate::error::{Error, Place, Result, at};
use crate::keys::{PublicKey, generate};
use crate::names::{self, Duty, FileName, Kind, role_name, role_of};
use crate::release::Release;

/// What is added to what an association signs.
#[derive(Clone, Debug, Default)]
pub struct Addition {
    /// First day on which it is used; absent = as its manifest says, or at once.
    pub effective_from: Option<Day>,
    /// First day on which it is no longer used; absent = as its manifest says.
    pub effective_until: Option<Day>,
    /// Whether platforms are asked to use it without a trial.
    pub urgent: bool,
    /// Whether its version may be lower than that of the release which it takes the place of.
    pub lower: bool,
    /// Whether what is announced for later is withdrawn, instead of being announced once more.
    pub withdraw: bool,
}

/// What was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The name of its file.
    pub file: FileName,
    /// What had been announced for later: a newer release would have cancelled it, so that it is announced once more.
    pub announced: Vec<(FileName, Release)>,
    /// What had been announced for later and is withdrawn: `withdraw` says so, or it has no higher version.
    pub withdrawn: Vec<(FileName, Release)>,
}

impl Publisher {
    /// Begins a repository: root keys of which `threshold` must sign, a key for delegating (`targets`) and one for snapshot and
    /// timestamp (`online`). The keys are `root-1`, …, `targets` and `online` in the folder; each that has no `.pub` file there is
    /// made. To have a root key elsewhere, put its `.pub` file there first. What an earlier call began is gone on with.
    ///
    /// # Errors
    /// When a repository is there already, or the threshold cannot be met.
    pub fn init(path: &Path, keys: &Path, roots: usize, threshold: u64) -> Result<Self> {
        let publisher = Self { path: path.to_owned(), now_ms: clock::now_ms() };
        // The targets role is staged last, and taken away last when it is published: an earlier call was interrupted, and this one does
        // what is left.
        let begun = publisher.staged("targets")?.is_some();
        if publisher.published_root()?.is_some() && !begun {
            return Err(at(path.display(), "a repository is here already; take another directory"));
        }
        if begun {
            let root = publisher.known_root()?;
            let asked = |by: Signers| (by.keys.len(), by.threshold) == (roots, threshold);
            if version_of(&root) == 1 && signers_of_root(&root.signed, RoleType::Root).is_some_and(asked) {
                return Ok(publisher);
            }
            let way = "`normgate repo sign` and `normgate repo publish` go on with it";
            return Err(at(path.display(), format!("another repository was begun here; {way}")));
        }
        let place = &keys.display().to_string();
        let threshold =
            NonZeroU64::new(threshold).filter(|threshold| threshold.get() <= roots as u64).ok_or_else(|| {
                at(place, format!("of {roots} root keys {threshold} cannot sign; take a threshold of 1 to {roots}"))
            })?;
        std::fs::create_dir_all(keys).place(place)?;
        let key = |name: &str| {
            let public = keys.join(name).with_extension("pub");
            if public.exists() { PublicKey::read(&public) } else { generate(&keys.join(name).with_extension("pem")) }
        };
        let root_keys = (1..=roots).map(|number| key(&format!("root-{number}"))).collect::<Result<Vec<_>>>()?;
        let (targets, online) = (key("targets")?, key("online")?);
        let mut root = Root {
            spec_version: SPEC_VERSION.into(),
            consistent_snapshot: true,
            version: one(),
            expires: clock::in_days(publisher.now_ms, lifetime::ROOT),
            keys: HashMap::new(),
            roles: HashMap::new(),
            _extra: HashMap::new(),
        };
        set_keys(&mut root, RoleType::Root, &root_keys, threshold);
        set_keys(&mut root, RoleType::Targets, &[targets], one());
        set_keys(&mut root, RoleType::Snapshot, std::slice::from_ref(&online), one());
        set_keys(&mut root, RoleType::Timestamp, &[online], one());
        publisher.stage("root", &Signed { signed: root, signatures: Vec::new() })?;
        publisher.stage("targets", &publisher.draft("targets", lifetime::TARGETS)?)?;
        Ok(publisher)
    }

    /// Delegates namespaces to an association, with the keys of its modules and those of its data (the same, where none are
    /// given). The association's own roles are staged too, for it to sign.
    ///
    /// # Errors
    /// When the name is taken or illegal, a namespace belongs to another, or the threshold cannot be met.
    pub fn delegate(
        &self,
        association: &str,
        namespaces: &[String],
        keys: &[PublicKey],
        data_keys: &[PublicKey],
        threshold: u64,
    ) -> Result<()> {
        names::check_association(association).map_err(|why| at(format!("association {association}"), why))?;
        let own = [association.to_owned()];
        let namespaces = if namespaces.is_empty() { &own[..] } else { namespaces };
        let data_keys = if data_keys.is_empty() { keys } else { data_keys };
        let mut targets = self.draft("targets", lifetime::TARGETS)?;
        if delegated(&targets.signed).any(|role| role.name == association) {
            let way = "to change its keys, `normgate repo rotate`";
            return Err(at(format!("association {association}"), format!("it is delegated to already; {way}")));
        }
        for namespace in namespaces {
            let place = format!("namespace {namespace}");
            if !names::is_name(namespace) {
                return Err(at(place, "no name; take lower-case letters, digits and hyphens, a letter first"));
            }
            let pattern = names::pattern(namespace, Duty::Delegate);
            if let Some(other) = delegated(&targets.signed).find(|role| patterns(role).any(|known| known == pattern)) {
                return Err(at(
                    place,
                    format!("it is delegated to {} already; one namespace has one voice", other.name),
                ));
            }
        }
        let delegation = |duty: Duty, keys: &[PublicKey]| new_role(association, namespaces, duty, keys, threshold);
        add_role(&mut targets.signed, delegation(Duty::Delegate, keys)?, keys);
        let mut head = self.draft(association, lifetime::ASSOCIATION)?;
        // A delegation that was withdrawn and comes back starts anew: nobody of before signs for it.
        head.signed.delegations = Some(Delegations::default());
        add_role(&mut head.signed, delegation(Duty::Modules, keys)?, keys);
        add_role(&mut head.signed, delegation(Duty::Data, data_keys)?, data_keys);
        self.stage("targets", &targets)?;
        self.stage(association, &head)?;
        for duty in [Duty::Modules, Duty::Data] {
            let role = role_name(association, duty);
            let mut draft = self.draft(&role, lifetime::ASSOCIATION)?;
            draft.signed.targets.clear();
            self.stage(&role, &draft)?;
        }
        Ok(())
    }

    /// Adds a module with its cases to what its authority's association signs, as the next release of its id.
    ///
    /// # Errors
    /// When the module cannot be read, its authority is nobody's namespace, or it is to be used before its manifest says so. When it
    /// has a lower version than the release before it and [`Addition::lower`] does not say so, or changes nothing.
    pub fn add_module(&self, place: &str, bytes: &[u8], cases: &str, addition: &Addition) -> Result<Added> {
        let module = Module::read(place, bytes, Vocabulary::shipped()).map_err(|error| at("repository", error))?;
        let manifest = &module.manifest;
        normgate_cases::read(cases).map_err(|why| at(format!("the cases of {place}"), why))?;
        let release = Release {
            version: manifest.version.clone(),
            effective_from: addition.effective_from.or(manifest.effective_from),
            effective_until: addition.effective_until.or(manifest.effective_until),
            urgent: addition.urgent,
            lowers: addition.lower,
            cases: Some(format!("sha256:{}", sha256(cases.as_bytes()))),
        };
        if manifest.effective_from > release.effective_from {
            let day = manifest.effective_from.map(|day| day.to_string()).unwrap_or_default();
            return Err(at(
                place,
                format!("its manifest says that it is in force from {day}; it cannot be used before that"),
            ));
        }
        let (namespace, name) = manifest.id.split_once('/').unwrap_or_default();
        let file = self.next(namespace, name, Kind::Module)?;
        self.ship(file, release, bytes, Some(cases.as_bytes()), addition.withdraw)
    }

    /// Adds a data bundle, an opaque file, as the next release of `<namespace>/<name>`.
    ///
    /// # Errors
    /// When the namespace is nobody's, or it changes nothing.
    pub fn add_data(&self, id: &str, version: &str, bytes: &[u8], addition: &Addition) -> Result<Added> {
        let Some((namespace, name)) = id.split_once('/') else {
            return Err(at(id, "no id of a data bundle; write <namespace>/<name>"));
        };
        let release = Release {
            version: version.into(),
            effective_from: addition.effective_from,
            effective_until: addition.effective_until,
            urgent: addition.urgent,
            lowers: false,
            cases: None,
        };
        let file = self.next(namespace, name, Kind::Data)?;
        self.ship(file, release, bytes, None, addition.withdraw)
    }

    /// Ships the release before the newest one in force once more, under a higher release number: platforms never go back. What is
    /// announced for later stays announced, or is withdrawn.
    ///
    /// # Errors
    /// When there is no earlier release of it.
    pub fn revert(&self, id: &str, withdraw: bool) -> Result<Added> {
        let charter = self.charter()?;
        let today = self.today()?;
        let mut known: Vec<_> =
            charter.files.iter().filter(|listed| listed.file.id() == id && listed.file.kind != Kind::Cases).collect();
        known.sort_by_key(|listed| listed.file.release);
        known.retain(|listed| listed.release.effective_from.is_none_or(|from| from <= today));
        let [.., before, newest] = known[..] else {
            return Err(at(id, "there is no earlier release of it to go back to"));
        };
        // Shipping again what was itself shipped again would bring back what was left.
        let before = known.iter().rev().find(|listed| listed.sha256 != newest.sha256).copied().unwrap_or(before);
        let next = self.next(&before.file.namespace, &before.file.name, before.file.kind)?;
        let (bytes, cases) = self.contents(before)?;
        let release = Release { effective_from: None, urgent: true, lowers: true, ..before.release.clone() };
        self.ship(next, release, &bytes, cases.as_deref(), withdraw)
    }

    /// Stages a release, and after it once more what was announced for later, since of several the highest release counts.
    fn ship(
        &self,
        file: FileName,
        mut release: Release,
        bytes: &[u8],
        cases: Option<&[u8]>,
        withdraw: bool,
    ) -> Result<Added> {
        let charter = self.charter()?;
        let today = self.today()?;
        let first = release.effective_from.unwrap_or(today).max(today);
        let of_it =
            || charter.files.iter().filter(|listed| listed.file.id() == file.id() && listed.file.kind == file.kind);
        let on =
            |day: Day| of_it().filter(|listed| listed.release.in_force(day)).max_by_key(|listed| listed.file.release);
        let is_module = file.kind == Kind::Module;
        // A platform may still have any of those before, also where the newest was lowered on purpose already.
        let begun = |listed: &&Listed| listed.release.effective_from.is_none_or(|from| from <= first);
        let lowers = is_module && of_it().filter(begun).any(|before| release.number() < before.release.number());
        if let Some(before) = on(first) {
            if is_module && release.number() < before.release.number() && !release.lowers {
                let (version, higher) = (&release.version, &before.release.version);
                let why = format!(
                    "version {version} is lower than {higher}, which {} has; say --lower, if that is meant",
                    before.file
                );
                return Err(at(file.id(), why));
            }
            let same = Release {
                effective_from: before.release.effective_from,
                lowers: before.release.lowers,
                ..release.clone()
            };
            if before.sha256 == sha256(bytes) && before.release == same {
                return Err(at(file.id(), format!("it is what {} is already; nothing is added", before.file)));
            }
        }
        release.lowers = lowers;
        let later = of_it().filter_map(|listed| {
            let from = listed.release.effective_from.filter(|from| *from > today && *from >= first)?;
            (on(from) == Some(listed)).then_some((from, listed))
        });
        let mut later: Vec<_> = later.collect();
        later.sort_by_key(|(from, listed)| (*from, listed.file.release));
        self.add_files(&file, &release, bytes, cases)?;
        let mut added = Added { file, announced: Vec::new(), withdrawn: Vec::new() };
        for (from, listed) in later {
            let higher = !is_module || listed.release.number() > release.number();
            if withdraw || from == first || !higher {
                added.withdrawn.push((listed.file.clone(), listed.release.clone()));
                continue;
            }
            let next = self.next(&listed.file.namespace, &listed.file.name, listed.file.kind)?;
            let (bytes, cases) = self.contents(listed)?;
            self.add_files(&next, &listed.release, &bytes, cases.as_deref())?;
            added.announced.push((next, listed.release.clone()));
        }
        Ok(added)
    }

    /// The bytes of a file that is listed, and its cases.
    fn contents(&self, listed: &Listed) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
        let content = |file: &FileName, digest: &str| {
            let path = self.target_path(&file.to_string(), digest);
            std::fs::read(&path).place(path.display())
        };
        let cases = listed.release.cases.as_ref();
        let cases = cases.map(|digest| content(&listed.file.cases(), digest.trim_start_matches("sha256:")));
        Ok((content(&listed.file, &listed.sha256)?, cases.transpose()?))
    }

    fn today(&self) -> Result<Day> {
        day_at(self.now_ms).ok_or_else(|| at(self.path.display(), "the clock stands outside of the calendar"))
    }

    /// Withdraws the delegation of an association: nothing that it signed is taken any more.
    ///
    /// # Errors
    /// When nobody delegates to it.
    pub fn revoke(&self, association: &str) -> Result<()> {
        let mut targets = self.draft("targets", lifetime::TARGETS)?;
        let delegations = targets.signed.delegations.get_or_insert_default();
        let before = delegations.roles.len();
        delegations.roles.retain(|role| role.name != association);
        if delegations.roles.len() == before {
            return Err(at(
                format!("association {association}"),
                "it is not delegated to; `normgate repo status` lists who is",
            ));
        }
        drop_unused_keys(delegations);
        for role in [association.to_owned(), role_name(association, Duty::Modules), role_name(association, Duty::Data)]
        {
            if self.staged(&role)?.is_some() {
                self.unstage(&role)?;
            }
        }
        self.stage("targets", &targets)
    }

    /// Gives a role other keys: `root`, `targets`, `online` (snapshot and timestamp), an association, or one of its two roles.
    /// An association's own roles follow it where they had the same keys, so that whoever lost these needs them for nothing.
    /// What the roles say is staged again, for the new keys to sign; says which roles.
    ///
    /// # Errors
    /// When there is no such role, or the threshold cannot be met.
    pub fn rotate(&self, role: &str, keys: &[PublicKey], threshold: u64) -> Result<Vec<String>> {
        let enough = NonZeroU64::new(threshold).filter(|threshold| threshold.get() <= keys.len() as u64);
        let Some(threshold) = enough else {
            return Err(at(format!("role {role}"), format!("of {} keys {threshold} cannot sign", keys.len())));
        };
        let of_root: &[RoleType] = match role {
            "root" => &[RoleType::Root],
            "targets" => &[RoleType::Targets],
            "online" => &[RoleType::Snapshot, RoleType::Timestamp],
            _ => &[],
        };
        if !of_root.is_empty() {
            let mut root = self.draft_root()?;
            for role in of_root {
                set_keys(&mut root.signed, *role, keys, threshold);
            }
            let used: Vec<_> = root.signed.roles.values().flat_map(|role| role.keyids.clone()).collect();
            root.signed.keys.retain(|id, _| used.contains(id));
            self.stage("root", &root)?;
            if role == "targets" {
                self.stage("targets", &self.draft("targets", lifetime::TARGETS)?)?;
                return Ok(vec!["root".into(), "targets".into()]);
            }
            return Ok(vec!["root".into()]);
        }
        let before = self.signers(role)?.ids();
        let by = self.delegator(role);
        let life = if by == "targets" { lifetime::TARGETS } else { lifetime::ASSOCIATION };
        let mut delegating = self.draft(&by, life)?;
        let delegations = delegating.signed.delegations.get_or_insert_default();
        give(delegations, |known| known.name == role, keys, threshold);
        self.stage(&by, &delegating)?;
        let mut draft = self.draft(role, lifetime::ASSOCIATION)?;
        let mut staged = vec![by, role.to_owned()];
        if let Some(delegations) = &mut draft.signed.delegations {
            let same = |ids: &[Decoded<Hex>]| ids.len() == before.len() && ids.iter().all(|id| before.contains(id));
            let follow: Vec<String> =
                delegations.roles.iter().filter(|known| same(&known.keyids)).map(|known| known.name.clone()).collect();
            give(delegations, |known| follow.contains(&known.name), keys, threshold);
            for role in &follow {
                self.stage(role, &self.draft(role, lifetime::ASSOCIATION)?)?;
            }
            staged.extend(follow);
        }
        self.stage(role, &draft)?;
        Ok(staged)
    }

    /// Stages a role as it is, to be signed and to live on.
    ///
    /// # Errors
    /// When there is no such role.
    pub fn renew(&self, role: &str) -> Result<()> {
        match role {
            "root" => self.stage(role, &self.draft_root()?),
            "targets" => self.stage(role, &self.draft(role, lifetime::TARGETS)?),
            _ => {
                self.signers(role)?;
                self.stage(role, &self.draft(role, lifetime::ASSOCIATION)?)
            }
        }
    }

    /// The roles that an association signs: its own, and those that it delegates to. Any other role is alone.
    ///
    /// # Errors
    /// When the role cannot be read.
    pub fn together(&self, role: &str) -> Result<Vec<String>> {
        let mut roles = vec![role.to_owned()];
        if association_of(role) == Some(role)
            && let Some(document) = self.role(role)?
        {
            roles.extend(delegated(&document.signed).map(|inner| inner.name.clone()));
        }
        Ok(roles)
    }

    fn draft_root(&self) -> Result<Signed<Root>> {
        let published = self.published_root()?;
        let mut root = self.known_root()?;
        root.signed.version = after(published.as_ref().map(version_of))?;
        root.signed.expires = clock::in_days(self.now_ms, lifetime::ROOT);
        root.signatures.clear();
        Ok(root)
    }

    /// What the directory says, staged changes included.
    pub(crate) fn charter(&self) -> Result<Charter> {
        let targets = self.tree()?;
        let file_of = |role: &str| format!("staged/{role}.json");
        let mut charter = crate::charter::read("here", &targets, &file_of).map_err(Error::Refused)?;
        // What no platform takes is nothing that a release could follow.
        charter.hold("here", &[]);
        Ok(charter)
    }

    /// The targets role with everything below it.
    pub(crate) fn tree(&self) -> Result<Targets> {
        let mut targets = self.draft("targets", lifetime::TARGETS)?.signed;
        for role in targets.delegations.iter_mut().flat_map(|delegations| &mut delegations.roles) {
            role.targets = self.role(&role.name)?;
            let inner = role.targets.iter_mut().filter_map(|signed| signed.signed.delegations.as_mut());
            for role in inner.flat_map(|delegations| &mut delegations.roles) {
                role.targets = self.role(&role.name)?;
            }
        }
        Ok(targets)
    }

    /// The name that the next release of this has.
    fn next(&self, namespace: &str, name: &str, kind: Kind) -> Result<FileName> {
        let file = FileName { namespace: namespace.into(), name: name.into(), release: 1, kind };
        let charter = self.charter()?;
        let known = charter.files.iter().filter(|listed| listed.file.id() == file.id() && listed.file.kind == kind);
        let release = known.map(|listed| listed.file.release).max().unwrap_or(0) + 1;
        let file = FileName { release, ..file };
        match FileName::parse(&file.to_string()) {
            Some(file) => Ok(file),
            None => {
                Err(at(file.id(), "no name that a repository can carry; take lower-case letters, digits and hyphens"))
            }
        }
    }

    /// The role that signs a file.
    ///
    /// # Errors
    /// When its namespace is nobody's.
    pub fn role_of(&self, file: &FileName) -> Result<String> {
        let charter = self.charter()?;
        let association = charter.association_of(&file.namespace).ok_or_else(|| {
            let way = "whoever holds the targets key delegates it with `normgate repo delegate`";
            at(file.id(), format!("the namespace `{}` is delegated to nobody; {way}", file.namespace))
        })?;
        Ok(role_name(association, file.duty()))
    }

    /// The role that signs what has this id.
    ///
    /// # Errors
    /// When it is no id, or its namespace is nobody's.
    pub fn role_for(&self, id: &str, kind: Kind) -> Result<String> {
        let (namespace, name) = id.split_once('/').ok_or_else(|| at(id, "no id; write <namespace>/<name>"))?;
        self.role_of(&FileName { namespace: namespace.into(), name: name.into(), release: 1, kind })
    }

    /// The roles that list something of this id.
    ///
    /// # Errors
    /// When what is staged has another shape than a repository may have.
    pub fn roles_with(&self, id: &str) -> Result<Vec<String>> {
        let of_it = self.charter()?.files.into_iter().filter(|listed| listed.file.id() == id);
        let roles: BTreeSet<String> = of_it.map(|listed| listed.role).collect();
        Ok(roles.into_iter().collect())
    }

    fn add_files(&self, file: &FileName, release: &Release, bytes: &[u8], cases: Option<&[u8]>) -> Result<()> {
        let role = self.role_of(file)?;
        let mut draft = self.draft(&role, lifetime::ASSOCIATION)?;
        let cases = cases.map(|cases| (file.cases(), cases));
        for (name, bytes) in std::iter::once((file.clone(), bytes)).chain(cases) {
            let digest = sha256(bytes);
            write(&self.target_path(&name.to_string(), &digest), bytes)?;
            let sha256: Decoded<Hex> =
                aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref().to_vec().into();
            let target = Target {
                length: bytes.len() as u64,
                hashes: Hashes { sha256, _extra: HashMap::new() },
                custom: if name.kind == Kind::Cases { HashMap::new() } else { release.to_custom() },
                _extra: HashMap::new(),
            };
            draft.signed.targets.insert(TargetName::new(name.to_string()).place(&name)?, target);
        }
        self.stage(&role, &draft)
    }
}

pub(super) fn patterns(role: &DelegatedRole) -> impl Iterator<Item = &str> {
    let known: &[PathPattern] = match &role.paths {
        PathSet::Paths(patterns) => patterns,
        PathSet::PathHashPrefixes(_) => &[],
    };
    known.iter().map(PathPattern::value)
}

fn set_keys(root: &mut Root, role: RoleType, keys: &[PublicKey], threshold: NonZeroU64) {
    root.keys.extend(keys.iter().map(|key| (key.id.clone(), key.key.clone())));
    let keyids = keys.iter().map(|key| key.id.clone()).collect();
    root.roles.insert(role, RoleKeys { keyids, threshold, _extra: HashMap::new() });
}

fn new_role(
    association: &str,
    namespaces: &[String],
    duty: Duty,
    keys: &[PublicKey],
    threshold: u64,
) -> Result<DelegatedRole> {
    let name = role_name(association, duty);
    let threshold = NonZeroU64::new(threshold)
        .filter(|threshold| threshold.get() <= keys.len() as u64)
        .ok_or_else(|| at(format!("role {name}"), format!("of {} keys {threshold} cannot sign", keys.len())))?;
    let patterns = namespaces.iter().map(|namespace| PathPattern::new(names::pattern(namespace, duty)));
    let paths = PathSet::Paths(patterns.collect::<Result<_, _>>().place(&name)?);
    let keyids = keys.iter().map(|key| key.id.clone()).collect();
    Ok(DelegatedRole { name, keyids, threshold, paths, terminating: true, targets: None })
}

fn add_role(targets: &mut Targets, role: DelegatedRole, keys: &[PublicKey]) {
    let delegations = targets.delegations.get_or_insert_default();
    delegations.keys.extend(keys.iter().map(|key| (key.id.clone(), key.key.clone())));
    delegations.roles.push(role);
}

/// Gives delegated roles other keys.
fn give(
    delegations: &mut Delegations,
    which: impl Fn(&DelegatedRole) -> bool,
    keys: &[PublicKey],
    threshold: NonZeroU64,
) {
    for role in delegations.roles.iter_mut().filter(|role| which(role)) {
        role.keyids = keys.iter().map(|key| key.id.clone()).collect();
        role.threshold = threshold;
    }
    delegations.keys.extend(keys.iter().map(|key| (key.id.clone(), key.key.clone())));
    drop_unused_keys(delegations);
}

fn drop_unused_keys(delegations: &mut Delegations) {
    let used: BTreeMap<String, ()> =
        delegations.roles.iter().flat_map(|role| &role.keyids).map(|id| (hex(id), ())).collect();
    delegations.keys.retain(|id: &Decoded<Hex>, _: &mut Key| used.contains_key(&hex(id)));
}

/// The association that a role belongs to; for the top roles, none.
pub(crate) fn association_of(role: &str) -> Option<&str> {
    (!["root", "targets", "snapshot", "timestamp"].contains(&role)).then(|| role_of(role).0)
}

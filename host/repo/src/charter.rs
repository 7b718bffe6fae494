//! Who may sign which files: the shape that a repository must have. Publisher and platform hold it against the same rules.
//!
//! TUF alone lets a delegation be anything: a pattern may cross folders, a role may list files of others as long as somebody else
//! lists them too. Here a repository has one shape. Its targets role signs no file, and delegates each association its namespaces.
//! An association signs no file either, and delegates to `NAME-modules` and `NAME-data`. What these list must lie in their own
//! folder, under a name that can be written in one way only.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use tough::schema::{DelegatedRole, Delegations, PathSet, Targets};

use crate::error::Refusal;
use crate::names::{self, Duty, FileName, Kind, role_of};
use crate::release::Release;
use crate::store::Floor;

/// Most that the number of a release may be above the one before it. An engineering default: nobody ships a thousand releases between
/// two syncs, and a thief with a key cannot use up the numbers.
pub(crate) const RELEASE_STEP: u64 = 1_000;

/// A file that a role signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The association.
    pub association: String,
    /// The role that signed.
    pub role: String,
    /// The name.
    pub file: FileName,
    /// Length in bytes.
    pub length: u64,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
    /// What the role says of it.
    pub release: Release,
}

/// What a repository says, once its shape has been checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Charter {
    /// The namespaces of each association.
    pub associations: BTreeMap<String, Vec<String>>,
    /// Every file, by name.
    pub files: Vec<Listed>,
}

impl Charter {
    /// Which association speaks for a namespace.
    pub fn association_of(&self, namespace: &str) -> Option<&str> {
        let mut all = self.associations.iter();
        all.find(|(_, namespaces)| namespaces.iter().any(|known| known == namespace)).map(|(name, _)| name.as_str())
    }
}

/// A line of releases that was held against what was taken before.
pub(crate) struct Held<'a> {
    /// What was taken before, and where that is known from.
    pub(crate) floor: &'a Floor,
    /// What it is, for the sentence.
    pub(crate) what: &'a str,
}

impl Charter {
    /// The cases of a module: signed by the same role, and named by digest in what was signed of the module.
    ///
    /// # Errors
    /// Where there are none, in a clause.
    pub(crate) fn cases_of(&self, module: &Listed) -> Result<&Listed, String> {
        let mut beside =
            self.files.iter().filter(|other| other.file == module.file.cases() && other.role == module.role);
        let named = |cases: &&Listed| module.release.cases.as_deref() == Some(&format!("sha256:{}", cases.sha256));
        beside.find(named).ok_or_else(|| {
            "it comes without the cases that were signed with it; its publisher adds it with --cases".into()
        })
    }

    /// Takes out what is older than floors allow, and releases whose number leaps over too many. Each costs its own line alone: says
    /// which, a refusal each.
    pub(crate) fn hold(&mut self, repository: &str, floors: &[Held<'_>]) -> Vec<Refusal> {
        let mut refused = Vec::new();
        let mut lines: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
        for listed in self.files.iter().filter(|listed| listed.file.kind != Kind::Cases) {
            lines.entry(listed.file.line()).or_default().push(listed.clone());
        }
        // An older store knows the higher release of a module and a bundle of one id.
        let mut by_id: BTreeMap<String, u64> = BTreeMap::new();
        for listed in lines.values().flatten() {
            let highest = by_id.entry(listed.file.id()).or_default();
            *highest = listed.file.release.max(*highest);
        }
        for (line, mut releases) in lines {
            releases.sort_by_key(|listed| listed.file.release);
            let Some(newest) = releases.last().cloned() else { continue };
            let refuse = |listed: &Listed, why: String| Refusal {
                repository: repository.into(),
                authority: listed.association.clone(),
                role: listed.role.clone(),
                file: listed.file.to_string(),
                why,
            };
            let (mut known, mut older) = (0, None);
            for Held { floor, what } in floors {
                for (name, number) in [(&line, newest.file.release), (&newest.file.id(), by_id[&newest.file.id()])] {
                    let Some(least) = floor.get(name) else { continue };
                    known = known.max(*least);
                    if number < *least && older.is_none() {
                        let why =
                            format!("release {number} is older than {least}, {what}; an old state is being served");
                        older = Some(refuse(&newest, why));
                    }
                }
            }
            let (gone, refusal) = match older {
                Some(refusal) => (releases, Some(refusal)),
                None => {
                    let first = first_leap(releases.iter().map(|listed| listed.file.release), known);
                    let (_, leaping) = releases.split_at(first.unwrap_or(releases.len()));
                    let refusal = leaping.first().map(|listed| {
                        refuse(listed, format!(
                            "its number leaps over more than {RELEASE_STEP} releases, so that nobody could ship after it; its holders \
                             sign without it, or whoever gave the trust anchor names a higher `minimum`"
                        ))
                    });
                    (leaping.to_vec(), refusal)
                }
            };
            refused.extend(refusal);
            let gone: BTreeSet<FileName> = gone.into_iter().flat_map(|l| [l.file.cases(), l.file]).collect();
            self.files.retain(|listed| !gone.contains(&listed.file));
        }
        refused
    }
}

/// Where numbers in order leap over too many, from the highest that is known.
fn first_leap(numbers: impl IntoIterator<Item = u64>, mut known: u64) -> Option<usize> {
    numbers.into_iter().position(|number| {
        let leaps = number > known.saturating_add(RELEASE_STEP);
        known = known.max(number);
        leaps
    })
}

/// Of the files of a role, those that nobody takes, since their number leaps over too many.
pub(crate) fn leaps<'n>(names: impl IntoIterator<Item = &'n str>) -> HashSet<String> {
    let mut lines: BTreeMap<String, BTreeMap<u64, Vec<FileName>>> = BTreeMap::new();
    for file in names.into_iter().filter_map(FileName::parse) {
        lines.entry(file.line()).or_default().entry(file.release).or_default().push(file);
    }
    let leaping = lines.into_values().flat_map(|releases| {
        let first = first_leap(releases.keys().copied(), 0).unwrap_or(releases.len());
        releases.into_values().skip(first).flatten()
    });
    leaping.map(|file| file.to_string()).collect()
}

/// Reads the tree of roles below a targets role, and holds it against the one legal shape. `file_of` gives the name of the file
/// that holds a role, for the sentence.
pub(crate) fn read(repository: &str, targets: &Targets, file_of: &dyn Fn(&str) -> String) -> Result<Charter, Refusal> {
    let reader = Reader { repository, file_of };
    let mut charter = Charter::default();
    let mut claimed: BTreeMap<&str, &str> = BTreeMap::new();
    if let Some(name) = targets.targets.keys().next() {
        return Err(reader.refuse(
            "targets",
            format!("it lists `{}` itself, where only associations list files; delegate to one", name.raw()),
        ));
    }
    for role in delegated(targets) {
        names::check_association(&role.name).map_err(|why| reader.refuse("targets", why))?;
        let namespaces = reader.namespaces("targets", role, Duty::Delegate)?;
        for namespace in &namespaces {
            if let Some(other) = claimed.insert(namespace, &role.name) {
                let why =
                    format!("`{namespace}` is delegated to {other} and to {}; one namespace has one voice", role.name);
                return Err(reader.refuse("targets", why));
            }
        }
        reader.association(role, &namespaces, &mut charter)?;
        charter.associations.insert(role.name.clone(), namespaces.iter().map(|name| (*name).to_owned()).collect());
    }
    charter.files.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(charter)
}

pub(crate) fn delegated(targets: &Targets) -> impl Iterator<Item = &DelegatedRole> {
    targets.delegations.iter().flat_map(|delegations| &delegations.roles)
}

/// Every delegation of a tree, with the keys that its delegator names.
pub(crate) fn delegations(targets: &Targets) -> Vec<(&Delegations, &DelegatedRole)> {
    let Some(top) = &targets.delegations else { return Vec::new() };
    let mut all = Vec::new();
    for outer in &top.roles {
        all.push((top, outer));
        let below = outer.targets.iter().filter_map(|signed| signed.signed.delegations.as_ref());
        all.extend(below.flat_map(|by| by.roles.iter().map(move |inner| (by, inner))));
    }
    all
}

struct Reader<'a> {
    repository: &'a str,
    file_of: &'a dyn Fn(&str) -> String,
}

impl Reader<'_> {
    fn refuse(&self, role: &str, why: String) -> Refusal {
        let authority = match role {
            "targets" => self.repository,
            role => role_of(role).0,
        };
        Refusal {
            repository: self.repository.into(),
            authority: authority.into(),
            role: role.into(),
            file: (self.file_of)(role),
            why,
        }
    }

    /// The namespaces of a delegation by this role: each pattern must be the one that the duty has.
    fn namespaces<'a>(&self, by: &str, role: &'a DelegatedRole, duty: Duty) -> Result<Vec<&'a str>, Refusal> {
        let patterns: Vec<&str> = match &role.paths {
            PathSet::Paths(patterns) => patterns.iter().map(|pattern| pattern.value()).collect(),
            PathSet::PathHashPrefixes(_) => {
                return Err(self.refuse(
                    by,
                    format!("it delegates to {} by hash prefixes; only patterns of names are taken", role.name),
                ));
            }
        };
        let read = |text: &&'a str| {
            names::namespace_of(text, duty).ok_or_else(|| {
                let legal = names::pattern("NAME", duty);
                self.refuse(
                    by,
                    format!("it delegates `{text}` to {}; only a pattern of the form {legal} is taken", role.name),
                )
            })
        };
        patterns.iter().map(read).collect()
    }

    fn association(&self, role: &DelegatedRole, namespaces: &[&str], charter: &mut Charter) -> Result<(), Refusal> {
        let signed = &self.loaded(role)?.signed;
        if let Some(name) = signed.targets.keys().next() {
            let why = format!(
                "it lists `{}` itself, where only {}-modules and {}-data list files",
                name.raw(),
                role.name,
                role.name
            );
            return Err(self.refuse(&role.name, why));
        }
        let mut seen = BTreeSet::new();
        for inner in delegated(signed) {
            let (association, duty) = role_of(&inner.name);
            if association != role.name || duty == Duty::Delegate || !seen.insert(&inner.name) {
                let why = format!(
                    "it delegates to `{}`; an association has {1}-modules and {1}-data and no other role",
                    inner.name, role.name
                );
                return Err(self.refuse(&role.name, why));
            }
            let own = self.namespaces(&role.name, inner, duty)?;
            if let Some(foreign) = own.iter().find(|name| !namespaces.contains(name)) {
                let why = format!(
                    "it delegates the namespace `{foreign}`, which is not its own; its own are {}",
                    namespaces.join(", ")
                );
                return Err(self.refuse(&role.name, why));
            }
            self.files(role, inner, &own, charter)?;
        }
        Ok(())
    }

    fn files(
        &self,
        association: &DelegatedRole,
        role: &DelegatedRole,
        namespaces: &[&str],
        charter: &mut Charter,
    ) -> Result<(), Refusal> {
        let signed = &self.loaded(role)?.signed;
        if delegated(signed).next().is_some() {
            return Err(self.refuse(&role.name, "it delegates further; nobody may after an association".into()));
        }
        let (_, duty) = role_of(&role.name);
        for (name, target) in &signed.targets {
            let refuse = |why: String| Refusal { file: name.raw().to_owned(), ..self.refuse(&role.name, why) };
            let file = FileName::parse(name.raw())
                .ok_or_else(|| refuse("no legal name of a file; they are NAME/modules/X.1.wasm, NAME/modules/X.1.cases.jsonl, NAME/data/X.1.data".into()))?;
            if file.duty() != duty || !namespaces.contains(&file.namespace.as_str()) {
                let own: Vec<String> = namespaces.iter().map(|name| names::pattern(name, duty)).collect();
                return Err(refuse(format!("outside of what this role may sign, which is {}", own.join(", "))));
            }
            let release = match file.kind {
                Kind::Cases => Release {
                    version: String::new(),
                    effective_from: None,
                    effective_until: None,
                    urgent: false,
                    lowers: false,
                    cases: None,
                },
                _ => Release::read(&target.custom)
                    .map_err(|why| refuse(format!("what is said of it cannot be read: {why}")))?,
            };
            let sha256 = crate::digest::hex(&target.hashes.sha256);
            if sha256.len() != 64 {
                return Err(refuse("its digest is no SHA-256".into()));
            }
            charter.files.push(Listed {
                association: association.name.clone(),
                role: role.name.clone(),
                file,
                length: target.length,
                sha256,
                release,
            });
        }
        Ok(())
    }

    /// The metadata of a delegated role. It can be missing although everything was signed: then whoever serves the repository
    /// left it out.
    fn loaded<'a>(&self, role: &'a DelegatedRole) -> Result<&'a tough::schema::Signed<Targets>, Refusal> {
        role.targets.as_ref().ok_or_else(|| {
            self.refuse(&role.name, format!(
                "it is delegated to, and its metadata is missing: its holders sign it (`normgate repo sign --role {}`) and the \
                 repository publishes it, or it withdraws the delegation (`normgate repo revoke`)",
                role.name
            ))
        })
    }
}

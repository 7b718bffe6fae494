//! Names: of authorities, of the roles that speak for them, and of the files that these may sign.

use std::fmt;

/// Names that TUF keeps for its own roles.
const RESERVED: [&str; 5] = ["root", "targets", "snapshot", "timestamp", "mirrors"];
/// The highest release number: nobody ships a billion, and no sum of it overflows.
const MAX_RELEASE: u64 = 1_000_000_000;
const MODULES: &str = "-modules";
const DATA: &str = "-data";

/// Whether this is a name: lower-case letters, digits and hyphens, the first of them a letter, 64 at most.
///
/// So strict that no name is a path, a pattern, or two ways to write the same thing.
pub fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
}

/// Whether an association may be called so: a name, and none that a role of another could have.
///
/// # Errors
/// Why not, in a clause.
pub fn check_association(name: &str) -> Result<(), String> {
    if !is_name(name) {
        return Err(format!(
            "`{name}` is no name; take lower-case letters, digits and hyphens, a letter first, 64 at most"
        ));
    }
    if RESERVED.contains(&name) || name.ends_with(MODULES) || name.ends_with(DATA) {
        return Err(format!("`{name}` is kept for roles; take another name"));
    }
    Ok(())
}

/// What a role that is not one of the four top roles may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Name the keys of its association's two other roles. It signs no file.
    Delegate,
    /// Sign modules and their cases.
    Modules,
    /// Sign data bundles.
    Data,
}

/// The association and the duty behind the name of a delegated role.
pub fn role_of(role: &str) -> (&str, Duty) {
    if let Some(association) = role.strip_suffix(MODULES) {
        (association, Duty::Modules)
    } else if let Some(association) = role.strip_suffix(DATA) {
        (association, Duty::Data)
    } else {
        (role, Duty::Delegate)
    }
}

/// The name of the role that does this for an association.
pub fn role_name(association: &str, duty: Duty) -> String {
    match duty {
        Duty::Delegate => association.to_owned(),
        Duty::Modules => format!("{association}{MODULES}"),
        Duty::Data => format!("{association}{DATA}"),
    }
}

/// The pattern that a role of this duty holds over a namespace. No other pattern is legal: `*` crosses `/` in TUF.
pub fn pattern(namespace: &str, duty: Duty) -> String {
    match duty {
        Duty::Delegate => format!("{namespace}/*"),
        Duty::Modules => format!("{namespace}/modules/*"),
        Duty::Data => format!("{namespace}/data/*"),
    }
}

/// The namespace of a pattern, if it is exactly the one that the duty has over some namespace.
pub fn namespace_of(text: &str, duty: Duty) -> Option<&str> {
    let (namespace, _) = text.split_once('/')?;
    (is_name(namespace) && pattern(namespace, duty) == text).then_some(namespace)
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A policy module.
    Module,
    /// The cases of the module beside it.
    Cases,
    /// A data bundle.
    Data,
}

/// The name of a file below `targets/`: `film-club/modules/night-films.3.wasm`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileName {
    /// In whose name it speaks; of a module, the authority of its manifest.
    pub namespace: String,
    /// The name of the module or bundle in its namespace.
    pub name: String,
    /// Which release of it: 1, 2, 3, …, never given twice.
    pub release: u64,
    /// What it is.
    pub kind: Kind,
}

impl FileName {
    /// Reads a name; none when it is not exactly what [`fmt::Display`] writes, so that `..` and the like never pass.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (namespace, folder, file) = (parts.next()?, parts.next()?, parts.next()?);
        let (stem, kind) = match folder {
            "modules" => match file.strip_suffix(".cases.jsonl") {
                Some(stem) => (stem, Kind::Cases),
                None => (file.strip_suffix(".wasm")?, Kind::Module),
            },
            "data" => (file.strip_suffix(".data")?, Kind::Data),
            _ => return None,
        };
        let (name, release) = stem.rsplit_once('.')?;
        let file = Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            release: release.parse().ok().filter(|release| (1..=MAX_RELEASE).contains(release))?,
            kind,
        };
        (is_name(namespace) && is_name(name) && file.to_string() == text).then_some(file)
    }

    /// `<namespace>/<name>`; of a module, the id of its policy.
    pub fn id(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// What its releases follow each other in: `film-club/modules/night-films`, `film-club/data/words`. A bundle may be called like
    /// a module, and the releases of one say nothing of the other's.
    pub(crate) fn line(&self) -> String {
        let folder = if self.kind == Kind::Data { "data" } else { "modules" };
        format!("{}/{folder}/{}", self.namespace, self.name)
    }

    /// The name of the cases of this module.
    pub fn cases(&self) -> Self {
        Self { kind: Kind::Cases, ..self.clone() }
    }

    /// The duty of the role that may sign it.
    pub fn duty(&self) -> Duty {
        match self.kind {
            Kind::Module | Kind::Cases => Duty::Modules,
            Kind::Data => Duty::Data,
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, name, release, kind } = self;
        match kind {
            Kind::Module => write!(f, "{namespace}/modules/{name}.{release}.wasm"),
            Kind::Cases => write!(f, "{namespace}/modules/{name}.{release}.cases.jsonl"),
            Kind::Data => write!(f, "{namespace}/data/{name}.{release}.data"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duty, FileName, check_association, namespace_of};

    #[test]
    fn a_file_name_is_read_only_as_it_is_written() {
        for name in ["film-club/modules/night.3.wasm", "film-club/modules/night.3.cases.jsonl", "a/data/words.12.data"]
        {
            assert_eq!(FileName::parse(name).map(|file| file.to_string()).as_deref(), Some(name));
        }
        for name in [
            "film-club/modules/../x.1.wasm",
            "../film-club/modules/x.1.wasm",
            "/film-club/modules/x.1.wasm",
            "film-club/modules/x.01.wasm",
            "film-club/modules/x.0.wasm",
            "film-club/modules/x.18446744073709551615.wasm",
            "film-club/modules/x.wasm",
            "film-club/modules/a/x.1.wasm",
            "film-club/modules/x.1.data",
            "film-club/data/x.1.wasm",
            "Film/modules/x.1.wasm",
            "film-club/modules/x%2f.1.wasm",
            "film-club\\modules\\x.1.wasm",
        ] {
            assert_eq!(FileName::parse(name), None, "{name}");
        }
    }

    #[test]
    fn only_one_pattern_a_duty_is_legal() {
        assert_eq!(namespace_of("film-club/*", Duty::Delegate), Some("film-club"));
        assert_eq!(namespace_of("film-club/modules/*", Duty::Modules), Some("film-club"));
        for pattern in ["*", "*/*", "film-*/*", "film-club/**", "film-club/*/x", "film-club/modules/*", "/*"] {
            assert_eq!(namespace_of(pattern, Duty::Delegate), None, "{pattern}");
        }
        assert_eq!(namespace_of("film-club/*", Duty::Data), None);
    }

    #[test]
    fn an_association_is_not_called_like_a_role() {
        assert!(check_association("film-club").is_ok());
        for name in ["targets", "root", "club-modules", "club-data", "Club", "", "1club", "a/b", ".."] {
            assert!(check_association(name).is_err(), "{name}");
        }
    }
}

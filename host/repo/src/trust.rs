//! `[[repositories]]` in normgate.toml: whom a platform believes, and in whose name each may speak.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::{Host, Url};

use crate::error::{Place, Result, at};
use crate::names;

/// One repository that the platform believes.
#[derive(Clone, Debug)]
pub struct Trust {
    /// What the platform calls it.
    pub name: String,
    /// The trust anchor: a `root.json` that came by another way than the repository itself.
    pub root: PathBuf,
    /// Where it lies: a URL that ends in `/`, with `metadata/` and `targets/` below.
    pub location: Url,
    /// The authorities in whose name it may speak. Modules of others are left aside, with a notice.
    pub authorities: Vec<String>,
    /// The smallest versions that are taken, by role or by line of a module or bundle: known when the anchor was handed over, so that
    /// a new platform cannot be shown an old state.
    pub minimum: BTreeMap<String, u64>,
}

/// The same as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    root: PathBuf,
    location: String,
    authorities: Vec<String>,
    #[serde(default)]
    minimum: BTreeMap<String, u64>,
    /// Whether it may be asked over a connection that anybody on the way can read and hold up.
    #[serde(default)]
    plain_http: bool,
}

impl Trust {
    /// The directory of whoever publishes it.
    pub(crate) fn here(directory: &Path) -> Result<Self> {
        let path = std::path::absolute(directory).place(directory.display())?;
        let location =
            Url::from_directory_path(path).map_err(|()| at(directory.display(), "no path of a directory"))?;
        let (authorities, minimum) = (Vec::new(), BTreeMap::new());
        Ok(Self { name: "here".into(), root: PathBuf::new(), location, authorities, minimum })
    }

    /// Reads the entries of a configuration. Relative paths start at `base`, the folder of the file.
    ///
    /// # Errors
    /// A sentence with the key that is wrong.
    pub fn read(entries: &[toml::Table], base: &Path) -> Result<Vec<Self>> {
        let mut all: Vec<Self> = Vec::new();
        for (index, table) in entries.iter().enumerate() {
            let entry: Entry = table.clone().try_into().map_err(|error: toml::de::Error| {
                at(format!("repositories[{index}]"), error.message().replace('\n', "; "))
            })?;
            let place = format!("repositories[{index}] `{}`", entry.name);
            if !names::is_name(&entry.name) {
                return Err(at(place, "no name; take lower-case letters, digits and hyphens, a letter first"));
            }
            if entry.authorities.is_empty() {
                return Err(at(place, "it may speak for nobody; list whom under `authorities`"));
            }
            for authority in &entry.authorities {
                if !names::is_name(authority) {
                    return Err(at(place, format!("`{authority}` is no name of an authority")));
                }
            }
            for other in &all {
                if other.name == entry.name {
                    return Err(at(place, "another repository has this name"));
                }
                if let Some(both) = other.authorities.iter().find(|name| entry.authorities.contains(name)) {
                    let why =
                        format!("`{both}` is already spoken for by `{}`; one authority has one repository", other.name);
                    return Err(at(place, why));
                }
            }
            all.push(Self {
                location: location(&entry.location, base, entry.plain_http).place(&place)?,
                root: base.join(entry.root),
                name: entry.name,
                authorities: entry.authorities,
                minimum: minimum(entry.minimum).place(&place)?,
            });
        }
        Ok(all)
    }
}

/// The smallest versions: of a role by its name, of a module by its id or line, of a bundle by its line.
fn minimum(said: BTreeMap<String, u64>) -> std::result::Result<BTreeMap<String, u64>, String> {
    let read = |(name, least): (String, u64)| {
        let parts: Vec<&str> = name.split('/').collect();
        let name = match parts[..] {
            [role] if names::is_name(role) => role.to_owned(),
            [namespace, module] if names::is_name(namespace) && names::is_name(module) => {
                format!("{namespace}/modules/{module}")
            }
            [namespace, "modules" | "data", file] if names::is_name(namespace) && names::is_name(file) => name,
            _ => {
                return Err(format!(
                    "minimum `{name}`: expected a role, a module as NAMESPACE/NAME, or a bundle as NAMESPACE/data/NAME"
                ));
            }
        };
        Ok((name, least))
    };
    said.into_iter().map(read).collect()
}

/// A URL of a web server, or of a directory.
fn location(text: &str, base: &Path, plain_http: bool) -> std::result::Result<Url, String> {
    let mut url = if text.starts_with("https://") || text.starts_with("http://") {
        let url = Url::parse(text).map_err(|error| format!("`{text}` is no URL: {error}"))?;
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if url.scheme() == "http" && !local && !plain_http {
            return Err(format!(
                "whoever is on the way to `{text}` can hold updates back; write https://, or say plain_http = true"
            ));
        }
        url
    } else {
        let path = std::path::absolute(base.join(text)).map_err(|error| format!("{text}: {error}"))?;
        Url::from_directory_path(&path).map_err(|()| format!("{text}: no path of a directory"))?
    };
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Trust;

    fn read(text: &str) -> Result<Vec<Trust>, String> {
        let table: toml::Table = toml::from_str(text).expect("TOML");
        let entries: Vec<toml::Table> = table["repositories"].clone().try_into().expect("tables");
        Trust::read(&entries, Path::new("/etc/normgate")).map_err(|error| error.to_string())
    }

    #[test]
    fn paths_start_at_the_file_and_urls_end_in_a_slash() {
        let trust = read(
            "[[repositories]]\nname = \"a\"\nroot = \"root.json\"\nlocation = \"norms\"\nauthorities = [\"mct\"]\n\
             [[repositories]]\nname = \"b\"\nroot = \"/r.json\"\nlocation = \"https://norms.example/x\"\nauthorities = [\"club\"]\n\
             minimum = { timestamp = 4, \"club/night\" = 2 }",
        )
        .expect("two repositories");
        assert_eq!(trust[0].location.as_str(), "file:///etc/normgate/norms/");
        assert_eq!(trust[0].root, Path::new("/etc/normgate/root.json"));
        assert_eq!(trust[1].location.as_str(), "https://norms.example/x/");
        assert_eq!(trust[1].minimum, [("club/modules/night".to_owned(), 2), ("timestamp".to_owned(), 4)].into());
    }

    #[test]
    fn a_minimum_names_something_that_has_a_version() {
        let entry = |name: &str| {
            let head = "[[repositories]]\nname = \"a\"\nroot = \"r\"\nlocation = \"x\"\nauthorities = [\"mct\"]\n";
            read(&format!("{head}minimum = {{ \"{name}\" = 2 }}")).map(|trust| trust[0].minimum.clone())
        };
        for (name, line) in [
            ("timestamp", "timestamp"),
            ("club-modules", "club-modules"),
            ("club/night", "club/modules/night"),
            ("club/modules/night", "club/modules/night"),
            ("club/data/night", "club/data/night"),
        ] {
            assert_eq!(entry(name).expect(name), [(line.to_owned(), 2)].into());
        }
        for name in ["Club/night", "club/night/x", "club/night.3", "club/cases/night", ""] {
            let error = entry(name).expect_err(name);
            assert!(
                error.contains(&format!("minimum `{name}`: expected a role, a module as NAMESPACE/NAME")),
                "{error}"
            );
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_or_said() {
        let entry = |location: &str, more: &str| {
            read(&format!(
                "[[repositories]]\nname = \"a\"\nroot = \"r\"\nlocation = \"{location}\"\nauthorities = [\"mct\"]\n{more}"
            ))
        };
        for place in ["http://127.0.0.1:8000/x", "http://[::1]/x", "http://localhost/x", "https://norms.example/x"] {
            assert!(entry(place, "").is_ok(), "{place}");
        }
        for place in ["http://norms.example/x", "http://127.0.0.1.norms.example/x", "http://localhost.example/"] {
            assert_eq!(
                entry(place, "").expect_err("plain http"),
                format!(
                    "repositories[0] `a`: whoever is on the way to `{place}` can hold updates back; write https://, or say \
                     plain_http = true"
                )
            );
            assert!(entry(place, "plain_http = true").is_ok(), "{place}");
        }
    }

    #[test]
    fn one_authority_has_one_repository() {
        let entry = |name: &str| {
            format!("[[repositories]]\nname = \"{name}\"\nroot = \"r\"\nlocation = \"x\"\nauthorities = [\"mct\"]\n")
        };
        let error = read(&(entry("a") + &entry("b"))).expect_err("the same authority twice");
        assert_eq!(error, "repositories[1] `b`: `mct` is already spoken for by `a`; one authority has one repository");
        let error = read(&(entry("a") + &entry("a"))).expect_err("the same name twice");
        assert!(error.contains("another repository has this name"), "{error}");
    }
}

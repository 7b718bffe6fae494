//! The Cargo.toml of a norm: what may stand in it. Everything else could have cargo run or read something.

use anyhow::{Result, bail};
use toml::{Table, Value};

/// How a module is compiled; part of its bytes.
const PROFILE: &str = r#"
guest = { inherits = "release", opt-level = 3, lto = "fat", codegen-units = 1, panic = "abort", strip = true }
"#;

type Test = fn(&Value) -> bool;

/// Keys of `[package]`, each with what it may be. All of them are words, which decide nothing but what they say.
const PACKAGE: [(&str, Test); 10] = [
    ("name", is_name),
    ("version", is_version),
    ("edition", Value::is_str),
    ("rust-version", Value::is_str),
    ("publish", Value::is_bool),
    ("description", Value::is_str),
    ("license", Value::is_str),
    ("repository", Value::is_str),
    ("homepage", Value::is_str),
    ("authors", Value::is_array),
];

/// The crate's name and version, when the file asks for nothing but to be compiled.
pub(crate) fn package(text: &str) -> Result<(String, String)> {
    let file: Table = toml::from_str(text)?;
    for (key, value) in &file {
        let fits = match key.as_str() {
            "package" => check_package(value)?,
            "lib" => value.as_table().is_some_and(is_cdylib),
            "dependencies" => *value == parsed(r#"normgate-sdk = { path = "sdk" }"#),
            "profile" => *value == parsed(PROFILE),
            "workspace" => *value == parsed(""),
            _ => bail!(
                "`{key}` is not taken: a norm is compiled and nothing else; expected package, lib, dependencies, profile, workspace"
            ),
        };
        if !fits {
            bail!("invalid `{key}`: expected it as `normgate new` writes it");
        }
    }
    if let Some(missing) =
        ["package", "lib", "dependencies", "profile", "workspace"].iter().find(|key| !file.contains_key(**key))
    {
        bail!("`{missing}` is missing; write it as `normgate new` does");
    }
    let text = |key: &str| file["package"].get(key).and_then(Value::as_str).map(str::to_owned);
    match (text("name"), text("version")) {
        (Some(name), Some(version)) => Ok((name, version)),
        _ => bail!("package.name or package.version is missing"),
    }
}

fn check_package(package: &Value) -> Result<bool> {
    let Some(package) = package.as_table() else { return Ok(false) };
    for (key, value) in package {
        let Some((_, fits)) = PACKAGE.iter().find(|(known, _)| known == key) else {
            let known: Vec<&str> = PACKAGE.iter().map(|(key, _)| *key).collect();
            bail!("`package.{key}` is not taken; expected {}", known.join(", "));
        };
        if !fits(value) {
            bail!("invalid package.{key} `{value}`: expected it as `normgate new` writes it");
        }
    }
    Ok(true)
}

/// A name that is a file's name as well, and nothing else.
fn is_name(name: &Value) -> bool {
    name.as_str().is_some_and(|name| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    })
}

/// A version, as far as its characters tell: it is written into the lock file.
fn is_version(version: &Value) -> bool {
    version.as_str().is_some_and(|text| text.bytes().all(|b| b.is_ascii_alphanumeric() || b".+-".contains(&b)))
}

/// A library for the sandbox, and for tests beside it, where cargo looks for it.
fn is_cdylib(lib: &Table) -> bool {
    let kinds = lib.get("crate-type").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    lib.len() == 1
        && kinds.iter().any(|kind| kind.as_str() == Some("cdylib"))
        && kinds.iter().all(|kind| matches!(kind.as_str(), Some("cdylib" | "rlib")))
}

fn parsed(text: &str) -> Value {
    Value::Table(toml::from_str(text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::package;

    const GOOD: &str = include_str!("../../templates/common/Cargo.toml.txt");

    #[test]
    fn what_new_writes_is_taken_and_nothing_that_cargo_would_obey_is() {
        let good = GOOD.replace("{name}", "norm");
        assert_eq!(package(&good).expect("the template"), ("norm".into(), "0.0.0".into()));
        let with = |line: &str| format!("{line}\n{good}");
        let also = |lines: &str| format!("{good}\n{lines}\n");
        let instead = |from: &str, to: &str| {
            assert!(good.contains(from), "{from}");
            good.replace(from, to)
        };
        for (what, text) in [
            ("a build script", instead("publish = false", "publish = false\nbuild = \"src/lib.rs\"")),
            ("a native library", instead("publish = false", "publish = false\nlinks = \"z\"")),
            ("another workspace", instead("publish = false", "publish = false\nworkspace = \"..\"")),
            ("an inherited key", instead("version = \"0.0.0\"", "version = { workspace = true }")),
            ("a version that is more", instead("\"0.0.0\"", "\"0.0.0\\\"\\n[[patch]]\"")),
            ("a name that is a path", instead("name = \"norm\"", "name = \"../norm\"")),
            ("a procedural macro", instead("crate-type = [\"cdylib\"]", "proc-macro = true")),
            ("one as a kind", instead("[\"cdylib\"]", "[\"cdylib\", \"proc-macro\"]")),
            ("code from elsewhere", instead("crate-type", "path = \"/tmp/x.rs\"\ncrate-type")),
            ("a crate of a registry", instead("path = \"sdk\" }", "path = \"sdk\" }\nserde = \"1\"")),
            ("a crate of a folder", instead("path = \"sdk\" }", "path = \"sdk\" }\nx = { path = \"../x\" }")),
            ("another SDK", instead("path = \"sdk\" }", "path = \"../sdk\" }")),
            ("an SDK from git", instead("{ path = \"sdk\" }", "{ git = \"https://example.org/x\" }")),
            ("features of the SDK", instead("path = \"sdk\" }", "path = \"sdk\", features = [\"x\"] }")),
            ("an override of a profile", also("[profile.guest.package.norm]\nopt-level = 0")),
            ("a build override", also("[profile.guest.build-override]\nopt-level = 0")),
            ("another profile", also("[profile.release]\ndebug = true")),
            ("other settings", instead("opt-level = 3", "opt-level = 3\nrustflags = [\"-Clinker=/tmp/x\"]")),
            ("a looser profile", instead("panic = \"abort\"", "panic = \"unwind\"")),
            ("members", instead("[workspace]", "[workspace]\nmembers = [\"..\"]")),
            ("dependencies of the build", also("[build-dependencies]\nx = { path = \"x\" }")),
            ("dependencies of a target", also("[target.'cfg(all())'.dependencies]\nx = { path = \"x\" }")),
            ("dependencies of tests", also("[dev-dependencies]\nx = { path = \"x\" }")),
            ("a patch", also("[patch.crates-io]\nx = { path = \"x\" }")),
            ("a replacement", also("[replace]\n\"x:1.0.0\" = { path = \"x\" }")),
            ("features", also("[features]\ndefault = []")),
            ("a program", also("[[bin]]\nname = \"x\"\npath = \"x.rs\"")),
            ("lints", also("[lints.rust]\nunsafe_code = \"allow\"")),
            ("features of cargo", with("cargo-features = [\"profile-rustflags\"]")),
            ("no workspace of its own", instead("[workspace]", "")),
            ("no TOML", "[package".into()),
        ] {
            assert!(package(&text).is_err(), "{what} was taken");
        }
    }
}

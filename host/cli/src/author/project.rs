//! A norm's folder outside this repository: what is in it, and how a module is made of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use normgate::contract::{Manifest, Vocabulary, hex, read_policy_toml, reference};
use normgate_package::{BUILD_SECTION, PackageError, set_section};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A project's folder.
pub(crate) struct Project {
    pub(crate) folder: PathBuf,
    /// Name of its crate, and of the module's file.
    pub(crate) name: String,
}

/// What a module's bytes were made of: a custom section of the component, which decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BuildRecord {
    /// Digest of the sources that the module was built of ([`Project::source_digest`]).
    pub(crate) source: String,
    /// The compiler, as it names itself.
    pub(crate) rustc: String,
    /// The `normgate` that built it.
    pub(crate) normgate: String,
}

impl BuildRecord {
    /// What a component says of its making; none when it says nothing that can be read.
    pub(crate) fn of(component: &[u8]) -> Option<Self> {
        serde_json::from_slice(normgate_package::section(component, BUILD_SECTION)?).ok()
    }
}

/// The types that are made of policy.toml.
const GENERATED: &str = "generated/policy.rs";

impl Project {
    /// The project of a folder.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let folder = folder.canonicalize().with_context(|| folder.display().to_string())?;
        for file in ["policy.toml", "Cargo.toml"] {
            if !folder.join(file).is_file() {
                bail!(
                    "{}: no {file} here; name a project's folder, or start one with `normgate new NAME`",
                    folder.display()
                );
            }
        }
        let path = folder.join("Cargo.toml");
        let text = read(&path)?;
        let name = toml::from_str::<toml::Table>(&text).with_context(|| path.display().to_string())?;
        let name = name.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
        let Some(name) = name.map(str::to_owned) else { bail!("{}: package.name is missing", path.display()) };
        Ok(Self { folder, name })
    }

    /// What policy.toml says.
    pub(crate) fn manifest(&self) -> Result<Manifest> {
        let text = read(&self.folder.join("policy.toml"))?;
        read_policy_toml(&text, Vocabulary::shipped()).with_context(|| self.folder.display().to_string())
    }

    /// The files that follow from policy.toml or that this program carries, by path from the root.
    fn derived(&self) -> Result<Vec<(PathBuf, String)>> {
        let types = normgate_codegen::policy(&self.manifest()?)
            .and_then(normgate_codegen::pretty)
            .map_err(anyhow::Error::msg)
            .with_context(|| self.folder.join("policy.toml").display().to_string())?;
        let types = format!("// Generated from policy.toml by `normgate build`, do not edit.\n\n{types}");
        let sdk = normgate_codegen::SDK.iter().map(|(file, text)| (Path::new("sdk").join(file), (*text).to_owned()));
        let written = [(GENERATED, types), ("VOCABULARY.md", reference::markdown(Vocabulary::shipped()))];
        Ok(written.map(|(file, text)| (PathBuf::from(file), text)).into_iter().chain(sdk).collect())
    }

    /// Writes the files that are derived; true when something was out of date.
    pub(crate) fn refresh(&self) -> Result<bool> {
        let mut changed = false;
        for (file, text) in self.derived()? {
            changed |= replace(&self.folder.join(file), &text)?;
        }
        Ok(changed)
    }

    /// Derived files that are part of the module and are not what this program would write.
    pub(crate) fn outdated(&self) -> Result<Vec<PathBuf>> {
        let derived = self.derived()?.into_iter().filter(|(file, _)| file != Path::new("VOCABULARY.md"));
        let outdated = derived.filter(|(file, text)| {
            std::fs::read(self.folder.join(file)).map_or(true, |known| known != text.as_bytes())
        });
        Ok(outdated.map(|(file, _)| file).collect())
    }

    /// The module, built in `target`: compiled, wrapped, its manifest and its record in it.
    pub(crate) fn compile(&self, target: &Path) -> Result<Vec<u8>> {
        let built = normgate_package::build(&self.folder, std::slice::from_ref(&self.name), target);
        let mut components = built.map_err(|error| match &error {
            // The compiler cannot know where a method would have come from.
            PackageError::Cargo { output, .. } if output.contains("error[E0599]") => anyhow::anyhow!(
                "{}\nA column has a method when `inputs` in policy.toml lists it; a rule, a parameter and an effect when they \
                 stand there too.",
                error.to_string().trim_end()
            ),
            _ => error.into(),
        })?;
        let mut component = components.pop().unwrap_or_default();
        let record = BuildRecord {
            source: self.source_digest()?,
            rustc: normgate_package::rustc_version()?,
            normgate: env!("CARGO_PKG_VERSION").to_owned(),
        };
        set_section(&mut component, BUILD_SECTION, &serde_json::to_vec(&record)?);
        Ok(component)
    }

    /// SHA-256 over the files that decide the module's bytes, by path: the manifest, the code, the SDK, and how cargo builds them.
    /// Cases and prose are not among them.
    pub(crate) fn source_digest(&self) -> Result<String> {
        let mut files: Vec<PathBuf> = ["Cargo.lock", "Cargo.toml", "policy.toml"].map(PathBuf::from).into();
        for folder in ["generated", "sdk", "src"] {
            collect(&self.folder, Path::new(folder), &mut files)?;
        }
        files.sort();
        let mut digest = Sha256::new();
        for file in files {
            let path = self.folder.join(&file);
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            let name = file.to_string_lossy().replace('\\', "/");
            digest.update((name.len() as u64).to_le_bytes());
            digest.update(name);
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        }
        Ok(format!("sha256:{}", hex(&digest.finalize())))
    }
}

/// The files under a folder of the project, by their paths from its root.
fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let path = root.join(folder);
    let entries = std::fs::read_dir(&path).with_context(|| path.display().to_string())?;
    for entry in entries {
        let entry = entry.with_context(|| path.display().to_string())?;
        let inner = folder.join(entry.file_name());
        if entry.path().is_dir() {
            collect(root, &inner, files)?;
        } else {
            files.push(inner);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// Writes a file, with its folders, unless it says the same already; true when it was written. Cargo builds what was written anew,
/// so that what did not change is left alone.
pub(crate) fn replace(path: &Path, text: &str) -> Result<bool> {
    if std::fs::read(path).is_ok_and(|known| known == text.as_bytes()) {
        return Ok(false);
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())?;
    Ok(true)
}

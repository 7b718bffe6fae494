//! A norm's folder outside this repository: what is in it, and how a module is made of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use normgate::contract::{Manifest, Vocabulary, read_policy_toml, reference};
use normgate_package::{BUILD_SECTION, PackageError, set_section};
use serde::{Deserialize, Serialize};

use crate::author::settings;
use crate::author::sources::{Sources, check_folder, own};
use crate::author::workbench::Workbench;
use crate::foreign;

/// A project's folder.
pub(crate) struct Project {
    pub(crate) folder: PathBuf,
    /// Name of its crate, and of the module's file.
    pub(crate) name: String,
    version: String,
}

/// What a module's bytes were made of: a custom section of the component, which decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BuildRecord {
    /// Digest of the sources that the module was built of ([`Sources::digest`]).
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

/// The derived file that is for people, and no part of the module.
const PROSE: &str = "VOCABULARY.md";

impl Project {
    /// The project of a folder, unless the folder asks for more than to be compiled.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let folder = folder.canonicalize().with_context(|| folder.display().to_string())?;
        for file in ["policy.toml", "Cargo.toml"] {
            if !own(&folder, Path::new(file))?.is_file() {
                bail!(
                    "{}: no {file} here; name a project's folder, or start one with `normgate new NAME`",
                    folder.display()
                );
            }
        }
        check_folder(&folder)?;
        let path = folder.join("Cargo.toml");
        let (name, version) = settings::package(&read(&path)?).with_context(|| path.display().to_string())?;
        Ok(Self { folder, name, version })
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
        let lock = include_str!("../../templates/common/Cargo.lock.txt").replace("{name}", &self.name);
        let lock = lock.replace("0.0.0", &self.version);
        let prose = reference::markdown(Vocabulary::shipped());
        let written = [("Cargo.lock", lock), (GENERATED, types), (PROSE, prose)];
        Ok(written.map(|(file, text)| (PathBuf::from(file), text)).into_iter().chain(sdk).collect())
    }

    /// Writes the files that are derived; true when something was out of date.
    pub(crate) fn refresh(&self) -> Result<bool> {
        let mut changed = false;
        for (file, text) in self.derived()? {
            changed |= replace(&own(&self.folder, &file)?, &text)?;
        }
        Ok(changed)
    }

    /// The sources: what a person wrote, and what follows from it as this program has it follow, whatever lies in the folder.
    pub(crate) fn sources(&self) -> Result<Sources> {
        let mut sources = Sources::read(&self.folder)?;
        for (file, text) in self.derived()?.into_iter().filter(|(file, _)| file != Path::new(PROSE)) {
            sources.0.insert(file.to_string_lossy().replace('\\', "/"), text.into_bytes());
        }
        Ok(sources)
    }

    /// Derived files that are part of the module and are not what this program would write.
    pub(crate) fn outdated(&self) -> Result<Vec<PathBuf>> {
        let derived = self.derived()?.into_iter().filter(|(file, _)| file != Path::new(PROSE));
        let outdated = derived.filter(|(file, text)| {
            foreign::read(&self.folder.join(file)).map_or(true, |known| known != text.as_bytes())
        });
        Ok(outdated.map(|(file, _)| file).collect())
    }

    /// The module, built on a workbench: compiled, wrapped, its manifest and its record in it.
    pub(crate) fn compile(&self, workbench: &Workbench) -> Result<Vec<u8>> {
        let sources = self.sources()?;
        let mut component = workbench.build(&sources, &self.name).map_err(|error| match &error {
            // The compiler cannot know where a method would have come from.
            PackageError::Cargo { output, .. } if output.contains("error[E0599]") => anyhow::anyhow!(
                "{}\nA column has a method when `inputs` in policy.toml lists it; a rule, a parameter and an effect when they \
                 stand there too.",
                error.to_string().trim_end()
            ),
            _ => error.into(),
        })?;
        let record = BuildRecord {
            source: sources.digest(),
            rustc: workbench.toolchain.version.clone(),
            normgate: env!("CARGO_PKG_VERSION").to_owned(),
        };
        set_section(&mut component, BUILD_SECTION, &serde_json::to_vec(&record)?);
        Ok(component)
    }
}

fn read(path: &Path) -> Result<String> {
    foreign::read_to_string(path).with_context(|| path.display().to_string())
}

/// Writes a file, with its folders, unless it says the same already; true when it was written. Cargo builds what was written anew,
/// so that what did not change is left alone.
pub(crate) fn replace(path: &Path, text: &str) -> Result<bool> {
    if foreign::read(path).is_ok_and(|known| known == text.as_bytes()) {
        return Ok(false);
    }
    if path.symlink_metadata().is_ok_and(|known| !known.is_file()) {
        anyhow::bail!("{}: it is no regular file; remove it", path.display());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())?;
    Ok(true)
}

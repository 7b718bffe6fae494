//! Where modules and configuration come from: files, folders, or the set that this program carries.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use normgate::contract::{Day, Vocabulary};
use normgate::{Allocation, Artifacts, Backend, Config, Gate, GateBuilder, Module, Override, embedded};
use normgate_repo::{Generation, Store};

use crate::foreign;
use crate::judge::compile;
use crate::judge::r#override::record_of;

/// Options that say which policies judge, and how.
#[derive(Clone, Args)]
pub(crate) struct Source {
    /// Module file or folder of modules to load instead of the embedded set; may be given again
    #[arg(short = 'p', long = "policy", value_name = "MODULE.wasm|DIR")]
    pub(crate) policies: Vec<PathBuf>,

    /// Load the generation in force of this store, which `normgate sync` keeps, instead of the embedded set
    #[arg(long, value_name = "DIR", conflicts_with = "policies")]
    pub(crate) store: Option<PathBuf>,

    /// Load only these modules, for example art18,art09
    #[arg(long, value_name = "MODULES", value_delimiter = ',')]
    pub(crate) only: Vec<String>,

    /// Parameters and modes
    #[arg(short, long, value_name = "normgate.toml")]
    pub(crate) config: Option<PathBuf>,

    /// Judge by what is in force on this day in Asia/Shanghai, instead of today
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) as_of: Option<Day>,
}

impl Source {
    /// The modules that the options name.
    pub(crate) fn modules(&self) -> Result<Vec<Module>> {
        self.modules_with(self.generation()?.as_ref())
    }

    fn modules_with(&self, generation: Option<&Generation>) -> Result<Vec<Module>> {
        let mut modules = match generation {
            Some(generation) => generation.modules_on(self.day()?),
            None if self.policies.is_empty() => embedded::arp(),
            None => Vec::new(),
        };
        for path in &self.policies {
            modules.extend(read_modules(path)?);
        }
        if let Some(name) = self.only.iter().find(|name| !modules.iter().any(|m| m.manifest.module == **name)) {
            let known: Vec<_> = modules.iter().map(|m| m.manifest.module.as_str()).collect();
            bail!("--only {name}: there is no such module; loaded are {}", known.join(", "));
        }
        if !self.only.is_empty() {
            modules.retain(|module| self.only.contains(&module.manifest.module));
        }
        Ok(modules)
    }

    /// The generation in force of the store, if the options name one.
    fn generation(&self) -> Result<Option<Generation>> {
        let Some(path) = &self.store else { return Ok(None) };
        if !path.exists() {
            bail!("{}: there is no store; `normgate sync` makes it", path.display());
        }
        let store = Store::open(path)?;
        // What was heard is told to people, and decides nothing.
        match store.status() {
            Err(error) => remark!("whether something is stale is not known: {error}"),
            Ok(status) => {
                for (repository, heard) in status {
                    if let Some(why) = heard.stale(normgate_repo::now_ms()) {
                        remark!("{repository} is stale: {why}");
                    }
                }
            }
        }
        match store.generation()? {
            Some(generation) => Ok(Some(generation)),
            None => bail!("{}: nothing was ever taken into this store; `normgate sync` takes it", path.display()),
        }
    }

    /// The day by which is judged.
    pub(crate) fn day(&self) -> Result<Day> {
        self.as_of.or_else(normgate_repo::today).context("the clock stands outside of the calendar; give --as-of")
    }

    /// The configuration that the options name.
    pub(crate) fn config(&self) -> Result<Config> {
        let Some(path) = &self.config else { return Ok(Config::default()) };
        configured(path)
    }

    /// A builder of the gate that the options name.
    pub(crate) fn gate(&self) -> Result<GateBuilder> {
        let config = self.config()?;
        if !self.policies.is_empty() && config.authorities.is_none() {
            remark!("no [authorities] are configured, so every module is granted what its manifest asks for");
        }
        let mut builder = match self.generation()? {
            // What a store holds has only what is granted to its authority.
            Some(mut generation) => {
                // Says which of `--only` there is not.
                self.modules_with(Some(&generation))?;
                generation.retain(|module| self.only.is_empty() || self.only.contains(&module.manifest.module));
                generation.builder(config, self.as_of)
            }
            None => {
                let mut builder = Gate::builder().policies(self.modules_with(None)?).config(config.clone()).trusting();
                if !self.only.is_empty() {
                    let everything = Self { only: Vec::new(), ..self.clone() };
                    config.check_names(&everything.modules_with(None)?).context(self.place())?;
                    builder = builder.of_a_larger_set();
                }
                match self.as_of {
                    Some(day) => builder.as_of(day),
                    None => builder,
                }
            }
        };
        builder = builder.compiler(compile::in_child);
        if let Some(artifacts) = artifacts() {
            builder = builder.artifacts(artifacts);
        }
        Ok(builder)
    }

    /// The configuration file, for messages.
    fn place(&self) -> String {
        self.config.as_ref().map_or("normgate.toml".into(), |path| path.display().to_string())
    }

    /// The gate that the options name.
    pub(crate) fn build(&self) -> Result<Gate> {
        self.build_with(|builder| builder)
    }

    /// The same with something of the command's own. Adds the configuration file's name to an error of building.
    pub(crate) fn build_with(&self, change: impl FnOnce(GateBuilder) -> GateBuilder) -> Result<Gate> {
        let gate = change(self.gate()?).build().map_err(|error| match error {
            normgate::BuildError::Config { .. } => anyhow::Error::new(error).context(self.place()),
            other => other.into(),
        })?;
        if let Some(config) = &self.config {
            gate.set_overrides(Override::read(&record_of(config))?);
        }
        if let Some(store) = &self.store {
            // A file that cannot be read was told of when the generation was opened.
            gate.set_expiries(Store::open(store)?.expiries().unwrap_or_default());
        }
        Ok(gate)
    }
}

/// Reads a configuration. Where instances take their memory from is then so for all of the process.
pub(crate) fn configured(path: &Path) -> Result<Config> {
    let place = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(place)?;
    let config = Config::parse(&text).with_context(place)?;
    config.sandbox.allocation.into_iter().for_each(Allocation::of_process);
    Ok(config)
}

/// Name of the variable that says where instances take their memory from, for every command.
const ALLOCATION: &str = "NORMGATE_ALLOCATION";

/// Takes what the environment says of where instances take their memory from.
pub(crate) fn allocation() -> Result<()> {
    let Some(value) = std::env::var_os(ALLOCATION) else { return Ok(()) };
    match value.to_str() {
        Some("pooled") => Allocation::Pooled.of_process(),
        Some("on-demand") => Allocation::OnDemand.of_process(),
        _ => bail!("invalid {ALLOCATION} `{}`: expected pooled or on-demand", value.display()),
    }
    Ok(())
}

/// Opens the user's cache of compiled modules. A cache that cannot be used only costs time, so the reason is a remark.
pub(crate) fn artifacts() -> Option<Artifacts> {
    Artifacts::of_user().unwrap_or_else(|error| {
        remark!("compiling without a cache: {error}");
        None
    })
}

/// The file, or all `.wasm` files of a folder, by name.
pub(crate) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        files = std::fs::read_dir(path)
            .with_context(|| path.display().to_string())?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|file| file.extension().is_some_and(|extension| extension == "wasm"))
            .collect();
        files.sort();
        if files.is_empty() {
            bail!("{}: no .wasm file in this folder", path.display());
        }
    }
    Ok(files)
}

/// The modules of a file, or of all `.wasm` files of a folder, by name.
pub(crate) fn read_modules(path: &Path) -> Result<Vec<Module>> {
    files(path)?
        .iter()
        .map(|file| {
            let bytes = foreign::read(file).with_context(|| file.display().to_string())?;
            Ok(Module::read(&file.display().to_string(), &bytes, Vocabulary::shipped())?)
        })
        .collect()
}

/// The modules that this program carries, and those of files and folders beside them.
pub(crate) fn at_hand(paths: &[PathBuf]) -> Result<Vec<Module>> {
    let mut modules = embedded::arp();
    for path in paths {
        modules.extend(read_modules(path)?);
    }
    Ok(modules)
}

/// Starts building a gate that judges again: compiled code comes from a child process, or from the cache of what one made.
pub(crate) fn judging_again(backend: Backend) -> GateBuilder {
    let builder =
        Gate::builder().trusting().backend(backend).compiler(move |module| compile::in_child_for(module, backend));
    match artifacts() {
        Some(artifacts) => builder.artifacts(artifacts),
        None => builder,
    }
}

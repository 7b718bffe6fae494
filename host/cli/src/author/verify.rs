//! `normgate verify`: whether a module is what its sources say.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use normgate::Module;
use normgate::contract::Vocabulary;

use crate::author::project::{BuildRecord, Project};

/// Build a norm's sources again, in a folder of its own, and hold the bytes against a module that somebody handed you.
///
/// Exit 0: the same bytes; 1: other bytes, with what differs.
///
/// Example: normgate verify rider-hours.wasm --source ./rider-hours
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// The module
    #[arg(value_name = "MODULE.wasm")]
    module: PathBuf,

    /// Folder of the sources that it is said to be built of
    #[arg(long, value_name = "DIR")]
    source: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let place = args.module.display().to_string();
    let bytes = std::fs::read(&args.module).with_context(|| place.clone())?;
    let given = Module::read(&place, &bytes, Vocabulary::shipped())?;
    let project = Project::open(&args.source)?;
    for file in project.outdated()? {
        say!("{} is not what this normgate makes of policy.toml and its SDK", args.source.join(file).display());
    }
    let folder = tempfile::tempdir().context("a folder to build in")?;
    let rebuilt = project.compile(folder.path())?;
    let rebuilt = Module::read("the rebuilt module", &rebuilt, Vocabulary::shipped())?;
    if given.digest == rebuilt.digest {
        say!("{place} is what {} builds: {}", args.source.display(), given.digest_text());
        return Ok(ExitCode::SUCCESS);
    }
    say!("{place} is not what {} builds", args.source.display());
    say!("  digest   given   {}", given.digest_text());
    say!("           rebuilt {}", rebuilt.digest_text());
    match (BuildRecord::of(&given.bytes), BuildRecord::of(&rebuilt.bytes)) {
        (Some(was), Some(is)) => {
            let mut same = true;
            for (what, was, is) in [
                ("sources ", &was.source, &is.source),
                ("compiler", &was.rustc, &is.rustc),
                ("normgate", &was.normgate, &is.normgate),
            ] {
                if was != is {
                    same = false;
                    say!("  {what} given   {was}");
                    say!("           rebuilt {is}");
                }
            }
            if same {
                say!("  it says that it was built of these very sources by this very compiler, and was not");
            }
        }
        _ => say!("  it does not say what it was built of"),
    }
    let (given, rebuilt) = (&given.manifest, &rebuilt.manifest);
    if given.to_json() != rebuilt.to_json() {
        say!("  its manifest differs too: {} and {}", given.reference(), rebuilt.reference());
    }
    Ok(ExitCode::from(1))
}

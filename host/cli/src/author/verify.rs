//! `normgate verify`: whether a module is what its sources say.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use normgate::Module;
use normgate::contract::Vocabulary;

use crate::author::project::{BuildRecord, Project};
use crate::author::workbench::Workbench;
use crate::foreign;

/// Build a norm's sources again, in a folder of its own, and hold the bytes against a module that somebody handed you.
///
/// What runs is the Rust compiler that this machine uses by default, on a copy of Cargo.toml, policy.toml and src/ alone; types, SDK
/// and lock file are this program's own. Nothing of the sources runs, and the module does not either: build scripts, procedural
/// macros, dependencies other than the SDK, settings of cargo, toolchain files and links are refused. The compiler is kept in a
/// sandbox of the system (Landlock and seccomp on Linux): it reads that copy and itself, writes to a folder that is deleted
/// afterwards, and has no network, no home and none of your environment.
///
/// Exit 0: the same bytes; 1: other bytes, with what differs; 2: refused, or it cannot be built here.
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

    /// Compile without a sandbox where the system has none, because you trust whoever wrote the sources
    #[arg(long)]
    trust_source: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let place = args.module.display().to_string();
    let bytes = foreign::read(&args.module).with_context(|| place.clone())?;
    let given = Module::read(&place, &bytes, Vocabulary::shipped())?;
    let project = Project::open(&args.source)?;
    for file in project.outdated()? {
        say!("{} is not what this normgate makes of policy.toml and its SDK", args.source.join(file).display());
    }
    let workbench = Workbench::new()?;
    if let Some(why) = workbench.is_open().filter(|_| !args.trust_source) {
        bail!(
            "this system has no sandbox to compile a stranger's sources in ({why}); verify where there is one, as on Linux from 5.13 \
             on, or give --trust-source if you trust whoever wrote them"
        );
    }
    let rebuilt = project.compile(&workbench)?;
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

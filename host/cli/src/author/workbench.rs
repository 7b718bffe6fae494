//! Where modules are built: an empty folder with nothing but their sources, and a compiler that is kept in it.
//!
//! Nothing of the sources runs: no build script, no procedural macro, no setting of cargo comes along. What is left is the compiler
//! itself, which evaluates constants and reads whatever file `include_str!` names. So it runs in a sandbox of the system: it
//! reads the sources and itself, writes to a folder that is deleted afterwards, and has no network.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args as ClapArgs;
use normgate_package::{PackageError, Toolchain, build_by, outside};
use tempfile::TempDir;

use crate::author::sources::Sources;
use crate::confine;

/// Name of the hidden command that starts the compiler.
pub(crate) const COMMAND: &str = "run-confined";

/// What a compiler needs of a system to be started at all, where the system has it: libraries, and no configuration.
const SYSTEM: [&str; 7] =
    ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/nix/store", "/etc/ld.so.cache", "/dev/urandom"];

/// Processor time of one process of a build, in seconds: a norm takes a few. Constants and macros can ask for any amount.
const SECONDS: u64 = 600;

/// Memory that it may write to, and the largest file, in bytes: a norm takes 300 MB and writes 10.
const MEMORY: u64 = 4 << 30;
const FILE: u64 = 256 << 20;

/// A folder to build in, and what builds.
pub(crate) struct Workbench {
    folder: TempDir,
    pub(crate) toolchain: Toolchain,
    /// Why the compiler is not kept in a sandbox; none when it is.
    open: Option<String>,
}

impl Workbench {
    /// Sets up a workbench, in a sandbox where the system has one.
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("normgate-").tempdir().context("a folder to build in")?;
        for inner in ["cargo", "target", "temporary"] {
            std::fs::create_dir(folder.path().join(inner)).with_context(|| folder.path().display().to_string())?;
        }
        let mut workbench = Self { folder, toolchain: Toolchain::find()?, open: None };
        workbench.open = workbench.try_sandbox().err().map(|error| format!("{error:#}"));
        Ok(workbench)
    }

    /// Why what is built here is not kept in a sandbox of the system; none when it is.
    pub(crate) fn is_open(&self) -> Option<&str> {
        self.open.as_deref()
    }

    /// Starts the compiler in the sandbox, to say its name.
    fn try_sandbox(&self) -> Result<()> {
        let output = self.start(&self.toolchain.rustc, &[], &[])?.arg("--version").output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}", said.trim().lines().last().unwrap_or("it ends without a word").trim_start_matches("normgate: "))
    }

    /// Compiles sources, and nothing else that may lie around them.
    pub(crate) fn build(&self, sources: &Sources, name: &str) -> Result<Vec<u8>, PackageError> {
        let failed = |path: &Path, message: String| PackageError::Module { path: path.to_owned(), message };
        let place = self.folder.path();
        let place = place.canonicalize().map_err(|error| failed(place, error.to_string()))?;
        let source = place.join("source");
        self.lay_out(sources, &source).map_err(|error| failed(&source, format!("{error:#}")))?;
        let write = ["cargo", "target", "temporary"].map(|inner| place.join(inner));
        let cargo = self.start(&self.toolchain.cargo, &[&source], &write);
        let mut cargo = cargo.map_err(|error| failed(&source, format!("{error:#}")))?;
        let [home, target, temporary] = &write;
        cargo
            .arg("--frozen")
            .env("PATH", self.toolchain.sysroot.join("bin"))
            .env("RUSTC", &self.toolchain.rustc)
            .env("CARGO_HOME", home)
            .env("HOME", home)
            .env("TMPDIR", temporary);
        let mut built = build_by(cargo, &source, &[name.to_owned()], target)?;
        Ok(built.pop().unwrap_or_default())
    }

    /// A program of the toolchain without an environment, kept in the sandbox by this program, which starts it there.
    fn start(&self, program: &Path, read: &[&Path], write: &[PathBuf]) -> Result<Command> {
        let mut command = if self.open.is_some() {
            Command::new(program)
        } else {
            let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
            command.arg(COMMAND);
            let Toolchain { sysroot, cargo, rustc, .. } = &self.toolchain;
            for path in
                read.iter().copied().chain([sysroot, cargo, rustc].map(PathBuf::as_path)).chain(SYSTEM.map(Path::new))
            {
                command.arg("--read").arg(path);
            }
            for path in write.iter().map(PathBuf::as_path).chain([Path::new("/dev/null")]) {
                command.arg("--write").arg(path);
            }
            command.arg("--").arg(program);
            command
        };
        // What lies in the folders around a build, cargo would obey.
        command
            .current_dir(outside())
            .env_clear()
            .envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
        Ok(command)
    }

    /// Has the folder hold these files alone. Those that did not change stay as they are, since cargo goes by their times.
    fn lay_out(&self, sources: &Sources, folder: &Path) -> Result<()> {
        let wanted: BTreeSet<PathBuf> = sources.0.keys().map(|name| folder.join(name)).collect();
        for file in walk(folder).iter().filter(|file| !wanted.contains(*file)) {
            std::fs::remove_file(file).with_context(|| file.display().to_string())?;
        }
        for (name, bytes) in &sources.0 {
            let path = folder.join(name);
            if std::fs::read(&path).is_ok_and(|known| known == *bytes) {
                continue;
            }
            let parent = path.parent().unwrap_or(folder);
            std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
            std::fs::write(&path, bytes).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}

/// The files under a folder.
pub(crate) fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// What is left to the program that is started, and which it is.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Files and folders that it may read and run
    #[arg(long)]
    read: Vec<PathBuf>,

    /// Folders that it may write to
    #[arg(long)]
    write: Vec<PathBuf>,

    /// The program and its arguments
    #[arg(last = true, required = true)]
    program: Vec<OsString>,
}

/// The child's side: gives up everything else, and becomes the program.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    confine::to_build(&args.read, &args.write).map_err(|error| anyhow!("there is no sandbox here: {error}"))?;
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        confine::bound(SECONDS, MEMORY, FILE);
        let (program, rest) = args.program.split_first().context("no program to start")?;
        Err(Command::new(program).args(rest).exec()).with_context(|| program.to_string_lossy().into_owned())
    }
    #[cfg(not(unix))]
    Err(anyhow!("{:?} cannot be started in a sandbox here", args.program))
}

//! From a policy crate to a component: cargo, componentize, embed the manifest.
//!
//! 1. `cargo build --profile guest --target wasm32-unknown-unknown`, with a small stack and a reserved arena, so that a
//!    usual call grows no memory. (Pre-initialising with wizer was not worth a second copy of wasmtime: our modules build
//!    no tables, and the arena does the rest.)
//! 2. Wrap the core module as a component of the contract's world. Nothing else is linked, so nothing can be imported.
//! 3. Lift the manifest, which the SDK put into the core module, to the component, where it is read without running it.

use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use normgate_contract::MANIFEST_SECTION;
use wasmparser::BinaryReader;

/// The target that guests compile for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Linear memory at start. Columns of a thousand rows and their answer fit; larger lists grow it once. More would cost every call: the
/// end of an instance looks at every page of it.
const INITIAL_MEMORY: usize = 512 * 1024;

/// The guest's stack. Rules do not recurse.
const STACK: usize = 64 * 1024;

/// How much of what a compiler says is kept, in bytes: a macro can make it say any amount.
const MAX_OUTPUT: u64 = 1 << 20;

/// The custom section of a component that says what it was built of. It decides nothing, and a component may lack it.
pub const BUILD_SECTION: &str = "normgate:build";

/// Why a policy could not be packaged.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// There is no Rust here.
    #[error("`{0}` cannot be started; install Rust from https://rustup.rs and try again")]
    Rust(String),
    /// The target is missing and could not be added.
    #[error("the Rust target {TARGET} is missing and could not be added ({0}); run `rustup target add {TARGET}`")]
    Target(String),
    /// cargo said no.
    #[error("building `{package}` failed:\n{output}")]
    Cargo {
        /// Name of the policy crate.
        package: String,
        /// What cargo printed.
        output: String,
    },
    /// The core module is missing or malformed.
    #[error("`{path}`: {message}")]
    Module {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// A compiler: what belongs to one toolchain.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// The folder of all of it.
    pub sysroot: PathBuf,
    /// Its cargo.
    pub cargo: PathBuf,
    /// Its rustc.
    pub rustc: PathBuf,
    /// The compiler as it names itself: `rustc 1.95.0 (…)`.
    pub version: String,
}

impl Toolchain {
    /// Finds the compiler that this machine uses outside of any project, with the target: no `rust-toolchain` file of a folder
    /// says which.
    ///
    /// # Errors
    /// [`PackageError::Rust`] when there is none; [`PackageError::Target`] when the target is missing and rustup cannot add it.
    pub fn find() -> Result<Self, PackageError> {
        let root = outside();
        ensure_target(&root)?;
        let sysroot = PathBuf::from(rustc_says(&root, &["--print", "sysroot"])?);
        // Of rustup they stand in for whatever the folder at hand asks for; what is in the toolchain itself does not.
        let tool = |name: &str, variable: &str| {
            let own = sysroot.join("bin").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
            let named = || std::env::var_os(variable).map_or_else(|| name.into(), PathBuf::from);
            if own.is_file() { own } else { on_path(named()) }
        };
        let (cargo, rustc) = (tool("cargo", "CARGO"), tool("rustc", "RUSTC"));
        let version = rustc_says(&root, &["--version"])?;
        Ok(Self { sysroot, cargo, rustc, version })
    }
}

/// A folder around which nobody leaves settings for cargo or rustup.
pub fn outside() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    here.ancestors().last().unwrap_or(&here).to_owned()
}

/// The file that a program's name stands for.
fn on_path(program: PathBuf) -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&folders).filter(|folder| folder.is_absolute()).map(|f| f.join(&program));
    found.find(|file| file.is_file()).unwrap_or(program)
}

/// Makes sure that the target is installed for the compiler that a folder uses.
fn ensure_target(folder: &Path) -> Result<(), PackageError> {
    if Path::new(&rustc_says(folder, &["--print", "target-libdir", "--target", TARGET])?).is_dir() {
        return Ok(());
    }
    match Command::new("rustup").current_dir(folder).args(["target", "add", TARGET]).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(PackageError::Target(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; "))),
        Err(error) => Err(PackageError::Target(format!("rustup: {error}"))),
    }
}

fn rustc_says(folder: &Path, args: &[&str]) -> Result<String, PackageError> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let output = Command::new(&rustc).current_dir(folder).args(args).output();
    let output = output.map_err(|_| PackageError::Rust(rustc))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Builds the named packages of a workspace of our own for the sandbox and returns one component each, in order. What a surrounding
/// build has fetched is enough as a rule; the network is asked only for what is missing.
///
/// `target_dir` must not be the one that a surrounding cargo holds locked.
///
/// # Errors
/// See [`PackageError`].
pub fn build(workspace: &Path, packages: &[String], target_dir: &Path) -> Result<Vec<Vec<u8>>, PackageError> {
    ensure_target(workspace)?;
    let cargo = |offline: &[&str]| {
        let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
        cargo
            .current_dir(workspace)
            .arg("--locked")
            .args(offline)
            // What a surrounding build set for itself is not meant for the guests.
            .env_remove("RUSTFLAGS")
            .env_remove("RUSTC_WORKSPACE_WRAPPER")
            .env_remove("RUSTC_WRAPPER")
            .env_remove("CARGO_TARGET_DIR");
        cargo
    };
    match build_by(cargo(&["--offline"]), workspace, packages, target_dir) {
        Err(PackageError::Cargo { output, .. }) if output.contains("--offline") => {
            build_by(cargo(&[]), workspace, packages, target_dir)
        }
        built => built,
    }
}

/// Builds as [`build`] does, by a cargo that is ready to be started, with the environment and the options that it is to have.
///
/// # Errors
/// See [`PackageError`].
pub fn build_by(
    mut cargo: Command,
    workspace: &Path,
    packages: &[String],
    target_dir: &Path,
) -> Result<Vec<Vec<u8>>, PackageError> {
    let flags = [
        format!("-Clink-arg=-zstack-size={STACK}"),
        format!("-Clink-arg=--initial-memory={INITIAL_MEMORY}"),
        // Paths of the building machine must not reach the bytes.
        format!("--remap-path-prefix={}=/policy", workspace.display()),
    ];
    cargo
        .args(["build", "--quiet", "--lib", "--profile", "guest", "--target", TARGET])
        .arg("--manifest-path")
        .arg(workspace.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    for package in packages {
        cargo.args(["-p", package]);
    }
    let (success, output) = run(cargo).map_err(|_| PackageError::Rust("cargo".into()))?;
    if !success {
        return Err(PackageError::Cargo { package: packages.join("`, `"), output });
    }
    packages
        .iter()
        .map(|package| {
            let path = target_dir.join(TARGET).join("guest").join(format!("{}.wasm", package.replace('-', "_")));
            let module = std::fs::read(&path)
                .map_err(|error| PackageError::Module { path: path.clone(), message: error.to_string() })?;
            componentize(&module).map_err(|message| PackageError::Module { path, message })
        })
        .collect()
}

/// Whether a command succeeds, and what it says of errors, up to a bound.
fn run(mut command: Command) -> io::Result<(bool, String)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut said = Vec::new();
    if let Some(pipe) = child.stderr.take() {
        // What is beyond is not waited for: whoever writes it finds the pipe closed.
        pipe.take(MAX_OUTPUT).read_to_end(&mut said)?;
    }
    Ok((child.wait()?.success(), String::from_utf8_lossy(&said).into_owned()))
}

/// Wraps a core module that `normgate_sdk::policy!` exported, and lifts its manifest to the component.
///
/// # Errors
/// One clause that says what the module lacks.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, String> {
    let (core, manifest) = take_manifest(module)?;
    let mut component = wrap_encoded(&core)?;
    set_section(&mut component, MANIFEST_SECTION, &manifest);
    Ok(component)
}

fn wrap_encoded(core: &[u8]) -> Result<Vec<u8>, String> {
    wit_component::ComponentEncoder::default()
        .module(core)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| format!("{error:#}"))
}

/// Wraps any core module whose exports follow the contract's names, whatever language made it.
///
/// # Errors
/// One clause that says what the module lacks.
pub fn wrap(core: &[u8]) -> Result<Vec<u8>, String> {
    let mut resolve = wit_parser::Resolve::default();
    let world = resolve
        .push_str("policy.wit", normgate_contract::WIT)
        .and_then(|package| resolve.select_world(&[package], Some("policy")))
        .map_err(|error| format!("{error:#}"))?;
    let mut core = core.to_vec();
    wit_component::embed_component_metadata(&mut core, &resolve, world, wit_component::StringEncoding::UTF8)
        .map_err(|error| format!("{error:#}"))?;
    wrap_encoded(&core)
}

/// Gives a component a custom section, in the place of those that it has of that name.
pub fn set_section(component: &mut Vec<u8>, name: &str, data: &[u8]) {
    use wasm_encoder::{ComponentSection, CustomSection};
    for range in sections(component, name).into_iter().rev() {
        component.drain(range);
    }
    CustomSection { name: name.into(), data: data.into() }.append_to_component(component);
}

/// Where a component's own custom sections of a name lie, in order. What is malformed has none from there on.
fn sections(component: &[u8], name: &str) -> Vec<Range<usize>> {
    const HEADER: usize = 8;
    const CUSTOM: u8 = 0;
    let mut found = Vec::new();
    let mut reader = BinaryReader::new(component.get(HEADER..).unwrap_or_default(), HEADER);
    loop {
        let from = reader.original_position();
        let (Ok(id), Ok(mut content)) = (reader.read_u8(), reader.read_reader()) else { return found };
        if id == CUSTOM && content.read_string().is_ok_and(|known| known == name) {
            found.push(from..reader.original_position());
        }
    }
}

/// What a custom section of a component or a module holds, if there is one of the name.
pub fn section<'m>(component: &'m [u8], name: &str) -> Option<&'m [u8]> {
    wasmparser::Parser::new(0).parse_all(component).map_while(Result::ok).find_map(|payload| match payload {
        wasmparser::Payload::CustomSection(section) if section.name() == name => Some(section.data()),
        _ => None,
    })
}

/// Splits the manifest section off a core module.
fn take_manifest(module: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let mut core = wasm_encoder::Module::new();
    let mut manifest = None;
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|error| error.to_string())?;
        if let wasmparser::Payload::CustomSection(section) = &payload
            && section.name() == MANIFEST_SECTION
        {
            manifest = Some(section.data().to_vec());
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            core.section(&wasm_encoder::RawSection { id, data: &module[range.start..range.end] });
        }
    }
    let manifest = manifest.ok_or("the module carries no manifest; does it call normgate_sdk::policy!()?")?;
    Ok((core.finish(), manifest))
}

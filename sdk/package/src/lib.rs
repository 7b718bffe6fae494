//! From a policy crate to a component: cargo, componentize, embed the manifest.
//!
//! 1. `cargo build --profile guest --target wasm32-unknown-unknown`, with a small stack and a reserved arena, so that a
//!    usual call grows no memory. (Pre-initialising with wizer was not worth a second copy of wasmtime: our modules build
//!    no tables, and the arena does the rest.)
//! 2. Wrap the core module as a component of the contract's world. Nothing else is linked, so nothing can be imported.
//! 3. Lift the manifest, which the SDK put into the core module, to the component, where it is read without running it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use normgate_contract::MANIFEST_SECTION;
use wasmparser::BinaryReader;

/// The target that guests compile for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Linear memory at start. Columns of a thousand rows and their answer fit; larger lists grow it once. More would cost every call: the
/// end of an instance looks at every page of it.
const INITIAL_MEMORY: usize = 512 * 1024;

/// The guest's stack. Rules do not recurse.
const STACK: usize = 64 * 1024;

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

/// Makes sure that the wasm target is installed.
///
/// # Errors
/// [`PackageError::Target`] when it is missing and rustup cannot add it.
pub fn ensure_target() -> Result<(), PackageError> {
    let sysroot = Command::new(rustc()).args(["--print", "target-libdir", "--target", TARGET]).output();
    let sysroot = sysroot.map_err(|_| PackageError::Rust(rustc()))?;
    if Path::new(String::from_utf8_lossy(&sysroot.stdout).trim()).is_dir() {
        return Ok(());
    }
    match Command::new("rustup").args(["target", "add", TARGET]).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(PackageError::Target(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; "))),
        Err(error) => Err(PackageError::Target(format!("rustup: {error}"))),
    }
}

fn rustc() -> String {
    std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into())
}

/// The compiler as it names itself: `rustc 1.95.0 (…)`.
///
/// # Errors
/// [`PackageError::Rust`] when there is none.
pub fn rustc_version() -> Result<String, PackageError> {
    let output = Command::new(rustc()).arg("--version").output().map_err(|_| PackageError::Rust(rustc()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Builds the named packages of a workspace for the sandbox and returns one component each, in order.
///
/// `target_dir` must not be the one that a surrounding cargo holds locked.
///
/// # Errors
/// See [`PackageError`].
pub fn build(workspace: &Path, packages: &[String], target_dir: &Path) -> Result<Vec<Vec<u8>>, PackageError> {
    ensure_target()?;
    let flags = [
        format!("-Clink-arg=-zstack-size={STACK}"),
        format!("-Clink-arg=--initial-memory={INITIAL_MEMORY}"),
        // Paths of the building machine must not reach the bytes.
        format!("--remap-path-prefix={}=/policy", workspace.display()),
    ];
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo
        .current_dir(workspace)
        .args(["build", "--quiet", "--locked", "--lib", "--profile", "guest", "--target", TARGET])
        .arg("--target-dir")
        .arg(target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        // What a surrounding build set for itself is not meant for the guests.
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("CARGO_TARGET_DIR");
    for package in packages {
        cargo.args(["-p", package]);
    }
    let output = cargo.output().map_err(|_| PackageError::Rust("cargo".into()))?;
    if !output.status.success() {
        return Err(PackageError::Cargo {
            package: packages.join("`, `"),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
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
    let mut reader = BinaryReader::new(component.get(HEADER..).unwrap_or_default(), HEADER as u64);
    loop {
        let from = reader.original_position() as usize;
        let (Ok(id), Ok(mut content)) = (reader.read_u8(), reader.read_reader()) else { return found };
        if id == CUSTOM && content.read_string().is_ok_and(|known| known == name) {
            found.push(from..reader.original_position() as usize);
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
            core.section(&wasm_encoder::RawSection { id, data: &module[range.start as usize..range.end as usize] });
        }
    }
    let manifest = manifest.ok_or("the module carries no manifest; does it call normgate_sdk::policy!()?")?;
    Ok((core.finish(), manifest))
}

//! Builds every policy beside this file for the sandbox and embeds the components.

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let workspace = here.parent().unwrap_or(&here).to_owned();
    let mut names: Vec<String> = std::fs::read_dir(&here)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join("policy.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    for name in &names {
        println!("cargo::rerun-if-changed={}", here.join(name).display());
    }
    for shared in ["policies", "sdk", "wit", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(shared).display());
    }
    // One folder for all profiles: the guests' bytes do not depend on how the host is built.
    let target = target_dir(&out).join("guests");
    let components = match normgate_package::build(&workspace, &names, &target) {
        Ok(components) => components,
        Err(error) => {
            println!("cargo::error={}", error.to_string().replace('\n', " | "));
            std::process::exit(1);
        }
    };
    let mut source = String::from("/// The components by folder name.\npub const ARP: &[(&str, &[u8])] = &[\n");
    for (name, component) in names.iter().zip(components) {
        let path = out.join(format!("{name}.wasm"));
        if let Err(error) = std::fs::write(&path, component) {
            println!("cargo::error={}: {error}", path.display());
        }
        let _ = writeln!(source, "    ({name:?}, include_bytes!({:?})),", path.display().to_string());
    }
    source.push_str("];\n");
    if let Err(error) = std::fs::write(out.join("embedded.rs"), source) {
        println!("cargo::error={error}");
    }
}

/// The target folder that holds `OUT_DIR` (target/<profile>/build/<package>/out).
fn target_dir(out: &Path) -> PathBuf {
    out.ancestors().nth(4).unwrap_or(out).to_owned()
}

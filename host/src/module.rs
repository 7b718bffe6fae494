//! A module as it arrives: bytes, and what can be known of them without running them.

use std::collections::HashSet;
use std::sync::Arc;

use normgate_contract::bounds::MAX_MANIFEST_BYTES;
use normgate_contract::{MANIFEST_SECTION, Manifest, ManifestError, Vocabulary, hex};
use sha2::{Digest, Sha256};
use wasmparser::{Encoding, Parser, Payload};

/// Largest component that is looked at, in bytes.
pub const MAX_MODULE_BYTES: usize = 8 << 20;
/// Largest function of a module, in bytes: ten times the largest that we ship. Compiling takes time that grows faster than the
/// function does, and wasmtime makes no promise about it.
pub const MAX_FUNCTION_BYTES: usize = 128 << 10;
/// Most globals, data and element segments of a module together: what ours have a hundred times. Each is made at every call.
pub const MAX_PARTS: usize = 4_096;

/// How the names of the sections begin that say something of a module, at whatever depth they lie.
const SECTIONS: &str = "normgate:";

/// Why a module is not loaded. Every variant names the module by the place it came from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes are not WebAssembly, or end early.
    #[error("module {place}: not a WebAssembly component: {message}")]
    Malformed {
        /// Where the module came from.
        place: String,
        /// What the parser says.
        message: String,
    },
    /// A core module.
    #[error("module {place}: a core module, not a component; package it with `normgate_package::build`")]
    CoreModule {
        /// Where the module came from.
        place: String,
    },
    /// It wants something from outside.
    #[error("module {place}: it imports `{import}`; a policy imports nothing")]
    Imports {
        /// Where the module came from.
        place: String,
        /// Name of the first import.
        import: String,
    },
    /// Too large.
    #[error("module {place}: {what} of {size} bytes is larger than {bound}")]
    TooLarge {
        /// Where the module came from.
        place: String,
        /// The component or the manifest.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The bound.
        bound: usize,
    },
    /// Too many parts that every call has to make.
    #[error("module {place}: more than {bound} globals and segments; every call would have to make them")]
    TooMany {
        /// Where the module came from.
        place: String,
        /// The bound.
        bound: usize,
    },
    /// No manifest.
    #[error("module {place}: it carries no manifest (custom section `normgate:manifest`)")]
    NoManifest {
        /// Where the module came from.
        place: String,
    },
    /// Two sections of one of our names: whoever reads the one sees another module than whoever reads the other.
    #[error("module {place}: it carries the custom section `{name}` twice; each may be there once")]
    TwiceInside {
        /// Where the module came from.
        place: String,
        /// The section.
        name: String,
    },
    /// A manifest that is none.
    #[error("module {place}: {error}")]
    Manifest {
        /// Where the module came from.
        place: String,
        /// What is wrong with it.
        error: ManifestError,
    },
    /// Its authority may not do what it asks.
    #[error(
        "module {place}: beyond the grant of `{authority}`: {refused}; grant it in normgate.toml under the line \
         `[authorities.{authority}]`, or mark it optional"
    )]
    Grant {
        /// Where the module came from.
        place: String,
        /// The authority.
        authority: String,
        /// Everything that is refused.
        refused: String,
    },
    /// Nobody said that it may be compiled in this process, and it lies in no store.
    #[error(
        "module {place}: not compiled yet, and this process compiles only what it carries; give `GateBuilder::compiler`, or \
         `GateBuilder::trusting` for a module of your own"
    )]
    NotCompiled {
        /// Where the module came from.
        place: String,
    },
    /// It does not export the contract, or cannot be compiled.
    #[error("module {place}: {message}")]
    Compile {
        /// Where the module came from.
        place: String,
        /// What the compiler or linker says.
        message: String,
    },
    /// The host could not give what it takes to load it: memory, or a descriptor. No module is left out for that.
    #[error("module {place}: {message}; this is the host's, and not the module's")]
    Host {
        /// Where the module came from.
        place: String,
        /// What the system says.
        message: String,
    },
    /// One version of a policy with two contents.
    #[error(
        "policy {policy} is given twice, with different bytes: {first} and {second}; a new release needs a higher version"
    )]
    Twice {
        /// `<id>@<version>`.
        policy: String,
        /// Where one came from.
        first: String,
        /// Where the other came from.
        second: String,
    },
    /// Two modules claim the same rule ids.
    #[error(
        "policies {first} and {second} both use the prefix `{prefix}`; load one of them, or let one replace the other: \
         `replaces` in its manifest and in [authorities]"
    )]
    Prefix {
        /// The prefix.
        prefix: String,
        /// The policy loaded first.
        first: String,
        /// The policy refused.
        second: String,
    },
}

/// A module: its manifest and bytes. Nothing of it has run.
#[derive(Clone, Debug)]
pub struct Module {
    /// Where it came from: a file, or `embedded/<name>`.
    pub place: String,
    /// What it says of itself.
    pub manifest: Arc<Manifest>,
    /// SHA-256 of the component.
    pub digest: [u8; 32],
    /// The component.
    pub bytes: Arc<[u8]>,
    /// Whether this program carries it, so that nobody else has to vouch for it.
    pub(crate) embedded: bool,
}

impl Module {
    /// Reads a module without running or compiling it: its form, its imports, its manifest.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn read(place: &str, bytes: &[u8], vocabulary: &Vocabulary) -> Result<Module, LoadError> {
        if bytes.len() > MAX_MODULE_BYTES {
            let (what, size, bound) = ("a component", bytes.len(), MAX_MODULE_BYTES);
            return Err(LoadError::TooLarge { place: place.into(), what, size, bound });
        }
        let malformed = |message: String| LoadError::Malformed {
            place: place.into(),
            message: message.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        if !bytes.starts_with(b"\0asm") {
            return Err(malformed("it does not begin as WebAssembly does".into()));
        }
        let mut manifest = None;
        let mut ours = HashSet::new();
        let mut depth = 0u32;
        let mut parts = 0usize;
        let mut ended = false;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(|error| malformed(error.to_string()))? {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    return Err(LoadError::CoreModule { place: place.into() });
                }
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => {
                    depth = depth.saturating_sub(1);
                    ended = depth == 0;
                }
                // Only the outer component's imports reach the host; types may be imported, powers not.
                Payload::ComponentImportSection(section) if depth == 1 => {
                    if let Some(import) = section.into_iter().next() {
                        let import = import.map_err(|error| malformed(error.to_string()))?;
                        return Err(LoadError::Imports { place: place.into(), import: import.name.name.to_owned() });
                    }
                }
                Payload::GlobalSection(section) => parts += section.count() as usize,
                Payload::DataSection(section) => parts += section.count() as usize,
                Payload::ElementSection(section) => parts += section.count() as usize,
                Payload::CodeSectionEntry(body) if body.range().len() > MAX_FUNCTION_BYTES => {
                    let (what, size, bound) = ("a function", body.range().len(), MAX_FUNCTION_BYTES);
                    return Err(LoadError::TooLarge { place: place.into(), what, size, bound });
                }
                Payload::CustomSection(section) if section.name().starts_with(SECTIONS) => {
                    if !ours.insert(section.name()) {
                        return Err(LoadError::TwiceInside { place: place.into(), name: section.name().to_owned() });
                    }
                    if depth == 1 && section.name() == MANIFEST_SECTION {
                        manifest = Some(section.data());
                    }
                }
                _ => {}
            }
        }
        if !ended {
            return Err(malformed("it ends early".into()));
        }
        if parts > MAX_PARTS {
            return Err(LoadError::TooMany { place: place.into(), bound: MAX_PARTS });
        }
        let data = manifest.ok_or_else(|| LoadError::NoManifest { place: place.into() })?;
        if data.len() > MAX_MANIFEST_BYTES {
            let (what, size, bound) = ("a manifest", data.len(), MAX_MANIFEST_BYTES);
            return Err(LoadError::TooLarge { place: place.into(), what, size, bound });
        }
        let manifest = Manifest::from_json(data, vocabulary)
            .map_err(|error| LoadError::Manifest { place: place.into(), error })?;
        Ok(Module {
            place: place.into(),
            manifest: Arc::new(manifest),
            digest: Sha256::digest(bytes).into(),
            bytes: bytes.into(),
            embedded: false,
        })
    }

    /// The digest as `sha256:<hex>`.
    pub fn digest_text(&self) -> String {
        format!("sha256:{}", hex(&self.digest))
    }
}

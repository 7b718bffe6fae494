//! Modules that nobody wrote, or that somebody wrote with intent: made from a seed and a number, always the same.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arbitrary::Unstructured;
use normgate::Module;
use wasm_mutate::WasmMutate;

use crate::claims;
use crate::manifests::{Author, BLOCK, HOSTILE, Shape, manifest};
use crate::numbers::Numbers;
use crate::requests::INNOCENTS;
use crate::road::LAW_MODULE;
use crate::spies;

/// Where a module comes from.
pub const SOURCES: [&str; 5] = ["smith", "bones", "mutant", "broken", "spy"];

const EVALUATE: &str = "normgate:policy/judging@0.1.0#evaluate";
const MANIFEST: &str = "normgate:manifest";

/// A component, not looked at yet.
pub struct Made {
    /// Where it comes from: one of [`SOURCES`].
    pub source: &'static str,
    /// The component.
    pub bytes: Vec<u8>,
    /// Whether it is known that no answer of it may be used.
    pub illegal: bool,
}

/// What modules are made from.
pub struct Workshop {
    /// Real policies, which are mutated and broken.
    policies: Vec<Module>,
    /// A component with an honest allocator, into which other core modules are put.
    bones: Vec<u8>,
}

impl Workshop {
    /// Opens it.
    ///
    /// # Errors
    /// What is wrong with the tools.
    pub fn open() -> Result<Self, String> {
        let policies = normgate::embedded::arp();
        let policies = policies.into_iter().filter(|policy| !INNOCENTS.contains(&policy.manifest.module.as_str()));
        let text = format!(
            r#"(module
                (memory (export "memory") 8 256)
                (global $next (mut i32) (i32.const 65536))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                    (global.get $next)
                    (global.set $next (i32.add (global.get $next) (local.get 3))))
                (func (export "{EVALUATE}") {PARAMETERS} unreachable))"#
        );
        let core = wat::parse_str(&text).map_err(|error| error.to_string())?;
        Ok(Self { policies: policies.collect(), bones: normgate_package::wrap(&core)? })
    }

    /// Module `number` of the campaign with this seed, with claims to be held against a grant or without. A generator that
    /// fails is asked again.
    ///
    /// # Errors
    /// When no module can be made at all.
    pub fn make(&self, seed: u64, number: u64, claims: bool) -> Result<Made, String> {
        let mut last = String::new();
        for attempt in 0..20 {
            let mut numbers = Numbers::of(seed.wrapping_add(attempt << 32), number);
            // The generators are not on trial, so their panics are no finding.
            match catch_unwind(AssertUnwindSafe(|| self.try_make(&mut numbers, claims))) {
                Ok(Ok(made)) => return Ok(made),
                Ok(Err(error)) => last = error,
                Err(_) => last = "a generator panicked".into(),
            }
        }
        Err(format!("module {number} of seed {seed} cannot be made: {last}"))
    }

    fn try_make(&self, numbers: &mut Numbers, claims: bool) -> Result<Made, String> {
        let shape = *numbers.pick(&Shape::ALL);
        let author = |name: &str| Author::of(HOSTILE, name);
        match numbers.position(20) {
            0..5 => {
                let memory = r#"(memory (export "memory") 8 256)"#;
                let realloc = r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)"#;
                let core = smith(numbers, &format!("{memory} {realloc}"), None)?;
                // What the packager refuses, a determined author would have packaged by hand.
                let component = normgate_package::wrap(&core).unwrap_or_else(|_| with_core(&self.bones, &core));
                Ok(Made {
                    source: "smith",
                    bytes: labelled(numbers, component, &author("smith"), shape, claims),
                    illegal: false,
                })
            }
            5..10 => {
                let memory = r#"(module (import "bones" "memory" (memory 8 256)))"#;
                let core = smith(numbers, "", Some(memory))?;
                let component = beside_bones(&self.bones, &core)?;
                let bytes = labelled(numbers, component, &author("bones"), shape, claims);
                Ok(Made { source: "bones", bytes, illegal: false })
            }
            10..14 => {
                let policy = numbers.pick(&self.policies);
                let core = mutated(numbers, core_of(&policy.bytes));
                Ok(Made { source: "mutant", bytes: with_core(&policy.bytes, &core), illegal: false })
            }
            14..18 => {
                let whole = if numbers.position(2) == 0 {
                    numbers.pick(&self.policies).bytes.to_vec()
                } else {
                    let core = spies::any(numbers)?.core;
                    labelled(numbers, normgate_package::wrap(&core)?, &author("broken"), Shape::Wide, claims)
                };
                let other = &numbers.pick(&self.policies).bytes;
                let bytes = broken(numbers, whole, other);
                Ok(Made { source: "broken", bytes, illegal: false })
            }
            _ => self.spy(numbers, &author("spy"), claims),
        }
    }

    /// A module of an author, written by hand.
    pub(crate) fn spy(&self, numbers: &mut Numbers, author: &Author, claims: bool) -> Result<Made, String> {
        let spy = spies::any(numbers)?;
        let bytes = labelled(numbers, normgate_package::wrap(&spy.core)?, author, Shape::Wide, claims);
        Ok(Made { source: "spy", bytes, illegal: spy.illegal })
    }

    /// A module that takes all there is.
    pub(crate) fn heavy(&self, numbers: &mut Numbers) -> Result<Made, String> {
        let component = normgate_package::wrap(&spies::heavy(numbers)?.core)?;
        let bytes = labelled(numbers, component, &Author::of(HOSTILE, "spy"), Shape::Wide, false);
        Ok(Made { source: "spy", bytes, illegal: false })
    }

    /// A release that an association ships: most are honest, and claim all the same.
    pub(crate) fn shipped(&self, numbers: &mut Numbers, author: &Author, version: &str) -> Result<Vec<u8>, String> {
        let spy =
            if numbers.position(3) == 0 { spies::any(numbers)? } else { spies::honest(numbers.position(3) as u16)? };
        let author = claims::prefix(numbers, author.clone());
        let mut manifest = manifest(&author, Shape::Bare);
        claims::add(numbers, &mut manifest);
        manifest["version"] = version.into();
        let mut bytes = normgate_package::wrap(&spy.core)?;
        normgate_package::set_section(&mut bytes, MANIFEST, manifest.to_string().as_bytes());
        Ok(bytes)
    }

    /// The ministry's module: it withholds the first row.
    pub(crate) fn law(&self) -> Result<Vec<u8>, String> {
        let (authority, name) = LAW_MODULE.split_once('/').unwrap_or_default();
        let mut bytes = normgate_package::wrap(&spies::honest(BLOCK)?.core)?;
        let author = Author { authority: authority.into(), name: name.into(), prefix: "art22".into() };
        normgate_package::set_section(&mut bytes, MANIFEST, manifest(&author, Shape::Bare).to_string().as_bytes());
        Ok(bytes)
    }
}

const PARAMETERS: &str = "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)";

/// The same component under a made manifest.
fn labelled(numbers: &mut Numbers, mut component: Vec<u8>, author: &Author, shape: Shape, claims: bool) -> Vec<u8> {
    let manifest = if claims {
        let author = claims::prefix(numbers, author.clone());
        let mut manifest = manifest(&author, shape);
        claims::add(numbers, &mut manifest);
        manifest
    } else {
        manifest(author, shape)
    };
    normgate_package::set_section(&mut component, MANIFEST, manifest.to_string().as_bytes());
    component
}

/// A core module with random functions, the export of the contract among them.
fn smith(numbers: &mut Numbers, exports: &str, imports: Option<&str>) -> Result<Vec<u8>, String> {
    let text = |text: &str| wat::parse_str(text).map_err(|error| error.to_string());
    let mut config = wasm_smith::Config {
        exports: Some(text(&format!(r#"(module {exports} (func (export "{EVALUATE}") {PARAMETERS} unreachable))"#))?),
        available_imports: Some(text(imports.unwrap_or("(module)"))?),
        max_instructions: *numbers.pick(&[20, 100, 400]),
        max_funcs: 1 + numbers.position(20),
        // Beside the one that is exported or imported.
        max_memories: usize::from(numbers.position(8) == 0),
        max_memory32_bytes: 32 << 20,
        max_table_elements: 5_000,
        max_data_segments: 4,
        disallow_traps: numbers.position(2) == 0,
        ..Default::default()
    };
    // Now and then everything that the engine does not know, which it must refuse.
    if numbers.position(16) != 0 {
        config.gc_enabled = false;
        // External references need the collector, and come with the other references.
        config.reference_types_enabled = false;
        config.exceptions_enabled = false;
        config.memory64_enabled = false;
        config.threads_enabled = false;
        config.simd_enabled = false;
        config.relaxed_simd_enabled = false;
        config.extended_const_enabled = false;
        config.tail_call_enabled = false;
    }
    let count = 1_024 << numbers.position(4);
    let bytes = numbers.bytes(count);
    wasm_smith::Module::new(config, &mut Unstructured::new(&bytes))
        .map(|module| module.to_bytes())
        .map_err(|error| error.to_string())
}

/// A core module after a few mutations, of which half keep the meaning.
fn mutated(numbers: &mut Numbers, core: &[u8]) -> Vec<u8> {
    let mut core = core.to_vec();
    for _ in 0..1 + numbers.position(4) {
        let mut mutate = WasmMutate::default();
        mutate.seed(numbers.next()).fuel(300).preserve_semantics(numbers.position(4) == 0);
        let next = mutate.run(&core).ok().and_then(|mut mutants| mutants.find_map(Result::ok));
        core = next.unwrap_or(core);
    }
    core
}

/// A component after something happened to its bytes; `other` is what is spliced in.
fn broken(numbers: &mut Numbers, mut bytes: Vec<u8>, other: &[u8]) -> Vec<u8> {
    let any = |numbers: &mut Numbers, bytes: &[u8]| {
        let from = numbers.position(bytes.len());
        from..(from + 1 + numbers.position(64)).min(bytes.len())
    };
    for _ in 0..1 + numbers.position(3) {
        match numbers.position(8) {
            // Single bits, anywhere or within the first core module, where they more often leave something to run.
            0..4 => {
                let at =
                    if numbers.position(2) == 0 { numbers.position(bytes.len()) } else { core_byte(numbers, &bytes) };
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << numbers.position(8);
                }
            }
            4 => bytes.truncate(numbers.position(bytes.len())),
            5 => {
                let range = any(numbers, &bytes);
                let from = any(numbers, other);
                bytes.splice(range, other[from].iter().copied());
            }
            6 => {
                let range = any(numbers, &bytes);
                let noise = numbers.bytes(range.len());
                bytes.splice(range, noise);
            }
            // A section twice.
            _ => {
                let all = sections(&bytes);
                if !all.is_empty() {
                    let (_, section, _) = numbers.pick(&all).clone();
                    let copy = bytes[section].to_vec();
                    bytes.extend(copy);
                }
            }
        }
    }
    bytes
}

fn core_byte(numbers: &mut Numbers, bytes: &[u8]) -> usize {
    let core =
        sections(bytes).into_iter().find(|(id, ..)| *id == CORE_MODULE).map_or(0..bytes.len(), |(.., body)| body);
    core.start + numbers.position(core.len())
}

const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;
const ALIAS: u8 = 6;

/// Sections of a component: id, all of it, its body. It ends where the bytes are no sections any more.
fn sections(bytes: &[u8]) -> Vec<(u8, Range<usize>, Range<usize>)> {
    let mut found = Vec::new();
    let mut at = 8;
    while let Some(id) = bytes.get(at) {
        let (mut size, mut shift, mut body) = (0usize, 0, at + 1);
        while let Some(byte) = bytes.get(body) {
            size |= usize::from(byte & 0x7f) << shift;
            (shift, body) = (shift + 7, body + 1);
            if byte & 0x80 == 0 || shift > 28 {
                break;
            }
        }
        let end = body.saturating_add(size);
        if end > bytes.len() {
            break;
        }
        found.push((*id, at..end, body..end));
        at = end;
    }
    found
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![id];
    let mut size = body.len();
    loop {
        let more = size > 0x7f;
        bytes.push((size & 0x7f) as u8 | if more { 0x80 } else { 0 });
        size >>= 7;
        if !more {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

/// The core module of a packaged policy.
fn core_of(component: &[u8]) -> &[u8] {
    let core = sections(component).into_iter().find(|(id, ..)| *id == CORE_MODULE);
    core.map_or(&[], |(.., body)| &component[body])
}

/// The same component around another core module.
fn with_core(component: &[u8], core: &[u8]) -> Vec<u8> {
    let mut bytes = component[..8].to_vec();
    let mut put = false;
    for (id, whole, _) in sections(component) {
        if id == CORE_MODULE && !put {
            put = true;
            bytes.extend(section(CORE_MODULE, core));
        } else {
            bytes.extend(&component[whole]);
        }
    }
    bytes
}

/// A component of two core modules: the bones, with memory and an honest allocator, and one that imports their memory and
/// judges.
fn beside_bones(bones: &[u8], core: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = bones[..8].to_vec();
    let mut judged = false;
    for (id, whole, body) in sections(bones) {
        match id {
            CORE_MODULE => {
                bytes.extend(&bones[whole]);
                bytes.extend(section(CORE_MODULE, core));
            }
            // Two instances: of module 0 without arguments, and of module 1 with `bones` = instance 0.
            CORE_INSTANCE => {
                bytes.extend(section(CORE_INSTANCE, b"\x02\x00\x00\x00\x00\x01\x01\x05bones\x12\x00"));
            }
            // The function judged by comes from the second.
            ALIAS => {
                let mut alias = bones[body].to_vec();
                let name = alias.windows(EVALUATE.len()).position(|window| window == EVALUATE.as_bytes());
                if let Some(at) = name.and_then(|name| name.checked_sub(2)) {
                    (alias[at], judged) = (1, true);
                }
                bytes.extend(section(ALIAS, &alias));
            }
            _ => bytes.extend(&bones[whole]),
        }
    }
    if judged { Ok(bytes) } else { Err("the packaged component has another form than expected".into()) }
}

//! The SDK as text: what `normgate new` puts into a project, so that it builds without a network and without this repository.

/// Path and text of every file of the SDK, from its own folder. Its types come from a file (`types.rs`) instead of a macro that
/// would bring crates along; everything else is the SDK that our own policies are built with.
pub const SDK: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../vendored/Cargo.toml.txt")),
    ("LICENSE-APACHE", include_str!("../../../LICENSE-APACHE")),
    ("LICENSE-MIT", include_str!("../../../LICENSE-MIT")),
    ("src/alloc.rs", include_str!("../../src/alloc.rs")),
    ("src/answer.rs", include_str!("../../src/answer.rs")),
    ("src/bindings.rs", include_str!("../../src/bindings.rs")),
    ("src/columns.rs", include_str!("../../src/columns.rs")),
    ("src/lib.rs", include_str!("../../src/lib.rs")),
    ("src/people.rs", include_str!("../../src/people.rs")),
    ("src/runtime.rs", include_str!("../../src/runtime.rs")),
    ("src/signals.rs", include_str!("../../src/signals.rs")),
    ("src/stages.rs", include_str!("../../src/stages.rs")),
    ("src/surface.rs", include_str!("../../src/surface.rs")),
    ("src/synthetic.rs", include_str!("../../src/synthetic.rs")),
    ("src/terms.rs", include_str!("../../src/terms.rs")),
    ("src/types.rs", include_str!("../vendored/types.rs")),
    ("src/work.rs", include_str!("../../src/work.rs")),
];

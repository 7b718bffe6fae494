//! Where a policy's types come from: `generated/policy.rs` beside its Cargo.toml, which `normgate build` writes from policy.toml.

/// The types of the calling crate.
#[doc(hidden)]
#[macro_export]
macro_rules! __types {
    () => {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/generated/policy.rs"));
    };
}

//! Where a policy's types come from: policy.toml, read by a macro. A project outside this repository has another file in this
//! place (sdk/codegen/vendored), so that it needs no crate of a registry.

#[cfg(not(target_family = "wasm"))]
pub mod testing;

#[doc(hidden)]
pub use normgate_sdk_macros::types as __types;

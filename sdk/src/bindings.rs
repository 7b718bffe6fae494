//! Generated from `wit/policy.wit`; policies reach it through [`crate::policy!`] only.
#![allow(missing_docs, unsafe_code, reason = "generated code")]
#![allow(clippy::allow_attributes_without_reason, unreachable_pub, reason = "generated code")]

wit_bindgen::generate!({
    path: "../wit/policy.wit",
    world: "policy",
    pub_export_macro: true,
    default_bindings_module: "normgate_sdk::bindings",
});

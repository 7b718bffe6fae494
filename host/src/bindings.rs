//! Generated from `wit/policy.wit`: the host's side of the contract.
#![allow(missing_docs, unreachable_pub, clippy::allow_attributes_without_reason, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "../wit/policy.wit",
    world: "policy",
    ownership: Borrowing { duplicate_if_necessary: true },
});

//! The SDK's macros: typed Rust out of `policy.toml` and the vocabulary.

mod names;
mod policy;
mod vocabulary;

use proc_macro::TokenStream;

/// Declares the policy of this crate: reads `policy.toml` beside `Cargo.toml`, generates `Request`, `Candidate`, `Tag`,
/// `Parameters` and `Rules` with exactly what the manifest names, and exports the module.
///
/// `policy!(candidate: judge)` names the function of the candidate stage, `policy!(slate: arrange)` that of the slate
/// stage; a policy with rules in both names both.
#[proc_macro]
pub fn policy(input: TokenStream) -> TokenStream {
    let stages = syn::parse_macro_input!(input as policy::Stages);
    policy::expand(&stages).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Generates one enum per term set of the vocabulary. For the SDK itself.
#[doc(hidden)]
#[proc_macro]
pub fn vocabulary(_: TokenStream) -> TokenStream {
    vocabulary::expand().into()
}

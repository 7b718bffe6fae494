//! The SDK's macro: typed Rust out of `policy.toml`, while a policy compiles.

use std::path::PathBuf;

use normgate_contract::{Vocabulary, read_policy_toml};
use proc_macro::TokenStream;
use quote::quote;

/// The types of the calling crate: what `policy!` starts from.
#[doc(hidden)]
#[proc_macro]
pub fn types(_: TokenStream) -> TokenStream {
    expand().unwrap_or_else(|message| quote!(compile_error!(#message);)).into()
}

fn expand() -> Result<proc_macro2::TokenStream, String> {
    let folder = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default());
    let path = folder.join("policy.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        format!("policy.toml beside Cargo.toml cannot be read ({error}); write it first, then policy!()")
    })?;
    let manifest = read_policy_toml(&text, Vocabulary::shipped()).map_err(|error| error.to_string())?;
    let types = normgate_codegen::policy(&manifest).map_err(|error| format!("policy.toml: {error}"))?;
    let track = path.display().to_string();
    Ok(quote! {
        // Rebuild when the manifest changes.
        const _: &[u8] = include_bytes!(#track);
        #types
    })
}

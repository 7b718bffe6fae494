//! Typed Rust out of manifests and the vocabulary: what `policy!` compiles, what fills a batch, and what a project outside this
//! repository carries as text.

mod fields;
mod names;
mod policy;
mod terms;
mod vendored;

pub use fields::fields;
pub use policy::policy;
pub use terms::terms;
pub use vendored::SDK;

/// Code as a person can read it.
///
/// # Errors
/// A clause, when the tokens are no file of Rust.
pub fn pretty(code: proc_macro2::TokenStream) -> Result<String, String> {
    let laid_out = prettyplease::unparse(&syn::parse2(code).map_err(|error| error.to_string())?);
    // Documentation comes out of tokens without the space that a person puts before it.
    Ok(laid_out.replace("///", "/// ").replace("///  ", "/// "))
}

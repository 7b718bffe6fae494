//! One enum per term set, so that every policy speaks of `Surface::Feed` and not of code 13.

use normgate_contract::Vocabulary;
use proc_macro2::TokenStream;
use quote::quote;

use crate::names::type_or_variant;

/// The enums of the shipped vocabulary.
pub fn terms() -> TokenStream {
    let enums = Vocabulary::shipped()
        .terms
        .values()
        .map(|set| term_enum(&set.name, &format!("Term set `{}` of the vocabulary.", set.name), &set.terms));
    quote!(#(#enums)*)
}

/// The enum of a set of terms: unknown and unlisted first, then the terms in their order.
pub(crate) fn term_enum(name: &str, title: &str, terms: &[String]) -> TokenStream {
    let name = type_or_variant(name);
    let variants = terms.iter().map(|term| type_or_variant(term));
    let docs = terms.iter().map(|term| format!("`{term}`"));
    quote! {
        #[doc = #title]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum #name {
            /// Absent, null or `unknown`.
            #[default]
            Unknown,
            /// Known to the host, not listed in this policy's manifest.
            Unlisted,
            #(#[doc = #docs] #variants,)*
        }
    }
}

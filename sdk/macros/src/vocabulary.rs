//! One enum per term set, so that every policy speaks of `Surface::Feed` and not of code 13.

use normgate_contract::Vocabulary;
use proc_macro2::TokenStream;
use quote::quote;

use crate::names::type_or_variant;

pub(crate) fn expand() -> TokenStream {
    let enums = Vocabulary::shipped().terms.values().map(|set| {
        let name = type_or_variant(&set.name);
        let variants: Vec<_> = set.terms.iter().map(|term| type_or_variant(term)).collect();
        let docs = set.terms.iter().map(|term| format!("`{term}`"));
        let title = format!("Term set `{}` of the vocabulary.", set.name);
        quote! {
            #[doc = #title]
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            #[repr(u16)]
            pub enum #name {
                /// Absent, null or `unknown`.
                #[default]
                Unknown,
                /// Known to the host, not listed in this policy's manifest.
                Unlisted,
                #(#[doc = #docs] #variants,)*
            }
        }
    });
    quote!(#(#enums)*)
}

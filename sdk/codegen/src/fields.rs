//! Columns and terms as constants and types, for programs that fill a batch: a misspelt name is no program.

use std::collections::BTreeMap;

use normgate_contract::{ColumnSpec, ColumnType, Vocabulary};
use proc_macro2::TokenStream;
use quote::quote;

use crate::names::{constant, method, type_or_variant};

/// The columns and terms of the shipped vocabulary.
pub fn fields() -> TokenStream {
    let vocabulary = Vocabulary::shipped();
    let frames = vocabulary.frames.iter().enumerate().map(|(frame, (name, path))| {
        let mut groups: BTreeMap<&str, Vec<TokenStream>> = BTreeMap::new();
        for column in vocabulary.columns.iter().filter(|column| column.frame == frame) {
            let (group, field) = column.field.rsplit_once('.').unwrap_or(("", &column.field));
            groups.entry(group).or_default().push(constant_of(field, column));
        }
        let own = groups.remove("").unwrap_or_default();
        let groups = groups.into_iter().map(|(group, constants)| {
            let (doc, group) = (format!("Columns of `{name}` under `{group}`."), method(group));
            quote! { #[doc = #doc] pub mod #group { use super::*; #(#constants)* } }
        });
        let doc = match path.as_str() {
            "" => "Columns of the request itself: one value each.".to_owned(),
            path => format!("Columns of the rows at `{path}`."),
        };
        let name = method(name);
        quote! { #[doc = #doc] pub mod #name { use super::*; #(#own)* #(#groups)* } }
    });
    let sets = vocabulary.terms.values().map(|set| {
        let doc = format!("Term set `{}`.", set.name);
        let (name, set_name) = (type_or_variant(&set.name), &set.name);
        let variants = set.terms.iter().map(|term| type_or_variant(term));
        let docs = set.terms.iter().map(|term| format!("`{term}`"));
        quote! {
            #[doc = #doc]
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum #name { #(#[doc = #docs] #variants,)* }

            impl TermOf for #name {
                const SET: Option<&'static str> = Some(#set_name);

                fn position(self) -> u16 {
                    self as u16
                }
            }
        }
    });
    quote! {
        pub use crate::batch::{AnyTerm, Field, Hashed, Id, Ids, Integer, Number, Signals, Term, TermOf, Terms, Text, Tri};
        #(#frames)*
        /// The sets of terms.
        pub mod terms { use super::TermOf; #(#sets)* }
    }
}

/// One column as a constant.
fn constant_of(field: &str, column: &ColumnSpec) -> TokenStream {
    let kind = match column.kind {
        ColumnType::Term => {
            let set = type_or_variant(column.terms.as_ref().map_or("", |set| &set.name));
            quote! { Term<crate::fields::terms::#set> }
        }
        ColumnType::Integer if column.is_identifier() => quote! { Hashed },
        ColumnType::Tri => quote! { Tri },
        ColumnType::Integer | ColumnType::Integers => quote! { Integer },
        ColumnType::Terms => quote! { Terms },
        ColumnType::Id => quote! { Id },
        ColumnType::Ids => quote! { Ids },
        ColumnType::Signals => quote! { Signals },
        ColumnType::Number => quote! { Number },
        ColumnType::Text => quote! { Text },
    };
    let (constant, name) = (constant(field), &column.name);
    let doc = format!("`{name}`");
    quote! { #[doc = #doc] pub const #constant: Field<#kind> = Field::shipped(#name); }
}

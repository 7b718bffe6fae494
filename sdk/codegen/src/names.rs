//! How names of the contract become names of Rust.

use proc_macro2::{Ident, Span};

/// `aigc.meta_label` -> `aigc_meta_label`; a leading digit gets an underscore, a keyword too.
pub(crate) fn method(name: &str) -> Ident {
    let mut text: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    if text.starts_with(|c: char| c.is_ascii_digit()) || syn::parse_str::<Ident>(&text).is_err() {
        text.insert(0, '_');
    }
    Ident::new(&text, Span::call_site())
}

/// `age_band` -> `AgeBand`, `CN_MAINLAND` -> `CnMainland`, `1` -> `N1`.
pub(crate) fn type_or_variant(name: &str) -> Ident {
    let mut text = String::new();
    for part in name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()) {
        // `a0_3` must not read as 03.
        if text.ends_with(|c: char| c.is_ascii_digit()) && part.starts_with(|c: char| c.is_ascii_digit()) {
            text.push('_');
        }
        let lower = part.to_ascii_lowercase();
        text += &lower[..1].to_ascii_uppercase();
        text += &lower[1..];
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        text.insert(0, 'N');
    }
    if text == "Self" {
        text.push_str("Stated");
    }
    Ident::new(&text, Span::call_site())
}

/// `L11.fraud` -> `L11_FRAUD`, `M*` -> `M`.
pub(crate) fn constant(name: &str) -> Ident {
    let text: String = name
        .trim_end_matches('*')
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect();
    Ident::new(&text, Span::call_site())
}

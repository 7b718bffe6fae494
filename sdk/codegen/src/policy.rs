//! The typed face of one manifest.

use std::collections::HashMap;

use normgate_contract::{
    Block, ColumnType, Effect, Input, Level, Manifest, ParameterType, Rule, Stage, TagAction, Vocabulary,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

use crate::names::{constant, method, type_or_variant};
use crate::terms::term_enum;

/// The typed face of a manifest: `Request`, `Candidate`, `Tag`, `Parameters` and `Rules` with exactly what it names, `Call` over
/// them, and the exported function. It leaves one thing open: a function `judge_stage`, which `policy!` writes.
///
/// # Errors
/// A clause that names the rule which no method can be made for.
pub fn policy(manifest: &Manifest) -> Result<TokenStream, String> {
    let json = manifest.to_json();
    let json_text = String::from_utf8_lossy(&json).into_owned();
    let section = proc_macro2::Literal::byte_string(&json);
    let length = json.len();
    let request = request(manifest);
    let rows = [("candidates", "Candidate", "a row of the ranked list"), ("tags", "Tag", "a tag of the user")]
        .map(|(frame, name, what)| row_type(manifest, frame, name, what));
    let parameters = parameters(manifest);
    let rules = rules(manifest)?;
    let stages = [Stage::Candidate, Stage::Slate].into_iter().enumerate();
    let stages = stages.filter(|(_, stage)| manifest.has_stage(*stage)).fold(0u32, |bits, (bit, _)| bits | 1 << bit);
    let prelude = quote!(::normgate_sdk::__private);

    Ok(quote! {
        /// The resolved manifest of this policy, as JSON.
        pub const MANIFEST: &str = #json_text;

        #request
        #(#rows)*
        #parameters
        #rules

        /// The stages that the manifest has rules of, as bits.
        const STAGES: u32 = #stages;

        /// What this call asks about: the request, its rows, the parameters.
        pub struct Call<'a> {
            /// Facts about the request.
            pub request: Request<'a>,
            /// Values of the parameters.
            pub parameters: Parameters<'a>,
            candidates: Option<&'a #prelude::Frame>,
            tags: Option<&'a #prelude::Frame>,
        }

        impl<'a> Call<'a> {
            fn new(call: &'a #prelude::Call) -> Self {
                let mut frames = call.frames.iter();
                let mut candidates = None;
                let mut tags = None;
                for name in FRAMES {
                    match *name {
                        "candidates" => candidates = frames.next(),
                        "tags" => tags = frames.next(),
                        _ => { frames.next(); }
                    }
                }
                Self {
                    request: Request { scalars: &call.request },
                    parameters: Parameters { values: &call.parameters },
                    candidates,
                    tags,
                }
            }

            /// The rows of the list, in the order of the call.
            pub fn candidates(&self) -> impl Iterator<Item = Candidate<'a>> + Clone {
                let columns = CandidateColumns::new(self.candidates);
                (0..self.candidates.map_or(0, |frame| frame.rows)).map(move |row| Candidate { columns, row })
            }

            /// The user's tags.
            pub fn tags(&self) -> impl Iterator<Item = Tag<'a>> + Clone {
                let columns = TagColumns::new(self.tags);
                (0..self.tags.map_or(0, |frame| frame.rows)).map(move |row| Tag { columns, row })
            }
        }

        /// Judges one call: the exported function, callable natively too.
        pub fn evaluate(call: #prelude::Call) -> #prelude::Answer {
            let view = Call::new(&call);
            let rows = view.candidates.map_or(0, |frame| frame.rows) as usize;
            let mut rules = Rules { sheet: #prelude::Sheet::new(&call.enforced, rows) };
            judge_stage(call.stage, &view, &mut rules);
            rules.sheet.into_answer()
        }

        // The export exists in the sandbox only; natively the policy is an ordinary function.
        #[cfg(target_family = "wasm")]
        mod export {
            struct Module;

            impl ::normgate_sdk::bindings::exports::normgate::policy::judging::Guest for Module {
                fn evaluate(call: ::normgate_sdk::__private::Call) -> ::normgate_sdk::__private::Answer {
                    super::evaluate(call)
                }
            }

            ::normgate_sdk::bindings::export!(Module with_types_in ::normgate_sdk::bindings);

            #[allow(unsafe_code, reason = "a custom section is how the component carries its manifest")]
            #[unsafe(link_section = "normgate:manifest")]
            #[used]
            static SECTION: [u8; #length] = *#section;
        }
    })
}

/// The enum of a term column, and the table from manifest codes to it (none where the codes are the enum's own).
fn term_type(frame: &str, input: &Input) -> (TokenStream, TokenStream) {
    let name = format!("{frame}.{}", input.field);
    let set = Vocabulary::shipped().column(&name).and_then(|(_, spec)| spec.terms.clone());
    match set {
        Some(set) => {
            let ty = type_or_variant(&set.name);
            let ty = quote!(::normgate_sdk::terms::#ty);
            let variants = input.entries.iter().map(|entry| type_or_variant(entry));
            (ty.clone(), quote!(&[#ty::Unknown, #ty::Unlisted, #(#ty::#variants),*]))
        }
        None => {
            let ty = type_or_variant(&input.field);
            let variants: Vec<_> = input.entries.iter().map(|entry| type_or_variant(entry)).collect();
            (quote!(#ty), quote!(&[#ty::Unknown, #ty::Unlisted, #(#ty::#variants),*]))
        }
    }
}

/// Enums for the term columns that the norm defines itself.
fn own_terms(frame: &str, inputs: &[Input]) -> TokenStream {
    let own = inputs
        .iter()
        .filter(|input| matches!(input.kind, ColumnType::Term | ColumnType::Terms) && input.field.starts_with("x."));
    let enums =
        own.map(|input| term_enum(&input.field, &format!("Terms of `{frame}.{}`.", input.field), &input.entries));
    quote!(#(#enums)*)
}

fn request(manifest: &Manifest) -> TokenStream {
    let own = own_terms("request", &manifest.request);
    let accessors = manifest.request.iter().enumerate().map(|(index, input)| {
        let name = method(&input.field);
        let doc = format!("Column `request.{}`.", input.field);
        match input.kind {
            ColumnType::Tri => quote! {
                #[doc = #doc]
                pub fn #name(&self) -> ::normgate_sdk::Tri { ::normgate_sdk::__private::scalar_tri(self.scalars, #index) }
            },
            ColumnType::Term => {
                let (ty, table) = term_type("request", input);
                quote! {
                    #[doc = #doc]
                    pub fn #name(&self) -> #ty {
                        const TABLE: &[#ty] = #table;
                        ::normgate_sdk::__private::scalar_term(self.scalars, #index, TABLE)
                    }
                }
            }
            ColumnType::Terms => {
                let has = format_ident!("{name}_has");
                let doc_has = format!("Whether `request.{}` holds the entry.", input.field);
                let consts = input.entries.iter().enumerate().map(|(bit, entry)| {
                    let constant = format_ident!("{}_{}", constant(&input.field), constant(entry));
                    quote!(#[doc = #entry] pub const #constant: u32 = #bit as u32;)
                });
                quote! {
                    #(#consts)*
                    #[doc = #doc]
                    /// The known set of entries as bits, or none when unknown.
                    pub fn #name(&self) -> Option<u64> {
                        ::normgate_sdk::__private::scalar_integer(self.scalars, #index).map(|bits| bits as u64)
                    }
                    #[doc = #doc_has]
                    pub fn #has(&self, entry: u32) -> bool {
                        self.#name().is_some_and(|bits| bits >> entry & 1 == 1)
                    }
                }
            }
            _ => quote! {
                #[doc = #doc]
                pub fn #name(&self) -> Option<i64> { ::normgate_sdk::__private::scalar_integer(self.scalars, #index) }
            },
        }
    });
    quote! {
        #own
        /// Facts about the request, as far as the manifest reads them.
        #[derive(Clone, Copy)]
        pub struct Request<'a> {
            scalars: &'a ::normgate_sdk::__private::Scalars,
        }

        #[allow(dead_code, reason = "the manifest declares a column for evidence too")]
        impl Request<'_> {
            #(#accessors)*
        }
    }
}

fn row_type(manifest: &Manifest, frame: &str, name: &str, what: &str) -> TokenStream {
    let inputs = manifest.frames.iter().find(|f| f.name == frame).map_or(&[][..], |f| &f.columns);
    let own = own_terms(frame, inputs);
    let ty = Ident::new(name, Span::call_site());
    let columns = format_ident!("{name}Columns");
    let title = format!("{what}, as far as the manifest reads it.");
    let fields = inputs.iter().map(|input| {
        let field = method(&input.field);
        let column = format_ident!("{}Column", format!("{:?}", input.kind));
        quote!(#field: ::normgate_sdk::__private::#column<'a>)
    });
    let init = inputs.iter().enumerate().map(|(index, input)| {
        let field = method(&input.field);
        quote!(#field: ::normgate_sdk::__private::view(frame, #index))
    });
    let accessors = inputs.iter().map(|input| accessor(frame, input));
    let groups = inputs.iter().filter(|input| input.kind == ColumnType::Signals).map(signal_groups);
    let frames = if name == "Candidate" {
        let names = manifest.frames.iter().map(|f| &f.name);
        quote!(const FRAMES: &[&str] = &[#(#names),*];)
    } else {
        TokenStream::new()
    };
    quote! {
        #frames
        #own
        #(#groups)*

        #[derive(Clone, Copy)]
        #[allow(dead_code, reason = "the manifest declares a column for evidence too")]
        struct #columns<'a> {
            #(#fields,)*
            frame: ::core::marker::PhantomData<&'a ()>,
        }

        impl<'a> #columns<'a> {
            fn new(frame: Option<&'a ::normgate_sdk::__private::Frame>) -> Self {
                let _ = frame;
                Self { #(#init,)* frame: ::core::marker::PhantomData }
            }
        }

        #[doc = #title]
        #[derive(Clone, Copy)]
        pub struct #ty<'a> {
            columns: #columns<'a>,
            row: u32,
        }

        #[allow(dead_code, reason = "the manifest declares a column for evidence too")]
        impl<'a> #ty<'a> {
            /// Number of the row in this call; in the slate stage, its position in the slate.
            pub fn row(&self) -> u32 {
                self.row
            }
            #(#accessors)*
        }
    }
}

fn accessor(frame: &str, input: &Input) -> TokenStream {
    let name = method(&input.field);
    let doc = format!("Column `{frame}.{}`.", input.field);
    match input.kind {
        ColumnType::Tri => quote! {
            #[doc = #doc]
            #[inline]
            pub fn #name(&self) -> ::normgate_sdk::Tri { self.columns.#name.get(self.row) }
        },
        ColumnType::Integer => quote! {
            #[doc = #doc]
            #[inline]
            pub fn #name(&self) -> Option<i64> { self.columns.#name.get(self.row) }
        },
        ColumnType::Term => {
            let (ty, table) = term_type(frame, input);
            quote! {
                #[doc = #doc]
                #[inline]
                pub fn #name(&self) -> #ty {
                    const TABLE: &[#ty] = #table;
                    self.columns.#name.get(self.row, TABLE)
                }
            }
        }
        ColumnType::Terms => {
            let (ty, table) = term_type(frame, input);
            quote! {
                #[doc = #doc]
                #[inline]
                pub fn #name(&self) -> Option<impl Iterator<Item = #ty> + 'a> {
                    const TABLE: &[#ty] = #table;
                    self.columns.#name.get(self.row).map(|codes| {
                        codes.iter().map(|code| TABLE.get(*code as usize).copied().unwrap_or(#ty::Unlisted))
                    })
                }
            }
        }
        ColumnType::Id => quote! {
            #[doc = #doc]
            #[inline]
            pub fn #name(&self) -> Option<::normgate_sdk::Id> { self.columns.#name.get(self.row) }
        },
        ColumnType::Ids => quote! {
            #[doc = #doc]
            #[inline]
            pub fn #name(&self) -> Option<impl Iterator<Item = ::normgate_sdk::Id> + Clone + 'a> { self.columns.#name.get(self.row) }
        },
        ColumnType::Integers => quote! {
            #[doc = #doc]
            #[inline]
            pub fn #name(&self) -> Option<&'a [i64]> { self.columns.#name.get(self.row) }
        },
        ColumnType::Signals => quote! {
            #[doc = #doc]
            #[inline]
            pub fn #name(&self) -> ::normgate_sdk::Signals<'a> { self.columns.#name.get(self.row) }
        },
        ColumnType::Number | ColumnType::Text => TokenStream::new(),
    }
}

/// One constant per listed signal code or family: `M`, `M1`, `L11_FRAUD`.
fn signal_groups(input: &Input) -> TokenStream {
    let covers = |family: &str, entry: &str| match family.strip_suffix('*') {
        Some(letter) => entry.starts_with(letter),
        // A code with a dot is exact; one without covers those below it.
        None => {
            entry == family || (!family.contains('.') && entry.strip_prefix(family).is_some_and(|r| r.starts_with('.')))
        }
    };
    let constants = input.entries.iter().map(|family| {
        let name = constant(family);
        let mask =
            input.entries.iter().enumerate().filter(|(_, e)| covers(family, e)).fold(0u64, |m, (bit, _)| m | 1 << bit);
        let doc = format!("Signals of `{family}`.");
        quote! {
            #[doc = #doc]
            pub const #name: ::normgate_sdk::Group = ::normgate_sdk::Group::of(#mask);
        }
    });
    let module = method(&input.field);
    let module = format_ident!("{module}");
    quote! {
        /// The groups of signals that this policy distinguishes.
        #[allow(dead_code, reason = "an entry may serve only to tell codes apart")]
        pub mod #module {
            #(#constants)*
        }
    }
}

fn parameters(manifest: &Manifest) -> TokenStream {
    let mut thresholds = (None, None);
    let mut enums = Vec::new();
    let accessors: Vec<_> = manifest
        .parameters
        .iter()
        .enumerate()
        .map(|(index, parameter)| {
            let short = parameter.name.rsplit('.').next().unwrap_or_default();
            let name = method(short);
            let doc = format!("Parameter `{}`.", parameter.name);
            match short {
                "t_suspect" => thresholds.0 = Some(index),
                "t_confirm" => thresholds.1 = Some(index),
                _ => {}
            }
            match &parameter.kind {
                ParameterType::Integer { .. } => quote! {
                    #[doc = #doc]
                    #[inline]
                    pub fn #name(&self) -> i64 { ::normgate_sdk::__private::parameter(self.values, #index) }
                },
                ParameterType::Term { choices } => {
                    let ty = type_or_variant(short);
                    let variants: Vec<_> = choices.iter().map(|choice| type_or_variant(choice)).collect();
                    let docs = choices.iter().map(|choice| format!("`{choice}`"));
                    let title = format!("Choices of `{}`.", parameter.name);
                    let (last, others) = variants.split_last().map_or((None, &[][..]), |(l, o)| (Some(l), o));
                    let codes = (2..2 + others.len() as i64).collect::<Vec<_>>();
                    enums.push(quote! {
                        #[doc = #title]
                        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
                        pub enum #ty { #(#[doc = #docs] #variants),* }
                    });
                    quote! {
                        #[doc = #doc]
                        pub fn #name(&self) -> #ty {
                            match ::normgate_sdk::__private::parameter(self.values, #index) {
                                #(#codes => #ty::#others,)*
                                _ => #ty::#last,
                            }
                        }
                    }
                }
            }
        })
        .collect();
    let thresholds = match thresholds {
        (Some(_), Some(_)) => quote! {
            /// From which confidence a classifier's signal counts.
            #[inline]
            pub fn thresholds(&self) -> ::normgate_sdk::Thresholds {
                ::normgate_sdk::Thresholds { suspect: self.t_suspect(), confirm: self.t_confirm() }
            }
        },
        _ => TokenStream::new(),
    };
    quote! {
        #(#enums)*
        /// The values of the parameters in force for this call.
        #[derive(Clone, Copy)]
        pub struct Parameters<'a> {
            values: &'a [i64],
        }

        #[allow(dead_code, reason = "a parameter may serve the manifest's effects only")]
        impl Parameters<'_> {
            #(#accessors)*
            #thresholds
        }
    }
}

fn rules(manifest: &Manifest) -> Result<TokenStream, String> {
    let mut methods = Vec::new();
    let mut hits = Vec::new();
    let mut first_effect = 0u16;
    for (index, rule) in manifest.rules.iter().enumerate() {
        let short = rule.id.strip_prefix(&format!("{}.", manifest.module)).unwrap_or(&rule.id);
        let name = method(short);
        let ty = format_ident!("{}Hit", type_or_variant(short));
        let doc = format!("`{}`: {}", rule.id, rule.sentence.en);
        let (argument, row) = match rule.level {
            Level::Row => (quote!(, row: &Candidate<'_>), quote!(row.row)),
            Level::Tag => (quote!(, row: &Tag<'_>), quote!(row.row)),
            Level::Request => (TokenStream::new(), quote!(::normgate_sdk::__private::REQUEST_ROW)),
        };
        let effects = effect_methods(rule, first_effect)?;
        let (on_row, apart): (Vec<_>, Vec<_>) = effects.into_iter().partition(|(row_effect, _)| *row_effect);
        let apart = apart.into_iter().map(|(_, method)| method);
        let on_row = on_row.into_iter().map(|(_, method)| method).collect::<Vec<_>>();
        let mut hit = |name: Ident, ty: Ident, argument: TokenStream, row: TokenStream, effects: Vec<TokenStream>| {
            methods.push(quote! {
                #[doc = #doc]
                #[inline]
                #[must_use = "a hit says nothing until an effect is chosen"]
                pub fn #name(&mut self #argument) -> #ty<'_> {
                    #ty { hit: self.sheet.hit(#index, #row) }
                }
            });
            hits.push(hit_type(&rule.id, &ty, &effects));
        };
        if rule.level == Level::Row {
            hit(name, ty, argument, row, on_row.into_iter().chain(apart).collect());
        } else {
            // A rule about the request or a tag may also touch rows: `rule_on(&item)`.
            hit(name.clone(), ty.clone(), argument, row, apart.collect());
            if !on_row.is_empty() {
                let (name, ty) = (format_ident!("{name}_on"), format_ident!("{ty}OnRow"));
                hit(name, ty, quote!(, row: &Candidate<'_>), quote!(row.row), on_row);
            }
        }
        first_effect += rule.effects.len() as u16;
    }
    Ok(quote! {
        /// The rules of this policy. A rule is a method; what it returns has one method per effect of the manifest.
        pub struct Rules<'a> {
            sheet: ::normgate_sdk::__private::Sheet<'a>,
        }

        #[allow(dead_code, reason = "a rule of the other stage is not called")]
        impl Rules<'_> {
            #(#methods)*
        }

        #(#hits)*
    })
}

/// The type of a rule that fired: one method per effect.
fn hit_type(rule: &str, ty: &Ident, effects: &[TokenStream]) -> TokenStream {
    let title = format!("`{rule}` fired; say what it does.");
    quote! {
        #[doc = #title]
        pub struct #ty<'a> {
            hit: ::normgate_sdk::__private::Hit<'a>,
        }

        #[allow(dead_code, reason = "a policy may choose among the effects")]
        impl #ty<'_> {
            /// Marks that the rule fired because something is unknown, when it did.
            #[inline]
            #[must_use = "a hit says nothing until an effect is chosen"]
            pub fn because_unknown(mut self, unknown: bool) -> Self {
                self.hit.missing = unknown;
                self
            }

            /// Whether the rule is enforced. One in shadow must not count for another rule.
            #[inline]
            pub fn enforced(&self) -> bool {
                self.hit.enforced
            }
            #(#effects)*
        }
    }
}

/// The methods by which a policy says what a fired rule does: `block()`, `demote()`, `label_ad()`, …, each with
/// whether it is an effect on a row.
fn effect_methods(rule: &Rule, first: u16) -> Result<Vec<(bool, TokenStream)>, String> {
    let mut taken: HashMap<String, usize> = HashMap::new();
    rule.effects
        .iter()
        .enumerate()
        .map(|(offset, effect)| {
            let index = first + offset as u16;
            let (name, argument, value) = match effect {
                Effect::Label(label) => (format!("label_{label}"), quote!(), quote!(0)),
                Effect::Demote(weight) if weight.is_computed() => {
                    ("demote_to".into(), quote!(weight: i64), quote!(weight))
                }
                Effect::Demote(_) => ("demote".into(), quote!(), quote!(0)),
                Effect::Block(Block::None) => ("block".into(), quote!(), quote!(0)),
                Effect::Block(Block::HumanReview) => ("hold".into(), quote!(), quote!(0)),
                Effect::Block(Block::LabelFirst) => ("hold_for_label".into(), quote!(), quote!(0)),
                Effect::Tag(TagAction::Delete) => ("delete".into(), quote!(), quote!(0)),
                Effect::Tag(_) => ("suppress".into(), quote!(), quote!(0)),
                Effect::Obligation(obligation) => {
                    let computed = obligation
                        .args
                        .values()
                        .any(|a| matches!(a, normgate_contract::Argument::Named(n) if n == "computed"));
                    let name = format!("oblige_{}", obligation.code);
                    if computed { (name, quote!(argument: i64), quote!(argument)) } else { (name, quote!(), quote!(0)) }
                }
                Effect::Veto(feature) if feature == "tag" => {
                    ("veto_tag".into(), quote!(tag: u32), quote!(i64::from(tag)))
                }
                Effect::Veto(feature) => (format!("veto_{feature}"), quote!(), quote!(0)),
                Effect::Violation => ("violation".into(), quote!(), quote!(0)),
                Effect::Promote => ("promote".into(), quote!(), quote!(0)),
                Effect::Constraint(_) => ("constrain".into(), quote!(), quote!(0)),
            };
            if let Some(other) = taken.insert(name.clone(), offset) {
                return Err(format!(
                    "rule `{}` lists the same effect twice (effects[{other}] and effects[{offset}])",
                    rule.id
                ));
            }
            let method = method(&name);
            let doc = format!("Effect {index} of the manifest.");
            let on_row = matches!(effect, Effect::Label(_) | Effect::Demote(_) | Effect::Block(_) | Effect::Promote);
            let method = quote! {
                #[doc = #doc]
                #[inline]
                pub fn #method(mut self, #argument) -> Self {
                    self.hit.effect(#index, #value);
                    self
                }
            };
            Ok((on_row, method))
        })
        .collect()
}

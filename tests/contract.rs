//! The contract holds: the vocabulary only grows, the generated reference is current, and a module outlives both.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use normgate::contract::{Vocabulary, reference};
use normgate::{Batch, Detail, Gate, Module, Reader, embedded};
use support::component::{MANIFEST, module, with_manifest};
use support::docs::{generated, root};
use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};

#[test]
fn the_reference_is_generated_from_the_vocabulary() {
    let vocabulary = Vocabulary::shipped();
    generated("docs/reference/vocabulary.md", &reference::markdown(vocabulary));
    let schema = serde_json::to_string_pretty(&reference::json_schema(vocabulary)).unwrap() + "\n";
    generated("docs/reference/request.schema.json", &schema);
}

/// The SDK's bindings: the generator's, behind a head that says what they are.
#[test]
fn the_bindings_of_the_sdk_are_generated_from_the_contract() {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("policy.wit", normgate::contract::WIT).unwrap();
    let world = resolve.select_world(&[package], Some("policy")).unwrap();
    let options = wit_bindgen_rust::Opts {
        format: true,
        pub_export_macro: true,
        runtime_path: Some("crate::runtime".into()),
        default_bindings_module: Some("normgate_sdk::bindings".into()),
        ..Default::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).unwrap();
    let (_, bindings) = files.iter().next().unwrap();
    let head = "//! Generated from `wit/policy.wit` by `make docs`, do not edit; policies reach it through [`crate::policy!`] only.\n\
        //!\n\
        //! It is committed, so that a policy compiles without the generator and whatever that needs.\n\
        #![allow(missing_docs, unsafe_code, reason = \"generated code\")]\n\
        #![allow(clippy::allow_attributes_without_reason, clippy::panic, unreachable_pub, reason = \"generated code\")]\n\n";
    generated("sdk/src/bindings.rs", &format!("{head}{}", String::from_utf8_lossy(bindings)));
}

/// The same for C, which needs no tool then either.
#[test]
fn the_bindings_for_c_are_generated_from_the_contract() {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("policy.wit", normgate::contract::WIT).unwrap();
    let world = resolve.select_world(&[package], Some("policy")).unwrap();
    let options = wit_bindgen_c::Opts { no_object_file: true, ..Default::default() };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).unwrap();
    for name in ["policy.h", "policy.c"] {
        let (_, text) = files.iter().find(|(file, _)| *file == name).unwrap();
        generated(&format!("sdk/c/{name}"), &(String::from_utf8_lossy(text).trim_end().to_owned() + "\n"));
    }
}

/// The SDK's term sets: one enum each.
#[test]
fn the_terms_of_the_sdk_are_generated_from_the_vocabulary() {
    let head = "//! The term sets of the vocabulary, as enums. Generated from `wit/vocabulary.toml` by `make docs`, do not edit.";
    let terms = normgate_codegen::pretty(normgate_codegen::terms()).unwrap();
    generated("sdk/src/terms.rs", &format!("{head}\n\n{terms}"));
}

/// The columns and terms that fill a batch.
#[test]
fn the_fields_of_the_host_are_generated_from_the_vocabulary() {
    let head = "//! The columns and terms of the vocabulary, for programs that fill a batch ([`crate::BatchBuilder::column`]): a misspelt name \
                is no\n//! program. Generated from `wit/vocabulary.toml` by `make docs`, do not edit.";
    let fields = normgate_codegen::pretty(normgate_codegen::fields()).unwrap();
    generated("host/src/fields.rs", &format!("{head}\n\n{fields}"));
}

/// What `normgate new` hands out is the whole SDK, file by file.
#[test]
fn the_sdk_that_a_project_gets_is_the_whole_sdk() {
    let sources = std::fs::read_dir(root().join("sdk/src")).unwrap().map(|entry| entry.unwrap().path());
    let sources: BTreeSet<String> = sources
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| format!("src/{}", path.file_name().unwrap().to_string_lossy()))
        .collect();
    let carried = normgate_codegen::SDK.iter().map(|(path, _)| (*path).to_owned());
    assert_eq!(carried.filter(|path| path.starts_with("src/")).collect::<BTreeSet<_>>(), sources);
}

#[test]
fn released_names_stay_and_new_terms_say_what_they_read_as() {
    let vocabulary = Vocabulary::shipped();
    let path = root().join("wit/vocabulary.lock");
    let locked_text = std::fs::read_to_string(&path).unwrap();
    let locked: Vec<&str> = locked_text.lines().filter(|line| !line.starts_with('#')).collect();
    let lines = vocabulary.lock_lines();
    let current: BTreeSet<&str> = lines.iter().map(String::as_str).collect();
    for line in &locked {
        assert!(current.contains(line), "`{line}` was released and is gone; names are append-only");
    }
    // Codes are positions: a released term keeps its place among the released ones.
    let kept: Vec<&str> = lines.iter().map(String::as_str).filter(|line| locked.contains(line)).collect();
    assert_eq!(kept, locked, "released names changed their order");
    for line in lines.iter().filter(|line| !locked.contains(&line.as_str())) {
        let reads_as = line.strip_prefix("term:").is_none_or(|term| vocabulary.reads_as.contains_key(term));
        assert!(reads_as, "`{line}` is new: say in [reads_as] which older term a module without it reads");
    }
}

/// A vocabulary of the future: a fourth frame, a new column, a new surface, a new obligation, a new argument.
fn future() -> Arc<Vocabulary> {
    let text = Vocabulary::SHIPPED
        .replace("tags = \"user.tags\"", "tags = \"user.tags\"\nsellers = \"sellers\"")
        .replace("\"game_entry\", \"chat_gen\", \"account\",", "\"game_entry\", \"chat_gen\", \"account\", \"wrist\",")
        .replace("\n[reads_as]\n", "\n[reads_as]\n\"surface.wrist\" = \"push\"\n")
        .replace("obligations = [", "obligations = [\n    \"notify.seller\",")
        .replace("arguments = [", "arguments = [\"urgency\", ")
        + "\n[[columns]]\nname = \"sellers.seller_id\"\ntype = \"id\"\npersonal = false\nunknown = \"required\"\n";
    Arc::new(Vocabulary::parse(&text).unwrap())
}

#[test]
fn a_module_compiled_today_judges_under_a_vocabulary_of_the_future() {
    let vocabulary = future();
    assert!(vocabulary.frame("sellers").is_some() && vocabulary.obligations.contains(&"notify.seller".into()));
    let modules = embedded::arp()
        .iter()
        .map(|module| Module::read(&module.place, &module.bytes, &vocabulary).unwrap())
        .filter(|module| module.manifest.module == "art17")
        .collect::<Vec<_>>();
    let gate = Gate::builder().policies(modules).trusting().vocabulary(Arc::clone(&vocabulary)).build().unwrap();
    // `wrist` is unknown to the module; the vocabulary has it read as `push`, where recommendations can be off.
    let line = br#"{"id":"r","ctx":{"now_ms":1767225600000,"local_min":600,"surface":"wrist"},
        "user":{"personalization":"on","recs_switch":"off"},"sellers":[{"seller_id":"s1"}],
        "candidates":[{"id":"c1","retrieval_basis":"generic"}]}"#;
    let outcome = gate.evaluate(&Reader::new(vocabulary).read(line).unwrap());
    assert!(outcome.to_json(Detail::default()).contains("art17.recs-off"));
}

#[test]
fn a_module_that_was_compiled_once_loads_and_judges_for_good() {
    // Compiled with 0.1.0 and never again: the file must outlive every release that speaks its contract.
    let bytes = include_bytes!("frozen/film-club-0.1.0.wasm");
    for vocabulary in [Arc::clone(Vocabulary::shipped()), future()] {
        let module = Module::read("film-club-0.1.0.wasm", bytes, &vocabulary).unwrap();
        let gate = Gate::builder().policies([module]).trusting().vocabulary(Arc::clone(&vocabulary)).build().unwrap();
        let line = br#"{"ctx":{"now_ms":1,"local_min":600},"candidates":[{"id":"f","age_rating":"r18"}]}"#;
        let outcome = gate.evaluate(&Reader::new(vocabulary).read(line).unwrap());
        assert_eq!((outcome.shown, outcome.failures.len()), (0, 0));
    }
}

#[test]
fn a_new_argument_of_an_obligation_loads_where_the_vocabulary_has_it() {
    let module = embedded::arp().into_iter().find(|m| m.manifest.module == "art09").unwrap();
    let mut manifest = serde_json::to_value(&*module.manifest).unwrap();
    let effects = manifest["rules"][0]["effects"].as_array_mut().unwrap();
    let obligation = effects.iter_mut().find(|e| e.get("obligation").is_some()).unwrap();
    obligation["obligation"]["args"]["urgency"] = 3.into();
    let bytes = with_manifest(module.bytes.to_vec(), &manifest.to_string());
    let error = Module::read("future", &bytes, Vocabulary::shipped()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("the vocabulary has no argument `urgency`; there are changes, label, pause_s"), "{error}");
    let vocabulary = future();
    let module = Module::read("future", &bytes, &vocabulary).unwrap();
    let gate = Gate::builder().policies([module]).trusting().vocabulary(Arc::clone(&vocabulary)).build().unwrap();
    let batch = Reader::new(vocabulary).read(
        br#"{"ctx":{"now_ms":1767225600000,"local_min":600,"can_render_labels":true},"candidates":[{"id":"c","aigc":{"meta_label":"1"}}]}"#,
    );
    assert!(gate.evaluate(&batch.unwrap()).to_json(Detail::default()).contains(r#""args":{"label":1,"urgency":3}"#));
}

#[test]
fn a_norm_may_add_a_column_of_its_own() {
    let own = MANIFEST.replace(r#""columns":[]"#, r#""columns":[{"field":"x.hostile.risk","type":"tri"}]"#);
    let bytes = with_manifest(module("", 0, 1, 300_000), &own);
    let module = Module::read("own.wasm", &bytes, Vocabulary::shipped()).unwrap();
    let gate = Gate::builder().policies([module]).trusting().build().unwrap();
    let line = br#"{"ctx":{"now_ms":1,"local_min":1},"candidates":[{"id":"a","x":{"hostile":{"risk":true}}}]}"#;
    let seen = |batch: &Batch| {
        gate.with_call("hostile", batch, |call| match &call.frames[0].columns[0] {
            normgate::__judging::Column::Tri(codes) => codes.to_vec(),
            _ => Vec::new(),
        })
    };
    assert_eq!(seen(&gate.reader().read(line).unwrap()), Some(vec![2]));
    // Read without the norm, the field is unknown to the reader, and the column is absent.
    let without = Batch::from_json(line).unwrap();
    assert_eq!((without.ignored_fields(), seen(&without)), (1, Some(vec![])));
    let wrong = br#"{"ctx":{"now_ms":1,"local_min":1},"candidates":[{"id":"a","x":{"hostile":{"risk":3}}}]}"#;
    assert!(gate.reader().read(wrong).unwrap_err().to_string().starts_with("candidates[0].x.hostile.risk: "));
}

/// A norm with a column of its own, a term of these entries.
fn norm_with_terms(version: &str, entries: &[&str], from: Option<&str>) -> Module {
    let mut manifest: serde_json::Value = serde_json::from_str(MANIFEST).unwrap();
    manifest["version"] = version.into();
    manifest["effective_from"] = from.into();
    manifest["frames"][0]["columns"] =
        serde_json::json!([{"field": "x.hostile.mood", "type": "term", "entries": entries}]);
    let bytes = with_manifest(module("", 0, 1, 300_000), &manifest.to_string());
    Module::read("own.wasm", &bytes, Vocabulary::shipped()).unwrap()
}

fn moods(gate: &Gate, batch: &Batch) -> Option<Vec<u16>> {
    let codes = gate.with_call("hostile", batch, |call| match &call.frames[0].columns[0] {
        normgate::__judging::Column::Term(codes) => Some(codes.to_vec()),
        _ => None,
    });
    codes.flatten()
}

#[test]
fn a_request_read_under_one_definition_of_a_column_is_not_misread_under_another() {
    let line = br#"{"ctx":{"now_ms":1,"local_min":1},"candidates":[{"id":"a","x":{"hostile":{"mood":"good"}}}]}"#;
    let gate = Gate::builder().policies([norm_with_terms("1.0.0", &["good", "bad"], None)]).trusting().build().unwrap();
    let read_before = gate.reader().read(line).unwrap();
    assert_eq!(moods(&gate, &read_before), Some(vec![2]));
    let next = Gate::builder().policies([norm_with_terms("1.1.0", &["bad", "good"], None)]).trusting();
    gate.swap(next.generation().unwrap());
    // Its code would now be that of `bad`; it is absent instead, until the reader is of this generation too.
    assert_eq!(moods(&gate, &read_before), None);
    assert_eq!(moods(&gate, &gate.reader().read(line).unwrap()), Some(vec![3]));
}

#[test]
fn two_versions_of_a_norm_that_wait_for_each_other_each_read_their_own_terms() {
    let modules =
        [norm_with_terms("1.0.0", &["good"], None), norm_with_terms("1.1.0", &["fair", "good"], Some("2999-01-01"))];
    let gate = Gate::builder().policies(modules).trusting().build().unwrap();
    let codes = |mood: &str| {
        let line = format!(
            r#"{{"ctx":{{"now_ms":1,"local_min":1}},"candidates":[{{"id":"a","x":{{"hostile":{{"mood":"{mood}"}}}}}}]}}"#
        );
        moods(&gate, &gate.reader().read(line.as_bytes()).unwrap())
    };
    // The older one judges; a term that only the newer one names is unlisted to it.
    assert_eq!((codes("good"), codes("fair")), (Some(vec![2]), Some(vec![1])));
}

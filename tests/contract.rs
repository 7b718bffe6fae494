//! The contract holds: the vocabulary only grows, the generated reference is current, and a module outlives both.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use normgate::contract::{Code, Text, Vocabulary, reference};
use normgate::{Batch, Config, Detail, Gate, Module, Reader, embedded};
use serde_json::Value;
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

/// Every name that a platform fills in is explained, in sentences that a person reads once.
#[test]
fn every_code_column_and_surface_says_what_it_means() {
    let vocabulary = Vocabulary::shipped();
    let mut english: Vec<&str> = vocabulary.columns.iter().map(|column| column.note.as_str()).collect();
    let mut chinese = Vec::new();
    let meanings: Vec<Text> = vocabulary.signals.meanings.iter().map(Code::meaning).collect();
    for text in meanings.iter().chain(vocabulary.signals.meanings.iter().flat_map(|code| [&code.example, &code.not])) {
        english.push(&text.en);
        chinese.push(text.zh.as_str());
    }
    for text in &english {
        assert!(text.ends_with('.'), "no sentence: {text}");
        for sentence in text.split(['.', ';', ':']) {
            assert!(sentence.split_whitespace().count() <= 20, "more than twenty words: {sentence}");
        }
    }
    for text in &chinese {
        assert!(text.ends_with('。') && !text.contains([',', ';', ':', '(', ')', '"']), "not full-width: {text}");
    }
    let codes: BTreeSet<&str> = vocabulary.signals.codes.iter().map(String::as_str).collect();
    assert_eq!(codes.len(), vocabulary.signals.codes.len(), "a code is explained twice");
    let surfaces: Vec<&str> = vocabulary.surfaces.iter().map(|surface| surface.term.as_str()).collect();
    assert_eq!(surfaces, vocabulary.terms["surface"].terms);
}

/// The schema says of each code what the reference says.
#[test]
fn the_schema_names_every_code_and_refuses_others() {
    let schema = reference::json_schema(Vocabulary::shipped());
    let codes = &schema["properties"]["candidates"]["items"]["properties"]["signals"]["items"]["properties"]["code"];
    let choices = codes["anyOf"].as_array().unwrap();
    assert_eq!(choices.len(), Vocabulary::shipped().signals.codes.len() + 1);
    let gambling = choices.iter().find(|choice| choice["const"] == "L9").unwrap()["description"].as_str().unwrap();
    for part in ["gambling", "赌博", "article 6, item 9", "Example:", "Not:", "not checked"] {
        assert!(gambling.contains(part), "{part}: {gambling}");
    }
}

/// The page of columns to begin with: each request has these and no others, and its modules miss nothing.
#[test]
fn the_smallest_requests_are_right() {
    const HEAD: [&str; 7] = [
        "id",
        "ctx.now_ms",
        "ctx.local_min",
        "ctx.surface",
        "ctx.can_render_labels",
        "ctx.nonpersonal_option",
        "candidates.id",
    ];
    let page = std::fs::read_to_string(root().join("docs/reference/columns.md")).unwrap();
    let fenced = |section: &str, kind: &str| section.split(&format!("```{kind}\n")).nth(1).map(until_fence);
    let mut sections = page.split("\n## ");
    let config = fenced(sections.next().unwrap(), "toml").unwrap();
    let mut judged = 0;
    for section in sections {
        let name = section.lines().next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let listed: BTreeSet<&str> = rows.collect();
        assert_eq!(listed.len(), 12, "{name}");
        let request: Value = serde_json::from_str(&fenced(section, "json").unwrap()).unwrap();
        let mut sent = BTreeSet::new();
        paths(&request, "", &mut sent);
        let wanted: BTreeSet<String> = listed.iter().chain(&HEAD).map(|name| (*name).to_owned()).collect();
        assert_eq!(sent, wanted, "{name}");

        let (_, named) = section.split_once("\nModules: ").unwrap();
        let named: Vec<&str> = named.split_once(".\n").unwrap().0.split(", ").collect();
        let modules: Vec<Module> =
            embedded::arp().into_iter().filter(|module| named.contains(&module.manifest.module.as_str())).collect();
        assert_eq!(modules.len(), named.len(), "{name}");
        let config = Config::parse(&config).unwrap();
        let gate = Gate::builder().policies(modules).config(config).trusting().build().unwrap();
        let reader = gate.reader().strict(true);
        let outcome = gate.evaluate(&reader.read(request.to_string().as_bytes()).unwrap());
        let missing: Vec<_> = outcome.for_want_of_input().map(|(rule, _)| outcome.policy_set().rule_id(rule)).collect();
        assert_eq!(missing, [""; 0], "{name}");
        let owed: Vec<&str> = outcome.obligations.iter().map(|owed| outcome.owed(owed)).collect();
        for missing in ["fix.telemetry", "fix.reference", "verify.metadata", "update.database"] {
            assert!(!owed.contains(&missing), "{name}: {owed:?}");
        }
        assert!(
            outcome.verdicts.iter().all(|verdict| verdict.judgement.block.is_none()),
            "{name}: nothing is withheld"
        );
        judged += 1;
    }
    assert_eq!(judged, 5);
}

fn until_fence(text: &str) -> String {
    text.split("```").next().unwrap_or_default().to_owned()
}

/// The paths of all values of a request, without numbers of rows. A list of signals is one value.
fn paths(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| paths(value, &below(name), found)),
        Value::Array(rows) if at == "candidates" => rows.iter().for_each(|row| paths(row, at, found)),
        _ => drop(found.insert(at.to_owned())),
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
        + "\n[[columns]]\nname = \"sellers.seller_id\"\ntype = \"id\"\npersonal = false\nunknown = \"required\"\nnote = \"Its seller.\"\n";
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

//! How much one manifest may say. What one module may cost its host follows from these and from the rows of a request, so they
//! are constants, far above what a norm needs: the largest that we ship has 20 rules, 29 effects, 14 parameters and 31 columns.

use crate::manifest::{Effect, Manifest, Parameter, ParameterType, Rule};
use crate::source::{ManifestError, fail};
use crate::{MAX_ENTRIES, Vocabulary};

/// Largest manifest, in bytes, as an author writes it and as a component carries it.
pub const MAX_MANIFEST_BYTES: usize = 1 << 20;
/// Most rules.
pub const MAX_RULES: usize = 256;
/// Most effects, of all rules together.
pub const MAX_EFFECTS: usize = 1_024;
/// Most demands on the slate among them.
pub const MAX_CONSTRAINTS: usize = 16;
/// Most arguments of one obligation.
pub const MAX_ARGUMENTS: usize = 16;
/// Most parameters; as many may be ordered, and as many of others tightened.
pub const MAX_PARAMETERS: usize = 256;
/// Most columns.
pub const MAX_INPUTS: usize = 256;
/// Most choices or dated defaults of a parameter, columns of evidence of a rule, policies replaced, kinds or surfaces.
pub const MAX_LISTED: usize = 64;
/// Most alternatives of the rows that a module may withhold or demote.
pub const MAX_CONCERNS: usize = 16;
/// Longest text for people, in bytes.
pub const MAX_TEXT_BYTES: usize = 2_048;
/// Longest name, in bytes: of the policy, a rule, a column, an entry, a parameter, a choice.
pub const MAX_NAME_BYTES: usize = 128;

/// Holds a manifest against the bounds, and the names that only bounds keep small against the vocabulary.
pub(crate) fn check(manifest: &Manifest, vocabulary: &Vocabulary) -> Result<(), ManifestError> {
    let Manifest { rules, parameters, ordered, overlays, replaces, applies, .. } = manifest;
    let constraints = manifest.effects().filter(|(_, effect)| matches!(effect, Effect::Constraint(_))).count();
    at_most("rules", rules.len(), MAX_RULES, "rules")?;
    at_most("rules", manifest.effects().count(), MAX_EFFECTS, "effects")?;
    at_most("rules", constraints, MAX_CONSTRAINTS, "demands on the slate")?;
    at_most("inputs", manifest.columns().count(), MAX_INPUTS, "columns")?;
    at_most("parameters", parameters.len(), MAX_PARAMETERS, "parameters")?;
    at_most("ordered", ordered.len(), MAX_PARAMETERS, "ordered pairs")?;
    at_most("overlays", overlays.len(), MAX_PARAMETERS, "tightened parameters")?;
    at_most("replaces", replaces.len(), MAX_LISTED, "policies")?;
    at_most("applies.kinds", applies.kinds.len(), MAX_LISTED, "kinds")?;
    at_most("applies.surfaces", applies.surfaces.len(), MAX_LISTED, "surfaces")?;

    for name in [&manifest.id, &manifest.module, &manifest.version].into_iter().chain(&manifest.pack).chain(replaces) {
        short_name("id", name)?;
    }
    for name in overlays.keys().chain(ordered.iter().flat_map(|(low, high)| [low, high])) {
        short_name("parameters", name)?;
    }
    let titles = [&manifest.title].into_iter().chain(&manifest.issuer).flat_map(|text| [&text.zh, &text.en]);
    for text in titles.chain(&manifest.evidence_url) {
        short_text("title", text)?;
    }
    for (name, input) in manifest.columns() {
        short_name("inputs", &name)?;
        // How many entries a column has is checked with the column.
        input.entries.iter().try_for_each(|entry| short_name("inputs", entry))?;
    }
    parameters.iter().try_for_each(check_parameter)?;
    rules.iter().enumerate().try_for_each(|(index, rule)| check_rule(index, rule, vocabulary))
}

fn check_parameter(parameter: &Parameter) -> Result<(), ManifestError> {
    let Parameter { name, kind, dated, .. } = parameter;
    short_name("parameters", name)?;
    at_most("parameters", dated.len(), MAX_LISTED, "dated defaults of one parameter")?;
    match kind {
        ParameterType::Integer { unit, .. } => short_name("parameters", unit),
        ParameterType::Term { choices } => {
            at_most("parameters", choices.len(), MAX_LISTED, "choices of one parameter")?;
            choices.iter().try_for_each(|choice| short_name("parameters", choice))
        }
    }
}

fn check_rule(index: usize, rule: &Rule, vocabulary: &Vocabulary) -> Result<(), ManifestError> {
    short_name(&format!("rules[{index}]"), &rule.id)?;
    let place = format!("rules[{index}] `{}`", rule.id);
    at_most(&place, rule.evidence.len(), MAX_LISTED, "columns of evidence")?;
    at_most(&place, rule.shares_sentence_with.len(), MAX_RULES, "rules that share its sentence")?;
    at_most(&place, rule.optional_effects.len(), rule.effects.len(), "optional effects")?;
    for name in rule.evidence.iter().chain(&rule.release).chain(&rule.shares_sentence_with) {
        short_name(&place, name)?;
    }
    let texts = [&rule.sentence, &rule.remedy].into_iter().flat_map(|text| [&text.zh, &text.en]);
    for text in texts.chain([&rule.basis]).chain(&rule.liability) {
        short_text(&place, text)?;
    }
    for effect in &rule.effects {
        match effect {
            Effect::Obligation(obligation) => {
                at_most(&place, obligation.args.len(), MAX_ARGUMENTS, "arguments of one obligation")?;
                if let Some(name) = obligation.args.keys().find(|name| !vocabulary.arguments.contains(name)) {
                    let known = vocabulary.arguments.join(", ");
                    return fail(place, format!("the vocabulary has no argument {}; there are {known}", quoted(name)));
                }
            }
            Effect::Constraint(constraint) => {
                at_most(&place, constraint.codes.len(), MAX_ENTRIES, "codes of one demand on the slate")?;
                if let Some(code) = constraint.codes.iter().find(|code| !vocabulary.signals.names(code)) {
                    return fail(place, format!("the vocabulary has no signal code {}", quoted(code)));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn at_most(place: &str, count: usize, most: usize, what: &str) -> Result<(), ManifestError> {
    if count > most { fail(place, format!("{count} {what}; there may be {most}")) } else { Ok(()) }
}

fn short_name(place: &str, name: &str) -> Result<(), ManifestError> {
    at_most(place, name.len(), MAX_NAME_BYTES, "bytes in one name")
}

fn short_text(place: &str, text: &str) -> Result<(), ManifestError> {
    at_most(place, text.len(), MAX_TEXT_BYTES, "bytes in one text")
}

/// A name for an error sentence, cut where it is long.
fn quoted(name: &str) -> String {
    format!("`{}`", name.chars().take(40).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn manifest() -> Value {
        json!({"contract": crate::CONTRACT, "id": "a/b", "module": "m", "version": "1.0.0",
            "title": {"zh": "x", "en": "x"}, "law": "arp", "on_failure": "allow",
            "request": [], "frames": [{"name": "candidates", "columns": []}], "parameters": [],
            "rules": [{"id": "m.r", "stage": "candidate", "level": "row", "modality": "must", "basis": "b",
                "source": "engineering", "verified": false, "audience": "viewer", "sentence": {"zh": "x", "en": "x"},
                "remedy": {"zh": "x", "en": "x"}, "wording": "draft", "effects": [{"block": "none"}]}]})
    }

    /// What is said of a manifest after a change; nothing when it is in bounds.
    fn said(change: impl FnOnce(&mut Value)) -> String {
        let mut manifest = manifest();
        change(&mut manifest);
        let read = Manifest::from_json(manifest.to_string().as_bytes(), Vocabulary::shipped());
        read.err().map(|error| error.to_string()).unwrap_or_default()
    }

    fn rules(count: usize, effects: usize) -> impl Fn(&mut Value) {
        move |manifest| {
            let rule = manifest["rules"][0].clone();
            let rules = (0..count).map(|number| {
                let mut rule = rule.clone();
                rule["id"] = json!(format!("m.r{number}"));
                rule["effects"] = json!(vec![json!("promote"); effects]);
                rule
            });
            manifest["rules"] = rules.collect();
        }
    }

    fn parameters(count: usize) -> impl Fn(&mut Value) {
        move |manifest| {
            let parameter = |number| {
                json!({"name": format!("m.p{number}"), "type": "integer", "min": i64::MIN, "max": i64::MAX, "unit": "s",
                    "stricter": "smaller", "default": i64::MIN, "owner": "op", "source": "engineering"})
            };
            manifest["parameters"] = (0..count).map(parameter).collect();
        }
    }

    fn columns(count: usize) -> impl Fn(&mut Value) {
        move |manifest| {
            let column = |number| json!({"field": format!("x.a.c{number}"), "type": "tri"});
            manifest["frames"][0]["columns"] = (0..count).map(column).collect();
        }
    }

    fn demands(count: usize, codes: &Value) -> impl Fn(&mut Value) {
        let demand = json!({"constraint": {"kind": "min", "codes": codes, "count": 1, "slots": 1}});
        move |manifest| {
            manifest["rules"][0]["level"] = json!("request");
            manifest["rules"][0]["effects"] = json!(vec![demand.clone(); count]);
        }
    }

    #[test]
    fn every_count_has_a_bound_and_the_bound_itself_is_in_it() {
        let codes = |count: usize| json!(vec!["E*"; count]);
        assert_eq!(said(rules(MAX_RULES, 4)), "");
        assert_eq!(said(rules(MAX_RULES + 1, 1)), "rules: 257 rules; there may be 256");
        assert_eq!(said(rules(1, MAX_EFFECTS)), "");
        assert_eq!(said(rules(5, 205)), "rules: 1025 effects; there may be 1024");
        assert_eq!(said(parameters(MAX_PARAMETERS)), "");
        assert_eq!(said(parameters(MAX_PARAMETERS + 1)), "parameters: 257 parameters; there may be 256");
        assert_eq!(said(columns(MAX_INPUTS)), "");
        assert_eq!(said(columns(MAX_INPUTS + 1)), "inputs: 257 columns; there may be 256");
        assert_eq!(said(demands(MAX_CONSTRAINTS, &codes(MAX_ENTRIES))), "");
        assert_eq!(said(demands(17, &codes(1))), "rules: 17 demands on the slate; there may be 16");
        assert_eq!(
            said(demands(1, &codes(63))),
            "rules[0] `m.r`: 63 codes of one demand on the slate; there may be 62"
        );
    }

    #[test]
    fn every_text_and_name_has_a_bound() {
        let text = |bytes: usize| json!("x".repeat(bytes));
        for path in ["/title/en", "/rules/0/sentence/zh", "/rules/0/remedy/en", "/rules/0/basis"] {
            let set = |bytes| said(|manifest| *manifest.pointer_mut(path).expect(path) = text(bytes));
            assert_eq!(set(MAX_TEXT_BYTES), "", "{path}");
            assert!(set(MAX_TEXT_BYTES + 1).contains("2049 bytes in one text; there may be 2048"), "{path}");
        }
        for path in ["/id", "/module", "/version", "/rules/0/id"] {
            let said = said(|manifest| *manifest.pointer_mut(path).expect(path) = text(MAX_NAME_BYTES + 1));
            assert!(said.contains("129 bytes in one name; there may be 128"), "{path}: {said}");
        }
        let column = |name: usize, entry: usize| {
            let column =
                json!({"field": format!("x.a.{}", "c".repeat(name)), "type": "term", "entries": [text(entry)]});
            said(|manifest| manifest["frames"][0]["columns"] = json!([column]))
        };
        assert_eq!(column(100, MAX_NAME_BYTES), "");
        assert!(column(200, 1).contains("bytes in one name") && column(1, 129).contains("bytes in one name"));
        let large = vec![b' '; MAX_MANIFEST_BYTES + 1];
        let error = Manifest::from_json(&large, Vocabulary::shipped()).map(|_| ()).expect_err("too large");
        assert_eq!(error.to_string(), "manifest: 1048577 bytes; there may be 1048576");
        let error = crate::read_policy_toml(&" ".repeat(MAX_MANIFEST_BYTES + 1), Vocabulary::shipped());
        assert!(error.map(|_| ()).expect_err("too large").to_string().contains("1048577 bytes"));
    }

    #[test]
    fn arguments_and_codes_are_those_of_the_vocabulary() {
        let obliged = |name: &str| {
            let effect = json!({"obligation": {"code": "pause.dispatch", "args": {name: 1}}});
            said(|manifest| manifest["rules"][0]["effects"] = json!([effect]))
        };
        assert_eq!(obliged("pause_s"), "");
        assert!(
            obliged("pause_h").contains("the vocabulary has no argument `pause_h`; there are changes, label, pause_s")
        );
        assert!(obliged(&"x".repeat(100_000)).len() < 300);
        for code in ["E*", "L11.fraud", "M1"] {
            assert_eq!(said(demands(1, &json!([code]))), "");
        }
        for code in ["E", "Z*", "Z9", "*", "", "évil", "E**"] {
            assert!(said(demands(1, &json!([code]))).contains("the vocabulary has no signal code"), "{code}");
        }
    }

    #[test]
    fn the_strictest_of_two_values_is_found_at_the_ends_of_the_numbers() {
        let mut made = manifest();
        parameters(1)(&mut made);
        let read = Manifest::from_json(made.to_string().as_bytes(), Vocabulary::shipped()).expect("a manifest");
        let strictness = |value| read.parameters[0].strictness(value);
        let values = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX];
        assert!(values.windows(2).all(|two| strictness(two[0]) > strictness(two[1])));
    }
}

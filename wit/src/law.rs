//! Pages on the law, generated from the manifests and from one line a rule that is written by hand.
//!
//! A manifest carries everything about a rule but what makes it fire. That line stands in `docs/law/conditions.toml`; a
//! parameter in it is written `{harm_w}` and comes out with its default, so that no figure is written twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Write};

use crate::{
    Argument, Block, Effect, Manifest, Obligation, OnFailure, Parameter, ParameterType, Provenance, Quantity, Rule,
    Vocabulary, Weight, Wording, concerns_in_words, dsa,
};

/// What makes each rule fire: module, rule, line.
pub type Conditions = BTreeMap<String, BTreeMap<String, String>>;

/// Reads the lines that are written by hand.
///
/// # Errors
/// What is not TOML of this form.
pub fn conditions(text: &str) -> Result<Conditions, toml::de::Error> {
    toml::from_str(text)
}

/// Whatever of the lines does not meet the manifests: rules without a line, lines without a rule, names in braces that are
/// no parameter of the module, parameters that no line of their module mentions.
pub fn gaps<'a>(manifests: impl IntoIterator<Item = &'a Manifest>, conditions: &Conditions) -> Vec<String> {
    let none = BTreeMap::new();
    let (mut found, mut modules) = (Vec::new(), BTreeSet::new());
    for manifest in manifests {
        modules.insert(&manifest.module);
        let lines = conditions.get(&manifest.module).unwrap_or(&none);
        let mut rules: BTreeSet<&str> = manifest.rules.iter().map(|rule| short(&rule.id, manifest)).collect();
        let mut unused: BTreeSet<&str> = manifest.parameters.iter().map(|p| p.name.as_str()).collect();
        for (rule, line) in lines {
            if !rules.remove(rule.as_str()) {
                found.push(format!("the line `{}.{rule}` names no rule", manifest.module));
            }
            for name in braced(line) {
                match own_parameter(manifest, name) {
                    Some(parameter) => drop(unused.remove(parameter.name.as_str())),
                    None => found.push(format!("the line `{}.{rule}` names no parameter `{name}`", manifest.module)),
                }
            }
        }
        found.extend(rules.into_iter().map(|rule| format!("`{}.{rule}` has no line", manifest.module)));
        found.extend(unused.into_iter().map(|name| format!("no line of {} mentions `{name}`", manifest.module)));
    }
    found.extend(conditions.keys().filter(|name| !modules.contains(name)).map(|name| format!("no module `{name}`")));
    found
}

/// The decision tables of one module.
pub fn module_page(vocabulary: &Vocabulary, folder: &str, manifest: &Manifest, conditions: &Conditions) -> String {
    let mut page = format!(
        "# {}: {} ({})\n\nGenerated from `policies/{folder}/policy.toml` and `docs/law/conditions.toml` by `make docs`; do \
         not edit.\n[Index](../README.md) · [source](../../../policies/{folder})\n\n{}\n",
        article(&manifest.module),
        manifest.title.en,
        manifest.title.zh,
        standing(manifest),
    );
    table(&mut page, "Decision table", &["rule", "when", "may then"], &manifest.rules, |rule| {
        let line = conditions.get(&manifest.module).and_then(|lines| lines.get(short(&rule.id, manifest)));
        let effects: Vec<String> = rule.effects.iter().map(|effect| effect_text(manifest, effect)).collect();
        vec![code(&rule.id), line.map(|line| filled(manifest, line)).unwrap_or_default(), effects.join("<br>")]
    });
    let header =
        ["rule", "level", "stage", "modality", "standing", "basis", "liability", "source", "verified", "DSA", "notes"];
    table(&mut page, "Standing", &header, &manifest.rules, |rule| {
        vec![
            code(&rule.id),
            word(rule.level),
            word(rule.stage),
            word(rule.modality),
            word(rule.standing()),
            rule.basis.clone(),
            rule.liability.clone().unwrap_or_default(),
            word(rule.source),
            if rule.verified { "yes".into() } else { "no".into() },
            dsa_text(rule),
            notes(manifest, rule),
        ]
    });
    table(&mut page, "Words", &["rule", "to the", "sentence", "remedy", "wording"], &manifest.rules, |rule| {
        vec![
            code(&rule.id),
            word(rule.audience),
            format!("{}<br>{}", rule.sentence.zh, rule.sentence.en),
            format!("{}<br>{}", rule.remedy.zh, rule.remedy.en),
            word(rule.wording),
        ]
    });
    table(&mut page, "Evidence", &["rule", "rests on", "a hold is released by"], &manifest.rules, |rule| {
        vec![code(&rule.id), codes(&rule.evidence), rule.release.as_deref().map(code).unwrap_or_default()]
    });
    if !manifest.parameters.is_empty() {
        let header = ["parameter", "default", "range, or choices from loose to strict", "owner", "stricter", "source"];
        table(&mut page, "Parameters", &header, &manifest.parameters, |parameter| {
            let (bounds, stricter) = match &parameter.kind {
                ParameterType::Integer { min, max, unit, stricter } => (format!("{min}…{max} {unit}"), word(stricter)),
                ParameterType::Term { choices } => (choices.join(" < "), "later choice".into()),
            };
            let dated = parameter.dated.iter().map(|(day, value)| format!("<br>from {day}: {value}"));
            let default = format!("{}{}", parameter.default, dated.collect::<String>());
            vec![code(&parameter.name), default, bounds, word(parameter.owner), stricter, word(parameter.source)]
        });
        for (low, high) in &manifest.ordered {
            let _ = write!(page, "\n`{low}` is never above `{high}`.\n");
        }
    }
    let inputs: Vec<_> = manifest.columns().collect();
    table(&mut page, "Inputs", &["column", "distinguishes"], &inputs, |(name, input)| {
        let terms = vocabulary.column(name).and_then(|(_, column)| column.terms.as_ref());
        let every = terms.is_some_and(|set| set.terms == input.entries);
        let optional = if input.optional { " (optional)" } else { "" };
        vec![code(name) + optional, if every { "every term".into() } else { codes(&input.entries) }]
    });
    page
}

/// Article, module, rules, inputs, parameters, instruments: the map of the folder of policies.
pub fn policies(policies: &[(&str, &Manifest)]) -> String {
    let mut page = String::new();
    let header = ["article", "policy", "subject", "rules", "inputs", "parameters", "instruments"];
    table(&mut page, "All of them", &header, policies, |(folder, manifest)| {
        vec![
            article(&manifest.module),
            format!("[{folder}]({folder})"),
            manifest.title.en.clone(),
            manifest.rules.len().to_string(),
            manifest.columns().count().to_string(),
            manifest.parameters.len().to_string(),
            instruments_of(manifest.rules.iter()).into_iter().collect::<Vec<_>>().join(", "),
        ]
    });
    for (folder, manifest) in policies {
        let rules: Vec<&str> = manifest.rules.iter().map(|rule| rule.id.as_str()).collect();
        let parameters = manifest.parameters.iter().map(|p| format!("`{}` = {}", p.name, p.default));
        let columns: Vec<String> = manifest.columns().map(|(name, _)| name).collect();
        let parameters = parameters.collect::<Vec<_>>().join(", ");
        let _ = write!(
            page,
            "\n### {}: {}\n\n[Source]({folder}), [decision tables](../docs/law/modules/{}.md).\n\n- Rules: {}\n- Inputs: \
             {}\n- Parameters: {}\n",
            article(&manifest.module),
            manifest.title.en,
            manifest.module,
            codes(&rules),
            codes(&columns),
            if parameters.is_empty() { "none" } else { &parameters },
        );
    }
    page
}

/// The instruments by name, and which rules rest on which.
pub fn instruments(vocabulary: &Vocabulary, manifests: &[&Manifest]) -> String {
    let rules: Vec<&Rule> = manifests.iter().flat_map(|manifest| &manifest.rules).collect();
    let named: Vec<_> = vocabulary.instruments.iter().collect();
    let mut page = String::new();
    table(&mut page, "Rules by instrument", &["handle", "name", "rules"], &named, |(handle, name)| {
        let on_it = rules.iter().filter(|rule| handles_of(rule).any(|h| h == handle.as_str()));
        let ids: Vec<&str> = on_it.map(|rule| rule.id.as_str()).collect();
        vec![(*handle).clone(), format!("{}<br>{}", name.zh, name.en), codes(&ids)]
    });
    page
}

/// How much of what the modules say was checked, and how much is ours.
pub fn open_points(manifests: &[&Manifest]) -> String {
    let count = |manifest: &Manifest| {
        let rules = |wanted: &dyn Fn(&Rule) -> bool| manifest.rules.iter().filter(|rule| wanted(rule)).count();
        [
            manifest.rules.len(),
            rules(&|rule| !rule.verified),
            rules(&|rule| rule.wording == Wording::Draft),
            rules(&|rule| rule.source == Provenance::Engineering),
            manifest.parameters.len(),
            manifest.parameters.iter().filter(|p| p.source == Provenance::Engineering).count(),
        ]
    };
    let total = manifests.iter().map(|manifest| count(manifest)).fold([0; 6], |mut sum, row| {
        sum.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
        sum
    });
    let mut rows: Vec<(String, [usize; 6])> = manifests.iter().map(|m| (code(&m.module), count(m))).collect();
    rows.push(("all".into(), total));
    let header = [
        "module",
        "rules",
        "`verified = no`",
        "`wording = draft`",
        "engineering rules",
        "parameters",
        "engineering defaults",
    ];
    let mut page = String::new();
    table(&mut page, "Counts", &header, &rows, |(module, counts)| {
        std::iter::once(module.clone()).chain(counts.iter().map(usize::to_string)).collect()
    });
    let taken = manifests.iter().flat_map(|m| &m.rules).filter(|rule| rule.wording == Wording::Spec);
    let ids: Vec<&str> = taken.map(|rule| rule.id.as_str()).collect();
    let [rules, unverified, ..] = total;
    let _ = write!(
        page,
        "\n{} of {rules} rules were compared with an official text. A shared parameter (common) counts once in each module that reads it. The sentences that are not drafts are \
         those of {}.\n",
        rules - unverified,
        codes(&ids),
    );
    page
}

/// The instruments that a rule's basis names, by handle: `ARP 9 ¶1; LBL 6` names ARP and LBL.
pub fn handles_of(rule: &Rule) -> impl Iterator<Item = &str> {
    rule.basis.split(';').filter_map(|part| part.split_whitespace().next())
}

/// The article of a module's name: `art05.delivery` is Art 5. None for a module of another law.
pub fn article_number(module: &str) -> Option<u32> {
    module.strip_prefix("art")?.split('.').next()?.parse().ok()
}

fn article(module: &str) -> String {
    article_number(module).map_or_else(|| module.to_owned(), |number| format!("Art {number}"))
}

fn instruments_of<'a>(rules: impl Iterator<Item = &'a Rule>) -> BTreeSet<String> {
    rules.flat_map(|rule| handles_of(rule).map(str::to_owned)).collect()
}

fn standing(manifest: &Manifest) -> String {
    let mut text = format!("Policy `{}`, module `{}`", manifest.reference(), manifest.module);
    if let Some(day) = manifest.effective_from {
        let _ = write!(text, ", in force from {day}");
    }
    if let Some(day) = manifest.effective_until {
        let _ = write!(text, ", no longer in force on {day}");
    }
    text.push_str(". ");
    if let Some(pack) = &manifest.pack {
        let _ = write!(text, "A sector norm: in shadow until the platform adopts the pack `{pack}` (Art 5). ");
    }
    if !manifest.overlays.is_empty() {
        let overlays = manifest.overlays.iter().map(|(name, value)| format!("`{name}` to {value}"));
        let _ = write!(text, "Where adopted it tightens {}. ", overlays.collect::<Vec<_>>().join(", "));
    }
    for (what, listed) in [("kinds", &manifest.applies.kinds), ("surfaces", &manifest.applies.surfaces)] {
        if !listed.is_empty() {
            let _ = write!(text, "Skipped when a request has none of these {what}: {}. ", codes(listed));
        }
    }
    match (manifest.on_failure, &manifest.concerns[..]) {
        (OnFailure::Allow, _) => text.push_str("Should the module fail, its candidates pass."),
        (OnFailure::Hold, []) => text.push_str("Should the module fail, what it could have withheld is held."),
        (OnFailure::Hold, concerns) => {
            let rows = concerns_in_words(concerns);
            let _ = write!(text, "Should the module fail, rows are held that it could have withheld: where {rows}.");
        }
    }
    text
}

fn effect_text(manifest: &Manifest, effect: &Effect) -> String {
    let quantity = |quantity: &Quantity| match quantity {
        Quantity::Constant(number) => number.to_string(),
        Quantity::Parameter(name) => named(manifest, name),
    };
    match effect {
        Effect::Label(label) => format!("label `{label}`"),
        Effect::Demote(weight) if weight.is_computed() => "demote to a computed weight".into(),
        Effect::Demote(Weight::Constant(ppm)) => format!("demote to {ppm} ppm"),
        Effect::Demote(Weight::Named(name)) => format!("demote to {}", named(manifest, name)),
        Effect::Block(Block::None) => "block".into(),
        Effect::Block(Block::HumanReview) => "block, hold `human_review`".into(),
        Effect::Block(Block::LabelFirst) => "block, hold `label_first`".into(),
        Effect::Tag(action) => format!("{} the tag", word(action)),
        Effect::Obligation(Obligation { code, deadline_s, retain_d, args }) => {
            let mut text = format!("oblige `{code}`");
            if let Some(deadline) = deadline_s {
                let _ = write!(text, ", within {}", quantity(deadline));
            }
            if let Some(days) = retain_d {
                let _ = write!(text, ", kept {}", quantity(days));
            }
            for (name, argument) in args {
                let value = match argument {
                    Argument::Flag(flag) => flag.to_string(),
                    Argument::Constant(number) => number.to_string(),
                    Argument::Named(column) if argument.column(name).is_some() => format!("`{column}`"),
                    Argument::Named(name) => named(manifest, name),
                };
                let _ = write!(text, ", {name} = {value}");
            }
            text
        }
        Effect::Veto(feature) if feature == "tag" => "veto the tag".into(),
        Effect::Veto(feature) => format!("veto `{feature}`"),
        Effect::Violation => "violation".into(),
        Effect::Promote => "promote".into(),
        Effect::Constraint(constraint) => format!(
            "ask for at least {} of {} among the first {}",
            quantity(&constraint.count),
            constraint.codes.join(", "),
            quantity(&constraint.slots),
        ),
    }
}

fn dsa_text(rule: &Rule) -> String {
    let Some(dsa) = dsa::dsa(rule) else { return String::new() };
    let names = dsa.visibility.iter().copied().chain(dsa.account).chain([dsa.ground]);
    let short = |name: &str| {
        let name = name.trim_start_matches("DECISION_");
        name.trim_start_matches("VISIBILITY_").trim_start_matches("GROUND_").to_owned()
    };
    names.map(short).collect::<Vec<_>>().join(", ")
}

fn notes(manifest: &Manifest, rule: &Rule) -> String {
    let mut notes = Vec::new();
    if rule.binds_emergency {
        notes.push("binds emergency rows".to_owned());
    }
    if let Some(day) = rule.effective_from {
        notes.push(format!("from {day}"));
    }
    if let Some(day) = rule.effective_until {
        notes.push(format!("until {day}"));
    }
    for effect in rule.optional_effects.iter().filter_map(|position| rule.effects.get(*position)) {
        notes.push(format!("can do without: {}", effect_text(manifest, effect)));
    }
    if !rule.shares_sentence_with.is_empty() {
        notes.push(format!("says the same as {}", codes(&rule.shares_sentence_with)));
    }
    notes.join("; ")
}

/// A parameter with its default: `` `harm_w` (200000 ppm) ``.
fn named(manifest: &Manifest, name: &str) -> String {
    let Some(parameter) = own_parameter(manifest, name) else { return code(name) };
    let unit = match &parameter.kind {
        ParameterType::Integer { unit, .. } if unit != "count" => format!(" {unit}"),
        _ => String::new(),
    };
    format!("`{}` ({}{unit})", short(&parameter.name, manifest), parameter.default)
}

fn own_parameter<'a>(manifest: &'a Manifest, name: &str) -> Option<&'a Parameter> {
    manifest.parameters.iter().find(|parameter| parameter.name == name || short(&parameter.name, manifest) == name)
}

/// A name without the prefix of its module.
fn short<'a>(name: &'a str, manifest: &Manifest) -> &'a str {
    name.strip_prefix(manifest.module.as_str()).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name)
}

/// The names that stand in braces.
fn braced(line: &str) -> impl Iterator<Item = &str> {
    line.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or(rest))
}

fn filled(manifest: &Manifest, line: &str) -> String {
    let names: Vec<&str> = braced(line).collect();
    names.iter().fold(line.to_owned(), |line, name| line.replace(&format!("{{{name}}}"), &named(manifest, name)))
}

fn table<T>(page: &mut String, title: &str, header: &[&str], rows: &[T], cells: impl Fn(&T) -> Vec<String>) {
    let _ = write!(page, "\n## {title}\n\n| {} |\n|{}\n", header.join(" | "), "---|".repeat(header.len()));
    for row in rows {
        let cells: Vec<String> = cells(row).iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(page, "| {} |", cells.join(" | "));
    }
}

fn code(name: &str) -> String {
    format!("`{name}`")
}

fn codes(names: &[impl AsRef<str>]) -> String {
    names.iter().map(|name| code(name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// A closed choice as it is written in a manifest.
fn word(choice: impl Debug) -> String {
    format!("{choice:?}").to_lowercase()
}

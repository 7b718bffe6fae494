//! Reading `policy.toml`, and checking a resolved manifest against the vocabulary.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use crate::bounds::{self, MAX_MANIFEST_BYTES};
use crate::manifest::*;
use crate::{CONTRACT, ColumnType, Concern, Day, MAX_ENTRIES, Vocabulary, concern, nearest, steers};

/// What the host says of a sector norm that would loosen a parameter of the law, in the place of a rule.
const LOOSENING: &str = "art05.loosening";

/// A manifest that does not say what it must, or says what the vocabulary does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ManifestError {
    /// Where: `rules[3] art18.curfew`, `inputs`, …
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

pub(crate) fn fail<T>(place: impl Into<String>, message: impl Into<String>) -> Result<T, ManifestError> {
    Err(ManifestError { place: place.into(), message: message.into() })
}

/// `policy.toml`, as the author writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    id: String,
    module: String,
    version: String,
    title: Title,
    #[serde(default = "arp")]
    law: Law,
    pack: Option<String>,
    issuer: Option<Text>,
    evidence_url: Option<String>,
    #[serde(default)]
    replaces: Vec<String>,
    effective_from: Option<Day>,
    effective_until: Option<Day>,
    on_failure: OnFailure,
    #[serde(default)]
    concerns: Vec<Concern>,
    #[serde(default)]
    applies: Applies,
    inputs: Vec<String>,
    #[serde(default)]
    optional: Vec<String>,
    #[serde(default)]
    entries: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    columns: BTreeMap<String, Column>,
    #[serde(default)]
    common: Vec<String>,
    #[serde(default)]
    parameters: BTreeMap<String, SourceParameter>,
    #[serde(default)]
    ordered: Vec<(String, String)>,
    #[serde(default)]
    overlays: BTreeMap<String, Value>,
    #[serde(default)]
    rules: Vec<SourceRule>,
}

fn arp() -> Law {
    Law::Arp
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceParameter {
    default: Value,
    range: Option<(i64, i64)>,
    unit: Option<String>,
    stricter: Option<Stricter>,
    choices: Option<Vec<String>>,
    owner: Owner,
    source: Provenance,
    #[serde(default)]
    dated: Vec<(Day, Value)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceRule {
    id: String,
    #[serde(default = "candidate")]
    stage: Stage,
    level: Level,
    modality: Modality,
    basis: String,
    liability: Option<String>,
    source: Provenance,
    verified: bool,
    #[serde(default)]
    evidence: Vec<String>,
    release: Option<String>,
    #[serde(default)]
    binds_emergency: bool,
    #[serde(default)]
    illegal: bool,
    effective_from: Option<Day>,
    effective_until: Option<Day>,
    audience: Audience,
    zh: String,
    en: String,
    remedy: Text,
    #[serde(default = "draft")]
    wording: Wording,
    #[serde(default)]
    shares_sentence_with: Vec<String>,
    effects: Vec<SourceEffect>,
    #[serde(default)]
    optional_effects: Vec<usize>,
}

fn candidate() -> Stage {
    Stage::Candidate
}

fn draft() -> Wording {
    Wording::Draft
}

/// An effect as written: an obligation may be just its code.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "no effect; write { block = … }, { demote = … }, { label = … }, { tag = … }, { obligation = … }, { veto = … }, \
                 { constraint = … }, \"violation\" or \"promote\""
)]
enum SourceEffect {
    Bare { obligation: String },
    Full(Effect),
}

/// Reads the author's `policy.toml` and resolves it against a vocabulary.
///
/// # Errors
/// The first thing that is not TOML of this form, or that the vocabulary does not know, with its place.
pub fn read_policy_toml(text: &str, vocabulary: &Vocabulary) -> Result<Manifest, ManifestError> {
    if text.len() > MAX_MANIFEST_BYTES {
        return fail("policy.toml", format!("{} bytes; there may be {MAX_MANIFEST_BYTES}", text.len()));
    }
    let source: Source = match toml::from_str(text) {
        Ok(source) => source,
        Err(error) => {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            return fail(format!("policy.toml line {line}"), error.message().replace('\n', "; "));
        }
    };
    let resolved = source.resolve(vocabulary).and_then(|manifest| {
        manifest.check(vocabulary)?;
        // A module that is compiled with somebody else's pack still loads, and is never adopted; an author can mend it.
        match &manifest.pack {
            Some(pack) if !vocabulary.owns_pack_of(&manifest) => {
                let authority = manifest.authority();
                fail("pack", format!("`{pack}` is not one of `{authority}`; call it {authority}/<name>"))
            }
            _ => Ok(manifest),
        }
    });
    resolved.map_err(|error| {
        let line = line_of(text, &error.place).map_or(String::new(), |line| format!(" line {line}"));
        ManifestError { place: format!("policy.toml{line}: {}", error.place), ..error }
    })
}

/// The line that a place is written on, for an author who has to find it: the head of a rule, the name of a column, the key.
fn line_of(text: &str, place: &str) -> Option<usize> {
    let line = |wanted: &dyn Fn(&str) -> bool| text.lines().position(|line| wanted(line.trim_start())).map(|at| at + 1);
    if let Some(index) = place.strip_prefix("rules[").and_then(|rest| rest.split(']').next()?.parse::<usize>().ok()) {
        let mut heads = text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with("[[rules]]"));
        return heads.nth(index).map(|(at, _)| at + 1);
    }
    let key = place.split([' ', '[', '`']).next()?;
    let name = place.split('`').nth(1).unwrap_or(key);
    let last = name.rsplit('.').next()?;
    line(&|line| line.contains(&format!("\"{name}\"")))
        .or_else(|| line(&|line| line.starts_with(&format!("[parameters.{last}]"))))
        .or_else(|| line(&|line| line.starts_with(&format!("{key} =")) || line.starts_with(&format!("[{key}]"))))
}

impl Source {
    fn resolve(self, vocabulary: &Vocabulary) -> Result<Manifest, ManifestError> {
        let module = self.module.clone();
        let own = |name: &str| if name.contains('.') { name.to_owned() } else { format!("{module}.{name}") };

        let mut request = Vec::new();
        let mut frames: Vec<Frame> = Vec::new();
        for name in &self.inputs {
            let (frame, mut input) = resolve_input(name, &self.columns, &self.entries, vocabulary)?;
            input.optional = self.optional.contains(name);
            if frame == "request" {
                request.push(input);
            } else if let Some(known) = frames.iter_mut().find(|f| f.name == frame) {
                known.columns.push(input);
            } else {
                frames.push(Frame { name: frame, columns: vec![input] });
            }
        }
        for (place, names) in
            [("entries", self.entries.keys().collect::<Vec<_>>()), ("optional", self.optional.iter().collect())]
        {
            if let Some(name) = names.into_iter().find(|name| !self.inputs.contains(name)) {
                return fail(place, format!("`{name}` is not among the inputs; add it there or remove it here"));
            }
        }

        let mut parameters = Vec::new();
        for name in &self.common {
            let full = format!("common.{name}");
            let Some(common) = vocabulary.common.get(&full) else {
                let known: Vec<_> = vocabulary.common.keys().map(|k| k.trim_start_matches("common.")).collect();
                return fail(
                    "common",
                    format!("there is no shared parameter `{name}`; there are {}", known.join(", ")),
                );
            };
            let default = match &common.default {
                toml::Value::Integer(number) => Value::Integer(*number),
                other => Value::Term(other.as_str().unwrap_or_default().to_owned()),
            };
            let parameter = SourceParameter {
                default,
                range: common.range,
                unit: common.unit.clone(),
                stricter: common.stricter,
                choices: common.choices.clone(),
                owner: common.owner,
                source: common.source,
                dated: Vec::new(),
            };
            parameters.push(parameter.resolve(full)?);
        }
        for (name, parameter) in self.parameters {
            parameters.push(parameter.resolve(own(&name))?);
        }

        let rules = self
            .rules
            .into_iter()
            .map(|rule| Rule {
                id: format!("{module}.{}", rule.id),
                stage: rule.stage,
                level: rule.level,
                modality: rule.modality,
                basis: rule.basis,
                liability: rule.liability,
                source: rule.source,
                verified: rule.verified,
                evidence: rule.evidence,
                release: rule.release,
                binds_emergency: rule.binds_emergency,
                illegal: rule.illegal,
                effective_from: rule.effective_from,
                effective_until: rule.effective_until,
                audience: rule.audience,
                sentence: Text { zh: rule.zh, en: rule.en },
                remedy: rule.remedy,
                wording: rule.wording,
                shares_sentence_with: rule.shares_sentence_with.iter().map(|id| own(id)).collect(),
                effects: rule.effects.into_iter().map(|effect| effect.resolve(&own)).collect(),
                optional_effects: rule.optional_effects,
            })
            .collect();

        let mut ordered: Vec<(String, String)> = self.ordered.iter().map(|(low, high)| (own(low), own(high))).collect();
        let has = |name: &String| parameters.iter().any(|p: &Parameter| p.name == *name);
        ordered.extend(vocabulary.ordered.iter().filter(|(low, high)| has(low) && has(high)).cloned());

        Ok(Manifest {
            contract: CONTRACT.to_owned(),
            id: self.id,
            module: self.module,
            version: self.version,
            title: self.title,
            law: self.law,
            pack: self.pack,
            issuer: self.issuer,
            evidence_url: self.evidence_url,
            replaces: self.replaces,
            effective_from: self.effective_from,
            effective_until: self.effective_until,
            applies: self.applies,
            on_failure: self.on_failure,
            concerns: self.concerns,
            request,
            frames,
            parameters,
            ordered,
            overlays: self.overlays,
            rules,
        })
    }
}

impl SourceParameter {
    fn resolve(self, name: String) -> Result<Parameter, ManifestError> {
        let kind = match (self.choices, self.range, self.unit, self.stricter) {
            (Some(choices), None, None, None) => ParameterType::Term { choices },
            (None, Some((min, max)), Some(unit), Some(stricter)) => ParameterType::Integer { min, max, unit, stricter },
            _ => {
                return fail(
                    format!("parameters.{name}"),
                    "give either choices, or range, unit and stricter (smaller or larger)",
                );
            }
        };
        Ok(Parameter { name, kind, default: self.default, owner: self.owner, source: self.source, dated: self.dated })
    }
}

impl SourceEffect {
    fn resolve(self, own: &impl Fn(&str) -> String) -> Effect {
        let mut effect = match self {
            Self::Bare { obligation } => Effect::Obligation(Obligation {
                code: obligation,
                deadline_s: None,
                retain_d: None,
                args: BTreeMap::new(),
            }),
            Self::Full(effect) => effect,
        };
        let quantity = |q: &mut Quantity| {
            if let Quantity::Parameter(name) = q {
                *name = own(name);
            }
        };
        match &mut effect {
            Effect::Demote(Weight::Named(name)) if name != "computed" => *name = own(name),
            Effect::Obligation(obligation) => {
                obligation.deadline_s.iter_mut().chain(&mut obligation.retain_d).for_each(quantity);
                for (name, argument) in &mut obligation.args {
                    let is_column = argument.column(name).is_some();
                    if let Argument::Named(name) = argument
                        && name != "computed"
                        && !is_column
                    {
                        *name = own(name);
                    }
                }
            }
            Effect::Constraint(constraint) => {
                quantity(&mut constraint.count);
                quantity(&mut constraint.slots);
            }
            _ => {}
        }
        effect
    }
}

fn resolve_input(
    name: &str,
    columns: &BTreeMap<String, Column>,
    entries: &BTreeMap<String, Vec<String>>,
    vocabulary: &Vocabulary,
) -> Result<(String, Input), ManifestError> {
    let place = format!("inputs `{name}`");
    let Some((frame, field)) = name.split_once('.') else {
        return fail(place, "name the frame too, for example `candidates.kind` or `request.ctx.surface`");
    };
    let listed = entries.get(name).cloned();
    if let Some(column) = columns.get(name) {
        return Ok((
            frame.to_owned(),
            Input {
                field: field.to_owned(),
                kind: column.kind,
                entries: listed.unwrap_or_else(|| column.terms.clone()),
                range: column.range,
                optional: false,
            },
        ));
    }
    let Some((_, spec)) = vocabulary.column(name) else {
        return fail(place, format!("the vocabulary has no such column{}", suggest(name, vocabulary)));
    };
    let entries = match (listed, &spec.terms, spec.kind) {
        (Some(entries), _, _) => entries,
        (None, Some(set), _) => set.terms.clone(),
        (None, None, ColumnType::Signals) => {
            return fail(place, format!("list the codes that you distinguish under entries.\"{name}\""));
        }
        _ => Vec::new(),
    };
    Ok((frame.to_owned(), Input { field: field.to_owned(), kind: spec.kind, entries, range: None, optional: false }))
}

/// "; did you mean …?" with the column that is a slip or two away, else where to look.
fn suggest(name: &str, vocabulary: &Vocabulary) -> String {
    match nearest(name, vocabulary.columns.iter().map(|column| column.name.as_str())) {
        Some(column) => format!("; did you mean `{column}`?"),
        None => "; docs/reference/vocabulary.md lists them".to_owned(),
    }
}

impl Manifest {
    /// Reads the manifest that a component carries.
    ///
    /// # Errors
    /// When the bytes are not a manifest of this contract, or name what the vocabulary does not know.
    pub fn from_json(bytes: &[u8], vocabulary: &Vocabulary) -> Result<Manifest, ManifestError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return fail("manifest", format!("{} bytes; there may be {MAX_MANIFEST_BYTES}", bytes.len()));
        }
        let manifest: Manifest = match serde_json::from_slice(bytes) {
            Ok(manifest) => manifest,
            Err(error) => return fail("manifest", error.to_string()),
        };
        manifest.check(vocabulary)?;
        Ok(manifest)
    }

    /// The bytes that a component carries.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Checks every name and shape against a vocabulary.
    ///
    /// # Errors
    /// The first contradiction, with its place.
    pub fn check(&self, vocabulary: &Vocabulary) -> Result<(), ManifestError> {
        if self.contract != CONTRACT {
            return fail("contract", format!("`{}` is not spoken here; this host speaks {CONTRACT}", self.contract));
        }
        bounds::check(self, vocabulary)?;
        self.check_texts()?;
        self.check_identity()?;
        self.check_inputs(vocabulary)?;
        self.check_parameters()?;
        if self.pack.is_some() && self.issuer.is_none() {
            return fail("issuer", "a sector norm says who issued it: issuer = { zh = …, en = … }");
        }
        if !self.overlays.is_empty() && self.pack.is_none() {
            return fail("overlays", "only a sector norm tightens parameters of other modules; name its `pack`");
        }
        self.check_applies(vocabulary)?;
        concern::check(self, vocabulary)?;
        let columns: HashSet<String> = self.columns().map(|(name, _)| name).collect();
        let mut ids = HashSet::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let place = format!("rules[{index}] `{}`", rule.id);
            if !ids.insert(&rule.id) {
                return fail(place, "this id is taken by an earlier rule");
            }
            self.check_rule(rule, &place, &columns, vocabulary)?;
        }
        if self.rules.is_empty() {
            return fail("rules", "a policy needs at least one rule");
        }
        Ok(())
    }

    /// Refuses what a reader would not see as it is written, in whatever text it stands: names, sentences, and all to come.
    fn check_texts(&self) -> Result<(), ManifestError> {
        let Ok(manifest) = serde_json::to_value(self) else { return fail("manifest", "it cannot be written as JSON") };
        match steered(&manifest) {
            Some((place, character)) => fail(
                place,
                format!("U+{:04X} steers a terminal or the direction of writing; take it out", u32::from(character)),
            ),
            None => Ok(()),
        }
    }

    fn check_identity(&self) -> Result<(), ManifestError> {
        let name = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
        };
        match self.id.split_once('/') {
            Some((authority, rest)) if name(authority) && name(rest) => {}
            _ => {
                return fail(
                    "id",
                    format!("`{}` is not <authority>/<name> in lower-case letters, digits, - _ .", self.id),
                );
            }
        }
        // What the host itself says is called so, and nothing else may look as if it were.
        let is_hosts = ["host", "common", "all"].contains(&self.module.split('.').next().unwrap_or_default());
        if !name(&self.module) || is_hosts {
            return fail(
                "module",
                format!("`{}` cannot prefix rule ids; use lower-case letters, digits, - and .", self.module),
            );
        }
        // One version is written in one way only, or two modules could both be the highest.
        let canonical = |number: &str| number.parse::<u32>().is_ok_and(|parsed| parsed.to_string() == number);
        let numbers: Vec<_> = self.version.split('.').collect();
        if numbers.len() != 3 || !numbers.into_iter().all(canonical) {
            return fail("version", format!("`{}` is not major.minor.patch", self.version));
        }
        Ok(())
    }

    fn check_inputs(&self, vocabulary: &Vocabulary) -> Result<(), ManifestError> {
        let mut names = HashSet::new();
        for frame in &self.frames {
            if vocabulary.frame(&frame.name).is_none_or(|index| index == 0) {
                let known: Vec<_> = vocabulary.frames.iter().map(|(name, _)| name.as_str()).collect();
                return fail("inputs", format!("there is no frame `{}`; there are {}", frame.name, known.join(", ")));
            }
        }
        for (name, input) in self.columns() {
            let place = format!("inputs `{name}`");
            if !names.insert(name.clone()) {
                return fail(place, "this column is listed twice");
            }
            if input.entries.len() > MAX_ENTRIES {
                return fail(
                    place,
                    format!("{} entries; a column may distinguish at most {MAX_ENTRIES}", input.entries.len()),
                );
            }
            if input.kind.has_entries() && input.entries.is_empty() {
                return fail(place, "list the entries that you distinguish");
            }
            if let Some(twice) =
                input.entries.iter().enumerate().find_map(|(i, e)| input.entries[..i].contains(e).then_some(e))
            {
                return fail(place, format!("entry `{twice}` is listed twice"));
            }
            if !input.kind.crosses() {
                return fail(place, "this column is for the host only and never crosses into a module");
            }
            if let Some(custom) = input.field.strip_prefix("x.") {
                if custom.split_once('.').is_none_or(|(authority, _)| authority != self.authority()) {
                    return fail(place, format!("a column of your own is named x.{}.<name>", self.authority()));
                }
                if name.starts_with("request.")
                    && matches!(
                        input.kind,
                        ColumnType::Integers | ColumnType::Id | ColumnType::Ids | ColumnType::Signals
                    )
                {
                    return fail(place, "the request frame carries tri, integer, term and terms columns only");
                }
                continue;
            }
            let Some((_, spec)) = vocabulary.column(&name) else {
                return fail(place, format!("the vocabulary has no such column{}", suggest(&name, vocabulary)));
            };
            if spec.host {
                return fail(place, "this column is for the host only and never crosses into a module");
            }
            if spec.kind != input.kind {
                return fail(place, format!("the column is {:?}, not {:?}", spec.kind, input.kind).to_lowercase());
            }
            for entry in &input.entries {
                let known = match &spec.terms {
                    Some(set) => set.open || set.position(entry).is_some(),
                    None => vocabulary.signals.names(entry),
                };
                if !known {
                    return fail(place, format!("the vocabulary has no `{entry}` for this column"));
                }
            }
        }
        Ok(())
    }

    fn check_parameters(&self) -> Result<(), ManifestError> {
        for parameter in &self.parameters {
            let place = format!("parameters `{}`", parameter.name);
            let prefix = parameter.name.rsplit_once('.').map_or("", |(prefix, _)| prefix);
            if prefix != self.module && prefix != "common" {
                return fail(place, format!("a parameter of this module is named {}.<name>", self.module));
            }
            for value in std::iter::once(&parameter.default).chain(parameter.dated.iter().map(|(_, value)| value)) {
                if let Err(clause) = parameter.encode(value) {
                    return fail(place, format!("the default {clause}"));
                }
            }
        }
        Ok(())
    }

    fn check_applies(&self, vocabulary: &Vocabulary) -> Result<(), ManifestError> {
        for (what, set, listed) in
            [("kinds", "kind", &self.applies.kinds), ("surfaces", "surface", &self.applies.surfaces)]
        {
            if let Some(term) =
                listed.iter().find(|term| vocabulary.terms.get(set).is_none_or(|s| s.position(term).is_none()))
            {
                return fail(format!("applies.{what}"), format!("the vocabulary has no {set} `{term}`"));
            }
        }
        if !self.applies.kinds.is_empty()
            && let Some(rule) = self.rules.iter().find(|rule| rule.level != Level::Row)
        {
            return fail(
                "applies.kinds",
                format!("`{}` does not judge rows, so the module cannot be skipped by kind", rule.id),
            );
        }
        Ok(())
    }

    fn check_rule(
        &self,
        rule: &Rule,
        place: &str,
        columns: &HashSet<String>,
        vocabulary: &Vocabulary,
    ) -> Result<(), ManifestError> {
        let prefix = format!("{}.", self.module);
        if rule.id.strip_prefix(&prefix).is_none_or(|name| name.is_empty() || name.contains('.')) {
            return fail(place, format!("a rule of this module is named {prefix}<name>, with no further dot"));
        }
        if rule.id == LOOSENING {
            return fail(
                place,
                "this is what the host calls a sector norm that would loosen the law; choose another name",
            );
        }
        if [&rule.sentence.zh, &rule.sentence.en, &rule.remedy.zh, &rule.remedy.en, &rule.basis]
            .iter()
            .any(|t| t.trim().is_empty())
        {
            return fail(place, "basis, zh, en and both remedies must not be empty");
        }
        if rule.stage == Stage::Slate && rule.level == Level::Tag {
            return fail(place, "tags are judged in the candidate stage");
        }
        if rule.binds_emergency && !["art06.illegal-confirmed", "art09.illegal-stop"].contains(&rule.id.as_str()) {
            return fail(place, "only art06.illegal-confirmed and art09.illegal-stop bind emergency rows");
        }
        for column in rule.evidence.iter().chain(&rule.release) {
            if !columns.contains(column) {
                return fail(place, format!("evidence or release names `{column}`, which is not among the inputs"));
            }
        }
        if rule.illegal && !self.rests_on_l_codes(rule) {
            return fail(place, "illegal = true needs signals with an L code among the evidence");
        }
        if rule.effects.is_empty() {
            return fail(place, "a rule needs at least one effect");
        }
        if let Some(position) = rule.optional_effects.iter().find(|position| **position >= rule.effects.len()) {
            return fail(place, format!("optional_effects names effect {position} of {}", rule.effects.len()));
        }
        for (index, effect) in rule.effects.iter().enumerate() {
            self.check_effect(rule, effect, &format!("{place} effects[{index}]"), vocabulary)?;
        }
        Ok(())
    }

    /// Whether a column of the rule's evidence distinguishes a code of illegal content.
    fn rests_on_l_codes(&self, rule: &Rule) -> bool {
        self.columns().any(|(name, input)| {
            let illegal = |entry: &String| entry.starts_with('L');
            input.kind == ColumnType::Signals && rule.evidence.contains(&name) && input.entries.iter().any(illegal)
        })
    }

    fn check_effect(
        &self,
        rule: &Rule,
        effect: &Effect,
        place: &str,
        vocabulary: &Vocabulary,
    ) -> Result<(), ManifestError> {
        let known = |what: &str, list: &[String], name: &str| {
            if list.iter().any(|n| n == name) {
                Ok(())
            } else {
                fail(place, format!("the vocabulary has no {what} `{name}`"))
            }
        };
        let integer = |name: &str| match self.parameters.iter().find(|p| p.name == name).map(|p| &p.kind) {
            Some(ParameterType::Integer { min, max, .. }) => Ok((*min, *max)),
            Some(_) => fail(place, format!("parameter `{name}` is not an integer")),
            None => fail(place, format!("there is no parameter `{name}` in this module")),
        };
        let quantity = |q: &Quantity| match q {
            Quantity::Constant(number) if *number < 0 => fail(place, format!("{number} is negative")),
            Quantity::Constant(_) => Ok(()),
            Quantity::Parameter(name) => integer(name).map(|_| ()),
        };
        let misplaced = match effect {
            Effect::Tag(_) => rule.level != Level::Tag,
            Effect::Constraint(_) => rule.level != Level::Request,
            _ => false,
        };
        if misplaced {
            return fail(place, format!("a rule of level {:?} cannot have this effect", rule.level).to_lowercase());
        }
        match effect {
            Effect::Label(label) => known("label", &vocabulary.labels, label),
            Effect::Demote(Weight::Constant(ppm)) if !(0..=1_000_000).contains(ppm) => {
                fail(place, format!("weight {ppm} is outside 0..1000000 ppm"))
            }
            Effect::Demote(Weight::Named(name)) if name != "computed" => match integer(name)? {
                (min, max) if min < 0 || max > 1_000_000 => {
                    fail(place, format!("parameter `{name}` can leave 0..1000000 ppm, so it is no weight"))
                }
                _ => Ok(()),
            },
            Effect::Tag(TagAction::Keep) => {
                fail(place, "`keep` is what happens without a rule; use suppress or delete")
            }
            Effect::Veto(feature) if feature != "tag" => known("veto", &vocabulary.vetoes, feature),
            Effect::Obligation(obligation) => {
                known("obligation", &vocabulary.obligations, &obligation.code)?;
                for q in obligation.deadline_s.iter().chain(&obligation.retain_d) {
                    quantity(q)?;
                }
                for (name, argument) in &obligation.args {
                    match (argument.column(name), argument) {
                        (Some(column), _) if !self.columns().any(|(known, _)| known == column) => {
                            return fail(place, format!("column `{column}` is not among the inputs"));
                        }
                        (None, _) if name == COLUMN_ARGUMENT => {
                            return fail(place, format!("argument `{name}` names a column of the inputs"));
                        }
                        (None, Argument::Named(name)) if name != "computed" => drop(integer(name)?),
                        _ => {}
                    }
                }
                Ok(())
            }
            Effect::Constraint(constraint) => {
                if constraint.kind != "min" {
                    return fail(place, format!("there is no constraint `{}`; there is min", constraint.kind));
                }
                quantity(&constraint.count)?;
                quantity(&constraint.slots)
            }
            _ => Ok(()),
        }
    }
}

/// The first character of a document that [`steers`], with its place.
fn steered(document: &serde_json::Value) -> Option<(String, char)> {
    use serde_json::Value as Json;
    let in_text = |text: &str| text.chars().find(|character| steers(*character));
    let below = |name: String, value: &Json| {
        steered(value).map(|(place, character)| {
            let dot = if place.is_empty() || place.starts_with('[') { "" } else { "." };
            (format!("{name}{dot}{place}"), character)
        })
    };
    match document {
        Json::String(text) => in_text(text).map(|character| (String::new(), character)),
        Json::Array(items) => items.iter().enumerate().find_map(|(index, item)| below(format!("[{index}]"), item)),
        Json::Object(members) => members.iter().find_map(|(name, value)| match in_text(name) {
            Some(character) => Some((name.escape_debug().to_string(), character)),
            None => below(name.clone(), value),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
id = "a/b"
module = "m"
version = "1.0.0"
title = { zh = "题", en = "t" }
on_failure = "allow"
inputs = ["candidates.kind"]

[[rules]]
id = "r"
level = "row"
modality = "policy"
basis = "b"
source = "engineering"
verified = false
audience = "viewer"
zh = "句"
en = "s"
remedy = { zh = "法", en = "r" }
effects = [{ block = "none" }]
"#;

    #[test]
    fn a_short_manifest_is_resolved_in_full() {
        let manifest = read_policy_toml(POLICY, Vocabulary::shipped()).expect("a policy");
        assert_eq!(manifest.rules[0].id, "m.r");
        assert_eq!(manifest.frames[0].columns[0].entries[0], "article");
        assert_eq!(Manifest::from_json(&manifest.to_json(), Vocabulary::shipped()).expect("the same"), manifest);
    }

    /// A manifest in which a text at this place was changed.
    fn with(place: &str, text: &str) -> Result<Manifest, ManifestError> {
        let manifest = read_policy_toml(POLICY, Vocabulary::shipped()).expect("a policy");
        let mut json = serde_json::to_value(manifest).expect("a manifest is JSON");
        *json.pointer_mut(place).expect(place) = text.into();
        Manifest::from_json(json.to_string().as_bytes(), Vocabulary::shipped())
    }

    #[test]
    fn no_text_of_a_manifest_steers_a_terminal() {
        for (pointer, place) in [
            ("/title/zh", "title.zh"),
            ("/rules/0/basis", "rules[0].basis"),
            ("/rules/0/sentence/en", "rules[0].sentence.en"),
            ("/rules/0/remedy/zh", "rules[0].remedy.zh"),
            ("/rules/0/id", "rules[0].id"),
            ("/version", "version"),
            ("/id", "id"),
            ("/frames/0/columns/0/entries/1", "frames[0].columns[0].entries[1]"),
        ] {
            for hidden in ['\u{1b}', '\r', '\n', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200f}', '\u{2028}'] {
                let error = with(pointer, &format!("1{hidden}[2K")).map(|_| ()).expect_err(place).to_string();
                let said = format!("{place}: U+{:04X} steers a terminal", u32::from(hidden));
                assert!(error.starts_with(&said), "{said}: {error}");
                assert!(!error.chars().any(steers), "{error:?}");
            }
        }
        let text = POLICY.replace("en = \"s\"", "en = \"s\\u001b[8m\"");
        let error = read_policy_toml(&text, Vocabulary::shipped()).map(|_| ()).expect_err("an escape").to_string();
        assert!(error.contains("rules[0].sentence.en: U+001B"), "{error}");
    }

    #[test]
    fn a_version_is_written_in_one_way_only() {
        for version in ["0.0.0", "1.10.0", "1.0.4294967295"] {
            assert!(with("/version", version).is_ok(), "{version}");
        }
        for version in ["01.0.0", "1.00.0", "1.0.+1", "+1.0.0", "1.-0.0", "1.0", "1.0.0.0", "1..0", "1.0.4294967296"] {
            let error = with("/version", version).map(|_| ()).expect_err(version).to_string();
            assert_eq!(error, format!("version: `{version}` is not major.minor.patch"));
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (from, to, sentence) in [
            (
                "\"candidates.kind\"",
                "\"candidates.knd\"",
                "inputs `candidates.knd`: the vocabulary has no such column; did you mean `candidates.kind`?",
            ),
            ("\"candidates.kind\"", "\"kind\"", "inputs `kind`: name the frame too"),
            ("\"candidates.kind\"", "\"candidates.title\"", "never crosses into a module"),
            ("\"candidates.kind\"", "\"candidates.pinned\"", "never crosses into a module"),
            ("\"candidates.kind\"", "\"candidates.signals\"", "list the codes that you distinguish"),
            ("\"candidates.kind\"", "\"candidates.x.c.d\"", "the vocabulary has no such column"),
            ("module = \"m\"", "module = \"host\"", "module: `host` cannot prefix rule ids"),
            ("module = \"m\"", "module = \"common.x\"", "module: `common.x` cannot prefix rule ids"),
            ("id = \"r\"", "id = \"r.s\"", "a rule of this module is named m.<name>, with no further dot"),
            (
                "on_failure",
                "pack = \"delivery\"\nissuer = { zh = \"x\", en = \"x\" }\non_failure",
                "pack: `delivery` is not one of `a`; call it a/<name>",
            ),
            ("on_failure", "on_failur", "policy.toml line"),
            ("block = \"none\"", "label = \"evil\"", "rules[0] `m.r` effects[0]: the vocabulary has no label `evil`"),
            ("block = \"none\"", "demote = \"w\"", "there is no parameter `m.w` in this module"),
            ("block = \"none\"", "demote = 1000001", "weight 1000001 is outside 0..1000000 ppm"),
            ("block = \"none\"", "tag = \"delete\"", "a rule of level row cannot have this effect"),
            ("verified = false", "verified = false\nbinds_emergency = true", "only art06.illegal-confirmed"),
            ("verified = false", "verified = false\nillegal = true", "needs signals with an L code among the evidence"),
            ("verified = false", "verified = false\nevidence = [\"candidates.score\"]", "not among the inputs"),
            (
                "inputs =",
                "applies = { kinds = [\"podcast\"] }\ninputs =",
                "applies.kinds: the vocabulary has no kind `podcast`",
            ),
        ] {
            let text = POLICY.replacen(from, to, 1);
            let error = read_policy_toml(&text, Vocabulary::shipped()).map(|_| ()).expect_err(to).to_string();
            assert!(error.contains(sentence), "{to}: {error}");
        }
    }
}

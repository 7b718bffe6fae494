//! Requests that aim at modules: every column that they read, with the terms that they distinguish and numbers around their
//! thresholds, some of it unknown. The same seed makes the same requests.

use std::collections::{BTreeMap, BTreeSet};

use normgate::contract::{ColumnSpec, ColumnType, Manifest, ParameterType, Value, Vocabulary};
use serde_json::{Map, Value as Json, json};

/// Candidates of a request; a few, so that rules about several rows meet them.
const CANDIDATES: usize = 4;

/// Tags of the user.
const TAGS: usize = 2;

/// A maker of requests.
pub struct Generator<'v> {
    vocabulary: &'v Vocabulary,
    columns: Vec<Drawn<'v>>,
    packs: Vec<String>,
    numbers: fastrand::Rng,
}

/// A column and what is drawn for it.
struct Drawn<'v> {
    spec: &'v ColumnSpec,
    /// What the modules that are aimed at distinguish; empty where they do not read it.
    aimed: Vec<Json>,
    /// What the others distinguish.
    other: Vec<Json>,
}

impl<'v> Generator<'v> {
    /// Aims at the first modules; the others are fed too, so that they may answer. Sector norms among the first are adopted.
    pub fn new(aimed_at: &[&Manifest], others: &[&Manifest], vocabulary: &'v Vocabulary, seed: u64) -> Self {
        // As text, so that each value is there once and the order is the same everywhere.
        let mut values: BTreeMap<String, [BTreeSet<String>; 2]> = BTreeMap::new();
        for (manifest, side) in aimed_at.iter().map(|m| (m, 0)).chain(others.iter().map(|m| (m, 1))) {
            for (name, input) in manifest.columns() {
                let Some((_, spec)) = vocabulary.column(&name) else { continue };
                let known = &mut values.entry(name).or_default()[side];
                known.extend(interesting(spec, &input.entries, manifest, vocabulary).iter().map(Json::to_string));
            }
        }
        let columns = values.into_iter().filter_map(|(name, sides)| {
            let (_, spec) = vocabulary.column(&name)?;
            let [aimed, other] =
                sides.map(|values| values.iter().filter_map(|text| serde_json::from_str(text).ok()).collect());
            Some(Drawn { spec, aimed, other })
        });
        Self {
            vocabulary,
            columns: columns.collect(),
            packs: aimed_at.iter().filter_map(|manifest| manifest.pack.clone()).collect(),
            numbers: fastrand::Rng::with_seed(seed),
        }
    }

    /// The next request.
    pub fn request(&mut self) -> Json {
        let mut request = Map::new();
        for (frame, (name, path)) in self.vocabulary.frames.iter().enumerate() {
            let count = match name.as_str() {
                "request" => {
                    self.fill(&mut request, frame, 0);
                    continue;
                }
                "candidates" => CANDIDATES,
                _ => TAGS,
            };
            let rows = (0..count).map(|row| {
                let mut object = Map::new();
                self.fill(&mut object, frame, row);
                Json::Object(object)
            });
            let rows = rows.collect();
            set(&mut request, path, rows);
        }
        // What every request must say, and what puts the norms in force.
        set(&mut request, "ctx.now_ms", json!(1_767_225_600_000_i64));
        let minute = self.numbers.i64(0..1_440);
        set(&mut request, "ctx.local_min", json!(minute));
        set(&mut request, "ctx.territory", json!("CN_MAINLAND"));
        if !self.packs.is_empty() {
            set(&mut request, "provider.norms_adopted", json!(self.packs));
        }
        Json::Object(request)
    }

    fn fill(&mut self, object: &mut Map<String, Json>, frame: usize, row: usize) {
        for Drawn { spec, aimed, other } in &self.columns {
            if spec.frame != frame {
                continue;
            }
            // Mostly what the aimed at distinguish, or their rules would hardly ever meet what they are about.
            let values = if other.is_empty() || !aimed.is_empty() && self.numbers.u8(0..4) > 0 { aimed } else { other };
            let value = match (spec.kind, self.numbers.u8(0..4)) {
                // Ids name rows, and must differ; of the rest some is unknown.
                (ColumnType::Id, _) | (_, 0) => Json::Null,
                (ColumnType::Terms | ColumnType::Ids | ColumnType::Integers | ColumnType::Signals, _) => {
                    let count = self.numbers.usize(0..3);
                    (0..count).filter_map(|_| self.numbers.choice(values).cloned()).collect()
                }
                _ => self.numbers.choice(values).cloned().unwrap_or_default(),
            };
            if !value.is_null() {
                set(object, &spec.field, value);
            }
        }
        let id = match self.vocabulary.frames[frame].0.as_str() {
            "candidates" => Some(("id", format!("c{row}"))),
            "tags" => Some(("tag_id", format!("t{row}"))),
            _ => None,
        };
        if let Some((field, id)) = id {
            object.insert(field.into(), json!(id));
        }
    }
}

/// Values of a column at which a module may change its mind.
fn interesting(spec: &ColumnSpec, entries: &[String], manifest: &Manifest, vocabulary: &Vocabulary) -> Vec<Json> {
    match spec.kind {
        ColumnType::Tri => vec![json!(true), json!(false)],
        ColumnType::Integer | ColumnType::Integers => numbers(spec, manifest).into_iter().map(|n| json!(n)).collect(),
        ColumnType::Term | ColumnType::Terms => {
            let other = spec.terms.iter().flat_map(|set| &set.terms).find(|term| !entries.contains(term));
            let legal = |term: &&String| spec.terms.as_ref().is_none_or(|set| set.open || set.terms.contains(term));
            entries.iter().filter(legal).chain(other).map(|term| json!(term)).collect()
        }
        ColumnType::Ids => (0..TAGS).map(|tag| json!(format!("t{tag}"))).collect(),
        ColumnType::Signals => {
            let confidences = [0, 500_000, 960_000];
            let codes = entries.iter().map(|entry| entry.replace('*', "1"));
            let signals = codes.flat_map(|code| {
                let sources = &vocabulary.signals.sources;
                let of = move |source: &String| {
                    confidences.map(|ppm| json!({"code": code, "source": source, "conf_ppm": ppm}))
                };
                sources.iter().flat_map(of).collect::<Vec<_>>()
            });
            signals.collect()
        }
        ColumnType::Id | ColumnType::Number | ColumnType::Text => Vec::new(),
    }
}

/// Small numbers, and one to either side of every threshold of the module.
fn numbers(spec: &ColumnSpec, manifest: &Manifest) -> BTreeSet<i64> {
    let thresholds = manifest.parameters.iter().filter(|parameter| match &parameter.kind {
        // A threshold of another unit says nothing of this column.
        ParameterType::Integer { unit, .. } => spec.unit.as_ref().is_none_or(|own| own == unit),
        ParameterType::Term { .. } => false,
    });
    let around = thresholds.filter_map(|parameter| match parameter.default {
        Value::Integer(number) => Some([number - 1, number, number + 1]),
        Value::Term(_) => None,
    });
    let small = [0, 1, 2, 3, 900, 1_000, 1_001];
    let (low, high) = spec.range.unwrap_or((i64::MIN, i64::MAX));
    small.into_iter().chain(around.flatten()).filter(|number| (low..=high).contains(number)).collect()
}

/// Sets the value at a dotted path of a request, and makes the objects on the way.
pub fn set(object: &mut Map<String, Json>, path: &str, value: Json) {
    match path.split_once('.') {
        None => drop(object.insert(path.into(), value)),
        Some((first, rest)) => {
            if let Json::Object(inner) = object.entry(first).or_insert_with(|| json!({})) {
                set(inner, rest, value);
            }
        }
    }
}

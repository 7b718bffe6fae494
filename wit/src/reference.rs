//! Documentation and JSON Schema generated from the vocabulary, so that no second list of names exists.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::{ColumnSpec, ColumnType, Vocabulary};

/// The reference page of all columns, terms and answers, as Markdown.
pub fn markdown(vocabulary: &Vocabulary) -> String {
    let mut page = String::from(
        "# Vocabulary\n\nGenerated from `wit/vocabulary.toml` by `make docs`; do not edit.\n\n\
         Names in manifests are frame-qualified (`candidates.kind`); in a request the part after the frame is the JSON path \
         of the value inside its row. A tri is true, false or null. Every term column also accepts `unknown`, which equals \
         an absent value. Bounds are inclusive; a value outside is refused with its path.\n",
    );
    for (frame, (name, path)) in vocabulary.frames.iter().enumerate() {
        let place = match path.as_str() {
            "" => "the request itself".to_owned(),
            path => format!("rows at `{path}[]`"),
        };
        let _ = write!(
            page,
            "\n## Frame `{name}` ({place})\n\n| column | type | unit | range | terms | personal | unknown means | note |\n\
             |---|---|---|---|---|---|---|---|\n"
        );
        for column in vocabulary.columns.iter().filter(|column| column.frame == frame) {
            let terms = column.terms.as_ref().map_or(String::new(), |set| {
                format!("{}: {}{}", set.name, set.terms.join(", "), if set.open { ", …" } else { "" })
            });
            let range = column.range.map_or(String::new(), |(low, high)| format!("{low}…{high}"));
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {range} | {terms} | {} | {} | {} |",
                column.field,
                type_name(column),
                column.unit.as_deref().unwrap_or(""),
                if column.personal { "yes" } else { "" },
                column.unknown,
                column.note.as_deref().unwrap_or("").replace('|', "\\|"),
            );
        }
    }
    let mut list = |title: &str, names: &[String]| {
        let _ =
            write!(page, "\n## {title}\n\n{}\n", names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", "));
    };
    list("Signal codes", &vocabulary.signals.codes);
    list("Signal sources, strongest first", &vocabulary.signals.sources);
    list("Labels", &vocabulary.labels);
    list("Obligations", &vocabulary.obligations);
    list("Arguments of obligations", &vocabulary.arguments);
    list("Obligations about the user or the slate (no target)", &vocabulary.about_request);
    list("Without a target, the service's own", &vocabulary.about_service);
    list("Without a target, about that one list", &vocabulary.about_list);
    list("Feature vetoes (besides `tag:<id>`)", &vocabulary.vetoes);
    page.push_str(
        "\n## Shared parameters\n\n| name | default | bounds or choices | owner | source |\n|---|---|---|---|---|\n",
    );
    for (name, parameter) in &vocabulary.common {
        let bounds = match (&parameter.choices, parameter.range) {
            (Some(choices), _) => choices.join(" < "),
            (None, Some((min, max))) => format!("{min}…{max} {}", parameter.unit.as_deref().unwrap_or("")),
            _ => String::new(),
        };
        let _ = writeln!(
            page,
            "| `{name}` | {} | {bounds} | {} | {} |",
            parameter.default.to_string().trim_matches('"'),
            format!("{:?}", parameter.owner).to_lowercase(),
            format!("{:?}", parameter.source).to_lowercase(),
        );
    }
    page
}

fn type_name(column: &ColumnSpec) -> String {
    format!("{:?}", column.kind).to_lowercase()
}

/// A JSON Schema (2020-12) of one request.
pub fn json_schema(vocabulary: &Vocabulary) -> Value {
    let mut request = object();
    insert(
        &mut request,
        &["id"],
        json!({"type": "string", "description": "Name of the request, echoed in the answer."}),
    );
    for (frame, (_, path)) in vocabulary.frames.iter().enumerate() {
        let mut row = object();
        for column in vocabulary.columns.iter().filter(|column| column.frame == frame) {
            let target = if path.is_empty() { &mut request } else { &mut row };
            insert(target, &column.field.split('.').collect::<Vec<_>>(), value_schema(column, vocabulary));
        }
        if !path.is_empty() {
            if let Some(id) = vocabulary.columns.iter().find(|c| c.frame == frame && c.kind == ColumnType::Id) {
                row.insert("required".into(), json!([id.field]));
            }
            insert(
                &mut request,
                &path.split('.').collect::<Vec<_>>(),
                json!({"type": ["array", "null"], "items": row}),
            );
        }
    }
    request.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    request.insert("title".into(), json!("normgate request, one JSON object a line"));
    Value::Object(request)
}

fn object() -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("type".into(), json!(["object", "null"]));
    map.insert("properties".into(), json!({}));
    map
}

fn insert(at: &mut Map<String, Value>, path: &[&str], schema: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some(Value::Object(properties)) = at.get_mut("properties") else { return };
    if rest.is_empty() {
        properties.insert((*first).to_owned(), schema);
    } else if let Value::Object(inner) = properties.entry(*first).or_insert_with(|| Value::Object(object())) {
        insert(inner, rest, schema);
    }
}

fn value_schema(column: &ColumnSpec, vocabulary: &Vocabulary) -> Value {
    let term = || match &column.terms {
        Some(set) if !set.open => {
            let mut terms: Vec<Value> = set.terms.iter().map(|t| json!(t)).collect();
            terms.extend([json!("unknown"), Value::Null]);
            json!({ "enum": terms })
        }
        _ => json!({"type": ["string", "null"]}),
    };
    let integer = || {
        let mut schema = json!({"type": ["integer", "null"]});
        if let (Some((low, high)), Some(map)) = (column.range, schema.as_object_mut()) {
            map.insert("minimum".into(), json!(low));
            map.insert("maximum".into(), json!(high));
        }
        schema
    };
    let mut schema = match column.kind {
        ColumnType::Tri => json!({"type": ["boolean", "null"]}),
        ColumnType::Integer => integer(),
        ColumnType::Integers => json!({"type": ["array", "null"], "items": integer()}),
        ColumnType::Term => term(),
        ColumnType::Terms => json!({"type": ["array", "null"], "items": term()}),
        ColumnType::Id => json!({"type": "string"}),
        ColumnType::Ids => json!({"type": ["array", "null"], "items": {"type": "string"}}),
        ColumnType::Number => json!({"type": ["number", "null"]}),
        ColumnType::Text => json!({"type": ["string", "null"]}),
        ColumnType::Signals => json!({"type": ["array", "null"], "items": {
            "type": "object", "required": ["code", "source"],
            "properties": {
                "code": {"type": "string", "examples": vocabulary.signals.codes},
                "conf_ppm": {"type": ["integer", "null"], "minimum": 0, "maximum": 1_000_000},
                "source": {"enum": vocabulary.signals.sources},
                "ref": {"type": ["string", "null"]},
            },
        }}),
    };
    if let Some(map) = schema.as_object_mut() {
        map.insert("description".into(), json!(format!("Unknown means: {}.", column.unknown)));
    }
    schema
}

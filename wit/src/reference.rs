//! Documentation and JSON Schema generated from the vocabulary, so that no second list of names exists.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::{Code, ColumnSpec, ColumnType, Stated, Surface, Text, Vocabulary};

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
                column.note.replace('|', "\\|"),
            );
        }
    }
    page.push_str(&surfaces(vocabulary));
    page.push_str(&codes(vocabulary));
    let mut list = |title: &str, names: &[String]| {
        let _ =
            write!(page, "\n## {title}\n\n{}\n", names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", "));
    };
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

/// The table of surfaces.
fn surfaces(vocabulary: &Vocabulary) -> String {
    let mut table = String::from(
        "\n## Surfaces\n\nKey segments (重点环节) are those of ECO 11 and ARP 11. An unknown surface is judged as one.\n\n\
         | surface | 名称 | what it is | key segment |\n|---|---|---|---|\n",
    );
    for Surface { term, key, zh, en } in &vocabulary.surfaces {
        let _ = writeln!(table, "| `{term}` | {zh} | {en} | {} |", if *key { "yes" } else { "" });
    }
    table
}

/// What every signal code means, by letter.
fn codes(vocabulary: &Vocabulary) -> String {
    let mut section = String::from(
        "\n## Signal codes\n\nA code says what was found in a row or a tag. Who finds it decides what counts: a database, an order, a \
         reviewer or a classifier of yours. No word list ships. Below a known code anything is legal (`M1.fan.x`). \
         `normgate explain L9` prints one code, with `--lang zh` in Chinese.\n\n\
         The texts here are no official texts. What is not settled:\n\n",
    );
    for (mark, stated) in MARKS {
        let Text { zh, en } = stated.open();
        let _ = writeln!(section, "- {mark} {en} {zh}");
    }
    for (letter, title) in LETTERS {
        let _ = write!(
            section,
            "\n### {letter}: {title}\n\n| code | meaning | 含义 | place | example | 示例 | what it is not | 界限 | open |\n\
             |---|---|---|---|---|---|---|---|---|\n"
        );
        for code in vocabulary.signals.meanings.iter().filter(|code| code.code.starts_with(letter)) {
            let (meaning, Code { example, not, .. }) = (code.meaning(), code);
            let place = match code.item {
                Some(item) => format!("{} ({item})", code.basis),
                None => code.basis.clone(),
            };
            let mark = MARKS.iter().find(|(_, stated)| *stated == code.stated).map_or("", |(mark, _)| mark);
            let _ = writeln!(
                section,
                "| `{}` | {} | {} | {place} | {} | {} | {} | {} | {mark} |",
                code.code, meaning.en, meaning.zh, example.en, example.zh, not.en, not.zh,
            );
        }
    }
    section
}

/// The marks of what is not settled of a code.
const MARKS: [(&str, Stated); 3] = [("(a)", Stated::Item), ("(b)", Stated::Type), ("(c)", Stated::Name)];

/// What the letters of codes stand for.
const LETTERS: [(char, &str); 4] = [
    ('E', "encouraged (ECO 5)"),
    ('L', "illegal (ECO 6)"),
    ('H', "harmful (ECO 7)"),
    ('M', "may affect minors (MCL, four types)"),
];

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
                "code": code_schema(vocabulary),
                "conf_ppm": {"type": ["integer", "null"], "minimum": 0, "maximum": 1_000_000},
                "source": {"enum": vocabulary.signals.sources},
                "ref": {"type": ["string", "null"]},
            },
        }}),
    };
    if let Some(map) = schema.as_object_mut() {
        map.insert("description".into(), json!(format!("{} Unknown means: {}.", column.note, column.unknown)));
    }
    schema
}

/// The codes that are listed, each with what it means, and what is legal below them.
fn code_schema(vocabulary: &Vocabulary) -> Value {
    let mut choices: Vec<Value> = (vocabulary.signals.meanings.iter())
        .map(|code| {
            let (meaning, place) = (code.meaning(), code.place(vocabulary));
            let said = format!(
                "{} {} {}. Example: {} Not: {} {}",
                meaning.en,
                meaning.zh,
                place.en,
                code.example.en,
                code.not.en,
                code.stated.open().en,
            );
            json!({"const": code.code, "title": meaning.en, "description": said})
        })
        .collect();
    let roots: Vec<&str> =
        vocabulary.signals.codes.iter().map(String::as_str).filter(|code| !code.contains('.')).collect();
    choices.push(json!({
        "type": "string",
        "pattern": format!("^({})\\.[a-z0-9_.]*[a-z0-9_]$", roots.join("|")),
        "description": "A code below a known one: it means what the nearest one above it means.",
    }));
    json!({ "anyOf": choices })
}

//! Requests out of a seed, by the vocabulary: every column, unknowns included, values at and around the bounds that matter.
#![allow(dead_code, clippy::panic, clippy::unwrap_used, reason = "each test uses its part, and fails by panicking")]

pub(crate) mod component;
pub(crate) mod docs;
pub(crate) mod feed;
pub(crate) mod native;
mod numbers;

use normgate::contract::{ColumnSpec, ColumnType, MICROSECONDS_FROM, Vocabulary};
pub(crate) use normgate_cases::set;
pub(crate) use numbers::Numbers;
use serde_json::{Map, Value, json};

/// One request as a JSON line, with up to `most` candidates.
pub(crate) fn generated_request(seed: u64, most: u64) -> String {
    let mut numbers = Numbers::new(seed);
    let rows = numbers.below(most + 1);
    request_with(&mut numbers, rows, 3)
}

/// One request with exactly so many candidates and tags.
pub(crate) fn request_with(numbers: &mut Numbers, candidates: u64, tags: u64) -> String {
    let vocabulary = Vocabulary::shipped();
    let mut request = Map::new();
    request.insert("id".into(), json!("r"));
    for (frame, (name, path)) in vocabulary.frames.iter().enumerate() {
        let columns: Vec<&ColumnSpec> = vocabulary.columns.iter().filter(|column| column.frame == frame).collect();
        if path.is_empty() {
            for column in &columns {
                set(&mut request, &column.field, value(column, numbers, 0));
            }
            continue;
        }
        let count = if name == "candidates" { candidates } else { tags };
        let rows: Vec<Value> = (0..count)
            .map(|row| {
                let mut object = Map::new();
                for column in &columns {
                    set(&mut object, &column.field, value(column, numbers, row));
                }
                Value::Object(object)
            })
            .collect();
        set(&mut request, path, Value::Array(rows));
    }
    // What every request must say.
    set(&mut request, "ctx.now_ms", json!(1_767_225_600_000i64));
    set(
        &mut request,
        "ctx.local_min",
        json!(*numbers.pick(&[0, 359, 360, 600, 1199, 1200, 1259, 1260, 1319, 1320, 1439])),
    );
    Value::Object(request).to_string()
}

fn value(column: &ColumnSpec, numbers: &mut Numbers, row: u64) -> Value {
    if column.kind == ColumnType::Id {
        return json!(format!("{}{row}", &column.field[..1]));
    }
    if numbers.below(3) == 0 {
        return Value::Null;
    }
    match column.kind {
        ColumnType::Tri => json!(numbers.below(2) == 1),
        ColumnType::Integer => json!(integer(column, numbers)),
        ColumnType::Integers => json!([integer(column, numbers)]),
        ColumnType::Term => column.terms.as_ref().map_or(Value::Null, |set| json!(numbers.pick(&set.terms))),
        ColumnType::Terms => column.terms.as_ref().map_or(Value::Null, |set| {
            let count = numbers.below(3);
            (0..count).map(|_| json!(numbers.pick(&set.terms))).collect()
        }),
        ColumnType::Ids => {
            let count = numbers.below(3);
            (0..count).map(|_| json!(format!("t{}", numbers.below(4)))).collect()
        }
        ColumnType::Signals => {
            let codes =
                ["L8", "L11.fraud", "L11.minor", "H1", "H8", "M1", "M1.fan", "M2", "M3.prank", "M4", "E1", "H4.x"];
            let sources = ["authority", "human", "db_exact", "db_fuzzy", "classifier", "classifier", "declared"];
            let confidences = [0, 399_999, 400_000, 699_999, 700_000, 949_999, 950_000, 1_000_000];
            let count = numbers.below(4);
            (0..count)
                .map(|_| {
                    json!({"code": numbers.pick(&codes), "source": numbers.pick(&sources), "conf_ppm": numbers.pick(&confidences)})
                })
                .collect()
        }
        ColumnType::Number => json!((numbers.below(2_001) as f64 - 1_000.0) / 100.0),
        ColumnType::Text => json!("text"),
        ColumnType::Id => Value::Null,
    }
}

/// Small numbers, bounds of rules, and the ends of the range.
fn integer(column: &ColumnSpec, numbers: &mut Numbers) -> i64 {
    let near =
        [0, 1, 2, 3, 5, 6, 7, 8, 30, 1_800, 3_600, 7_200, 10_000, 14_400, 14_401, 28_800, 43_200, 300_000, 700_000];
    let value = match numbers.below(6) {
        0 if column.is_instant() => MICROSECONDS_FROM - 1,
        0 => column.range.map_or(i64::MAX, |(_, high)| high),
        1 => column.range.map_or(i64::MIN, |(low, _)| low),
        2 => 1_767_225_600_000 - near[numbers.below(near.len() as u64) as usize] * 86_400_000,
        _ => near[numbers.below(near.len() as u64) as usize],
    };
    column.range.map_or(value, |(low, high)| value.clamp(low, high))
}

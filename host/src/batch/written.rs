//! A request as JSON again, as a platform sends it.

use serde_json::{Map, Value};

use super::Batch;

impl Batch {
    /// The request as one line of JSON, without the line break: all that is known of it, in the form in which it was sent. Fields
    /// that were ignored are not in it.
    ///
    /// # Examples
    /// ```
    /// let line = br#"{"id":"r1","ctx":{"now_ms":1767225600000,"local_min":600},"candidates":[{"id":"c1"}]}"#;
    /// let batch = normgate::Batch::from_json(line)?;
    /// assert_eq!(normgate::Batch::from_json(batch.to_json().as_bytes())?.canonical(), batch.canonical());
    /// # Ok::<(), normgate::InputError>(())
    /// ```
    pub fn to_json(&self) -> String {
        let mut request = Map::new();
        if let Some(id) = self.id() {
            request.insert("id".into(), id.into());
        }
        for (frame, (_, path)) in self.vocabulary.frames.iter().enumerate() {
            let row = |row: usize| {
                let mut values = Map::new();
                for (index, spec) in self.vocabulary.columns.iter().enumerate().filter(|(_, spec)| spec.frame == frame)
                {
                    match self.value(index, row) {
                        Value::Null => {}
                        value => set(&mut values, &spec.field, value),
                    }
                }
                values
            };
            if path.is_empty() {
                request.append(&mut row(0));
            } else {
                let rows = (0..self.rows[frame] as usize).map(|index| Value::Object(row(index))).collect();
                set(&mut request, path, Value::Array(rows));
            }
        }
        Value::Object(request).to_string()
    }
}

/// Puts a value where a dotted path leads, making the objects on the way.
fn set(object: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            object.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = object.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

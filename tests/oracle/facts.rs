//! Values of one JSON object by dotted path, with unknown as unknown.

use serde_json::Value;

/// A request, a candidate or a tag.
#[derive(Clone, Copy)]
pub(super) struct Facts<'r>(&'r Value);

impl<'r> Facts<'r> {
    pub(super) fn new(object: &'r Value) -> Self {
        Self(object)
    }

    /// The value at a path; absent and null are the same.
    fn at(self, path: &str) -> Option<&'r Value> {
        let value = path.split('.').try_fold(self.0, |object, field| object.get(field))?;
        (!value.is_null()).then_some(value)
    }

    /// Whether it is known to be so.
    pub(super) fn yes(self, path: &str) -> bool {
        self.at(path) == Some(&Value::Bool(true))
    }

    /// Whether it is known not to be so.
    pub(super) fn no(self, path: &str) -> bool {
        self.at(path) == Some(&Value::Bool(false))
    }

    /// A number; a hash above the signed range is read by its bits.
    pub(super) fn integer(self, path: &str) -> Option<i64> {
        self.at(path).and_then(|value| value.as_i64().or_else(|| value.as_u64().map(|bits| bits as i64)))
    }

    pub(super) fn number(self, path: &str) -> Option<f64> {
        self.at(path).and_then(Value::as_f64)
    }

    /// A term; `unknown` is none.
    pub(super) fn term(self, path: &str) -> Option<&'r str> {
        self.at(path).and_then(Value::as_str).filter(|term| *term != "unknown")
    }

    /// Whether a term is known to be this one.
    pub(super) fn is(self, path: &str, term: &str) -> bool {
        self.term(path) == Some(term)
    }

    /// Whether a term is known to be one of these.
    pub(super) fn among(self, path: &str, terms: &[&str]) -> bool {
        self.term(path).is_some_and(|term| terms.contains(&term))
    }

    /// Terms or ids; none is unknown, empty is known to be empty.
    pub(super) fn list(self, path: &str) -> Option<Vec<&'r str>> {
        self.at(path).and_then(Value::as_array).map(|items| items.iter().filter_map(Value::as_str).collect())
    }

    /// The objects of a list.
    pub(super) fn rows(self, path: &str) -> Vec<Facts<'r>> {
        self.at(path).and_then(Value::as_array).map_or_else(Vec::new, |items| items.iter().map(Facts).collect())
    }
}

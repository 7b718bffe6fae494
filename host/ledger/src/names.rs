//! Names of a sealed case: every name in a request and in its outcome replaced by one that only this case has.

use std::collections::BTreeMap;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand;
use normgate::contract::hex;
use serde_json::Value;

use crate::error::LedgerError;

/// One case's table of names. Its key is drawn for it and goes with it: nobody can tell afterwards what a name stands for, or
/// that two cases are about the same.
pub(crate) struct Names {
    key: hmac::Key,
    given: BTreeMap<String, String>,
}

impl Names {
    pub(crate) fn fresh() -> Result<Self, LedgerError> {
        let mut secret = [0; 32];
        let drawn = rand::fill(&mut secret);
        drawn.map_err(|_| LedgerError::Absent("the system gave no randomness for the names of a case".into()))?;
        Ok(Self { key: hmac::Key::new(HMAC_SHA256, &secret), given: BTreeMap::new() })
    }

    /// The name that stands for another, 16 hexadecimal digits.
    pub(crate) fn of(&mut self, name: &str) -> String {
        let given = || hex(&hmac::sign(&self.key, name.as_bytes()).as_ref()[..8]);
        self.given.entry(name.to_owned()).or_insert_with(given).clone()
    }

    /// Replaces the names that were given so far, wherever an outcome says one.
    pub(crate) fn replace_in(&self, outcome: &mut Value) {
        let whole = |item: &mut Value, field: &str| {
            edit(item, field, |name| self.given.get(name).cloned());
        };
        let tagged = |item: &mut Value, field: &str| {
            edit(item, field, |text| Some(format!("tag:{}", self.given.get(text.strip_prefix("tag:")?)?)));
        };
        whole(outcome, "id");
        for (list, field) in [
            ("verdicts", "id"),
            ("tags", "tag_id"),
            ("obligations", "target"),
            ("promote", "target"),
            ("violations", "target"),
            ("shadow", "target"),
        ] {
            items(outcome, list).for_each(|item| whole(item, field));
        }
        items(outcome, "vetoes").for_each(|item| tagged(item, "feature"));
        items(outcome, "shadow").filter(|item| item["effect"] == "veto").for_each(|item| tagged(item, "value"));
        items(outcome, "notices").for_each(|item| edit(item, "message", |text| self.in_notice(text)));
    }

    /// A notice says `candidate <id> …`; no other sentence of an outcome has names in it.
    fn in_notice(&self, message: &str) -> Option<String> {
        let (before, rest) = message.split_once("candidate ")?;
        let fits = |name: &&String| rest.strip_prefix(name.as_str()).is_some_and(|after| after.starts_with(' '));
        let (name, given) = self.given.iter().filter(|(name, _)| fits(name)).max_by_key(|(name, _)| name.len())?;
        Some(format!("{before}candidate {given}{}", &rest[name.len()..]))
    }
}

/// Sorts what an outcome lists by name, so that it can be compared with one that has other names.
pub(crate) fn in_any_order(outcome: &mut Value) {
    for list in ["vetoes", "shadow"] {
        if let Some(items) = outcome.get_mut(list).and_then(Value::as_array_mut) {
            items.sort_by_cached_key(Value::to_string);
        }
    }
}

fn items<'v>(outcome: &'v mut Value, list: &str) -> impl Iterator<Item = &'v mut Value> {
    outcome.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Edits a text in an object, where `to` knows another.
fn edit(item: &mut Value, field: &str, to: impl FnOnce(&str) -> Option<String>) {
    if let Some(value) = item.get_mut(field)
        && let Some(text) = value.as_str().and_then(to)
    {
        *value = text.into();
    }
}

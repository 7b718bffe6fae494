//! Which rows a module may withhold or demote, in conditions that a host tests without the module.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::bounds::{MAX_CONCERNS, MAX_LISTED};
use crate::manifest::{Input, Manifest};
use crate::source::{ManifestError, fail};
use crate::{ColumnType, Vocabulary};

/// Rows that a module may withhold or demote: those in which every column that is named has one of the values that are listed.
///
/// Values are those of the column's type: `yes` and `no`; a term; a signal code or family that the row carries; `some` and `none`
/// of a list; `known`. `unknown` is a value of every column, and counts only where it is listed. The name [`MINOR`] stands for
/// whether the user is a minor.
pub type Concern = BTreeMap<String, Vec<String>>;

/// In the place of a column: whether the user is a minor. It is unknown too where an adult's age is assured by nothing.
pub const MINOR: &str = "minor";

/// The columns that tell whether the user is a minor.
pub const MINOR_COLUMNS: [&str; 5] = [
    "request.ctx.surface",
    "request.user.age_assurance",
    "request.user.age_band",
    "request.user.minor_mode",
    "request.user.under_14",
];

/// Holds the concerns of a manifest against its columns and the vocabulary.
pub(crate) fn check(manifest: &Manifest, vocabulary: &Vocabulary) -> Result<(), ManifestError> {
    let concerns = &manifest.concerns;
    if concerns.len() > MAX_CONCERNS {
        return fail("concerns", format!("{} alternatives; at most {MAX_CONCERNS} make sense", concerns.len()));
    }
    for (index, concern) in concerns.iter().enumerate() {
        let place = format!("concerns[{index}]");
        if concern.is_empty() {
            return fail(place, "name a column, or remove it: without `concerns` every row is meant");
        }
        for (name, values) in concern {
            let place = format!("{place} `{name}`");
            if values.is_empty() || values.len() > MAX_LISTED {
                return fail(place, format!("list the values that count, {MAX_LISTED} at most"));
            }
            check_column(manifest, name, values, &place, vocabulary)?;
        }
    }
    Ok(())
}

fn check_column(
    manifest: &Manifest,
    name: &str,
    values: &[String],
    place: &str,
    vocabulary: &Vocabulary,
) -> Result<(), ManifestError> {
    let read = |wanted: &str| manifest.columns().find(|(column, _)| column == wanted).map(|(_, input)| input);
    if name == MINOR {
        if let Some(missing) = MINOR_COLUMNS.iter().find(|column| read(column).is_none()) {
            return fail(place, format!("it takes `{missing}`; add it to the inputs"));
        }
        return check_values(values, place, &["yes", "no", "unknown"], |_| false);
    }
    let Some(input) = read(name).filter(|_| name.starts_with("candidates.") || name.starts_with("request.")) else {
        return fail(place, "expected an input of the frames candidates or request, or `minor`");
    };
    match input.kind {
        ColumnType::Tri => check_values(values, place, &["yes", "no", "unknown"], |_| false),
        ColumnType::Term => check_values(values, place, &["unknown"], |term| is_term(name, input, term, vocabulary)),
        ColumnType::Signals => check_values(values, place, &["unknown"], |code| vocabulary.signals.names(code)),
        ColumnType::Integers | ColumnType::Ids | ColumnType::Terms => {
            check_values(values, place, &["some", "none", "unknown"], |_| false)
        }
        _ => check_values(values, place, &["known", "unknown"], |_| false),
    }
}

fn is_term(name: &str, input: &Input, term: &str, vocabulary: &Vocabulary) -> bool {
    match vocabulary.column(name).and_then(|(_, spec)| spec.terms.as_ref()) {
        Some(set) => set.position(term).is_some(),
        None => input.entries.iter().any(|entry| entry == term),
    }
}

fn check_values(
    values: &[String],
    place: &str,
    words: &[&str],
    names: impl Fn(&str) -> bool,
) -> Result<(), ManifestError> {
    match values.iter().find(|value| !words.contains(&value.as_str()) && !names(value)) {
        None => Ok(()),
        Some(value) => {
            fail(place, format!("it has no value `{value}`; besides terms and codes there are {}", words.join(", ")))
        }
    }
}

/// Concerns in words, for a page or a terminal.
pub fn in_words(concerns: &[Concern]) -> String {
    let mut text = String::new();
    for (index, concern) in concerns.iter().enumerate() {
        text.push_str(if index > 0 { "; or " } else { "" });
        for (index, (name, values)) in concern.iter().enumerate() {
            let and = if index > 0 { " and " } else { "" };
            let _ = write!(text, "{and}{name} is {}", values.join(" or "));
        }
    }
    text
}

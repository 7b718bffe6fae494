//! Which rows a module may withhold or demote, tested without the module: all that its failure may reach.

use std::panic::{AssertUnwindSafe, catch_unwind};

use normgate_contract::{ColumnType, Concern, MINOR, Manifest, UNLISTED, Vocabulary, most_specific_entry};

use crate::batch::{Batch, Column};

/// The concerns of a module; none = every row.
pub(crate) struct Concerns(Vec<Vec<Condition>>);

/// One column, and the values of it that count.
enum Condition {
    /// `unknown`, `no`, `yes` of the user's being a minor.
    Minor([bool; 3]),
    /// The same of a tri column.
    Tri(String, [bool; 3]),
    /// Terms, and whether `unknown` counts.
    Term(String, Vec<String>, bool),
    /// Codes and families that the row carries, and whether `unknown` counts.
    Signals(String, Vec<String>, bool),
    /// `unknown`, `none`, `some` of a list.
    List(String, [bool; 3]),
    /// `unknown`, `known`.
    Known(String, [bool; 2]),
    /// A column that the module is not handed: unknown.
    Withheld(bool),
}

impl Concerns {
    pub(crate) fn new(manifest: &Manifest, withheld: &[String], vocabulary: &Vocabulary) -> Self {
        let all_of = |concern: &Concern| {
            let conditions = concern.iter().map(|(name, values)| {
                let unknown = values.iter().any(|value| value == "unknown");
                if withheld.contains(name) {
                    return Condition::Withheld(unknown);
                }
                condition(manifest, name, values, vocabulary)
            });
            conditions.collect()
        };
        Self(manifest.concerns.iter().map(all_of).collect())
    }

    /// Whether the module might have withheld or demoted a row.
    pub(crate) fn reach(&self, batch: &Batch, row: u32) -> bool {
        let row = row as usize;
        let reaches = || self.0.iter().any(|all| all.iter().all(|condition| condition.holds(batch, row)));
        // A request on which the host panics is one that cannot be looked at here either: then the failure reaches every row.
        self.0.is_empty() || catch_unwind(AssertUnwindSafe(reaches)).unwrap_or(true)
    }
}

fn condition(manifest: &Manifest, name: &str, values: &[String], vocabulary: &Vocabulary) -> Condition {
    let has = |word: &str| values.iter().any(|value| value == word);
    let tri = || [has("unknown"), has("no"), has("yes")];
    let named = || values.iter().filter(|value| *value != "unknown").cloned();
    if name == MINOR {
        return Condition::Minor(tri());
    }
    let kind = manifest.columns().find(|(column, _)| column == name).map(|(_, input)| input.kind);
    let name = name.to_owned();
    match kind {
        Some(ColumnType::Tri) => Condition::Tri(name, tri()),
        Some(ColumnType::Term) => {
            let mut terms: Vec<String> = named().collect();
            terms.extend(newer(&name, &terms, vocabulary));
            Condition::Term(name, terms, has("unknown"))
        }
        Some(ColumnType::Signals) => Condition::Signals(name, named().collect(), has("unknown")),
        Some(ColumnType::Integers | ColumnType::Ids | ColumnType::Terms) => {
            Condition::List(name, [has("unknown"), has("none"), has("some")])
        }
        _ => Condition::Known(name, [has("unknown"), has("known")]),
    }
}

/// The terms that the module, compiled against an older vocabulary, reads as one of these.
fn newer(column: &str, terms: &[String], vocabulary: &Vocabulary) -> Vec<String> {
    let Some(set) = vocabulary.column(column).and_then(|(_, spec)| spec.terms.as_ref()) else { return Vec::new() };
    let older = |term: &&String| {
        let mut chain = vec![term.as_str()];
        // The chain of older terms is shorter than the set, or it is a circle.
        while chain.len() <= set.terms.len() {
            match vocabulary.older_term(&set.name, chain[chain.len() - 1]) {
                Some(older) => chain.push(older),
                None => break,
            }
        }
        chain.iter().skip(1).any(|older| terms.iter().any(|term| term == older))
    };
    set.terms.iter().filter(older).cloned().collect()
}

impl Condition {
    fn holds(&self, batch: &Batch, row: usize) -> bool {
        let place = |name: &str| if name.starts_with("request.") { 0 } else { row };
        match self {
            Self::Minor(counts) => counts[minor(batch)],
            Self::Tri(name, counts) => {
                let code = batch.column(name).map_or(0, |column| column.tri(place(name)));
                counts[usize::from(code.min(2))]
            }
            Self::Term(name, terms, unknown) => match batch.row_term(name, place(name)) {
                Some(said) => terms.iter().any(|term| term == said),
                None => *unknown,
            },
            Self::Signals(name, entries, unknown) => match batch.column(name) {
                Some(Column::Signals(lists)) => match lists.row(place(name)) {
                    Some(signals) => signals
                        .iter()
                        .any(|signal| most_specific_entry(entries, batch.strings.text(signal.code)) != UNLISTED),
                    None => *unknown,
                },
                _ => *unknown,
            },
            Self::List(name, counts) => counts[listed(batch.column(name), place(name))],
            Self::Known(name, counts) => {
                counts[usize::from(batch.column(name).is_some_and(|column| column.knows(place(name))))]
            }
            Self::Withheld(unknown) => *unknown,
        }
    }
}

/// 0: unknown; 1: nothing is listed; 2: something is.
fn listed(column: Option<&Column>, row: usize) -> usize {
    let length = match column {
        Some(Column::Integers(lists)) => lists.row(row).map(<[_]>::len),
        Some(Column::Terms(lists) | Column::Ids(lists)) => lists.row(row).map(<[_]>::len),
        _ => None,
    };
    length.map_or(0, |length| 1 + usize::from(length > 0))
}

/// Whether the user is a minor, as Art 18 counts: a minor's band at any assurance, minor mode, the minors' zone or an age below
/// fourteen is one; an adult's band is none where something assures it; all else is unknown. 0: unknown; 1: no; 2: yes.
fn minor(batch: &Batch) -> usize {
    let band = batch.request_term("request.user.age_band");
    let adult = band.map(|band| matches!(band, "a18_60" | "a60p"));
    let said = |column: &str| batch.request_tri(column) == Some(true);
    let zone = batch.request_term("request.ctx.surface") == Some("minor_zone");
    if adult == Some(false) || said("request.user.minor_mode") || said("request.user.under_14") || zone {
        return 2;
    }
    let assured = batch.request_term("request.user.age_assurance").is_some_and(|how| how != "none");
    usize::from(adult == Some(true) && assured)
}

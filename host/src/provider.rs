//! Facts about the operator: said once in the configuration, and no request gets around them.

use std::sync::Arc;

use normgate_contract::{Vocabulary, hex};
use sha2::{Digest, Sha256};

use crate::batch::{Batch, Column, InputError, Lists, OPEN_TERM, Reader};
use crate::error::BuildError;
use crate::notice::Notice;

/// How two known values of one fact that differ become one: the value under which more is asked of the operator.
#[derive(Clone, Copy)]
enum Stricter {
    /// The smaller number: an earlier expiry, an older list, no rather than yes.
    Smaller,
    /// The larger number: a newer notice.
    Larger,
    /// All that either names: norms that were adopted.
    Union,
    /// Only what both name: permits that are held.
    Intersection,
    /// The territory that is covered.
    Covered,
}

const FACTS: [(&str, Stricter); 8] = [
    ("request.ctx.territory", Stricter::Covered),
    ("request.provider.norms_adopted", Stricter::Union),
    ("request.provider.permits", Stricter::Intersection),
    ("request.provider.permit_expiry_ms", Stricter::Smaller),
    ("request.provider.list_version_ms", Stricter::Smaller),
    ("request.provider.notice_version", Stricter::Larger),
    ("request.provider.disclosure_url_ok", Stricter::Smaller),
    ("request.provider.dispatch_rules_published", Stricter::Smaller),
];

/// The columns that may be configured, and are read for that.
pub(crate) fn columns() -> [&'static str; FACTS.len()] {
    FACTS.map(|(name, _)| name)
}

/// The configured facts.
pub(crate) struct Facts {
    /// As the columns of a request.
    batch: Batch,
    /// The columns that are configured, with their values.
    configured: Vec<Fact>,
}

struct Fact {
    name: &'static str,
    index: usize,
    stricter: Stricter,
    value: serde_json::Value,
}

impl Facts {
    /// Reads `[provider]`; none when nothing is configured.
    pub(crate) fn read(table: &toml::Table, vocabulary: &Arc<Vocabulary>) -> Result<Option<Self>, BuildError> {
        if table.is_empty() {
            return Ok(None);
        }
        let wrong = |field: &str, message: String| BuildError::Config { place: format!("provider.{field}"), message };
        let mut provider = serde_json::to_value(table).map_err(|error| wrong("", error.to_string()))?;
        let territory = provider.as_object_mut().and_then(|fields| fields.remove("territory"));
        let request = serde_json::json!({
            "ctx": {"now_ms": 0, "local_min": 0, "territory": territory}, "provider": provider, "candidates": [],
        });
        let read = Reader::new(Arc::clone(vocabulary)).strict(true).read(request.to_string().as_bytes());
        let batch = read.map_err(|InputError { path, message, .. }| {
            let field = path.trim_start_matches("provider.").trim_start_matches("ctx.");
            wrong(field, message)
        })?;
        let configured = FACTS.into_iter().filter_map(|(name, stricter)| {
            let (index, _) = vocabulary.column(name)?;
            let value = batch.value(index, 0);
            (!value.is_null()).then_some(Fact { name, index, stricter, value })
        });
        Ok(Some(Self { configured: configured.collect(), batch }))
    }

    /// SHA-256 of what is configured, for the policy set's digest.
    pub(crate) fn digest(&self) -> String {
        hex(&Sha256::digest(self.batch.canonical()))
    }

    /// The request with the configured facts. Where it says otherwise, the stricter of the two is judged, and a notice says so.
    pub(crate) fn apply(&self, request: &Batch) -> (Batch, Vec<Notice>) {
        let mut batch = request.clone();
        let mut notices = Vec::new();
        for Fact { name, index, stricter, value: ours } in &self.configured {
            let theirs = request.value(*index, 0);
            if theirs != *ours && !theirs.is_null() {
                notices.push(Notice {
                    code: "provider-fact",
                    policy: None,
                    message: format!(
                        "{} is {theirs} in the request and {ours} in the configuration; the stricter was judged",
                        name.trim_start_matches("request.")
                    ),
                });
            }
            batch.columns[*index] = self.join(&mut batch, *index, *stricter).map(Arc::new);
        }
        (batch, notices)
    }

    fn join(&self, batch: &mut Batch, index: usize, stricter: Stricter) -> Option<Column> {
        let ours = self.batch.columns[index].as_deref()?;
        let theirs = batch.columns[index].clone();
        Some(match (ours, theirs.as_deref(), stricter) {
            (Column::Integer { known, values }, Some(Column::Integer { known: said, values: other }), _)
                if said.first() == Some(&1) =>
            {
                let (a, b) = (values[0], other[0]);
                let value = if matches!(stricter, Stricter::Larger) { a.max(b) } else { a.min(b) };
                Column::Integer { known: known.clone(), values: vec![value] }
            }
            // 1 is no and 2 is yes; no is stricter.
            (Column::Tri(ours), Some(Column::Tri(theirs)), _) if theirs[0] != 0 => {
                Column::Tri(vec![ours[0].min(theirs[0])])
            }
            (Column::Term(ours), Some(Column::Term(theirs)), Stricter::Covered) if theirs[0] != 0 => {
                // Only what both place elsewhere is elsewhere. Covered is the first of the terms.
                Column::Term(vec![ours[0].min(theirs[0])])
            }
            (Column::Terms(ours), theirs, _) => {
                let strings = Arc::make_mut(&mut batch.strings);
                let mut codes: Vec<u32> = ours.row(0).unwrap_or_default().to_vec();
                for code in codes.iter_mut().filter(|code| **code & OPEN_TERM != 0) {
                    *code = strings.intern(self.batch.strings.text(*code & !OPEN_TERM)) | OPEN_TERM;
                }
                if let Some(Column::Terms(theirs)) = theirs
                    && let Some(said) = theirs.row(0)
                {
                    match stricter {
                        Stricter::Intersection => codes.retain(|code| said.contains(code)),
                        _ => codes.extend(said.iter().filter(|code| !ours.row(0).unwrap_or_default().contains(code))),
                    }
                }
                codes.sort_unstable();
                codes.dedup();
                let end = codes.len() as u32;
                Column::Terms(Lists { known: vec![1], offsets: vec![0, end], values: codes })
            }
            (ours, ..) => ours.clone(),
        })
    }
}

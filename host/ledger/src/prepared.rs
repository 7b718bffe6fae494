//! What recording a list takes that needs neither a key nor a place in the log. It is most of the work, and is done on as many
//! threads as there are lists for.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;

use normgate::contract::ColumnSpec;
use normgate::{Batch, Confirmation, Detail, Outcome};

use crate::error::LedgerError;
use crate::facets::Facets;
use crate::level;

/// Lists that one thread prepares at a time: enough to be worth a thread, few enough to be held in memory.
pub(crate) const SHARE: usize = 8;

/// Something that waits to be written.
pub(crate) struct Waiting {
    pub(crate) what: What,
    /// Milliseconds since 1970 UTC.
    pub(crate) ms: i64,
    pub(crate) done: Option<SyncSender<Result<(), LedgerError>>>,
}

pub(crate) enum What {
    List { request: Batch, outcome: Arc<Outcome> },
    Confirmation(Confirmation),
}

/// A list, ready to be sealed.
pub(crate) struct Prepared {
    pub(crate) decision_id: String,
    /// The columns that were read and are about nobody, in canonical form.
    pub(crate) public: Vec<u8>,
    /// Those about a person.
    pub(crate) personal: Vec<u8>,
    /// The answer.
    pub(crate) outcome: String,
    /// What it is counted by, as JSON.
    pub(crate) facets: Vec<u8>,
    pub(crate) keep_d: u32,
}

impl Prepared {
    fn of(request: &Batch, outcome: &Outcome) -> Self {
        let columns = outcome.policy_set().columns_read();
        let read = |spec: &ColumnSpec| columns.binary_search(&spec.name).is_ok();
        let decision_id = outcome.decision_id();
        Self {
            public: request.canonical_part(|spec| read(spec) && !spec.personal),
            personal: request.canonical_part(|spec| read(spec) && spec.personal),
            outcome: outcome.to_json_of(&decision_id, Detail::default()),
            // Writing to memory cannot fail.
            facets: serde_json::to_vec(&Facets::of(request, &outcome.circumstances.draws)).unwrap_or_default(),
            keep_d: level::keep_d(outcome),
            decision_id,
        }
    }
}

/// Prepares lists, in order; what is no list is none.
pub(crate) fn all(waiting: &[Waiting]) -> Vec<Option<Prepared>> {
    let prepare = |waiting: &Waiting| match &waiting.what {
        What::List { request, outcome } => Some(Prepared::of(request, outcome)),
        What::Confirmation(_) => None,
    };
    let part = |part: &[Waiting]| part.iter().map(prepare).collect::<Vec<_>>();
    let Some((own, others)) = waiting.split_at_checked(SHARE).filter(|(_, others)| !others.is_empty()) else {
        return part(waiting);
    };
    thread::scope(|scope| {
        let running: Vec<_> = others.chunks(SHARE).map(|share| (share, scope.spawn(move || part(share)))).collect();
        let mut prepared = part(own);
        // A thread that ended before its time leaves its share to this one.
        prepared.extend(running.into_iter().flat_map(|(share, thread)| thread.join().unwrap_or_else(|_| part(share))));
        prepared
    })
}

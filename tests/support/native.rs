//! The same policies, compiled natively, over the same encoded columns.

use normgate::__judging as host;
use normgate_sdk::bindings::exports::normgate::policy::judging as guest;

/// A policy as a native function.
pub(crate) type Evaluate = fn(guest::Call) -> guest::Answer;

/// Every policy by module name.
pub(crate) const POLICIES: &[(&str, Evaluate)] = &[
    ("art09", art09_synthetic_labels::evaluate),
    ("art17", art17_user_choice::evaluate),
    ("art18", art18_minors::evaluate),
];

/// The host's borrowed call as the guest's owned one.
pub(crate) fn call(call: &host::Call<'_>) -> guest::Call {
    guest::Call {
        stage: match call.stage {
            host::Stage::Candidate => guest::Stage::Candidate,
            host::Stage::Slate => guest::Stage::Slate,
        },
        enforced: call.enforced.to_vec(),
        parameters: call.parameters.to_vec(),
        request: guest::Scalars { known: call.request.known.to_vec(), values: call.request.values.to_vec() },
        frames: call
            .frames
            .iter()
            .map(|frame| guest::Frame { rows: frame.rows, columns: frame.columns.iter().map(column).collect() })
            .collect(),
    }
}

fn column(column: &host::Column<'_>) -> guest::Column {
    use guest::Column as G;
    use host::Column as H;
    match column {
        H::Absent => G::Absent,
        H::Tri(codes) => G::Tri(codes.to_vec()),
        H::Integer(c) => G::Integer(guest::IntegerColumn { known: c.known.to_vec(), values: c.values.to_vec() }),
        H::Integers(c) => G::Integers(guest::IntegersColumn {
            known: c.known.to_vec(),
            offsets: c.offsets.to_vec(),
            values: c.values.to_vec(),
        }),
        H::Term(codes) => G::Term(codes.to_vec()),
        H::Terms(c) => G::Terms(guest::TermsColumn {
            known: c.known.to_vec(),
            offsets: c.offsets.to_vec(),
            codes: c.codes.to_vec(),
        }),
        H::Id(ids) => G::Id(ids.to_vec()),
        H::Ids(c) => {
            G::Ids(guest::IdsColumn { known: c.known.to_vec(), offsets: c.offsets.to_vec(), ids: c.ids.to_vec() })
        }
        H::Signals(c) => G::Signals(guest::SignalsColumn {
            known: c.known.to_vec(),
            offsets: c.offsets.to_vec(),
            entries: c.entries.to_vec(),
            codes: c.codes.to_vec(),
            confidences: c.confidences.to_vec(),
            sources: c.sources.to_vec(),
        }),
    }
}

//! The same policies, compiled natively, over the same encoded columns.

use normgate::__judging as host;
use normgate_sdk::bindings::exports::normgate::policy::judging as guest;

/// A policy as a native function.
pub(crate) type Evaluate = fn(guest::Call) -> guest::Answer;

/// Every policy by module name.
pub(crate) const POLICIES: &[(&str, Evaluate)] = &[
    ("art05.delivery", art05_delivery::evaluate),
    ("art05.elder-ui", art05_elder_ui::evaluate),
    ("art06", art06_content::evaluate),
    ("art08", art08_excess::evaluate),
    ("art09", art09_synthetic_labels::evaluate),
    ("art10", art10_user_tags::evaluate),
    ("art11", art11_key_segments::evaluate),
    ("art12", art12_scatter::evaluate),
    ("art13", art13_news::evaluate),
    ("art14", art14_manipulation::evaluate),
    ("art15", art15_competition::evaluate),
    ("art16", art16_notice::evaluate),
    ("art17", art17_user_choice::evaluate),
    ("art18", art18_minors::evaluate),
    ("art19", art19_elderly::evaluate),
    ("art20", art20_dispatch::evaluate),
    ("art21", art21_pricing::evaluate),
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

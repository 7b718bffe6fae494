//! The law once more, row by row and slowly, from the decision tables alone: what the gate is held against.
//!
//! Nothing here shares code with the policies, the SDK or the host's merging. Whoever doubts an answer can hold a file
//! of this folder against its table line by line. A rule is `if` its condition `fire` its result; what the rules said
//! is merged at the end, in `findings`.

mod content;
mod facts;
mod findings;
mod manipulation;
mod market;
mod minors;
mod news;
pub(crate) mod order;
mod people;
mod protection;
pub(crate) mod settings;
mod signals;
mod slate;
mod surfaces;
mod tags;
mod work;

use serde_json::Value;

use facts::Facts;
use findings::Findings;
use settings::Settings;

/// One request as the rules see it.
pub(crate) struct Request<'r> {
    /// The request itself: `ctx.…`, `provider.…`, `user.…`, `session.…`.
    all: Facts<'r>,
    /// The candidates, as sent.
    rows: Vec<Facts<'r>>,
    /// The user's tags, as sent.
    tags: Vec<Facts<'r>>,
    settings: &'r Settings,
}

/// The answer to a request, in the shape of the wire but for what identifies policies and causes.
pub(crate) fn judge(request: &Value, settings: &Settings) -> Value {
    let all = Facts::new(request);
    let request = Request { all, rows: all.rows("candidates"), tags: all.rows("user.tags"), settings };
    let mut findings = Findings::new(&request);

    // Art 2: offered elsewhere, or without an algorithm, is out of scope; whatever is unknown is in.
    let out = all.is("ctx.territory", "OTHER") || all.is("ctx.algo_type", "none");
    if !out {
        candidate_stage(&request, &mut findings);
        if !request.rows.is_empty() {
            let first = order::arrange(&request.rows, &findings.verdicts(), settings.by_score);
            slate_stage(&request, &first.rows[..first.shown], &mut findings);
        }
    }
    findings.answer(&request, if out { "out" } else { "in" })
}

/// Every rule that needs no order.
fn candidate_stage(request: &Request<'_>, findings: &mut Findings<'_>) {
    content::art06(request, findings);
    protection::art08(request, findings);
    content::art09(request, findings);
    tags::art10(request, findings);
    content::art11(request, findings);
    slate::explain(findings);
    news::art13(request, findings);
    manipulation::art14(request, findings);
    market::art15(request, findings);
    people::art16(request, findings);
    people::art17(request, findings);
    minors::art18(request, findings);
    protection::art19(request, findings);
    work::art20(request, findings);
    market::art21(request, findings);
    protection::elder_ui(request, findings);
    work::delivery(request, findings);
}

/// The rules over the order that the first stage made, of the rows that it left.
fn slate_stage(request: &Request<'_>, order: &[usize], findings: &mut Findings<'_>) {
    slate::positive_share(request, order, findings);
    slate::art12(request, order, findings);
}

//! Notices: what somebody should look at, though it changes no verdict.

use normgate_contract::Day;

use crate::batch::{Batch, Column};
use crate::config::Looser;
use crate::outcome::Notice;
use crate::policy_set::{PolicySet, RuleRef};

/// How far a request's `now_ms` may lie from the host's clock before that is worth a notice: a day. An engineering default,
/// wide enough for replayed queues and narrow enough for a wrong unit.
const CLOCK_TOLERANCE_MS: i64 = 24 * 60 * 60 * 1_000;

/// Kinds of rows that only exist where an algorithm dispatches work or sets prices (Art 20, 21).
const DECIDING_KINDS: [&str; 6] = ["work_order", "penalty", "incentive", "product_offer", "service_offer", "coupon"];

/// A request that says that it is out of scope (Art 2), and carries what only a covered service has.
pub(crate) fn scope_contradiction(batch: &Batch) -> Option<Notice> {
    let carried = |row: usize| {
        let id = batch.row_id("candidates.id", row as u32);
        if batch.row_term("candidates.retrieval_basis", row) == Some("personal") {
            return Some(format!("candidate {id} was retrieved on a personal basis"));
        }
        if let Some(Column::Ids(tags)) = batch.column("candidates.matched_tags")
            && tags.row(row).is_some_and(|tags| !tags.is_empty())
        {
            return Some(format!("candidate {id} matches tags of the user"));
        }
        let kind = batch.row_term("candidates.kind", row).filter(|kind| DECIDING_KINDS.contains(kind))?;
        Some(format!("candidate {id} is of kind {kind}"))
    };
    let found = (0..batch.candidates()).find_map(carried)?;
    let said = match batch.request_term("request.ctx.territory") {
        Some("OTHER") => "ctx.territory = OTHER",
        _ => "ctx.algo_type = none",
    };
    Some(Notice {
        code: "scope-contradiction",
        policy: None,
        message: format!("{said} puts the request out of scope, yet {found}; check what is sent"),
    })
}

/// A request whose time is far from the host's clock. The clock decides what is in force, the request's time what is late,
/// so the two should agree in live use.
pub(crate) fn clock(batch: &Batch, clock_ms: i64) -> Option<Notice> {
    let now_ms = batch.column("request.ctx.now_ms")?.integer(0)?;
    (now_ms.abs_diff(clock_ms) > CLOCK_TOLERANCE_MS as u64).then(|| Notice {
        code: "clock-skew",
        policy: None,
        message: format!(
            "ctx.now_ms {now_ms} is more than a day from the host's clock; rules in force are those of the clock \
             (--as-of judges by another day)"
        ),
    })
}

/// The set is being observed.
pub(crate) fn observed(until: Day) -> Notice {
    Notice {
        code: "observed",
        policy: None,
        message: format!("the set is only observed before {until}: `shadow` says what would apply, and nothing does"),
    }
}

/// A regulator's value that was not taken, because it is looser than the one in force.
pub(crate) fn ignored_overlay(regulator: &str, looser: &Looser) -> Notice {
    let Looser { parameter, offered, .. } = looser;
    Notice {
        code: "overlay-ignored",
        policy: None,
        message: format!(
            "{offered} of {regulator} for `{parameter}` is looser than the value in force, which was kept"
        ),
    }
}

/// A sector norm's value that was not taken, because norms never loosen (Art 5).
pub(crate) fn loosening(norm: String, looser: &Looser) -> Notice {
    let Looser { parameter, offered, .. } = looser;
    Notice {
        code: "art05.loosening",
        message: format!(
            "{offered} for `{parameter}` would loosen the value in force, or is not legal; that value was kept"
        ),
        policy: Some(norm),
    }
}

/// Every use of an emergency row, with what it was spared: the exemption is the one hole in the merge, so it never goes
/// unrecorded.
pub(crate) fn emergencies(
    set: &PolicySet,
    batch: &Batch,
    emergency: &[bool],
    spared: &[(u32, RuleRef)],
) -> Vec<Notice> {
    let rows = emergency.iter().enumerate().filter(|(_, emergency)| **emergency);
    rows.map(|(row, _)| {
        let row = row as u32;
        let ticket = batch.column("candidates.exempt_ticket").and_then(|column| column.integer(row as usize));
        let rules: Vec<&str> = spared.iter().filter(|(r, _)| *r == row).map(|(_, rule)| set.rule_id(*rule)).collect();
        let spared = match &rules[..] {
            [] => "no rule would have withheld or demoted it".to_owned(),
            rules => format!("not withheld or demoted by {}", rules.join(", ")),
        };
        Notice {
            code: "emergency-row",
            policy: None,
            message: format!(
                "candidate {} is an emergency under ticket {}: {spared}",
                batch.row_id("candidates.id", row),
                ticket.unwrap_or(0)
            ),
        }
    })
    .collect()
}

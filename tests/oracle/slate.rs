//! The rules over the ranked slate: repetition (Art 12) and positive energy on first screens (Art 11).

use super::Request;
use super::facts::Facts;
use super::findings::{About, Effect, Findings, block, demote, owe};
use super::protection::serves;
use super::signals::{Signals, State};

/// Whoever shows a list by an algorithm says why.
pub(super) fn explain(findings: &mut Findings<'_>) {
    findings.fire("art12.explain", About::Request, [owe("offer.why")]);
}

/// Enough encouraged items among the first slots of a first screen. `order` holds the rows that the first stage left.
pub(super) fn positive_share(request: &Request<'_>, order: &[usize], findings: &mut Findings<'_>) {
    let placed = |row: &Facts<'_>| row.integer("rank_pos").is_some();
    if !request.first_screen() || !request.rows.iter().any(placed) {
        return;
    }
    let slots = request.settings.number("common.first_screen_slots");
    let count = request.settings.number("art11.positive_min");
    let encouraged = |row: &Facts<'_>| Signals::of_row(*row, request.settings).family("E") == State::Confirmed;
    let pool: Vec<Facts<'_>> = order.iter().map(|row| request.rows[*row]).collect();
    let first = pool.iter().filter(|row| placed(row)).take(slots as usize);
    if (first.filter(|row| encouraged(row)).count() as i64) < count {
        let demand = pool.iter().any(encouraged).then_some(Effect::AtLeast { family: "E*", count, slots });
        findings.fire("art11.positive-share", About::Request, demand.into_iter().chain([owe("refill.slate")]));
    }
}

/// Row by row from the top of the slate; `counted` holds the rows above that count.
pub(super) fn art12(request: &Request<'_>, order: &[usize], findings: &mut Findings<'_>) {
    let number = |name| request.settings.number(name);
    let scatter_w = number("art12.scatter_w");
    let searched = request.surface() == Some("search_results");
    let refusable =
        ["feed", "related", "push", "popup", "splash", "home_first_screen"].map(Some).contains(&request.surface());
    let mut counted: Vec<Facts<'_>> = Vec::new();
    for &index in order {
        let (row, about) = (request.rows[index], About::Row(index));
        let placed = row.integer("rank_pos").is_some();
        if row.term("exempt").is_none_or(|exempt| exempt == "none") {
            let mut blocked = false;
            if row.yes("neg_feedback") && refusable {
                blocked |= findings.fire("art12.negative-feedback", about, [block()]);
            }
            let group = row.integer("dup_group").filter(|group| placed && *group != 0);
            if group.is_some() && counted.iter().any(|above| above.integer("dup_group") == group) {
                let effect = if searched { demote(scatter_w) } else { block() };
                let enforced = findings.fire("art12.duplicate", about, [effect]);
                blocked |= enforced && !searched;
            }
            if blocked {
                continue;
            }
            let window = (number("art12.window") - 1) as usize;
            let above = &counted[counted.len().saturating_sub(window)..];
            // How many rows of the window, this one included, share a value with it.
            let share = |column: &str| match row.integer(column) {
                Some(value) => above.iter().filter(|other| other.integer(column) == Some(value)).count() as i64 + 1,
                None => 0,
            };
            let scatters = placed && !(request.elder() && serves(row));
            if scatters && share("topic_id") > number("art12.topic_max") {
                findings.fire("art12.scatter-topic", about, [demote(scatter_w)]);
            }
            if scatters && share("author_id") > number("art12.author_max") {
                findings.fire("art12.scatter-author", about, [demote(scatter_w)]);
            }
            if row.integer("seen_24h").is_some_and(|times| times >= number("art12.seen_max")) {
                findings.fire("art12.seen", about, [demote(number("art12.seen_w"))]);
            }
        }
        if placed {
            counted.push(row);
        }
    }
}

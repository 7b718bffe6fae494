//! The order of rows before and after judging: the list is laid out place by place, as the text says it.

use std::sync::OnceLock;

use super::facts::Facts;
use super::findings::Verdict;

/// A list in order.
pub(super) struct Arranged {
    /// Rows, those that may be shown first.
    pub(super) rows: Vec<usize>,
    /// How many of them may be shown.
    pub(super) shown: usize,
    /// Rows that yield to something, or with which the order by score fails.
    pub(super) yielding: Vec<usize>,
}

/// Base order: by position, rows without one last, ties as sent; withheld rows are last, in base order.
///
/// By place, a row of weight w at place p goes behind the row at the first place q from p on with E(q) × 10^6 ≤ w × E(p). By
/// score, rows go by key, if every row has a score. Weight 0 is behind all others. Then pinned rows are put back at their
/// places, in ascending order, unless a rule of modality must demotes them.
pub(super) fn arrange(rows: &[Facts<'_>], verdicts: &[Verdict], by_score: bool) -> Arranged {
    let mut base: Vec<usize> = (0..rows.len()).collect();
    base.sort_by_key(|row| {
        let position = rows[*row].integer("rank_pos");
        (position.is_none(), position)
    });
    let (base, withheld): (Vec<usize>, Vec<usize>) = base.into_iter().partition(|row| verdicts[*row].block.is_none());
    let unscored = (0..rows.len()).find(|row| by_score && rows[*row].number("score").is_none());
    let placed = match (by_score, unscored) {
        (false, _) => by_place(&base, verdicts),
        (true, None) => by_key(&base, rows, verdicts),
        (true, Some(_)) => base.clone(),
    };

    let pinned = |row: &usize| rows[*row].yes("pinned");
    let held = |row: &usize| pinned(row) && !verdicts[*row].must_demote;
    let mut order: Vec<usize> = placed.iter().copied().filter(|row| !held(row)).collect();
    for (place, row) in base.iter().enumerate().filter(|(_, row)| held(row)) {
        order.insert(place, *row);
    }

    let place_in = |order: &[usize], row: usize| order.iter().position(|known| *known == row);
    let yields = |row: &usize| {
        let verdict = &verdicts[*row];
        let demoted = verdict.weight() < 1_000_000;
        match pinned(row) {
            true => verdict.block.is_some() || verdict.must_demote || demoted,
            false => demoted && place_in(&order, *row) < place_in(&placed, *row),
        }
    };
    let mut yielding: Vec<usize> = unscored.into_iter().chain((0..rows.len()).filter(yields)).collect();
    yielding.sort_unstable();
    let shown = order.len();
    order.extend(withheld);
    Arranged { rows: order, shown, yielding }
}

/// Place by place: who was not demoted from it, and then who was demoted to it.
fn by_place(base: &[usize], verdicts: &[Verdict]) -> Vec<usize> {
    let places = base.len();
    let target = |place: usize| {
        let share = verdicts[base[place]].weight() as u128 * exposure(place);
        (place..places).find(|other| exposure(*other) * 1_000_000 <= share)
    };
    let weight = |place: &usize| verdicts[base[*place]].weight();
    let demoted: Vec<(usize, Option<usize>)> =
        (0..places).filter(|place| (1..1_000_000).contains(&weight(place))).map(|p| (p, target(p))).collect();
    let sent_to = |to: Option<usize>| demoted.iter().filter(move |(_, target)| *target == to).map(|(from, _)| *from);
    let mut order = Vec::new();
    for place in 0..places {
        order.extend((weight(&place) >= 1_000_000).then_some(place));
        order.extend(sent_to(Some(place)));
    }
    order.extend(sent_to(None));
    order.extend((0..places).filter(|place| weight(place) == 0));
    order.into_iter().map(|place| base[place]).collect()
}

/// By score × weight, descending, stable; those of weight 0 after all others.
fn by_key(base: &[usize], rows: &[Facts<'_>], verdicts: &[Verdict]) -> Vec<usize> {
    let key = |row: usize| {
        let (score, weight) = (rows[row].number("score").unwrap_or(0.0), verdicts[row].weight() as f64);
        if score >= 0.0 { score * weight / 1e6 } else { score * (2.0 - weight / 1e6) }
    };
    let mut order = base.to_vec();
    order.sort_by(|a, b| key(*b).partial_cmp(&key(*a)).unwrap_or(std::cmp::Ordering::Equal));
    order.sort_by_key(|row| verdicts[*row].weight() == 0);
    order
}

/// E(p) = round(10^9 / log2(p + 2)) for every place of the longest list. Natural logarithms go up from ln 2, since
/// ln(n + 1) − ln n = 2 artanh(1 / (2n + 1)), in fixed point with 92 bits after it.
pub(crate) fn exposure(place: usize) -> u128 {
    static KNOWN: OnceLock<Vec<u128>> = OnceLock::new();
    let all = || {
        let ln_2 = twice_artanh_of_one_in(3);
        let mut ln = ln_2;
        let next = |n: u128| {
            let known = (1_000_000_000 * ln_2 + ln / 2) / ln;
            ln += twice_artanh_of_one_in(2 * n + 1);
            known
        };
        (2..65_538).map(next).collect()
    };
    KNOWN.get_or_init(all)[place]
}

/// 2 artanh(1 / x) = 2 (1/x + 1/3x³ + 1/5x⁵ + …).
fn twice_artanh_of_one_in(x: u128) -> u128 {
    let (mut power, mut sum) = ((2 << 92) / x, 0);
    for odd in (1..).step_by(2) {
        if power == 0 {
            break;
        }
        sum += power / odd;
        power /= x * x;
    }
    sum
}

//! The order of rows before and after judging.

use super::facts::Facts;
use super::findings::Verdict;

/// Rows in order, and how many of them may be shown.
///
/// Base order: by position, rows without one last, ties as sent. If every row has a score, rows that may be shown go by
/// key, descending, stable over the base order, and those of weight 0 after all others. Withheld rows are last, in base
/// order.
pub(super) fn arrange(rows: &[Facts<'_>], verdicts: &[Verdict]) -> (Vec<usize>, usize) {
    let mut base: Vec<usize> = (0..rows.len()).collect();
    base.sort_by_key(|row| {
        let position = rows[*row].integer("rank_pos");
        (position.is_none(), position)
    });
    let (mut order, withheld): (Vec<usize>, Vec<usize>) =
        base.into_iter().partition(|row| verdicts[*row].block.is_none());
    if rows.iter().all(|row| row.number("score").is_some()) {
        let key = |row: usize| {
            let (score, weight) = (rows[row].number("score").unwrap_or(0.0), verdicts[row].weight() as f64);
            if score >= 0.0 { score * weight / 1e6 } else { score * (2.0 - weight / 1e6) }
        };
        order.sort_by(|a, b| key(*b).partial_cmp(&key(*a)).unwrap_or(std::cmp::Ordering::Equal));
        order.sort_by_key(|row| verdicts[*row].weight() == 0);
    }
    let shown = order.len();
    order.extend(withheld);
    (order, shown)
}

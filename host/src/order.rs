//! The order of rows: the platform's own, bent by demotions, with withheld rows last.

use crate::batch::{Batch, Column};
use crate::verdict::Judgement;

/// Rows in final order. The first element of the pair is the order, the second how many of it may be shown.
///
/// The base order is by position, rows without one after those with one, ties as sent. When every row has a score, rows go
/// by score × weight (negative scores grow by the complement, so a demotion never raises a row), stable over the base order;
/// rows of weight 0 come after every other row that may be shown. Otherwise the base order stands. Withheld rows are last.
pub(crate) fn sorted(batch: &Batch, judgements: &[Judgement]) -> (Vec<u32>, usize) {
    let positions = batch.column("candidates.rank_pos");
    let mut order: Vec<u32> = (0..judgements.len() as u32).collect();
    order.sort_by_key(|row| positions.and_then(|c| c.integer(*row as usize)).unwrap_or(i64::MAX));
    let (mut shown, withheld): (Vec<u32>, Vec<u32>) =
        order.into_iter().partition(|row| judgements[*row as usize].block.is_none());
    if let Some(scores) = scores(batch, judgements.len()) {
        let key = |row: &u32| {
            let weight = judgements[*row as usize].weight_ppm();
            (weight == 0, final_key(scores[*row as usize], weight))
        };
        let mut keyed: Vec<(u32, (bool, f64))> = shown.iter().map(|row| (*row, key(row))).collect();
        keyed.sort_by(|(_, (zero_a, a)), (_, (zero_b, b))| zero_a.cmp(zero_b).then(b.total_cmp(a)));
        shown = keyed.into_iter().map(|(row, _)| row).collect();
    }
    let count = shown.len();
    shown.extend(withheld);
    (shown, count)
}

/// Every row's score, when every row has one.
fn scores(batch: &Batch, rows: usize) -> Option<Vec<f64>> {
    match batch.column("candidates.score") {
        Some(Column::Number(values)) if values.len() == rows => values.iter().copied().collect(),
        _ => None,
    }
}

/// The number that rows are ordered by, descending.
fn final_key(score: f64, weight_ppm: u32) -> f64 {
    let weight = f64::from(weight_ppm);
    let key = if score >= 0.0 { score * weight / 1e6 } else { score * (2.0 - weight / 1e6) };
    // −0 and 0 are one key.
    key + 0.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::final_key;

    proptest! {
        #[test]
        fn a_demotion_never_raises_a_row(score in any::<f64>().prop_filter("finite", |s| s.is_finite()), weight in 0..=1_000_000u32) {
            prop_assert!(final_key(score, weight) <= final_key(score, 1_000_000));
        }
    }
}

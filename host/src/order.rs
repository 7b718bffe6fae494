//! The order of rows: the one sent, bent by demotions and held by pins, with withheld rows last.

use crate::batch::{Batch, Column};
use crate::config::OrderBy;
use crate::exposure::exposure;
use crate::notice::Notice;
use crate::notices::{self, Yield};
use crate::verdict::{FULL_WEIGHT, Judgement};

/// Returns rows in final order, and how many of them may be shown.
pub(crate) fn sorted(batch: &Batch, judgements: &[Judgement], by: OrderBy) -> (Vec<u32>, usize) {
    Order::of(batch, judgements, by).rows()
}

/// Returns rows of which those that are held keep their places, and `others` stand around them in the order given.
pub(crate) fn around(places: impl Iterator<Item = (u32, bool)>, mut others: impl Iterator<Item = u32>) -> Vec<u32> {
    places.filter_map(|(row, held)| if held { Some(row) } else { others.next() }).collect()
}

/// Rows that are pinned.
#[derive(Clone, Copy)]
pub(crate) struct Pins<'b>(Option<&'b Column>);

impl<'b> Pins<'b> {
    pub(crate) fn of(batch: &'b Batch) -> Self {
        Self(batch.column("candidates.pinned"))
    }

    fn has(self, row: u32) -> bool {
        // 2 is yes.
        self.0.is_some_and(|column| column.tri(row as usize) == 2)
    }

    /// Whether a row that may be shown keeps its place whatever else is said: it is pinned, and no `must` rule demotes it.
    pub(crate) fn hold(self, row: u32, judgement: Judgement) -> bool {
        self.has(row) && !judgement.must_demote
    }
}

/// Rows on their way into order.
///
/// The base order is by position, rows without one after those with one, ties as sent. A demoted row goes down to where its
/// weight's share of its exposure is left ([`by_place`]), or rows go by score ([`by_score`]). Then pinned rows return to their
/// places, and the others keep their order around them. Withheld rows are last, in base order.
pub(crate) struct Order<'b> {
    batch: &'b Batch,
    judgements: &'b [Judgement],
    pins: Pins<'b>,
    /// Rows that may be shown, in base order.
    base: Vec<u32>,
    /// The same rows as demotions want them.
    bent: Vec<u32>,
    /// The others, in base order.
    withheld: Vec<u32>,
    /// The first row without a score, where rows are to go by score.
    unscored: Option<u32>,
}

impl<'b> Order<'b> {
    pub(crate) fn of(batch: &'b Batch, judgements: &'b [Judgement], by: OrderBy) -> Self {
        let positions = batch.column("candidates.rank_pos");
        let mut rows: Vec<u32> = (0..judgements.len() as u32).collect();
        rows.sort_by_key(|row| positions.and_then(|column| column.integer(*row as usize)).unwrap_or(i64::MAX));
        let (base, withheld): (Vec<u32>, Vec<u32>) =
            rows.into_iter().partition(|row| judgements[*row as usize].block.is_none());
        let weight = |row: u32| judgements[row as usize].weight_ppm();
        let (bent, unscored) = match by {
            OrderBy::Place => (by_place(&base, weight), None),
            OrderBy::Score => match scores(batch, judgements.len()) {
                Ok(scores) => (by_score(&base, weight, |row| scores[row as usize]), None),
                Err(row) => (base.clone(), Some(row)),
            },
        };
        Self { batch, judgements, pins: Pins::of(batch), base, bent, withheld, unscored }
    }

    /// Returns rows in final order, and how many of them may be shown.
    pub(crate) fn rows(&self) -> (Vec<u32>, usize) {
        let held = |row: u32| self.pins.hold(row, self.judgements[row as usize]);
        let others = self.bent.iter().copied().filter(|row| !held(*row));
        let mut rows = around(self.base.iter().map(|row| (*row, held(*row))), others);
        let shown = rows.len();
        rows.extend(&self.withheld);
        (rows, shown)
    }

    /// Returns what is not applied: a demotion that yields to a pin, a pin that yields to a block or to a demotion by a `must`
    /// rule, scores of which one is missing. `rows` is the order that came out.
    pub(crate) fn not_applied(&self, rows: &[u32]) -> Vec<Notice> {
        let told = |row: u32, why| notices::order_not_applied(self.batch.row_id("candidates.id", row), why);
        let mut all: Vec<Notice> = self.unscored.map(|row| told(row, Yield::Scores)).into_iter().collect();
        if self.pins.0.is_none() {
            return all;
        }
        let mut wanted = vec![0; self.judgements.len()];
        self.bent.iter().enumerate().for_each(|(place, row)| wanted[*row as usize] = place);
        all.extend(rows.iter().enumerate().filter_map(|(place, &row)| {
            let judgement = self.judgements[row as usize];
            let demoted = judgement.weight_ppm() < FULL_WEIGHT;
            let why = match self.pins.has(row) {
                true if judgement.block.is_some() => Yield::PinToBlock,
                true if judgement.must_demote => Yield::PinToDemotion,
                true if demoted => Yield::DemotionToPin,
                false if judgement.block.is_none() && demoted && place < wanted[row as usize] => Yield::DemotionToPins,
                _ => return None,
            };
            Some(told(row, why))
        }));
        all
    }
}

/// Orders rows by place: a row of weight w at place p goes behind the row at the first place that shows at most w of what p shows,
/// or behind all; rows of weight 0 come after every other. Places are those of the base order, so that it does not matter for one
/// row where another one goes.
fn by_place(base: &[u32], weight: impl Fn(u32) -> u32) -> Vec<u32> {
    if base.iter().all(|row| weight(*row) >= FULL_WEIGHT) {
        return base.to_vec();
    }
    let key = |place: usize, row: u32| match weight(row) {
        FULL_WEIGHT.. => (place, false),
        0 => (usize::MAX, true),
        weight => (behind(place, weight, base.len()), true),
    };
    let mut keyed: Vec<((usize, bool), u32)> = (0..).zip(base).map(|(place, row)| (key(place, *row), *row)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, row)| row).collect()
}

/// The first place from `place` on that shows at most a share of what it shows; that after the last, where there is none.
fn behind(place: usize, weight_ppm: u32, places: usize) -> usize {
    let most = u64::from(weight_ppm) * exposure(place);
    let (mut low, mut high) = (place, places);
    while low < high {
        let middle = low + (high - low) / 2;
        if exposure(middle) * u64::from(FULL_WEIGHT) > most { low = middle + 1 } else { high = middle }
    }
    low
}

/// Orders rows by score × weight, descending, stable over the base order. Rows of weight 0 come after every other.
fn by_score(base: &[u32], weight: impl Fn(u32) -> u32, score: impl Fn(u32) -> f64) -> Vec<u32> {
    let key = |row: u32| (weight(row) == 0, final_key(score(row), weight(row)));
    let mut keyed: Vec<(u32, (bool, f64))> = base.iter().map(|row| (*row, key(*row))).collect();
    keyed.sort_by(|(_, (zero_a, a)), (_, (zero_b, b))| zero_a.cmp(zero_b).then(b.total_cmp(a)));
    keyed.into_iter().map(|(row, _)| row).collect()
}

/// Every row's score, when every row has one; else the first row that has none.
fn scores(batch: &Batch, rows: usize) -> Result<Vec<f64>, u32> {
    let Some(Column::Number(values)) = batch.column("candidates.score") else {
        return if rows == 0 { Ok(Vec::new()) } else { Err(0) };
    };
    (0..rows as u32).map(|row| values.get(row as usize).copied().flatten().ok_or(row)).collect()
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

    use super::*;

    /// Weights of which about half demote nothing.
    fn weights() -> impl Strategy<Value = Vec<u32>> {
        proptest::collection::vec(prop_oneof![Just(FULL_WEIGHT), 0..=FULL_WEIGHT, Just(0)], 1..60)
    }

    fn place_of(row: u32, order: &[u32]) -> Option<usize> {
        order.iter().position(|known| *known == row)
    }

    proptest! {
        #[test]
        fn a_demotion_by_score_never_raises_a_row(score in any::<f64>().prop_filter("finite", |s| s.is_finite()), weight in 0..=FULL_WEIGHT) {
            prop_assert!(final_key(score, weight) <= final_key(score, FULL_WEIGHT));
        }

        #[test]
        fn demoting_a_row_more_never_raises_it(weights in weights(), row in any::<prop::sample::Index>(), less in 0..=FULL_WEIGHT) {
            let base: Vec<u32> = (0..weights.len() as u32).collect();
            let row = row.index(base.len()) as u32;
            let before = by_place(&base, |other| weights[other as usize]);
            let less = less.min(weights[row as usize]);
            let after = by_place(&base, |other| if other == row { less } else { weights[other as usize] });
            prop_assert!(place_of(row, &after) >= place_of(row, &before));
        }

        #[test]
        fn the_place_found_is_the_first_that_shows_so_little(place in 0usize..500, weight in 1..FULL_WEIGHT, places in 1usize..800) {
            let most = u64::from(weight) * exposure(place);
            let found = (place..places.max(place)).find(|place| exposure(*place) * 1_000_000 <= most);
            prop_assert_eq!(behind(place, weight, places.max(place)), found.unwrap_or(places.max(place)));
        }
    }
}

//! One row's judgement and how judgements merge: order-free, and only ever tighter.

use normgate_contract::Block;
use serde::{Deserialize, Serialize};

/// The weight of a row that nobody demoted, in ppm.
pub const FULL_WEIGHT: u32 = 1_000_000;

/// The strongest thing that happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing.
    Allow,
    /// Shown with a label.
    Label,
    /// Shown lower.
    Demote,
    /// Withheld.
    Block,
}

/// What all rules together say of one row.
///
/// [`Judgement::join`] is associative, commutative and idempotent, and never loosens, so it does not matter in which order
/// modules answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The strongest block: none > human_review > label_first.
    pub block: Option<Block>,
    /// The smallest weight of a demotion.
    pub demotion: Option<u32>,
    /// Whether a rule of modality `must` demotes it, so that no pin holds it.
    pub must_demote: bool,
    /// Labels, as bits over the vocabulary.
    pub labels: u64,
}

impl Judgement {
    /// What a row is before any rule speaks.
    pub const ALLOW: Judgement = Judgement { block: None, demotion: None, must_demote: false, labels: 0 };

    /// Both judgements together.
    pub fn join(self, other: Judgement) -> Judgement {
        Judgement {
            block: self.block.max(other.block),
            demotion: match (self.demotion, other.demotion) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
            must_demote: self.must_demote || other.must_demote,
            labels: self.labels | other.labels,
        }
    }

    /// The strongest effect.
    pub fn action(self) -> Action {
        match self {
            Judgement { block: Some(_), .. } => Action::Block,
            Judgement { demotion: Some(_), .. } => Action::Demote,
            Judgement { labels: 1.., .. } => Action::Label,
            _ => Action::Allow,
        }
    }

    /// The share of its exposure that is left to the row, in ppm: 0 when withheld.
    pub fn weight_ppm(self) -> u32 {
        match (self.block, self.demotion) {
            (Some(_), _) => 0,
            (None, demotion) => demotion.unwrap_or(FULL_WEIGHT),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judgement() -> impl Strategy<Value = Judgement> {
        let block = prop_oneof![
            Just(None),
            Just(Some(Block::LabelFirst)),
            Just(Some(Block::HumanReview)),
            Just(Some(Block::None))
        ];
        (block, proptest::option::of((0..=FULL_WEIGHT, any::<bool>())), any::<u64>()).prop_map(
            |(block, demotion, labels)| Judgement {
                block,
                demotion: demotion.map(|(weight, _)| weight),
                must_demote: demotion.is_some_and(|(_, must)| must),
                labels,
            },
        )
    }

    proptest! {
        #[test]
        fn joining_is_associative_commutative_and_idempotent(a in judgement(), b in judgement(), c in judgement()) {
            prop_assert_eq!(a.join(b), b.join(a));
            prop_assert_eq!(a.join(b).join(c), a.join(b.join(c)));
            prop_assert_eq!(a.join(a), a);
            prop_assert_eq!(a.join(Judgement::ALLOW), a);
        }

        #[test]
        fn joining_only_tightens(a in judgement(), b in judgement()) {
            let both = a.join(b);
            prop_assert!(both.action() >= a.action());
            prop_assert!(both.weight_ppm() <= a.weight_ppm());
            prop_assert!(both.block >= a.block);
            prop_assert!(both.must_demote || !a.must_demote);
            prop_assert_eq!(both.labels & a.labels, a.labels);
        }
    }
}

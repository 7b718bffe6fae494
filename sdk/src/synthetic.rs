//! Whether an item is made by AI (Art 9; also read by Art 13).

use crate::Tri;
use crate::terms::MetaLabel;

/// What is known of an item's making, in the order in which the strongest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Synthetic {
    /// Nothing says so.
    None,
    /// A trace or a detector says so.
    Suspected,
    /// Declared by the author, or by the file's metadata.
    Possible,
    /// Made here, confirmed by the file's metadata or by a person.
    Confirmed,
}

/// What the state is taken from.
#[derive(Clone, Copy, Debug)]
pub struct Making {
    /// `aigc.meta_label`; `invalid` and `unread` count as no metadata.
    pub meta_label: MetaLabel,
    /// `aigc.declared`; "no" cancels nothing.
    pub declared: Tri,
    /// `aigc.detect_ppm`.
    pub detect_ppm: Option<i64>,
    /// `aigc.trace_explicit`.
    pub trace_explicit: Tri,
    /// `aigc.produced_here`.
    pub produced_here: Tri,
    /// `aigc.human`; "no" clears traces and detection, never metadata or a declaration.
    pub human: Tri,
}

impl Making {
    /// The state; `t_detect` is `common.t_detect`.
    #[inline]
    pub fn state(&self, t_detect: i64) -> Synthetic {
        if self.human.is_yes() || self.produced_here.is_yes() || self.meta_label == MetaLabel::N1 {
            return Synthetic::Confirmed;
        }
        if self.meta_label == MetaLabel::N2 || self.declared.is_yes() {
            return Synthetic::Possible;
        }
        let found = self.trace_explicit.is_yes() || self.detect_ppm.is_some_and(|ppm| ppm >= t_detect);
        if self.meta_label == MetaLabel::N3 || (found && !self.human.is_no()) {
            return Synthetic::Suspected;
        }
        Synthetic::None
    }
}

/// What is known of a candidate's making, out of the `aigc.` columns that its manifest declares.
#[macro_export]
macro_rules! making {
    ($item:expr) => {
        $crate::synthetic::Making {
            meta_label: $item.aigc_meta_label(),
            declared: $item.aigc_declared(),
            detect_ppm: $item.aigc_detect_ppm(),
            trace_explicit: $item.aigc_trace_explicit(),
            produced_here: $item.aigc_produced_here(),
            human: $item.aigc_human(),
        }
    };
}

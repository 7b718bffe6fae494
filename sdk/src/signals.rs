//! Signal states: what the rows on a code add up to, per exact code and then per family.

use crate::bindings::exports::normgate::policy::judging::Column;

/// Who sent a signal, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An authority's order: 0 = no, above 0 = yes.
    Authority,
    /// A person who looked: 0 = no, above 0 = yes.
    Human,
    /// An exact match with a feature database.
    DbExact,
    /// A near match with a feature database.
    DbFuzzy,
    /// A classifier; its confidence counts.
    Classifier,
    /// A declaration by the author; says nothing about a state.
    Declared,
    /// A source that this SDK does not know; says nothing about a state.
    Other,
}

impl Source {
    #[inline]
    fn from_code(code: u8) -> Self {
        match code {
            2 => Self::Authority,
            3 => Self::Human,
            4 => Self::DbExact,
            5 => Self::DbFuzzy,
            6 => Self::Classifier,
            7 => Self::Declared,
            _ => Self::Other,
        }
    }
}

/// What is known of a code or a family, in the order in which a family takes the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Looked at, not found.
    Clear,
    /// Not looked at yet.
    Unknown,
    /// Likely.
    Suspected,
    /// Found.
    Confirmed,
}

impl State {
    /// Suspected or confirmed.
    #[inline]
    pub fn is_raised(self) -> bool {
        self >= Self::Suspected
    }
}

/// From which confidence (ppm) a classifier's signal counts: `common.t_suspect`, `common.t_confirm`.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    /// At or above: suspected.
    pub suspect: i64,
    /// At or above: confirmed.
    pub confirm: i64,
}

/// A code or a family of codes: a set of the manifest's entries.
#[derive(Clone, Copy, Debug)]
pub struct Group(u64);

impl Group {
    /// The group of the entries whose bits are set.
    pub const fn of(entries: u64) -> Self {
        Self(entries)
    }

    /// Both groups together.
    pub const fn or(self, other: Group) -> Self {
        Self(self.0 | other.0)
    }
}

/// A signals column.
#[derive(Clone, Copy, Default)]
pub struct SignalsColumn<'a> {
    offsets: &'a [u32],
    entries: &'a [u16],
    codes: &'a [u32],
    confidences: &'a [u32],
    sources: &'a [u8],
}

impl<'a> From<&'a Column> for SignalsColumn<'a> {
    fn from(column: &'a Column) -> Self {
        match column {
            Column::Signals(c) => Self {
                offsets: &c.offsets,
                entries: &c.entries,
                codes: &c.codes,
                confidences: &c.confidences,
                sources: &c.sources,
            },
            _ => Self::default(),
        }
    }
}

impl<'a> SignalsColumn<'a> {
    /// The signals of a row.
    #[inline]
    pub fn get(&self, row: u32) -> Signals<'a> {
        let row = row as usize;
        let (Some(from), Some(to)) = (self.offsets.get(row), self.offsets.get(row + 1)) else {
            return Signals::default();
        };
        let span = *from as usize..*to as usize;
        if span.is_empty() {
            return Signals::default();
        }
        Signals {
            entries: self.entries.get(span.clone()).unwrap_or_default(),
            codes: self.codes.get(span.clone()).unwrap_or_default(),
            confidences: self.confidences.get(span.clone()).unwrap_or_default(),
            sources: self.sources.get(span).unwrap_or_default(),
        }
    }
}

/// The signals of one row.
#[derive(Clone, Copy, Default)]
pub struct Signals<'a> {
    entries: &'a [u16],
    codes: &'a [u32],
    confidences: &'a [u32],
    sources: &'a [u8],
}

/// What the rows on one exact code add up to.
#[derive(Default)]
struct Evidence {
    authority: bool,
    human_yes: bool,
    human_no: bool,
    exact: bool,
    fuzzy: bool,
    classifier: i64,
}

impl Evidence {
    fn state(&self, thresholds: Thresholds) -> State {
        // Precedence: authority, human, db_exact, then db_fuzzy and classifier; a human "no" clears the last two only.
        if self.authority || self.human_yes || self.exact {
            State::Confirmed
        } else if self.human_no {
            State::Clear
        } else if self.classifier >= thresholds.confirm {
            State::Confirmed
        } else if self.fuzzy || self.classifier >= thresholds.suspect {
            State::Suspected
        } else {
            State::Clear
        }
    }
}

impl Signals<'_> {
    /// The states of all entries. `scanned`: whether a scan of the row is done; without one, a group whose other codes
    /// were never looked at is at least unknown.
    #[inline]
    pub fn states(&self, thresholds: Thresholds, scanned: bool) -> States {
        let mut states = States { confirmed: 0, suspected: 0, scanned };
        if !self.codes.is_empty() {
            self.collect(thresholds, &mut states);
        }
        states
    }

    fn collect(&self, thresholds: Thresholds, states: &mut States) {
        self.each_code(|bit, evidence| match evidence.state(thresholds) {
            State::Confirmed => states.confirmed |= bit,
            State::Suspected => states.suspected |= bit,
            State::Clear | State::Unknown => {}
        });
    }

    /// Hands over, for each exact code, the bit of its entry and what its rows add up to. Codes that the manifest does not list are
    /// left out.
    fn each_code(&self, mut with: impl FnMut(u64, &Evidence)) {
        // Rows by code, so that the work is as good as linear in them.
        let place = |(row, code): (usize, &u32)| u64::from(*code) << 32 | row as u64;
        let mut by_code: Vec<u64> = self.codes.iter().enumerate().map(place).collect();
        by_code.sort_unstable();
        for rows in by_code.chunk_by(|a, b| a >> 32 == b >> 32) {
            let entry = self.entries.get(rows[0] as u32 as usize).copied().unwrap_or(0);
            if let Some(position) = entry.checked_sub(2) {
                with(1 << position.min(63), &self.evidence(rows));
            }
        }
    }

    /// What rows on one code add up to.
    fn evidence(&self, rows: &[u64]) -> Evidence {
        let mut evidence = Evidence::default();
        for row in rows.iter().map(|place| *place as u32 as usize) {
            let confidence = i64::from(self.confidences.get(row).copied().unwrap_or(0));
            match Source::from_code(self.sources.get(row).copied().unwrap_or(0)) {
                Source::Authority => evidence.authority |= confidence > 0,
                Source::Human if confidence > 0 => evidence.human_yes = true,
                Source::Human => evidence.human_no = true,
                Source::DbExact => evidence.exact = true,
                Source::DbFuzzy => evidence.fuzzy = true,
                Source::Classifier => evidence.classifier = evidence.classifier.max(confidence),
                Source::Declared | Source::Other => {}
            }
        }
        evidence
    }

    /// The highest classifier confidence (ppm) on a group's codes, unless a person said no, or another source already
    /// raises it.
    pub fn undecided_confidence(&self, group: Group) -> Option<i64> {
        let mut highest = None;
        self.each_code(|bit, evidence| {
            let decided =
                evidence.authority || evidence.human_yes || evidence.human_no || evidence.exact || evidence.fuzzy;
            if group.0 & bit != 0 && !decided && evidence.classifier > 0 {
                highest = highest.max(Some(evidence.classifier));
            }
        });
        highest
    }
}

/// The states of one row's signals.
#[derive(Clone, Copy, Debug)]
pub struct States {
    confirmed: u64,
    suspected: u64,
    scanned: bool,
}

impl States {
    /// The state of a group: the highest of its codes.
    #[inline]
    pub fn of(&self, group: Group) -> State {
        if self.confirmed & group.0 != 0 {
            State::Confirmed
        } else if self.suspected & group.0 != 0 {
            State::Suspected
        } else if self.scanned {
            State::Clear
        } else {
            State::Unknown
        }
    }
}

//! Columns of a batch: one typed vector each, lent to modules without a copy where the codes agree.

/// Any number of values a row: those of row `i` are `values[offsets[i]..offsets[i + 1]]`.
#[derive(Clone, Debug)]
pub(crate) struct Lists<T> {
    pub(crate) known: Vec<u8>,
    pub(crate) offsets: Vec<u32>,
    pub(crate) values: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { known: Vec::new(), offsets: vec![0], values: Vec::new() }
    }
}

impl<T: Copy> Lists<T> {
    pub(crate) fn row(&self, row: usize) -> Option<&[T]> {
        if self.known.get(row) != Some(&1) {
            return None;
        }
        self.values.get(*self.offsets.get(row)? as usize..*self.offsets.get(row + 1)? as usize)
    }

    fn pad(&mut self, rows: usize) {
        self.known.resize(rows, 0);
        self.offsets.resize(rows + 1, self.values.len() as u32);
    }

    fn gather(&self, rows: &[u32]) -> Self {
        let mut out = Self::default();
        for &row in rows {
            let values = self.row(row as usize);
            out.known.push(u8::from(values.is_some()));
            out.values.extend_from_slice(values.unwrap_or_default());
            out.offsets.push(out.values.len() as u32);
        }
        out
    }
}

/// One signal of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signal {
    /// Interned exact code.
    pub(crate) code: u32,
    /// Confidence, ppm.
    pub(crate) confidence: u32,
    /// 2 + position among the vocabulary's sources.
    pub(crate) source: u8,
    /// Interned reference of the entry that matched; 0 = none.
    pub(crate) reference: u32,
}

/// The values of one column. Rows past the end are unknown.
#[derive(Clone, Debug)]
pub(crate) enum Column {
    /// 0 unknown, 1 no, 2 yes.
    Tri(Vec<u8>),
    Integer {
        known: Vec<u8>,
        values: Vec<i64>,
    },
    Integers(Lists<i64>),
    /// 0 unknown, 2 + position in the term set.
    Term(Vec<u16>),
    /// 2 + position in the term set, or an interned string with [`OPEN_TERM`] set.
    Terms(Lists<u32>),
    /// Interned; 0 = unknown.
    Id(Vec<u32>),
    Ids(Lists<u32>),
    Signals(Lists<Signal>),
    Number(Vec<Option<f64>>),
    Text(Vec<Option<Box<str>>>),
}

/// Marks a term of an open set that the vocabulary does not list.
pub(crate) const OPEN_TERM: u32 = 1 << 31;

impl Column {
    /// How many values its lists hold; none where it has one value a row.
    pub(crate) fn listed(&self) -> usize {
        match self {
            Self::Integers(lists) => lists.values.len(),
            Self::Terms(lists) | Self::Ids(lists) => lists.values.len(),
            Self::Signals(lists) => lists.values.len(),
            Self::Tri(_) | Self::Integer { .. } | Self::Term(_) | Self::Id(_) | Self::Number(_) | Self::Text(_) => 0,
        }
    }

    /// Whether some row has a value that is known.
    pub(crate) fn is_known(&self) -> bool {
        (0..self.len()).any(|row| self.knows(row))
    }

    pub(crate) fn empty(kind: normgate_contract::ColumnType) -> Self {
        use normgate_contract::ColumnType as T;
        match kind {
            T::Tri => Self::Tri(Vec::new()),
            T::Integer => Self::Integer { known: Vec::new(), values: Vec::new() },
            T::Integers => Self::Integers(Lists::default()),
            T::Term => Self::Term(Vec::new()),
            T::Terms => Self::Terms(Lists::default()),
            T::Id => Self::Id(Vec::new()),
            T::Ids => Self::Ids(Lists::default()),
            T::Signals => Self::Signals(Lists::default()),
            T::Number => Self::Number(Vec::new()),
            T::Text => Self::Text(Vec::new()),
        }
    }

    /// Rows that were said, known or not.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Tri(codes) => codes.len(),
            Self::Integer { known, .. } => known.len(),
            Self::Integers(lists) => lists.known.len(),
            Self::Term(codes) => codes.len(),
            Self::Terms(lists) | Self::Ids(lists) => lists.known.len(),
            Self::Id(ids) => ids.len(),
            Self::Signals(lists) => lists.known.len(),
            Self::Number(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Fills with unknown up to `rows`.
    pub(crate) fn pad(&mut self, rows: usize) {
        match self {
            Self::Tri(codes) => codes.resize(rows, 0),
            Self::Integer { known, values } => {
                known.resize(rows, 0);
                values.resize(rows, 0);
            }
            Self::Integers(lists) => lists.pad(rows),
            Self::Term(codes) => codes.resize(rows, 0),
            Self::Terms(lists) | Self::Ids(lists) => lists.pad(rows),
            Self::Id(ids) => ids.resize(rows, 0),
            Self::Signals(lists) => lists.pad(rows),
            Self::Number(values) => values.resize(rows, None),
            Self::Text(values) => values.resize(rows, None),
        }
    }

    /// The same column with the given rows, in their order.
    pub(crate) fn gather(&self, rows: &[u32]) -> Self {
        fn pick<T: Clone>(values: &[T], rows: &[u32]) -> Vec<T> {
            rows.iter().filter_map(|row| values.get(*row as usize).cloned()).collect()
        }
        match self {
            Self::Tri(codes) => Self::Tri(pick(codes, rows)),
            Self::Integer { known, values } => Self::Integer { known: pick(known, rows), values: pick(values, rows) },
            Self::Integers(lists) => Self::Integers(lists.gather(rows)),
            Self::Term(codes) => Self::Term(pick(codes, rows)),
            Self::Terms(lists) => Self::Terms(lists.gather(rows)),
            Self::Id(ids) => Self::Id(pick(ids, rows)),
            Self::Ids(lists) => Self::Ids(lists.gather(rows)),
            Self::Signals(lists) => Self::Signals(lists.gather(rows)),
            Self::Number(values) => Self::Number(pick(values, rows)),
            Self::Text(values) => Self::Text(pick(values, rows)),
        }
    }

    /// Whether the value of a row is known.
    pub(crate) fn knows(&self, row: usize) -> bool {
        fn flagged(known: &[u8], row: usize) -> bool {
            known.get(row) == Some(&1)
        }
        match self {
            Self::Tri(codes) => codes.get(row).is_some_and(|code| *code > 0),
            Self::Integer { known, .. } => flagged(known, row),
            Self::Integers(lists) => flagged(&lists.known, row),
            Self::Term(codes) => codes.get(row).is_some_and(|code| *code > 0),
            Self::Terms(lists) | Self::Ids(lists) => flagged(&lists.known, row),
            Self::Id(ids) => ids.get(row).is_some_and(|id| *id > 0),
            Self::Signals(lists) => flagged(&lists.known, row),
            Self::Number(values) => values.get(row).is_some_and(Option::is_some),
            Self::Text(values) => values.get(row).is_some_and(Option::is_some),
        }
    }

    /// The code of a term row.
    pub(crate) fn term(&self, row: usize) -> u16 {
        match self {
            Self::Term(codes) => codes.get(row).copied().unwrap_or(0),
            _ => 0,
        }
    }

    /// The value of an integer row.
    pub(crate) fn integer(&self, row: usize) -> Option<i64> {
        match self {
            Self::Integer { known, values } if known.get(row) == Some(&1) => values.get(row).copied(),
            _ => None,
        }
    }

    /// The code of a tri row.
    pub(crate) fn tri(&self, row: usize) -> u8 {
        match self {
            Self::Tri(codes) => codes.get(row).copied().unwrap_or(0),
            _ => 0,
        }
    }
}

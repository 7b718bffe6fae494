//! Typed views of the columns that cross: a whole missing column reads as unknown in every row.

use crate::bindings::exports::normgate::policy::judging::{Column, Frame, Scalars};

/// Unknown, no or yes. `!is_yes()` and `is_no()` differ exactly on what is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tri {
    /// Nobody said.
    #[default]
    Unknown,
    /// Known not to be.
    No,
    /// Known to be.
    Yes,
}

impl Tri {
    /// Known to be.
    #[inline]
    pub fn is_yes(self) -> bool {
        self == Self::Yes
    }

    /// Known not to be.
    #[inline]
    pub fn is_no(self) -> bool {
        self == Self::No
    }

    /// Nobody said.
    #[inline]
    pub fn is_unknown(self) -> bool {
        self == Self::Unknown
    }

    #[inline]
    fn from_code(code: u8) -> Self {
        match code {
            1 => Self::No,
            2 => Self::Yes,
            _ => Self::Unknown,
        }
    }
}

/// An identifier of one call: equal if and only if the strings are equal. The order says nothing, and serves look-ups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(u32);

/// Things by identifier, each found by halving: a list that matches many tags takes no longer with more of them.
#[derive(Debug)]
pub struct ById<T>(Vec<(Id, T)>);

impl<T> ById<T> {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first thing of an identifier.
    pub fn get(&self, id: Id) -> Option<&T> {
        let first = self.0.partition_point(|(known, _)| *known < id);
        self.0.get(first).filter(|(known, _)| *known == id).map(|(_, thing)| thing)
    }
}

impl<T> FromIterator<(Id, T)> for ById<T> {
    fn from_iter<I: IntoIterator<Item = (Id, T)>>(things: I) -> Self {
        let mut things: Vec<(Id, T)> = things.into_iter().collect();
        things.sort_by_key(|(id, _)| *id);
        Self(things)
    }
}

/// A column by its place in the frame; absent when the frame or the column is.
#[inline]
pub fn view<'a, T: From<&'a Column> + Default>(frame: Option<&'a Frame>, index: usize) -> T {
    frame.and_then(|frame| frame.columns.get(index)).map_or_else(T::default, T::from)
}

fn span(offsets: &[u32], row: u32) -> Option<std::ops::Range<usize>> {
    let row = row as usize;
    Some(*offsets.get(row)? as usize..*offsets.get(row + 1)? as usize)
}

fn known(flags: &[u8], row: u32) -> bool {
    flags.get(row as usize).is_some_and(|flag| *flag == 1)
}

macro_rules! column {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $ty:ty),* } from $variant:ident($inner:pat) => $build:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default)]
        pub struct $name<'a> { $($field: &'a [$ty]),* }

        impl<'a> From<&'a Column> for $name<'a> {
            fn from(column: &'a Column) -> Self {
                match column {
                    Column::$variant($inner) => $build,
                    _ => Self::default(),
                }
            }
        }
    };
}

column!(
    /// A tri column.
    TriColumn { codes: u8 } from Tri(codes) => Self { codes }
);

impl TriColumn<'_> {
    /// The value of a row.
    #[inline]
    pub fn get(&self, row: u32) -> Tri {
        Tri::from_code(self.codes.get(row as usize).copied().unwrap_or(0))
    }
}

column!(
    /// An integer column.
    IntegerColumn { known: u8, values: i64 } from Integer(c) => Self { known: &c.known, values: &c.values }
);

impl IntegerColumn<'_> {
    /// The value of a row.
    #[inline]
    pub fn get(&self, row: u32) -> Option<i64> {
        if known(self.known, row) { self.values.get(row as usize).copied() } else { None }
    }
}

column!(
    /// A term column.
    TermColumn { codes: u16 } from Term(codes) => Self { codes }
);

impl TermColumn<'_> {
    /// The term of a row; `table` maps manifest codes to terms.
    #[inline]
    pub fn get<T: Copy + Default>(&self, row: u32, table: &[T]) -> T {
        let code = self.codes.get(row as usize).copied().unwrap_or(0);
        table.get(code as usize).copied().unwrap_or_default()
    }
}

column!(
    /// A column of term sets.
    TermsColumn { known: u8, offsets: u32, codes: u16 } from Terms(c) =>
        Self { known: &c.known, offsets: &c.offsets, codes: &c.codes }
);

impl<'a> TermsColumn<'a> {
    /// The codes of a row.
    #[inline]
    pub fn get(&self, row: u32) -> Option<&'a [u16]> {
        if known(self.known, row) { self.codes.get(span(self.offsets, row)?) } else { None }
    }
}

column!(
    /// A column of integer lists.
    IntegersColumn { known: u8, offsets: u32, values: i64 } from Integers(c) =>
        Self { known: &c.known, offsets: &c.offsets, values: &c.values }
);

impl<'a> IntegersColumn<'a> {
    /// The values of a row.
    #[inline]
    pub fn get(&self, row: u32) -> Option<&'a [i64]> {
        if known(self.known, row) { self.values.get(span(self.offsets, row)?) } else { None }
    }
}

column!(
    /// An identifier column.
    IdColumn { ids: u32 } from Id(ids) => Self { ids }
);

impl IdColumn<'_> {
    /// The identifier of a row.
    #[inline]
    pub fn get(&self, row: u32) -> Option<Id> {
        self.ids.get(row as usize).copied().filter(|id| *id != 0).map(Id)
    }
}

column!(
    /// A column of identifier lists.
    IdsColumn { known: u8, offsets: u32, ids: u32 } from Ids(c) =>
        Self { known: &c.known, offsets: &c.offsets, ids: &c.ids }
);

impl<'a> IdsColumn<'a> {
    /// The identifiers of a row.
    #[inline]
    pub fn get(&self, row: u32) -> Option<impl Iterator<Item = Id> + Clone + 'a> {
        if known(self.known, row) {
            Some(self.ids.get(span(self.offsets, row)?)?.iter().map(|id| Id(*id)))
        } else {
            None
        }
    }
}

/// A tri of the request.
#[inline]
pub fn scalar_tri(scalars: &Scalars, index: usize) -> Tri {
    scalar_integer(scalars, index).map_or(Tri::Unknown, |code| Tri::from_code(code as u8))
}

/// An integer of the request, or the bits of a term set.
#[inline]
pub fn scalar_integer(scalars: &Scalars, index: usize) -> Option<i64> {
    if known(&scalars.known, index as u32) { scalars.values.get(index).copied() } else { None }
}

/// A term of the request.
#[inline]
pub fn scalar_term<T: Copy + Default>(scalars: &Scalars, index: usize, table: &[T]) -> T {
    scalar_integer(scalars, index).and_then(|code| table.get(code as usize).copied()).unwrap_or_default()
}

/// A parameter of the call.
#[inline]
pub fn parameter(values: &[i64], index: usize) -> i64 {
    values.get(index).copied().unwrap_or(0)
}

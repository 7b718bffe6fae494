//! A batch from typed values: whole columns at a time, or row by row.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use normgate_contract::{ColumnSpec, ColumnType, Vocabulary};

use super::nearest::nearest_field;
use super::{Batch, Clause, Column, Draft, InputError, Lists, MAX_TEXT_BYTES, Tolerance, short_enough};

/// The type of a column's values, known when a program is compiled.
pub trait Kind {
    /// Whether a column has such values.
    #[doc(hidden)]
    fn is(spec: &ColumnSpec) -> bool;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: |$spec:ident| $is:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Kind for $name {
            fn is($spec: &ColumnSpec) -> bool {
                $is
            }
        }
    )*};
}

kinds! {
    /// Yes or no: `bool`.
    Tri: |spec| spec.kind == ColumnType::Tri;
    /// An integer: `i64`.
    Integer: |spec| spec.kind == ColumnType::Integer && !spec.is_identifier();
    /// A 64-bit identifier: `i64`, or a text that stands for one ([`crate::id_of_text`]).
    Hashed: |spec| spec.is_identifier();
    /// A number: `f64`.
    Number: |spec| spec.kind == ColumnType::Number;
    /// A set of terms: `&[&str]`.
    Terms: |spec| spec.kind == ColumnType::Terms;
    /// The identifier of a row: `&str`.
    Id: |spec| spec.kind == ColumnType::Id;
    /// A list of identifiers: `&[&str]`.
    Ids: |spec| spec.kind == ColumnType::Ids;
    /// Signals: `&[SignalOf]`.
    Signals: |spec| spec.kind == ColumnType::Signals;
    /// A text: `&str`.
    Text: |spec| spec.kind == ColumnType::Text;
}

/// A term: one of the set `T`, or `&str`.
#[derive(Clone, Copy, Debug)]
pub struct Term<T>(PhantomData<fn(T)>);

impl<T: TermOf> Kind for Term<T> {
    fn is(spec: &ColumnSpec) -> bool {
        spec.kind == ColumnType::Term
            && spec.terms.as_ref().is_some_and(|set| T::SET.is_none_or(|name| name == set.name))
    }
}

/// A set of terms as a type ([`crate::fields::terms`]).
pub trait TermOf: Copy {
    /// Name of the set; none for a set that is known only when a program runs.
    const SET: Option<&'static str>;

    /// Position in the set.
    fn position(self) -> u16;
}

/// Any set of terms, for columns that norms define: their terms are texts.
#[derive(Clone, Copy, Debug)]
pub enum AnyTerm {}

impl TermOf for AnyTerm {
    const SET: Option<&'static str> = None;

    fn position(self) -> u16 {
        match self {}
    }
}

/// One signal of a row.
#[derive(Clone, Copy, Debug)]
pub struct SignalOf<'a> {
    /// Code, for example `M1.danger`.
    pub code: &'a str,
    /// Confidence, ppm; required of a classifier.
    pub conf_ppm: Option<i64>,
    /// Source, for example `classifier`.
    pub source: &'a str,
    /// What it refers to, such as an entry of a feature database.
    pub reference: Option<&'a str>,
}

/// A column whose values are of one type, found once. Those of the shipped vocabulary are constants ([`crate::fields`]), so that
/// a misspelt name is no program; others are found by name ([`crate::Reader::field`]).
#[derive(Clone, Debug)]
pub struct Field<K> {
    name: Cow<'static, str>,
    kind: PhantomData<fn(K)>,
}

impl<K> Field<K> {
    /// A column of the shipped vocabulary.
    pub(crate) const fn shipped(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), kind: PhantomData }
    }

    /// Frame-qualified name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<K: Kind> Field<K> {
    /// Finds a column by its frame-qualified name.
    pub(super) fn find(vocabulary: &Vocabulary, name: &str) -> Result<Self, InputError> {
        Self::at(vocabulary, name).map(|_| Self { name: Cow::Owned(name.to_owned()), kind: PhantomData })
    }

    /// The column of this name, if its values are of this type.
    fn at<'v>(vocabulary: &'v Vocabulary, name: &str) -> Result<(usize, &'v ColumnSpec), InputError> {
        let wrong = |message: String| InputError { path: name.to_owned(), message, ..InputError::default() };
        match vocabulary.column(name) {
            Some((index, spec)) if K::is(spec) => Ok((index, spec)),
            Some((_, spec)) => Err(wrong(format!("the column is of type {:?}", spec.kind).to_lowercase())),
            None => {
                let near =
                    nearest_field(vocabulary, name).map_or(String::new(), |near| format!("; did you mean {near}?"));
                Err(wrong(format!("the vocabulary has no such column{near}")))
            }
        }
    }
}

/// A value that may be unknown: itself, or an option of it.
pub trait Maybe<T>: Copy {
    /// The value, where it is known.
    fn known(self) -> Option<T>;
}

/// A value that is known.
#[doc(hidden)]
pub trait Plain: Copy {}

impl Plain for bool {}
impl Plain for i64 {}
impl Plain for f64 {}
impl Plain for &str {}
impl Plain for &[&str] {}
impl Plain for &[SignalOf<'_>] {}

impl<T: Plain> Maybe<T> for T {
    fn known(self) -> Option<T> {
        Some(self)
    }
}

impl<T: Plain> Maybe<T> for Option<T> {
    fn known(self) -> Option<T> {
        self
    }
}

/// A value of a column of terms.
pub trait AsTerm<T>: Copy {
    /// The position of the term, or its text; none where it is unknown.
    #[doc(hidden)]
    fn term(&self) -> Option<Result<u16, &str>>;
}

impl<T: TermOf> AsTerm<T> for T {
    fn term(&self) -> Option<Result<u16, &str>> {
        Some(Ok(self.position()))
    }
}

impl<T: TermOf> AsTerm<T> for Option<T> {
    fn term(&self) -> Option<Result<u16, &str>> {
        self.map(|term| Ok(term.position()))
    }
}

impl<T: TermOf> AsTerm<T> for &str {
    fn term(&self) -> Option<Result<u16, &str>> {
        Some(Err(self))
    }
}

impl<T: TermOf> AsTerm<T> for Option<&str> {
    fn term(&self) -> Option<Result<u16, &str>> {
        self.map(Err)
    }
}

/// A value of a column of 64-bit identifiers.
pub trait AsHashed: Copy {
    /// The number, or a text that stands for one; none where it is unknown.
    #[doc(hidden)]
    fn hashed(&self) -> Option<Result<i64, &str>>;
}

impl AsHashed for i64 {
    fn hashed(&self) -> Option<Result<i64, &str>> {
        Some(Ok(*self))
    }
}

impl AsHashed for Option<i64> {
    fn hashed(&self) -> Option<Result<i64, &str>> {
        self.map(Ok)
    }
}

impl AsHashed for &str {
    fn hashed(&self) -> Option<Result<i64, &str>> {
        Some(Err(self))
    }
}

impl AsHashed for Option<&str> {
    fn hashed(&self) -> Option<Result<i64, &str>> {
        self.map(Err)
    }
}

/// Values of a whole column, one a row.
pub trait Fill<K> {
    /// How many they are.
    #[doc(hidden)]
    fn rows(&self) -> usize;

    /// The column that they are.
    #[doc(hidden)]
    fn fill(&self, to: &mut Filling<'_>) -> Result<Filled, InputError>;
}

/// A column that is filled.
#[doc(hidden)]
#[derive(Debug)]
pub struct Filled(Column);

/// A column on its way into a batch.
#[doc(hidden)]
#[derive(Debug)]
pub struct Filling<'d> {
    draft: &'d mut Draft,
    index: usize,
}

impl Filling<'_> {
    /// A value, or unknown where it is not legal and that is tolerated.
    fn sound<T>(&mut self, row: usize, value: Result<T, Clause>) -> Result<Option<T>, InputError> {
        match value {
            Ok(value) => Ok(Some(value)),
            Err(clause) => self.draft.amiss(self.index, row, "", clause).map(|()| None),
        }
    }

    /// The values of one list that are legal.
    fn list<T, V: Copy>(
        &mut self,
        row: usize,
        values: &[V],
        lists: &mut Lists<T>,
        stored: impl Fn(&mut Draft, V) -> Result<T, Vec<(&'static str, Clause)>>,
    ) -> Result<(), InputError> {
        let before = lists.values.len();
        let mut legal = values.len();
        if let Err(clause) = self.draft.list(values.len()).and_then(|()| short_enough(values)) {
            self.draft.amiss(self.index, row, "", clause)?;
            legal = legal.min(super::MAX_VALUES);
        }
        for (position, value) in values[..legal].iter().enumerate() {
            match stored(self.draft, *value) {
                Ok(value) => lists.values.push(value),
                Err(wrong) => {
                    for (inner, clause) in wrong {
                        self.draft.amiss(self.index, row, &format!("[{position}]{inner}"), clause)?;
                    }
                }
            }
        }
        // A list of which nothing is right says nothing.
        lists.known.push(u8::from(values.is_empty() || lists.values.len() > before));
        lists.offsets.push(lists.values.len() as u32);
        Ok(())
    }

    fn unknown_list<T>(lists: &mut Lists<T>) {
        lists.known.push(0);
        lists.offsets.push(lists.values.len() as u32);
    }
}

impl<V: Maybe<bool>> Fill<Tri> for [V] {
    fn rows(&self) -> usize {
        self.len()
    }

    fn fill(&self, _: &mut Filling<'_>) -> Result<Filled, InputError> {
        Ok(Filled(Column::Tri(self.iter().map(|value| value.known().map_or(0, |yes| 1 + u8::from(yes))).collect())))
    }
}

impl<V: Maybe<i64>> Fill<Integer> for [V] {
    fn rows(&self) -> usize {
        self.len()
    }

    fn fill(&self, to: &mut Filling<'_>) -> Result<Filled, InputError> {
        integers(self.iter().map(|value| value.known().map(Ok)), to)
    }
}

impl<V: AsHashed> Fill<Hashed> for [V] {
    fn rows(&self) -> usize {
        self.len()
    }

    fn fill(&self, to: &mut Filling<'_>) -> Result<Filled, InputError> {
        integers(self.iter().map(AsHashed::hashed), to)
    }
}

fn integers<'v>(
    rows: impl ExactSizeIterator<Item = Option<Result<i64, &'v str>>>,
    to: &mut Filling<'_>,
) -> Result<Filled, InputError> {
    let (mut known, mut values) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for (row, value) in rows.enumerate() {
        let value = match value {
            None => None,
            Some(value) => {
                let value = value.or_else(|text| to.draft.hashed(text));
                let value = value.and_then(|value| to.draft.in_range(to.index, value));
                to.sound(row, value)?
            }
        };
        known.push(u8::from(value.is_some()));
        values.push(value.unwrap_or(0));
    }
    Ok(Filled(Column::Integer { known, values }))
}

impl<V: Maybe<f64>> Fill<Number> for [V] {
    fn rows(&self) -> usize {
        self.len()
    }

    fn fill(&self, to: &mut Filling<'_>) -> Result<Filled, InputError> {
        let mut values = Vec::with_capacity(self.len());
        for (row, value) in self.iter().enumerate() {
            let value = value.known().map(super::finite);
            values.push(match value {
                None => None,
                Some(value) => to.sound(row, value)?,
            });
        }
        Ok(Filled(Column::Number(values)))
    }
}

impl<T: TermOf, V: AsTerm<T>> Fill<Term<T>> for [V] {
    fn rows(&self) -> usize {
        self.len()
    }

    fn fill(&self, to: &mut Filling<'_>) -> Result<Filled, InputError> {
        let mut codes = Vec::with_capacity(self.len());
        for (row, value) in self.iter().enumerate() {
            codes.push(match value.term() {
                None => 0,
                Some(Ok(position)) => position + 2,
                Some(Err(text)) => {
                    let code = to.draft.row_term_code(to.index, text);
                    to.sound(row, code)?.unwrap_or(0)
                }
            });
        }
        Ok(Filled(Column::Term(codes)))
    }
}

impl<S: AsRef<str>> Fill<Id> for [S] {
    fn rows(&self) -> usize {
        self.len()
    }

    fn fill(&self, to: &mut Filling<'_>) -> Result<Filled, InputError> {
        let mut ids = Vec::with_capacity(self.len());
        for (row, id) in self.iter().enumerate() {
            let id = to.draft.intern_id(id.as_ref());
            ids.push(to.sound(row, id)?.unwrap_or(0));
        }
        Ok(Filled(Column::Id(ids)))
    }
}

impl<'a, V: Maybe<&'a str>> Fill<Text> for [V] {
    fn rows(&self) -> usize {
        self.len()
    }

    fn fill(&self, to: &mut Filling<'_>) -> Result<Filled, InputError> {
        let mut values = Vec::with_capacity(self.len());
        for (row, text) in self.iter().enumerate() {
            let text = text.known().map(|text| match text.len() {
                0..=MAX_TEXT_BYTES => Ok(text.into()),
                bytes => Err(format!("a text of {bytes} bytes is longer than {MAX_TEXT_BYTES}")),
            });
            values.push(match text {
                None => None,
                Some(text) => to.sound(row, text)?,
            });
        }
        Ok(Filled(Column::Text(values)))
    }
}

impl<'a, V: Maybe<&'a [&'a str]>> Fill<Ids> for [V] {
    fn rows(&self) -> usize {
        self.len()
    }

    fn fill(&self, to: &mut Filling<'_>) -> Result<Filled, InputError> {
        let mut lists = Lists::default();
        for (row, ids) in self.iter().enumerate() {
            let stored = |draft: &mut Draft, id: &str| draft.intern_id(id).map_err(|clause| vec![("", clause)]);
            match ids.known() {
                Some(ids) => to.list(row, ids, &mut lists, stored)?,
                None => Filling::unknown_list(&mut lists),
            }
        }
        Ok(Filled(Column::Ids(lists)))
    }
}

impl<'a, V: Maybe<&'a [&'a str]>> Fill<Terms> for [V] {
    fn rows(&self) -> usize {
        self.len()
    }

    fn fill(&self, to: &mut Filling<'_>) -> Result<Filled, InputError> {
        let (mut lists, index) = (Lists::default(), to.index);
        for (row, terms) in self.iter().enumerate() {
            let stored =
                |draft: &mut Draft, term: &str| draft.term_code(index, term).map_err(|clause| vec![("", clause)]);
            match terms.known() {
                Some(terms) => to.list(row, terms, &mut lists, stored)?,
                None => Filling::unknown_list(&mut lists),
            }
        }
        Ok(Filled(Column::Terms(lists)))
    }
}

impl<'a, V: Maybe<&'a [SignalOf<'a>]>> Fill<Signals> for [V] {
    fn rows(&self) -> usize {
        self.len()
    }

    fn fill(&self, to: &mut Filling<'_>) -> Result<Filled, InputError> {
        let mut lists = Lists::default();
        for (row, signals) in self.iter().enumerate() {
            let stored = |draft: &mut Draft, SignalOf { code, conf_ppm, source, reference }: SignalOf<'_>| {
                draft.signal(code, conf_ppm, source, reference)
            };
            match signals.known() {
                Some(signals) => to.list(row, signals, &mut lists, stored)?,
                None => Filling::unknown_list(&mut lists),
            }
        }
        Ok(Filled(Column::Signals(lists)))
    }
}

/// A value of one cell, from Rust types.
#[derive(Clone, Debug)]
pub enum Cell<'a> {
    /// A tri.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A term, an identifier or a text.
    Text(&'a str),
    /// Terms or identifiers.
    Texts(&'a [&'a str]),
    /// Signals: code, confidence (ppm), source.
    Signals(&'a [(&'a str, u32, &'a str)]),
}

macro_rules! cell_from {
    ($($ty:ty => $variant:ident),*) => {$(
        impl<'a> From<$ty> for Cell<'a> {
            fn from(value: $ty) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}

cell_from!(bool => Bool, i64 => Integer, f64 => Number, &'a str => Text, &'a [&'a str] => Texts, &'a [(&'a str, u32, &'a str)] => Signals);

/// Builds a batch from typed values; each is checked as it is set. Whole columns are what is fast:
///
/// ```
/// use normgate::Batch;
/// use normgate::fields::terms::{Kind, Surface};
/// use normgate::fields::{candidates, request};
///
/// let mut batch = Batch::builder("r1");
/// batch.column(&request::ctx::NOW_MS, &[1_767_225_600_000])?;
/// batch.column(&request::ctx::LOCAL_MIN, &[600])?;
/// batch.column(&request::ctx::SURFACE, &[Surface::Feed])?;
/// batch.candidates(&["c1", "c2"])?;
/// batch.column(&candidates::KIND, &[Kind::Article, Kind::Ad])?;
/// batch.column(&candidates::AUTHOR_ID, &["u123", "u7"])?;
/// batch.column(&candidates::COMMERCIAL, &[Some(false), None])?;
/// assert_eq!(batch.build()?.candidates(), 2);
/// # Ok::<(), normgate::InputError>(())
/// ```
///
/// A misspelt column, or values of another type, are no program:
/// ```compile_fail
/// normgate::Batch::builder("r1").column(&normgate::fields::candidates::KINDS, &["news"]);
/// ```
/// ```compile_fail
/// normgate::Batch::builder("r1").column(&normgate::fields::candidates::RANK_POS, &[true]);
/// ```
#[derive(Debug)]
pub struct BatchBuilder {
    draft: Draft,
    frame: usize,
    /// Names are put together here.
    name: String,
}

impl BatchBuilder {
    pub(super) fn new(vocabulary: Arc<Vocabulary>, tolerance: Tolerance, id: &str) -> Self {
        let mut draft = Draft::new(vocabulary, tolerance);
        draft.id = Some(id.to_owned());
        Self { draft, frame: 0, name: String::new() }
    }

    /// Says which candidates there are; columns have a value for each, in their order.
    ///
    /// # Errors
    /// When there are candidates already or too many, or an id is not legal.
    pub fn candidates<S: AsRef<str>>(&mut self, ids: &[S]) -> Result<&mut Self, InputError> {
        self.rows("candidates", "candidates.id", ids)
    }

    /// Says which tags the user has; columns have a value for each, in their order.
    ///
    /// # Errors
    /// When there are tags already or too many, or an id is not legal.
    pub fn tags<S: AsRef<str>>(&mut self, ids: &[S]) -> Result<&mut Self, InputError> {
        self.rows("tags", "tags.tag_id", ids)
    }

    fn rows<S: AsRef<str>>(&mut self, frame: &str, column: &str, ids: &[S]) -> Result<&mut Self, InputError> {
        let frame = self.draft.vocabulary.frame(frame).unwrap_or(0);
        let path = self.draft.vocabulary.frames[frame].1.clone();
        if self.draft.rows[frame] > 0 {
            return Err(self.draft.error(path, "these rows are there already"));
        }
        if ids.len() > super::MAX_ROWS {
            return Err(self.draft.error(path, format!("more than {} rows; split the list", super::MAX_ROWS)));
        }
        self.draft.rows[frame] = ids.len() as u32;
        let field = Field::<Id>::find(&self.draft.vocabulary, column)?;
        self.column(&field, ids)
    }

    /// Sets a whole column: one value a row, in the order of the rows; of the request itself one value.
    ///
    /// # Errors
    /// When there are more or fewer values than rows, the column is set already, or a value is not legal.
    pub fn column<K: Kind, V>(&mut self, field: &Field<K>, values: &[V]) -> Result<&mut Self, InputError>
    where
        [V]: Fill<K>,
    {
        let (index, _) = Field::<K>::at(&self.draft.vocabulary, field.name())?;
        let rows = self.draft.rows[self.draft.spec(index).frame] as usize;
        if values.rows() != rows {
            let message = format!("{} values for {rows} rows", values.rows());
            return Err(self.draft.error(field.name(), message));
        }
        if self.draft.columns[index].is_some() {
            return Err(self.draft.error(field.name(), "this column is set already"));
        }
        let Filled(column) = values.fill(&mut Filling { draft: &mut self.draft, index })?;
        self.draft.columns[index] = Some(column);
        Ok(self)
    }

    /// Sets a value of the request: `ctx.surface`, `user.age_band`, …
    ///
    /// # Errors
    /// When there is no such field, or the value is not of its type, range or terms.
    pub fn request<'a>(&mut self, field: &str, value: impl Into<Cell<'a>>) -> Result<&mut Self, InputError> {
        self.cell(0, field, 0, &value.into())
    }

    /// Starts the next candidate; what is set next belongs to it.
    ///
    /// # Errors
    /// When the id is taken, or there are too many rows.
    pub fn candidate(&mut self, id: &str) -> Result<&mut Self, InputError> {
        self.row("candidates", "id", id)
    }

    /// Starts the next tag of the user; what is set next belongs to it.
    ///
    /// # Errors
    /// When the id is taken, or there are too many rows.
    pub fn tag(&mut self, id: &str) -> Result<&mut Self, InputError> {
        self.row("tags", "tag_id", id)
    }

    fn row(&mut self, frame: &str, id_field: &str, id: &str) -> Result<&mut Self, InputError> {
        self.frame = self.draft.vocabulary.frame(frame).unwrap_or(0);
        let row = self.draft.next_row(self.frame).map_err(|message| self.draft.error(frame, message))?;
        self.cell(self.frame, id_field, row, &Cell::Text(id))
    }

    /// Sets a value of the row started last.
    ///
    /// # Errors
    /// When there is no such field, or the value is not of its type, range or terms.
    pub fn set<'a>(&mut self, field: &str, value: impl Into<Cell<'a>>) -> Result<&mut Self, InputError> {
        let row = (self.draft.rows[self.frame] as usize).saturating_sub(1);
        self.cell(self.frame, field, row, &value.into())
    }

    fn cell(&mut self, frame: usize, field: &str, row: usize, cell: &Cell<'_>) -> Result<&mut Self, InputError> {
        let (frame_name, path) = &self.draft.vocabulary.frames[frame];
        self.name.clear();
        self.name.extend([frame_name, ".", field]);
        let Some((index, _)) = self.draft.vocabulary.column(&self.name) else {
            let (place, generic) = match path.as_str() {
                "" => (field.to_owned(), field.to_owned()),
                path => (format!("{path}[{row}].{field}"), format!("{path}[].{field}")),
            };
            let near = nearest_field(&self.draft.vocabulary, &generic);
            let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
            return Err(self.draft.error(place, format!("the vocabulary has no such field{near}")));
        };
        match self.draft.cell(index, row, cell) {
            Ok(()) => {}
            Err(wrong) => {
                for (inner, clause) in wrong {
                    self.draft.amiss(index, row, &inner, clause)?;
                }
            }
        }
        Ok(self)
    }

    /// The finished batch; the builder starts over.
    ///
    /// # Errors
    /// When something required is missing (`ctx.now_ms`, `ctx.local_min`), or an id is there twice.
    pub fn build(&mut self) -> Result<Batch, InputError> {
        let fresh = Draft::new(Arc::clone(&self.draft.vocabulary), self.draft.tolerance);
        std::mem::replace(&mut self.draft, fresh).finish()
    }
}

impl Draft {
    /// Takes note of a value that is not legal, as tolerated, or gives the error.
    fn amiss(&mut self, index: usize, row: usize, inner: &str, clause: Clause) -> Result<(), InputError> {
        let bad = self.bad.len();
        self.wrong(index, row, inner, clause);
        if self.mistakes.is_empty() {
            return Ok(());
        }
        self.bad.truncate(bad);
        Err(std::mem::take(&mut self.mistakes).into_error(self.id.clone(), None))
    }

    /// Sets a cell from a Rust value; else where in the value something is wrong, and what.
    fn cell(&mut self, index: usize, row: usize, cell: &Cell<'_>) -> Result<(), Vec<(String, Clause)>> {
        let spec = self.spec(index);
        let (kind, is_identifier) = (spec.kind, spec.is_identifier());
        let whole = |result: Result<(), Clause>| result.map_err(|clause| vec![(String::new(), clause)]);
        match (kind, cell) {
            (ColumnType::Tri, Cell::Bool(value)) => whole(self.tri(index, row, *value)),
            (ColumnType::Integer, Cell::Integer(value)) => whole(self.integer(index, row, *value)),
            (ColumnType::Integer, Cell::Text(text)) if is_identifier => {
                let value = self.hashed(text);
                whole(value.and_then(|value| self.integer(index, row, value)))
            }
            (ColumnType::Number, Cell::Number(value)) => whole(self.number(index, row, *value)),
            (ColumnType::Term, Cell::Text(value)) => whole(self.term(index, row, value)),
            (ColumnType::Id, Cell::Text(value)) => whole(self.identifier(index, row, value)),
            (ColumnType::Text, Cell::Text(value)) => whole(self.text(index, row, value)),
            (ColumnType::Terms | ColumnType::Ids, Cell::Texts(values)) => {
                let code = |value: &&str| match kind {
                    ColumnType::Terms => self.term_code(index, value),
                    _ => self.intern_id(value),
                };
                let codes = values.iter().map(code).collect::<Result<Vec<_>, _>>();
                whole(codes.and_then(|codes| self.codes(index, row, &codes)))
            }
            (ColumnType::Signals, Cell::Signals(values)) => {
                let mut signals = Vec::with_capacity(values.len());
                let mut wrong = Vec::new();
                for (position, (code, confidence, source)) in values.iter().enumerate() {
                    match self.signal(code, Some(i64::from(*confidence)), source, None) {
                        Ok(signal) => signals.push(signal),
                        Err(own) => {
                            wrong.extend(own.into_iter().map(|(inner, why)| (format!("[{position}]{inner}"), why)));
                        }
                    }
                }
                if !signals.is_empty() || values.is_empty() {
                    whole(self.signals(index, row, &signals))?;
                }
                if wrong.is_empty() { Ok(()) } else { Err(wrong) }
            }
            (kind, _) => whole(Err(format!("the value is not of type {kind:?}").to_lowercase())),
        }
    }
}

//! A report as a small document: what it says, apart from how it is written. One model, and a writer each for Markdown and
//! for HTML.

use std::fmt::Write;

use normgate::Language;
use normgate::contract::steers;

/// A document in one language.
#[derive(Clone, Debug)]
pub struct Page {
    pub(crate) language: Language,
    pub(crate) title: String,
    pub(crate) parts: Vec<Part>,
}

/// A part of a document. Every text in it may be foreign; the writers escape it.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// A heading, of level 2 or below.
    Heading(u8, String),
    Paragraph(Cell),
    /// A remark that qualifies what stands around it.
    Note(Cell),
    /// Names and values.
    Facts(Vec<(String, Cell)>),
    Table(Table),
    Plot(Plot),
}

/// What stands in one place of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// An id, a name of the contract, a value as a program writes it.
    Code(String),
    /// A figure; stands to the right.
    Number(String),
    /// Words that lead somewhere. An address that is not `https:` or `http:` is written as words.
    Link {
        /// The words.
        text: String,
        /// The address.
        url: String,
    },
    /// Words, ids and links in one line.
    Line(Vec<Cell>),
    /// Several lines.
    Lines(Vec<Cell>),
}

/// A table: a row head and cells.
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) caption: String,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// What a plot draws. It is always followed by its numbers as a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A bar a point, as long as its one value.
    Bars,
    /// A bar a point, divided as its values are.
    Shares,
    /// A line a series, over points in order; values are shares in ppm, or none.
    Lines,
}

/// A plot, with its numbers.
#[derive(Clone, Debug)]
pub struct Plot {
    pub(crate) title: String,
    pub(crate) shape: Shape,
    /// What the points are: the head of the first column.
    pub(crate) of: String,
    pub(crate) series: Vec<String>,
    /// The colour of each series, where it is not the one of its place: 0 blue, 1 green, 2 amber, 3 red, 4 violet, 5 grey.
    pub(crate) colours: Vec<usize>,
    pub(crate) points: Vec<(String, Vec<u64>)>,
}

impl Page {
    /// An empty document.
    pub fn new(language: Language, title: impl Into<String>) -> Self {
        Self { language, title: title.into(), parts: Vec::new() }
    }

    /// Begins a section.
    pub fn heading(&mut self, text: impl Into<String>) {
        self.parts.push(Part::Heading(2, text.into()));
    }

    /// Begins a section within a section.
    pub fn subheading(&mut self, text: impl Into<String>) {
        self.parts.push(Part::Heading(3, text.into()));
    }

    /// Adds a paragraph.
    pub fn paragraph(&mut self, text: impl Into<Cell>) {
        self.parts.push(Part::Paragraph(text.into()));
    }

    /// Adds a remark.
    pub fn note(&mut self, text: impl Into<Cell>) {
        self.parts.push(Part::Note(text.into()));
    }

    /// Adds names and values.
    pub fn facts<N: Into<String>>(&mut self, facts: impl IntoIterator<Item = (N, Cell)>) {
        self.parts.push(Part::Facts(facts.into_iter().map(|(name, value)| (name.into(), value)).collect()));
    }

    /// Adds a table; one without rows is left out.
    pub fn table(&mut self, table: Table) {
        if !table.rows.is_empty() {
            self.parts.push(Part::Table(table));
        }
    }

    /// Adds a plot; one without points is left out.
    pub fn plot(&mut self, plot: Plot) {
        if !plot.points.is_empty() {
            self.parts.push(Part::Plot(plot));
        }
    }
}

impl Table {
    /// A table without rows.
    pub fn new<H: Into<String>>(caption: impl Into<String>, head: impl IntoIterator<Item = H>) -> Self {
        Self { caption: caption.into(), head: head.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row: its head, and its cells.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl Plot {
    /// A plot without points.
    pub fn new<S: Into<String>>(
        shape: Shape,
        title: impl Into<String>,
        of: impl Into<String>,
        series: impl IntoIterator<Item = S>,
    ) -> Self {
        let series = series.into_iter().map(Into::into).collect();
        Self { title: title.into(), shape, of: of.into(), series, colours: Vec::new(), points: Vec::new() }
    }

    /// Says the colour of each series: 0 blue, 1 green, 2 amber, 3 red, 4 violet, 5 grey.
    pub fn colours(mut self, colours: impl IntoIterator<Item = usize>) -> Self {
        self.colours = colours.into_iter().collect();
        self
    }

    pub(crate) fn colour(&self, series: usize) -> usize {
        self.colours.get(series).copied().unwrap_or(series) % 6
    }

    /// Adds a point with a value for each series.
    pub fn point(&mut self, name: impl Into<String>, values: impl IntoIterator<Item = u64>) {
        self.points.push((name.into(), values.into_iter().collect()));
    }

    /// The numbers that it draws.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new(self.title.clone(), [&self.of].into_iter().chain(&self.series).map(String::as_str));
        for (name, values) in &self.points {
            let whole: u64 = values.iter().sum();
            let number = |value: &u64| match self.shape {
                Shape::Bars => count(*value),
                Shape::Shares => Cell::Number(format!("{} ({})", grouped(*value), percent(*value, whole))),
                Shape::Lines => share(*value, 1_000_000),
            };
            table.row([Cell::Text(name.clone())].into_iter().chain(values.iter().map(number)));
        }
        table
    }
}

impl Cell {
    /// An empty cell.
    pub fn none() -> Self {
        Self::Text("–".into())
    }

    /// Codes with commas between; a dash when there are none.
    pub fn codes<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        let mut line = Vec::new();
        for name in names {
            if !line.is_empty() {
                line.push(Self::Text(", ".into()));
            }
            line.push(Self::Code(name.into()));
        }
        if line.is_empty() { Self::none() } else { Self::Line(line) }
    }

    /// Lines; a dash when there are none.
    pub fn lines(lines: impl IntoIterator<Item = Cell>) -> Self {
        let lines: Vec<Cell> = lines.into_iter().collect();
        if lines.is_empty() { Self::none() } else { Self::Lines(lines) }
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A count, with its thousands apart.
pub fn count(number: u64) -> Cell {
    Cell::Number(grouped(number))
}

/// A part of a whole in percent; a dash where there is no whole.
pub fn share(part: u64, whole: u64) -> Cell {
    Cell::Number(percent(part, whole))
}

pub(crate) fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => "–".into(),
        _ => format!("{:.2} %", part as f64 * 100.0 / whole as f64),
    }
}

pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Foreign text in one line, without what would steer a terminal, a browser's writing direction or the line itself. Such
/// characters are named, so that a reader sees that they were there.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => out.push(' '),
            c if steers(c) || c == '\u{feff}' => {
                let _ = write!(out, "⟨U+{:04X}⟩", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Whether an address may be a link: it opens a page and runs nothing.
pub(crate) fn is_link(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !url.contains(|c: char| c.is_whitespace() || c.is_control()))
}

//! The vocabulary: every column, term, label, obligation and veto that may cross between platform, host and module.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::MAX_ENTRIES;
use crate::codes::Code;
use crate::manifest::{Input, Manifest, Owner, Provenance, Stricter, Text};

/// The authority of the shipped modules that read the law.
pub const REFERENCE: &str = "reference";

/// Most terms of a column that norms define, those of all its manifests together: four times what one may list.
const MAX_OWN_TERMS: usize = 4 * MAX_ENTRIES;

/// The type of a column; FIELDS of the reference documentation gives each column's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Unknown, no or yes.
    Tri,
    /// One 64-bit integer a row.
    Integer,
    /// A list of 64-bit integers a row.
    Integers,
    /// One term a row.
    Term,
    /// A set of terms a row.
    Terms,
    /// One identifier a row.
    Id,
    /// A list of identifiers a row.
    Ids,
    /// A list of signals a row.
    Signals,
    /// A 64-bit float; host only, never crosses into a module.
    Number,
    /// Text; host only, never crosses into a module.
    Text,
}

impl ColumnType {
    /// Whether columns of this type may be handed to a module.
    pub fn crosses(self) -> bool {
        !matches!(self, Self::Number | Self::Text)
    }

    /// Whether the values are terms, so that a manifest lists entries for them.
    pub fn has_entries(self) -> bool {
        matches!(self, Self::Term | Self::Terms | Self::Signals)
    }
}

/// A named, append-only set of terms.
#[derive(Clone, Debug)]
pub struct TermSet {
    /// Name of the set, for example `age_band`.
    pub name: String,
    /// The terms, in the order in which they were released.
    pub terms: Vec<String>,
    /// Whether other values are legal too.
    pub open: bool,
    index: HashMap<String, u16>,
}

impl TermSet {
    /// Builds a set; `open` sets accept values that are not listed.
    pub fn new(name: &str, terms: Vec<String>, open: bool) -> Self {
        let index = terms.iter().enumerate().map(|(i, term)| (term.clone(), i as u16)).collect();
        Self { name: name.into(), terms, open, index }
    }

    /// Adds a term at the end, unless it is there.
    fn add(&mut self, term: &str) {
        if !self.index.contains_key(term) {
            self.index.insert(term.to_owned(), self.terms.len() as u16);
            self.terms.push(term.to_owned());
        }
    }

    /// Position of a term in the set.
    pub fn position(&self, term: &str) -> Option<u16> {
        self.index.get(term).copied()
    }
}

/// One column of a frame.
#[derive(Clone, Debug)]
pub struct ColumnSpec {
    /// Frame-qualified name, for example `candidates.aigc.meta_label`.
    pub name: String,
    /// Index of the frame in [`Vocabulary::frames`].
    pub frame: usize,
    /// Name inside the frame, which is also the JSON path inside a row: `aigc.meta_label`.
    pub field: String,
    /// Type of the values.
    pub kind: ColumnType,
    /// The set that the terms come from, for term columns.
    pub terms: Option<Arc<TermSet>>,
    /// Unit of an integer: `ms`, `s`, `fen`, `ppm`, …
    pub unit: Option<String>,
    /// Inclusive bounds of an integer; none = any 64-bit value.
    pub range: Option<(i64, i64)>,
    /// Whether the column is about a person.
    pub personal: bool,
    /// Whether the host alone reads it, although its type could cross.
    pub host: bool,
    /// What a rule takes an unknown value for.
    pub unknown: String,
    /// What it says, in a sentence or a few.
    pub note: String,
}

impl ColumnSpec {
    /// Whether the values are instants: milliseconds since 1970 UTC.
    pub fn is_instant(&self) -> bool {
        self.kind == ColumnType::Integer && self.unit.as_deref() == Some("ms")
    }

    /// Whether the values are 64-bit identifiers, which a request may also send as text.
    pub fn is_identifier(&self) -> bool {
        self.kind == ColumnType::Integer && self.unit.as_deref() == Some("id")
    }

    /// Whether values written down under another definition of the column mean the same under this one.
    pub fn reads_as(&self, other: &ColumnSpec) -> bool {
        let same_set = match (&self.terms, &other.terms) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a.terms == b.terms,
            (a, b) => a.is_none() && b.is_none(),
        };
        self.kind == other.kind && same_set
    }
}

/// Instants in milliseconds that are plainly seconds: between 1973 and 5138 when read as seconds, and before March 1973 when
/// read as milliseconds. An engineering default; smaller numbers are nobody's clock and stay legal.
pub const SECONDS: std::ops::Range<i64> = 100_000_000..100_000_000_000;
/// From here on an instant in milliseconds is plainly microseconds: after 5138, or after 1973 when read as such.
pub const MICROSECONDS_FROM: i64 = 100_000_000_000_000;

/// The signal codes that a request may carry.
#[derive(Clone, Debug)]
pub struct SignalCodes {
    /// Listed codes, for example `L11.fraud`.
    pub codes: Vec<String>,
    /// Sources of a signal, strongest first.
    pub sources: Vec<String>,
    /// What each listed code means, in the same order.
    pub meanings: Vec<Code>,
    letters: HashSet<u8>,
}

impl SignalCodes {
    /// What a code means; of one that is not listed (`M1.fan.x`), what the nearest one above it means.
    pub fn meaning(&self, code: &str) -> Option<&Code> {
        let listed = |code: &str| self.meanings.iter().find(|meaning| meaning.code == code);
        std::iter::successors(Some(code), |code| Some(code.rsplit_once('.')?.0)).find_map(listed)
    }

    /// Whether a code is legal: listed, or below a listed letter and number (`M1.fan.x`).
    pub fn accepts(&self, code: &str) -> bool {
        let base = code.split_once('.').map_or(code, |(base, _)| base);
        self.is_well_formed(code) && self.codes.iter().any(|known| known == base)
    }

    /// Whether a code has the form of one, whatever its number: those of recorded requests are older than the numbers known now.
    pub fn is_well_formed(&self, code: &str) -> bool {
        let mut bytes = code.bytes();
        bytes.next().is_some_and(|letter| self.letters.contains(&letter))
            && bytes.next().is_some_and(|digit| digit.is_ascii_digit())
            && code.len() <= 64
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'_')
            && !code.ends_with('.')
    }

    /// Whether a manifest may list something among its codes: a legal code, or a letter for all of its codes (`L*`).
    pub fn names(&self, entry: &str) -> bool {
        let letter = |letter: &str| self.codes.iter().any(|code| code.starts_with(letter));
        self.accepts(entry) || entry.strip_suffix('*').is_some_and(|rest| rest.len() == 1 && letter(rest))
    }
}

/// What one term of `ctx.surface` means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// The term.
    pub term: String,
    /// Whether it is a key segment (重点环节).
    pub key: bool,
    /// Its name in Chinese.
    pub zh: String,
    /// Its name in English.
    pub en: String,
}

/// A parameter that several modules share.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommonParameter {
    /// Value when nobody sets one.
    pub default: toml::Value,
    /// Inclusive bounds of an integer.
    pub range: Option<(i64, i64)>,
    /// Unit of an integer.
    pub unit: Option<String>,
    /// The choices of a term, from loose to strict.
    pub choices: Option<Vec<String>>,
    /// Which direction is stricter, for an integer.
    pub stricter: Option<Stricter>,
    /// Who may set it.
    pub owner: Owner,
    /// Where the default comes from.
    pub source: Provenance,
}

/// Every name that may cross between platform, host and module. Built once; immutable.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// Version of the vocabulary.
    pub version: u32,
    /// Frames and the JSON path of their rows; `request` is first, and its path is empty.
    pub frames: Vec<(String, String)>,
    /// All columns, frame by frame.
    pub columns: Vec<ColumnSpec>,
    /// All term sets by name.
    pub terms: BTreeMap<String, Arc<TermSet>>,
    /// For a term `set.term` added later: the older term that a manifest without it reads.
    pub reads_as: BTreeMap<String, String>,
    /// Signal codes and sources.
    pub signals: SignalCodes,
    /// What the terms of `ctx.surface` mean.
    pub surfaces: Vec<Surface>,
    /// Labels that a rule may put on a row.
    pub labels: Vec<String>,
    /// Features that a rule may veto; `tag:<id>` is the host's way to write the veto of a tag.
    pub vetoes: Vec<String>,
    /// Obligations that a rule may raise.
    pub obligations: Vec<String>,
    /// Names of the arguments that an obligation may have.
    pub arguments: Vec<String>,
    /// Obligations about the user or the slate, which have no target even when a row raised them.
    pub about_request: Vec<String>,
    /// Obligations that, raised without a target, are the service's own: one is open at a time, whoever's list raises it.
    pub about_service: Vec<String>,
    /// Obligations that, raised without a target, are about that one list. All others are owed to the user.
    pub about_list: Vec<String>,
    /// Whose the packs of sector norms are that have a short name; every other is `<authority>/<name>`.
    pub packs: BTreeMap<String, String>,
    /// The `common.*` parameters.
    pub common: BTreeMap<String, CommonParameter>,
    /// Names of the instruments that a rule's basis cites, by handle.
    pub instruments: BTreeMap<String, Text>,
    /// Pairs of parameters of which the first must never be above the second.
    pub ordered: Vec<(String, String)>,
    by_name: HashMap<String, usize>,
}

/// A vocabulary that contradicts itself.
#[derive(Debug, thiserror::Error)]
#[error("vocabulary: {0}")]
pub struct VocabularyError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    frames: toml::Table,
    terms: BTreeMap<String, Vec<String>>,
    open: Open,
    reads_as: BTreeMap<String, String>,
    signals: FileSignals,
    codes: Vec<Code>,
    surfaces: Vec<Surface>,
    answers: Answers,
    packs: BTreeMap<String, String>,
    #[serde(default)]
    instruments: BTreeMap<String, Text>,
    parameters: BTreeMap<String, CommonParameter>,
    order: Order,
    columns: Vec<FileColumn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    sets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSignals {
    sources: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    labels: Vec<String>,
    vetoes: Vec<String>,
    obligations: Vec<String>,
    arguments: Vec<String>,
    about_request: Vec<String>,
    about_service: Vec<String>,
    about_list: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    pairs: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileColumn {
    name: String,
    #[serde(rename = "type")]
    kind: ColumnType,
    terms: Option<String>,
    unit: Option<String>,
    range: Option<(i64, i64)>,
    personal: bool,
    #[serde(default)]
    host: bool,
    unknown: String,
    note: String,
}

impl Vocabulary {
    /// The text of the vocabulary that this release ships.
    pub const SHIPPED: &'static str = include_str!("../vocabulary.toml");

    /// The vocabulary that this release ships.
    #[expect(clippy::panic, reason = "the shipped file is part of the program, and a test reads it")]
    pub fn shipped() -> &'static Arc<Vocabulary> {
        static SHIPPED: OnceLock<Arc<Vocabulary>> = OnceLock::new();
        SHIPPED.get_or_init(|| match Vocabulary::parse(Vocabulary::SHIPPED) {
            Ok(vocabulary) => Arc::new(vocabulary),
            Err(error) => panic!("{error}"),
        })
    }

    /// Reads a vocabulary.
    ///
    /// # Errors
    /// When the text is not TOML of this form, or a column names a frame or a set that does not exist.
    pub fn parse(text: &str) -> Result<Vocabulary, VocabularyError> {
        let file: File = toml::from_str(text).map_err(|e| VocabularyError(e.to_string()))?;
        let terms: BTreeMap<String, Arc<TermSet>> = file
            .terms
            .into_iter()
            .map(|(name, terms)| {
                let open = file.open.sets.contains(&name);
                (name.clone(), Arc::new(TermSet::new(&name, terms, open)))
            })
            .collect();
        let mut frames: Vec<(String, String)> = file
            .frames
            .iter()
            .map(|(name, path)| (name.clone(), path.as_str().unwrap_or_default().to_owned()))
            .collect();
        frames.sort_by_key(|(_, path)| !path.is_empty());
        let mut columns = Vec::with_capacity(file.columns.len());
        let mut by_name = HashMap::default();
        for column in file.columns {
            let (frame_name, field) = column
                .name
                .split_once('.')
                .ok_or_else(|| VocabularyError(format!("`{}` names no frame", column.name)))?;
            let frame = frames
                .iter()
                .position(|(name, _)| name == frame_name)
                .ok_or_else(|| VocabularyError(format!("`{}`: there is no frame `{frame_name}`", column.name)))?;
            let set = match (&column.terms, column.kind) {
                (Some(set), ColumnType::Term | ColumnType::Terms) => Some(
                    terms
                        .get(set)
                        .cloned()
                        .ok_or_else(|| VocabularyError(format!("`{}`: there is no term set `{set}`", column.name)))?,
                ),
                (None, ColumnType::Term | ColumnType::Terms) => {
                    return Err(VocabularyError(format!("`{}` names no term set", column.name)));
                }
                _ => None,
            };
            if by_name.insert(column.name.clone(), columns.len()).is_some() {
                return Err(VocabularyError(format!("`{}` is defined twice", column.name)));
            }
            let field = field.to_owned();
            columns.push(ColumnSpec {
                name: column.name,
                frame,
                field,
                kind: column.kind,
                terms: set,
                unit: column.unit,
                range: column.range,
                personal: column.personal,
                host: column.host,
                unknown: column.unknown,
                note: column.note,
            });
        }
        let codes: Vec<String> = file.codes.iter().map(|meaning| meaning.code.clone()).collect();
        let letters = codes.iter().filter_map(|code| code.bytes().next()).collect();
        Ok(Vocabulary {
            version: file.version,
            frames,
            columns,
            terms,
            reads_as: file.reads_as,
            signals: SignalCodes { codes, sources: file.signals.sources, meanings: file.codes, letters },
            surfaces: file.surfaces,
            labels: file.answers.labels,
            vetoes: file.answers.vetoes,
            obligations: file.answers.obligations,
            arguments: file.answers.arguments,
            about_request: file.answers.about_request,
            about_service: file.answers.about_service,
            about_list: file.answers.about_list,
            packs: file.packs,
            common: file.parameters.into_iter().map(|(name, p)| (format!("common.{name}"), p)).collect(),
            instruments: file.instruments,
            ordered: file.order.pairs,
            by_name,
        })
    }

    /// This vocabulary with the columns that manifests define themselves (`<frame>.x.<authority>.<name>`) at its end, so
    /// that every index of this one stays what it is.
    ///
    /// # Errors
    /// When two manifests give one name different types, or all of them together more terms than it may have.
    pub fn extended<'m>(
        self: &Arc<Self>,
        manifests: impl IntoIterator<Item = &'m Manifest>,
    ) -> Result<Arc<Self>, VocabularyError> {
        let mut extended = Cow::Borrowed(&**self);
        for manifest in manifests.into_iter().filter(|manifest| own_columns(manifest).next().is_some()) {
            extended.to_mut().define(manifest)?;
        }
        Ok(match extended {
            Cow::Borrowed(_) => Arc::clone(self),
            Cow::Owned(extended) => Arc::new(extended),
        })
    }

    /// Adds the columns that a manifest defines itself, all of them or none.
    ///
    /// # Errors
    /// When one is there with another type, or would have too many terms.
    pub fn define(&mut self, manifest: &Manifest) -> Result<(), VocabularyError> {
        for (name, input) in own_columns(manifest) {
            let Some((_, known)) = self.column(&name) else { continue };
            if known.kind != input.kind {
                return Err(VocabularyError(format!("`{name}` is given two types; {} gives the second", manifest.id)));
            }
            let terms = known.terms.as_ref();
            let more =
                input.entries.iter().filter(|entry| terms.is_some_and(|set| set.position(entry).is_none())).count();
            if terms.map_or(0, |set| set.terms.len()) + more > MAX_OWN_TERMS {
                let sentence =
                    format!("`{name}` would have more than {MAX_OWN_TERMS} terms with those of {}", manifest.id);
                return Err(VocabularyError(sentence));
            }
        }
        for (name, input) in own_columns(manifest) {
            let has_terms = matches!(input.kind, ColumnType::Term | ColumnType::Terms);
            let index = self.by_name.get(&name).copied().unwrap_or_else(|| {
                self.columns.push(ColumnSpec {
                    frame: name.split('.').next().and_then(|frame| self.frame(frame)).unwrap_or(0),
                    name: name.clone(),
                    field: input.field.clone(),
                    kind: input.kind,
                    terms: has_terms.then(|| Arc::new(TermSet::new(&input.field, Vec::new(), false))),
                    unit: None,
                    range: input.range,
                    // Nobody can tell what a norm adds, so it is treated as personal.
                    personal: true,
                    host: false,
                    unknown: "as its norm says".into(),
                    note: format!("Defined by {}.", manifest.id),
                });
                self.by_name.insert(name, self.columns.len() - 1);
                self.columns.len() - 1
            });
            // Two versions of one norm may name different terms; requests may use those of both.
            if let Some(terms) = &mut self.columns[index].terms {
                let terms = Arc::make_mut(terms);
                input.entries.iter().for_each(|entry| terms.add(entry));
            }
        }
        Ok(())
    }

    /// Whether a manifest's pack is its authority's: one of the vocabulary is that of the authority named there, and the
    /// reference reading may carry it too; any other begins with the authority. What has no pack uses nobody's.
    pub fn owns_pack_of(&self, manifest: &Manifest) -> bool {
        let Some(pack) = &manifest.pack else { return true };
        let authority = manifest.authority();
        match self.packs.get(pack) {
            Some(owner) => owner == authority || authority == REFERENCE,
            None => pack.split_once('/').is_some_and(|(owner, name)| owner == authority && !name.is_empty()),
        }
    }

    /// Position of an obligation.
    pub fn obligation(&self, code: &str) -> Option<u16> {
        self.obligations.iter().position(|known| known == code).map(|position| position as u16)
    }

    /// A column by its frame-qualified name, with its index.
    pub fn column(&self, name: &str) -> Option<(usize, &ColumnSpec)> {
        self.by_name.get(name).map(|&index| (index, &self.columns[index]))
    }

    /// Index of a frame.
    pub fn frame(&self, name: &str) -> Option<usize> {
        self.frames.iter().position(|(frame, _)| frame == name)
    }

    /// The term that a manifest without `term` reads instead, following [`Vocabulary::reads_as`] one step.
    pub fn older_term(&self, set: &str, term: &str) -> Option<&str> {
        let is_it = |newer: &str| newer.strip_prefix(set).and_then(|rest| rest.strip_prefix('.')) == Some(term);
        self.reads_as.iter().find(|(newer, _)| is_it(newer)).map(|(_, older)| older.as_str())
    }

    /// Every released name, one a line, as the lock file keeps it: `set.term`, `column:name`, `label:name`, …
    pub fn lock_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for set in self.terms.values() {
            lines.extend(set.terms.iter().map(|term| format!("term:{}.{term}", set.name)));
        }
        lines.extend(self.signals.codes.iter().map(|code| format!("code:{code}")));
        lines.extend(self.signals.sources.iter().map(|source| format!("source:{source}")));
        lines.extend(self.labels.iter().map(|label| format!("label:{label}")));
        lines.extend(self.vetoes.iter().map(|veto| format!("veto:{veto}")));
        lines.extend(self.obligations.iter().map(|obligation| format!("obligation:{obligation}")));
        lines.extend(self.arguments.iter().map(|argument| format!("argument:{argument}")));
        lines.extend(self.columns.iter().map(|column| format!("column:{}", column.name)));
        lines.extend(self.common.keys().map(|name| format!("parameter:{name}")));
        lines
    }
}

/// The columns that a manifest defines itself, by their frame-qualified names.
fn own_columns(manifest: &Manifest) -> impl Iterator<Item = (String, &Input)> {
    manifest.columns().filter(|(_, input)| input.field.starts_with("x."))
}

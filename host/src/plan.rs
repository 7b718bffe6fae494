//! From a manifest to a plan: which columns of a batch a module gets, and how each code translates.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use normgate_contract::{
    Applies, Argument, Block, ColumnSpec, ColumnType, Constraint, Effect, FIRST_ENTRY, Input, Level, Manifest,
    Modality, Obligation, Quantity, Stage, TagAction, TermSet, UNKNOWN, UNLISTED, Vocabulary, Weight,
    most_specific_entry,
};

use serde::{Serialize, Serializer};

use crate::batch::{Batch, Column, Lists, OPEN_TERM};
use crate::bindings::exports::normgate::policy::judging as wit;
use crate::concern::Concerns;
use crate::grant::Granted;
use crate::merge::hold_name;

/// How one column of a module is made from the batch.
pub(crate) struct ColumnPlan {
    /// Index in the gate's vocabulary; none for a column that it lacks, which is absent.
    index: Option<usize>,
    /// A column that a norm defines: a batch read under another generation may have another one at that index, or another one of
    /// that name.
    own: Option<ColumnSpec>,
    /// Manifest code by stored term code; empty when both agree, and the column is lent as it is.
    table: Vec<u16>,
    /// Manifest code of what an open set does not list, by name.
    open: HashMap<String, u16>,
    entries: Vec<String>,
    /// Manifest code of every listed signal code.
    signals: HashMap<String, u16>,
}

impl ColumnPlan {
    fn new(frame: &str, input: &Input, vocabulary: &Vocabulary, withheld: &[String]) -> Self {
        let name = format!("{frame}.{}", input.field);
        let found = vocabulary.column(&name).filter(|_| !withheld.contains(&name));
        let set = found.and_then(|(_, spec)| spec.terms.clone());
        let table = set.as_ref().map_or(Vec::new(), |set| translation(set, input, vocabulary));
        let identity = table.iter().enumerate().all(|(code, to)| code == usize::from(*to));
        let open = match &set {
            Some(set) if set.open => input
                .entries
                .iter()
                .enumerate()
                .filter(|(_, entry)| set.position(entry).is_none())
                .map(|(position, entry)| (entry.clone(), position as u16 + FIRST_ENTRY))
                .collect(),
            _ => HashMap::new(),
        };
        let signals = match input.kind {
            ColumnType::Signals => {
                let code = |code: &String| (code.clone(), most_specific_entry(&input.entries, code));
                vocabulary.signals.codes.iter().map(code).collect()
            }
            _ => HashMap::new(),
        };
        Self {
            index: found.map(|(index, _)| index),
            own: found.filter(|_| input.field.starts_with("x.")).map(|(_, spec)| spec.clone()),
            table: if identity { Vec::new() } else { table },
            open,
            entries: input.entries.clone(),
            signals,
        }
    }

    fn source<'b>(&self, batch: &'b Batch) -> Option<&'b Column> {
        let index = match &self.own {
            Some(own) => {
                batch.vocabulary.column(&own.name).filter(|(_, spec)| own.reads_as(spec)).map(|(index, _)| index)
            }
            None => self.index,
        };
        batch.columns.get(index?)?.as_deref()
    }

    fn term(&self, code: u32, batch: &Batch) -> u16 {
        if code & OPEN_TERM != 0 {
            return self.open.get(batch.strings.text(code & !OPEN_TERM)).copied().unwrap_or(UNLISTED);
        }
        if self.table.is_empty() { code as u16 } else { self.table.get(code as usize).copied().unwrap_or(UNLISTED) }
    }
}

/// Manifest codes by stored code (0 unknown, 1 unlisted, 2… the set's terms). A term that the manifest does not list is
/// read as the older term that the vocabulary names for it, else as unlisted.
fn translation(set: &TermSet, input: &Input, vocabulary: &Vocabulary) -> Vec<u16> {
    let listed = |term: &str| input.entries.iter().position(|entry| entry == term).map(|p| p as u16 + FIRST_ENTRY);
    let terms = set.terms.iter().map(|term| {
        let mut term = term.as_str();
        // The chain of older terms is shorter than the set, or it is a circle.
        for _ in 0..set.terms.len() {
            if let Some(code) = listed(term) {
                return code;
            }
            match vocabulary.older_term(&set.name, term) {
                Some(older) => term = older,
                None => break,
            }
        }
        UNLISTED
    });
    [UNKNOWN, UNLISTED].into_iter().chain(terms).collect()
}

/// One frame of a module's call.
pub(crate) struct FramePlan {
    /// Index of the frame in the vocabulary.
    frame: usize,
    columns: Vec<ColumnPlan>,
}

/// What an effect means, with parameters filled in.
#[derive(Clone, Debug)]
pub(crate) enum EffectPlan {
    Label(u8),
    Demote(u32),
    DemoteComputed,
    Block(Block),
    Tag(TagAction),
    Obligation(ObligationPlan),
    Veto(String),
    VetoTag,
    Violation,
    Promote,
    Constraint(Constraint, i64, i64),
    /// Optional, and not granted.
    Dropped,
}

/// An effect of the manifest, by its index.
pub(crate) struct PlannedEffect {
    pub(crate) rule: u16,
    /// Whether its rule is of modality `must`.
    pub(crate) must: bool,
    /// Of what an item of it names a row: of the candidates, of the tags, or of neither.
    pub(crate) about: Level,
    /// What it may carry beside the row.
    pub(crate) carries: Carries,
    pub(crate) effect: EffectPlan,
}

/// What an item of an effect carries beside its row. With [`PlannedEffect::about`] it is what is out of bounds, and it holds
/// whether the effect is granted or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    /// Nothing that counts.
    Nothing,
    /// A weight in ppm.
    Weight,
    /// An argument.
    Argument,
    /// A row of the tags.
    Tag,
}

/// An argument of an obligation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum ArgumentValue {
    /// A flag.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A column, by its frame-qualified name: the one that is missing.
    Column(Box<str>),
}

/// Arguments of an obligation by name, in the order of names. What one effect owes shares everything but the number that an
/// answer carries.
#[derive(Clone)]
pub struct Arguments {
    shared: Arc<SharedArguments>,
    computed: i64,
}

struct SharedArguments {
    values: Box<[(Box<str>, ArgumentValue)]>,
    /// Position of the argument that the answer carries.
    computed: Option<usize>,
}

impl Arguments {
    /// Each argument with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ArgumentValue)> {
        self.shared.values.iter().enumerate().map(|(position, (name, value))| {
            let computed = self.shared.computed == Some(position);
            (&**name, if computed { ArgumentValue::Number(self.computed) } else { value.clone() })
        })
    }

    /// The same with the number that an answer carried, where one is computed.
    pub(crate) fn with(&self, computed: i64) -> Self {
        Self { shared: Arc::clone(&self.shared), computed }
    }
}

impl PartialEq for Arguments {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Arguments {}

impl PartialOrd for Arguments {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Arguments {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// An obligation with its numbers.
#[derive(Clone, Debug)]
pub(crate) struct ObligationPlan {
    pub(crate) code: u16,
    pub(crate) about_request: bool,
    pub(crate) deadline_s: Option<i64>,
    pub(crate) retain_d: Option<i64>,
    pub(crate) args: Option<Arguments>,
}

/// Everything about a module that is decided once, at load.
pub(crate) struct Plan {
    request: Vec<ColumnPlan>,
    frames: Vec<FramePlan>,
    /// Effects by index.
    pub(crate) effects: Vec<PlannedEffect>,
    applies: AppliesPlan,
    /// The rows that a failure may reach.
    pub(crate) concerns: Concerns,
}

struct AppliesPlan {
    kinds: Vec<u16>,
    surfaces: Vec<u16>,
}

impl EffectPlan {
    /// What kind of effect it is, as `shadow` says on the wire.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Label(_) => "label",
            Self::Demote(_) | Self::DemoteComputed => "demote",
            Self::Block(_) => "block",
            Self::Tag(_) => "tag",
            Self::Obligation(_) => "obligation",
            Self::Veto(_) | Self::VetoTag => "veto",
            Self::Violation => "violation",
            Self::Promote => "promote",
            Self::Constraint(..) => "constraint",
            Self::Dropped => "",
        }
    }

    /// Its value in words: the label, the weight, the hold, the code. `number` is the weight or the tag that an item carries.
    pub(crate) fn value<'p>(&'p self, number: i64, batch: &'p Batch) -> Cow<'p, str> {
        let named = |names: &'p [String], index: usize| Cow::Borrowed(names.get(index).map_or("", String::as_str));
        match self {
            Self::Label(label) => named(&batch.vocabulary.labels, usize::from(*label)),
            Self::Demote(_) | Self::DemoteComputed => Cow::Owned(number.to_string()),
            Self::Block(hold) => Cow::Borrowed(hold_name(*hold)),
            Self::Tag(TagAction::Keep) => Cow::Borrowed("keep"),
            Self::Tag(TagAction::Suppress) => Cow::Borrowed("suppress"),
            Self::Tag(TagAction::Delete) => Cow::Borrowed("delete"),
            Self::Obligation(plan) => named(&batch.vocabulary.obligations, usize::from(plan.code)),
            Self::Veto(feature) => Cow::Borrowed(feature),
            Self::VetoTag => Cow::Owned(format!("tag:{}", batch.row_id("tags.tag_id", number as u32))),
            Self::Constraint(constraint, ..) => Cow::Borrowed(&constraint.kind),
            Self::Violation | Self::Promote | Self::Dropped => Cow::Borrowed(""),
        }
    }
}

impl Plan {
    pub(crate) fn new(manifest: &Manifest, granted: &Granted, parameters: &[i64], vocabulary: &Vocabulary) -> Self {
        let plan = |frame: &str, input: &Input| ColumnPlan::new(frame, input, vocabulary, &granted.withheld);
        let request = manifest.request.iter().map(|input| plan("request", input)).collect();
        let frames = manifest
            .frames
            .iter()
            .map(|frame| FramePlan {
                frame: vocabulary.frame(&frame.name).unwrap_or(0),
                columns: frame.columns.iter().map(|input| plan(&frame.name, input)).collect(),
            })
            .collect();
        let effects = manifest
            .effects()
            .enumerate()
            .map(|(index, (rule, effect))| PlannedEffect {
                rule: rule as u16,
                must: manifest.rules[rule].modality == Modality::Must,
                about: about(effect, manifest.rules[rule].level),
                carries: carries(effect),
                effect: match granted.dropped.contains(&index) {
                    true => EffectPlan::Dropped,
                    false => effect_plan(effect, manifest, granted, parameters, vocabulary),
                },
            })
            .collect();
        Self {
            request,
            frames,
            effects,
            applies: AppliesPlan::new(&manifest.applies, vocabulary),
            concerns: Concerns::new(manifest, &granted.withheld, vocabulary),
        }
    }

    /// Whether the module may have something to say on this batch.
    pub(crate) fn applies(&self, batch: &Batch) -> bool {
        let AppliesPlan { kinds, surfaces } = &self.applies;
        let surface = batch.column("request.ctx.surface").map_or(UNKNOWN, |column| column.term(0));
        if !surfaces.is_empty() && surface != UNKNOWN && !surfaces.contains(&surface) {
            return false;
        }
        if kinds.is_empty() {
            return true;
        }
        match batch.column("candidates.kind") {
            Some(Column::Term(codes)) => codes.iter().any(|code| *code == UNKNOWN || kinds.contains(code)),
            _ => batch.candidates() > 0,
        }
    }

    /// Values that the module is handed: rows, and what their lists hold.
    pub(crate) fn values(&self, batch: &Batch) -> u64 {
        let of_frame = |frame: &FramePlan| {
            let lists = frame.columns.iter().filter_map(|column| column.source(batch)).map(Column::listed);
            u64::from(batch.rows[frame.frame]) + lists.sum::<usize>() as u64
        };
        self.frames.iter().map(of_frame).sum()
    }

    /// The columns that the module is handed, of the request too, by index in the gate's vocabulary.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        self.request.iter().chain(self.frames.iter().flat_map(|frame| &frame.columns)).filter_map(|plan| plan.index)
    }

    /// Hands a module its columns, borrowed from the batch where the codes agree.
    pub(crate) fn lower<'b>(&'b self, batch: &'b Batch, scratch: &'b mut Scratch) -> Lowered<'b> {
        // What has to be translated is made first, so that everything can be lent afterwards.
        scratch.frames.clear();
        for frame in &self.frames {
            let columns = frame.columns.iter().map(|column| translate(column, batch)).collect();
            scratch.frames.push(columns);
        }
        let scratch = &*scratch;
        let frames = self
            .frames
            .iter()
            .zip(&scratch.frames)
            .map(|(frame, made)| {
                let columns = frame.columns.iter().zip(made).map(|(column, made)| lend(column, made, batch)).collect();
                (batch.rows.get(frame.frame).copied().unwrap_or(0), columns)
            })
            .collect();
        let (known, values) = self.request.iter().map(|column| scalar(column, batch)).unzip();
        Lowered { known, values, frames }
    }
}

impl AppliesPlan {
    fn new(applies: &Applies, vocabulary: &Vocabulary) -> Self {
        let codes = |set: &str, terms: &[String]| {
            let position = |term: &String| vocabulary.terms.get(set).and_then(|set| set.position(term));
            terms.iter().filter_map(position).map(|p| p + FIRST_ENTRY).collect()
        };
        Self { kinds: codes("kind", &applies.kinds), surfaces: codes("surface", &applies.surfaces) }
    }
}

/// Of what an item of an effect names a row. A verdict is on a candidate, whatever its rule looks at.
fn about(effect: &Effect, level: Level) -> Level {
    match effect {
        Effect::Label(_) | Effect::Demote(_) | Effect::Block(_) | Effect::Promote => Level::Row,
        Effect::Tag(_) => Level::Tag,
        Effect::Constraint(_) => Level::Request,
        Effect::Obligation(_) | Effect::Veto(_) | Effect::Violation => level,
    }
}

fn carries(effect: &Effect) -> Carries {
    match effect {
        Effect::Demote(weight) if weight.is_computed() => Carries::Weight,
        Effect::Obligation(obligation) if obligation.args.values().any(is_computed) => Carries::Argument,
        Effect::Veto(feature) if feature == "tag" => Carries::Tag,
        _ => Carries::Nothing,
    }
}

/// The value of a parameter, encoded.
fn value_of(name: &str, manifest: &Manifest, parameters: &[i64]) -> i64 {
    let index = manifest.parameters.iter().position(|parameter| parameter.name == name);
    index.and_then(|index| parameters.get(index)).copied().unwrap_or(0)
}

fn number_of(quantity: &Quantity, manifest: &Manifest, parameters: &[i64]) -> i64 {
    match quantity {
        Quantity::Constant(number) => *number,
        Quantity::Parameter(name) => value_of(name, manifest, parameters),
    }
}

/// The longest retention in days that a module's obligations ask for; 0 when they ask for none.
pub(crate) fn longest_retention(manifest: &Manifest, parameters: &[i64]) -> i64 {
    let asked = manifest.effects().filter_map(|(_, effect)| match effect {
        Effect::Obligation(obligation) => obligation.retain_d.as_ref(),
        _ => None,
    });
    asked.map(|days| number_of(days, manifest, parameters)).max().unwrap_or(0)
}

fn effect_plan(
    effect: &Effect,
    manifest: &Manifest,
    granted: &Granted,
    parameters: &[i64],
    vocabulary: &Vocabulary,
) -> EffectPlan {
    let parameter = |name: &str| value_of(name, manifest, parameters);
    let quantity = |q: &Quantity| number_of(q, manifest, parameters);
    // A retention beyond the grant is cut to it; without any, records are kept as the platform has it.
    let retention = |q: &Quantity| match granted.retain_d {
        None => Some(quantity(q)),
        Some(0) => None,
        Some(longest) => Some(quantity(q).min(i64::from(longest))),
    };
    match effect {
        Effect::Label(label) => EffectPlan::Label(vocabulary.labels.iter().position(|l| l == label).unwrap_or(0) as u8),
        Effect::Demote(Weight::Constant(ppm)) => EffectPlan::Demote(*ppm as u32),
        Effect::Demote(weight) if weight.is_computed() => EffectPlan::DemoteComputed,
        Effect::Demote(Weight::Named(name)) => EffectPlan::Demote(parameter(name) as u32),
        Effect::Block(hold) => EffectPlan::Block(*hold),
        Effect::Tag(action) => EffectPlan::Tag(*action),
        Effect::Obligation(Obligation { code, deadline_s, retain_d, args }) => EffectPlan::Obligation(ObligationPlan {
            code: vocabulary.obligation(code).unwrap_or(0),
            about_request: vocabulary.about_request.contains(code),
            deadline_s: deadline_s.as_ref().map(quantity),
            retain_d: retain_d.as_ref().and_then(retention),
            args: (!args.is_empty()).then(|| {
                let value = |name: &String, argument: &Argument| match argument {
                    Argument::Named(column) if argument.column(name).is_some() => {
                        ArgumentValue::Column(column.as_str().into())
                    }
                    Argument::Flag(flag) => ArgumentValue::Flag(*flag),
                    Argument::Constant(number) => ArgumentValue::Number(*number),
                    Argument::Named(name) => ArgumentValue::Number(parameter(name)),
                };
                let values =
                    args.iter().map(|(name, argument)| (name.as_str().into(), value(name, argument))).collect();
                let shared = SharedArguments { values, computed: args.values().position(is_computed) };
                Arguments { shared: Arc::new(shared), computed: 0 }
            }),
        }),
        Effect::Veto(feature) if feature == "tag" => EffectPlan::VetoTag,
        Effect::Veto(feature) => EffectPlan::Veto(feature.clone()),
        Effect::Violation => EffectPlan::Violation,
        Effect::Promote => EffectPlan::Promote,
        Effect::Constraint(constraint) => {
            EffectPlan::Constraint(constraint.clone(), quantity(&constraint.count), quantity(&constraint.slots))
        }
    }
}

fn is_computed(argument: &Argument) -> bool {
    matches!(argument, Argument::Named(name) if name == "computed")
}

/// Columns that had to be made for one call.
#[derive(Default)]
pub(crate) struct Scratch {
    frames: Vec<Vec<Made>>,
}

enum Made {
    /// Nothing: the batch's own vector is lent.
    Lent,
    Codes(Vec<u16>),
    Sets(Lists<u16>),
    Signals {
        entries: Vec<u16>,
        codes: Vec<u32>,
        confidences: Vec<u32>,
        sources: Vec<u8>,
    },
}

fn translate(plan: &ColumnPlan, batch: &Batch) -> Made {
    match plan.source(batch) {
        Some(Column::Term(codes)) if !plan.table.is_empty() => {
            Made::Codes(codes.iter().map(|code| plan.term(u32::from(*code), batch)).collect())
        }
        Some(Column::Terms(lists)) => Made::Sets(Lists {
            known: Vec::new(),
            offsets: Vec::new(),
            values: lists.values.iter().map(|code| plan.term(*code, batch)).collect(),
        }),
        Some(Column::Signals(lists)) => {
            // One look-up per distinct code, then an index per signal.
            let mut entry_of = vec![u16::MAX; batch.strings.len() + 1];
            let mut entries = Vec::with_capacity(lists.values.len());
            for signal in &lists.values {
                let slot = &mut entry_of[signal.code as usize];
                if *slot == u16::MAX {
                    let text = batch.strings.text(signal.code);
                    *slot = plan.signals.get(text).copied().unwrap_or_else(|| most_specific_entry(&plan.entries, text));
                }
                entries.push(*slot);
            }
            Made::Signals {
                entries,
                codes: lists.values.iter().map(|signal| signal.code).collect(),
                confidences: lists.values.iter().map(|signal| signal.confidence).collect(),
                sources: lists.values.iter().map(|signal| signal.source).collect(),
            }
        }
        _ => Made::Lent,
    }
}

fn lend<'b>(plan: &ColumnPlan, made: &'b Made, batch: &'b Batch) -> wit::Column<'b> {
    use wit::Column as C;
    match (plan.source(batch), made) {
        (Some(Column::Tri(codes)), _) => C::Tri(codes),
        (Some(Column::Integer { known, values }), _) => C::Integer(wit::IntegerColumn { known, values }),
        (Some(Column::Integers(Lists { known, offsets, values })), _) => {
            C::Integers(wit::IntegersColumn { known, offsets, values })
        }
        (Some(Column::Term(_)), Made::Codes(codes)) => C::Term(codes),
        (Some(Column::Term(codes)), _) => C::Term(codes),
        (Some(Column::Terms(Lists { known, offsets, .. })), Made::Sets(sets)) => {
            C::Terms(wit::TermsColumn { known, offsets, codes: &sets.values })
        }
        (Some(Column::Id(ids)), _) => C::Id(ids),
        (Some(Column::Ids(Lists { known, offsets, values })), _) => {
            C::Ids(wit::IdsColumn { known, offsets, ids: values })
        }
        (
            Some(Column::Signals(Lists { known, offsets, .. })),
            Made::Signals { entries, codes, confidences, sources },
        ) => C::Signals(wit::SignalsColumn { known, offsets, entries, codes, confidences, sources }),
        _ => C::Absent,
    }
}

/// A column of the request as (presence, number).
fn scalar(plan: &ColumnPlan, batch: &Batch) -> (u8, i64) {
    let known = |code: i64| if code == 0 { (0, 0) } else { (1, code) };
    match plan.source(batch) {
        Some(column @ Column::Tri(_)) => known(i64::from(column.tri(0))),
        Some(column @ Column::Term(_)) => known(i64::from(plan.term(u32::from(column.term(0)), batch))),
        Some(column @ Column::Integer { .. }) => column.integer(0).map_or((0, 0), |value| (1, value)),
        Some(Column::Terms(lists)) => lists.row(0).map_or((0, 0), |codes| {
            let bit = |code: &u32| match plan.term(*code, batch) {
                UNLISTED => 1i64 << 62,
                code => 1i64 << (code - FIRST_ENTRY),
            };
            (1, codes.iter().map(bit).fold(0, |bits, bit| bits | bit))
        }),
        _ => (0, 0),
    }
}

/// A call's columns, borrowed.
pub(crate) struct Lowered<'b> {
    known: Vec<u8>,
    values: Vec<i64>,
    frames: Vec<(u32, Vec<wit::Column<'b>>)>,
}

impl<'b> Lowered<'b> {
    /// Runs `f` with the call. (The generated types borrow lists of lists, so the outer lists live here.)
    pub(crate) fn with_call<R>(
        &self,
        stage: Stage,
        enforced: &[u8],
        parameters: &[i64],
        f: impl FnOnce(wit::Call<'_>) -> R,
    ) -> R {
        let frames: Vec<_> = self.frames.iter().map(|(rows, columns)| wit::Frame { rows: *rows, columns }).collect();
        f(wit::Call {
            stage: match stage {
                Stage::Candidate => wit::Stage::Candidate,
                Stage::Slate => wit::Stage::Slate,
            },
            enforced,
            parameters,
            request: wit::Scalars { known: &self.known, values: &self.values },
            frames: &frames,
        })
    }
}

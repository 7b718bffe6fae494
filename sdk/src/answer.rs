//! The answer sheet: what fired, as packed columns.

use crate::bindings::exports::normgate::policy::judging::Answer;

/// Collects the answer of one call.
pub struct Sheet<'a> {
    enforced: &'a [u8],
    rows: Vec<u32>,
    effects: Vec<u16>,
    values: Vec<i64>,
    missing: Vec<u8>,
}

impl<'a> Sheet<'a> {
    /// An empty sheet; `enforced` is the call's bit per rule, `rows` the number of rows judged.
    pub fn new(enforced: &'a [u8], rows: usize) -> Self {
        // Room for two effects a row, so that a usual answer never moves; untouched pages cost nothing.
        let room = rows * 2 + 16;
        Self {
            enforced,
            rows: Vec::with_capacity(room),
            effects: Vec::with_capacity(room),
            values: Vec::with_capacity(room),
            missing: Vec::with_capacity(room),
        }
    }

    /// Rule number `rule` fired on `row`.
    #[inline]
    pub fn hit<'s>(&'s mut self, rule: usize, row: u32) -> Hit<'s>
    where
        'a: 's,
    {
        let enforced = self.enforced.get(rule / 8).is_some_and(|byte| byte >> (rule % 8) & 1 == 1);
        Hit {
            rows: &mut self.rows,
            effects: &mut self.effects,
            values: &mut self.values,
            missing_flags: &mut self.missing,
            row,
            missing: false,
            enforced,
        }
    }

    /// The answer as it crosses.
    pub fn into_answer(self) -> Answer {
        Answer { rows: self.rows, effects: self.effects, values: self.values, missing: self.missing }
    }
}

/// One rule that fired on one row.
pub struct Hit<'a> {
    rows: &'a mut Vec<u32>,
    effects: &'a mut Vec<u16>,
    values: &'a mut Vec<i64>,
    missing_flags: &'a mut Vec<u8>,
    row: u32,
    /// Whether it fired because something is unknown.
    pub missing: bool,
    /// Whether the rule is enforced in this call.
    pub enforced: bool,
}

impl Hit<'_> {
    /// Adds an effect by its index in the manifest.
    #[inline]
    pub fn effect(&mut self, index: u16, value: i64) {
        self.rows.push(self.row);
        self.effects.push(index);
        self.values.push(value);
        self.missing_flags.push(u8::from(self.missing));
    }
}

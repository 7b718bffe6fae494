//! A request under other names: who reads it learns what was judged, and not of whom and what.

use std::sync::Arc;

use super::{Batch, Column, Lists, OPEN_TERM, Strings};

impl Batch {
    /// The same request with every name in it replaced: its id, identifiers of candidates, tags and whatever else a column of
    /// identifiers holds, references of signals, and texts. Terms and numbers stay. `name` has to give equal names for equal
    /// ones, and different names for different ones, or another request comes out.
    pub fn renamed(&self, mut name: impl FnMut(&str) -> String) -> Batch {
        let mut batch = self.clone();
        batch.id = self.id().map(&mut name);
        let mut strings = Strings::default();
        // Zero is unknown everywhere.
        let mut replaced = |number: u32, strings: &mut Strings| match number {
            0 => 0,
            number => strings.intern(&name(self.strings.text(number))),
        };
        for column in batch.columns.iter_mut().flatten() {
            let column = Arc::make_mut(column);
            match column {
                Column::Id(ids) => ids.iter_mut().for_each(|id| *id = replaced(*id, &mut strings)),
                Column::Ids(Lists { values, .. }) => {
                    values.iter_mut().for_each(|id| *id = replaced(*id, &mut strings));
                }
                Column::Signals(Lists { values, .. }) => {
                    for signal in values {
                        signal.code = strings.intern(self.strings.text(signal.code));
                        signal.reference = replaced(signal.reference, &mut strings);
                    }
                }
                Column::Terms(Lists { values, .. }) => {
                    for code in values.iter_mut().filter(|code| **code & OPEN_TERM != 0) {
                        *code = strings.intern(self.strings.text(*code & !OPEN_TERM)) | OPEN_TERM;
                    }
                }
                _ => {}
            }
        }
        for column in batch.columns.iter_mut().flatten() {
            if let Column::Text(values) = Arc::make_mut(column) {
                values.iter_mut().flatten().for_each(|text| *text = name(text).into());
            }
        }
        batch.strings = Arc::new(strings);
        batch
    }
}

//! The strings of one request: equal strings have equal numbers, and nothing else does.

use std::collections::HashMap;

/// Interned strings; numbers start at 1, because 0 means "unknown" wherever a number crosses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strings {
    numbers: HashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

impl Strings {
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.texts.push(text.into());
        let number = self.texts.len() as u32;
        self.numbers.insert(text.into(), number);
        number
    }

    pub(crate) fn text(&self, number: u32) -> &str {
        (number as usize).checked_sub(1).and_then(|index| self.texts.get(index)).map_or("", |text| text)
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }
}

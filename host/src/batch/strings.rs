//! The strings of one request: equal strings have equal numbers, and nothing else does.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Interned strings; numbers start at 1, because 0 means "unknown" wherever a number crosses.
///
/// Texts lie one after another in one buffer, since a list of 500 candidates has a thousand of them. Hashes are seeded by process:
/// identifiers come from outside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strings {
    numbers: HashTable<u32>,
    text: String,
    /// Where each text ends.
    ends: Vec<u32>,
    hasher: DefaultHashBuilder,
}

impl Strings {
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        let Self { numbers, text: all, ends, hasher } = self;
        let hash = hasher.hash_one(text);
        if let Some(number) = numbers.find(hash, |number| text_of(all, ends, *number) == text) {
            return *number;
        }
        all.push_str(text);
        ends.push(all.len() as u32);
        let number = ends.len() as u32;
        numbers.insert_unique(hash, number, |number| hasher.hash_one(text_of(all, ends, *number)));
        number
    }

    pub(crate) fn text(&self, number: u32) -> &str {
        text_of(&self.text, &self.ends, number)
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all texts together.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }
}

fn text_of<'t>(all: &'t str, ends: &[u32], number: u32) -> &'t str {
    let Some(index) = (number as usize).checked_sub(1) else { return "" };
    let start = index.checked_sub(1).map_or(0, |before| ends[before]);
    ends.get(index).map_or("", |end| &all[start as usize..*end as usize])
}

#[cfg(test)]
mod tests {
    use super::Strings;

    #[test]
    fn equal_texts_have_equal_numbers_and_nothing_else_does() {
        let mut strings = Strings::default();
        let numbers: Vec<u32> = ["a", "", "ab", "b", "a", ""].iter().map(|text| strings.intern(text)).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 1, 2]);
        let texts: Vec<&str> = (0..6).map(|number| strings.text(number)).collect();
        assert_eq!(texts, ["", "a", "", "ab", "b", ""]);
    }
}

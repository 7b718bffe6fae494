//! Terms of requests and answers in words that a person reads.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use normgate_contract::Text;
use serde::Deserialize;

use crate::wire::Language;

static SHIPPED: LazyLock<Words> =
    LazyLock::new(|| serde_json::from_str(include_str!("words.json")).unwrap_or_default());

/// Words for every term that an answer may hold, for surfaces, and for columns that are about a person.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    labels: BTreeMap<String, Text>,
    obligations: BTreeMap<String, Text>,
    vetoes: BTreeMap<String, Text>,
    surfaces: BTreeMap<String, Text>,
    columns: BTreeMap<String, Text>,
}

impl Words {
    /// The words of this release.
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// A label; the term itself where there is no word for it, as for every term below.
    pub fn label<'w>(&'w self, term: &'w str, language: Language) -> &'w str {
        word(&self.labels, term, language)
    }

    /// What an obligation asks for.
    pub fn obligation<'w>(&'w self, term: &'w str, language: Language) -> &'w str {
        word(&self.obligations, term, language)
    }

    /// What a veto forbids.
    pub fn veto<'w>(&'w self, term: &'w str, language: Language) -> &'w str {
        word(&self.vetoes, term, language)
    }

    /// A surface.
    pub fn surface<'w>(&'w self, term: &'w str, language: Language) -> &'w str {
        word(&self.surfaces, term, language)
    }

    /// A column that is about a person, by its frame-qualified name.
    pub fn column<'w>(&'w self, name: &'w str, language: Language) -> &'w str {
        word(&self.columns, name, language)
    }
}

fn word<'w>(words: &'w BTreeMap<String, Text>, term: &'w str, language: Language) -> &'w str {
    words.get(term).map_or(term, |text| language.of(text))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use normgate_contract::Vocabulary;

    use super::*;

    #[test]
    fn every_term_has_words() {
        let (words, vocabulary) = (Words::shipped(), Vocabulary::shipped());
        let named = |words: &'static BTreeMap<String, Text>| words.keys().map(String::as_str).collect::<BTreeSet<_>>();
        let terms = |terms: &'static [String]| terms.iter().map(String::as_str).collect::<BTreeSet<_>>();
        assert_eq!(named(&words.labels), terms(&vocabulary.labels));
        assert_eq!(named(&words.obligations), terms(&vocabulary.obligations));
        assert_eq!(named(&words.vetoes), terms(&vocabulary.vetoes));
        assert_eq!(named(&words.surfaces), terms(&vocabulary.terms["surface"].terms));
        let personal = vocabulary.columns.iter().filter(|column| column.personal);
        assert_eq!(named(&words.columns), personal.map(|column| column.name.as_str()).collect());
    }
}

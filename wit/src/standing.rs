//! On whose account a rule stands, and the instruments behind it, in words that a person reads.

use crate::manifest::{Modality, Provenance, Rule, Text};
use crate::vocabulary::Vocabulary;

/// On whose account a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A statute or a binding instrument requires it.
    Required,
    /// A recommended standard, a guideline or a draft says so.
    Recommended,
    /// The platform set it, on its own figures.
    Platform,
}

impl Rule {
    /// On whose account the rule stands. What is only recommended or the platform's own never reads as required.
    pub fn standing(&self) -> Standing {
        match (self.modality, self.source) {
            (Modality::Policy, _) | (_, Provenance::Engineering) => Standing::Platform,
            (Modality::Should, _) | (_, Provenance::Recommended | Provenance::Draft) => Standing::Recommended,
            (Modality::Must, Provenance::Statute | Provenance::Instrument) => Standing::Required,
        }
    }

    /// The standing in words, with the instruments named: "required by …", "recommended by …", "set by the platform in view
    /// of …".
    pub fn standing_text(&self, vocabulary: &Vocabulary) -> Text {
        let Text { zh, en } = vocabulary.cite(&self.basis);
        match self.standing() {
            Standing::Required => Text { zh: format!("{zh}的要求"), en: format!("required by {en}") },
            Standing::Recommended => Text { zh: format!("{zh}的建议"), en: format!("recommended by {en}") },
            Standing::Platform => {
                Text { zh: format!("平台参照{zh}自行设定"), en: format!("set by the platform in view of {en}") }
            }
        }
    }
}

impl Vocabulary {
    /// A basis (`ARP 9 ¶1; LBL 6`) with its instruments by name. A handle that the vocabulary does not know stands as it is.
    pub fn cite(&self, basis: &str) -> Text {
        let cited: Vec<Text> = basis
            .split(';')
            .map(|part| {
                let part = part.trim();
                let (handle, place) = part.split_once(' ').unwrap_or((part, ""));
                let Some(name) = self.instruments.get(handle) else {
                    return Text { zh: part.to_owned(), en: part.to_owned() };
                };
                let Text { zh, en } = name;
                match place {
                    "" => Text { zh: format!("《{zh}》"), en: en.clone() },
                    // A year tells which of several notices is meant; every other number is an article's.
                    place if place.len() != 4 && place.starts_with(|c: char| c.is_ascii_digit()) => {
                        let (article, paragraph) = place.split_once(" ¶").unwrap_or((place, ""));
                        let article = article.replace(", ", "、");
                        let paragraph_zh =
                            if paragraph.is_empty() { String::new() } else { format!("第{paragraph}款") };
                        Text {
                            zh: format!("《{zh}》第{article}条{paragraph_zh}"), en: format!("{en}, Art. {place}")
                        }
                    }
                    place => Text { zh: format!("《{zh}》({place})"), en: format!("{en} ({place})") },
                }
            })
            .collect();
        let join = |pick: fn(&Text) -> &str, between: &str| cited.iter().map(pick).collect::<Vec<_>>().join(between);
        Text { zh: join(|text| &text.zh, "、"), en: join(|text| &text.en, "; ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basis_names_its_instruments() {
        assert!(Vocabulary::shipped().cite("NPPA 2021").en.ends_with(" (2021)"));
        let cited = Vocabulary::shipped().cite("ARP 9 ¶1; MCL type 1; Sea Charter 4");
        assert_eq!(
            cited.en,
            "Algorithmic Recommendation Management Provisions, Art. 9 ¶1; \
             Measures on Classifying Online Information That May Affect Minors (type 1); Sea Charter 4"
        );
        assert!(cited.zh.starts_with("《互联网信息服务算法推荐管理规定》第9条第1款、《可能影响"), "{}", cited.zh);
    }
}

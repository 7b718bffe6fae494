//! What a signal code means: in both languages, with its place in the law, an example, and what it is not.

use serde::Deserialize;

use crate::Vocabulary;
use crate::manifest::Text;

/// What the decision specification says of a code. All else on a code is this project's reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stated {
    /// One item of an article, in a few words.
    Item,
    /// One of the types of an instrument, without its article.
    Type,
    /// The name of a sub-code and no more.
    Name,
}

impl Stated {
    /// What nobody has settled yet.
    pub fn open(self) -> Text {
        let (zh, en) = match self {
            Self::Item => (
                "条款项次尚未与官方文本核对；含义系规范要点的转述，示例和界限为本项目的解读。",
                "The order of items is not checked against the official text. The example and the limit are our reading.",
            ),
            Self::Type => (
                "规范未给出条文序号；含义系规范要点的转述，示例和界限为本项目的解读。",
                "The specification gives no article number. The example and the limit are our reading.",
            ),
            Self::Name => (
                "规范只列出该代码的名称；含义、示例和界限均为本项目的解读。",
                "The specification gives only the name of this code. Its meaning, example and limit are our reading.",
            ),
        };
        Text { zh: zh.into(), en: en.into() }
    }
}

/// What one signal code means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// The code: `L11.fraud`.
    pub code: String,
    /// The instrument by its handle and, where it is known, the article: `ECO 6`.
    pub basis: String,
    /// The item of the article, or the type where the instrument has types.
    pub item: Option<u32>,
    /// What the decision specification says of it.
    pub stated: Stated,
    /// The meaning in Chinese.
    zh: String,
    /// The meaning in English.
    en: String,
    /// Something that has the code.
    pub example: Text,
    /// What does not have the code, and which one instead.
    pub not: Text,
}

impl Code {
    /// What it means.
    pub fn meaning(&self) -> Text {
        Text { zh: self.zh.clone(), en: self.en.clone() }
    }

    /// Where it stands: instrument, article and item.
    pub fn place(&self, vocabulary: &Vocabulary) -> Text {
        let (handle, article) = self.basis.split_once(' ').unwrap_or((&self.basis, ""));
        let named = vocabulary.instruments.get(handle);
        let mut zh = named.map_or(handle.to_owned(), |text| format!("《{}》", text.zh));
        let mut en = named.map_or(handle.to_owned(), |text| format!("{} ({handle})", text.en));
        if let Ok(article) = article.parse() {
            zh.push_str(&format!("第{}条", chinese(article)));
            en.push_str(&format!(", article {article}"));
        }
        match (self.item, article.is_empty()) {
            (Some(kind), true) => {
                zh.push_str(&format!("第{}类", chinese(kind)));
                en.push_str(&format!(", type {kind}"));
            }
            (Some(item), false) => {
                zh.push_str(&format!("第（{}）项", chinese(item)));
                en.push_str(&format!(", item {item}"));
            }
            (None, _) => {}
        }
        Text { zh, en }
    }
}

/// A number below a hundred as Chinese law writes it: 二十二.
fn chinese(number: u32) -> String {
    let digit = |digit: u32| "零一二三四五六七八九".chars().nth(digit as usize).unwrap_or('零');
    match (number / 10, number % 10) {
        (0, ones) => digit(ones).to_string(),
        (1, 0) => "十".into(),
        (1, ones) => format!("十{}", digit(ones)),
        (tens, 0) => format!("{}十", digit(tens)),
        (tens, ones) => format!("{}十{}", digit(tens), digit(ones)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, chinese};
    use crate::Vocabulary;

    #[test]
    fn numbers_are_written_as_law_writes_them() {
        assert_eq!([5, 10, 11, 20, 22].map(chinese), ["五", "十", "十一", "二十", "二十二"]);
    }

    #[test]
    fn a_place_names_instrument_article_and_item() {
        let vocabulary = Vocabulary::shipped();
        let place = |code: &str| vocabulary.signals.meaning(code).map(|code: &Code| code.place(vocabulary));
        let zh = |code: &str| place(code).map(|text| text.zh);
        let en = |code: &str| place(code).map(|text| text.en);
        assert_eq!(zh("L9").as_deref(), Some("《网络信息内容生态治理规定》第六条第（九）项"));
        assert_eq!(zh("M1.danger").as_deref(), Some("《可能影响未成年人身心健康的网络信息分类办法》第一类"));
        let minor = "Regulations on the Protection of Minors in Cyberspace (MIN), article 22";
        assert_eq!(en("L11.minor").as_deref(), Some(minor));
    }
}

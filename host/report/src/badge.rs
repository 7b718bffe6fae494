//! The filing badge (Art 26): the number, and the way to the published record.

use normgate::Language;

use crate::filing::is_filed;
use crate::page::Cell;
use crate::profile::{Problem, Profile};
use crate::{html, markdown};

/// Where filings are published.
const PUBLISHED: &str = "https://beian.cac.gov.cn";

/// The filing number with a link to the published record.
#[derive(Clone, Debug)]
pub struct Badge {
    language: Language,
    link: Cell,
}

impl Badge {
    /// The badge of a profile.
    ///
    /// # Errors
    /// When there is no filing number, or the filing is not in force.
    pub fn of(profile: &Profile, language: Language) -> Result<Self, Vec<Problem>> {
        let mut problems = profile.problems(&["state", "filing_no"]);
        let state = profile.text("state", Language::En).unwrap_or_default();
        let number = profile.text("filing_no", language);
        let mut say = |path: &str, message: String| problems.push(Problem { path: path.into(), message });
        if !is_filed(state) || ["cancelled", "已注销"].contains(&state) {
            say("state", format!("a badge shows a filing that is in force, and this one is `{state}`"));
        }
        let Some(number) = number.filter(|_| problems.is_empty()) else {
            if problems.is_empty() {
                problems.push(Problem { path: "filing_no".into(), message: "is missing".into() });
            }
            return Err(problems);
        };
        let text = language.pick(format!("算法备案编号:{number}"), format!("Algorithm filing no. {number}"));
        Ok(Self { language, link: Cell::Link { text, url: PUBLISHED.into() } })
    }

    /// The badge as a piece of HTML, for a conspicuous place.
    pub fn to_html(&self) -> String {
        format!("<p class=\"filing\" lang=\"{}\">{}</p>\n", html::tag(self.language), html::cell(&self.link))
    }

    /// The badge as a line of Markdown.
    pub fn to_markdown(&self) -> String {
        markdown::cell(&self.link) + "\n"
    }
}

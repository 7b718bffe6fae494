//! The filing record (Art 24), in the form of the filing, and by when it, a change, an end and the authority's answer are due.

use normgate::Language;
use normgate::contract::Day;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::calendar::{Calendar, CalendarError};
use crate::profile::{CATEGORIES, Problem, Profile, choice, in_chinese};

/// What a deadline runs from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The service began.
    Start,
    /// What was filed changed.
    Change,
    /// The service ended.
    End,
    /// The authority has complete material.
    Submit,
}

/// A deadline in working days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deadline {
    /// What it runs from.
    pub event: Event,
    /// On which day that was.
    pub on: Day,
    /// What is due.
    pub due: &'static str,
    /// Article of the Provisions.
    pub article: &'static str,
    /// How many working days there are; the first is the next working day.
    pub working_days: u32,
    /// The last of them.
    pub last_day: Day,
}

impl Event {
    /// What is due, by which article, within how many working days.
    fn term(self) -> (&'static str, &'static str, u32) {
        match self {
            Self::Start => ("filing", "24", 10),
            Self::Change => ("filing of the change", "24", 10),
            Self::End => ("cancellation of the filing", "24", 20),
            Self::Submit => ("decision of the authority", "25", 30),
        }
    }

    /// The deadline that runs from such an event on a day.
    ///
    /// # Errors
    /// When counting leaves the calendar.
    pub fn deadline(self, on: Day, calendar: &Calendar) -> Result<Deadline, CalendarError> {
        let (due, article, working_days) = self.term();
        Ok(Deadline { event: self, on, due, article, working_days, last_day: calendar.after(on, working_days)? })
    }
}

/// A filing with its deadlines.
#[derive(Clone, Debug, Serialize)]
pub struct Filing {
    /// The record.
    pub record: Value,
    /// By when what is due.
    pub deadlines: Vec<Deadline>,
    /// The announcements that working days were counted by.
    pub calendar: Vec<String>,
}

/// Why there is no filing.
#[derive(Debug, thiserror::Error)]
pub enum FilingError {
    /// Fields are missing or wrong.
    #[error("{} fields of the filing record are missing or wrong", .0.len())]
    Incomplete(Vec<Problem>),
    /// Days cannot be counted.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
}

impl Filing {
    /// The filing of a profile, with the deadlines of these events. What the record itself dates (`algorithm.online_date`,
    /// `dates.changed`, `dates.ended`, `dates.submitted`) has its deadline where no event of the kind is given, and a calendar
    /// is.
    ///
    /// # Errors
    /// When fields are missing or wrong, or a day lies outside of the calendar.
    pub fn of(profile: &Profile, events: &[(Event, Day)], calendar: Option<&Calendar>) -> Result<Self, FilingError> {
        let problems = problems(profile);
        if !problems.is_empty() {
            return Err(FilingError::Incomplete(problems));
        }
        let nothing = Calendar::default();
        let mut dated = events.to_vec();
        if events.is_empty() && calendar.is_some() {
            let known = [
                (Event::Start, "algorithm.online_date"),
                (Event::Change, "dates.changed"),
                (Event::End, "dates.ended"),
                (Event::Submit, "dates.submitted"),
            ];
            dated.extend(known.into_iter().filter_map(|(event, path)| Some((event, profile.day(path)?))));
        }
        let calendar = calendar.unwrap_or(&nothing);
        let deadlines =
            dated.into_iter().map(|(event, day)| event.deadline(day, calendar)).collect::<Result<_, _>>()?;
        Ok(Self { record: record(profile), deadlines, calendar: calendar.sources().map(str::to_owned).collect() })
    }
}

/// What is missing or wrong in the record.
fn problems(profile: &Profile) -> Vec<Problem> {
    let mut problems = profile.problems(&["subject", "algorithm", "products", "state", "filing_no", "dates"]);
    let state = profile.text("state", Language::En).unwrap_or_default();
    if is_filed(state) && profile.text("filing_no", Language::En).is_none() {
        let message = format!("is missing, and the state is {state}");
        problems.push(Problem { path: "filing_no".into(), message });
    }
    problems
}

/// Whether a filing in this state has a number.
pub(crate) fn is_filed(state: &str) -> bool {
    ["granted", "changed", "cancelled", "已备案", "已变更", "已注销"].contains(&state)
}

fn record(profile: &Profile) -> Value {
    let mut record = Map::new();
    for name in ["subject", "algorithm", "products", "state", "filing_no", "dates"] {
        record.insert(name.to_owned(), profile.section(name).map_or(Value::Null, in_chinese));
    }
    if let Some(category) = record.get_mut("algorithm").and_then(|algorithm| algorithm.get_mut("category")) {
        let name = choice(&CATEGORIES, category.as_str().unwrap_or_default(), Language::Zh);
        *category = Value::String(name);
    }
    Value::Object(record)
}

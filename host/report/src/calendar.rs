//! Counting working days, by a calendar that somebody else vouches for.
//!
//! Which days are worked is a fact that the State Council announces year by year, holidays and the weekend days that are worked
//! for them (调休). This program carries none of it: it reads files that say which days they cover, and refuses to count past
//! them.

use std::collections::BTreeSet;

use normgate::contract::Day;
use serde::Deserialize;

/// Days of holidays and of work, from one announcement or several.
#[derive(Clone, Debug, Default)]
pub struct Calendar {
    years: Vec<Announced>,
}

/// One file: which days it covers, which of them are off although they would be worked, and the other way round.
#[derive(Clone, Debug)]
struct Announced {
    source: String,
    from: Day,
    to: Day,
    holidays: BTreeSet<Day>,
    working_days: BTreeSet<Day>,
}

/// As it is written. Days are `YYYY-MM-DD`, spans `YYYY-MM-DD..YYYY-MM-DD` with both ends in them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    source: String,
    from: Day,
    to: Day,
    #[serde(default)]
    holidays: Vec<String>,
    #[serde(default)]
    working_days: Vec<String>,
}

/// Why days cannot be counted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CalendarError {
    /// It is no calendar.
    #[error("{0}")]
    Malformed(String),
    /// A day that no calendar covers.
    #[error(
        "{day} lies outside of the calendar, which covers {covered}; add the announcement of that year with another --calendar"
    )]
    Uncovered {
        /// The day.
        day: Day,
        /// What is covered.
        covered: String,
    },
}

impl Calendar {
    /// Adds what another file covers.
    ///
    /// # Errors
    /// What is wrong with the file, in one clause: no TOML of this form, a day outside of what it covers, a day both off and
    /// worked, a working day that is none of a weekend, days that another file covers already.
    pub fn add(&mut self, text: &str) -> Result<(), CalendarError> {
        let wrong = |message: String| Err(CalendarError::Malformed(message));
        let written: Written = match toml::from_str(text) {
            Ok(written) => written,
            Err(error) => return wrong(error.to_string()),
        };
        let Written { source, from, to, .. } = &written;
        if source.trim().is_empty() {
            return wrong("source: say which announcement the days are taken from".into());
        }
        if to < from {
            return wrong(format!("to: {to} is before {from}"));
        }
        if let Some(other) = self.years.iter().find(|other| other.from <= *to && *from <= other.to) {
            return wrong(format!("it covers days that `{}` covers too ({}..{})", other.source, other.from, other.to));
        }
        let days = |name: &str, spans: &[String]| -> Result<BTreeSet<Day>, CalendarError> {
            let mut days = BTreeSet::new();
            for span in spans {
                let (first, last) = span.split_once("..").unwrap_or((span, span));
                let parse = |text: &str| {
                    text.trim().parse::<Day>().map_err(|error| CalendarError::Malformed(format!("{name}: {error}")))
                };
                let (mut day, last) = (parse(first)?, parse(last)?);
                if day < *from || last > *to || last < day {
                    return Err(CalendarError::Malformed(format!("{name}: {span} does not lie in {from}..{to}")));
                }
                while day <= last {
                    days.insert(day);
                    day = day.next();
                }
            }
            Ok(days)
        };
        let holidays = days("holidays", &written.holidays)?;
        let working_days = days("working_days", &written.working_days)?;
        if let Some(day) = holidays.intersection(&working_days).next() {
            return wrong(format!("{day} is both a holiday and a working day"));
        }
        if let Some(day) = working_days.iter().find(|day| !is_weekend(**day)) {
            return wrong(format!("working_days: {day} is no Saturday or Sunday, so it is worked anyway"));
        }
        let Written { source, from, to, .. } = written;
        self.years.push(Announced { source, from, to, holidays, working_days });
        self.years.sort_by_key(|year| year.from);
        Ok(())
    }

    /// Where the days are taken from, in order of time.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.years.iter().map(|year| year.source.as_str())
    }

    /// Whether a day is worked.
    ///
    /// # Errors
    /// When no file covers it.
    pub fn is_working(&self, day: Day) -> Result<bool, CalendarError> {
        let Some(year) = self.years.iter().find(|year| year.from <= day && day <= year.to) else {
            let covered: Vec<String> = self.years.iter().map(|year| format!("{}..{}", year.from, year.to)).collect();
            let covered = if covered.is_empty() { "nothing".into() } else { covered.join(" and ") };
            return Err(CalendarError::Uncovered { day, covered });
        };
        Ok(year.working_days.contains(&day) || !(is_weekend(day) || year.holidays.contains(&day)))
    }

    /// The last of `count` working days after a day, the first of which is the next working day. With a count of 0 it is the
    /// day itself.
    ///
    /// # Errors
    /// When counting goes beyond what is covered, with the first day that is not.
    pub fn after(&self, day: Day, count: u32) -> Result<Day, CalendarError> {
        // The day itself counts for nothing, but a calendar that does not know it is not the one to count by.
        self.is_working(day)?;
        let (mut day, mut left) = (day, count);
        while left > 0 {
            day = day.next();
            left -= u32::from(self.is_working(day)?);
        }
        Ok(day)
    }
}

fn is_weekend(day: Day) -> bool {
    // 1970-01-01 was a Thursday, day 3 from Monday.
    let days = (day.start_ms() + 8 * 3_600_000) / 86_400_000;
    (days + 3).rem_euclid(7) >= 5
}

#[cfg(test)]
mod tests {
    use super::*;

    // A year that is none: its dates are made up.
    const MADE_UP: &str = r#"
        source = "made up for a test"
        from = "2091-01-01"
        to = "2091-12-31"
        holidays = ["2091-01-01..2091-01-03", "2091-03-14"]
        working_days = ["2091-01-06"]
    "#;

    fn calendar() -> Calendar {
        let mut calendar = Calendar::default();
        calendar.add(MADE_UP).expect("a calendar");
        calendar
    }

    fn day(text: &str) -> Day {
        text.parse().expect("a day")
    }

    #[test]
    fn weekends_are_off_and_announced_days_win() {
        // 2091-01-01 is a Monday.
        let working: Vec<bool> =
            (1..=9).map(|d| calendar().is_working(day(&format!("2091-01-{d:02}"))).expect("covered")).collect();
        assert_eq!(working, [false, false, false, true, true, true, false, true, true]);
        assert!(is_weekend(day("2026-11-01")) && !is_weekend(day("2026-11-02")));
    }

    #[test]
    fn the_first_day_is_the_next_working_day() {
        // After New Year's Day: 4th, 5th, the worked Saturday, 8th.
        assert_eq!(calendar().after(day("2091-01-01"), 4), Ok(day("2091-01-08")));
        assert_eq!(calendar().after(day("2091-01-08"), 10), Ok(day("2091-01-22")));
        assert_eq!(calendar().after(day("2091-03-13"), 1), Ok(day("2091-03-15")));
    }

    #[test]
    fn what_is_not_covered_is_refused_by_name() {
        let error = calendar().after(day("2091-12-28"), 10).expect_err("it ends").to_string();
        assert!(error.starts_with("2092-01-01 lies outside") && error.contains("2091-01-01..2091-12-31"), "{error}");
        assert!(calendar().after(day("2090-12-31"), 1).is_err());
        assert!(Calendar::default().is_working(day("2091-01-01")).expect_err("empty").to_string().contains("nothing"));
        let mut two = calendar();
        two.add(&MADE_UP.replace("2091", "2092").replace("\"2092-01-06\"", "")).expect("the next year");
        assert_eq!(two.after(day("2091-12-28"), 2), Ok(day("2092-01-04")));
    }

    #[test]
    fn a_calendar_that_contradicts_itself_is_refused() {
        let add = |from: &str, to: &str| {
            Calendar::default().add(&MADE_UP.replace(from, to)).expect_err("refused").to_string()
        };
        assert!(add("2091-03-14", "2092-03-14").contains("does not lie in"));
        assert!(add("2091-01-06", "2091-01-08").contains("no Saturday"));
        assert!(add("[\"2091-01-06\"]", "[\"2091-03-14\"]").contains("both"));
        assert!(add("made up for a test", " ").starts_with("source"));
        assert!(add("to = \"2091-12-31\"", "to = \"2090-12-31\"").contains("before"));
        assert!(calendar().add(MADE_UP).expect_err("twice").to_string().contains("covers too"));
        assert!(add("holidays", "hollidays").contains("unknown field"));
    }
}

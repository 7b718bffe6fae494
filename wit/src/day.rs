//! A calendar day in Asia/Shanghai, the unit in which rules come into force.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize, de};

/// A calendar day in Asia/Shanghai (UTC+8, without daylight saving since 1992), written `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(jiff::civil::Date);

impl Day {
    /// The instant at which the day begins, in milliseconds since 1970 (UTC).
    pub fn start_ms(self) -> i64 {
        let days = self.0.since(jiff::civil::date(1970, 1, 1)).map_or(0, |span| i64::from(span.get_days()));
        days * 86_400_000 - 8 * 3_600_000
    }

    /// The day that an instant lies in, in milliseconds since 1970 (UTC). Instants beyond the calendar lie in its first or last day.
    pub fn containing(at_ms: i64) -> Self {
        let days = at_ms.saturating_add(8 * 3_600_000).div_euclid(86_400_000);
        let last = if days < 0 { jiff::civil::Date::MIN } else { jiff::civil::Date::MAX };
        let span = jiff::Span::new().try_days(days);
        Self(span.and_then(|span| jiff::civil::date(1970, 1, 1).checked_add(span)).unwrap_or(last))
    }

    /// The day after it.
    pub fn next(self) -> Self {
        Self(self.0.tomorrow().unwrap_or(self.0))
    }
}

/// Milliseconds since 1970 (UTC), by the clock of this machine.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Exactly as a day is written: a time or a zone after it would be cut off.
        let day = text.parse().map(Day).ok().filter(|day| day.to_string() == text);
        day.ok_or_else(|| format!("`{text}` is not a day; write YYYY-MM-DD, for example 2026-11-01"))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Day;

    #[test]
    fn a_day_begins_eight_hours_before_utc_midnight() {
        let day: Day = "2026-01-01".parse().expect("a day");
        assert_eq!(day.start_ms(), 1_767_225_600_000 - 8 * 3_600_000);
        for text in [
            "2026-02-30",
            "2026-01-01T08:00",
            "2026-01-01 08:00",
            "2026-01-01Z",
            "20260101",
            "2026-1-1",
            " 2026-01-01",
            "",
        ] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
        assert_eq!((Day::containing(day.start_ms()), Day::containing(day.next().start_ms() - 1)), (day, day));
        assert_eq!(Day::containing(day.start_ms() - 1).next(), day);
        assert_eq!(Day::containing(i64::MAX).to_string(), "9999-12-31");
    }
}

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

/// An instant that somebody wrote down: `2027-01-01T00:00:00Z`, with another offset in the place of `Z`, or a day, which begins in
/// Asia/Shanghai.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

impl Moment {
    /// Milliseconds since 1970 (UTC).
    pub fn ms(self) -> i64 {
        self.0
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let instant = text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond);
        let expected = |_| format!("invalid instant `{text}`: expected YYYY-MM-DDThh:mm:ssZ, or a day as YYYY-MM-DD");
        instant.or_else(|_| text.parse::<Day>().map(Day::start_ms).map_err(expected)).map(Self)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX).fmt(f)
    }
}

impl Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // TOML has dates of its own, and who writes one means it.
        let text = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        text.parse().map_err(de::Error::custom)
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
    use super::{Day, Moment};

    #[test]
    fn an_instant_has_an_offset_or_is_the_beginning_of_a_day() {
        let ms = |text: &str| text.parse::<Moment>().map(Moment::ms);
        assert_eq!(ms("2027-01-01T00:00:00Z"), Ok(1_798_761_600_000));
        assert_eq!(ms("2027-01-01T08:00:00+08:00"), ms("2027-01-01T00:00:00Z"));
        assert_eq!(ms("2027-01-01"), ms("2026-12-31T16:00:00Z"));
        for wrong in ["", "2027-01-01T00:00:00", "2027-02-30", "tomorrow", "1798761600000"] {
            let said = ms(wrong).expect_err(wrong);
            assert_eq!(
                said,
                format!("invalid instant `{wrong}`: expected YYYY-MM-DDThh:mm:ssZ, or a day as YYYY-MM-DD")
            );
        }
        let moment: Moment = "2027-01-01T08:00:00+08:00".parse().expect("an instant");
        assert_eq!(moment.to_string(), "2027-01-01T00:00:00Z");
    }

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

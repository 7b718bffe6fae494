//! When metadata expires. Engineering defaults, stated in docs/publishing.md.

use jiff::Timestamp;
use normgate::contract::Day;
pub use normgate::contract::now_ms;

/// How long each kind of metadata lives, in days.
pub mod lifetime {
    /// The root of trust; renewing it takes several people.
    pub const ROOT: i64 = 365;
    /// Who is delegated to.
    pub const TARGETS: i64 = 365;
    /// What an association signs. One that has expired stops the whole repository from being taken, so it lives long.
    pub const ASSOCIATION: i64 = 365;
    /// Which versions belong together.
    pub const SNAPSHOT: i64 = 7;
    /// That nothing newer exists: how long somebody can hide an update from a platform.
    pub const TIMESTAMP: i64 = 1;
}

const DAY_MS: i64 = 86_400_000;

/// The day in Asia/Shanghai at this instant.
pub fn day_at(ms: i64) -> Option<Day> {
    let shanghai = Timestamp::from_second(ms / 1_000 + 8 * 3_600).ok()?;
    shanghai.strftime("%Y-%m-%d").to_string().parse().ok()
}

/// The day in Asia/Shanghai; none when the clock stands outside of the calendar.
pub fn today() -> Option<Day> {
    day_at(now_ms())
}

/// The instant so many days from now, to the second.
pub(crate) fn in_days(now_ms: i64, days: i64) -> Timestamp {
    Timestamp::from_second(now_ms.saturating_add(days * DAY_MS) / 1_000).unwrap_or(Timestamp::UNIX_EPOCH)
}

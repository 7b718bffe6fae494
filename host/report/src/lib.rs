//! What is told from a ledger and from manifests: reports for an authority, a platform and the public.
//!
//! # Layout
//! A report is a [`Page`] (`page`), written as Markdown (`markdown`) or as one HTML file (`html`, `plot`). Terms become words in
//! `words` and `phrases`. What a provider says of itself is a [`Profile`]. On these stand the reports: [`disclosure()`] for the
//! public (Art 7, 12, 16), [`Filing`] (Art 24, 25) with its [`Calendar`], [`Badge`] (Art 26).

mod badge;
mod calendar;
mod disclosure;
mod filing;
mod html;
mod markdown;
mod page;
mod phrases;
mod plot;
mod profile;
mod words;

pub use badge::Badge;
pub use calendar::{Calendar, CalendarError};
pub use disclosure::disclosure;
pub use filing::{Deadline, Event, Filing, FilingError};
pub use page::{Cell, Page, Plot, Shape, Table, count, share};
pub use profile::{Problem, Profile};
pub use words::Words;

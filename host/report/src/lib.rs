//! What is told from a ledger and from manifests: reports for an authority, a platform and the public.
//!
//! # Layout
//! A report is a [`Page`] (`page`), written as Markdown (`markdown`) or as one HTML file (`html`, `plot`). Terms become words in
//! `words` and `phrases`. What a provider says of itself is a [`Profile`]. On these stand the reports: [`disclosure()`] for the
//! public (Art 7, 12, 16), [`Filing`] (Art 24, 25) with its [`Calendar`], [`Badge`] (Art 26); of a recorded decision its
//! [`statement()`] (Art 17) and its [`statements`] of reasons under the DSA; of a ledger's range an [`Assessment`] (Art 8, 18, 24, 27).
//! A [`Comparison`] (`compare`) of two policy sets comes to a [`Difference`] (`diff`).

mod assessment;
mod assessment_page;
mod badge;
mod calendar;
mod compare;
mod diff;
mod diff_page;
mod disclosure;
mod dsa;
mod escape;
mod filing;
mod html;
mod markdown;
mod page;
mod parquet;
mod phrases;
mod plot;
mod profile;
mod statement;

pub use assessment::{
    Assessment, Causes, Confirmations, Effects, Failed, Fired, InShadow, Labelled, Ledger, Lists, NO_SURFACE, Owed,
    Protected, Shares, Tags,
};
pub use badge::Badge;
pub use calendar::{Calendar, CalendarError};
pub use compare::{Comparison, List, Rebuild, Request, Side};
pub use diff::{Change, Difference, Example, Of, OfRule, SideName};
pub use disclosure::disclosure;
pub use dsa::{StatementOfReasons, TooLong, statements};
pub use filing::{Deadline, Event, Filing, FilingError};
pub use page::{Cell, Page, Plot, Shape, Table, count, share};
pub use parquet::Parquet;
pub use profile::{Problem, Profile};
pub use statement::{Dossier, statement};

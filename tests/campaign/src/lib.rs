//! The hostile campaign: modules that nobody vouches for, judged beside innocent ones, and what must never come of it.
//!
//! One unit of work is one generated module ([`modules`]) or, later, one crowd of them on one gate. [`Campaign::unit`] runs
//! it and returns a [`Tally`]; everything in it follows from the seed and the unit's number. The program `hostile` runs
//! units in child processes; the tests run a few hundred of them in their own.
//!
//! [`targets`] holds the bodies of the fuzz targets under `fuzz/`, so that ordinary tests run them too.

mod campaign;
mod claims;
mod cost;
pub mod heap;
mod manifests;
pub mod modules;
mod numbers;
mod platform;
mod requests;
mod road;
mod spies;
mod tally;
pub mod targets;

pub use campaign::Campaign;
pub use tally::Tally;

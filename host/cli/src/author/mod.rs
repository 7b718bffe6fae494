//! For whoever writes a norm: starting, building, checking and testing it.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod inspect;
pub(crate) mod new;
pub(crate) mod test;
pub(crate) mod verify;
pub(crate) mod workbench;

mod against;
mod project;
mod readiness;
mod settings;
mod sources;

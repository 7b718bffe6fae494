//! For whoever judges: lists in, decisions out, in words and in figures; and where modules and requests come from.

pub(crate) mod bench;
pub(crate) mod codes;
pub(crate) mod compile;
pub(crate) mod demo;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod r#override;
pub(crate) mod requests;
pub(crate) mod source;

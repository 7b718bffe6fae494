//! For whoever hands modules on, and whoever takes them: keys, repositories, mirrors.

pub(crate) mod key;
pub(crate) mod mirror;
pub(crate) mod repo;
pub(crate) mod sync;

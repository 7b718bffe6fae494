//! A notice: something to know that changes no verdict. `notices.rs` words them.

use serde::Serialize;

/// Something to know that changes no verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// What kind of notice.
    pub code: &'static str,
    /// The policy concerned, if one is.
    pub policy: Option<String>,
    /// One sentence.
    pub message: String,
}

//! The reference reading of the Provisions, compiled: one component an article or sector norm, in the order of articles.
//!
//! It is issued by nobody: its authority is `reference`.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

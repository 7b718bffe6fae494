//! The requests that are judged: a content feed as a platform sends it, and one on which most rules fire.

use serde_json::{Value, json};

pub(crate) use crate::support::feed::content;
use crate::support::{Numbers, request_with};

/// Everything at once: every column, two values in three are known, most rules fire, every module is asked.
pub(crate) fn dense(rows: u64) -> String {
    let mut request: Value = serde_json::from_str(&request_with(&mut Numbers::new(rows), rows, 8)).unwrap();
    request["ctx"]["territory"] = json!("CN_MAINLAND");
    request["ctx"]["algo_type"] = json!("push");
    request.to_string()
}

//! The requests that are judged: a content feed as a platform sends it, and one on which most rules fire.

use serde_json::{Value, json};

use crate::support::{Numbers, request_with};

/// A content feed: most items are harmless, and most columns are the same everywhere. One item in ten carries signals, one
/// in ten is AI-made.
pub(crate) fn content(rows: u64) -> String {
    let candidates: Vec<Value> = (0..rows)
        .map(|row| {
            let mut item = json!({
                "id": format!("c{row}"), "kind": "short_video", "score": 1.0 - row as f64 / 1e5, "rank_pos": row,
                "scan_state": "done", "retrieval_basis": "personal", "commercial": false, "age_rating": "all",
                "matched_tags": ["t1"], "topic_id": row % 50, "author_id": row % 200, "aigc": {"meta_label": "none"},
                "news": {"is_news": false}, "engage": {"author_state": "normal"},
            });
            if row % 10 == 3 {
                item["signals"] = json!([{"code": "H1", "conf_ppm": 420_000, "source": "classifier"},
                                         {"code": "M1", "conf_ppm": 960_000, "source": "classifier"}]);
            }
            if row % 10 == 7 {
                item["aigc"]["meta_label"] = json!("1");
            }
            item
        })
        .collect();
    json!({
        "id": "feed",
        "ctx": {"territory": "CN_MAINLAND", "algo_type": "push", "surface": "feed", "now_ms": 1_767_225_600_000i64,
                "local_min": 600, "day_type": "weekend", "can_render_labels": true, "off_option": true},
        "user": {"age_band": "a18_60", "age_assurance": "id_verified", "personalization": "on", "recs_switch": "on",
                 "tags": [{"tag_id": "t1", "in_dictionary": true, "review": "approved", "state": "active",
                           "sensitive": false}]},
        "session": {"continuous_s": 600, "today_s": 1_200},
        "candidates": candidates,
    })
    .to_string()
}

/// Everything at once: every column, two values in three are known, most rules fire, every module is asked.
pub(crate) fn dense(rows: u64) -> String {
    let mut request: Value = serde_json::from_str(&request_with(&mut Numbers::new(rows), rows, 8)).unwrap();
    request["ctx"]["territory"] = json!("CN_MAINLAND");
    request["ctx"]["algo_type"] = json!("push");
    request.to_string()
}

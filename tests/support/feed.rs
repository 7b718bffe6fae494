//! A content feed as a platform sends it, for whoever measures.

use serde_json::{Value, json};

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

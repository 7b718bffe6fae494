//! Telephone dialogues, scam and ordinary, with the age of who is called.

use serde_json::{Value, json};

use super::{Adapter, Answer, Check, Item, Report, Set, Tally, candidate, has_rule, request};

/// A confidence that confirms, and one that only warrants caution with the elderly.
const CONFIDENCES: [u64; 2] = [960_000, 500_000];

pub(super) fn set() -> Set {
    Set {
        name: "telefraud_dialogues",
        modules: &["art06", "art09", "art19"],
        adapter: Box::new(Dialogues),
        tally: Box::<Seen>::default(),
    }
}

struct Dialogues;

impl Adapter for Dialogues {
    fn adapt(&mut self, row: Value) -> Vec<Item> {
        let items = CONFIDENCES.iter().map(|confidence| {
            // A dialogue has no kind of its own in the vocabulary: it travels as the text that it is.
            let mut candidate = candidate(0, "generated_text");
            candidate["aigc"]["human"] = row["ai_generated"].clone();
            if row["fraud"] == true {
                candidate["signals"] = json!([{"code": "L11.fraud", "source": "classifier", "conf_ppm": confidence}]);
            }
            let id = format!("{} {confidence}", row["id"].as_str().unwrap_or_default());
            let mut request = request(&id, "feed", "push", vec![candidate]);
            request["user"]["age_band"] = json!(row["user_age"].as_i64().map(band));
            let truth = json!({
                "fraud": row["fraud"], "ai": row["ai_generated"], "elder": row["user_age"].as_i64().map(|age| age >= 60),
                "confidence": confidence,
            });
            Item { request: Some(request), truth }
        });
        items.collect()
    }
}

fn band(age: i64) -> &'static str {
    match age {
        ..=2 => "a0_3",
        3..=7 => "a3_8",
        8..=11 => "a8_12",
        12..=15 => "a12_16",
        16..=17 => "a16_18",
        18..=59 => "a18_60",
        _ => "a60p",
    }
}

#[derive(Default)]
struct Seen {
    illegal: Check,
    elder_block: Check,
    elder_caution: Check,
    labelled: Check,
}

impl Tally for Seen {
    fn observe(&mut self, truth: &Value, answer: Option<&Answer>) {
        let Some(answer) = answer else { return };
        let (fraud, elder) = (truth["fraud"] == true, truth["elder"] == true);
        let sure = truth["confidence"].as_u64() == Some(CONFIDENCES[0]);
        for (_, verdict) in answer.by_row() {
            self.labelled.count(truth["ai"] == true, has_rule(verdict, "art09.ai-confirmed"));
            self.illegal.count(fraud && sure, has_rule(verdict, "art06.illegal-confirmed"));
            self.elder_block.count(fraud && sure && elder, has_rule(verdict, "art19.fraud-block"));
            self.elder_caution.count(fraud && !sure && elder, has_rule(verdict, "art19.fraud-caution"));
        }
    }

    fn report(&self, report: &mut Report) {
        report.plumbing("art09", "ai_generated -> aigc.human -> art09.ai-confirmed", &self.labelled);
        report.plumbing("art06", "fraud at 960000 ppm -> art06.illegal-confirmed", &self.illegal);
        report.plumbing("art19", "fraud at 960000 ppm, age 60 or more -> art19.fraud-block", &self.elder_block);
        report.plumbing(
            "art19",
            "fraud at 500000 ppm, age 60 or more (and nobody younger) -> art19.fraud-caution",
            &self.elder_caution,
        );
        report.limit("nothing on precision: scams and ordinary calls come from two generators, which a machine tells apart at once");
        report.limit("all texts are machine-written, so their ages and shares are the generators', not a population's");
        report.limit("a telephone call is no surface of the Provisions; the text is judged as an item of a feed");
    }
}

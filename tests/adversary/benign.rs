//! Values with which nothing happens, bent towards what a module is about.

use serde_json::{Value, json};

use crate::support::Numbers;

/// A value of a column for a request that aims at a module.
pub(super) fn value(module: &str, column: &str, numbers: &mut Numbers) -> Value {
    let mut one_of = |values: Value| match values {
        Value::Array(values) => numbers.pick(&values).clone(),
        value => value,
    };
    match (module, column) {
        // What the module is about.
        ("art06" | "art09" | "art13" | "art14", "request.ctx.surface") => one_of(json!([
            "feed",
            "push",
            "push",
            "popup",
            "splash",
            "hot_search",
            "ranking_list",
            "search_results",
            null
        ])),
        ("art11", "request.ctx.surface") => {
            one_of(json!(["home_first_screen", "feed", "feed", "nav_first", "store_first", "hot_search", null]))
        }
        ("art11" | "art12", "request.ctx.home_page") => one_of(json!([true, true, false, null])),
        ("art12", "request.ctx.surface") => {
            one_of(json!(["feed", "feed", "search_results", "home_first_screen", "detail"]))
        }
        ("art08", "request.session.topic_streak") => json!(1_000),
        ("art08", "request.session.streak_topic_id") => json!(1),
        ("art08", "candidates.topic_id") => one_of(json!([1, 2, null])),
        ("art10" | "art17", "candidates.matched_tags") => {
            one_of(json!([["t0"], ["t0", "t1"], ["t0", "t1"], ["t1", "t2"], ["t3"], [], null]))
        }
        ("art10" | "art17", "candidates.retrieval_basis") => one_of(json!(["personal", "personal", "query", null])),
        ("art10", "tags.in_dictionary") => one_of(json!([true, true, true, false])),
        ("art10", "tags.sensitive") => one_of(json!([false, false, false, true])),
        ("art10", "tags.origin") => json!("inferred"),
        ("art12", "candidates.dup_group") => one_of(json!([null, null, 0, 1, 2, 3, 4])),
        ("art12", "candidates.topic_id") => one_of(json!([null, 1, 2, 3])),
        ("art12", "candidates.author_id") => one_of(json!([null, 1, 2, 3, 4])),
        ("art13", "candidates.news.is_news") => one_of(json!([true, true, null, false])),
        ("art13", "candidates.news.running_topic") => json!(true),
        ("art15", "candidates.competitor" | "candidates.throttle_applied") => json!(true),
        ("art15", "candidates.throttle_reason") => one_of(json!(["none", "security", null])),
        ("art17", "candidates.kind") => one_of(json!(["article", "ad", "reenable_prompt", "service_notice"])),
        ("art17", "request.ctx.surface") => one_of(json!(["feed", "push", "search_results", "featured"])),
        ("art18", "request.user.age_band") => {
            one_of(json!(["a0_3", "a3_8", "a8_12", "a12_16", "a16_18", "a18_60", null]))
        }
        ("art18", "request.user.minor_mode") => one_of(json!([true, false, null])),
        ("art18", "candidates.in_minor_pool") => json!(true),
        ("art18", "candidates.age_rating") => json!("all"),
        ("art18", "candidates.kind") => one_of(json!(["article", "article", "game", "game_purchase", "tip", "ad"])),
        ("art18", "request.ctx.day_type") => json!("friday"),
        ("art19", "candidates.signals") => {
            let doubt = json!({"code": "L11.fraud", "source": "classifier", "conf_ppm": 550_000});
            let cleared = json!({"code": "L11.fraud", "source": "human", "conf_ppm": 0});
            one_of(json!([null, [doubt], [doubt, cleared]]))
        }
        ("art19" | "art05.elder-ui", "request.user.age_band") => one_of(json!(["a60p", "a60p", "a18_60", null])),
        ("art19" | "art05.elder-ui", "request.user.elder_mode") => one_of(json!([true, false, null])),
        ("art20" | "art05.delivery", "candidates.kind") => {
            one_of(json!(["work_order", "work_order", "work_order", "penalty", "incentive"]))
        }
        ("art20" | "art05.delivery", "request.ctx.surface") => json!("dispatch"),
        ("art20" | "art05.delivery", "request.ctx.algo_type") => json!("dispatch"),
        ("art05.delivery" | "art05.elder-ui", "request.provider.norms_adopted") => {
            one_of(json!([["delivery", "elder-ui"], ["delivery", "elder-ui"], ["delivery"], ["elder-ui"], []]))
        }
        ("art21", "candidates.kind") => one_of(json!(["product_offer", "service_offer", "coupon"])),
        ("art21", "candidates.offer.price_features") => {
            one_of(json!([[], [], ["quantity"], ["wtp_score"], ["device_model", "time"], null]))
        }
        ("art21", "candidates.offer.basis") => {
            one_of(json!(["none", "cost", "new_user", "profile_coupon", "profile_coupon", null]))
        }
        ("art21", "candidates.offer.rule_disclosed") => one_of(json!([true, false])),

        // What everybody else calls nothing.
        (_, "request.ctx.territory") => json!("CN_MAINLAND"),
        (_, "request.ctx.algo_type") => json!("push"),
        (_, "request.ctx.surface") => json!("feed"),
        (_, "request.ctx.can_render_labels") => json!(true),
        (_, "request.ctx.choice_entry_shown") => json!(true),
        (_, "request.ctx.nonpersonal_option") => json!(true),
        (_, "request.ctx.notice_seen_version") => json!(3),
        (_, "request.provider.notice_version") => json!(3),
        (_, "request.provider.disclosure_url_ok") => json!(true),
        (_, "request.provider.dispatch_rules_published") => json!(true),
        (_, "request.provider.permits") => json!(["edit_publish", "reprint", "platform"]),
        (_, "request.provider.list_version_ms") => json!(1_767_139_200_000i64),
        (_, "request.user.age_band") => json!("a18_60"),
        (_, "request.user.age_assurance") => json!("id_verified"),
        (_, "request.user.minor_mode" | "request.user.elder_mode") => json!(false),
        (_, "request.user.personalization" | "request.user.recs_switch") => json!("on"),
        (_, "request.session.continuous_s") => json!(600),
        (_, "request.session.today_s") => json!(1_200),
        (_, "candidates.kind") => json!("article"),
        (_, "candidates.scan_state") => json!("done"),
        (_, "candidates.retrieval_basis") => json!("generic"),
        (_, "candidates.commercial") => json!(false),
        (_, "candidates.news.is_news") => json!(false),
        (_, "candidates.news.origin") => json!("reprint"),
        (_, "candidates.news.source_listed") => json!("listed"),
        (_, "candidates.news.title_distorted") => json!(false),
        (_, "candidates.news.attribution") => json!("complete"),
        (_, "candidates.news.fact_state") => json!("verified"),
        (_, "candidates.engage.author_state") => json!("normal"),
        (_, "candidates.offer.ref_price_fen" | "candidates.price_fen") => json!(10_000),
        (_, "candidates.offer.ref_n") => json!(2_000_000),
        (_, "candidates.offer.price_features") => json!([]),
        (_, "candidates.work.continuous_s" | "candidates.work.day_s") => json!(300),
        (_, "candidates.work.active_orders") => json!(0),
        (_, "candidates.order.distance_m") => json!(100),
        (_, "candidates.order.eta_s") => json!(1_800),
        (_, "candidates.order.handling_s") => json!(300),
        (_, "candidates.order.eta_p50_s") => json!(1_500),
        (_, "candidates.order.pay_fen") => json!(1_000),
        (_, "candidates.order.est_s") => json!(1_200),
        (_, "candidates.order.min_wage_fen_h") => json!(2_000),
        (_, "candidates.penalty.cause") => json!("own"),
        (_, "tags.in_dictionary") => json!(true),
        (_, "tags.review") => json!("approved"),
        (_, "tags.sensitive") => json!(false),
        _ => Value::Null,
    }
}

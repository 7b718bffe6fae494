//! The numbers around which a column matters.

use crate::oracle::settings::Settings;

const DAY_MS: i64 = 86_400_000;

/// Bounds of an integer column under these settings; none = the ends of its range.
pub(super) fn of(column: &str, settings: &Settings, now_ms: i64) -> Vec<i64> {
    let number = |name: &str| settings.number(name);
    let days_ago = |name: &str| now_ms.saturating_sub(number(name) * DAY_MS);
    match column {
        "request.ctx.local_min" => vec![
            number("art18.curfew_from_min"),
            number("art18.curfew_to_min"),
            number("art18.game_from_min"),
            number("art18.game_to_min"),
            (number("art18.game_from_min") + number("art18.game_to_min")) / 2,
            0,
            600,
            1_439,
        ],
        "request.ctx.notice_seen_version" | "request.provider.notice_version" => vec![0, 1, 3],
        "request.provider.permit_expiry_ms" | "candidates.work.rest_until_ms" => vec![now_ms],
        "request.provider.list_version_ms" => vec![days_ago("art13.list_max_age_d")],
        "request.user.switch_changed_ms" | "request.user.profile_snapshot_ms" => vec![now_ms, now_ms - 1],
        "request.user.usage_limit_s" => vec![0, 3_600],
        "request.user.spend_cap_fen" => vec![0, 50_000],
        "request.user.spend_30d_fen" => vec![0, 49_000, 50_000, -5_000],
        "request.user.spend_month_game_fen" => vec![
            0,
            number("art18.topup_month_8_fen") - 4_000,
            number("art18.topup_month_8_fen"),
            number("art18.topup_month_16_fen") - 4_000,
            number("art18.topup_month_16_fen"),
        ],
        "request.user.guardian_day_limit_s" => vec![0, 1_800, 20_000],
        "request.session.continuous_s" => vec![number("art08.adult_rest_s"), number("art18.rest_s"), 0],
        "request.session.today_s" => vec![
            0,
            1_800,
            3_600,
            20_000,
            number("art18.day_limit_s"),
            number("art18.day_limit_16_s"),
            number("art18.day_limit_under8_s"),
        ],
        "request.session.topic_streak" => vec![number("art08.streak_max")],
        "request.session.streak_topic_id" | "candidates.topic_id" | "candidates.author_id" => vec![1, 2, -1],
        "candidates.dup_group" => vec![0, 1, 2, i64::MAX - 1],
        "candidates.exempt_ticket" | "candidates.engage.op_ticket" => vec![0, 0, 77],
        "candidates.price_fen" => {
            vec![0, 1_000, 4_000, 10_000, number("art18.topup_single_8_fen"), number("art18.topup_single_16_fen")]
        }
        "candidates.seen_24h" => vec![number("art12.seen_max")],
        "candidates.last_prompt_ms" => vec![days_ago("art17.reprompt_d")],
        "candidates.aigc.detect_ppm" => vec![number("common.t_detect")],
        "candidates.news.published_ms" => vec![days_ago("art13.rehash_d")],
        "candidates.engage.fake_engage_ppm" => vec![number("art14.fake_block"), number("art14.fake_demote")],
        "candidates.engage.user_impr_24h" => vec![number("art14.over_rec_max")],
        "candidates.offer.ref_price_fen" | "candidates.offer.nonmember_price_fen" => vec![9_000, 10_000, 11_000],
        "candidates.offer.claim_was_fen" | "candidates.offer.min_7d_fen" => vec![9_000, 10_000],
        "candidates.offer.ref_n" => vec![number("art21.min_ref_n")],
        "candidates.offer.fees_fen" | "candidates.offer.ref_fees_fen" => vec![0, 300, number("art21.tol_fen")],
        "candidates.work.continuous_s" => {
            vec![number("art20.max_continuous_s"), number("art05.delivery.max_continuous_s"), 0]
        }
        "candidates.work.day_s" => {
            vec![number("art20.day_s"), number("art20.hard_cap_s"), number("art05.delivery.day_s"), 0]
        }
        "candidates.work.days_without_rest" => vec![6, 7],
        "candidates.work.active_orders" | "candidates.work.max_orders" => vec![0, 3, number("art20.max_orders")],
        "candidates.order.distance_m" => vec![3_000, 0],
        "candidates.order.eta_s" => vec![1_019, 1_500, 1_800, 300],
        "candidates.order.handling_s" => vec![0, 300],
        "candidates.order.eta_p50_s" => vec![1_500, 1_600],
        "candidates.order.pay_fen" => vec![500, 666],
        "candidates.order.est_s" => vec![1_200],
        "candidates.order.min_wage_fen_h" => vec![2_000],
        "tags.last_evidence_ms" => vec![days_ago("art10.tag_ttl_d")],
        _ => Vec::new(),
    }
}

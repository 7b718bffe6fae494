//! Parameters with their defaults and bounds, and which rules take part how.

use std::collections::BTreeMap;

use normgate::Mode;
use normgate::contract::Value;

/// What an operator may set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// The modules loaded; none = all.
    pub(crate) modules: Option<Vec<String>>,
    /// Parameters that differ from their defaults.
    pub(crate) parameters: BTreeMap<String, Value>,
    /// Modes of rules and modules that differ from enforce.
    pub(crate) modes: BTreeMap<String, Mode>,
    /// Whether rows go by score.
    pub(crate) by_score: bool,
}

/// Name, default, smallest, largest.
pub(crate) const NUMBERS: &[(&str, i64, i64, i64)] = &[
    ("common.t_confirm", 950_000, 1, 1_000_000),
    ("common.t_suspect", 700_000, 1, 1_000_000),
    ("common.t_detect", 700_000, 1, 1_000_000),
    ("common.first_screen_slots", 8, 1, 100),
    ("art06.harm_w", 200_000, 0, 1_000_000),
    ("art06.harm_sus_w", 500_000, 0, 1_000_000),
    ("art08.adult_rest_s", 7_200, 600, 86_400),
    ("art08.streak_max", 5, 1, 1_000),
    ("art08.streak_w", 300_000, 0, 1_000_000),
    ("art08.spend_w", 300_000, 0, 1_000_000),
    ("art09.retain_d", 184, 184, 36_500),
    ("art09.report_s", 86_400, 0, 604_800),
    ("art09.harm_report_s", 86_400, 0, 604_800),
    ("art10.tag_ttl_d", 180, 1, 3_650),
    ("art10.tag_erase_s", 86_400, 0, 2_592_000),
    ("art11.positive_min", 1, 0, 100),
    ("art12.window", 10, 1, 1_000),
    ("art12.topic_max", 3, 1, 1_000),
    ("art12.author_max", 2, 1, 1_000),
    ("art12.scatter_w", 300_000, 0, 1_000_000),
    ("art12.seen_max", 2, 1, 1_000),
    ("art12.seen_w", 200_000, 0, 1_000_000),
    ("art13.list_max_age_d", 30, 1, 3_650),
    ("art13.rehash_d", 7, 1, 3_650),
    ("art14.fake_block", 300_000, 1, 1_000_000),
    ("art14.fake_demote", 100_000, 1, 1_000_000),
    ("art14.over_rec_max", 5, 1, 1_000),
    ("art14.overrec_w", 200_000, 0, 1_000_000),
    ("art14.suspect_w", 500_000, 0, 1_000_000),
    ("art14.log_retain_d", 184, 184, 36_500),
    ("art17.reprompt_d", 30, 1, 3_650),
    ("art18.day_limit_s", 3_600, 0, 86_400),
    ("art18.day_limit_16_s", 7_200, 0, 86_400),
    ("art18.day_limit_under8_s", 3_600, 0, 86_400),
    ("art18.curfew_from_min", 1_320, 0, 1_439),
    ("art18.curfew_to_min", 360, 0, 1_439),
    ("art18.rest_s", 1_800, 60, 86_400),
    ("art18.game_from_min", 1_200, 1_200, 1_439),
    ("art18.game_to_min", 1_260, 0, 1_260),
    ("art18.topup_single_8_fen", 5_000, 0, 5_000),
    ("art18.topup_month_8_fen", 20_000, 0, 20_000),
    ("art18.topup_single_16_fen", 10_000, 0, 10_000),
    ("art18.topup_month_16_fen", 40_000, 0, 40_000),
    ("art18.unscanned_w", 300_000, 0, 1_000_000),
    ("art18.age_fit_w", 500_000, 0, 1_000_000),
    ("art19.t_elder_fraud", 400_000, 1, 1_000_000),
    ("art19.fraud_w", 200_000, 0, 1_000_000),
    ("art19.health_w", 300_000, 0, 1_000_000),
    ("art20.max_continuous_s", 14_400, 600, 86_400),
    ("art20.pause_s", 1_200, 60, 86_400),
    ("art20.day_s", 28_800, 3_600, 86_400),
    ("art20.hard_cap_s", 43_200, 3_600, 86_400),
    ("art20.ebike_m_per_h", 15_000, 1_000, 120_000),
    ("art20.weather_ext_pct", 20, 0, 500),
    ("art20.max_orders", 5, 1, 100),
    ("art21.tol_fen", 0, 0, 100_000),
    ("art21.min_ref_n", 30, 1, 1_000_000),
    ("art05.delivery.max_continuous_s", 14_400, 600, 86_400),
    ("art05.delivery.pause_s", 1_200, 60, 86_400),
    ("art05.delivery.day_s", 28_800, 3_600, 86_400),
    ("art05.delivery.ebike_m_per_h", 15_000, 1_000, 120_000),
];

/// Name, default, the choices.
pub(crate) const CHOICES: &[(&str, &str, &[&str])] = &[
    ("common.unknown_age", "adult", &["adult", "minor"]),
    ("common.mode_default_band", "a8_12", &["a16_18", "a12_16", "a8_12", "a3_8", "a0_3"]),
    ("common.unset_personalization", "on", &["on", "off"]),
    ("art06.suspected_illegal", "hold", &["demote", "hold"]),
    ("art20.rest_day_block", "no", &["no", "yes"]),
    ("art21.informed_allows", "no", &["yes", "no"]),
    ("art05.delivery.rest_day_block", "no", &["no", "yes"]),
];

/// Pairs of which the first is never above the second.
pub(crate) const ORDERED: &[(&str, &str)] = &[
    ("common.t_suspect", "common.t_confirm"),
    ("art19.t_elder_fraud", "common.t_suspect"),
    ("art14.fake_demote", "art14.fake_block"),
    ("art06.harm_w", "art06.harm_sus_w"),
    ("art18.day_limit_under8_s", "art18.day_limit_s"),
    ("art18.day_limit_s", "art18.day_limit_16_s"),
    ("art18.game_from_min", "art18.game_to_min"),
    ("art18.topup_single_8_fen", "art18.topup_month_8_fen"),
    ("art18.topup_single_16_fen", "art18.topup_month_16_fen"),
    ("art18.topup_single_8_fen", "art18.topup_single_16_fen"),
    ("art18.topup_month_8_fen", "art18.topup_month_16_fen"),
    ("art20.max_continuous_s", "art20.day_s"),
    ("art20.day_s", "art20.hard_cap_s"),
    ("art11.positive_min", "common.first_screen_slots"),
    ("art05.delivery.max_continuous_s", "art05.delivery.day_s"),
];

/// How a rule takes part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Enforced,
    Shadow,
    /// Its module is not loaded.
    Silent,
}

/// The module of a rule: `art05.delivery` of `art05.delivery.speed`.
fn module(rule: &str) -> &str {
    rule.rsplit_once('.').map_or(rule, |(module, _)| module)
}

impl Settings {
    /// The value of a numeric parameter.
    pub(crate) fn number(&self, name: &str) -> i64 {
        match self.parameters.get(name) {
            Some(Value::Integer(number)) => *number,
            _ => NUMBERS.iter().find(|(known, ..)| *known == name).map_or(i64::MIN, |(_, default, ..)| *default),
        }
    }

    /// The value of a parameter that is a choice.
    pub(super) fn choice(&self, name: &str) -> &str {
        match self.parameters.get(name) {
            Some(Value::Term(term)) => term,
            _ => CHOICES.iter().find(|(known, ..)| *known == name).map_or("", |(_, default, _)| *default),
        }
    }

    /// How a rule takes part when these sector norms are adopted. A rule's own mode goes before its module's.
    pub(super) fn part(&self, rule: &str, adopted: &[&str]) -> Part {
        let module = module(rule);
        if self.modules.as_ref().is_some_and(|loaded| !loaded.iter().any(|name| name == module)) {
            return Part::Silent;
        }
        let configured = self.modes.get(rule).or_else(|| self.modes.get(module));
        let observed_only = module.strip_prefix("art05.").is_some_and(|pack| !adopted.contains(&pack));
        if observed_only || configured == Some(&Mode::Shadow) { Part::Shadow } else { Part::Enforced }
    }
}

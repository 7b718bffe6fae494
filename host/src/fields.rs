//! The columns and terms of the vocabulary, for programs that fill a batch ([`crate::BatchBuilder::column`]): a misspelt name is no
//! program. Generated from `wit/vocabulary.toml` by `make docs`, do not edit.

pub use crate::batch::{
    AnyTerm, Field, Hashed, Id, Ids, Integer, Number, Signals, Term, TermOf, Terms, Text,
    Tri,
};
/// Columns of the request itself: one value each.
pub mod request {
    use super::*;
    /// Columns of `request` under `ctx`.
    pub mod ctx {
        use super::*;
        /// `request.ctx.territory`
        pub const TERRITORY: Field<Term<crate::fields::terms::Territory>> = Field::shipped(
            "request.ctx.territory",
        );
        /// `request.ctx.algo_type`
        pub const ALGO_TYPE: Field<Term<crate::fields::terms::AlgoType>> = Field::shipped(
            "request.ctx.algo_type",
        );
        /// `request.ctx.surface`
        pub const SURFACE: Field<Term<crate::fields::terms::Surface>> = Field::shipped(
            "request.ctx.surface",
        );
        /// `request.ctx.home_page`
        pub const HOME_PAGE: Field<Tri> = Field::shipped("request.ctx.home_page");
        /// `request.ctx.can_render_labels`
        pub const CAN_RENDER_LABELS: Field<Tri> = Field::shipped(
            "request.ctx.can_render_labels",
        );
        /// `request.ctx.now_ms`
        pub const NOW_MS: Field<Integer> = Field::shipped("request.ctx.now_ms");
        /// `request.ctx.local_min`
        pub const LOCAL_MIN: Field<Integer> = Field::shipped("request.ctx.local_min");
        /// `request.ctx.day_type`
        pub const DAY_TYPE: Field<Term<crate::fields::terms::DayType>> = Field::shipped(
            "request.ctx.day_type",
        );
        /// `request.ctx.onboarding_forced`
        pub const ONBOARDING_FORCED: Field<Tri> = Field::shipped(
            "request.ctx.onboarding_forced",
        );
        /// `request.ctx.choice_entry_shown`
        pub const CHOICE_ENTRY_SHOWN: Field<Tri> = Field::shipped(
            "request.ctx.choice_entry_shown",
        );
        /// `request.ctx.nonpersonal_option`
        pub const NONPERSONAL_OPTION: Field<Tri> = Field::shipped(
            "request.ctx.nonpersonal_option",
        );
        /// `request.ctx.off_option`
        pub const OFF_OPTION: Field<Tri> = Field::shipped("request.ctx.off_option");
        /// `request.ctx.notice_seen_version`
        pub const NOTICE_SEEN_VERSION: Field<Integer> = Field::shipped(
            "request.ctx.notice_seen_version",
        );
    }
    /// Columns of `request` under `provider`.
    pub mod provider {
        use super::*;
        /// `request.provider.norms_adopted`
        pub const NORMS_ADOPTED: Field<Terms> = Field::shipped(
            "request.provider.norms_adopted",
        );
        /// `request.provider.permits`
        pub const PERMITS: Field<Terms> = Field::shipped("request.provider.permits");
        /// `request.provider.permit_expiry_ms`
        pub const PERMIT_EXPIRY_MS: Field<Integer> = Field::shipped(
            "request.provider.permit_expiry_ms",
        );
        /// `request.provider.list_version_ms`
        pub const LIST_VERSION_MS: Field<Integer> = Field::shipped(
            "request.provider.list_version_ms",
        );
        /// `request.provider.notice_version`
        pub const NOTICE_VERSION: Field<Integer> = Field::shipped(
            "request.provider.notice_version",
        );
        /// `request.provider.disclosure_url_ok`
        pub const DISCLOSURE_URL_OK: Field<Tri> = Field::shipped(
            "request.provider.disclosure_url_ok",
        );
        /// `request.provider.dispatch_rules_published`
        pub const DISPATCH_RULES_PUBLISHED: Field<Tri> = Field::shipped(
            "request.provider.dispatch_rules_published",
        );
    }
    /// Columns of `request` under `session`.
    pub mod session {
        use super::*;
        /// `request.session.continuous_s`
        pub const CONTINUOUS_S: Field<Integer> = Field::shipped(
            "request.session.continuous_s",
        );
        /// `request.session.today_s`
        pub const TODAY_S: Field<Integer> = Field::shipped("request.session.today_s");
        /// `request.session.topic_streak`
        pub const TOPIC_STREAK: Field<Integer> = Field::shipped(
            "request.session.topic_streak",
        );
        /// `request.session.streak_topic_id`
        pub const STREAK_TOPIC_ID: Field<Hashed> = Field::shipped(
            "request.session.streak_topic_id",
        );
    }
    /// Columns of `request` under `slate`.
    pub mod slate {
        use super::*;
        /// `request.slate.positions`
        pub const POSITIONS: Field<Integer> = Field::shipped("request.slate.positions");
    }
    /// Columns of `request` under `user`.
    pub mod user {
        use super::*;
        /// `request.user.ref`
        pub const REF: Field<Text> = Field::shipped("request.user.ref");
        /// `request.user.age_band`
        pub const AGE_BAND: Field<Term<crate::fields::terms::AgeBand>> = Field::shipped(
            "request.user.age_band",
        );
        /// `request.user.under_14`
        pub const UNDER_14: Field<Tri> = Field::shipped("request.user.under_14");
        /// `request.user.age_assurance`
        pub const AGE_ASSURANCE: Field<Term<crate::fields::terms::AgeAssurance>> = Field::shipped(
            "request.user.age_assurance",
        );
        /// `request.user.minor_mode`
        pub const MINOR_MODE: Field<Tri> = Field::shipped("request.user.minor_mode");
        /// `request.user.elder_mode`
        pub const ELDER_MODE: Field<Tri> = Field::shipped("request.user.elder_mode");
        /// `request.user.mode_default_band`
        pub const MODE_DEFAULT_BAND: Field<Term<crate::fields::terms::MinorBand>> = Field::shipped(
            "request.user.mode_default_band",
        );
        /// `request.user.personalization`
        pub const PERSONALIZATION: Field<Term<crate::fields::terms::Personalization>> = Field::shipped(
            "request.user.personalization",
        );
        /// `request.user.recs_switch`
        pub const RECS_SWITCH: Field<Term<crate::fields::terms::Switch>> = Field::shipped(
            "request.user.recs_switch",
        );
        /// `request.user.switch_changed_ms`
        pub const SWITCH_CHANGED_MS: Field<Integer> = Field::shipped(
            "request.user.switch_changed_ms",
        );
        /// `request.user.profile_snapshot_ms`
        pub const PROFILE_SNAPSHOT_MS: Field<Integer> = Field::shipped(
            "request.user.profile_snapshot_ms",
        );
        /// `request.user.usage_limit_s`
        pub const USAGE_LIMIT_S: Field<Integer> = Field::shipped(
            "request.user.usage_limit_s",
        );
        /// `request.user.spend_cap_fen`
        pub const SPEND_CAP_FEN: Field<Integer> = Field::shipped(
            "request.user.spend_cap_fen",
        );
        /// `request.user.spend_30d_fen`
        pub const SPEND_30D_FEN: Field<Integer> = Field::shipped(
            "request.user.spend_30d_fen",
        );
        /// `request.user.spend_month_game_fen`
        pub const SPEND_MONTH_GAME_FEN: Field<Integer> = Field::shipped(
            "request.user.spend_month_game_fen",
        );
        /// `request.user.guardian_consent`
        pub const GUARDIAN_CONSENT: Field<Tri> = Field::shipped(
            "request.user.guardian_consent",
        );
        /// `request.user.guardian_day_limit_s`
        pub const GUARDIAN_DAY_LIMIT_S: Field<Integer> = Field::shipped(
            "request.user.guardian_day_limit_s",
        );
        /// `request.user.guardian_curfew_exempt`
        pub const GUARDIAN_CURFEW_EXEMPT: Field<Tri> = Field::shipped(
            "request.user.guardian_curfew_exempt",
        );
    }
}
/// Columns of the rows at `candidates`.
pub mod candidates {
    use super::*;
    /// `candidates.id`
    pub const ID: Field<Id> = Field::shipped("candidates.id");
    /// `candidates.kind`
    pub const KIND: Field<Term<crate::fields::terms::Kind>> = Field::shipped(
        "candidates.kind",
    );
    /// `candidates.title`
    pub const TITLE: Field<Text> = Field::shipped("candidates.title");
    /// `candidates.score`
    pub const SCORE: Field<Number> = Field::shipped("candidates.score");
    /// `candidates.scan_state`
    pub const SCAN_STATE: Field<Term<crate::fields::terms::ScanState>> = Field::shipped(
        "candidates.scan_state",
    );
    /// `candidates.retrieval_basis`
    pub const RETRIEVAL_BASIS: Field<Term<crate::fields::terms::RetrievalBasis>> = Field::shipped(
        "candidates.retrieval_basis",
    );
    /// `candidates.commercial`
    pub const COMMERCIAL: Field<Tri> = Field::shipped("candidates.commercial");
    /// `candidates.rank_pos`
    pub const RANK_POS: Field<Integer> = Field::shipped("candidates.rank_pos");
    /// `candidates.pinned`
    pub const PINNED: Field<Tri> = Field::shipped("candidates.pinned");
    /// `candidates.signals`
    pub const SIGNALS: Field<Signals> = Field::shipped("candidates.signals");
    /// `candidates.media_type`
    pub const MEDIA_TYPE: Field<Term<crate::fields::terms::MediaType>> = Field::shipped(
        "candidates.media_type",
    );
    /// `candidates.price_fen`
    pub const PRICE_FEN: Field<Integer> = Field::shipped("candidates.price_fen");
    /// `candidates.topic_id`
    pub const TOPIC_ID: Field<Hashed> = Field::shipped("candidates.topic_id");
    /// `candidates.author_id`
    pub const AUTHOR_ID: Field<Hashed> = Field::shipped("candidates.author_id");
    /// `candidates.dup_group`
    pub const DUP_GROUP: Field<Hashed> = Field::shipped("candidates.dup_group");
    /// `candidates.seen_24h`
    pub const SEEN_24H: Field<Integer> = Field::shipped("candidates.seen_24h");
    /// `candidates.neg_feedback`
    pub const NEG_FEEDBACK: Field<Tri> = Field::shipped("candidates.neg_feedback");
    /// `candidates.exempt`
    pub const EXEMPT: Field<Term<crate::fields::terms::Exempt>> = Field::shipped(
        "candidates.exempt",
    );
    /// `candidates.exempt_ticket`
    pub const EXEMPT_TICKET: Field<Hashed> = Field::shipped("candidates.exempt_ticket");
    /// `candidates.autoplay`
    pub const AUTOPLAY: Field<Tri> = Field::shipped("candidates.autoplay");
    /// `candidates.time_incentive`
    pub const TIME_INCENTIVE: Field<Tri> = Field::shipped("candidates.time_incentive");
    /// `candidates.credit_offer`
    pub const CREDIT_OFFER: Field<Tri> = Field::shipped("candidates.credit_offer");
    /// `candidates.consume_risk`
    pub const CONSUME_RISK: Field<Term<crate::fields::terms::ConsumeRisk>> = Field::shipped(
        "candidates.consume_risk",
    );
    /// `candidates.matched_tags`
    pub const MATCHED_TAGS: Field<Ids> = Field::shipped("candidates.matched_tags");
    /// `candidates.major_impact`
    pub const MAJOR_IMPACT: Field<Tri> = Field::shipped("candidates.major_impact");
    /// `candidates.last_prompt_ms`
    pub const LAST_PROMPT_MS: Field<Integer> = Field::shipped(
        "candidates.last_prompt_ms",
    );
    /// `candidates.age_rating`
    pub const AGE_RATING: Field<Term<crate::fields::terms::AgeRating>> = Field::shipped(
        "candidates.age_rating",
    );
    /// `candidates.in_minor_pool`
    pub const IN_MINOR_POOL: Field<Tri> = Field::shipped("candidates.in_minor_pool");
    /// `candidates.essential`
    pub const ESSENTIAL: Field<Tri> = Field::shipped("candidates.essential");
    /// `candidates.fan_vote`
    pub const FAN_VOTE: Field<Tri> = Field::shipped("candidates.fan_vote");
    /// `candidates.ad_class`
    pub const AD_CLASS: Field<Term<crate::fields::terms::AdClass>> = Field::shipped(
        "candidates.ad_class",
    );
    /// `candidates.induce`
    pub const INDUCE: Field<Term<crate::fields::terms::Induce>> = Field::shipped(
        "candidates.induce",
    );
    /// `candidates.health_claim`
    pub const HEALTH_CLAIM: Field<Tri> = Field::shipped("candidates.health_claim");
    /// `candidates.claim_verified`
    pub const CLAIM_VERIFIED: Field<Tri> = Field::shipped("candidates.claim_verified");
    /// `candidates.service_class`
    pub const SERVICE_CLASS: Field<Term<crate::fields::terms::ServiceClass>> = Field::shipped(
        "candidates.service_class",
    );
    /// `candidates.competitor`
    pub const COMPETITOR: Field<Tri> = Field::shipped("candidates.competitor");
    /// `candidates.throttle_applied`
    pub const THROTTLE_APPLIED: Field<Tri> = Field::shipped(
        "candidates.throttle_applied",
    );
    /// `candidates.throttle_reason`
    pub const THROTTLE_REASON: Field<Term<crate::fields::terms::ThrottleReason>> = Field::shipped(
        "candidates.throttle_reason",
    );
    /// `candidates.exclusive_penalty`
    pub const EXCLUSIVE_PENALTY: Field<Tri> = Field::shipped(
        "candidates.exclusive_penalty",
    );
    /// `candidates.parity_penalty`
    pub const PARITY_PENALTY: Field<Tri> = Field::shipped("candidates.parity_penalty");
    /// `candidates.forced_autoprice`
    pub const FORCED_AUTOPRICE: Field<Tri> = Field::shipped(
        "candidates.forced_autoprice",
    );
    /// Columns of `candidates` under `aigc`.
    pub mod aigc {
        use super::*;
        /// `candidates.aigc.meta_label`
        pub const META_LABEL: Field<Term<crate::fields::terms::MetaLabel>> = Field::shipped(
            "candidates.aigc.meta_label",
        );
        /// `candidates.aigc.declared`
        pub const DECLARED: Field<Tri> = Field::shipped("candidates.aigc.declared");
        /// `candidates.aigc.detect_ppm`
        pub const DETECT_PPM: Field<Integer> = Field::shipped(
            "candidates.aigc.detect_ppm",
        );
        /// `candidates.aigc.trace_explicit`
        pub const TRACE_EXPLICIT: Field<Tri> = Field::shipped(
            "candidates.aigc.trace_explicit",
        );
        /// `candidates.aigc.label_shown`
        pub const LABEL_SHOWN: Field<Tri> = Field::shipped(
            "candidates.aigc.label_shown",
        );
        /// `candidates.aigc.produced_here`
        pub const PRODUCED_HERE: Field<Tri> = Field::shipped(
            "candidates.aigc.produced_here",
        );
        /// `candidates.aigc.tampered`
        pub const TAMPERED: Field<Tri> = Field::shipped("candidates.aigc.tampered");
        /// `candidates.aigc.human`
        pub const HUMAN: Field<Tri> = Field::shipped("candidates.aigc.human");
        /// `candidates.aigc.export_unlabeled`
        pub const EXPORT_UNLABELED: Field<Tri> = Field::shipped(
            "candidates.aigc.export_unlabeled",
        );
        /// `candidates.aigc.user_agreement`
        pub const USER_AGREEMENT: Field<Tri> = Field::shipped(
            "candidates.aigc.user_agreement",
        );
    }
    /// Columns of `candidates` under `engage`.
    pub mod engage {
        use super::*;
        /// `candidates.engage.author_state`
        pub const AUTHOR_STATE: Field<Term<crate::fields::terms::AuthorState>> = Field::shipped(
            "candidates.engage.author_state",
        );
        /// `candidates.engage.fake_engage_ppm`
        pub const FAKE_ENGAGE_PPM: Field<Integer> = Field::shipped(
            "candidates.engage.fake_engage_ppm",
        );
        /// `candidates.engage.manual_op`
        pub const MANUAL_OP: Field<Term<crate::fields::terms::ManualOp>> = Field::shipped(
            "candidates.engage.manual_op",
        );
        /// `candidates.engage.op_ticket`
        pub const OP_TICKET: Field<Hashed> = Field::shipped(
            "candidates.engage.op_ticket",
        );
        /// `candidates.engage.paid_rank`
        pub const PAID_RANK: Field<Tri> = Field::shipped("candidates.engage.paid_rank");
        /// `candidates.engage.self_affiliated`
        pub const SELF_AFFILIATED: Field<Tri> = Field::shipped(
            "candidates.engage.self_affiliated",
        );
        /// `candidates.engage.self_boost`
        pub const SELF_BOOST: Field<Tri> = Field::shipped(
            "candidates.engage.self_boost",
        );
        /// `candidates.engage.rule_published`
        pub const RULE_PUBLISHED: Field<Tri> = Field::shipped(
            "candidates.engage.rule_published",
        );
        /// `candidates.engage.user_impr_24h`
        pub const USER_IMPR_24H: Field<Integer> = Field::shipped(
            "candidates.engage.user_impr_24h",
        );
    }
    /// Columns of `candidates` under `incentive`.
    pub mod incentive {
        use super::*;
        /// `candidates.incentive.needs_overtime`
        pub const NEEDS_OVERTIME: Field<Tri> = Field::shipped(
            "candidates.incentive.needs_overtime",
        );
    }
    /// Columns of `candidates` under `news`.
    pub mod news {
        use super::*;
        /// `candidates.news.is_news`
        pub const IS_NEWS: Field<Tri> = Field::shipped("candidates.news.is_news");
        /// `candidates.news.origin`
        pub const ORIGIN: Field<Term<crate::fields::terms::NewsOrigin>> = Field::shipped(
            "candidates.news.origin",
        );
        /// `candidates.news.source_listed`
        pub const SOURCE_LISTED: Field<Term<crate::fields::terms::SourceListed>> = Field::shipped(
            "candidates.news.source_listed",
        );
        /// `candidates.news.title_distorted`
        pub const TITLE_DISTORTED: Field<Tri> = Field::shipped(
            "candidates.news.title_distorted",
        );
        /// `candidates.news.attribution`
        pub const ATTRIBUTION: Field<Term<crate::fields::terms::Attribution>> = Field::shipped(
            "candidates.news.attribution",
        );
        /// `candidates.news.fact_state`
        pub const FACT_STATE: Field<Term<crate::fields::terms::FactState>> = Field::shipped(
            "candidates.news.fact_state",
        );
        /// `candidates.news.published_ms`
        pub const PUBLISHED_MS: Field<Integer> = Field::shipped(
            "candidates.news.published_ms",
        );
        /// `candidates.news.running_topic`
        pub const RUNNING_TOPIC: Field<Tri> = Field::shipped(
            "candidates.news.running_topic",
        );
    }
    /// Columns of `candidates` under `offer`.
    pub mod offer {
        use super::*;
        /// `candidates.offer.sku_id`
        pub const SKU_ID: Field<Text> = Field::shipped("candidates.offer.sku_id");
        /// `candidates.offer.cond_key`
        pub const COND_KEY: Field<Hashed> = Field::shipped("candidates.offer.cond_key");
        /// `candidates.offer.ref_price_fen`
        pub const REF_PRICE_FEN: Field<Integer> = Field::shipped(
            "candidates.offer.ref_price_fen",
        );
        /// `candidates.offer.ref_n`
        pub const REF_N: Field<Integer> = Field::shipped("candidates.offer.ref_n");
        /// `candidates.offer.fees_fen`
        pub const FEES_FEN: Field<Integer> = Field::shipped("candidates.offer.fees_fen");
        /// `candidates.offer.ref_fees_fen`
        pub const REF_FEES_FEN: Field<Integer> = Field::shipped(
            "candidates.offer.ref_fees_fen",
        );
        /// `candidates.offer.price_features`
        pub const PRICE_FEATURES: Field<Terms> = Field::shipped(
            "candidates.offer.price_features",
        );
        /// `candidates.offer.basis`
        pub const BASIS: Field<Term<crate::fields::terms::PriceBasis>> = Field::shipped(
            "candidates.offer.basis",
        );
        /// `candidates.offer.rule_disclosed`
        pub const RULE_DISCLOSED: Field<Tri> = Field::shipped(
            "candidates.offer.rule_disclosed",
        );
        /// `candidates.offer.user_informed`
        pub const USER_INFORMED: Field<Tri> = Field::shipped(
            "candidates.offer.user_informed",
        );
        /// `candidates.offer.claim_was_fen`
        pub const CLAIM_WAS_FEN: Field<Integer> = Field::shipped(
            "candidates.offer.claim_was_fen",
        );
        /// `candidates.offer.min_7d_fen`
        pub const MIN_7D_FEN: Field<Integer> = Field::shipped(
            "candidates.offer.min_7d_fen",
        );
        /// `candidates.offer.member`
        pub const MEMBER: Field<Tri> = Field::shipped("candidates.offer.member");
        /// `candidates.offer.nonmember_price_fen`
        pub const NONMEMBER_PRICE_FEN: Field<Integer> = Field::shipped(
            "candidates.offer.nonmember_price_fen",
        );
        /// `candidates.offer.coupon_fail_shown`
        pub const COUPON_FAIL_SHOWN: Field<Term<crate::fields::terms::CouponFail>> = Field::shipped(
            "candidates.offer.coupon_fail_shown",
        );
        /// `candidates.offer.coupon_fail_true`
        pub const COUPON_FAIL_TRUE: Field<Term<crate::fields::terms::CouponFail>> = Field::shipped(
            "candidates.offer.coupon_fail_true",
        );
    }
    /// Columns of `candidates` under `order`.
    pub mod order {
        use super::*;
        /// `candidates.order.distance_m`
        pub const DISTANCE_M: Field<Integer> = Field::shipped(
            "candidates.order.distance_m",
        );
        /// `candidates.order.eta_s`
        pub const ETA_S: Field<Integer> = Field::shipped("candidates.order.eta_s");
        /// `candidates.order.handling_s`
        pub const HANDLING_S: Field<Integer> = Field::shipped(
            "candidates.order.handling_s",
        );
        /// `candidates.order.eta_p50_s`
        pub const ETA_P50_S: Field<Integer> = Field::shipped(
            "candidates.order.eta_p50_s",
        );
        /// `candidates.order.weather`
        pub const WEATHER: Field<Term<crate::fields::terms::Weather>> = Field::shipped(
            "candidates.order.weather",
        );
        /// `candidates.order.pay_fen`
        pub const PAY_FEN: Field<Integer> = Field::shipped("candidates.order.pay_fen");
        /// `candidates.order.est_s`
        pub const EST_S: Field<Integer> = Field::shipped("candidates.order.est_s");
        /// `candidates.order.min_wage_fen_h`
        pub const MIN_WAGE_FEN_H: Field<Integer> = Field::shipped(
            "candidates.order.min_wage_fen_h",
        );
    }
    /// Columns of `candidates` under `penalty`.
    pub mod penalty {
        use super::*;
        /// `candidates.penalty.cause`
        pub const CAUSE: Field<Term<crate::fields::terms::PenaltyCause>> = Field::shipped(
            "candidates.penalty.cause",
        );
        /// `candidates.penalty.appeal`
        pub const APPEAL: Field<Term<crate::fields::terms::PenaltyAppeal>> = Field::shipped(
            "candidates.penalty.appeal",
        );
    }
    /// Columns of `candidates` under `work`.
    pub mod work {
        use super::*;
        /// `candidates.work.continuous_s`
        pub const CONTINUOUS_S: Field<Integer> = Field::shipped(
            "candidates.work.continuous_s",
        );
        /// `candidates.work.day_s`
        pub const DAY_S: Field<Integer> = Field::shipped("candidates.work.day_s");
        /// `candidates.work.days_without_rest`
        pub const DAYS_WITHOUT_REST: Field<Integer> = Field::shipped(
            "candidates.work.days_without_rest",
        );
        /// `candidates.work.overtime_ok`
        pub const OVERTIME_OK: Field<Tri> = Field::shipped(
            "candidates.work.overtime_ok",
        );
        /// `candidates.work.rest_until_ms`
        pub const REST_UNTIL_MS: Field<Integer> = Field::shipped(
            "candidates.work.rest_until_ms",
        );
        /// `candidates.work.active_orders`
        pub const ACTIVE_ORDERS: Field<Integer> = Field::shipped(
            "candidates.work.active_orders",
        );
        /// `candidates.work.max_orders`
        pub const MAX_ORDERS: Field<Integer> = Field::shipped(
            "candidates.work.max_orders",
        );
        /// `candidates.work.vehicle`
        pub const VEHICLE: Field<Term<crate::fields::terms::Vehicle>> = Field::shipped(
            "candidates.work.vehicle",
        );
    }
}
/// Columns of the rows at `user.tags`.
pub mod tags {
    use super::*;
    /// `tags.tag_id`
    pub const TAG_ID: Field<Id> = Field::shipped("tags.tag_id");
    /// `tags.signals`
    pub const SIGNALS: Field<Signals> = Field::shipped("tags.signals");
    /// `tags.in_dictionary`
    pub const IN_DICTIONARY: Field<Tri> = Field::shipped("tags.in_dictionary");
    /// `tags.review`
    pub const REVIEW: Field<Term<crate::fields::terms::TagReview>> = Field::shipped(
        "tags.review",
    );
    /// `tags.origin`
    pub const ORIGIN: Field<Term<crate::fields::terms::TagOrigin>> = Field::shipped(
        "tags.origin",
    );
    /// `tags.state`
    pub const STATE: Field<Term<crate::fields::terms::TagState>> = Field::shipped(
        "tags.state",
    );
    /// `tags.sensitive`
    pub const SENSITIVE: Field<Tri> = Field::shipped("tags.sensitive");
    /// `tags.separate_consent`
    pub const SEPARATE_CONSENT: Field<Tri> = Field::shipped("tags.separate_consent");
    /// `tags.purpose`
    pub const PURPOSE: Field<Term<crate::fields::terms::TagPurpose>> = Field::shipped(
        "tags.purpose",
    );
    /// `tags.last_evidence_ms`
    pub const LAST_EVIDENCE_MS: Field<Integer> = Field::shipped("tags.last_evidence_ms");
}
/// The sets of terms.
pub mod terms {
    use super::TermOf;
    /// Term set `ad_class`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum AdClass {
        /// `none`
        None,
        /// `medical`
        Medical,
        /// `drug`
        Drug,
        /// `health_food`
        HealthFood,
        /// `med_device`
        MedDevice,
        /// `cosmetic`
        Cosmetic,
        /// `alcohol`
        Alcohol,
        /// `tobacco`
        Tobacco,
        /// `beauty`
        Beauty,
        /// `game_harmful`
        GameHarmful,
        /// `other`
        Other,
    }
    impl TermOf for AdClass {
        const SET: Option<&'static str> = Some("ad_class");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `age_assurance`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum AgeAssurance {
        /// `none`
        None,
        /// `self`
        SelfStated,
        /// `inferred`
        Inferred,
        /// `guardian`
        Guardian,
        /// `id_verified`
        IdVerified,
    }
    impl TermOf for AgeAssurance {
        const SET: Option<&'static str> = Some("age_assurance");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `age_band`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum AgeBand {
        /// `a0_3`
        A0_3,
        /// `a3_8`
        A3_8,
        /// `a8_12`
        A8_12,
        /// `a12_16`
        A12_16,
        /// `a16_18`
        A16_18,
        /// `a18_60`
        A18_60,
        /// `a60p`
        A60p,
    }
    impl TermOf for AgeBand {
        const SET: Option<&'static str> = Some("age_band");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `age_rating`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum AgeRating {
        /// `all`
        All,
        /// `r3`
        R3,
        /// `r8`
        R8,
        /// `r12`
        R12,
        /// `r16`
        R16,
        /// `r18`
        R18,
    }
    impl TermOf for AgeRating {
        const SET: Option<&'static str> = Some("age_rating");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `algo_type`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum AlgoType {
        /// `generate`
        Generate,
        /// `push`
        Push,
        /// `rank`
        Rank,
        /// `filter`
        Filter,
        /// `dispatch`
        Dispatch,
        /// `none`
        None,
    }
    impl TermOf for AlgoType {
        const SET: Option<&'static str> = Some("algo_type");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `attribution`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Attribution {
        /// `complete`
        Complete,
        /// `available`
        Available,
        /// `missing`
        Missing,
    }
    impl TermOf for Attribution {
        const SET: Option<&'static str> = Some("attribution");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `author_state`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum AuthorState {
        /// `normal`
        Normal,
        /// `suspected_fake`
        SuspectedFake,
        /// `fake`
        Fake,
        /// `traded`
        Traded,
        /// `hijacked`
        Hijacked,
    }
    impl TermOf for AuthorState {
        const SET: Option<&'static str> = Some("author_state");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `consume_risk`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ConsumeRisk {
        /// `low`
        Low,
        /// `high`
        High,
    }
    impl TermOf for ConsumeRisk {
        const SET: Option<&'static str> = Some("consume_risk");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `coupon_fail`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum CouponFail {
        /// `none`
        None,
        /// `expired`
        Expired,
        /// `threshold_not_met`
        ThresholdNotMet,
        /// `not_eligible`
        NotEligible,
        /// `sold_out`
        SoldOut,
        /// `region`
        Region,
        /// `not_stackable`
        NotStackable,
        /// `risk_control`
        RiskControl,
        /// `other`
        Other,
    }
    impl TermOf for CouponFail {
        const SET: Option<&'static str> = Some("coupon_fail");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `day_type`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum DayType {
        /// `mon_thu`
        MonThu,
        /// `friday`
        Friday,
        /// `weekend`
        Weekend,
        /// `statutory_holiday`
        StatutoryHoliday,
    }
    impl TermOf for DayType {
        const SET: Option<&'static str> = Some("day_type");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `exempt`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Exempt {
        /// `none`
        None,
        /// `emergency`
        Emergency,
        /// `public_notice`
        PublicNotice,
    }
    impl TermOf for Exempt {
        const SET: Option<&'static str> = Some("exempt");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `fact_state`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum FactState {
        /// `verified`
        Verified,
        /// `disputed`
        Disputed,
        /// `false`
        False,
    }
    impl TermOf for FactState {
        const SET: Option<&'static str> = Some("fact_state");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `induce`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Induce {
        /// `none`
        None,
        /// `download`
        Download,
        /// `pay`
        Pay,
    }
    impl TermOf for Induce {
        const SET: Option<&'static str> = Some("induce");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `kind`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Kind {
        /// `article`
        Article,
        /// `image`
        Image,
        /// `audio`
        Audio,
        /// `short_video`
        ShortVideo,
        /// `live_room`
        LiveRoom,
        /// `comment`
        Comment,
        /// `topic`
        Topic,
        /// `hot_term`
        HotTerm,
        /// `ranking_item`
        RankingItem,
        /// `search_suggestion`
        SearchSuggestion,
        /// `news`
        News,
        /// `ad`
        Ad,
        /// `product_offer`
        ProductOffer,
        /// `service_offer`
        ServiceOffer,
        /// `coupon`
        Coupon,
        /// `tip`
        Tip,
        /// `game`
        Game,
        /// `game_purchase`
        GamePurchase,
        /// `app`
        App,
        /// `account`
        Account,
        /// `work_order`
        WorkOrder,
        /// `penalty`
        Penalty,
        /// `incentive`
        Incentive,
        /// `generated_text`
        GeneratedText,
        /// `generated_media`
        GeneratedMedia,
        /// `push_message`
        PushMessage,
        /// `link_external`
        LinkExternal,
        /// `service_notice`
        ServiceNotice,
        /// `reenable_prompt`
        ReenablePrompt,
    }
    impl TermOf for Kind {
        const SET: Option<&'static str> = Some("kind");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `manual_op`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ManualOp {
        /// `none`
        None,
        /// `pin`
        Pin,
        /// `boost`
        Boost,
        /// `remove`
        Remove,
    }
    impl TermOf for ManualOp {
        const SET: Option<&'static str> = Some("manual_op");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `media_type`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum MediaType {
        /// `text`
        Text,
        /// `image`
        Image,
        /// `audio`
        Audio,
        /// `video`
        Video,
        /// `virtual_scene`
        VirtualScene,
    }
    impl TermOf for MediaType {
        const SET: Option<&'static str> = Some("media_type");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `meta_label`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum MetaLabel {
        /// `none`
        None,
        /// `1`
        N1,
        /// `2`
        N2,
        /// `3`
        N3,
        /// `invalid`
        Invalid,
        /// `unread`
        Unread,
    }
    impl TermOf for MetaLabel {
        const SET: Option<&'static str> = Some("meta_label");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `minor_band`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum MinorBand {
        /// `a0_3`
        A0_3,
        /// `a3_8`
        A3_8,
        /// `a8_12`
        A8_12,
        /// `a12_16`
        A12_16,
        /// `a16_18`
        A16_18,
    }
    impl TermOf for MinorBand {
        const SET: Option<&'static str> = Some("minor_band");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `news_origin`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum NewsOrigin {
        /// `original`
        Original,
        /// `reprint`
        Reprint,
        /// `user_post`
        UserPost,
    }
    impl TermOf for NewsOrigin {
        const SET: Option<&'static str> = Some("news_origin");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `pack`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Pack {
        /// `delivery`
        Delivery,
        /// `elder-ui`
        ElderUi,
        /// `short-video`
        ShortVideo,
        /// `ad-conduct`
        AdConduct,
    }
    impl TermOf for Pack {
        const SET: Option<&'static str> = Some("pack");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `penalty_appeal`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum PenaltyAppeal {
        /// `none`
        None,
        /// `pending`
        Pending,
        /// `upheld`
        Upheld,
        /// `rejected`
        Rejected,
    }
    impl TermOf for PenaltyAppeal {
        const SET: Option<&'static str> = Some("penalty_appeal");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `penalty_cause`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum PenaltyCause {
        /// `own`
        Own,
        /// `traffic`
        Traffic,
        /// `weather`
        Weather,
        /// `merchant`
        Merchant,
        /// `customer`
        Customer,
    }
    impl TermOf for PenaltyCause {
        const SET: Option<&'static str> = Some("penalty_cause");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `permit`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Permit {
        /// `edit_publish`
        EditPublish,
        /// `reprint`
        Reprint,
        /// `platform`
        Platform,
    }
    impl TermOf for Permit {
        const SET: Option<&'static str> = Some("permit");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `personalization`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Personalization {
        /// `on`
        On,
        /// `off`
        Off,
        /// `unset`
        Unset,
    }
    impl TermOf for Personalization {
        const SET: Option<&'static str> = Some("personalization");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `price_basis`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum PriceBasis {
        /// `none`
        None,
        /// `cost`
        Cost,
        /// `quantity`
        Quantity,
        /// `new_user`
        NewUser,
        /// `member_public`
        MemberPublic,
        /// `random_disclosed`
        RandomDisclosed,
        /// `public_coupon`
        PublicCoupon,
        /// `profile_coupon`
        ProfileCoupon,
    }
    impl TermOf for PriceBasis {
        const SET: Option<&'static str> = Some("price_basis");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `price_feature`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum PriceFeature {
        /// `age`
        Age,
        /// `gender`
        Gender,
        /// `occupation`
        Occupation,
        /// `income`
        Income,
        /// `device_model`
        DeviceModel,
        /// `spend_history`
        SpendHistory,
        /// `loyalty`
        Loyalty,
        /// `wtp_score`
        WtpScore,
        /// `browse_history`
        BrowseHistory,
        /// `churn_score`
        ChurnScore,
        /// `quantity`
        Quantity,
        /// `time`
        Time,
        /// `stock`
        Stock,
        /// `zone`
        Zone,
        /// `cost`
        Cost,
        /// `season`
        Season,
    }
    impl TermOf for PriceFeature {
        const SET: Option<&'static str> = Some("price_feature");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `retrieval_basis`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum RetrievalBasis {
        /// `generic`
        Generic,
        /// `context`
        Context,
        /// `query`
        Query,
        /// `follow`
        Follow,
        /// `personal`
        Personal,
    }
    impl TermOf for RetrievalBasis {
        const SET: Option<&'static str> = Some("retrieval_basis");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `scan_state`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ScanState {
        /// `done`
        Done,
        /// `pending`
        Pending,
        /// `none`
        None,
    }
    impl TermOf for ScanState {
        const SET: Option<&'static str> = Some("scan_state");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `service_class`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ServiceClass {
        /// `none`
        None,
        /// `travel`
        Travel,
        /// `medical`
        Medical,
        /// `shopping`
        Shopping,
        /// `civic`
        Civic,
    }
    impl TermOf for ServiceClass {
        const SET: Option<&'static str> = Some("service_class");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `source_listed`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum SourceListed {
        /// `listed`
        Listed,
        /// `frozen`
        Frozen,
        /// `removed`
        Removed,
        /// `not_listed`
        NotListed,
    }
    impl TermOf for SourceListed {
        const SET: Option<&'static str> = Some("source_listed");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `surface`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Surface {
        /// `home_first_screen`
        HomeFirstScreen,
        /// `hot_search`
        HotSearch,
        /// `search_default`
        SearchDefault,
        /// `featured`
        Featured,
        /// `ranking_list`
        RankingList,
        /// `popup`
        Popup,
        /// `recommend_hot`
        RecommendHot,
        /// `nav_first`
        NavFirst,
        /// `store_first`
        StoreFirst,
        /// `minor_zone`
        MinorZone,
        /// `other_key`
        OtherKey,
        /// `feed`
        Feed,
        /// `related`
        Related,
        /// `following`
        Following,
        /// `search_results`
        SearchResults,
        /// `detail`
        Detail,
        /// `comments`
        Comments,
        /// `push`
        Push,
        /// `splash`
        Splash,
        /// `live`
        Live,
        /// `product_list`
        ProductList,
        /// `pricing`
        Pricing,
        /// `coupon`
        Coupon,
        /// `dispatch`
        Dispatch,
        /// `game_entry`
        GameEntry,
        /// `chat_gen`
        ChatGen,
        /// `account`
        Account,
    }
    impl TermOf for Surface {
        const SET: Option<&'static str> = Some("surface");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `switch`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Switch {
        /// `on`
        On,
        /// `off`
        Off,
    }
    impl TermOf for Switch {
        const SET: Option<&'static str> = Some("switch");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `tag_origin`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum TagOrigin {
        /// `inferred`
        Inferred,
        /// `chosen`
        Chosen,
        /// `imported`
        Imported,
    }
    impl TermOf for TagOrigin {
        const SET: Option<&'static str> = Some("tag_origin");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `tag_purpose`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum TagPurpose {
        /// `content`
        Content,
        /// `marketing`
        Marketing,
    }
    impl TermOf for TagPurpose {
        const SET: Option<&'static str> = Some("tag_purpose");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `tag_review`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum TagReview {
        /// `approved`
        Approved,
        /// `pending`
        Pending,
        /// `rejected`
        Rejected,
    }
    impl TermOf for TagReview {
        const SET: Option<&'static str> = Some("tag_review");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `tag_state`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum TagState {
        /// `active`
        Active,
        /// `user_deleted`
        UserDeleted,
    }
    impl TermOf for TagState {
        const SET: Option<&'static str> = Some("tag_state");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `territory`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Territory {
        /// `CN_MAINLAND`
        CnMainland,
        /// `OTHER`
        Other,
    }
    impl TermOf for Territory {
        const SET: Option<&'static str> = Some("territory");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `throttle_reason`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ThrottleReason {
        /// `none`
        None,
        /// `security`
        Security,
        /// `illegal`
        Illegal,
        /// `user_choice`
        UserChoice,
        /// `technical`
        Technical,
    }
    impl TermOf for ThrottleReason {
        const SET: Option<&'static str> = Some("throttle_reason");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `vehicle`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Vehicle {
        /// `ebike`
        Ebike,
        /// `motorbike`
        Motorbike,
        /// `car`
        Car,
        /// `bicycle`
        Bicycle,
        /// `foot`
        Foot,
    }
    impl TermOf for Vehicle {
        const SET: Option<&'static str> = Some("vehicle");
        fn position(self) -> u16 {
            self as u16
        }
    }
    /// Term set `weather`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Weather {
        /// `normal`
        Normal,
        /// `adverse`
        Adverse,
        /// `severe`
        Severe,
    }
    impl TermOf for Weather {
        const SET: Option<&'static str> = Some("weather");
        fn position(self) -> u16 {
            self as u16
        }
    }
}

//! The term sets of the vocabulary, as enums. Generated from `wit/vocabulary.toml` by `make docs`, do not edit.

/// Term set `ad_class` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdClass {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `age_assurance` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AgeAssurance {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `age_band` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AgeBand {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `age_rating` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AgeRating {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `algo_type` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlgoType {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `attribution` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attribution {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `complete`
    Complete,
    /// `available`
    Available,
    /// `missing`
    Missing,
}
/// Term set `author_state` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthorState {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `consume_risk` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConsumeRisk {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `low`
    Low,
    /// `high`
    High,
}
/// Term set `coupon_fail` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CouponFail {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `day_type` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DayType {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `mon_thu`
    MonThu,
    /// `friday`
    Friday,
    /// `weekend`
    Weekend,
    /// `statutory_holiday`
    StatutoryHoliday,
}
/// Term set `exempt` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exempt {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `none`
    None,
    /// `emergency`
    Emergency,
    /// `public_notice`
    PublicNotice,
}
/// Term set `fact_state` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FactState {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `verified`
    Verified,
    /// `disputed`
    Disputed,
    /// `false`
    False,
}
/// Term set `induce` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Induce {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `none`
    None,
    /// `download`
    Download,
    /// `pay`
    Pay,
}
/// Term set `kind` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `manual_op` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ManualOp {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `none`
    None,
    /// `pin`
    Pin,
    /// `boost`
    Boost,
    /// `remove`
    Remove,
}
/// Term set `media_type` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaType {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `meta_label` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetaLabel {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `minor_band` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinorBand {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `news_origin` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewsOrigin {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `original`
    Original,
    /// `reprint`
    Reprint,
    /// `user_post`
    UserPost,
}
/// Term set `pack` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pack {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `delivery`
    Delivery,
    /// `elder-ui`
    ElderUi,
    /// `short-video`
    ShortVideo,
    /// `ad-conduct`
    AdConduct,
}
/// Term set `penalty_appeal` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PenaltyAppeal {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `none`
    None,
    /// `pending`
    Pending,
    /// `upheld`
    Upheld,
    /// `rejected`
    Rejected,
}
/// Term set `penalty_cause` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PenaltyCause {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `permit` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Permit {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `edit_publish`
    EditPublish,
    /// `reprint`
    Reprint,
    /// `platform`
    Platform,
}
/// Term set `personalization` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Personalization {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `on`
    On,
    /// `off`
    Off,
    /// `unset`
    Unset,
}
/// Term set `price_basis` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PriceBasis {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `price_feature` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PriceFeature {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `retrieval_basis` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetrievalBasis {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `scan_state` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScanState {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `done`
    Done,
    /// `pending`
    Pending,
    /// `none`
    None,
}
/// Term set `service_class` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceClass {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `source_listed` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceListed {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `listed`
    Listed,
    /// `frozen`
    Frozen,
    /// `removed`
    Removed,
    /// `not_listed`
    NotListed,
}
/// Term set `surface` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Surface {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `switch` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `on`
    On,
    /// `off`
    Off,
}
/// Term set `tag_origin` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagOrigin {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `inferred`
    Inferred,
    /// `chosen`
    Chosen,
    /// `imported`
    Imported,
}
/// Term set `tag_purpose` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagPurpose {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `content`
    Content,
    /// `marketing`
    Marketing,
}
/// Term set `tag_review` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagReview {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `approved`
    Approved,
    /// `pending`
    Pending,
    /// `rejected`
    Rejected,
}
/// Term set `tag_state` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagState {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `active`
    Active,
    /// `user_deleted`
    UserDeleted,
}
/// Term set `territory` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Territory {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `CN_MAINLAND`
    CnMainland,
    /// `OTHER`
    Other,
}
/// Term set `throttle_reason` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThrottleReason {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `vehicle` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Vehicle {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
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
/// Term set `weather` of the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weather {
    /// Absent, null or `unknown`.
    #[default]
    Unknown,
    /// Known to the host, not listed in this policy's manifest.
    Unlisted,
    /// `normal`
    Normal,
    /// `adverse`
    Adverse,
    /// `severe`
    Severe,
}

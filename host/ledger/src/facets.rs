//! What lists are counted by, and what follows from who the user is: kept of every one, in full or not, sealed with its outcome.

use normgate::{Batch, CanaryDraw};
use serde::{Deserialize, Serialize};

/// What a list is counted by. A column that the request did not have is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facets {
    /// `user.ref`: whose list it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `ctx.surface`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surface: Option<String>,
    /// `user.age_band`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_band: Option<String>,
    /// `user.minor_mode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor_mode: Option<bool>,
    /// `user.elder_mode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elder_mode: Option<bool>,
    /// `user.personalization`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personalization: Option<String>,
    /// What canaries drew for the user. It follows from `user.ref`, so it is as personal as that, and not said in the open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draws: Vec<CanaryDraw>,
}

/// Groups of users that Art 18 and 19 speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// In minor mode, or of an age band below 18.
    Minor,
    /// In elder mode, or of the age band from 60 on.
    Elder,
    /// Of the age band 18 to 60, in neither mode.
    Adult,
    /// Nobody said.
    Unknown,
}

impl Facets {
    /// What a request is counted by, and what canaries drew for its user.
    pub fn of(request: &Batch, draws: &[CanaryDraw]) -> Self {
        let term = |column: &str| request.request_term(column).map(str::to_owned);
        Self {
            user: request.request_text("request.user.ref").map(str::to_owned),
            surface: term("request.ctx.surface"),
            age_band: term("request.user.age_band"),
            minor_mode: request.request_tri("request.user.minor_mode"),
            elder_mode: request.request_tri("request.user.elder_mode"),
            personalization: term("request.user.personalization"),
            draws: draws.to_vec(),
        }
    }

    /// The group of users that the list was for. Who is protected as a minor is counted as one, whatever else is said.
    pub fn group(&self) -> Group {
        match self.age_band.as_deref() {
            _ if self.minor_mode == Some(true) => Group::Minor,
            Some("a0_3" | "a3_8" | "a8_12" | "a12_16" | "a16_18") => Group::Minor,
            _ if self.elder_mode == Some(true) => Group::Elder,
            Some("a60p") => Group::Elder,
            Some(_) => Group::Adult,
            None => Group::Unknown,
        }
    }
}

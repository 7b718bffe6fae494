//! What a record of a decision needs besides the outcome: which set judged, and what besides request and set mattered.

use normgate_contract::Day;
use serde::{Deserialize, Serialize};

use crate::notice::Notice;
use crate::overrides::Override;
use crate::sandbox::FailureKind;

/// What an outcome rests on besides the request and the policy set: the same three give the same bytes again
/// ([`crate::Generation::replay`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circumstances {
    /// The host's clock, milliseconds since 1970 UTC.
    pub clock_ms: i64,
    /// The day that was judged by instead of the clock, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Day>,
    /// What was noticed when the generation was built or took over: it depends on what was there before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// Overrides in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
    /// On which side of each canary the user was. It follows from `user.ref`, which whoever judges again need not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draws: Vec<CanaryDraw>,
    /// Calls that ended by something that neither the module nor its input determines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disturbed: Vec<Disturbance>,
}

impl Circumstances {
    /// The instant that decides what is in force.
    pub(crate) fn at_ms(&self) -> i64 {
        self.as_of.map_or(self.clock_ms, Day::start_ms)
    }
}

/// What a policy's canary drew for the user of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryDraw {
    /// Policy id.
    pub policy: String,
    /// The hundredth of all users, 0 to 99: a rule acts whose percentage is above it.
    pub hundredth: u8,
    /// Where within that hundredth, 0 to 9999: it decides where a percentage is no whole number.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub within: u16,
}

impl CanaryDraw {
    pub(crate) fn millionth(&self) -> u32 {
        u32::from(self.hundredth) * 10_000 + u32::from(self.within)
    }
}

fn is_zero(within: &u16) -> bool {
    *within == 0
}

/// A call that was not made because a breaker was open, was killed at its deadline, or found no free slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disturbance {
    /// Digest of the module, `sha256:<hex>`.
    pub module: String,
    /// In which stage: `candidate` or `slate`.
    pub stage: String,
    /// How it failed.
    pub kind: FailureKind,
    /// In which words.
    pub message: String,
    /// Work that it had used, which later modules of the request were then short of.
    pub fuel: u64,
}

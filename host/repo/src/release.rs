//! What a role says of a file that it signs, beyond its length and digest.

use std::collections::HashMap;

use normgate::contract::Day;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The part of a target that TUF leaves to the application (`custom`). A later version of this program may say more; what is
/// unknown here is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The version that the module's manifest, or the maker of the bundle, gives it. For people: what is newer is decided by the
    /// release number in the file's name, so that an earlier version can be shipped again.
    pub version: String,
    /// First day (in Asia/Shanghai) on which it is used; until then the release before it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<Day>,
    /// First day on which it is no longer used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_until: Option<Day>,
    /// Whether the authority asks that it be used at once, without a trial.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
    /// Whether it goes back behind the version before it on purpose. Otherwise a platform that has a higher version refuses it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lowers: bool,
    /// Digest (`sha256:…`) of the cases that this module must pass; they are the file beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cases: Option<String>,
}

impl Release {
    /// Reads what a target says.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn read(custom: &HashMap<String, Value>) -> Result<Self, String> {
        let object = custom.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        serde_json::from_value(Value::Object(object)).map_err(|error| error.to_string())
    }

    /// The same, as a target says it.
    pub fn to_custom(&self) -> HashMap<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(object)) => object.into_iter().collect(),
            _ => HashMap::new(),
        }
    }

    /// The days on which its use begins and ends.
    pub(crate) fn days(&self) -> Vec<Day> {
        [self.effective_from, self.effective_until].into_iter().flatten().collect()
    }

    /// The version as numbers, so that 1.10.0 is above 1.9.0. Only modules have such a version.
    pub(crate) fn number(&self) -> Vec<u64> {
        self.version.split('.').map(|number| number.parse().unwrap_or(0)).collect()
    }

    /// Whether it is used on this day.
    pub fn in_force(&self, day: Day) -> bool {
        self.effective_from.is_none_or(|from| from <= day) && self.effective_until.is_none_or(|until| day < until)
    }
}

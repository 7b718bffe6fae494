//! Until when what a generation was taken from is good: a platform that stopped syncing says so in every outcome.

use normgate_contract::Day;

use crate::notice::Notice;

/// A repository that modules were taken from, and until when it vouches for what was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The repository, as the platform calls it.
    pub repository: String,
    /// Milliseconds since 1970 UTC.
    pub expires_ms: i64,
}

impl Expiry {
    /// What is to be said of it at this time.
    pub(crate) fn notice(&self, clock_ms: i64) -> Option<Notice> {
        let Self { repository, expires_ms } = self;
        (*expires_ms <= clock_ms).then(|| Notice {
            code: "stale",
            policy: None,
            message: format!(
                "what was taken of the repository {repository} expired on {}; what it ships since is not judged by",
                Day::containing(*expires_ms)
            ),
        })
    }
}

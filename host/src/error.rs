//! Why a gate does not open.

use crate::module::LoadError;

/// Why a gate could not be built. An operator fixes these; a request never causes one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A module was refused.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The configuration contradicts the modules or itself.
    #[error("{place}: {message}")]
    Config {
        /// Where: a key of normgate.toml.
        place: String,
        /// What is wrong and what is legal.
        message: String,
    },
    /// The host could not give what calls take: memory, or a descriptor. What judged before goes on.
    #[error("the host cannot give what calls take: {0}")]
    Host(String),
    /// The engine did not start.
    #[error("{0}")]
    Sandbox(String),
}

impl BuildError {
    /// Whether the host is to blame, and nobody that was given.
    pub(crate) fn is_hosts(&self) -> bool {
        matches!(self, Self::Host(_) | Self::Sandbox(_) | Self::Load(LoadError::Host { .. }))
    }
}

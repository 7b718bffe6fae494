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
    /// The engine did not start.
    #[error("{0}")]
    Sandbox(String),
}

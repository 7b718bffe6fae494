//! Why something was refused: one sentence that names who, what and where, and the way out.

/// What a platform does not take, or a repository may not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("repository {repository}, authority {authority}, role {role}, file {file}: {why}")]
pub struct Refusal {
    /// The repository, by the name that the platform gave it.
    pub repository: String,
    /// Whose word it would have been: an association, or the repository's own name where its top roles speak.
    pub authority: String,
    /// The role that signed, or should have.
    pub role: String,
    /// The file, as it is named below `metadata/` or `targets/`.
    pub file: String,
    /// What is wrong, and the way out.
    pub why: String,
}

/// Why a command of this crate did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something that is signed, or should be, does not hold.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A file or an argument is not as it must be.
    #[error("{place}: {message}")]
    At {
        /// Which file, key or argument.
        place: String,
        /// What is wrong, and the way out.
        message: String,
    },
}

/// The result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error about a place.
pub(crate) fn at(place: impl ToString, message: impl ToString) -> Error {
    Error::At { place: place.to_string(), message: message.to_string() }
}

/// Names the place of an error that does not name it itself.
pub(crate) trait Place<T> {
    fn place(self, place: impl ToString) -> Result<T>;
}

impl<T, E: std::fmt::Display> Place<T> for std::result::Result<T, E> {
    fn place(self, place: impl ToString) -> Result<T> {
        self.map_err(|error| at(place, error))
    }
}

//! The sample: of the lists of which nobody may have to give account, those that are kept in full all the same, drawn by lot.

use sha2::{Digest, Sha256};

use crate::keys::Key;

/// What lots are drawn by: the newest cosigned head of the log that the writer knew, which it could not choose. A ledger that no
/// witness cosigned yet draws by its own key.
#[derive(Clone, Copy)]
pub(crate) enum Lots<'l> {
    Anchor(&'l Seed),
    Own(&'l Key),
}

/// A cosigned head as lots are drawn by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seed([u8; 32]);

impl Seed {
    /// The seed of a cosigned note.
    pub(crate) fn of(note: &str) -> Self {
        Self(Sha256::digest(note).into())
    }
}

impl Lots<'_> {
    /// Whether a list is of a sample of so many in a million.
    pub(crate) fn draw(self, decision_id: &str, ppm: u32) -> bool {
        let lot = match self {
            Self::Anchor(Seed(seed)) => {
                let drawn = Sha256::new().chain_update(b"normgate-ledger sample\n").chain_update(seed);
                let drawn: [u8; 32] = drawn.chain_update(decision_id).finalize().into();
                [drawn[0], drawn[1], drawn[2], drawn[3]]
            }
            Self::Own(key) => {
                let drawn = key.tag("sample", decision_id.as_bytes());
                [drawn[0], drawn[1], drawn[2], drawn[3]]
            }
        };
        u32::from_le_bytes(lot) % 1_000_000 < ppm
    }
}

//! Digests as text.

use sha2::{Digest, Sha256};

pub(crate) use normgate::contract::hex;

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

//! The canary's draw: for which users a rule acts that acts for some of them only.

use std::cell::RefCell;

use sha2::{Digest, Sha256};

use crate::batch::Batch;
use crate::record::CanaryDraw;

/// The draws of one request: those that a record knows, and those that the user decides as they are asked for.
pub(crate) struct Draws<'b> {
    batch: &'b Batch,
    known: RefCell<Vec<CanaryDraw>>,
}

impl<'b> Draws<'b> {
    pub(crate) fn new(batch: &'b Batch, known: Vec<CanaryDraw>) -> Self {
        Self { batch, known: RefCell::new(known) }
    }

    /// The millionth that a policy's canary goes by.
    pub(crate) fn of(&self, policy: &str) -> u32 {
        let mut known = self.known.borrow_mut();
        if let Some(draw) = known.iter().find(|draw| draw.policy == policy) {
            return draw.millionth();
        }
        let (hundredth, within) = draw(policy, self.batch);
        let drawn = CanaryDraw { policy: policy.to_owned(), hundredth, within };
        let millionth = drawn.millionth();
        known.push(drawn);
        millionth
    }

    /// All of them, in the order in which they were drawn.
    pub(crate) fn into_known(self) -> Vec<CanaryDraw> {
        self.known.into_inner()
    }
}

/// In which hundredth of all users the user of a request is, for one module: 0 to 99, and where within it: 0 to 9999. A rule in canary
/// acts below its percentage, so a user stays on one side of it, and raising the percentage only adds users.
///
/// The draw is by `user.ref` and the policy's id, so that two modules do not try themselves on the same users, and a new
/// version keeps those of the one before. Who has no reference comes last: for them a rule acts at 100 percent alone.
fn draw(policy: &str, batch: &Batch) -> (u8, u16) {
    let Some(user) = batch.request_text("request.user.ref") else { return (99, 9_999) };
    let mut hash = Sha256::new();
    for part in ["canary", policy, user] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let number = digest[..8].iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    ((number % 100) as u8, (number / 100 % 10_000) as u16)
}

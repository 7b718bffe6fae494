//! The tests' numbers, as a campaign draws them: by unit, as positions, as bytes.

#[path = "../../support/numbers.rs"]
#[allow(dead_code, reason = "each user of the generator takes its part")]
mod generator;

pub(crate) use generator::Numbers;

impl Numbers {
    /// The numbers of one unit of a campaign.
    pub(crate) fn of(seed: u64, unit: u64) -> Self {
        let mut numbers = Self(seed);
        let salt = numbers.next();
        Self(salt ^ unit.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    /// A position below a bound; 0 where there is none.
    pub(crate) fn position(&mut self, bound: usize) -> usize {
        self.below(bound.max(1) as u64) as usize
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

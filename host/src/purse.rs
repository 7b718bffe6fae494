//! What each authority's modules may still use in one request: work and time that are theirs alone.
//!
//! Modules that act in a stage and those that are only observed there have work of their own, so that neither takes a turn from the other, and no
//! authority takes one from another. Work decides; time bounds the damage where a machine is starved or a price is wrong: an
//! authority has one clock, and all associations share another, so that the rest of a request's time is left to those who are trusted.

use std::cell::Cell;
use std::time::Duration;

use crate::policy_set::PolicySet;
use crate::price;
use crate::sandbox::{Limits, TICK, WEAKENED};

/// Values of an ordinary list: its rows, and what their lists hold. Limits are for a list without any and grow with them; what fails on
/// a longer list than this says something about the list, and opens no breaker.
pub(crate) const ORDINARY: u64 = 32_768;

/// How much more than an association an authority may use that the program carries, or whose grant is `base = "full"`: a set of
/// articles is twenty modules, and an association ships a few.
const FULL: u64 = 6;

/// Of what an authority may use, the part for modules that are only observed.
const OBSERVED: u64 = 2;

/// Of a request's time, the part that associations may take, one or all of them, in percent.
const TIME_SHARE: u32 = 40;

/// A limit, on a list of so many values: as much again for every ordinary list that is in it.
pub(crate) fn scaled(limit: u64, values: u64) -> u64 {
    let more = u128::from(limit) * u128::from(values) / u128::from(ORDINARY);
    limit.saturating_add(u64::try_from(more).unwrap_or(u64::MAX))
}

/// Bytes of linear memory of a call on a list without values, and for each value more. What lies in the caches of a core is read in the
/// time that a load is charged with, and what does not takes ten times as long: a short list takes no more memory than these hold, so
/// that fuel is time. The longest lists have as much for a row.
const MEMORY: u64 = 1 << 20;
const MEMORY_A_VALUE: u64 = 512;

/// Bytes with which a module may start on any list: what modules of earlier releases reserve.
const RESERVED: usize = 4 << 20;
/// Units that one of such a call counts for where the list is too short for so much memory: reading it in no order takes thirty times as
/// long as ordinary work, instead of seven.
const DEAR: u64 = 4;

/// Bytes of linear memory of a call of a module that starts with so many, on a list for which it may have others; and for how many units
/// one of the call counts.
pub(crate) fn reserved(initial: usize, may_have: usize) -> (usize, u64) {
    if (may_have + 1..=RESERVED).contains(&initial) { (initial, DEAR) } else { (may_have, 1) }
}

/// Bytes of linear memory on a list of so many values, at most a limit.
pub(crate) fn memory(limit: usize, values: u64) -> usize {
    let wanted = MEMORY.saturating_add(MEMORY_A_VALUE.saturating_mul(values));
    usize::try_from(wanted).unwrap_or(usize::MAX).min(limit)
}

/// What one authority may use in a request, by its grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Share {
    /// Units of work, where its grant says so.
    pub(crate) budget: Option<u64>,
    /// Whether the program carries it, or it is granted everything.
    pub(crate) full: bool,
}

impl Share {
    /// The wider of two, part by part.
    pub(crate) fn join(self, other: Self) -> Self {
        Self { budget: self.budget.max(other.budget), full: self.full || other.full }
    }

    fn units(self, limits: Limits) -> u64 {
        self.budget.unwrap_or(if self.full { limits.budget.saturating_mul(FULL) } else { limits.budget })
    }
}

/// What is left to modules of one authority that act, or to those that are only observed.
pub(crate) struct Purse {
    whole: u64,
    units: Cell<u64>,
    /// Whose clock its calls run on.
    authority: usize,
}

impl Purse {
    fn new(units: u64, authority: usize) -> Self {
        Self { whole: units, units: Cell::new(units), authority }
    }

    /// A purse for a call that no request waits for.
    pub(crate) fn boundless() -> Self {
        Self::new(u64::MAX, 0)
    }

    /// Units of work that a call may use at most besides its instance, and those that are left to it; none when there is none left.
    pub(crate) fn fuel(&self, own: u64) -> Option<(u64, u64)> {
        let own = own.min(self.whole.saturating_sub(price::INSTANCE)).max(1);
        let left = self.units.get().checked_sub(price::INSTANCE).filter(|left| *left > 0)?;
        Some((own, own.min(left)))
    }

    /// Takes out what a call used.
    pub(crate) fn spend(&self, units: u64) {
        self.units.set(self.units.get().saturating_sub(units));
    }
}

/// The purses of a request.
pub(crate) struct Purses {
    /// By authority: those that act, those that are only observed.
    purses: Vec<[Purse; 2]>,
    clocks: Clocks,
}

/// Time that is left.
struct Clocks {
    /// To all calls.
    request: Cell<Duration>,
    /// To the calls of all associations together.
    associations: Cell<Duration>,
    /// By authority: to its calls, acting or observed, and whether it is an association.
    own: Vec<(Cell<Duration>, bool)>,
}

impl Clocks {
    /// The clock of a request that may take so long, and for each authority: how long it may take alone, and whether it is an association.
    fn new(request: Duration, own: impl Iterator<Item = (Duration, bool)>) -> Self {
        Self {
            request: Cell::new(request),
            associations: Cell::new(part(request)),
            own: own
                .map(|(time, association)| (Cell::new(if association { part(time) } else { time }), association))
                .collect(),
        }
    }

    /// The clocks that run while a module of an authority is asked.
    fn of(&self, authority: usize) -> impl Iterator<Item = &Cell<Duration>> {
        let (own, association) = &self.own[authority];
        [&self.request, own].into_iter().chain(association.then_some(&self.associations))
    }

    /// Time that is left to a call; none when there is none left.
    fn left(&self, authority: usize) -> Option<Duration> {
        self.of(authority).map(Cell::get).min().filter(|left| !left.is_zero())
    }

    fn pass(&self, authority: usize, took: Duration) {
        self.of(authority).for_each(|clock| clock.set(clock.get().saturating_sub(took)));
    }
}

/// The part of a time that associations may take.
fn part(time: Duration) -> Duration {
    time / 100 * TIME_SHARE
}

impl Purses {
    /// Full purses for a request, of which each policy of the set is handed so many values. Times are so many times as long as usual.
    pub(crate) fn new(set: &PolicySet, limits: Limits, values: &[u64], patience: u32) -> Self {
        let most = |authority: usize| {
            let own = set.policies.iter().zip(values).filter(|(policy, _)| usize::from(policy.authority) == authority);
            own.map(|(_, values)| *values).max().unwrap_or(0)
        };
        let request = |values: u64| time(scaled(limits.request_ticks, values)).saturating_mul(patience);
        let purses = set.shares.iter().enumerate().map(|(authority, share)| {
            let units = scaled(share.units(limits), most(authority));
            [Purse::new(units, authority), Purse::new(units / OBSERVED, authority)]
        });
        let own = set.shares.iter().enumerate().map(|(authority, share)| (request(most(authority)), !share.full));
        let clocks = Clocks::new(request(values.iter().copied().max().unwrap_or(0)), own);
        Self { purses: purses.collect(), clocks }
    }

    /// The purse of an authority's modules that act, or of those that are only observed.
    pub(crate) fn of(&self, authority: u16, acts: bool) -> &Purse {
        let authority = if WEAKENED { 0 } else { authority };
        &self.purses[usize::from(authority)][usize::from(!acts)]
    }

    /// Time that is left to a call; none when there is none left.
    pub(crate) fn time(&self, purse: &Purse) -> Option<Duration> {
        self.clocks.left(purse.authority)
    }

    /// Takes out the time that a call took.
    pub(crate) fn pass(&self, purse: &Purse, took: Duration) {
        self.clocks.pass(purse.authority, took);
    }
}

/// So many ticks of the sandbox's clock.
pub(crate) fn time(ticks: u64) -> Duration {
    TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_grow_with_the_list_and_never_overflow() {
        assert_eq!(scaled(20_000_000, 0), 20_000_000);
        assert_eq!((scaled(20_000_000, ORDINARY), scaled(10, 2 * ORDINARY)), (40_000_000, 30));
        assert_eq!(scaled(u64::MAX, u64::MAX), u64::MAX);
        assert_eq!(time(u64::MAX), TICK * u32::MAX);
        assert_eq!((memory(32 << 20, 0), memory(1 << 19, 0)), (1 << 20, 1 << 19));
        assert_eq!((reserved(4 << 20, 1 << 20), reserved(1 << 20, 1 << 20)), ((4 << 20, DEAR), (1 << 20, 1)));
        assert_eq!((reserved(5 << 20, 1 << 20), reserved(4 << 20, 5 << 20)), ((1 << 20, 1), (5 << 20, 1)));
        assert_eq!((memory(32 << 20, 10_000), memory(32 << 20, u64::MAX)), ((1 << 20) + 5_120_000, 32 << 20));
    }

    #[test]
    fn a_purse_gives_no_more_than_it_has() {
        let purse = Purse::new(1_000_000, 0);
        assert_eq!(purse.fuel(2_000_000), Some((960_000, 960_000)), "a call's own limit is at most the whole purse");
        purse.spend(700_000);
        assert_eq!(purse.fuel(500_000), Some((500_000, 260_000)));
        purse.spend(u64::MAX);
        assert_eq!(purse.fuel(1), None);
        assert_eq!(Purse::new(0, 0).fuel(1), None);
    }
    #[test]
    fn associations_together_leave_time_to_whom_the_program_carries() {
        let (request, second) = (Duration::from_millis(500), Duration::from_secs(1));
        let clocks = Clocks::new(request, [(request, false), (request, true), (request, true)].into_iter());
        assert_eq!(clocks.left(1), Some(Duration::from_millis(200)));
        clocks.pass(1, Duration::from_millis(150));
        assert_eq!(
            (clocks.left(1), clocks.left(2)),
            (Some(Duration::from_millis(50)), Some(Duration::from_millis(50)))
        );
        clocks.pass(2, Duration::from_millis(50));
        assert_eq!((clocks.left(1), clocks.left(2)), (None, None));
        assert_eq!(clocks.left(0), Some(Duration::from_millis(300)));
        clocks.pass(0, second);
        assert_eq!(clocks.left(0), None);
    }
}

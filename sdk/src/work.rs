//! How offers of work are read (Art 20, and the norm on delivery work).

use crate::terms::Vehicle;

/// Days in a row without a rest after which one is suggested.
pub const REST_SUGGESTED_D: i64 = 6;

/// Days in a row without a rest after which one is due.
pub const REST_DUE_D: i64 = 7;

/// What is known of a ride.
#[derive(Clone, Copy, Debug)]
pub struct Ride {
    /// `work.vehicle`.
    pub vehicle: Vehicle,
    /// `order.distance_m`.
    pub distance_m: Option<i64>,
    /// `order.eta_s`, the time allowed.
    pub eta_s: Option<i64>,
    /// `order.handling_s`, the part of it that is not riding; unknown counts as none.
    pub handling_s: Option<i64>,
}

impl Ride {
    /// Whether the vehicle is unknown; then it is read as an e-bike.
    #[inline]
    pub fn vehicle_unknown(&self) -> bool {
        matches!(self.vehicle, Vehicle::Unknown | Vehicle::Unlisted)
    }

    /// Whether an e-bike would have to ride faster than `limit` metres an hour. Other vehicles, and what is unknown, would not.
    #[inline]
    pub fn too_fast_for_an_ebike(&self, limit: i64) -> bool {
        let (Some(metres), Some(eta)) = (self.distance_m, self.eta_s) else { return false };
        let riding = (eta - self.handling_s.unwrap_or(0)).max(0);
        (self.vehicle == Vehicle::Ebike || self.vehicle_unknown())
            && metres.saturating_mul(3600) > limit.saturating_mul(riding)
    }
}

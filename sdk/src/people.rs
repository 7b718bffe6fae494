//! Who is judged: minors and elders (Art 18, Art 19).

use crate::Tri;
use crate::terms::{AgeAssurance, AgeBand, Kind, MinorBand, Surface};

/// Whether a band is a minor's, an adult's, or unknown.
#[inline]
pub fn minor_band(band: AgeBand) -> Tri {
    match band {
        AgeBand::A0_3 | AgeBand::A3_8 | AgeBand::A8_12 | AgeBand::A12_16 | AgeBand::A16_18 => Tri::Yes,
        AgeBand::A18_60 | AgeBand::A60p => Tri::No,
        AgeBand::Unknown | AgeBand::Unlisted => Tri::Unknown,
    }
}

/// Whether the user is a minor. A minor band and `under_14` count at any assurance, and beside whatever else is said; an adult
/// band only when something assures it.
#[inline]
pub fn is_minor(band: AgeBand, under_14: Tri, assurance: AgeAssurance, minor_mode: Tri, surface: Surface) -> Tri {
    if minor_band(band).is_yes() || under_14.is_yes() || minor_mode.is_yes() || surface == Surface::MinorZone {
        return Tri::Yes;
    }
    let assured = !matches!(assurance, AgeAssurance::None | AgeAssurance::Unknown | AgeAssurance::Unlisted);
    if minor_band(band).is_no() && assured { Tri::No } else { Tri::Unknown }
}

/// Whether the user is an elder: a60p, or in elder mode. An unknown age is not.
#[inline]
pub fn is_elder(band: AgeBand, elder_mode: Tri) -> bool {
    band == AgeBand::A60p || elder_mode.is_yes()
}

/// The band by which a minor without a minor's band is judged.
pub fn as_minor(band: MinorBand) -> Option<AgeBand> {
    match band {
        MinorBand::A0_3 => Some(AgeBand::A0_3),
        MinorBand::A3_8 => Some(AgeBand::A3_8),
        MinorBand::A8_12 => Some(AgeBand::A8_12),
        MinorBand::A12_16 => Some(AgeBand::A12_16),
        MinorBand::A16_18 => Some(AgeBand::A16_18),
        MinorBand::Unknown | MinorBand::Unlisted => None,
    }
}

/// Whether a kind is content. Work orders, penalties and incentives are not; whatever is unknown is.
#[inline]
pub fn is_content(kind: Kind) -> bool {
    !matches!(kind, Kind::WorkOrder | Kind::Penalty | Kind::Incentive)
}

/// Whether a row is commercial: an explicit word counts; unknown is yes for an ad, and in minor or elder mode.
#[inline]
pub fn is_commercial(commercial: Tri, kind: Kind, minor_mode: Tri, elder_mode: Tri) -> bool {
    match commercial {
        Tri::Yes => true,
        Tri::No => false,
        Tri::Unknown => kind == Kind::Ad || minor_mode.is_yes() || elder_mode.is_yes(),
    }
}

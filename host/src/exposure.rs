//! What each place of a list shows: one definition for the order, the diff and every report.

use std::sync::OnceLock;

/// Octaves of places that are kept once computed: those of the longest list.
const OCTAVES: usize = 16;

/// Bits of a logarithm after its point: 38 are enough to round every place of the longest list.
const FRACTION: u32 = 48;

/// Returns what a list shows at a place, the first being 0, in billionths of what it shows at the top: 10^9 / log2(place + 2),
/// rounded. It is made with integers, so that an order is the same everywhere.
pub fn exposure(place: usize) -> u64 {
    static KNOWN: [OnceLock<Box<[u32]>>; OCTAVES] = [const { OnceLock::new() }; OCTAVES];
    let number = (place as u64).saturating_add(2);
    let octave = number.ilog2();
    match KNOWN.get(octave as usize) {
        Some(known) => {
            let known = known.get_or_init(|| (1 << octave..2 << octave).map(|n| billionths(n) as u32).collect());
            u64::from(known[(number - (1 << octave)) as usize])
        }
        None => billionths(number),
    }
}

/// Returns [`exposure`] in millionths, for sums over many lists.
pub fn exposure_ppm(place: usize) -> u64 {
    (exposure(place) + 500) / 1_000
}

/// 10^9 / log2(number), rounded.
fn billionths(number: u64) -> u64 {
    let log = u128::from(log2(number));
    (((1_000_000_000 << (FRACTION + 1)) + log) / (2 * log)) as u64
}

/// The binary logarithm of a number above 1, with [`FRACTION`] bits after its point: squaring a number between 1 and 2 gives the
/// next bit of its logarithm, and an error of one squaring counts for less with every bit.
fn log2(number: u64) -> u64 {
    let octave = number.ilog2();
    let mut square = u128::from(number) << (63 - octave);
    let mut log = u64::from(octave);
    for _ in 0..FRACTION {
        square = (square * square) >> 63;
        let bit = square >> 64;
        square >>= bit;
        log = log << 1 | bit as u64;
    }
    log
}

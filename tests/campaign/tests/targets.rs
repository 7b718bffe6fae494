//! Every fuzz target over its seed corpus, and over each seed with something wrong in it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use normgate_campaign::targets;

#[test]
fn targets_hold_over_their_seeds_and_around_them() {
    for (name, target) in targets::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
        let mut seeds = 0;
        for file in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let seed = fs::read(file.unwrap().path()).unwrap();
            target(&seed);
            for part in 1..24 {
                target(&seed[..seed.len() * part / 24]);
                let mut flipped = seed.clone();
                let at = seed.len() * part / 24;
                if let Some(byte) = flipped.get_mut(at) {
                    *byte ^= 1 << (part % 8);
                    target(&flipped);
                }
            }
            seeds += 1;
        }
        assert!(seeds >= 3, "{name} has {seeds} seeds");
    }
}

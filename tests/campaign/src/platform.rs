//! The platform under attack: what it grants to whom. Most grants are narrow, since that is where rights are taken away.

use std::fmt::Write;

use crate::numbers::Numbers;

/// Authorities of attackers: some are asked before the law's modules (`reference`), some after them.
pub(crate) const AUTHORITIES: [&str; 4] = ["aaa", "hostile", "mct", "zzz"];

/// Grants: nothing beside the default; hardly anything; almost everything.
const GRANTS: [&str; 8] = [
    "",
    "",
    "effect = \"label\"\ncolumns = []\n",
    "effect = \"allow\"\ncolumns = [\"candidates.*\"]\nobligations = []\nvetoes = []\nviolations = false\n",
    "columns = []\ntags = \"keep\"\nlabels = []\nconstraints = false\npromote = false\n",
    "fuel = 100_000\nmemory = 8_388_608\n",
    "effect = \"block\"\ntags = \"delete\"\nvetoes = [\"tag\"]\n",
    "base = \"full\"\n",
];

/// A platform's `[authorities]`, as TOML: each attacker's, and those whose modules are mutated.
pub(crate) fn authorities(numbers: &mut Numbers) -> String {
    let mut text = String::new();
    for authority in AUTHORITIES {
        // Nobody is ever listed for certain.
        if numbers.position(16) != 0 {
            let _ = write!(text, "[authorities.{authority}]\n{}", numbers.pick(&GRANTS));
        }
    }
    // Who made the carried modules may speak for others too: a mutant comes under that name.
    if numbers.position(4) != 0 {
        text.push_str("[authorities.reference]\nbase = \"full\"\n[authorities.association]\n");
    }
    text
}

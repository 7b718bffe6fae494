//! Prints the lock of the vocabulary: `cargo run -q -p normgate-contract --example lock > wit/vocabulary.lock`, at a release.

fn main() {
    println!("# Names that were released. Append-only; a test holds the vocabulary against it.");
    for line in normgate_contract::Vocabulary::shipped().lock_lines() {
        println!("{line}");
    }
}

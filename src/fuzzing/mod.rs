//! What must hold of everything that strangers can send, each as a function of arbitrary bytes that panics where it does
//! not hold. `make fuzz` gives libFuzzer these functions (`fuzz/`); the tests below give them the seeds of `fuzz/seeds`
//! and some changes of each. Only a build with the feature `fuzzing`, and the tests, have this module.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is how a target says that something does not hold"
)]

mod access;
mod payload;
mod query_language;

pub use access::access;
pub use payload::payload;
pub use query_language::query_language;

pub use crate::api::fuzzing::{cursor, json_body, query_string, ranges};

/// The text in a slice of the input; none if it is no text.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    type Target = fn(&[u8]);

    /// The targets by the names of their folders of seeds.
    const TARGETS: [(&str, Target); 7] = [
        ("access", super::access),
        ("cursor", super::cursor),
        ("json_body", super::json_body),
        ("payload", super::payload),
        ("query_language", super::query_language),
        ("query_string", super::query_string),
        ("ranges", super::ranges),
    ];

    /// How often each seed is changed and tried, unless `GUILDLAKE_FUZZ_CHANGES` says so.
    const CHANGES: usize = 100;

    #[test]
    fn every_seed_and_some_changes_of_it_hold() {
        let seed = std::env::var("GUILDLAKE_SEED")
            .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
        println!("seed {seed} (GUILDLAKE_SEED={seed} replays it)");
        let changes = std::env::var("GUILDLAKE_FUZZ_CHANGES")
            .map_or(CHANGES, |changes| changes.parse().unwrap());
        let mut dice = fastrand::Rng::with_seed(seed);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
        for (name, target) in TARGETS {
            let files = fs::read_dir(folder.join(name)).unwrap();
            let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
            files.sort();
            assert!(!files.is_empty(), "{name} has no seeds");
            let seeds: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
            for bytes in &seeds {
                target(bytes);
                for _ in 0..changes {
                    let mut changed = bytes.clone();
                    for _ in 0..dice.usize(1..4) {
                        change(&mut changed, &seeds, &mut dice);
                    }
                    target(&changed);
                }
            }
        }
    }

    /// Changes bytes: puts in, takes out, replaces, repeats, or goes on with another seed.
    fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], dice: &mut fastrand::Rng) {
        let at = dice.usize(..=bytes.len());
        let end = dice.usize(at..=bytes.len().min(at + 8));
        match dice.u8(..5) {
            0 => bytes.insert(at, dice.u8(..)),
            1 => drop(bytes.drain(at..end)),
            2 => bytes[at..end].fill_with(|| dice.u8(..)),
            3 => bytes.extend_from_within(at..end),
            _ => {
                let other = &seeds[dice.usize(..seeds.len())];
                bytes.truncate(at);
                bytes.extend(&other[dice.usize(..=other.len())..]);
            }
        }
    }
}

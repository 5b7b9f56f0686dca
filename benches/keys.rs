//! How long it takes to compare a key, by how much of it is right: the times must not tell it. Prints medians in
//! nanoseconds; the kinds take turns, so that a busy machine slows all of them.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::hint::black_box;
use std::time::Instant;

use chrono::Utc;
use guildlake::keys::{KeyFile, KeyFileError, Keyring, NewKey, Scope};
use secrecy::SecretString;

/// Comparisons of each kind in a turn, and turns.
const IN_A_TURN: u32 = 200;
const TURNS: usize = 2_000;

/// Keys in the file.
const KEYS: usize = 50;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let file = KeyFile::in_folder(folder.path());
    let mut right = String::new();
    for n in 0..KEYS {
        let new = NewKey {
            name: format!("key {n}"),
            scopes: [Scope::Messages].into(),
            names: true,
            ..NewKey::default()
        };
        let (key, token) = new.make(Utc::now())?;
        right = token.expose().to_owned();
        file.change(|keys| {
            keys.push(key);
            Ok::<_, KeyFileError>(())
        })?;
    }
    let bootstrap = "a-key-for-benches-0123456789-0123456789";
    let keyring = Keyring::open(file, &SecretString::from(bootstrap))?;
    // Another character at the end, in the middle, at the beginning of the secret, in the id.
    let changed = |at: usize| {
        let mut text = right.clone().into_bytes();
        text[at] = if text[at] == b'b' { b'c' } else { b'b' };
        String::from_utf8(text)
    };
    let kinds = [
        ("wrong in its last character", changed(right.len() - 1)?),
        ("wrong in the middle", changed(right.len() / 2)?),
        ("wrong from its secret's first character", changed(13)?),
        (
            "all of its secret is wrong",
            format!("{}{}", &right[..13], "x".repeat(49)),
        ),
        ("of an unknown key", changed(5)?),
        ("right", right.clone()),
    ];
    let mut times = vec![Vec::with_capacity(TURNS); kinds.len()];
    for turn in 0..TURNS {
        for step in 0..kinds.len() {
            let kind = (turn + step) % kinds.len();
            let text = kinds[kind].1.as_bytes();
            let began = Instant::now();
            for _ in 0..IN_A_TURN {
                black_box(keyring.grant(black_box(text)));
            }
            times[kind].push(began.elapsed() / IN_A_TURN);
        }
    }
    println!(
        "{} comparisons of each kind, {KEYS} keys",
        TURNS * IN_A_TURN as usize
    );
    for ((name, _), times) in kinds.iter().zip(&mut times) {
        times.sort_unstable();
        let at = |percent: usize| times[times.len() * percent / 100].as_nanos();
        println!(
            "{name:<42} p10 {:>5} ns   p50 {:>5} ns   p90 {:>5} ns",
            at(10),
            at(50),
            at(90)
        );
    }
    Ok(())
}

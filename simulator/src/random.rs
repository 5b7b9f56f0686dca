//! Seeded randomness.
//! Everything random here is a pure function of a seed and a place, so that a run can be repeated and a message
//! can be rendered again from its id instead of being kept.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A generator for one place: the same seed and salt give the same numbers on every machine.
pub(crate) fn rng(seed: u64, salt: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(mix(seed, salt))
}

/// Two numbers made one, well mixed (SplitMix64's finaliser).
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A hash of a text that stays the same between runs.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

//! What a run is asked to do, its dice, and its figures.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use simulator::{Community, Config, Simulator};
use tempfile::TempDir;

/// Things that happen a second: with edits and deletes some more events than that.
pub const TRAFFIC: f64 = 250.0;

/// A simulated Discord with a data folder, and the dice of a run.
pub struct Plan {
    pub seed: u64,
    pub rounds: usize,
    pub dice: StdRng,
    pub simulator: Simulator,
    pub folder: TempDir,
}

impl Plan {
    /// A run of so many rounds; the seed is printed before anything happens.
    pub async fn new(name: &str, rounds: usize, messages: usize) -> Self {
        let seed = seed();
        println!("{name}: seed {seed}, {rounds} rounds (GUILDLAKE_SEED={seed} plays it again)");
        // All of it is younger than the repair window, so that a lost session can be mended whole. Few
        // channels: their lists of threads are read before any page, and a run is short.
        let config = Config {
            keep_dispatches: true,
            ..Config::quick().with_community(Community {
                days: 5,
                messages,
                ..Community::small(seed)
            })
        };
        Self {
            seed,
            rounds,
            dice: StdRng::seed_from_u64(seed),
            simulator: Simulator::start(config).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Where the service keeps its record by default.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn database(&self) -> PathBuf {
        self.data().join("guildlake.duckdb")
    }

    /// A moment between the two, in milliseconds.
    pub fn moment(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.dice.random_range(from..=to))
    }
}

/// As many rounds as the variable says, or `few`.
pub fn rounds(variable: &str, few: usize) -> usize {
    number(variable).map_or(few, |rounds| usize::try_from(rounds).unwrap())
}

/// The seed that is to be played again, or a new one.
pub fn seed() -> u64 {
    number("GUILDLAKE_SEED").unwrap_or_else(|| u64::from(rand::random::<u32>()))
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect(variable))
}

/// Durations, told by their median and 99th percentile.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
        self.0.sort_unstable();
    }

    /// The smallest of them that so many percent do not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "p50 {} ms, p99 {} ms, slowest {} ms of {}",
            self.percentile(50).as_millis(),
            self.percentile(99).as_millis(),
            self.percentile(100).as_millis(),
            self.0.len()
        )
    }
}

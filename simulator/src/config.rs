//! What a simulator can be told at its start.
//! `Config::default()` behaves as Discord does (limits on, real intervals); `Config::quick()` is the same Discord
//! with nothing that makes a test wait.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use chrono::{DateTime, Utc};

/// The application may read message content in every guild (flag 18, after Discord's review).
pub const GATEWAY_MESSAGE_CONTENT: u64 = 1 << 18;
/// The application may read message content while it is in few guilds (flag 19).
pub const GATEWAY_MESSAGE_CONTENT_LIMITED: u64 = 1 << 19;

/// Everything a simulator can be told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who lives here and what they have said.
    pub community: Community,
    /// The bot's token, without `Bot `.
    pub token: String,
    /// Where to listen. With port 0 every listener takes a free port; otherwise REST takes this port, the gateway
    /// the next, the gateway for RESUME the one after, the control routes the one after that.
    pub bind: SocketAddr,
    /// How requests are limited.
    pub limits: Limits,
    /// What Hello asks for; a client that misses one and a half of it is closed.
    pub heartbeat_interval: Duration,
    /// How many IDENTIFYs one `identify_interval` takes.
    pub max_concurrency: u32,
    /// The time that `max_concurrency` is about; zero switches the rule off.
    pub identify_interval: Duration,
    /// How many IDENTIFYs a day takes.
    pub identify_limit: u32,
    /// How many sends a connection may make in 60 seconds (then 4008).
    pub send_limit: u32,
    /// How many dispatches a session keeps for a RESUME.
    pub replay_buffer: usize,
    /// The application's flags; without bit 18 or 19 the message content intent is refused (4014) and REST empties
    /// the content fields.
    pub application_flags: u64,
    /// The share (0 to 1) of messages that are written in an unusual but lawful way.
    pub odd_style: f64,
    /// The share (0 to 1) of frames sent as zlib binary when Identify had `compress: true`.
    pub binary_share: f64,
    /// Whether channels that the bot can't view are hidden from it, as Discord does for every bot from 2026-11-16 on:
    /// REST's list leaves them out, and the gateway sends them without what they are about.
    pub obfuscation: bool,
    /// Whether `Simulator::dispatched` remembers every dispatch about messages: memory that grows with the traffic.
    pub keep_dispatches: bool,
    /// Whether every new session has the id of the one before it.
    pub same_session_id: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            community: Community::default(),
            token: "simulated-token.not-a-secret.0123456789".to_owned(),
            bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            limits: Limits::discord(),
            heartbeat_interval: Duration::from_millis(41_250),
            max_concurrency: 1,
            identify_interval: Duration::from_secs(5),
            identify_limit: 1000,
            send_limit: 120,
            replay_buffer: 100_000,
            application_flags: GATEWAY_MESSAGE_CONTENT_LIMITED,
            odd_style: 0.2,
            binary_share: 0.5,
            obfuscation: true,
            keep_dispatches: false,
            same_session_id: false,
        }
    }
}

impl Config {
    /// No rate limits and no wait between IDENTIFYs: for tests that are about something else.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            limits: Limits::off(),
            identify_interval: Duration::ZERO,
            ..Self::default()
        }
    }

    /// The same with another community.
    #[must_use]
    pub fn with_community(self, community: Community) -> Self {
        Self { community, ..self }
    }
}

/// How requests are limited. The headers are on every answer in any case.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Whether a limit is ever enforced.
    pub enforced: bool,
    /// Requests that one bucket (route and major parameter) takes in a window.
    pub per_bucket: u32,
    /// The window of a bucket.
    pub window: Duration,
    /// Requests a second over all buckets.
    pub global_per_second: u32,
    /// Invalid requests (401, 403, 429 but for scope `shared`) in ten minutes before the address is banned.
    pub invalid: u32,
}

impl Limits {
    /// The limits as Discord has them.
    #[must_use]
    pub fn discord() -> Self {
        Self {
            enforced: true,
            per_bucket: 5,
            window: Duration::from_secs(1),
            global_per_second: 50,
            invalid: 10_000,
        }
    }

    /// No limits.
    #[must_use]
    pub fn off() -> Self {
        Self {
            enforced: false,
            ..Self::discord()
        }
    }
}

/// What the generator makes: the same seed, anchor and numbers make the same community.
#[derive(Clone, Debug)]
pub struct Community {
    /// The seed of everything random.
    pub seed: u64,
    /// How many guilds.
    pub guilds: usize,
    /// How many channels over all guilds; categories and special rooms (stage, forum, private ones) are among them.
    pub channels: usize,
    /// How many threads over all guilds (active, archived, private, forum posts).
    pub threads: usize,
    /// How many messages over all channels and threads.
    pub messages: usize,
    /// How many people (and bots) over all guilds.
    pub members: usize,
    /// How many days of history.
    pub days: u32,
    /// When the history ends and the live time begins; `None` is the moment of the start.
    pub anchor: Option<DateTime<Utc>>,
}

impl Default for Community {
    fn default() -> Self {
        Self {
            seed: 1,
            guilds: 2,
            channels: 24,
            threads: 16,
            messages: 5_000,
            members: 120,
            days: 90,
            anchor: None,
        }
    }
}

impl Community {
    /// A small one, for tests.
    #[must_use]
    pub fn small(seed: u64) -> Self {
        Self {
            seed,
            guilds: 1,
            channels: 12,
            threads: 8,
            messages: 600,
            members: 30,
            ..Self::default()
        }
    }
}

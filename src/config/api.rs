//! The settings of the HTTP API.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};

use super::source::{Problems, Source};

/// The minimum length of the API key in characters.
const MIN_KEY: usize = 16;

/// How many connections one client may have by default: browsers open six, a busy dashboard some tens.
const CONNECTIONS_PER_ADDRESS: usize = 64;
const CONNECTIONS_REASON: &str = "must be a whole number of connections, at least 1";

/// Keys from published examples, which anybody can know.
const PLACEHOLDERS: [&str; 6] = [
    "change-me",
    "changeme",
    "super-secret-key",
    "your-api-key",
    "secret",
    "example",
];

/// The listen address and the API key.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// `BIND`, default `127.0.0.1:8000`: the address to listen on.
    pub bind: SocketAddr,
    /// `API_KEY`, no default: the key that clients send.
    pub key: SecretString,
    /// `QUERIES_DIR`, no default: a folder of SQL files with reports in addition to the built-in ones. Whoever
    /// can write to the folder can read the whole database and every file that this process can read.
    pub queries: Option<PathBuf>,
    /// `TRUSTED_PROXIES`, default none: the reverse proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `ADMIN_BIND`, no default: a second address, which serves only the health checks.
    pub admin_bind: Option<SocketAddr>,
    /// `MAX_CONNECTIONS_PER_ADDRESS`, default 64: how many connections one client may have.
    pub connections_per_address: usize,
}

/// Why a key is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyWeakness {
    /// The key is too short to resist guessing.
    #[error("is shorter than 16 characters; make one with `openssl rand -hex 32`")]
    Short,
    /// The key is known from an example.
    #[error("is a placeholder from an example; make one with `openssl rand -hex 32`")]
    Placeholder,
    /// The key is one repeated character.
    #[error("repeats one character; make one with `openssl rand -hex 32`")]
    Uniform,
    /// An HTTP header can't contain the key.
    #[error(
        "contains characters that an HTTP header can't contain; use letters, digits and punctuation"
    )]
    Unprintable,
}

/// The weakness of a key, if it has one.
#[must_use]
pub fn weakness(key: &SecretString) -> Option<KeyWeakness> {
    let key = key.expose_secret();
    let lower = key.to_ascii_lowercase();
    let looks_like_example = PLACEHOLDERS
        .iter()
        .any(|placeholder| lower == *placeholder || lower.starts_with("change-me"));
    if looks_like_example || lower.contains("super-secret-key") {
        Some(KeyWeakness::Placeholder)
    } else if key.chars().count() < MIN_KEY {
        Some(KeyWeakness::Short)
    } else if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some(KeyWeakness::Unprintable)
    } else if key.bytes().all(|byte| Some(byte) == key.bytes().next()) {
        Some(KeyWeakness::Uniform)
    } else {
        None
    }
}

impl ApiSettings {
    /// This listen address and key, and the defaults of everything else.
    #[must_use]
    pub fn new(bind: SocketAddr, key: SecretString) -> Self {
        Self {
            bind,
            key,
            queries: None,
            trusted_proxies: Vec::new(),
            admin_bind: None,
            connections_per_address: CONNECTIONS_PER_ADDRESS,
        }
    }

    /// Reads only these settings, for `doctor`.
    ///
    /// # Errors
    /// If a variable is missing or not valid.
    pub fn read_alone(source: &Source) -> Result<Self, super::SettingsError> {
        source.collect(|problems| Self::read(source, problems))
    }

    /// Reads only the listen address, for a command that generates its key.
    ///
    /// # Errors
    /// If `BIND` is not a valid address.
    pub fn read_bind(source: &Source) -> Result<SocketAddr, super::SettingsError> {
        source.collect(|problems| bind(source, problems))
    }

    pub(super) fn read(source: &Source, problems: &mut Problems) -> Option<Self> {
        let bind = bind(source, problems);
        let key = match source.get("API_KEY").map(SecretString::from) {
            None => problems.add(
                "API_KEY",
                "is not set; it is the key that clients send; make one with `openssl rand -hex 32`",
            ),
            Some(key) => match weakness(&key) {
                Some(weakness) => problems.add("API_KEY", weakness.to_string()),
                None => Some(key),
            },
        };
        let queries = source.get("QUERIES_DIR").map(PathBuf::from);
        let queries = match queries {
            Some(folder) if !folder.is_dir() => problems.add(
                "QUERIES_DIR",
                format!(
                    "must be the path of a folder; this is none: {}",
                    folder.display()
                ),
            ),
            queries => Some(queries),
        };
        let trusted_proxies = source.list(
            "TRUSTED_PROXIES",
            network,
            "must be addresses or networks, separated by commas, such as 127.0.0.1,10.0.0.0/8",
            problems,
        );
        let admin_bind = match source.get("ADMIN_BIND").map(|text| text.parse()) {
            None => Some(None),
            Some(Ok(address)) if Some(address) == bind && address.port() != 0 => problems.add(
                "ADMIN_BIND",
                "must be another address than BIND: it keeps the health checks apart from the API",
            ),
            Some(Ok(address)) => Some(Some(address)),
            Some(Err(_)) => problems.add(
                "ADMIN_BIND",
                "must be an address and a port, such as 127.0.0.1:8001",
            ),
        };
        let connections_per_address = match source.parse(
            "MAX_CONNECTIONS_PER_ADDRESS",
            CONNECTIONS_PER_ADDRESS,
            CONNECTIONS_REASON,
            problems,
        ) {
            Some(0) => problems.add("MAX_CONNECTIONS_PER_ADDRESS", CONNECTIONS_REASON),
            number => number,
        };
        Some(Self {
            bind: bind?,
            key: key?,
            queries: queries?,
            trusted_proxies: trusted_proxies?,
            admin_bind: admin_bind?,
            connections_per_address: connections_per_address?,
        })
    }
}

/// A network, or a single address.
fn network(text: &str) -> Option<IpNet> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.ok().or_else(|| text.parse().ok())
}

fn bind(source: &Source, problems: &mut Problems) -> Option<SocketAddr> {
    source.parse(
        "BIND",
        SocketAddr::from(([127, 0, 0, 1], 8000)),
        "must be an address and a port, such as 127.0.0.1:8000",
        problems,
    )
}

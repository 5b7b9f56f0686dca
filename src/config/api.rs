//! The settings of the HTTP API.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

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
    /// `PUBLIC_HOSTS`, default none: the names under which the service is reached, beside those of this machine.
    pub public_hosts: Vec<String>,
    /// `CORS_ORIGINS`, default none: the origins whose pages may use the API.
    pub cors_origins: Vec<String>,
    /// `ADMIN_BIND`, no default: a second address, which serves only the health checks.
    pub admin_bind: Option<SocketAddr>,
    /// `MAX_CONNECTIONS_PER_ADDRESS`, default 64: how many connections one client may have.
    pub connections_per_address: usize,
}

/// The minimum length of a key that guards an address which other machines can reach.
const MIN_EXPOSED_KEY: usize = 32;

/// The least number of different characters in such a key. Of 32 random hexadecimal digits, fewer are different in less
/// than one of ten million keys: (16 choose 7) · (7/16)^32.
const MIN_DIFFERENT: usize = 8;

/// The longest piece whose repetition is found, and the longest run of neighbours (`abc`, `321`) that is allowed.
const MAX_PIECE: usize = 16;
const MAX_RUN: usize = 6;

/// Words of which people make keys.
const WORDS: [&str; 14] = [
    "password",
    "passwort",
    "secret",
    "letmein",
    "qwerty",
    "qwertz",
    "asdfgh",
    "admin",
    "guildlake",
    "discord",
    "apikey",
    "api-key",
    "changeme",
    "example",
];

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

/// Why a key is not strong enough for an address that other machines can reach: anybody there can try keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyPattern {
    /// The key is too short.
    #[error("is shorter than 32 characters")]
    Short,
    /// The key has few different characters.
    #[error("has fewer than 8 different characters")]
    FewCharacters,
    /// The key is a short piece again and again.
    #[error("repeats a short piece")]
    Repetition,
    /// Most of the key are neighbours on the keyboard or in the alphabet.
    #[error("consists of sequences such as 12345678")]
    Sequence,
    /// Most of the key are words that are tried first.
    #[error("is made of words such as password")]
    Words,
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

/// The pattern by which a key could be guessed from another machine, if it has one. A random key has none: these checks
/// find keys that people type, and are no measure of strength. (zxcvbn would be, for passwords that are typed; it knows
/// thirty thousand words, and its scores say nothing about keys of this length.)
#[must_use]
pub fn pattern(key: &SecretString) -> Option<KeyPattern> {
    let key = key.expose_secret().to_ascii_lowercase();
    let bytes = key.as_bytes();
    let different: HashSet<_> = bytes.iter().collect();
    let mut without_words = key.clone();
    for word in WORDS {
        without_words = without_words.replace(word, "");
    }
    if bytes.len() < MIN_EXPOSED_KEY {
        Some(KeyPattern::Short)
    } else if is_repetition(bytes) {
        Some(KeyPattern::Repetition)
    } else if different.len() < MIN_DIFFERENT {
        Some(KeyPattern::FewCharacters)
    } else if in_runs(bytes) * 2 > bytes.len() {
        Some(KeyPattern::Sequence)
    } else if without_words.len() * 2 < bytes.len() {
        Some(KeyPattern::Words)
    } else {
        None
    }
}

/// Whether the key is a short piece again and again, the last time perhaps cut off.
fn is_repetition(key: &[u8]) -> bool {
    (1..=MAX_PIECE.min(key.len() / 2)).any(|piece| {
        let shifted = key.iter().skip(piece);
        shifted.zip(key).all(|(one, other)| one == other)
    })
}

/// How many characters of the key are in long runs in which each follows from the one before: `abcdefg`, `7654321`,
/// `aaaaaaa`.
fn in_runs(key: &[u8]) -> usize {
    let mut total = 0;
    let mut run: Vec<u8> = Vec::new();
    let mut step = None;
    for &byte in key.iter().chain(&[0]) {
        let here = run.last().map(|last| i16::from(byte) - i16::from(*last));
        // After 9 comes 0.
        let here = here.map(|step| if step == -9 { 1 } else { step });
        let goes_on =
            here.is_some_and(|here| (-1..=1).contains(&here)) && (step.is_none() || step == here);
        if goes_on {
            step = here;
        } else {
            total += if run.len() >= MAX_RUN { run.len() } else { 0 };
            run.clear();
            step = None;
        }
        run.push(byte);
    }
    total
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
            public_hosts: Vec::new(),
            cors_origins: Vec::new(),
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
        if let (Some(bind), Some(key)) = (bind, &key)
            && !bind.ip().to_canonical().is_loopback()
            && let Some(pattern) = pattern(key)
        {
            problems.add::<()>(
                "API_KEY",
                format!(
                    "{pattern}, and other machines can reach BIND and try keys: make one with `openssl rand -hex 32`, or set BIND to 127.0.0.1 and put a reverse proxy in front of it"
                ),
            );
        }
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
        let public_hosts = source.list(
            "PUBLIC_HOSTS",
            host,
            "must be host names or addresses without a scheme and a port, separated by commas, such as reports.example.org",
            problems,
        );
        let cors_origins = source.list(
            "CORS_ORIGINS",
            origin,
            "must be origins as browsers write them, separated by commas, such as https://dashboard.example.org: a scheme, a host in lower case, a port unless it is the usual one, no path; `*` is refused, because any page could then use a key that it gets hold of",
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
            public_hosts: public_hosts?,
            cors_origins: cors_origins?,
            admin_bind: admin_bind?,
            connections_per_address: connections_per_address?,
        })
    }
}

/// The name or address of a host.
fn host(text: &str) -> Option<String> {
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let is_name = !text.starts_with('.')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    is_name.then(|| text.trim_end_matches('.').to_ascii_lowercase())
}

/// An origin as browsers write it: parsed and written again, it stays what it is.
fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https");
    (is_web && url.origin().ascii_serialization() == text).then(|| text.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_guards_an_open_address_has_no_pattern() {
        for (key, expected) in [
            ("0123456789abcdef", Some(KeyPattern::Short)),
            ("3f9a1c7be2d84056a19be7c3d25f806", Some(KeyPattern::Short)),
            ("3f9a1c7be2d84056a19be7c3d25f8064", None),
            ("Zq7-kT2vW9xLpR4mB8nYc3HsJd6FgUeA", None),
            ("correct-horse-battery-staple-quickly-97", None),
            (
                "abcabcabcabcabcabcabcabcabcabcabcabc",
                Some(KeyPattern::Repetition),
            ),
            (
                "k3J9x1Qak3J9x1Qak3J9x1Qak3J9x1Qak3J9",
                Some(KeyPattern::Repetition),
            ),
            (
                "12345678901234561234567890123456",
                Some(KeyPattern::Repetition),
            ),
            (
                "1234567890123456789012345678901234567",
                Some(KeyPattern::Repetition),
            ),
            (
                "12345678901234567890abcdefghijklmnop",
                Some(KeyPattern::Sequence),
            ),
            (
                "abcdefghijklmnopqrstuvwxyz0123456789",
                Some(KeyPattern::Sequence),
            ),
            (
                "aaaaaaaaaaaaaaaabbbbbbbbbbcdefghijkl",
                Some(KeyPattern::Sequence),
            ),
            (
                "aababbabaabbabababbabaababbbabaabbab",
                Some(KeyPattern::FewCharacters),
            ),
            (
                "passwordpasswordpasswordpassword",
                Some(KeyPattern::Repetition),
            ),
            (
                "Password-guildlake-Discord-secret-2026!",
                Some(KeyPattern::Words),
            ),
        ] {
            assert_eq!(pattern(&key.into()), expected, "{key}");
        }
    }

    #[test]
    fn random_keys_have_none() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..2000 {
            let key: String = (0..32).map(|_| random.digit(16)).collect();
            assert!(pattern(&key.as_str().into()).is_none(), "{key}");
        }
    }
}

//! A key as it is stored.

use std::collections::BTreeSet;
use std::io;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::token::{self, Token};
use super::{Grant, Scope};
use crate::guild::Limits;
use crate::message::{ChannelId, GuildId};

/// The maximum number of characters of a name.
const MAX_NAME: usize = 64;

/// A key that is to be made.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    /// Its name, for people; several keys may have the same.
    pub name: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Whether the names of authors are shown.
    pub names: bool,
    /// The guilds and channels to which it is limited.
    pub limits: Limits,
    /// When it ends; none if it doesn't.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key: what it opens, and by which digests its tokens are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The id, which is in every token of the key.
    pub id: String,
    /// The name, for people.
    pub name: String,
    /// What the key may do.
    pub scopes: BTreeSet<Scope>,
    /// Whether the names of authors are shown.
    pub names: bool,
    /// Only these guilds; empty for all.
    #[serde(default)]
    pub guilds: BTreeSet<GuildId>,
    /// Only these channels, with what is in them; empty for all.
    #[serde(default)]
    pub channels: BTreeSet<ChannelId>,
    /// When the key was made.
    pub created_at: DateTime<Utc>,
    /// When the key ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the key was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Its present secret, and those that a rotation has replaced.
    pub secrets: Vec<Secret>,
}

/// A secret of a key, as its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// The SHA-256 digest of the token, in hexadecimal.
    sha256: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends, after a rotation.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Whether a key can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum KeyState {
    /// It can be used.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

/// Why a key can't be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A part of a new key is not valid.
    #[error("{field} {reason}")]
    Invalid {
        /// The part.
        field: &'static str,
        /// What it must be.
        reason: &'static str,
    },
    /// The operating system has no random numbers.
    #[error("the operating system has no random numbers: {0}")]
    Random(#[from] io::Error),
}

impl NewKey {
    /// Makes the key, and its token, which is not stored.
    ///
    /// # Errors
    /// [`KeyError::Invalid`] names the part that is not valid.
    pub fn make(self, now: DateTime<Utc>) -> Result<(Key, Token), KeyError> {
        let invalid = |field, reason| Err(KeyError::Invalid { field, reason });
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control)
        {
            return invalid("name", "must have 1 to 64 characters and be one line");
        }
        if self.scopes.is_empty() {
            return invalid("scopes", "must name at least one scope");
        }
        if self.scopes.iter().eq([&Scope::Content]) {
            return invalid(
                "scopes",
                "must name another scope beside content, which opens no route by itself",
            );
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return invalid("expires_at", "must be in the future");
        }
        let id = token::new_id()?;
        let token = Token::new(&id)?;
        let key = Key {
            id,
            name: name.to_owned(),
            scopes: self.scopes,
            names: self.names,
            guilds: self.limits.guilds,
            channels: self.limits.channels,
            created_at: now,
            expires_at: self.expires_at,
            revoked_at: None,
            secrets: vec![Secret::of(&token, now)],
        };
        Ok((key, token))
    }
}

impl Secret {
    fn of(token: &Token, now: DateTime<Utc>) -> Self {
        Self {
            sha256: hex(&token::digest(token.expose().as_bytes())),
            created_at: now,
            expires_at: None,
        }
    }
}

impl Key {
    /// Whether the key can be used at this time.
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> KeyState {
        if self.revoked_at.is_some() {
            KeyState::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            KeyState::Expired
        } else {
            KeyState::Active
        }
    }

    /// A new secret. The present one ends at `overlap_until`, so that callers can change over.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn rotate(&mut self, now: DateTime<Utc>, overlap: TimeDelta) -> Result<Token, KeyError> {
        let token = Token::new(&self.id)?;
        // At most two are valid at once: the one that was replaced earlier ends now.
        self.secrets.retain(|secret| secret.expires_at.is_none());
        for secret in &mut self.secrets {
            secret.expires_at = Some(now + overlap);
        }
        if overlap <= TimeDelta::zero() {
            self.secrets.clear();
        }
        self.secrets.push(Secret::of(&token, now));
        Ok(token)
    }

    /// A key that nothing opens: a token of an unknown key is compared with it, which takes as long as with a known
    /// one.
    pub(super) fn decoy() -> Self {
        let never = DateTime::UNIX_EPOCH;
        Self {
            id: String::new(),
            name: String::new(),
            scopes: BTreeSet::new(),
            names: false,
            guilds: BTreeSet::new(),
            channels: BTreeSet::new(),
            created_at: never,
            expires_at: Some(never),
            revoked_at: Some(never),
            secrets: vec![Secret {
                sha256: hex(&[0; 32]),
                created_at: never,
                expires_at: Some(never),
            }],
        }
    }

    /// What the key may do, in a line, for the audit log.
    #[must_use]
    pub fn summary(&self) -> String {
        let scopes: Vec<_> = self.scopes.iter().map(|scope| scope.as_str()).collect();
        let ids = |ids: Vec<String>| match ids.is_empty() {
            true => "all".to_owned(),
            false => ids.join(" "),
        };
        format!(
            "scopes {}; names {}; guilds {}; channels {}; expires {}",
            scopes.join(" "),
            if self.names { "shown" } else { "hidden" },
            ids(self.guilds.iter().map(ToString::to_string).collect()),
            ids(self.channels.iter().map(ToString::to_string).collect()),
            self.expires_at
                .map_or_else(|| "never".to_owned(), |end| end.to_rfc3339()),
        )
    }

    /// What the key opens.
    #[must_use]
    pub fn grant(&self) -> Grant {
        Grant {
            key_id: self.id.clone(),
            name: self.name.clone(),
            scopes: self.scopes.clone(),
            names: self.names,
            limits: Limits {
                guilds: self.guilds.clone(),
                channels: self.channels.clone(),
            },
        }
    }

    /// Whether a token with this digest is one of the key at this time. Every secret is compared, in constant time.
    pub(super) fn opens(&self, digest: &[u8; 32], now: DateTime<Utc>) -> bool {
        let digest = hex(digest);
        let mut opens = subtle::Choice::from(0);
        for secret in &self.secrets {
            let is_valid = secret.expires_at.is_none_or(|end| end > now);
            let is_equal = secret.sha256.as_bytes().ct_eq(digest.as_bytes());
            opens |= is_equal & subtle::Choice::from(u8::from(is_valid));
        }
        let is_active = self.state(now) == KeyState::Active;
        (opens & subtle::Choice::from(u8::from(is_active))).into()
    }
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

//! Signed links, for tools that can send no header: one resource in one form, readable until a time, by whoever has
//! the link. A link is signed for its key, and ends with it.

use std::fmt;
use std::io;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The secret with which links are signed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LinkSecret([u8; 32]);

/// What a link opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The id of the key with whose rights the link is read.
    pub key_id: String,
    /// When the link ends, to the second.
    pub expires_at: DateTime<Utc>,
    /// The path and query string.
    pub target: String,
}

impl Link {
    /// The signed text, of characters that need no escape in a URL. `of_key` is what the link ends with: the digest of
    /// a secret that can change while the key's id stays.
    #[must_use]
    pub fn sign(&self, secret: &LinkSecret, of_key: &[u8]) -> String {
        let body = format!(
            "{}.{}.{}",
            self.expires_at.timestamp(),
            self.key_id,
            URL_SAFE_NO_PAD.encode(&self.target)
        );
        let tag = mac(secret, of_key, &body).finalize().into_bytes();
        format!("{body}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// Reads a signed text, without any check of its signature.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (seconds, key_id, target) = (parts.next()?, parts.next()?, parts.next()?);
        let target = URL_SAFE_NO_PAD.decode(target).ok()?;
        Some(Self {
            key_id: key_id.to_owned(),
            expires_at: DateTime::from_timestamp(seconds.parse().ok()?, 0)?,
            target: String::from_utf8(target).ok()?,
        })
    }

    /// Whether a signed text is valid. The signature is compared in constant time.
    #[must_use]
    pub fn is_signed(text: &str, secret: &LinkSecret, of_key: &[u8]) -> bool {
        let Some((body, tag)) = text.rsplit_once('.') else {
            return false;
        };
        let Ok(tag) = URL_SAFE_NO_PAD.decode(tag) else {
            return false;
        };
        mac(secret, of_key, body).verify_slice(&tag).is_ok()
    }
}

fn mac(secret: &LinkSecret, of_key: &[u8], body: &str) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&secret.0).expect("HMAC takes a key of any length");
    mac.update(&(of_key.len() as u64).to_be_bytes());
    mac.update(of_key);
    mac.update(body.as_bytes());
    mac
}

impl LinkSecret {
    /// A new secret.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn new() -> io::Result<Self> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self(secret))
    }
}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSecret")
    }
}

impl TryFrom<String> for LinkSecret {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("must be 32 bytes as base64url")
    }
}

impl From<LinkSecret> for String {
    fn from(secret: LinkSecret) -> Self {
        URL_SAFE_NO_PAD.encode(secret.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_was_changed_is_not_signed() {
        let secret = LinkSecret::new().unwrap();
        let link = Link {
            key_id: "abcdefgh".to_owned(),
            expires_at: DateTime::from_timestamp(1_900_000_000, 0).unwrap(),
            target: "/v1/messages.csv?guild_id=1".to_owned(),
        };
        let text = link.sign(&secret, b"");
        assert_eq!(Link::read(&text), Some(link.clone()));
        assert!(Link::is_signed(&text, &secret, b""));
        assert!(!Link::is_signed(&text, &secret, b"another"));
        assert!(!Link::is_signed(&text, &LinkSecret::new().unwrap(), b""));
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last character of the signature has two bits that mean nothing; a strict decoder refuses them.
            assert!(!Link::is_signed(&changed, &secret, b""), "{at}: {changed}");
        }
    }
}

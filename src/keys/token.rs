//! The text that a caller sends: `glk_`, the id of the key, `_`, 32 random bytes and a checksum, the latter two as
//! base64url. The prefix and the checksum let secret scanners find a leaked key without asking the service.

use std::fmt;
use std::io;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// The beginning of every token.
pub const PREFIX: &str = "glk_";

/// The characters of an id: lower-case letters and digits that can't be mistaken for each other. There are 32, so
/// that five random bits choose one.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The number of characters of an id.
const ID_LENGTH: usize = 8;

/// The number of random bytes of a secret.
const SECRET_LENGTH: usize = 32;

/// A new token. It is shown once and never stored.
pub struct Token(SecretString);

impl Token {
    /// A new secret for the key with this id.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn new(id: &str) -> io::Result<Self> {
        let mut secret = [0; SECRET_LENGTH];
        getrandom::fill(&mut secret)?;
        let body = format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret));
        let checksum = crc32fast::hash(body.as_bytes()).to_be_bytes();
        Ok(Self(SecretString::from(
            body + &URL_SAFE_NO_PAD.encode(checksum),
        )))
    }

    /// The text, to be shown once.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// A new id, which is in every token of its key and in the audit log.
pub(super) fn new_id() -> io::Result<String> {
    let mut bytes = [0; ID_LENGTH];
    getrandom::fill(&mut bytes)?;
    let character = |byte: &u8| char::from(ALPHABET[usize::from(byte % 32)]);
    Ok(bytes.iter().map(character).collect())
}

/// The id in a token; none if the text is no token.
pub(super) fn id_of(text: &str) -> Option<&str> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let is_id = id.len() == ID_LENGTH && id.bytes().all(|byte| ALPHABET.contains(&byte));
    (is_id && !secret.is_empty()).then_some(id)
}

/// The digest by which a token is known. The secret is 256 random bits, so a fast digest is enough: there is nothing
/// to guess.
pub(super) fn digest(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_its_id_and_a_checksum() {
        let id = new_id().unwrap();
        let token = Token::new(&id).unwrap();
        assert_eq!(id_of(token.expose()), Some(id.as_str()));
        assert_eq!(token.expose().len(), 4 + 8 + 1 + 43 + 6);
        let (body, checksum) = token.expose().split_at(token.expose().len() - 6);
        let expected = crc32fast::hash(body.as_bytes()).to_be_bytes();
        assert_eq!(checksum, URL_SAFE_NO_PAD.encode(expected));
        assert_ne!(token.expose(), Token::new(&id).unwrap().expose());
        for other in [
            "",
            "glk_",
            "glk_abcdefgh",
            "glk_abcdefgh_",
            "glk_ABCDEFGH_x",
            "x",
        ] {
            assert_eq!(id_of(other), None, "{other}");
        }
        assert_eq!(format!("{token:?}"), "Token");
    }
}

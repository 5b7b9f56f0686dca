//! API keys: who may read what. A key has scopes, can be limited to guilds and channels, expires, is rotated and
//! revoked. The keys are in one file of the data folder, of which the secrets are stored as digests only; the command
//! line changes it while the service runs. What a key opens is a [`Grant`]; HTTP is not the concern of this room.

mod file;
mod grant;
mod key;
mod keyring;
mod link;
mod scope;
mod token;

pub use file::{KeyFile, KeyFileError};
pub use grant::Grant;
pub use key::{Key, KeyError, KeyState, NewKey, Secret};
pub use keyring::Keyring;
pub use link::{Link, LinkSecret};
pub use scope::Scope;
pub use token::{PREFIX, Token};

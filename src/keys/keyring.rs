//! The keys of the running service: the one in the setting `API_KEY`, and those of the file, which is read again when
//! it changes, so that a key is valid or revoked a second after the command line said so.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use parking_lot::{Mutex, RwLock};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

use super::file::{Content, KeyFile, KeyFileError, Mark};
use super::key::KeyState;
use super::{Grant, Key, Link, LinkSecret, token};

/// How often the service looks whether the file has changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The keys that are valid now. Cheap to clone.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    file: KeyFile,
    bootstrap: Bootstrap,
    decoy: Key,
    known: RwLock<Known>,
    /// The state of the file that is known; held while the file is read.
    mark: Mutex<Option<Mark>>,
}

/// The key in the setting `API_KEY`.
struct Bootstrap {
    /// A digest of fixed length, so that a comparison does not reveal the key's length.
    digest: [u8; 32],
    grant: Arc<Grant>,
}

#[derive(Default)]
struct Known {
    keys: Vec<(Key, Arc<Grant>)>,
    link_secret: Option<LinkSecret>,
}

impl Keyring {
    /// The keys of a data folder, and the key that may do everything.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn open(file: KeyFile, api_key: &SecretString) -> Result<Self, KeyFileError> {
        let keyring = Self(Arc::new(Inner {
            file,
            bootstrap: Bootstrap {
                digest: token::digest(api_key.expose_secret().as_bytes()),
                grant: Arc::new(Grant::everything()),
            },
            decoy: Key::decoy(),
            known: RwLock::default(),
            mark: Mutex::new(None),
        }));
        keyring.read()?;
        Ok(keyring)
    }

    /// The file of the keys.
    #[must_use]
    pub fn file(&self) -> &KeyFile {
        &self.0.file
    }

    /// What a token opens; none if it is not valid. The time that this takes does not tell how much of a token is
    /// right: digests are compared whole, and a token of an unknown key is compared too.
    #[must_use]
    pub fn grant(&self, presented: &[u8]) -> Option<Arc<Grant>> {
        let digest = token::digest(presented);
        let bootstrap = &self.0.bootstrap;
        let mut found: Option<Arc<Grant>> = None;
        if bool::from(digest.ct_eq(&bootstrap.digest)) {
            found = Some(Arc::clone(&bootstrap.grant));
        }
        let id = std::str::from_utf8(presented).ok().and_then(token::id_of);
        if let Some(id) = id {
            let now = Utc::now();
            let known = self.0.known.read();
            let mut keys = known.keys.iter();
            let key = keys.find(|(key, _)| key.id == id);
            let decoy = &self.0.decoy;
            let (key, grant) = key.map_or((decoy, None), |(key, grant)| (key, Some(grant)));
            if key.opens(&digest, now) {
                found = grant.cloned().or(found);
            }
        }
        found
    }

    /// A link to `target`, with the rights of a key. Reads or makes the file if there is none yet, so it blocks.
    ///
    /// # Errors
    /// If the file can't be read or made.
    pub fn sign(&self, link: &Link) -> Result<String, KeyFileError> {
        let known = self.0.known.read().link_secret.clone();
        let secret = match known {
            Some(secret) => secret,
            None => {
                let made = self.0.file.read_or_make()?;
                self.read()?;
                made.link_secret
            }
        };
        Ok(link.sign(&secret, self.changes_with(&link.key_id)))
    }

    /// What a signed link opens, and with which rights; none if it is not valid any more.
    #[must_use]
    pub fn follow(&self, text: &str) -> Option<(Link, Arc<Grant>)> {
        let link = Link::read(text)?;
        let known = self.0.known.read();
        let secret = known.link_secret.as_ref()?;
        if !Link::is_signed(text, secret, self.changes_with(&link.key_id)) {
            return None;
        }
        let now = Utc::now();
        let grant = if link.key_id == Grant::BOOTSTRAP {
            Arc::clone(&self.0.bootstrap.grant)
        } else {
            let mut keys = known.keys.iter();
            let (_, grant) =
                keys.find(|(key, _)| key.id == link.key_id && key.state(now) == KeyState::Active)?;
            Arc::clone(grant)
        };
        (link.expires_at > now).then_some((link, grant))
    }

    /// What the links of a key end with: another `API_KEY` has the same id.
    fn changes_with(&self, key_id: &str) -> &[u8] {
        if key_id == Grant::BOOTSTRAP {
            &self.0.bootstrap.digest
        } else {
            &[]
        }
    }

    /// Reads the file if it has changed. Blocks.
    ///
    /// # Errors
    /// If the file can't be read; the keys that are known stay then.
    pub fn read(&self) -> Result<(), KeyFileError> {
        let mut mark = self.0.mark.lock();
        let present = self.0.file.mark();
        if *mark == present && present.is_some() {
            return Ok(());
        }
        let known = match self.0.file.read()? {
            Some(Content {
                link_secret, keys, ..
            }) => Known {
                keys: keys
                    .into_iter()
                    .map(|key| {
                        let grant = Arc::new(key.grant());
                        (key, grant)
                    })
                    .collect(),
                link_secret: Some(link_secret),
            },
            None => Known::default(),
        };
        *self.0.known.write() = known;
        *mark = present;
        Ok(())
    }

    /// Reads the file whenever it changes, until `stop`.
    pub async fn follow_file(self, stop: CancellationToken) {
        let mut failure: Option<String> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let keyring = self.clone();
            let read = tokio::task::spawn_blocking(move || keyring.read()).await;
            match read {
                Ok(Ok(())) | Err(_) => failure = None,
                Ok(Err(error)) => {
                    let error = error.to_string();
                    if failure.as_ref() != Some(&error) {
                        tracing::error!(
                            error,
                            "the file of the API keys can't be read; the keys that were read last stay valid, and changes have no effect"
                        );
                    }
                    failure = Some(error);
                }
            }
        }
    }
}

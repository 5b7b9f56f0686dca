//! The file of the keys, `keys.json` in the data folder. Every change replaces it as a whole, under a lock, so that
//! the command line and the service can both change it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Key, LinkSecret};
use crate::durable;

const FILE: &str = "keys.json";
const LOCK_FILE: &str = "keys.lock";

/// The version of the file's form.
const VERSION: u32 = 1;

/// The file of the keys.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
    lock: PathBuf,
}

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    version: u32,
    /// With it the service signs links. It is made with the file.
    pub(super) link_secret: LinkSecret,
    pub(super) keys: Vec<Key>,
}

/// Why the file can't be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file or its lock can't be read or written.
    #[error("{} can't be {what}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        cause: io::Error,
    },
    /// The file has another form.
    #[error("{} is not a file of keys of this version: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong. It has no content of the file.
        reason: String,
    },
}

impl KeyFile {
    /// The file in this data folder, whether it exists or not.
    #[must_use]
    pub fn in_folder(data_dir: &Path) -> Self {
        Self {
            path: data_dir.join(FILE),
            lock: data_dir.join(LOCK_FILE),
        }
    }

    /// The keys, in the order in which they were made; none if there is no file.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn keys(&self) -> Result<Vec<Key>, KeyFileError> {
        Ok(self.read()?.map(|content| content.keys).unwrap_or_default())
    }

    /// Changes the keys. If `change` fails, nothing is written.
    ///
    /// # Errors
    /// If the file can't be read or written, or the error that `change` returns.
    pub fn change<T, E: From<KeyFileError>>(
        &self,
        change: impl FnOnce(&mut Vec<Key>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _lock = self.lock()?;
        let mut content = match self.read()? {
            Some(content) => content,
            None => self.new_content()?,
        };
        let changed = change(&mut content.keys)?;
        self.write(&content)?;
        Ok(changed)
    }

    /// The content, which is made if there is none.
    pub(super) fn read_or_make(&self) -> Result<Content, KeyFileError> {
        let _lock = self.lock()?;
        if let Some(content) = self.read()? {
            return Ok(content);
        }
        let content = self.new_content()?;
        self.write(&content)?;
        Ok(content)
    }

    pub(super) fn read(&self) -> Result<Option<Content>, KeyFileError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(self.io("read", cause)),
        };
        let wrong = |reason: String| KeyFileError::Content {
            path: self.path.clone(),
            reason,
        };
        // The library's message can quote a value; its position does not.
        let content: Content = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("line {}, column {}", error.line(), error.column())))?;
        if content.version != VERSION {
            return Err(wrong(format!("it has version {}", content.version)));
        }
        Ok(Some(content))
    }

    /// The file's mark, which changes when the file is replaced; none if there is no file.
    pub(super) fn mark(&self) -> Option<Mark> {
        let metadata = fs::metadata(&self.path).ok()?;
        Some(Mark {
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(&metadata),
            modified: metadata.modified().ok()?,
            bytes: metadata.len(),
        })
    }

    fn new_content(&self) -> Result<Content, KeyFileError> {
        Ok(Content {
            version: VERSION,
            link_secret: LinkSecret::new().map_err(|cause| self.io("made", cause))?,
            keys: Vec::new(),
        })
    }

    fn write(&self, content: &Content) -> Result<(), KeyFileError> {
        let json = serde_json::to_vec_pretty(content);
        let json = json.map_err(|error| self.io("written", error.into()))?;
        durable::replace_private(&self.path, &json).map_err(|cause| self.io("written", cause))
    }

    /// The lock, held until it is dropped.
    fn lock(&self) -> Result<File, KeyFileError> {
        let locked = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.lock)
            .and_then(|file| {
                file.lock()?;
                Ok(file)
            });
        locked.map_err(|cause| KeyFileError::Io {
            path: self.lock.clone(),
            what: "locked",
            cause,
        })
    }

    fn io(&self, what: &'static str, cause: io::Error) -> KeyFileError {
        KeyFileError::Io {
            path: self.path.clone(),
            what,
            cause,
        }
    }
}

/// What tells one state of the file from another without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    #[cfg(unix)]
    inode: u64,
    modified: std::time::SystemTime,
    bytes: u64,
}

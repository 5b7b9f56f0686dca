//! Verifies files: a file whose bytes do not have the hash in the manifest is damaged. It is renamed, so that
//! nobody reads it, and the next snapshot writes it again from the record.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use rustix::io::Errno;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::SnapshotError;
use super::folder::{Folder, hex};
use super::manifest::NamedFile;
use crate::durable;

/// The suffix of a damaged file that was set aside.
pub(super) const DAMAGED: &str = ".damaged";

const PIECE: usize = 1024 * 1024;

impl Folder {
    /// Whether a file has the right bytes; if not, it is set aside.
    pub(super) fn verify(
        &self,
        file: &NamedFile,
        stop: &CancellationToken,
    ) -> Result<bool, SnapshotError> {
        let path = self.at(&file.path);
        let reason = match hash(&path, stop) {
            Ok(found) if found == file.sha256 => return Ok(true),
            Ok(_) => "its hash is wrong".to_owned(),
            Err(_) if stop.is_cancelled() => return Err(SnapshotError::Stopped),
            Err(error) if is_damage(&error) => error.to_string(),
            Err(error) => return Err(SnapshotError::io("read", &path)(error)),
        };
        tracing::error!(
            file = %path.display(),
            reason,
            "a snapshot file is damaged; it is renamed and written again from the database"
        );
        if path.exists() {
            let aside = durable::with_suffix(&path, DAMAGED);
            // The grace time of the file begins now.
            let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
            fs::rename(&path, aside).map_err(SnapshotError::io("set aside", &path))?;
        }
        Ok(false)
    }
}

/// Whether an error means that the file itself is damaged. Other errors, such as too many open files, are
/// transient.
fn is_damage(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || Errno::from_io_error(error) == Some(Errno::IO)
}

fn hash(path: &Path, stop: &CancellationToken) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    while !stop.is_cancelled() {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&piece[..read]);
    }
    Err(io::ErrorKind::Interrupted.into())
}

//! Damage: a file whose bytes are not those that the manifest names by their hash. It is set aside, so
//! that nobody takes it for good, and the next snapshot writes it anew from the record.

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

/// What stands behind the name of a file that was set aside.
pub(super) const DAMAGED: &str = ".damaged";

const PIECE: usize = 1024 * 1024;

impl Folder {
    /// Whether a file has the bytes that it should have. If not it is set aside.
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
            let mut aside = path.clone().into_os_string();
            aside.push(DAMAGED);
            // It stays for the grace time from now on.
            let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
            fs::rename(&path, aside).map_err(SnapshotError::io("set aside", &path))?;
        }
        Ok(false)
    }
}

/// Whether an error tells of the file itself. Others, as too many open files, pass.
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

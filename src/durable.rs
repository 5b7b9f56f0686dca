//! Files that are whole whenever the process is killed or the power fails: a file is written under another name, put
//! on disk, and renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Replaces a file, or creates it. After a crash its name has the old content or the new one, each whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_by(
        path,
        bytes,
        File::options().write(true).create(true).truncate(true),
    )
}

/// Like [`replace`], with a file that only its owner can read.
pub(crate) fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // One that a crash has left could have other rights.
    match fs::remove_file(with_suffix(path, ".tmp")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    replace_by(path, bytes, &options)
}

fn replace_by(path: &Path, bytes: &[u8], options: &OpenOptions) -> io::Result<()> {
    let unfinished = with_suffix(path, ".tmp");
    let written = options.open(&unfinished).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written {
        // A full disk needs the space.
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    fs::rename(&unfinished, path)?;
    sync_folder(folder_of(path))
}

/// Puts the names of a folder on disk: without it a rename can be undone by a power failure.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The path with a suffix appended to its file name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The folder that contains a file: the current one if the path is a bare file name.
pub(crate) fn folder_of(file: &Path) -> &Path {
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

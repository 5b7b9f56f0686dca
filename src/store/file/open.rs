//! Opening the file, also when its log is damaged. What can't be replayed is set aside by rename,
//! never deleted, and the record goes on from the last commit before the damage; what that loses
//! is found by the witness. Measured: tests/faults/record/damage.rs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::Utc;
use duckdb::{Config, Connection};
use tracing::error;

use super::checkpoint;
use super::paths::{beside, failed, first_line, log_of, refusal};
use super::settings::StoreSettings;
use crate::store::StoreError;

/// The automatic checkpoint's threshold: never. It would stall a commit, and it has no journal.
const CHECKPOINT_THRESHOLD: &str = "1000TB";

/// The oldest storage version that ties a log to its file, so that a log of another time is not
/// replayed; for new files.
const STORAGE_VERSION: &str = "v1.4.0";

/// Cuts of one log at most. One is enough for one damage.
const CUTS: u32 = 3;

/// An entry's size and checksum, which stand before the position that DuckDB's error names.
const ENTRY_HEAD: u64 = 16;

/// A record's file that is open.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    /// Where its log is kept, if it was damaged.
    pub(crate) set_aside: Option<PathBuf>,
}

/// Opens the record's file.
pub(crate) fn open(settings: &StoreSettings) -> Result<Opened, StoreError> {
    let path = settings.path.as_path();
    let log = log_of(path);
    match fs::metadata(path) {
        // A disk that was full when the file was made leaves it empty. There is nothing in it.
        Ok(file) if file.len() == 0 && !log.exists() => {
            fs::remove_file(path).map_err(|cause| failed("remove the empty file", path, cause))?;
        }
        Ok(_) => {}
        // DuckDB would make a new file and delete the log.
        Err(_) if log.exists() => {
            return Err(StoreError::Open {
                path: path.to_owned(),
                reason: format!(
                    "the file is missing, but its WAL {} exists; restore the file, or move the WAL away to start with an empty database",
                    log.display()
                ),
            });
        }
        Err(_) => {}
    }
    checkpoint::roll_back(path)?;
    let mut set_aside = None;
    let mut cuts = 0;
    loop {
        let refused = match connect(settings) {
            Ok(connection) => {
                return Ok(Opened {
                    connection,
                    set_aside,
                });
            }
            Err(error) => error.to_string(),
        };
        if cuts == CUTS || !is_about_the_log(&refused) || !log.exists() {
            return Err(refusal(path, refused));
        }
        cuts += 1;
        let kept = damaged_entry(&refused);
        let aside = set_aside_but(&log, kept).map_err(|cause| failed("set aside", &log, cause))?;
        error!(
            log = %aside.display(),
            reason = first_line(&refused),
            "the WAL of the database is damaged; it is renamed, and the database continues from the last intact commit"
        );
        // The first is whole.
        set_aside.get_or_insert(aside);
    }
}

/// Keeps a copy of a log that DuckDB took only in part: the next commit cuts the rest off.
pub(crate) fn keep_copy(log: &Path) -> io::Result<Option<PathBuf>> {
    if !log.exists() {
        return Ok(None);
    }
    let copy = aside_name(log);
    fs::copy(log, &copy)?;
    Ok(Some(copy))
}

/// Sets a log aside, and puts its first bytes in its place. The copy is on disk before the log moves.
fn set_aside_but(log: &Path, kept: Option<u64>) -> io::Result<PathBuf> {
    let cut = beside(log, ".cut");
    if let Some(length) = kept {
        let mut copy = fs::File::create(&cut)?;
        io::copy(&mut io::Read::take(fs::File::open(log)?, length), &mut copy)?;
        copy.sync_all()?;
    }
    let aside = aside_name(log);
    fs::rename(log, &aside)?;
    if kept.is_some() {
        fs::rename(&cut, log)?;
    }
    Ok(aside)
}

/// A name beside the log that is free.
fn aside_name(log: &Path) -> PathBuf {
    let stamp = Utc::now().format("%Y%m%dT%H%M%S");
    let mut name = beside(log, &format!(".damaged-{stamp}"));
    let mut n = 0;
    while name.exists() {
        n += 1;
        name = beside(log, &format!(".damaged-{stamp}-{n}"));
    }
    name
}

/// Where the log's first damaged entry begins, by DuckDB's error; none if it names no place.
fn damaged_entry(error: &str) -> Option<u64> {
    let (_, rest) = error.split_once("entry at byte position ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse::<u64>().ok()?.checked_sub(ENTRY_HEAD)
}

/// Whether the log is damaged, or of another time. A replay can fail for other reasons too (no
/// space, no memory, no right): then the log is whole, and is not touched.
fn is_about_the_log(error: &str) -> bool {
    [
        "Corrupt WAL file",
        "Failed to read WAL of version",
        "Invalid WAL entry type",
        "unordered_map::at",
        "data may be corrupt",
        "Failed to deserialize",
        "This WAL was created for this database file",
        "WAL does not match database file",
        "Conflict on tuple deletion",
    ]
    .iter()
    .any(|sign| error.contains(sign))
}

fn connect(settings: &StoreSettings) -> Result<Connection, duckdb::Error> {
    let mut config = Config::default()
        .with("checkpoint_threshold", CHECKPOINT_THRESHOLD)?
        .with("storage_compatibility_version", STORAGE_VERSION)?
        // Merging what deletes left of row groups would hold commits up for seconds; moves do it.
        .with("max_vacuum_tasks", "0")?
        // Nothing is loaded into this process from the network because a report names it.
        .with("autoinstall_known_extensions", "false")?
        .with("autoload_known_extensions", "false")?
        .with("memory_limit", format!("{}B", settings.memory_limit))?
        .with("temp_directory", settings.temp_folder.to_string_lossy())?;
    if let Some(threads) = settings.threads {
        config = config.threads(i64::from(threads))?;
    }
    let connection = Connection::open_with_flags(&settings.path, config)?;
    // Only `Checkpoints` folds the log, with its journal.
    connection.execute_batch("PRAGMA disable_checkpoint_on_shutdown")?;
    Ok(connection)
}

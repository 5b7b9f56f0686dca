//! Opens the DuckDB file, also with a damaged WAL. A WAL that can't be replayed is renamed, never deleted, and
//! the record continues from the last commit before the damage. The commit counter shows which commits are lost
//! by that. Measured in tests/faults/record/damage.rs.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use chrono::Utc;
use duckdb::{Config, Connection};
use tracing::error;

use super::checkpoint::HEADERS;
use super::paths::{failed, first_line, log_of, refusal};
use super::settings::StoreSettings;
use super::{checkpoint, commit_counter};
use crate::durable;
use crate::store::StoreError;

/// Turns automatic checkpoints off, because they would stall a commit and have no rollback journal.
const CHECKPOINT_THRESHOLD: &str = "1000TB";

/// The storage version of new files: the oldest one that ties a WAL to its file, so that DuckDB does not replay
/// a WAL of another time.
const STORAGE_VERSION: &str = "v1.4.0";

/// Where a DuckDB file says that it is one, behind the checksum of its first header.
const MAGIC_PLACE: Range<usize> = 8..12;

/// How often one WAL is cut at most. One damage needs one cut.
const CUTS: u32 = 3;

/// The length of an entry's size and checksum. DuckDB's errors name the position behind both.
const ENTRY_HEAD: u64 = 16;

/// The opened DuckDB file.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    /// The path of the damaged WAL, if the WAL was set aside.
    pub(crate) set_aside: Option<PathBuf>,
}

/// Opens the DuckDB file of the record.
pub(crate) fn open(settings: &StoreSettings) -> Result<Opened, StoreError> {
    let path = settings.path.as_path();
    let log = log_of(path);
    match fs::metadata(path) {
        // A full disk or a kill at the creation leaves a file without all of its headers, which holds no data.
        Ok(_) if !log.exists() && is_unfinished(path) => {
            let removed = fs::remove_file(path);
            removed.map_err(|cause| failed("remove the unfinished file", path, cause))?;
        }
        Ok(_) => {}
        // DuckDB would create a new file and delete the WAL.
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
        // Only the first of the renamed files is the complete WAL.
        set_aside.get_or_insert(aside);
    }
}

/// Whether DuckDB was interrupted while it created the file: it writes three headers and puts them on disk before
/// anything else. A shorter file of another program, or of a record that existed, is left to its owner.
fn is_unfinished(path: &Path) -> bool {
    let length = fs::metadata(path).map_or(HEADERS as u64, |file| file.len());
    let is_of_duckdb = || {
        let bytes = fs::read(path).unwrap_or_default();
        bytes.is_empty() || bytes.get(MAGIC_PLACE).is_some_and(|it| it == b"DUCK")
    };
    let is_short = length < HEADERS as u64;
    is_short && is_of_duckdb() && !durable::with_suffix(path, commit_counter::SUFFIX).exists()
}

/// Copies a WAL that DuckDB replayed only in part, because the next commit truncates the rest.
pub(crate) fn keep_copy(log: &Path) -> io::Result<Option<PathBuf>> {
    if !log.exists() {
        return Ok(None);
    }
    let copy = aside_name(log);
    fs::copy(log, &copy)?;
    Ok(Some(copy))
}

/// Sets a WAL aside, and puts its first bytes in its place. These bytes are on disk before the WAL is renamed.
fn set_aside_but(log: &Path, kept: Option<u64>) -> io::Result<PathBuf> {
    let cut = durable::with_suffix(log, ".cut");
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

/// A free name beside the WAL.
fn aside_name(log: &Path) -> PathBuf {
    let stamp = Utc::now().format("%Y%m%dT%H%M%S");
    let mut name = durable::with_suffix(log, &format!(".damaged-{stamp}"));
    let mut n = 0;
    while name.exists() {
        n += 1;
        name = durable::with_suffix(log, &format!(".damaged-{stamp}-{n}"));
    }
    name
}

/// The position of the WAL's first damaged entry according to DuckDB's error; none if the error names no
/// position.
fn damaged_entry(error: &str) -> Option<u64> {
    let (_, rest) = error.split_once("entry at byte position ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse::<u64>().ok()?.checked_sub(ENTRY_HEAD)
}

/// Whether the error says that the WAL is damaged or of another time. A replay can also fail for other reasons
/// (no space, no memory, no permission); then the WAL is intact and must not be touched.
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
        // A vacuum of row groups with deleted rows would delay commits for seconds; compaction does its work.
        .with("max_vacuum_tasks", "0")?
        // A report that names an extension must not load it into this process from the network.
        .with("autoinstall_known_extensions", "false")?
        .with("autoload_known_extensions", "false")?
        .with("memory_limit", format!("{}B", settings.memory_limit))?
        .with("temp_directory", settings.temp_folder.to_string_lossy())?;
    if let Some(threads) = settings.threads {
        config = config.threads(i64::from(threads))?;
    }
    let connection = Connection::open_with_flags(&settings.path, config)?;
    // Only `Checkpoints` may checkpoint, because it writes the rollback journal first.
    connection.execute_batch("PRAGMA disable_checkpoint_on_shutdown")?;
    Ok(connection)
}

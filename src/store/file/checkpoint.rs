//! Checkpoints that a kill cannot harm. A checkpoint of DuckDB overwrites blocks of metadata in place. A block
//! that was written only in part does not match its checksum, and then the file cannot be read any more. So
//! this module copies these blocks into a rollback journal beside the file first, and the next start restores
//! them.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use duckdb::Connection;
use rustix::fs::{FlockOperation, fcntl_lock};
use sha2::{Digest, Sha256};

use super::paths::{failed, refusal};
use crate::store::StoreError;
use crate::{durable, failpoint};

/// The three headers at the beginning of a DuckDB file, in bytes; the blocks follow. The headers identify the
/// database and its last checkpoint, and a checkpoint writes them at its end.
pub(crate) const HEADERS: usize = 3 * 4096;

/// Checkpoints the DuckDB file of the record.
pub(crate) struct Checkpoints {
    database: Arc<File>,
    journal: PathBuf,
}

impl Checkpoints {
    /// For a file that DuckDB has open.
    pub(crate) fn of(database: &Path) -> Result<Self, StoreError> {
        let file = File::open(database).map_err(|cause| failed("open", database, cause))?;
        Ok(Self {
            database: Arc::new(file),
            journal: journal_of(database),
        })
    }

    /// A handle that everyone who keeps DuckDB's file open must keep too: when a process closes any handle of a
    /// file, the operating system releases all locks of the process on that file, also DuckDB's.
    pub(crate) fn handle(&self) -> Arc<File> {
        Arc::clone(&self.database)
    }

    /// Writes the journal, then checkpoints.
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), StoreError> {
        self.save(connection)?;
        failpoint::reach("checkpoint_saved")?;
        connection.execute_batch("CHECKPOINT")?;
        // The checkpoint has changed the headers, so a journal that can't be removed is ignored at the next
        // start.
        let _ = fs::remove_file(&self.journal);
        Ok(())
    }

    /// Writes the journal, which is on disk when this function returns.
    fn save(&self, connection: &Connection) -> Result<(), StoreError> {
        let size: u64 = connection.query_row(
            "SELECT block_size FROM pragma_database_size() WHERE database_name = current_database()",
            [],
            |row| row.get(0),
        )?;
        let mut statement = connection.prepare("SELECT block_id FROM pragma_metadata_info()")?;
        let blocks = statement.query_map([], |row| row.get::<_, u64>(0))?;
        let places = blocks.map(|block| Ok(HEADERS as u64 + block? * size));
        let places = places.collect::<Result<Vec<u64>, duckdb::Error>>()?;

        let written = copy_of(&self.database, &places, size)
            .and_then(|copy| durable::replace(&self.journal, &copy));
        written.map_err(|cause| failed("write", &self.journal, cause))
    }
}

/// Restores the blocks that an interrupted checkpoint may have overwritten. Runs before DuckDB opens the file.
pub(crate) fn roll_back(database: &Path) -> Result<(), StoreError> {
    let path = journal_of(database);
    let saved = match fs::read(&path) {
        Ok(saved) => saved,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(failed("read", &path, cause)),
    };
    let Some(journal) = Journal::parse(&saved) else {
        tracing::warn!(journal = %path.display(), "the rollback journal is damaged and is ignored");
        return Ok(());
    };
    let mut options = File::options();
    let file = match options.read(true).write(true).open(database) {
        Ok(file) => file,
        // DuckDB reports the cause when it opens the file.
        Err(_) => return Ok(()),
    };
    if let Err(error) = fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        return Err(refusal(database, format!("Could not set lock: {error}")));
    }
    let torn = journal.put_back(&file);
    let torn = torn.map_err(|cause| failed("put metadata back into", database, cause))?;
    if torn > 0 {
        tracing::warn!(
            blocks = torn,
            "a checkpoint was interrupted; the file was rolled back to its state before the checkpoint, and the WAL has the later commits"
        );
    }
    Ok(())
}

fn journal_of(database: &Path) -> PathBuf {
    durable::with_suffix(database, ".rollback")
}

/// A copy of everything that a checkpoint may overwrite. Its bytes are: the headers; the size of a block (eight
/// bytes, little-endian); for each block its offset (eight bytes too) and its content; and the SHA-256 of all
/// that.
struct Journal<'a> {
    headers: &'a [u8],
    blocks: Vec<(u64, &'a [u8])>,
}

/// The bytes of a journal of the blocks at these offsets.
fn copy_of(database: &File, places: &[u64], size: u64) -> io::Result<Vec<u8>> {
    let mut copy = vec![0; HEADERS];
    database.read_exact_at(&mut copy, 0)?;
    copy.extend(size.to_le_bytes());
    for place in places {
        let mut block = vec![0; usize::try_from(size).map_err(io::Error::other)?];
        match database.read_exact_at(&mut block, *place) {
            Ok(()) => {
                copy.extend(place.to_le_bytes());
                copy.extend(block);
            }
            // The block is beyond the end of the file: the checkpoint writes it for the first time.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
    }
    let hash = Sha256::digest(&copy);
    copy.extend(hash);
    Ok(copy)
}

impl<'a> Journal<'a> {
    /// Parses a journal; none if it is damaged.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (bytes, hash) = bytes.split_last_chunk::<32>()?;
        if Sha256::digest(bytes).as_slice() != hash {
            return None;
        }
        let (headers, bytes) = bytes.split_at_checked(HEADERS)?;
        let (size, mut bytes) = bytes.split_first_chunk()?;
        let size = usize::try_from(u64::from_le_bytes(*size)).ok()?;
        let mut blocks = Vec::new();
        while let Some((place, rest)) = bytes.split_first_chunk() {
            let (block, rest) = rest.split_at_checked(size)?;
            blocks.push((u64::from_le_bytes(*place), block));
            bytes = rest;
        }
        Some(Self { headers, blocks })
    }

    /// Restores the blocks, unless the checkpoint was finished or the journal belongs to another file. Returns
    /// how many blocks differed.
    fn put_back(&self, database: &File) -> io::Result<usize> {
        let is_as_before = |place: u64, bytes: &[u8]| {
            let mut now = vec![0; bytes.len()];
            database
                .read_exact_at(&mut now, place)
                .map(|()| now == bytes)
        };
        // The journal can't repair a truncated file; DuckDB reports what is wrong with it.
        let ends = self
            .blocks
            .iter()
            .map(|(at, block)| at + block.len() as u64);
        let least = ends.max().unwrap_or(HEADERS as u64);
        if database.metadata()?.len() < least || !is_as_before(0, self.headers)? {
            return Ok(0);
        }
        let mut put_back = 0;
        for (place, block) in &self.blocks {
            if !is_as_before(*place, block)? {
                database.write_all_at(block, *place)?;
                put_back += 1;
            }
        }
        database.sync_all()?;
        Ok(put_back)
    }
}

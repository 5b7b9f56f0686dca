//! A Parquet file of a snapshot while it is written: counted and hashed on its way to the disk.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::SnapshotError;
use super::folder::{Folder, hex};
use crate::derived::room;
use crate::failpoint;
use crate::parquet_layout::{Compression, Order, ROW_GROUP_BYTES, properties};
use crate::store::Table;

/// The number of bytes between two checks of the free space.
const LOOK_EVERY: usize = 8 * 1024 * 1024;

/// A file that is being written. Dropping it deletes it.
pub(super) struct ParquetFile {
    file: NamedTempFile,
    writer: ArrowWriter<Hashing>,
    rows: i64,
    looked_at: usize,
}

/// A file that is on the disk and has no name yet.
pub(super) struct Finished {
    pub(super) file: NamedTempFile,
    pub(super) rows: i64,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl ParquetFile {
    pub(super) fn create(folder: &Folder, table: Table) -> Result<Self, SnapshotError> {
        let file = folder.unfinished()?;
        look_for_room(folder)?;
        let handle = file.reopen();
        let out = Hashing {
            file: BufWriter::new(handle.map_err(SnapshotError::io("open", file.path()))?),
            hash: Sha256::new(),
            bytes: 0,
        };
        let schema = table.schema();
        let properties = properties(&schema, Compression::Zstd, Order::ChannelAndId)?;
        Ok(Self {
            file,
            writer: ArrowWriter::try_new(out, schema, Some(properties))?,
            rows: 0,
            looked_at: 0,
        })
    }

    pub(super) fn write(
        &mut self,
        folder: &Folder,
        rows: &RecordBatch,
    ) -> Result<(), SnapshotError> {
        self.writer.write(rows)?;
        if self.writer.memory_size() > ROW_GROUP_BYTES {
            self.writer.flush()?;
        }
        self.rows += i64::try_from(rows.num_rows()).unwrap_or(0);
        if self.writer.bytes_written() - self.looked_at > LOOK_EVERY {
            self.looked_at = self.writer.bytes_written();
            look_for_room(folder)?;
        }
        Ok(())
    }

    /// Writes the end of the file, and syncs it.
    pub(super) fn finish(self) -> Result<Finished, SnapshotError> {
        let mut out = self.writer.into_inner()?;
        let synced = out.flush().and_then(|()| out.file.get_ref().sync_all());
        synced.map_err(SnapshotError::io("write", self.file.path()))?;
        failpoint::reach("snapshot_file_written")?;
        Ok(Finished {
            file: self.file,
            rows: self.rows,
            bytes: out.bytes,
            sha256: hex(&out.hash.finalize()),
        })
    }
}

/// A snapshot must not use up the record's reserve.
fn look_for_room(folder: &Folder) -> Result<(), SnapshotError> {
    room::look_for_room(folder.root()).map_err(|free| SnapshotError::LittleSpace { free })
}

/// Hashes everything that is written.
struct Hashing {
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

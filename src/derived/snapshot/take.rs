//! Writes a snapshot: what has changed since the snapshot before, as new files, and a manifest of all files.

use std::collections::HashMap;

use chrono::Utc;
use tokio_util::sync::CancellationToken;

use super::SnapshotError;
use super::catalog::Catalog;
use super::folder::Folder;
use super::manifest::{FORMAT, FileEntry, GuildCoverage, Manifest, to_micros};
use super::parquet_file::{Finished, ParquetFile};
use crate::failpoint;
use crate::guild::Reach;
use crate::message::{GuildId, IdRange, Month};
use crate::status::{Status, StatusSender};
use crate::store::{CompletenessRequest, Moment, Partition, Table};

/// A snapshot that is being written.
pub(super) struct Take<'a> {
    pub(super) folder: &'a Folder,
    pub(super) catalog: &'a Catalog,
    pub(super) status: &'a StatusSender,
    pub(super) stop: &'a CancellationToken,
}

/// A snapshot whose files are on the disk, and which is not published yet.
pub(super) struct Taken {
    pub(super) manifest: Manifest,
    /// The number of new files.
    pub(super) written: usize,
    /// The size of the new files in bytes.
    pub(super) bytes: u64,
}

impl Take<'_> {
    /// Writes what a read view contains and the snapshot before does not. If that fails, the new files are
    /// deleted.
    pub(super) fn run(&self, moment: &Moment<'_>) -> Result<Taken, SnapshotError> {
        failpoint::reach("snapshot_begun")?;
        let mut named = Vec::new();
        let taken = self.write_all(moment, &mut named);
        if taken.is_err() {
            for path in named
                .iter()
                .filter(|path| self.catalog.file(path).is_none())
            {
                // The next sweep deletes what is left.
                let _ = std::fs::remove_file(self.folder.at(path));
            }
        }
        taken
    }

    fn write_all(
        &self,
        moment: &Moment<'_>,
        named: &mut Vec<String>,
    ) -> Result<Taken, SnapshotError> {
        let state = moment.state();
        let mut manifest = Manifest {
            format: FORMAT,
            store_id: state.store_id.clone(),
            schema_version: state.schema_version,
            revision: state.revision,
            created_at: to_micros(Utc::now()),
            coverage: coverage(moment)?,
            files: Vec::new(),
        };
        let known = self.known(state.schema_version);
        let changed = changed(moment, &known, &mut manifest.files)?;
        self.write_partitions(moment, &changed, &mut manifest.files, named)?;
        for table in Table::ALL.into_iter().filter(|it| !it.is_partitioned()) {
            let same = known.get(&(table, None)).copied();
            let file = self.write_table(moment, table, same, named)?;
            manifest.files.extend(file);
        }
        manifest
            .files
            .sort_by_key(|file| (file.table, file.partition()));
        self.folder.sync(named.iter().map(String::as_str))?;
        failpoint::reach("snapshot_files_durable")?;
        let bytes = |path: &String| manifest.files.iter().find(|it| it.path == *path);
        Ok(Taken {
            written: named.len(),
            bytes: named.iter().filter_map(bytes).map(|it| it.bytes).sum(),
            manifest,
        })
    }

    /// The files of the snapshot before that can be used again.
    fn known(&self, schema_version: i64) -> Known<'_> {
        // Files of another schema version may lack columns.
        let before = self.catalog.latest().map(|snapshot| &snapshot.manifest);
        let before = before.filter(|it| it.schema_version == schema_version);
        before
            .iter()
            .flat_map(|before| &before.files)
            .filter(|file| self.folder.has(&file.named()))
            .map(|file| ((file.table, file.partition()), file))
            .collect()
    }

    fn write_partitions(
        &self,
        moment: &Moment<'_>,
        changed: &[(Table, Partition)],
        files: &mut Vec<FileEntry>,
        named: &mut Vec<String>,
    ) -> Result<(), SnapshotError> {
        let rows: i64 = changed.iter().map(|(_, it)| it.row_count).sum();
        self.status.send_modify(|Status { snapshot, .. }| {
            snapshot.files_total = changed.len() as u64;
            snapshot.rows_total = rows.unsigned_abs();
            (snapshot.files_done, snapshot.rows_done) = (0, 0);
        });
        for (table, partition) in changed {
            if self.stop.is_cancelled() {
                return Err(SnapshotError::Stopped);
            }
            let file = self.write_partition(moment, *table, partition)?;
            let place = Some((partition.guild_id, partition.month));
            files.push(self.name(file, *table, place, partition.revision, named)?);
            self.status
                .send_modify(|status| status.snapshot.files_done += 1);
        }
        Ok(())
    }

    fn write_partition(
        &self,
        moment: &Moment<'_>,
        table: Table,
        partition: &Partition,
    ) -> Result<Finished, SnapshotError> {
        let file = self.write(table, |take| moment.read_partition(table, partition, take))?;
        // Later snapshots recognise an unchanged partition by these numbers, so they have to be right.
        if file.rows != partition.row_count {
            let (table, guild, month) = (table.name(), partition.guild_id, partition.month);
            return Err(SnapshotError::Miscounted {
                what: format!("{table} of guild {guild} in {month}"),
                counted: partition.row_count,
                written: file.rows,
            });
        }
        Ok(file)
    }

    /// The file of a table without partitions: the one of the snapshot before if its content is the same. A log
    /// without rows has no file.
    fn write_table(
        &self,
        moment: &Moment<'_>,
        table: Table,
        same: Option<&FileEntry>,
        named: &mut Vec<String>,
    ) -> Result<Option<FileEntry>, SnapshotError> {
        if table.is_log() {
            // The table can be long, and is written only if it has grown; most services have no rows in it.
            let rows = moment.row_count(table)?;
            let as_long = same.filter(|it| it.rows == rows);
            if rows == 0 || as_long.is_some() {
                return Ok(as_long.cloned());
            }
        }
        let file = self.write(table, |take| moment.read_table(table, take))?;
        match same.filter(|it| it.sha256 == file.sha256) {
            Some(same) => Ok(Some(same.clone())),
            None => {
                let revision = moment.state().revision;
                self.name(file, table, None, revision, named).map(Some)
            }
        }
    }

    fn write(
        &self,
        table: Table,
        read: impl FnOnce(&mut Rows<'_>) -> Result<(), SnapshotError>,
    ) -> Result<Finished, SnapshotError> {
        let mut file = ParquetFile::create(self.folder, table)?;
        read(&mut |rows| {
            if self.stop.is_cancelled() {
                return Err(SnapshotError::Stopped);
            }
            if table.is_partitioned() {
                let count = rows.num_rows() as u64;
                self.status
                    .send_modify(|status| status.snapshot.rows_done += count);
            }
            file.write(self.folder, &rows)
        })?;
        file.finish()
    }

    /// Gives a file its name, which no other contents will ever have.
    fn name(
        &self,
        finished: Finished,
        table: Table,
        partition: Option<(GuildId, Month)>,
        revision: i64,
        named: &mut Vec<String>,
    ) -> Result<FileEntry, SnapshotError> {
        let path = FileEntry::path_of(table, partition, revision, &finished.sha256);
        named.push(path.clone());
        self.folder.name(finished.file, &path)?;
        failpoint::reach("snapshot_file_named")?;
        Ok(FileEntry {
            table,
            guild_id: partition.map(|(guild, _)| guild),
            month: partition.map(|(_, month)| month),
            path,
            rows: finished.rows,
            bytes: finished.bytes,
            sha256: finished.sha256,
            revision,
        })
    }
}

/// The usable files of the snapshot before, by their table and partition.
type Known<'a> = HashMap<(Table, Option<(GuildId, Month)>), &'a FileEntry>;

/// Compares each partition with the snapshot before: the files of unchanged ones go into `files`, the changed ones
/// are returned.
fn changed(
    moment: &Moment<'_>,
    known: &Known<'_>,
    files: &mut Vec<FileEntry>,
) -> Result<Vec<(Table, Partition)>, SnapshotError> {
    let mut changed = Vec::new();
    for table in Table::ALL.into_iter().filter(|it| it.is_partitioned()) {
        for partition in moment.partitions(table)? {
            let place = Some((partition.guild_id, partition.month));
            let same = known.get(&(table, place)).filter(|file| {
                (file.rows, file.revision) == (partition.row_count, partition.revision)
            });
            match same {
                Some(file) => files.push((*file).clone()),
                None => changed.push((table, partition)),
            }
        }
    }
    Ok(changed)
}

/// Receives rows as they are read.
type Rows<'a> = dyn FnMut(arrow::array::RecordBatch) -> Result<(), SnapshotError> + 'a;

fn coverage(moment: &Moment<'_>) -> Result<Vec<GuildCoverage>, SnapshotError> {
    let mut coverage = Vec::new();
    for guild_id in moment.guilds()? {
        let known = moment.completeness(&CompletenessRequest {
            reach: Reach::EVERYTHING,
            guild_id,
            channel_id: None,
            range: IdRange::ALL,
        })?;
        coverage.push(GuildCoverage::new(guild_id, known.summary()));
    }
    Ok(coverage)
}

//! The manifest: the files of a snapshot, and the state of the record that they contain.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::message::{GuildId, Month};
use crate::store::{CoverageSummary, Table};

/// The version of the files' layout. Files of another version are written again.
pub const FORMAT: u32 = 1;

/// The number of hexadecimal digits of the hash in a file's name.
const HASH_DIGITS: usize = 16;

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the layout.
    pub format: u32,
    /// The store id of the record.
    pub store_id: String,
    /// The schema version of the record's tables.
    pub schema_version: i64,
    /// The record's last revision that the snapshot contains.
    pub revision: i64,
    /// When the record was read.
    pub created_at: DateTime<Utc>,
    /// The coverage of each guild.
    pub coverage: Vec<GuildCoverage>,
    /// The files, by table, guild and month.
    pub files: Vec<FileEntry>,
}

/// Summary of the coverage of a guild when the snapshot was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SnapshotCoverage)]
pub struct GuildCoverage {
    /// Discord's id of the guild (server).
    #[schema(value_type = String, pattern = "^[1-9][0-9]*$", example = "1101234567890123457")]
    pub guild_id: GuildId,
    /// Whether every message up to that time is in the snapshot.
    pub complete: bool,
    /// Whether every edit and delete of those messages is in it too.
    pub changes_complete: bool,
    /// Number of channels and threads.
    #[schema(minimum = 0, example = 12)]
    pub channels: usize,
    /// Number of channels and threads with at least one gap.
    #[schema(minimum = 0, example = 1)]
    pub incomplete_channels: usize,
    /// Number of gaps in all channels and threads.
    #[schema(minimum = 0, example = 1)]
    pub gaps: usize,
    /// Everything that Discord sent until this time is in the snapshot; null if the service was never connected to
    /// Discord.
    #[schema(required = true)]
    pub heard_until: Option<DateTime<Utc>>,
}

/// A file of a snapshot. A file never changes: other contents get another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The table.
    pub table: Table,
    /// The guild; none for a table that is one file.
    pub guild_id: Option<GuildId>,
    /// The month of the messages; none for a table that is one file.
    pub month: Option<Month>,
    /// The path in the folder of the snapshots.
    pub path: String,
    /// The number of rows.
    pub rows: i64,
    /// The size in bytes.
    pub bytes: u64,
    /// The SHA-256, in hexadecimal.
    pub sha256: String,
    /// The last commit that changed one of the rows; for a table that is one file, the revision of the snapshot
    /// that it was written for.
    pub revision: i64,
}

impl Manifest {
    /// The name of the permanent copy of the manifest: `manifests/….json`. The time is a part of the name,
    /// because coverage changes without a new revision.
    #[must_use]
    pub fn path(&self) -> String {
        let stamp = self.created_at.format("%Y%m%dT%H%M%S%6fZ");
        format!("manifests/{}-{stamp}.json", self.revision)
    }

    /// The entry of a table's file, or of one of its partitions.
    #[must_use]
    pub fn file(&self, table: Table, partition: Option<(GuildId, Month)>) -> Option<&FileEntry> {
        self.files
            .iter()
            .find(|file| file.table == table && file.partition() == partition)
    }

    /// Whether each path follows from its entry, so that no manifest leads out of its folder.
    pub(super) fn is_sound(&self) -> bool {
        self.format == FORMAT && self.files.iter().all(FileEntry::is_sound)
    }
}

impl FileEntry {
    /// The guild and month, if the file is a partition.
    #[must_use]
    pub fn partition(&self) -> Option<(GuildId, Month)> {
        self.guild_id.zip(self.month)
    }

    /// The stable name of the file, which is the same in each snapshot: `messages/guild_id=…/month=….parquet`.
    #[must_use]
    pub fn stable_name(&self) -> String {
        let table = self.table.name();
        match self.partition() {
            Some((guild, month)) => format!("{table}/guild_id={guild}/month={month}.parquet"),
            None => format!("{table}.parquet"),
        }
    }

    /// The file itself.
    pub(super) fn named(&self) -> NamedFile {
        NamedFile {
            path: self.path.clone(),
            bytes: self.bytes,
            sha256: self.sha256.clone(),
        }
    }

    /// The path of a file with these contents.
    pub(super) fn path_of(
        table: Table,
        partition: Option<(GuildId, Month)>,
        revision: i64,
        sha256: &str,
    ) -> String {
        let name = format!("{revision}-{}.parquet", &sha256[..HASH_DIGITS]);
        let table = table.name();
        match partition {
            Some((guild, month)) => format!("{table}/guild_id={guild}/month={month}/{name}"),
            None => format!("{table}/{name}"),
        }
    }

    fn is_sound(&self) -> bool {
        let is_hash = self.sha256.len() == 64
            && self
                .sha256
                .bytes()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let is_whole = self.partition().is_some() == self.table.is_partitioned();
        is_hash
            && is_whole
            && self.path == Self::path_of(self.table, self.partition(), self.revision, &self.sha256)
    }
}

impl GuildCoverage {
    pub(super) fn new(guild_id: GuildId, coverage: CoverageSummary) -> Self {
        Self {
            guild_id,
            complete: coverage.is_complete,
            changes_complete: coverage.has_all_changes,
            channels: coverage.channels,
            incomplete_channels: coverage.incomplete_channels,
            gaps: coverage.gaps,
            heard_until: coverage.heard_until,
        }
    }
}

/// A time rounded to microseconds, as a manifest contains it, so that it is read back unchanged.
pub(super) fn to_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    let text = time.to_rfc3339_opts(SecondsFormat::Micros, true);
    text.parse().unwrap_or(time)
}

/// A file that a manifest names, or a manifest's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// The path in the folder of the snapshots.
    pub path: String,
    /// The expected size in bytes.
    pub bytes: u64,
    /// The expected SHA-256, in hexadecimal.
    pub sha256: String,
}

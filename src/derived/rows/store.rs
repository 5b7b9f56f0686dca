//! The key-value store itself: two keyspaces, rows by channel and id and channels by id, each with the same
//! watermark. fjall compares each block with its checksum when it is read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fjall::config::{BlockSizePolicy, CompressionPolicy};
use fjall::{
    CompressionType, Database, Guard, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, Readable,
    Snapshot,
};

use super::mark::Mark;
use super::{RowsError, Settings};
use crate::message::{ChannelId, IdRange, MessageId};
use crate::store::{CompactRow, read_compact};

/// The names of the keyspaces.
const ROWS: &str = "rows";
const CHANNELS: &str = "channels";

/// The key of the watermark. It is shorter than the keys of messages.
const MARK: &[u8] = b"m";

/// The size of a block of rows before its compression: about what a page of 100 messages reads.
const BLOCK: u32 = 16 * 1024;

/// The memory for changes that are not in sorted files yet, in each keyspace.
const MEMTABLE: u64 = 8 * 1024 * 1024;

/// The maximum size of the journals, which is fjall's minimum.
const JOURNALS: u64 = 64 * 1024 * 1024;

/// An open row store.
pub(super) struct RowStore {
    database: Database,
    folder: PathBuf,
    rows: Keyspace,
    channels: Keyspace,
}

/// A consistent view of the row store.
pub(super) struct RowView {
    store: Arc<RowStore>,
    snapshot: Snapshot,
}

/// Runs work on fjall's files. fjall expects some things of its files; a damaged file makes it panic.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, RowsError>) -> Result<T, RowsError> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err(RowsError::Damaged("it can't be read".to_owned())))
}

impl RowStore {
    /// Opens the row store in a folder, or creates an empty one.
    pub(super) fn open(folder: &Path, settings: Settings) -> Result<Self, RowsError> {
        guarded(|| {
            let database = Database::builder(folder)
                .cache_size(settings.cache)
                .max_journaling_size(JOURNALS)
                .worker_threads(1)
                .open()?;
            let options = || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(MEMTABLE)
                    .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
            };
            let rows = database.keyspace(ROWS, || {
                options().data_block_size_policy(BlockSizePolicy::all(BLOCK))
            })?;
            let channels = database.keyspace(CHANNELS, options)?;
            Ok(Self {
                database,
                folder: folder.to_owned(),
                rows,
                channels,
            })
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is in the row store now.
    pub(super) fn view(self: &Arc<Self>) -> RowView {
        RowView {
            store: Arc::clone(self),
            snapshot: self.database.snapshot(),
        }
    }

    /// The watermark; none if the row store was not filled to the end.
    pub(super) fn mark(self: &Arc<Self>) -> Result<Option<Mark>, RowsError> {
        self.view().mark()
    }

    /// Writes rows and the watermark, all or nothing.
    pub(super) fn put(&self, rows: &[CompactRow], mark: &Mark) -> Result<(), RowsError> {
        guarded(|| {
            let mut batch =
                OwnedWriteBatch::with_capacity(self.database.clone(), 2 * rows.len() + 2);
            for row in rows {
                let channel = row.channel_id.as_i64().to_be_bytes();
                batch.insert(
                    &self.rows,
                    key(row.channel_id, row.message_id),
                    row.value.as_slice(),
                );
                batch.insert(
                    &self.channels,
                    row.message_id.as_i64().to_be_bytes(),
                    channel,
                );
            }
            let mark = serde_json::to_vec(mark)?;
            batch.insert(&self.rows, MARK, mark.as_slice());
            batch.insert(&self.channels, MARK, mark.as_slice());
            Ok(batch.commit()?)
        })
    }

    /// Fills the empty keyspace of rows with what `read` passes on, in the order of the keys.
    pub(super) fn fill_rows(
        &self,
        read: impl FnOnce(&mut dyn FnMut(CompactRow) -> Result<(), RowsError>) -> Result<(), RowsError>,
    ) -> Result<(), RowsError> {
        guarded(|| {
            let mut fill = self.rows.start_ingestion()?;
            read(&mut |row| {
                let key = key(row.channel_id, row.message_id);
                Ok(fill.write(key.as_slice(), row.value)?)
            })?;
            Ok(fill.finish()?)
        })
    }

    /// Fills the empty keyspace of channels with what `read` passes on, in the order of the keys.
    pub(super) fn fill_channels(
        &self,
        read: impl FnOnce(
            &mut dyn FnMut(MessageId, ChannelId) -> Result<(), RowsError>,
        ) -> Result<(), RowsError>,
    ) -> Result<(), RowsError> {
        guarded(|| {
            let mut fill = self.channels.start_ingestion()?;
            read(&mut |id, channel| {
                let (id, channel) = (id.as_i64().to_be_bytes(), channel.as_i64().to_be_bytes());
                Ok(fill.write(id.as_slice(), channel.as_slice())?)
            })?;
            Ok(fill.finish()?)
        })
    }

    /// The size of the tables on the disk. The journal, which fjall allocates in advance, is not counted.
    pub(super) fn bytes(&self) -> u64 {
        self.rows.disk_space() + self.channels.disk_space()
    }
}

impl RowView {
    /// The row store that this is a view of.
    pub(super) fn store(&self) -> Arc<RowStore> {
        Arc::clone(&self.store)
    }

    /// The watermark; none if the row store was not filled to the end.
    pub(super) fn mark(&self) -> Result<Option<Mark>, RowsError> {
        guarded(|| {
            let of = |keyspace| {
                let mark = self.snapshot.get(keyspace, MARK)?;
                let mark = mark.map(|mark| serde_json::from_slice(&mark)).transpose();
                // Another version of this program may have written it.
                mark.map_err(|error| {
                    RowsError::Damaged(format!("its watermark can't be read: {error}"))
                })
            };
            let (rows, channels): (Option<Mark>, Option<Mark>) =
                (of(&self.store.rows)?, of(&self.store.channels)?);
            if rows != channels {
                let reason = "its parts are of different times";
                return Err(RowsError::Damaged(reason.to_owned()));
            }
            Ok(rows)
        })
    }

    /// The channel of a message; none if the row store does not contain the message.
    pub(super) fn channel_of(&self, id: MessageId) -> Result<Option<ChannelId>, RowsError> {
        let id = id.as_i64().to_be_bytes();
        let channel = self.snapshot.get(&self.store.channels, id)?;
        channel.map(|channel| read_id(&channel)).transpose()
    }

    /// The value of a message's row; none if the row store does not contain the message.
    pub(super) fn value(
        &self,
        channel: ChannelId,
        id: MessageId,
    ) -> Result<Option<fjall::Slice>, RowsError> {
        Ok(self.snapshot.get(&self.store.rows, key(channel, id))?)
    }

    /// The rows of a channel with ids in a range, by their ids, each with its value.
    pub(super) fn range(
        &self,
        channel: ChannelId,
        range: IdRange,
    ) -> impl DoubleEndedIterator<Item = Result<(MessageId, fjall::Slice), RowsError>> {
        let ends =
            [range.low, range.high.max(range.low)].map(|id| raw_key(channel.as_i64(), id.max(0)));
        let found = self.snapshot.range(&self.store.rows, ends[0]..ends[1]);
        found.map(move |found| {
            let (key, value) = found.into_inner()?;
            Ok((read_key(&key)?.1, value))
        })
    }

    /// Reads everything, and returns the number of messages. Each block is compared with its checksum.
    pub(super) fn count(&self, is_stopped: impl Fn() -> bool) -> Result<u64, RowsError> {
        guarded(|| {
            let mut rows = 0;
            for found in self.snapshot.iter(&self.store.rows) {
                let (key, value) = found.into_inner()?;
                if *key == *MARK {
                    continue;
                }
                let (channel, id) = read_key(&key)?;
                read_compact(channel, id, &value)?;
                rows += 1;
                if rows % 4096 == 0 && is_stopped() {
                    return Err(RowsError::Stopped);
                }
            }
            let mut channels = 0;
            for found in self.snapshot.iter(&self.store.channels) {
                let key = Guard::key(found)?;
                channels += u64::from(*key != *MARK);
                if channels % 4096 == 0 && is_stopped() {
                    return Err(RowsError::Stopped);
                }
            }
            if rows != channels {
                let reason = format!("it has {rows} rows, but channels of {channels} messages");
                return Err(RowsError::Damaged(reason));
            }
            Ok(rows)
        })
    }
}

/// The key of a row. Ids are positive, so the order of the bytes is the order of the numbers.
fn key(channel: ChannelId, id: MessageId) -> [u8; 16] {
    raw_key(channel.as_i64(), id.as_i64())
}

fn raw_key(channel: i64, id: i64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&channel.to_be_bytes());
    key[8..].copy_from_slice(&id.to_be_bytes());
    key
}

fn read_key(key: &[u8]) -> Result<(ChannelId, MessageId), RowsError> {
    match key.split_at_checked(8) {
        Some((channel, id)) => Ok((read_id(channel)?, read_id(id)?)),
        None => Err(RowsError::Damaged("a key is too short".to_owned())),
    }
}

fn read_id<T: TryFrom<i64>>(bytes: &[u8]) -> Result<T, RowsError> {
    let id = bytes.try_into().map(i64::from_be_bytes).ok();
    let id = id.and_then(|id| T::try_from(id).ok());
    id.ok_or_else(|| RowsError::Damaged("an id is not valid".to_owned()))
}

//! The writing half of the record: one connection, one thread, one transaction per batch.
//! A batch is merged with what the record knows, and only what really changes is written.
//! The record keeps ids unique by itself; no index does it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use duckdb::{Config, Connection};
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use super::lookup::{self, Known};
use super::marks::{self, Marks};
use super::messages::{self, StoredMessage};
use super::query::Reader;
use super::{Batch, Committed, StoreError, hot, schema};
use crate::message::{ChannelId, DeletedBy, Gone, Message, MessageId};

/// The automatic checkpoint's threshold. High, so that no commit stalls on it: the record
/// checkpoints by itself when it moves rows.
const CHECKPOINT_THRESHOLD: &str = "4GB";

/// How the record is kept.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The DuckDB file.
    pub path: PathBuf,
    /// Where DuckDB spills what does not fit in memory.
    pub temp_folder: PathBuf,
    /// DuckDB's memory limit in bytes.
    pub memory_limit: u64,
    /// Threads of DuckDB; none for all cores.
    pub threads: Option<u32>,
    /// Queries that may run at once.
    pub readers: u32,
    /// Rows in the hot table that start a move into a sorted run.
    pub hot_rows: usize,
    /// How far back history is read again when a session of the socket was lost.
    pub repair_window: TimeDelta,
}

impl StoreSettings {
    /// The defaults for a file.
    #[must_use]
    pub fn new(path: PathBuf, temp_folder: PathBuf) -> Self {
        Self {
            path,
            temp_folder,
            memory_limit: half_the_memory(),
            threads: None,
            readers: 8,
            // One row group of DuckDB: a run fills at least one.
            hot_rows: 122_880,
            repair_window: TimeDelta::days(7),
        }
    }
}

/// The record, for writing.
pub struct Record {
    connection: Connection,
    hot_limit: usize,
    repair_window: TimeDelta,
    hot_rows: usize,
    /// The greatest id that the record knows: what is above it is new without a look-up.
    high_water: i64,
    revision: i64,
    fragments: usize,
    marks: Marks,
}

impl Record {
    /// Opens the file, or makes it, and brings its tables to this program's version.
    ///
    /// # Errors
    /// If the file is locked, newer, foreign or damaged.
    pub fn open(settings: &StoreSettings) -> Result<(Self, Reader), StoreError> {
        let path = settings.path.as_path();
        let connection = connect(settings).map_err(|error| refusal(path, &error))?;
        schema::migrate(&connection, path)?;
        let reader = Reader::new(connection.try_clone()?, settings.readers)?;
        let record = Self {
            hot_limit: settings.hot_rows,
            repair_window: settings.repair_window,
            hot_rows: count(&connection, "messages_hot")?,
            high_water: connection.query_row(
                "SELECT coalesce(greatest((SELECT max(message_id) FROM messages_hot), \
                 (SELECT max(message_id) FROM messages_runs), \
                 (SELECT max(message_id) FROM message_fragments)), 0)",
                [],
                |row| row.get(0),
            )?,
            revision: connection
                .query_row("SELECT revision FROM record_state", [], |row| row.get(0))?,
            fragments: count(&connection, "message_fragments")?,
            marks: Marks::load(&connection, settings.repair_window)?,
            connection,
        };
        Ok((record, reader))
    }

    /// The number of the last commit that changed rows.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Writes a batch in one transaction; it is on disk when this returns.
    ///
    /// # Errors
    /// If anything fails, nothing of the batch is in the record.
    pub fn commit(&mut self, batch: Batch, now: DateTime<Utc>) -> Result<Committed, StoreError> {
        self.connection.execute_batch("BEGIN TRANSACTION")?;
        let written = self.write(batch, now).and_then(|written| {
            self.connection.execute_batch("COMMIT")?;
            Ok(written)
        });
        let written = match written {
            Ok(written) => written,
            Err(error) => {
                // After a failed COMMIT there is nothing to roll back; its own error is the one to tell.
                let _ = self.connection.execute_batch("ROLLBACK");
                // If that fails too, the first error is the one to tell.
                if let Ok(marks) = Marks::load(&self.connection, self.repair_window) {
                    self.marks = marks;
                }
                return Err(error);
            }
        };
        self.revision = written.revision;
        self.high_water = self.high_water.max(written.greatest_id);
        self.hot_rows += written.appended;
        self.fragments = written.fragments;
        Ok(Committed {
            revision: self.revision,
            at: now,
            inserted: written.inserted,
            changed: written.changed,
        })
    }

    /// Moves the hot table into a sorted run once it is full. A bounded step beside readers.
    ///
    /// # Errors
    /// If DuckDB fails; the rows are then where they were.
    pub fn maintain(&mut self) -> Result<(), StoreError> {
        if self.hot_rows < self.hot_limit {
            return Ok(());
        }
        hot::move_to_run(&self.connection)?;
        self.hot_rows = 0;
        self.checkpoint();
        Ok(())
    }

    /// Folds the write-ahead log into the file, so that the next start has nothing to replay.
    pub fn checkpoint(&self) {
        // A long read can be in the way; then the log stays, and stays valid.
        if let Err(error) = self.connection.execute_batch("CHECKPOINT") {
            tracing::debug!(%error, "the checkpoint waits for the next one");
        }
    }

    fn write(&mut self, batch: Batch, now: DateTime<Utc>) -> Result<Written, StoreError> {
        let revision = self.revision + 1;
        let connection = &self.connection;
        let gone_channels = self.marks.apply(connection, &batch, now)?;
        let news = fold(batch.messages, &self.marks);
        let mut written = Written {
            greatest_id: news.keys().map(|id| id.as_i64()).max().unwrap_or(0),
            fragments: self.fragments,
            ..Written::default()
        };

        let old = news
            .values()
            .filter(|message| message.id.as_i64() <= self.high_water);
        let mut known = lookup::lookup(connection, old, self.fragments > 0)?;
        let merged = merge(news, &mut known, now);

        for (table, ids) in [
            ("messages_hot", &merged.rows_replaced),
            ("messages_runs", &merged.rows_replaced),
            ("message_fragments", &merged.fragments_replaced),
        ] {
            if !ids.is_empty() {
                connection.execute_batch(&format!(
                    "DELETE FROM {table} WHERE message_id IN ({})",
                    lookup::list(ids.iter().map(|id| id.as_i64()))
                ))?;
            }
        }
        messages::append(connection, &merged.rows, revision)?;
        marks::append_fragments(connection, &merged.fragments, revision)?;
        written.appended = merged.rows.len();
        written.changed = merged.rows_replaced.len();
        written.inserted = merged.rows.len() - merged.rows_replaced.len();
        written.fragments += merged.fragments.len();
        written.fragments -= merged.fragments_replaced.len();

        let mut rows_changed = !merged.rows.is_empty() || !merged.fragments.is_empty();
        for gone in &gone_channels {
            let updated = delete_channel(connection, gone.id, gone.noticed_at, revision)?;
            written.changed += updated;
            rows_changed |= updated > 0;
        }
        written.revision = self.revision;
        if rows_changed {
            connection.execute_batch(&format!("UPDATE record_state SET revision = {revision}"))?;
            written.revision = revision;
        }
        Ok(written)
    }
}

/// What a transaction did; applied to the record's own counts once it is on disk.
#[derive(Default)]
struct Written {
    revision: i64,
    greatest_id: i64,
    appended: usize,
    inserted: usize,
    changed: usize,
    fragments: usize,
}

/// What a batch changes.
#[derive(Default)]
struct Merged {
    rows: Vec<StoredMessage>,
    rows_replaced: Vec<MessageId>,
    fragments: Vec<Message>,
    fragments_replaced: Vec<MessageId>,
}

/// The batch's messages, one each: joined, and gone where their channel is.
fn fold(messages: Vec<Message>, marks: &Marks) -> HashMap<MessageId, Message> {
    let mut folded: HashMap<MessageId, Message> = HashMap::with_capacity(messages.len());
    for mut message in messages {
        if let Some(noticed_at) = marks.gone_at(message.channel_id) {
            let by_channel = Message::gone(
                message.id,
                message.guild_id,
                message.channel_id,
                Gone {
                    noticed_at,
                    by: DeletedBy::Channel,
                },
            );
            message = message.join(by_channel);
        }
        let joined = match folded.remove(&message.id) {
            Some(other) => other.join(message),
            None => message,
        };
        folded.insert(joined.id, joined);
    }
    folded
}

/// Joins the news with what is known, and keeps what that changes.
fn merge(news: HashMap<MessageId, Message>, known: &mut Known, now: DateTime<Utc>) -> Merged {
    let mut merged = Merged::default();
    for (id, new) in news {
        if let Some(row) = known.rows.remove(&id) {
            let joined = row.message.clone().join(new);
            if joined != row.message {
                merged.rows_replaced.push(id);
                merged.rows.push(StoredMessage {
                    message: joined,
                    ingested_at: row.ingested_at,
                });
            }
            continue;
        }
        let joined = match known.fragments.remove(&id) {
            None => new,
            Some(fragment) => {
                let joined = fragment.clone().join(new);
                if joined == fragment {
                    continue;
                }
                merged.fragments_replaced.push(id);
                joined
            }
        };
        if joined.whole.is_some() {
            merged.rows.push(StoredMessage {
                message: joined,
                ingested_at: now,
            });
        } else {
            merged.fragments.push(joined);
        }
    }
    // The order of arrival is the order of ids, nearly: a run's sort has less to do.
    merged.rows.sort_unstable_by_key(|row| row.message.id);
    merged
}

/// Marks every message of a channel as gone, where it stands.
fn delete_channel(
    connection: &Connection,
    channel: ChannelId,
    noticed_at: DateTime<Utc>,
    revision: i64,
) -> Result<usize, StoreError> {
    let mut updated = 0;
    for table in ["messages_hot", "messages_runs"] {
        updated += connection.execute(
            &format!(
                "UPDATE {table} SET deleted = true, deleted_by = '{}', deleted_at = ?, \
                 revision = {revision} WHERE channel_id = {} AND NOT deleted",
                DeletedBy::Channel,
                channel.as_i64(),
            ),
            [noticed_at],
        )?;
    }
    Ok(updated)
}

/// Half of what this process may use (its container's limit, else the machine's memory), so that
/// DuckDB leaves room for the service, the page cache and others.
fn half_the_memory() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(memory);
    let total = system
        .cgroup_limits()
        .map_or(system.total_memory(), |limits| limits.total_memory);
    total / 2
}

fn connect(settings: &StoreSettings) -> Result<Connection, duckdb::Error> {
    let mut config = Config::default()
        .with("checkpoint_threshold", CHECKPOINT_THRESHOLD)?
        .with("memory_limit", format!("{}B", settings.memory_limit))?
        .with("temp_directory", settings.temp_folder.to_string_lossy())?;
    if let Some(threads) = settings.threads {
        config = config.threads(i64::from(threads))?;
    }
    Connection::open_with_flags(&settings.path, config)
}

/// DuckDB's refusal in words that say what to do.
fn refusal(path: &Path, error: &duckdb::Error) -> StoreError {
    let reason = error.to_string();
    if reason.contains("Conflicting lock") || reason.contains("Could not set lock") {
        return StoreError::Open {
            path: path.to_owned(),
            reason: "another program has it open (the DuckDB command line?); close that one".into(),
        };
    }
    StoreError::Open {
        path: path.to_owned(),
        reason,
    }
}

fn count(connection: &Connection, table: &str) -> Result<usize, StoreError> {
    let rows: i64 = connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
        row.get(0)
    })?;
    Ok(usize::try_from(rows).unwrap_or(0))
}

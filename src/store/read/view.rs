//! A read view: one moment of the record, held for as long as its reader needs it. Later commits are not in it.
//! A read view keeps old versions of rows alive in DuckDB, so it should be short.

use arrow::array::RecordBatch;
use duckdb::Connection;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::completeness::{Completeness, CompletenessRequest};
use super::ordered_scan::Selection;
use super::reader::Reader;
use super::{coverage, ordered_scan};
use crate::message::{GuildId, Month};
use crate::store::StoreError;
use crate::store::schema::sql::id;
use crate::store::schema::tables::Table;

/// The identity and the revision of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordState {
    /// The store id: revisions of another record mean nothing here.
    pub store_id: String,
    /// The schema version of the tables.
    pub schema_version: i64,
    /// The number of the last commit that changed rows.
    pub revision: i64,
}

/// The summary of a partition: the rows of one guild and one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// The guild.
    pub guild_id: GuildId,
    /// The month in which the messages were written.
    pub month: Month,
    /// The number of rows.
    pub row_count: i64,
    /// The last commit that changed a row of the partition. Every added or changed row has the number of its
    /// commit, so a partition with the same number and the same row count is unchanged.
    pub revision: i64,
}

/// A read view; see [`Reader::at_one_moment`].
pub struct Moment<'a> {
    pub(crate) connection: &'a Connection,
    state: RecordState,
}

impl Reader {
    /// Runs `read` on one read view, on a thread for blocking work. `stop` interrupts a running query. `read`
    /// has to check `stop` too, because this function waits for it.
    ///
    /// # Errors
    /// The error that `read` returns, or [`StoreError::Busy`] if no connection comes free in time.
    pub async fn at_one_moment<T, E, F>(&self, stop: &CancellationToken, read: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Moment<'_>) -> Result<T, E> + Send + 'static,
    {
        let (sender, mut answer) = oneshot::channel();
        let query = move |connection: &Connection| {
            let answer = Moment::begin(connection).map_err(E::from);
            let answer = answer.and_then(|moment| read(&moment));
            // The send fails if the caller has gone away.
            move || drop(sender.send(answer))
        };
        let interrupt = tokio::select! {
            spawned = self.spawn(query) => spawned?,
            // No connection was free yet, and nothing has begun.
            () = stop.cancelled() => return Err(StoreError::NoAnswer.into()),
        };
        let answer = tokio::select! {
            answer = &mut answer => answer,
            () = stop.cancelled() => {
                drop(interrupt);
                answer.await
            }
        };
        answer.unwrap_or_else(|_| Err(StoreError::NoAnswer.into()))
    }
}

impl<'a> Moment<'a> {
    /// A read view from now on, until the connection returns to the pool.
    pub(crate) fn begin(connection: &'a Connection) -> Result<Self, StoreError> {
        connection.execute_batch("BEGIN TRANSACTION READ ONLY")?;
        let state = state(connection)?;
        Ok(Self { connection, state })
    }

    /// The identity and the revision of the record.
    #[must_use]
    pub fn state(&self) -> &RecordState {
        &self.state
    }

    /// The guilds that the record knows, by id.
    ///
    /// # Errors
    /// If the query fails.
    pub fn guilds(&self) -> Result<Vec<GuildId>, StoreError> {
        let sql =
            "SELECT guild_id FROM guilds UNION SELECT guild_id FROM channels ORDER BY guild_id";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut guilds = Vec::new();
        while let Some(row) = rows.next()? {
            guilds.push(id(row, 0)?);
        }
        Ok(guilds)
    }

    /// Reads the coverage of a range.
    ///
    /// # Errors
    /// If a query fails.
    pub fn completeness(&self, request: &CompletenessRequest) -> Result<Completeness, StoreError> {
        coverage::completeness(self.connection, request)
    }

    /// The number of messages, including deleted ones.
    ///
    /// # Errors
    /// If the query fails.
    pub fn message_count(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM discord_messages";
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }

    /// The partitions of a table of messages, by guild and month.
    ///
    /// # Errors
    /// If the query fails.
    pub fn partitions(&self, table: Table) -> Result<Vec<Partition>, StoreError> {
        let mut statement = self.connection.prepare(&format!(
            "SELECT guild_id, strftime(month, '%Y-%m'), row_count, revision FROM ( \
             SELECT guild_id, count(*) AS row_count, max(revision) AS revision, date_trunc('month', \
             make_timestamp(((message_id >> 22) + 1420070400000) * 1000)) AS month \
             FROM {} GROUP BY guild_id, month) ORDER BY guild_id, month",
            table.relation()
        ))?;
        let mut rows = statement.query([])?;
        let mut partitions = Vec::new();
        while let Some(row) = rows.next()? {
            let month: String = row.get(1)?;
            let month = month.parse();
            partitions.push(Partition {
                guild_id: id(row, 0)?,
                month: month.map_err(|error| StoreError::Damaged(format!("{error}")))?,
                row_count: row.get(2)?,
                revision: row.get(3)?,
            });
        }
        Ok(partitions)
    }

    /// Passes the rows of a partition to `take`, by channel and id.
    ///
    /// # Errors
    /// If a query fails, or the error that `take` returns.
    pub fn read_partition<E: From<StoreError>>(
        &self,
        table: Table,
        partition: &Partition,
        take: impl FnMut(RecordBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        let selection = Self::selection(table, partition);
        let plan = selection.plan(self.connection)?;
        selection.read(self.connection, &plan, &table.schema(), take)
    }

    pub(crate) fn selection(table: Table, partition: &Partition) -> Selection<'static> {
        Selection {
            table: table.relation(),
            columns: table.columns(),
            condition: format!("guild_id = {}", partition.guild_id.as_i64()),
            range: partition.month.range(),
            order: table.order(),
        }
    }

    /// Passes the rows of a whole table to `take`.
    ///
    /// # Errors
    /// If the query fails, or the error that `take` returns.
    pub fn read_table<E: From<StoreError>>(
        &self,
        table: Table,
        mut take: impl FnMut(RecordBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        let names: Vec<_> = table.columns().iter().map(|column| column.name).collect();
        let sql = format!(
            "SELECT {} FROM {} ORDER BY {}",
            names.join(", "),
            table.relation(),
            table.order()
        );
        ordered_scan::stream(self.connection, &sql, &table.schema(), &mut take)?;
        Ok(())
    }

    /// The number of rows of a table.
    ///
    /// # Errors
    /// If the query fails.
    pub fn row_count(&self, table: Table) -> Result<i64, StoreError> {
        let sql = format!("SELECT count(*) FROM {}", table.relation());
        Ok(self.connection.query_row(&sql, [], |row| row.get(0))?)
    }
}

pub(crate) fn state(connection: &Connection) -> Result<RecordState, StoreError> {
    let sql = "SELECT CAST(store_id AS VARCHAR), schema_version, revision FROM record_state";
    Ok(connection.query_row(sql, [], |row| {
        Ok(RecordState {
            store_id: row.get(0)?,
            schema_version: row.get(1)?,
            revision: row.get(2)?,
        })
    })?)
}

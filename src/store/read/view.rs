//! One moment of the record, held for as long as its reader needs: what is committed meanwhile is not
//! in it. Holding one keeps old versions of rows back, so it is let go as soon as may be.

use arrow::array::RecordBatch;
use duckdb::Connection;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::coverage::{Completeness, CompletenessRequest};
use super::ordered_scan::Selection;
use super::reader::Reader;
use super::{coverage, ordered_scan};
use crate::message::{GuildId, Month};
use crate::store::StoreError;
use crate::store::schema::sql::id;
use crate::store::schema::tables::Table;

/// Which record it is, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordState {
    /// Which record: revisions of another one mean nothing here.
    pub store_id: String,
    /// The version of its tables.
    pub schema_version: i64,
    /// The number of the last commit that changed rows.
    pub revision: i64,
}

/// The rows of a guild and a month, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Rows of this guild,
    pub guild_id: GuildId,
    /// of messages written in this month.
    pub month: Month,
    /// How many.
    pub row_count: i64,
    /// The last commit that changed one of them. A row that changes, or is added, has the number of
    /// its commit; so rows of which neither this nor their number has changed are the same.
    pub revision: i64,
}

/// A moment of the record; see [`Reader::at_one_moment`].
pub struct Moment<'a> {
    pub(crate) connection: &'a Connection,
    state: RecordState,
}

impl Reader {
    /// Reads one moment of the record, on a thread for blocking work, for as long as that takes. `stop`
    /// interrupts a query under way; `read` is to look at it too, and is waited for.
    ///
    /// # Errors
    /// What `read` answers, or [`StoreError::Busy`] if no connection comes free in time.
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
            // The receiver is gone when nobody waits any more.
            move || drop(sender.send(answer))
        };
        let interrupt = tokio::select! {
            spawned = self.spawn(query) => spawned?,
            // No connection came free yet, and nothing was begun.
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
    /// From now on until the connection goes back to the pool.
    pub(crate) fn begin(connection: &'a Connection) -> Result<Self, StoreError> {
        connection.execute_batch("BEGIN TRANSACTION READ ONLY")?;
        let state = state(connection)?;
        Ok(Self { connection, state })
    }

    /// Which record it is, and how far.
    #[must_use]
    pub fn state(&self) -> &RecordState {
        &self.state
    }

    /// The guilds that anything is known of, by id.
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

    /// How complete the record is.
    ///
    /// # Errors
    /// If a query fails.
    pub fn completeness(&self, request: &CompletenessRequest) -> Result<Completeness, StoreError> {
        coverage::completeness(self.connection, request)
    }

    /// How many messages there are, deleted ones too.
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

    /// Hands on the rows of a partition, by channel and id.
    ///
    /// # Errors
    /// If a query fails, or what `take` answers.
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
            span: partition.month.span(),
            order: table.order(),
        }
    }

    /// Hands on the rows of a whole table.
    ///
    /// # Errors
    /// If the query fails, or what `take` answers.
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

    /// How many rows a table has.
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

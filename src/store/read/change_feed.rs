//! The change feed as followers read it: every message once, partition by partition, and then the messages that
//! changed after a commit.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;

use super::changes::{Change, condition, keys};
use super::ordered_scan::{Selection, stream};
use super::view::{Moment, Partition};
use crate::message::{ChannelId, GuildId, MessageId, UserId};
use crate::store::StoreError;
use crate::store::schema::columns::{Column, schema};
use crate::store::schema::sql::snowflake;
use crate::store::schema::tables::{PATCH, Table};

/// The columns that [`read`] expects, in this order.
const COLUMNS: [&str; 7] = [
    "message_id",
    "guild_id",
    "channel_id",
    "author_id",
    "deleted",
    "revision",
    "raw_json",
];

/// A message with the data from which a follower derives its own.
#[derive(Debug, Clone)]
pub struct FollowedMessage {
    /// The message's id.
    pub id: MessageId,
    /// The guild of the message.
    pub guild_id: GuildId,
    /// The channel or thread of the message.
    pub channel_id: ChannelId,
    /// The author.
    pub author_id: UserId,
    /// Whether the message no longer exists on Discord.
    pub deleted: bool,
    /// The commit that last changed the message.
    pub revision: i64,
    /// The payload as Discord sent it; none if the content was redacted.
    pub raw_json: Option<String>,
    /// The fields that Discord changed after the payload, as a JSON object; they replace the payload's own.
    pub changed_fields: Option<String>,
}

impl Moment<'_> {
    /// Passes the messages of a partition to `take`.
    ///
    /// # Errors
    /// If a query fails, or the error that `take` returns.
    pub fn read_messages<E: From<StoreError>>(
        &self,
        partition: &Partition,
        mut take: impl FnMut(Vec<FollowedMessage>) -> Result<(), E>,
    ) -> Result<(), E> {
        let columns = columns();
        let selection = Selection {
            columns: &columns,
            ..Self::selection(Table::Messages, partition)
        };
        let plan = selection.plan(self.connection)?;
        let schema = schema(&columns);
        selection.read(self.connection, &plan, &schema, |rows| take(read(&rows)?))
    }

    /// The messages that changed after `after`, in the order of the commits, at most `limit`.
    ///
    /// # Errors
    /// If a query fails.
    pub fn changed_messages(
        &self,
        after: Change,
        limit: usize,
    ) -> Result<Vec<FollowedMessage>, StoreError> {
        let mut messages = Vec::new();
        self.read_changed(&columns(), after, limit, |rows| {
            messages.extend(read(rows)?);
            Ok(())
        })?;
        Ok(messages)
    }

    /// Passes these columns of the messages that changed after `after` to `take`, in the order of the commits, at most
    /// `limit`. Returns their positions.
    pub(super) fn read_changed(
        &self,
        columns: &[Column],
        after: Change,
        limit: usize,
        mut take: impl FnMut(&RecordBatch) -> Result<(), StoreError>,
    ) -> Result<Vec<Change>, StoreError> {
        let changes = keys(self.connection, "true", after, self.state().revision, limit)?;
        let Some(condition) = condition(&changes) else {
            return Ok(changes);
        };
        let names: Vec<_> = columns.iter().map(|column| column.name).collect();
        let sql = format!(
            "SELECT {} FROM discord_messages WHERE {condition} ORDER BY revision, message_id",
            names.join(", ")
        );
        let mut read = 0;
        stream(self.connection, &sql, &schema(columns), &mut |rows| {
            read += rows.num_rows();
            take(&rows)
        })?;
        if read != changes.len() {
            let reason = format!("{} changes have {read} rows", changes.len());
            return Err(StoreError::Damaged(reason));
        }
        Ok(changes)
    }
}

fn columns() -> Vec<Column> {
    let named = COLUMNS.into_iter().filter_map(Column::named);
    named.chain([PATCH]).collect()
}

fn read(rows: &RecordBatch) -> Result<Vec<FollowedMessage>, StoreError> {
    let numbers = |column: usize| rows.column(column).as_primitive::<Int64Type>();
    let (deleted, revision) = (rows.column(4).as_boolean(), numbers(5));
    let text = |column: usize, row: usize| {
        let texts = rows.column(column).as_string::<i32>();
        texts.is_valid(row).then(|| texts.value(row))
    };
    let row = |row: usize| {
        Ok(FollowedMessage {
            id: snowflake(numbers(0).value(row))?,
            guild_id: snowflake(numbers(1).value(row))?,
            channel_id: snowflake(numbers(2).value(row))?,
            author_id: snowflake(numbers(3).value(row))?,
            deleted: deleted.value(row),
            revision: revision.value(row),
            raw_json: text(6, row).map(str::to_owned),
            changed_fields: text(7, row).map(str::to_owned),
        })
    };
    (0..rows.num_rows()).map(row).collect()
}

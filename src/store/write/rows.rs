//! Message rows as they are written: laid out in columns and appended in one go. Row-by-row
//! INSERT is thirty times slower.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Int8Builder, Int32Builder, Int64Builder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use chrono::{DateTime, Utc};
use duckdb::Connection;

use crate::message::{Gone, Message, Observed, State, UserId};
use crate::store::StoreError;

/// One row to write: what is known of the message, and what the record adds.
pub(crate) struct StoredMessage {
    pub(crate) message: Message,
    /// When the record first had the message: kept when the row changes.
    pub(crate) ingested_at: DateTime<Utc>,
    /// That its content was taken out, and what stays.
    pub(crate) removed: Option<Removed>,
    /// That its channel is missing, if that is all that is known of its end.
    pub(crate) missing_channel: Option<Gone>,
    /// The commit that changed what it shows.
    pub(crate) revision: i64,
}

/// What stays of a deleted message without its content.
#[derive(Clone, Copy)]
pub(crate) struct Removed {
    pub(crate) at: DateTime<Utc>,
    pub(crate) author_id: UserId,
    pub(crate) message_type: i32,
    pub(crate) source: i8,
}

impl StoredMessage {
    /// How it went, if it is gone.
    pub(crate) fn gone(&self) -> Option<Gone> {
        self.message.gone().or(self.missing_channel)
    }

    /// Takes the content out of a deleted message, for good. Who wrote it and when stays, so that
    /// counts stay true.
    pub(crate) fn remove_content(&mut self, at: DateTime<Utc>) {
        if self.removed.is_some() || self.gone().is_none() {
            return;
        }
        self.removed = self.message.versions.current().map(|version| Removed {
            at,
            author_id: version.body.author_id,
            message_type: version.body.message_type,
            source: version.source as i8,
        });
        self.message.forget_content();
    }
}

/// Appends rows to `messages_hot`.
pub(crate) fn append(connection: &Connection, rows: &[StoredMessage]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::default();
    for row in rows {
        columns.push(row)?;
    }
    let mut appender = connection.appender("messages_hot")?;
    appender.append_record_batch(columns.finish()?)?;
    // An error in the appender's own drop would be lost.
    appender.flush()?;
    Ok(())
}

/// The columns of `messages_hot`, in its order.
#[derive(Default)]
struct Columns {
    message_id: Int64Builder,
    guild_id: Int64Builder,
    channel_id: Int64Builder,
    author_id: Int64Builder,
    author_name: StringBuilder,
    content: StringBuilder,
    created_at: TimestampMicrosecondBuilder,
    edited_at: TimestampMicrosecondBuilder,
    deleted: BooleanBuilder,
    deleted_by: StringBuilder,
    deleted_before: TimestampMicrosecondBuilder,
    message_type: Int32Builder,
    attachment_count: Int32Builder,
    embed_count: Int32Builder,
    ingested_at: TimestampMicrosecondBuilder,
    revision: Int64Builder,
    source: Int8Builder,
    patch_json: StringBuilder,
    raw_json: StringBuilder,
    deleted_after: TimestampMicrosecondBuilder,
    content_removed_at: TimestampMicrosecondBuilder,
    observed_at: TimestampMicrosecondBuilder,
    observed_sequence: Int64Builder,
    state_json: StringBuilder,
    reaction_count: Int32Builder,
    reactions: StringBuilder,
    poll_votes: StringBuilder,
}

impl Columns {
    fn push(&mut self, row: &StoredMessage) -> Result<(), StoreError> {
        let message = &row.message;
        self.message_id.append_value(message.id.as_i64());
        self.guild_id.append_value(message.guild_id.as_i64());
        self.channel_id.append_value(message.channel_id.as_i64());
        self.created_at
            .append_value(message.id.created_at().timestamp_micros());
        let gone = row.gone();
        self.deleted.append_value(gone.is_some());
        self.deleted_by.append_option(gone.map(|it| it.by.as_str()));
        self.deleted_before
            .append_option(gone.map(|it| it.before.timestamp_micros()));
        self.deleted_after
            .append_option(gone.map(|it| it.after.timestamp_micros()));
        self.ingested_at
            .append_value(row.ingested_at.timestamp_micros());
        self.revision.append_value(row.revision);
        self.state_json.append_option(State::of(message).to_json()?);
        let removed_at = row.removed.map(|removed| removed.at.timestamp_micros());
        self.content_removed_at.append_option(removed_at);
        match row.removed {
            Some(removed) => self.push_removed(removed),
            None => self.push_content(message)?,
        }
        Ok(())
    }

    fn push_content(&mut self, message: &Message) -> Result<(), StoreError> {
        let shown = message
            .shown()
            .ok_or_else(|| StoreError::Damaged(format!("{} has no payload", message.id)))?;
        let body = &shown.body;
        self.author_id.append_value(body.author_id.as_i64());
        self.author_name.append_value(&body.author_name);
        self.content.append_value(&body.content);
        self.edited_at
            .append_option(body.edited_at.map(|at| at.timestamp_micros()));
        self.message_type.append_value(body.message_type);
        self.attachment_count.append_value(body.attachment_count);
        self.embed_count.append_value(body.embed_count);
        self.source.append_value(shown.version.source as i8);
        self.raw_json.append_value(&shown.version.raw);
        let observed = shown.version.observed;
        self.observed_at
            .append_value(observed.at.timestamp_micros());
        self.observed_sequence.append_option(sequence(observed));
        self.patch_json.append_option(shown.changed_fields);
        let reactions = shown.reaction_count;
        let reactions = reactions.map(|count| i32::try_from(count).unwrap_or(i32::MAX));
        self.reaction_count.append_option(reactions);
        self.reactions.append_option(shown.reactions);
        self.poll_votes.append_option(shown.poll_votes);
        Ok(())
    }

    fn push_removed(&mut self, removed: Removed) {
        self.author_id.append_value(removed.author_id.as_i64());
        self.author_name.append_value("");
        self.content.append_value("");
        self.edited_at.append_null();
        self.message_type.append_value(removed.message_type);
        self.attachment_count.append_value(0);
        self.embed_count.append_value(0);
        self.source.append_value(removed.source);
        self.raw_json.append_null();
        self.observed_at.append_null();
        self.observed_sequence.append_null();
        self.patch_json.append_null();
        self.reaction_count.append_null();
        self.reactions.append_null();
        self.poll_votes.append_null();
    }

    fn finish(mut self) -> Result<RecordBatch, StoreError> {
        let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let utc = |builder: &mut TimestampMicrosecondBuilder| -> ArrayRef {
            Arc::new(builder.finish().with_timezone("UTC"))
        };
        let columns: [(&str, DataType, ArrayRef); 27] = [
            (
                "message_id",
                DataType::Int64,
                Arc::new(self.message_id.finish()),
            ),
            (
                "guild_id",
                DataType::Int64,
                Arc::new(self.guild_id.finish()),
            ),
            (
                "channel_id",
                DataType::Int64,
                Arc::new(self.channel_id.finish()),
            ),
            (
                "author_id",
                DataType::Int64,
                Arc::new(self.author_id.finish()),
            ),
            (
                "author_name",
                DataType::Utf8,
                Arc::new(self.author_name.finish()),
            ),
            ("content", DataType::Utf8, Arc::new(self.content.finish())),
            ("created_at", time(), utc(&mut self.created_at)),
            ("edited_at", time(), utc(&mut self.edited_at)),
            (
                "deleted",
                DataType::Boolean,
                Arc::new(self.deleted.finish()),
            ),
            (
                "deleted_by",
                DataType::Utf8,
                Arc::new(self.deleted_by.finish()),
            ),
            ("deleted_before", time(), utc(&mut self.deleted_before)),
            (
                "message_type",
                DataType::Int32,
                Arc::new(self.message_type.finish()),
            ),
            (
                "attachment_count",
                DataType::Int32,
                Arc::new(self.attachment_count.finish()),
            ),
            (
                "embed_count",
                DataType::Int32,
                Arc::new(self.embed_count.finish()),
            ),
            ("ingested_at", time(), utc(&mut self.ingested_at)),
            (
                "revision",
                DataType::Int64,
                Arc::new(self.revision.finish()),
            ),
            ("source", DataType::Int8, Arc::new(self.source.finish())),
            (
                "patch_json",
                DataType::Utf8,
                Arc::new(self.patch_json.finish()),
            ),
            ("raw_json", DataType::Utf8, Arc::new(self.raw_json.finish())),
            ("deleted_after", time(), utc(&mut self.deleted_after)),
            (
                "content_removed_at",
                time(),
                utc(&mut self.content_removed_at),
            ),
            ("observed_at", time(), utc(&mut self.observed_at)),
            (
                "observed_sequence",
                DataType::Int64,
                Arc::new(self.observed_sequence.finish()),
            ),
            (
                "state_json",
                DataType::Utf8,
                Arc::new(self.state_json.finish()),
            ),
            (
                "reaction_count",
                DataType::Int32,
                Arc::new(self.reaction_count.finish()),
            ),
            (
                "reactions",
                DataType::Utf8,
                Arc::new(self.reactions.finish()),
            ),
            (
                "poll_votes",
                DataType::Utf8,
                Arc::new(self.poll_votes.finish()),
            ),
        ];
        let (fields, arrays): (Vec<_>, Vec<_>) = columns
            .into_iter()
            .map(|(name, data_type, array)| (Field::new(name, data_type, true), array))
            .unzip();
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
    }
}

/// A sequence number as its column keeps it: nothing for what no session told.
pub(crate) fn sequence(observed: Observed) -> Option<i64> {
    (observed.sequence > 0).then_some(observed.sequence.cast_signed())
}

//! A message as the API shows it: ids as strings, because a JavaScript number loses the last
//! digits of a snowflake; times as RFC 3339 in UTC, always to the microsecond.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::store::{MessageRow, StoreError};

/// An id of Discord's (a snowflake): digits, as a string.
#[derive(Debug, ToSchema)]
#[schema(
    value_type = String,
    pattern = r"^([1-9][0-9]{0,17}|[1-8][0-9]{18})$",
    example = "1201234567890123457"
)]
pub(super) struct Snowflake(u64);

impl Serialize for Snowflake {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

pub(super) fn snowflake(id: i64) -> Snowflake {
    Snowflake(id.cast_unsigned())
}

/// A time as RFC 3339 in UTC.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2025-01-01T12:34:56.789000Z")]
pub(super) struct Time(pub(super) DateTime<Utc>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
pub(super) struct MessageJson {
    /// The message.
    message_id: Snowflake,
    /// The guild it belongs to.
    guild_id: Snowflake,
    /// The channel or thread it stands in.
    channel_id: Snowflake,
    /// Who wrote it: a user, a bot or a webhook.
    author_id: Snowflake,
    /// The author's user name.
    #[schema(example = "ada")]
    author_name: String,
    /// The text as typed, with Discord's markup.
    #[schema(example = "Good morning <@1201234567890123457>")]
    content: String,
    /// When it was written: the time in its id.
    created_at: Time,
    /// When its author last edited it; null if never.
    #[schema(required = true)]
    edited_at: Option<Time>,
    /// Whether it is gone from Discord.
    #[schema(example = false)]
    deleted: bool,
    /// How that became known. Discord said so: `gateway`, `bulk` (a moderator's purge), `channel` (deleted with
    /// its channel). Inferred, and taken back if it shows up again: `rescan` (two readings of the history did not
    /// show it), `missing_channel` (Discord does not know its channel any more). Null while it is not deleted.
    #[schema(required = true, example = "gateway")]
    deleted_by: Option<String>,
    /// It was still there at this time: it was deleted later than that.
    #[schema(required = true)]
    deleted_after: Option<Time>,
    /// When the delete was noticed: it happened at this time or before.
    #[schema(required = true)]
    deleted_before: Option<Time>,
    /// When the content of this deleted message was taken out of the record, as `DELETED_CONTENT`
    /// says; null while it is there.
    #[schema(required = true)]
    content_removed_at: Option<Time>,
    /// Discord's message type: 0 text, 19 reply, …
    #[schema(example = 0)]
    message_type: i32,
    /// How many files hang on it.
    #[schema(minimum = 0, example = 0)]
    attachment_count: i32,
    /// How many embeds (link previews, bot cards) hang on it.
    #[schema(minimum = 0, example = 0)]
    embed_count: i32,
    /// How many reactions it has. Null if that is not known, because only an edit or single reactions of it were
    /// heard, or because its content was taken out of the record.
    #[schema(required = true, minimum = 0, example = 3)]
    reaction_count: Option<i32>,
    /// The reactions by emoji; null if they are not known.
    #[schema(required = true)]
    reactions: Option<Vec<ReactionJson>>,
    /// The votes of its poll by answer; null if there is no poll, or its votes are not known.
    #[schema(required = true)]
    poll_votes: Option<Vec<PollVotesJson>>,
    /// When this service first had it.
    ingested_at: Time,
    /// The number of the commit that last changed the row.
    #[schema(minimum = 0, example = 42)]
    revision: i64,
    /// The payload exactly as Discord sent it; in a list only with `include_raw=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    raw_json: Option<Box<RawValue>>,
}

/// The reactions with one emoji.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Reactions)]
pub(super) struct ReactionJson {
    /// The guild's own emoji; null for one of Unicode.
    #[schema(required = true, pattern = r"^[0-9]{1,20}$")]
    emoji_id: Option<String>,
    /// The emoji, or the name of an own one.
    #[schema(required = true, example = "👍")]
    emoji_name: Option<String>,
    /// How many reacted with it.
    #[schema(minimum = 1, example = 3)]
    count: i64,
    /// How many of these were super reactions.
    #[schema(minimum = 0, example = 0)]
    super_count: i64,
}

/// The votes for one answer of a poll.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = PollVotes)]
pub(super) struct PollVotesJson {
    /// The number of the answer, as the payload's `poll.answers` have it.
    #[schema(example = 1)]
    answer_id: i64,
    /// How many voted for it.
    #[schema(minimum = 1, example = 3)]
    count: i64,
}

/// A list as its column has it.
fn details<T: DeserializeOwned>(json: Option<&str>) -> Result<Option<Vec<T>>, StoreError> {
    Ok(json.map(serde_json::from_str).transpose()?)
}

impl TryFrom<MessageRow> for MessageJson {
    type Error = StoreError;

    /// Fails if the payload is no JSON: then the answer would be none either.
    fn try_from(row: MessageRow) -> Result<Self, StoreError> {
        Ok(Self {
            message_id: snowflake(row.message_id.as_i64()),
            guild_id: snowflake(row.guild_id.as_i64()),
            channel_id: snowflake(row.channel_id.as_i64()),
            author_id: snowflake(row.author_id.as_i64()),
            author_name: row.author_name,
            content: row.content,
            created_at: Time(row.created_at),
            edited_at: row.edited_at.map(Time),
            deleted: row.deleted,
            deleted_by: row.deleted_by,
            deleted_after: row.deleted_after.map(Time),
            deleted_before: row.deleted_before.map(Time),
            content_removed_at: row.content_removed_at.map(Time),
            message_type: row.message_type,
            attachment_count: row.attachment_count,
            embed_count: row.embed_count,
            reaction_count: row.reaction_count,
            reactions: details(row.reactions.as_deref())?,
            poll_votes: details(row.poll_votes.as_deref())?,
            ingested_at: Time(row.ingested_at),
            revision: row.revision,
            raw_json: row.raw_json.map(RawValue::from_string).transpose()?,
        })
    }
}

//! A message in the API's JSON: ids are strings, because a JavaScript number loses the last
//! digits of a snowflake; times are RFC 3339 in UTC, always with microseconds.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::store::{MessageRow, StoreError};

/// A Discord id (snowflake): decimal digits, sent as a string.
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

/// A time in RFC 3339, in UTC with microseconds.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2025-01-01T12:34:56.789000Z")]
pub(super) struct Time(pub(super) DateTime<Utc>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

/// An archived message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
pub(super) struct MessageJson {
    /// Discord's id of the message.
    message_id: Snowflake,
    /// Discord's id of the guild (server).
    guild_id: Snowflake,
    /// Discord's id of the channel or thread that contains the message.
    channel_id: Snowflake,
    /// Discord's id of the author: a user, a bot or a webhook.
    author_id: Snowflake,
    /// The author's user name; empty if the content was redacted.
    #[schema(example = "ada")]
    author_name: String,
    /// The message text as typed, with Discord's markup; empty if it was redacted.
    #[schema(example = "Good morning <@1201234567890123457>")]
    content: String,
    /// When the message was written: the time encoded in its id.
    created_at: Time,
    /// When the author last edited the message; null if never.
    #[schema(required = true)]
    edited_at: Option<Time>,
    /// Whether the message no longer exists on Discord.
    #[schema(example = false)]
    deleted: bool,
    /// How the delete became known. Reported by Discord: `gateway` (a MESSAGE_DELETE event), `bulk` (a
    /// MESSAGE_DELETE_BULK event, as a moderator's purge sends it), `channel` (the channel or thread was deleted).
    /// Inferred, and reverted if the message appears again: `rescan` (two readings of the history did not contain
    /// the message), `missing_channel` (Discord answers that the channel does not exist). Null if the message is
    /// not deleted.
    #[schema(required = true, example = "gateway")]
    deleted_by: Option<String>,
    /// The message still existed on Discord at this time; the delete happened later.
    #[schema(required = true)]
    deleted_after: Option<Time>,
    /// When the delete was noticed; it happened at this time or earlier.
    #[schema(required = true)]
    deleted_before: Option<Time>,
    /// When the content of this deleted message was redacted, as the setting `DELETED_CONTENT` demands; null if it
    /// was not.
    #[schema(required = true)]
    content_removed_at: Option<Time>,
    /// Discord's message type: 0 is a normal message, 19 a reply, …
    #[schema(example = 0)]
    message_type: i32,
    /// Number of attached files.
    #[schema(minimum = 0, example = 0)]
    attachment_count: i32,
    /// Number of embeds (link previews, bot cards).
    #[schema(minimum = 0, example = 0)]
    embed_count: i32,
    /// Number of reactions. Null if the number is not known, because only an edit or single reaction events of the
    /// message were received, or because its content was redacted.
    #[schema(required = true, minimum = 0, example = 3)]
    reaction_count: Option<i32>,
    /// Reactions per emoji; null if they are not known.
    #[schema(required = true)]
    reactions: Option<Vec<ReactionJson>>,
    /// Votes per answer of the message's poll; null if the message has no poll, or if its votes are not known.
    #[schema(required = true)]
    poll_votes: Option<Vec<PollVotesJson>>,
    /// When this service first stored the message.
    ingested_at: Time,
    /// Number of the database commit that last changed the row.
    #[schema(minimum = 0, example = 42)]
    revision: i64,
    /// The payload exactly as Discord sent it. Pages contain it only with `include_raw=true`; redacted messages
    /// have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    raw_json: Option<Box<RawValue>>,
}

/// The reactions with one emoji.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Reactions)]
pub(super) struct ReactionJson {
    /// Discord's id of a custom emoji; null for a Unicode emoji.
    #[schema(required = true, pattern = r"^[0-9]{1,20}$")]
    emoji_id: Option<String>,
    /// The Unicode emoji, or the name of the custom emoji.
    #[schema(required = true, example = "👍")]
    emoji_name: Option<String>,
    /// Number of reactions with this emoji.
    #[schema(minimum = 1, example = 3)]
    count: i64,
    /// Number of those reactions that are super reactions.
    #[schema(minimum = 0, example = 0)]
    super_count: i64,
}

/// The votes for one answer of a poll.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = PollVotes)]
pub(super) struct PollVotesJson {
    /// The answer's `answer_id` in the payload's `poll.answers`.
    #[schema(example = 1)]
    answer_id: i64,
    /// Number of votes for this answer.
    #[schema(minimum = 1, example = 3)]
    count: i64,
}

/// Reads a list from the JSON text of its column.
fn details<T: DeserializeOwned>(json: Option<&str>) -> Result<Option<Vec<T>>, StoreError> {
    Ok(json.map(serde_json::from_str).transpose()?)
}

impl TryFrom<MessageRow> for MessageJson {
    type Error = StoreError;

    /// Fails if the payload is not valid JSON, because it is embedded in the response as it is.
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

//! What messages were before their edits: one row for each edit that was seen and is not the last.
//! They are joined by the same law as the messages, so replays and late arrivals add nothing twice.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use super::lookup::{self, list};
use super::messages::sequence;
use super::query::Reader;
use super::{StoreError, row};
use crate::message::{ChannelId, GuildId, Message, MessageId, Observed, Version, Versions};

/// A version of a message, as it is read for an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionRow {
    /// The message.
    pub message_id: MessageId,
    /// The edit that made it; none for the original.
    pub edited_at: Option<DateTime<Utc>>,
    /// The text, with Discord's markup.
    pub content: String,
    /// Files.
    pub attachment_count: i32,
    /// Embeds.
    pub embed_count: i32,
    /// The commit that put it into the record.
    pub revision: i64,
    /// The payload as Discord sent it, byte for byte.
    pub raw_json: String,
    /// Whether the message is like this now.
    pub is_current: bool,
}

impl Reader {
    /// Every version of a message that was seen, oldest first; none if the message is unknown.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn versions(&self, id: MessageId) -> Result<Option<Vec<VersionRow>>, StoreError> {
        self.run_at_one_moment(move |connection| {
            let id = id.as_i64();
            let known: i64 = connection.query_row(
                &format!("SELECT count(*) FROM discord_messages WHERE message_id = {id}"),
                [],
                |row| row.get(0),
            )?;
            if known == 0 {
                return Ok(None);
            }
            let mut statement = connection.prepare(&format!(
                "SELECT message_id, edited_at, content, attachment_count, embed_count, revision, \
                 raw_json, is_current FROM discord_message_versions WHERE message_id = {id} \
                 ORDER BY edited_at NULLS FIRST"
            ))?;
            let mut rows = statement.query([])?;
            let mut versions = Vec::new();
            while let Some(row) = rows.next()? {
                versions.push(VersionRow {
                    message_id: row::id(row, 0)?,
                    edited_at: row.get(1)?,
                    content: row.get(2)?,
                    attachment_count: row.get(3)?,
                    embed_count: row.get(4)?,
                    revision: row.get(5)?,
                    raw_json: row.get(6)?,
                    is_current: row.get(7)?,
                });
            }
            Ok(Some(versions))
        })
        .await
    }
}

/// The earlier versions of a message that are kept.
#[derive(Default)]
struct Kept {
    versions: Versions,
    /// The last commit that put one of them there.
    revision: i64,
}

/// Adds the earlier versions of these messages to those that are kept. Answers how many messages
/// have new ones.
pub(super) fn keep<'a>(
    connection: &Connection,
    messages: impl Iterator<Item = &'a Message>,
    revision: i64,
) -> Result<usize, StoreError> {
    let news: Vec<&Message> = messages
        .filter(|message| message.versions.earlier().next().is_some())
        .collect();
    if news.is_empty() {
        return Ok(0);
    }
    let mut kept = read(connection, &news)?;
    let mut changed = 0;
    for message in news {
        let known = kept.remove(&message.id).unwrap_or_default();
        let earlier: Versions = message.versions.earlier().cloned().collect();
        let joined = known.versions.clone().join(earlier);
        if joined != known.versions {
            let payloads = |versions: &Versions| -> Vec<_> {
                versions.iter().map(|it| it.raw.clone()).collect()
            };
            // What was only seen again is no change.
            let is_news = payloads(&joined) != payloads(&known.versions);
            let revision = if is_news { revision } else { known.revision };
            delete(connection, [message.id].into_iter())?;
            append(connection, message, joined.iter(), revision)?;
            changed += usize::from(is_news);
        }
    }
    Ok(changed)
}

/// Forgets what messages were.
pub(super) fn delete(
    connection: &Connection,
    ids: impl Iterator<Item = MessageId>,
) -> Result<(), StoreError> {
    let ids = list(ids.map(MessageId::as_i64));
    if !ids.is_empty() {
        connection.execute_batch(&format!(
            "DELETE FROM message_versions WHERE message_id IN ({ids})"
        ))?;
    }
    Ok(())
}

fn read(
    connection: &Connection,
    messages: &[&Message],
) -> Result<HashMap<MessageId, Kept>, StoreError> {
    let mut statement = connection.prepare(&format!(
        "SELECT message_id, guild_id, channel_id, source, raw_json, \
         coalesce(observed_at, edited_at, snowflake_time(message_id)), \
         coalesce(observed_sequence, 0), revision FROM message_versions \
         WHERE message_id IN ({})",
        list(messages.iter().map(|message| message.id.as_i64()))
    ))?;
    let mut rows = statement.query([])?;
    let mut kept: HashMap<MessageId, Kept> = HashMap::new();
    while let Some(row) = rows.next()? {
        let (guild, channel): (GuildId, ChannelId) = (row::id(row, 1)?, row::id(row, 2)?);
        let place = Message::unknown(row::id(row, 0)?, guild, channel);
        let source = lookup::source(&place, row.get(3)?)?;
        let raw: String = row.get(4)?;
        let observed = Observed::frame(row.get(5)?, row.get(6)?);
        let version = Message::read(guild, source, observed, &raw)
            .map_err(|error| StoreError::Damaged(format!("{}: {error}", place.id)))?;
        let revision: i64 = row.get(7)?;
        let known = kept.remove(&place.id).unwrap_or_default();
        let joined = Kept {
            versions: known.versions.join(version.versions),
            revision: known.revision.max(revision),
        };
        kept.insert(place.id, joined);
    }
    Ok(kept)
}

fn append<'a>(
    connection: &Connection,
    message: &Message,
    versions: impl Iterator<Item = &'a Version>,
    revision: i64,
) -> Result<(), StoreError> {
    let mut insert = connection
        .prepare("INSERT INTO message_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for version in versions {
        let body = &version.body;
        insert.execute(params![
            message.id.as_i64(),
            message.guild_id.as_i64(),
            message.channel_id.as_i64(),
            body.edited_at,
            body.content,
            body.attachment_count,
            body.embed_count,
            revision,
            version.source as i8,
            version.raw.as_ref(),
            version.observed.at,
            sequence(version.observed),
        ])?;
    }
    Ok(())
}

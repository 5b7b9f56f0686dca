//! The earlier versions of messages: one row for each edit that was seen and is not the last. They follow the
//! same merge rule as the messages, so replays and late arrivals add nothing twice.

use std::collections::HashMap;

use duckdb::{Connection, params};

use super::lookup;
use super::rows::sequence;
use crate::message::{ChannelId, GuildId, Message, MessageId, Observed, Version, Versions};
use crate::store::StoreError;
use crate::store::schema::sql;
use crate::store::schema::sql::list;

/// The stored earlier versions of a message.
#[derive(Default)]
struct Kept {
    versions: Versions,
    /// The last commit that stored one of them.
    revision: i64,
}

/// Adds the earlier versions of these messages to the stored ones. Returns how many messages have new ones.
pub(crate) fn keep<'a>(
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
            // A version that was only observed again is no change.
            let is_news = payloads(&joined) != payloads(&known.versions);
            let revision = if is_news { revision } else { known.revision };
            delete(connection, [message.id].into_iter())?;
            append(connection, message, joined.iter(), revision)?;
            changed += usize::from(is_news);
        }
    }
    Ok(changed)
}

/// Deletes the earlier versions of messages.
pub(crate) fn delete(
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
        let (guild, channel): (GuildId, ChannelId) = (sql::id(row, 1)?, sql::id(row, 2)?);
        let place = Message::unknown(sql::id(row, 0)?, guild, channel);
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

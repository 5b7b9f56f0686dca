//! What a batch changes: its news joined with what the record knows, by the law of
//! [`Message::join`]. Only what really changes is written.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use duckdb::Connection;

use super::levels::LEVELS;
use super::lookup::{Known, KnownRow};
use super::marks::Marks;
use super::messages::StoredMessage;
use super::{ChannelGone, DeletedContent, FoundAt, StoreError, lookup};
use crate::message::{DeletedBy, Message, MessageId, Patch, Versions};

/// What a batch changes.
#[derive(Default)]
pub(super) struct Merged {
    pub(super) rows: Vec<StoredMessage>,
    /// By the level that they are in.
    pub(super) rows_replaced: [Vec<FoundAt>; LEVELS.len()],
    pub(super) fragments: Vec<Message>,
    pub(super) fragments_replaced: Vec<MessageId>,
    /// Messages whose row stays as it is, and that have earlier versions to keep.
    pub(super) versions_only: Vec<Message>,
}

/// The batch's messages, one each: joined, and gone where their channel is.
pub(super) fn fold(messages: &[Message], marks: &Marks) -> HashMap<MessageId, Message> {
    let mut folded: HashMap<MessageId, Message> = HashMap::with_capacity(messages.len());
    for message in messages {
        let mut message = message.clone();
        if let Some(gone) = marks.gone_with_channel(&message) {
            message.gone = Some(message.gone.map_or(gone, |known| known.join(gone)));
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
pub(super) fn merge(
    news: HashMap<MessageId, Message>,
    known: &mut Known,
    now: DateTime<Utc>,
    deleted_content: DeletedContent,
) -> Merged {
    let mut merged = Merged::default();
    let remove_content = deleted_content.removes_at_once();
    for (id, mut new) in news {
        if let Some(KnownRow { level, mut row }) = known.rows.remove(&id) {
            if row.removed.is_some() {
                new.versions = Versions::default();
                new.patch = Patch::default();
            }
            let joined = row.message.clone().join(new);
            let is_as_it_was = joined.versions.current() == row.message.versions.current()
                && joined.patch == row.message.patch
                && joined.gone == row.message.gone;
            if is_as_it_was {
                merged.versions_only.push(joined);
                continue;
            }
            merged.rows_replaced[level].push((row.message.channel_id, id));
            row.message = joined;
            if remove_content {
                row.remove_content(now);
            }
            merged.rows.push(row);
            continue;
        }
        let mut joined = match known.fragments.remove(&id) {
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
        if joined.versions.is_empty() {
            if remove_content && joined.gone.is_some() {
                joined.patch = Patch::default();
            }
            merged.fragments.push(joined);
            continue;
        }
        let mut row = StoredMessage {
            message: joined,
            ingested_at: now,
            removed: None,
        };
        if remove_content {
            row.remove_content(now);
        }
        merged.rows.push(row);
    }
    // The order of arrival is the order of ids, nearly: a run's sort has less to do.
    merged.rows.sort_unstable_by_key(|row| row.message.id);
    merged
}

/// Marks every message of deleted channels as gone, where it stands: the join of what is known of
/// each and the channel's end.
pub(super) fn end_channels(
    connection: &Connection,
    gone: &[ChannelGone],
    revision: i64,
) -> Result<usize, StoreError> {
    // A channel goes with its threads: one statement for all of them.
    let mut ends: HashMap<_, Vec<i64>> = HashMap::new();
    for channel in gone {
        let end = (channel.before, channel.after);
        ends.entry(end).or_default().push(channel.id.as_i64());
    }
    // What was stale or a gap may have gone before its channel, as in `ChannelCoverage::there_at`.
    let there_at = "greatest(created_at, coalesce((SELECT CASE WHEN complete_by IS NULL \
                 THEN created_at ELSE least(stale_since, $2) END FROM coverage_ranges AS known \
                 WHERE known.channel_id = ended.channel_id AND low <= message_id \
                 AND message_id < high), created_at))";
    // The order of `Gone::join`: of two notices at one time a rescan's comes after a channel's.
    let counts = format!(
        "(deleted_before IS NULL OR $1 < deleted_before OR ($1 = deleted_before AND \
         (deleted_by = 'rescan' OR deleted_by = 'channel' AND deleted_after < {there_at})))"
    );
    let mut updated = 0;
    for ((before, after), channels) in ends {
        let channels = lookup::list(channels.into_iter());
        for table in LEVELS {
            updated += connection.execute(
                &format!(
                    "UPDATE {table} AS ended SET deleted = true, deleted_by = '{}', \
                     deleted_before = $1, deleted_after = {there_at}, revision = {revision} \
                     WHERE channel_id IN ({channels}) AND {counts}",
                    DeletedBy::Channel,
                ),
                [before, after],
            )?;
        }
    }
    Ok(updated)
}

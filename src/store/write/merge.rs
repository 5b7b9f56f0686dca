//! Merges a batch with what the record knows, by the merge rule of [`Message::join`]. Only what really changes
//! is written.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use super::batch::Unsettled;
use super::coverage_tracker::CoverageTracker;
use super::lookup::{Known, KnownRow};
use super::rows::{StoredMessage, sequence};
use crate::guild::ChannelGone;
use crate::message::{ChannelId, DeletedBy, Gone, Life, Message, MessageId, Observed, State};
use crate::store::StoreError;
use crate::store::file::settings::DeletedContent;
use crate::store::schema::levels::LEVELS;
use crate::store::schema::sql;
use crate::store::schema::sql::FoundAt;

/// The changes that a batch makes.
#[derive(Default)]
pub(crate) struct Merged {
    pub(crate) rows: Vec<StoredMessage>,
    /// Rows to be replaced, by the level that contains them.
    pub(crate) rows_replaced: [Vec<FoundAt>; LEVELS.len()],
    /// Rows that show the same as before and were observed later: by level, with the new observation.
    pub(crate) seen_again: [HashMap<Observed, Vec<FoundAt>>; LEVELS.len()],
    pub(crate) fragments: Vec<Message>,
    pub(crate) fragments_replaced: Vec<MessageId>,
    /// Messages whose row stays as it is, and which have earlier versions to store.
    pub(crate) versions_only: Vec<Message>,
    /// Messages that only a re-fetch can settle.
    pub(crate) unsettled: Vec<Unsettled>,
    /// The number of rows and fragments that show something else than before.
    pub(crate) changed: usize,
}

/// Joins the batch's messages by id, and applies the confirmed deletion of a channel to its messages.
pub(crate) fn join_batch(
    messages: &[Message],
    tracker: &CoverageTracker,
) -> HashMap<MessageId, Message> {
    let mut folded: HashMap<MessageId, Message> = HashMap::with_capacity(messages.len());
    for message in messages {
        let mut message = message.clone();
        if let Some(gone) = tracker
            .gone_with_channel(&message)
            .filter(|it| it.by.is_told())
        {
            message.life = message.life.join(Life::told(gone));
        }
        let joined = match folded.remove(&message.id) {
            Some(other) => other.join(message),
            None => message,
        };
        folded.insert(joined.id, joined);
    }
    folded
}

/// What a merge needs besides the batch.
pub(crate) struct Circumstances<'a> {
    pub(crate) tracker: &'a CoverageTracker,
    /// The revision of the commit in progress, if it changes rows.
    pub(crate) revision: i64,
    pub(crate) now: DateTime<Utc>,
    pub(crate) deleted_content: DeletedContent,
}

impl Circumstances<'_> {
    /// The deletion of a message through a missing channel, unless Discord confirmed that the channel was
    /// deleted.
    fn missing_channel(&self, message: &Message) -> Option<Gone> {
        let gone = self.tracker.gone_with_channel(message);
        gone.filter(|gone| !gone.by.is_told())
    }

    /// The time since which the current session delivers every change.
    fn heard_since(&self) -> Option<DateTime<Utc>> {
        self.tracker.session_began()
    }

    /// Prepares a row that shows something new: its revision, and its redaction if that is due at once.
    fn changed(&self, row: &mut StoredMessage) {
        row.revision = self.revision;
        if self.deleted_content.removes_at_once() {
            row.remove_content(self.now);
        }
    }
}

/// Merges the batch's messages with the known rows and fragments, and collects the changes.
pub(crate) fn merge(
    news: HashMap<MessageId, Message>,
    known: &mut Known,
    here: &Circumstances<'_>,
) -> Merged {
    let mut merged = Merged::default();
    for (id, new) in news {
        if let Some(KnownRow { level, row }) = known.rows.remove(&id) {
            merged.join_row(level, row, new, here);
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
        if joined.is_unsettled(here.heard_since()) {
            merged.unsettled.push((&joined).into());
        }
        merged.changed += 1;
        if joined.versions.is_empty() {
            if here.deleted_content.removes_at_once() && joined.gone().is_some() {
                joined.forget_content();
            }
            merged.fragments.push(joined);
            continue;
        }
        let mut row = StoredMessage {
            missing_channel: here.missing_channel(&joined),
            message: joined,
            ingested_at: here.now,
            removed: None,
            revision: here.revision,
        };
        here.changed(&mut row);
        merged.rows.push(row);
    }
    // Rows arrive nearly in the order of ids. With the rows in this order, the sort of a compaction has less to
    // do.
    merged.rows.sort_unstable_by_key(|row| row.message.id);
    merged
}

impl Merged {
    /// Joins new knowledge with a row.
    fn join_row(
        &mut self,
        level: usize,
        mut row: StoredMessage,
        mut new: Message,
        here: &Circumstances<'_>,
    ) {
        if row.removed.is_some() {
            let is_missing = here.missing_channel(&row.message).is_some();
            if is_missing || row.message.life.join(new.life).gone().is_some() {
                new.forget_content();
            } else if new.versions.is_empty() {
                // The message exists, so its content is stored again once its payload arrives; a re-fetch
                // requests it.
                self.unsettled.push((&new).into());
                new.forget_content();
            } else {
                row.removed = None;
            }
        }
        let (was, was_gone) = (row.message.clone(), row.gone());
        row.message = row.message.join(new);
        row.missing_channel = here.missing_channel(&row.message);
        if row.message.is_unsettled(here.heard_since()) {
            self.unsettled.push((&row.message).into());
        }
        if row.message == was {
            return;
        }
        let at = (row.message.channel_id, row.message.id);
        // Where the row is written again, it shows what its channel's end or return makes of it by now.
        let is_gone_as_before = row.gone() == was_gone;
        let is_written_again = State::of(&row.message) != State::of(&was);
        if !shows_the_same(&row.message, &was) || is_written_again && !is_gone_as_before {
            self.changed += 1;
            self.rows_replaced[level].push(at);
            here.changed(&mut row);
            self.rows.push(row);
            return;
        }
        let observed = |message: &Message| message.versions.current().map(|it| it.observed);
        let now_observed = observed(&row.message).filter(|now| Some(*now) != observed(&was));
        if is_written_again {
            // The row keeps its revision, because nothing has changed for those who read rows.
            self.rows_replaced[level].push(at);
            self.rows.push(row);
            return;
        }
        if let Some(observed) = now_observed {
            self.seen_again[level].entry(observed).or_default().push(at);
        }
        self.versions_only.push(row.message);
    }
}

/// Whether two states of a message show the same, no matter when they were observed.
fn shows_the_same(one: &Message, other: &Message) -> bool {
    if one.gone() != other.gone() {
        return false;
    }
    match (one.shown(), other.shown()) {
        (Some(one), Some(other)) => {
            one.body == other.body
                && one.version.source == other.version.source
                && one.version.raw == other.version.raw
                && one.changed_fields == other.changed_fields
                && one.reactions == other.reactions
                && one.poll_votes == other.poll_votes
        }
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// Deletes the rows and fragments that newer ones replace.
pub(crate) fn delete_replaced(connection: &Connection, merged: &Merged) -> Result<(), StoreError> {
    let mut deleted = 0;
    for (level, replaced) in merged.rows_replaced.iter().enumerate() {
        for condition in sql::conditions(level, replaced) {
            let table = LEVELS[level];
            let sql = format!("DELETE FROM {table} WHERE {condition}");
            deleted += connection.execute(&sql, [])?;
        }
    }
    // Otherwise a message would have two rows.
    let replaced: usize = merged.rows_replaced.iter().map(Vec::len).sum();
    if deleted != replaced {
        return Err(StoreError::Damaged(format!(
            "{replaced} rows should be replaced, but {deleted} exist"
        )));
    }
    if !merged.fragments_replaced.is_empty() {
        connection.execute_batch(&format!(
            "DELETE FROM message_fragments WHERE message_id IN ({})",
            sql::list(merged.fragments_replaced.iter().map(|id| id.as_i64()))
        ))?;
    }
    Ok(())
}

/// Stores the new observation of rows that show the same as before: in place, because nothing else of them
/// changes.
pub(crate) fn see_again(
    connection: &Connection,
    level: usize,
    seen_again: &HashMap<Observed, Vec<FoundAt>>,
) -> Result<(), StoreError> {
    for (observed, rows) in seen_again {
        for condition in sql::conditions(level, rows) {
            let sql = format!(
                "UPDATE {} SET observed_at = ?, observed_sequence = ? WHERE {condition}",
                LEVELS[level]
            );
            connection.execute(&sql, params![observed.at, sequence(*observed)])?;
        }
    }
    Ok(())
}

/// Marks all messages of these channels as deleted, in place, as the merge of each message with its channel's
/// deletion. An inferred deletion of a channel changes nothing in messages that were deleted by themselves.
pub(crate) fn end_channels(
    connection: &Connection,
    ended: &[ChannelGone],
    revision: i64,
) -> Result<usize, StoreError> {
    // The threads of a channel are deleted with it: one statement is enough for all of them.
    let mut ends: HashMap<_, Vec<i64>> = HashMap::new();
    for channel in ended {
        let end = (channel.before, channel.after, channel.is_told());
        ends.entry(end).or_default().push(channel.id.as_i64());
    }
    // A message in a stale range or in a gap may have been deleted before its channel, as in
    // `ChannelCoverage::there_at`.
    let there_at = "greatest(created_at, coalesce((SELECT CASE WHEN complete_by IS NULL \
                 THEN created_at ELSE least(stale_since, $2) END FROM coverage_ranges AS known \
                 WHERE known.channel_id = ended.channel_id AND low <= message_id \
                 AND message_id < high), created_at))";
    // As in `Gone::new`.
    let before = "greatest($1, created_at)";
    // As in `Life::gone`: a rescan that did not contain the message before its channel was deleted limits how
    // long it existed, whatever of the range became complete later. A row from before schema version 7 has that
    // rescan in its columns only.
    let after = format!(
        "least({there_at}, {before}, \
         make_timestamptz(CAST(json_extract(state_json, '$.absent.after') AS BIGINT)), \
         CASE WHEN deleted_by IN ('rescan', 'missing_channel') THEN deleted_after END)"
    );
    // As in `Life::join`: a confirmed deletion wins over an inferred one, then the one that was noticed first.
    let told_counts = format!(
        "(NOT deleted OR deleted_by IN ('rescan', 'missing_channel') OR {before} < deleted_before \
         OR {before} = deleted_before AND deleted_by = 'channel' AND deleted_after < {after})"
    );
    let mut updated = 0;
    for ((at, last_there, is_told), channels) in ends {
        let channels = sql::list(channels.into_iter());
        let (by, counts) = if is_told {
            (DeletedBy::Channel, told_counts.as_str())
        } else {
            (
                DeletedBy::MissingChannel,
                "(NOT deleted OR deleted_by = 'missing_channel')",
            )
        };
        for table in LEVELS {
            updated += connection.execute(
                &format!(
                    "UPDATE {table} AS ended SET deleted = true, deleted_by = '{by}', \
                     deleted_before = {before}, deleted_after = {after}, revision = {revision} \
                     WHERE channel_id IN ({channels}) AND {counts}",
                ),
                [at, last_there],
            )?;
        }
    }
    Ok(updated)
}

/// Takes the deletions of these channels back from their messages, because the channels exist. Records from
/// before schema version 7 do not say whether a channel's deletion was confirmed.
pub(crate) fn revive_channels(
    connection: &Connection,
    alive: &[ChannelId],
    revision: i64,
) -> Result<usize, StoreError> {
    if alive.is_empty() {
        return Ok(0);
    }
    let channels = sql::list(alive.iter().map(|id| id.as_i64()));
    let mut updated = 0;
    for table in LEVELS {
        updated += connection.execute(
            &format!(
                "UPDATE {table} SET deleted = false, deleted_by = NULL, deleted_before = NULL, \
                 deleted_after = NULL, revision = {revision} \
                 WHERE channel_id IN ({channels}) AND deleted_by IN ('missing_channel', 'channel')",
            ),
            [],
        )?;
    }
    Ok(updated)
}

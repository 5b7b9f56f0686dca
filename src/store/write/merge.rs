//! What a batch changes: its news joined with what the record knows, by the law of
//! [`Message::join`]. Only what really changes is written.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

use super::batch::Unsettled;
use super::coverage_tracker::Marks;
use super::lookup::{Known, KnownRow};
use super::rows::{StoredMessage, sequence};
use crate::guild::ChannelGone;
use crate::message::{ChannelId, DeletedBy, Gone, Life, Message, MessageId, Observed, State};
use crate::store::StoreError;
use crate::store::file::settings::DeletedContent;
use crate::store::schema::levels::LEVELS;
use crate::store::schema::sql;
use crate::store::schema::sql::FoundAt;

/// What a batch changes.
#[derive(Default)]
pub(crate) struct Merged {
    pub(crate) rows: Vec<StoredMessage>,
    /// By the level that they are in.
    pub(crate) rows_replaced: [Vec<FoundAt>; LEVELS.len()],
    /// Rows that show what they showed, and were observed later: by their level and that time.
    pub(crate) seen_again: [HashMap<Observed, Vec<FoundAt>>; LEVELS.len()],
    pub(crate) fragments: Vec<Message>,
    pub(crate) fragments_replaced: Vec<MessageId>,
    /// Messages whose row stays as it is, and that have earlier versions to keep.
    pub(crate) versions_only: Vec<Message>,
    /// Messages of which something is known that only Discord can settle.
    pub(crate) unsettled: Vec<Unsettled>,
    /// How many rows and fragments show something else than before.
    pub(crate) changed: usize,
}

/// The batch's messages, one each: joined, and gone where Discord told that their channel is.
pub(crate) fn fold(messages: &[Message], marks: &Marks) -> HashMap<MessageId, Message> {
    let mut folded: HashMap<MessageId, Message> = HashMap::with_capacity(messages.len());
    for message in messages {
        let mut message = message.clone();
        if let Some(gone) = marks
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

/// What a merge needs to know beside the news.
pub(crate) struct Circumstances<'a> {
    pub(crate) marks: &'a Marks,
    /// The commit under way.
    pub(crate) revision: i64,
    pub(crate) now: DateTime<Utc>,
    pub(crate) deleted_content: DeletedContent,
}

impl Circumstances<'_> {
    /// That a message's channel is missing, if it is, and Discord did not say that it was deleted.
    fn missing_channel(&self, message: &Message) -> Option<Gone> {
        let gone = self.marks.gone_with_channel(message);
        gone.filter(|gone| !gone.by.is_told())
    }

    /// Since when the session under way brings every change.
    fn heard_since(&self) -> Option<DateTime<Utc>> {
        self.marks.session_began()
    }

    /// A row that shows something new.
    fn changed(&self, row: &mut StoredMessage) {
        row.revision = self.revision;
        if self.deleted_content.removes_at_once() {
            row.remove_content(self.now);
        }
    }
}

/// Joins the news with what is known, and keeps what that changes.
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
    // The order of arrival is the order of ids, nearly: a run's sort has less to do.
    merged.rows.sort_unstable_by_key(|row| row.message.id);
    merged
}

impl Merged {
    /// Joins news with a row.
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
                // It lives, so its content is kept again once Discord shows it.
                self.unsettled.push((&new).into());
                new.forget_content();
            } else {
                row.removed = None;
            }
        }
        let was = row.message.clone();
        row.message = row.message.join(new);
        row.missing_channel = here.missing_channel(&row.message);
        if row.message.is_unsettled(here.heard_since()) {
            self.unsettled.push((&row.message).into());
        }
        if row.message == was {
            return;
        }
        let at = (row.message.channel_id, row.message.id);
        if !shows_the_same(&row.message, &was) {
            self.changed += 1;
            self.rows_replaced[level].push(at);
            here.changed(&mut row);
            self.rows.push(row);
            return;
        }
        let observed = |message: &Message| message.versions.current().map(|it| it.observed);
        let now_observed = observed(&row.message).filter(|now| Some(*now) != observed(&was));
        if State::of(&row.message) != State::of(&was) {
            // It keeps its revision: for those who read rows nothing has changed.
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

/// Whether two states of a message show the same, whenever they were observed.
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

/// Notes when rows were observed that show what they showed before: in place, since nothing else of them changes.
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

/// Marks every message of ended channels as gone, where it stands: the join of what is known of
/// each and the channel's end. An end that was only inferred changes nothing of what is gone by itself.
pub(crate) fn end_channels(
    connection: &Connection,
    ended: &[ChannelGone],
    revision: i64,
) -> Result<usize, StoreError> {
    // A channel goes with its threads: one statement for all of them.
    let mut ends: HashMap<_, Vec<i64>> = HashMap::new();
    for channel in ended {
        let end = (channel.before, channel.after, channel.is_told());
        ends.entry(end).or_default().push(channel.id.as_i64());
    }
    // What was stale or a gap may have gone before its channel, as in `ChannelCoverage::there_at`.
    let there_at = "greatest(created_at, coalesce((SELECT CASE WHEN complete_by IS NULL \
                 THEN created_at ELSE least(stale_since, $2) END FROM coverage_ranges AS known \
                 WHERE known.channel_id = ended.channel_id AND low <= message_id \
                 AND message_id < high), created_at))";
    // As in `Gone::new`.
    let before = "greatest($1, created_at)";
    // As `Life::gone`: a reading did not show it any more before its channel went, so it was not there until then,
    // whatever of the range is complete since. A row of before schema 7 has the reading in its columns only.
    let after = format!(
        "least({there_at}, {before}, \
         make_timestamptz(CAST(json_extract(state_json, '$.absent.after') AS BIGINT)), \
         CASE WHEN deleted_by = 'rescan' THEN deleted_after END)"
    );
    // As `Life::join`: what was told before what was inferred, then the earliest notice.
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

/// Takes back what channels' ends did to their messages: the channels live. Records of before schema 7 do not say
/// whether a channel's end was told.
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

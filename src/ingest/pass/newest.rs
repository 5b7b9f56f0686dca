//! Discord names the newest message of each channel. If the coverage includes that message but the database
//! does not have it, the reading missed something, unless the message was deleted.

use std::collections::HashSet;

use futures_util::StreamExt;
use futures_util::stream;
use tracing::warn;

use super::{AT_A_TIME, Job, PassState};
use crate::guild::{Access, Doubt, GapReason, Interrupted, KnownChannel, Place};
use crate::ingest::catalog::Entry;
use crate::ingest::pass_report::HistoryError;
use crate::message::{IdRange, MessageId};
use crate::store::Batch;

impl PassState<'_> {
    /// Compares the newest messages that Discord names with the database. Missed messages are read again; a
    /// message that is still missing makes its channel incomplete.
    pub(in crate::ingest) async fn settle_newest(&mut self) -> Result<(), HistoryError> {
        let passed_over = self.passed_over().await?;
        if passed_over.is_empty() {
            return Ok(());
        }
        self.tally
            .odd(|answers| answers.passed_over += passed_over.len() as u64);
        for (entry, id) in &passed_over {
            warn!(channel_id = %entry.info.id, name = entry.info.name, message_id = %id, "the newest message of the channel was missing from the history pages: the service reads the channel again from there");
        }
        self.read_again(passed_over).await?;
        self.work().await?;
        for (entry, id) in self.passed_over().await? {
            warn!(channel_id = %entry.info.id, name = entry.info.name, message_id = %id, "the newest message of the channel is still missing from the history pages although Discord has it: the channel counts as incomplete");
            self.note_incomplete(entry.info.id);
        }
        Ok(())
    }

    /// The channels whose newest message exists on Discord and is missing from the database although its range
    /// counts as complete.
    async fn passed_over(&mut self) -> Result<Vec<(Entry, MessageId)>, HistoryError> {
        let missing = self.missing_newest().await?;
        let rest = &self.history.rest;
        let asked = stream::iter(missing).map(|(entry, id)| async move {
            let answer = rest.message(entry.info.id, id).await;
            (entry, id, answer)
        });
        let answers: Vec<_> = asked.buffer_unordered(AT_A_TIME).collect().await;
        let mut passed_over = Vec::new();
        for (entry, id, answer) in answers {
            match answer {
                Ok(Some(_)) => passed_over.push((entry, id)),
                Ok(None) => {
                    self.history.newest_gone().insert(entry.info.id, id);
                }
                // A message that may not be read now was not missed.
                Err(error) if error.is_about_the_place() => {}
                Err(error) if error.is_transient() => {
                    warn!(channel_id = %entry.info.id, %error, "the newest message of the channel could not be requested, so the channel counts as incomplete");
                    self.note_incomplete(entry.info.id);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(passed_over)
    }

    /// The newest messages that are missing although their range counts as complete.
    async fn missing_newest(&mut self) -> Result<Vec<(Entry, MessageId)>, HistoryError> {
        let reader = &self.history.reader;
        // The order matters: messages that the session is said to have delivered are in the rows that are read
        // after it.
        let session = reader.session(0).await?.filter(|_| self.history.live);
        self.coverage = reader.coverage().await?;
        let known = reader.channels().await?;
        self.known = known
            .into_iter()
            .map(|known| (known.channel.id, known))
            .collect();
        let is_claimed = |entry: &Entry, id: MessageId| {
            let coverage = self.coverage.get(&entry.info.id);
            if coverage.is_some_and(|coverage| coverage.is_complete_at(id)) {
                return true;
            }
            let known = self.known.get(&entry.info.id);
            session.as_ref().is_some_and(|session| {
                let heard = known.filter(|known| known.is_heard_by(session));
                let since = heard.and_then(KnownChannel::live_since);
                since.is_some_and(|since| {
                    IdRange::new(session.live_low.max(since), session.live_high).contains(id)
                })
            })
        };
        let gone = self.history.newest_gone().clone();
        let claimed: Vec<(&Entry, MessageId)> = self
            .catalog
            .entries
            .iter()
            .filter(|entry| entry.holds_messages() && entry.access == Access::Readable)
            .filter_map(|entry| Some((entry, entry.info.last_message_id?)))
            .filter(|(entry, id)| gone.get(&entry.info.id) != Some(id) && is_claimed(entry, *id))
            .collect();
        let ids = claimed.iter().map(|(_, id)| *id).collect();
        let held: HashSet<MessageId> = reader.held(ids).await?;
        let missing = claimed.into_iter().filter(|(_, id)| !held.contains(id));
        Ok(missing.map(|(entry, id)| (entry.clone(), id)).collect())
    }

    /// Marks the range between the newest stored message and the missed one as suspect, and queues the channels
    /// to be read.
    async fn read_again(
        &mut self,
        passed_over: Vec<(Entry, MessageId)>,
    ) -> Result<(), HistoryError> {
        let reader = &self.history.reader;
        let mut batch = Batch::default();
        for (entry, id) in &passed_over {
            let channel_id = entry.info.id;
            let last = reader.newest_before(channel_id, *id).await?;
            batch.doubts.push(Doubt {
                channel_id,
                range: IdRange::new(last.map_or(0, |last| last.as_i64() + 1), id.as_i64() + 1),
                stale_since: None,
            });
            let coverage = self.coverage.get(&channel_id);
            if !coverage.is_some_and(|coverage| coverage.is_complete_at(*id)) {
                // The gateway missed the message, so the history of that time is read.
                batch.interrupted.push(Interrupted {
                    place: Place::Channel(channel_id),
                    until: self.history.rest.clock().now(),
                    reason: GapReason::Interrupted,
                    stale_since: None,
                });
                self.note_incomplete(channel_id);
            }
        }
        let asked_after = self.history.writer.commit(batch).await?;
        let known = self.history.reader.channels().await?;
        self.known = known
            .into_iter()
            .map(|known| (known.channel.id, known))
            .collect();
        self.coverage = self.history.reader.coverage().await?;
        for (entry, _) in passed_over {
            self.tally.channel_found();
            self.jobs.push_back(Job::Scan {
                entry,
                tries: 0,
                asked_after,
            });
        }
        Ok(())
    }
}

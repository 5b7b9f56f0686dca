//! Reads the gaps of one channel, newest first, page by page. Each page is one commit: its messages and the
//! range of ids that it completes, so that a restart continues at the page. A complete page also shows which
//! messages no longer exist.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use rangemap::RangeSet;
use tracing::{info, warn};

use super::catalog::{Entry, access_now};
use super::progress::Tally;
use super::writer::{WriterClosed, WriterHandle};
use crate::discord::rest::{HistoryCursor, HistoryPage, PageItem, Rest, RestError};
use crate::guild::{Access, AccessMark, ChannelCoverage, Covered, SessionId};
use crate::message::{
    DeletedBy, Gone, IdRange, Message, MessageId, Observed, Source, snowflake_at,
};
use crate::store::{Batch, Committed, Parked, Reader, StoreError};

/// Messages per page: Discord's maximum.
const PAGE: u8 = 100;

/// The number of invalid pages in a row after which the channel is left to the next pass.
const PATIENCE: u32 = 3;

/// How far ahead of Discord's clock an id may be, since the clock is only known to a second or two.
const AHEAD: TimeDelta = TimeDelta::seconds(60);

/// Why the scan of a channel stopped before its end.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// Discord gave no valid response.
    #[error(transparent)]
    Rest(#[from] RestError),
    /// The database can't be written.
    #[error(transparent)]
    Writer(#[from] WriterClosed),
    /// The database can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The meaning of an empty page.
enum End {
    /// There are no older messages.
    Seen,
    /// A permission is missing, which looks the same.
    Lacks(Access),
    /// There are older messages.
    NotYet,
}

/// The result of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The channel has no gaps left.
    Complete,
    /// The channel can't be read; the reason is stored.
    Refused,
    /// Discord's pages are not valid: what they left out is a gap or may be one.
    Incomplete,
}

/// The scan of one channel or thread.
pub(super) struct Scan<'a> {
    pub(super) rest: &'a Rest,
    pub(super) reader: &'a Reader,
    pub(super) writer: &'a WriterHandle,
    pub(super) tally: &'a Tally,
    pub(super) entry: &'a Entry,
    /// The ranges to read.
    pub(super) gaps: RangeSet<i64>,
    /// The coverage of the channel before the scan.
    pub(super) coverage: ChannelCoverage,
    /// The id from which the live session covers the channel: the end of the last gap.
    pub(super) high: i64,
    /// The gateway session during the scan.
    pub(super) session_id: Option<SessionId>,
    /// The last commit before the next page is requested: the page does not decide about later changes.
    pub(super) asked_after: Committed,
    /// The id from which the channel is live: newer changes arrive through the gateway.
    pub(super) live_low: i64,
}

impl Scan<'_> {
    pub(super) async fn run(mut self) -> Result<Outcome, ScanError> {
        let mut fruitless = 0;
        let mut is_ahead = false;
        while let Some(gap) = self.gaps.iter().next_back().cloned() {
            let cursor = self.cursor(gap.end);
            let page = match self.page(cursor).await {
                Ok(page) => page,
                Err(error) => return self.refused(error).await,
            };
            is_ahead |= self.note_ids_ahead(&page);
            let read = IdRange {
                low: if page.items.is_empty() {
                    0
                } else {
                    page.min_id.map_or(gap.end, MessageId::as_i64)
                },
                high: gap.end,
            };
            let mut fault = page.disorder(cursor).map(|disorder| disorder.to_string());
            if fault.is_none() && read.is_empty() && !self.passed_live_messages(&page) {
                fault = Some("it does not lead to older messages".to_owned());
            }
            let mut gone = Vec::new();
            if fault.is_none() {
                gone = self.gone(cursor, &page, read).await?;
                // Only after the last reading, so that the result holds for all of them.
                if page.items.is_empty() {
                    match self.end_of_history(gap.end).await? {
                        End::Seen => {}
                        End::Lacks(access) => return self.note(access, None).await,
                        End::NotYet => {
                            fault =
                                Some("it is empty although there are older messages".to_owned());
                        }
                    }
                }
            }
            if let Some(fault) = fault {
                fruitless += 1;
                self.note_odd_page(&fault, fruitless);
                // The messages of the page are valid; that there are no others is not known.
                let mut page = page;
                let asked_at = page.asked_at;
                page.items
                    .retain(|item| self.read(&item.raw, asked_at).is_ok());
                self.take(page, IdRange::EMPTY, Vec::new()).await?;
                if fruitless == PATIENCE {
                    return Ok(Outcome::Incomplete);
                }
                continue;
            }
            fruitless = 0;
            self.take(page, read, gone).await?;
        }
        Ok(if is_ahead {
            Outcome::Incomplete
        } else {
            Outcome::Complete
        })
    }

    fn note_odd_page(&self, fault: &str, times: u32) {
        self.tally.odd(|answers| answers.pages += 1);
        let (channel_id, name) = (self.entry.info.id, &self.entry.info.name);
        if times == PATIENCE {
            warn!(%channel_id, name, "a page of the channel's history is not valid ({fault}), {times} times in a row: the gap remains until the next pass");
        } else {
            warn!(%channel_id, name, "a page of the channel's history is not valid ({fault}); it is requested again");
        }
    }

    /// Counts the messages of a page with ids in the future; returns whether there are any.
    fn note_ids_ahead(&self, page: &HistoryPage) -> bool {
        let now = snowflake_at(self.rest.clock().now() + AHEAD);
        let ids = page.items.iter().filter_map(|item| item.id);
        let ahead = ids.filter(|id| id.as_i64() >= now).count();
        if ahead > 0 {
            let (channel_id, name) = (self.entry.info.id, &self.entry.info.name);
            self.tally.odd(|answers| answers.ids_ahead += ahead as u64);
            warn!(%channel_id, name, messages = ahead, "messages of the channel have ids in the future by Discord's clock; they are stored, but the coverage is not extended into the future");
        }
        ahead > 0
    }

    /// The newest page is requested without an id, so that a wrong clock does not matter.
    fn cursor(&self, end: i64) -> HistoryCursor {
        match MessageId::try_from(end) {
            Ok(before) if end < self.high => HistoryCursor::Before(before),
            _ => HistoryCursor::Latest,
        }
    }

    async fn page(&self, cursor: HistoryCursor) -> Result<HistoryPage, RestError> {
        self.rest
            .history_page(self.entry.info.id, cursor, PAGE)
            .await
    }

    /// If more live messages than fit into a page arrived since the session began, the gap is below them.
    fn passed_live_messages(&mut self, page: &HistoryPage) -> bool {
        match page.min_id {
            Some(min) if min.as_i64() >= self.high => {
                // A time in the future was not read, whatever ids exist.
                let now = snowflake_at(self.rest.clock().now());
                let beyond = IdRange::new(self.high, min.as_i64().min(now));
                if !beyond.is_empty() {
                    self.gaps.insert(beyond.into());
                }
                // From here on the pages are requested by id.
                self.high = i64::MAX;
                true
            }
            _ => false,
        }
    }

    /// Whether an empty page is the end of the history. Discord also sends an empty page if the permission to
    /// read the history is missing, or by mistake. The oldest message of the channel proves both the permission
    /// and that there is nothing before it.
    async fn end_of_history(&self, end: i64) -> Result<End, RestError> {
        let oldest = self
            .rest
            .history_page(self.entry.info.id, HistoryCursor::Oldest, 1)
            .await?;
        if oldest.items.is_empty() {
            let access = access_now(self.rest, self.entry).await?;
            return Ok(match access {
                Access::Readable => End::Seen,
                access => End::Lacks(access),
            });
        }
        let is_older = |id: MessageId| id.as_i64() < end;
        Ok(if oldest.min_id.is_some_and(is_older) {
            End::NotYet
        } else {
            End::Seen
        })
    }

    /// Commits a page: its messages, the deletes that it proves, and the range that it completes.
    async fn take(
        &mut self,
        page: HistoryPage,
        read: IdRange,
        gone: Vec<Message>,
    ) -> Result<(), ScanError> {
        let inferred = gone.len();
        let mut unreadable = Vec::new();
        let mut batch = Batch {
            messages: gone,
            ..Batch::default()
        };
        for (n, item) in page.items.iter().enumerate() {
            match self.read(&item.raw, page.asked_at) {
                Ok(message) => batch.messages.push(message),
                Err(reason) => {
                    warn!(channel_id = %self.entry.info.id, reason, "a message of the history could not be parsed; its payload is kept as a dead letter");
                    unreadable.push(place_of(&page, n, read));
                    batch.parked.push(Parked {
                        source: Source::Rest,
                        event: "history".to_owned(),
                        channel_id: Some(self.entry.info.id),
                        reason,
                        payload: item.raw.to_string(),
                    });
                }
            }
        }
        let messages = batch.messages.len() - inferred;
        batch.covered.push(Covered {
            channel_id: self.entry.info.id,
            range: read,
            session_id: self.session_id.clone(),
            asked_after: Some(self.asked_after.number),
            unreadable,
        });
        self.asked_after = self.writer.commit(batch).await?;
        if !read.is_empty() {
            self.gaps.remove(read.into());
        }
        self.tally
            .page(self.entry.info.id, messages, &self.gaps, page.min_id);
        Ok(())
    }

    /// Parses a message of this channel. A payload that names another channel is refused, because the row is
    /// looked up in this one.
    fn read(&self, payload: &str, asked_at: DateTime<Utc>) -> Result<Message, String> {
        let observed = Observed::asked(asked_at);
        let message = Message::read(self.entry.guild_id, Source::Rest, observed, payload);
        let message = message.map_err(|error| error.to_string())?;
        if message.channel_id == self.entry.info.id {
            Ok(message)
        } else {
            Err(format!("it belongs to the channel {}", message.channel_id))
        }
    }

    /// The messages of the range that are in the database but not on Discord any more: they are neither in this
    /// page nor in a second reading of it.
    async fn gone(
        &self,
        cursor: HistoryCursor,
        page: &HistoryPage,
        read: IdRange,
    ) -> Result<Vec<Message>, ScanError> {
        let entry = self.entry;
        let (guild_id, channel_id) = (entry.guild_id, entry.info.id);
        let told_by_history = IdRange {
            high: read.high.min(self.live_low),
            ..read
        };
        let known = self
            .reader
            .undeleted(
                guild_id,
                channel_id,
                told_by_history,
                self.asked_after.revision,
            )
            .await?;
        let missing = missing_from(page, known.keys().copied());
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let again = self.page(cursor).await?;
        if again.items.is_empty() != page.items.is_empty() {
            // Two readings that differ so much prove nothing.
            return Ok(Vec::new());
        }
        // A second page that ends at a higher id proves nothing about the ids below its end.
        let end = match again.min_id {
            Some(min) if !again.items.is_empty() => min.as_i64(),
            _ => read.low,
        };
        let missing = missing_from(&again, missing);
        let before = self.rest.clock().now();
        let gone: Vec<Message> = missing
            .into_iter()
            .filter(|id| id.as_i64() >= end)
            .map(|id| {
                let last_seen = self.last_seen(id, &known);
                let gone = Gone::new(id, last_seen, before, DeletedBy::Rescan);
                Message::not_shown(id, guild_id, channel_id, gone, again.asked_at)
            })
            .collect();
        if !gone.is_empty() {
            info!(%channel_id, messages = gone.len(), "messages were deleted during an outage; they are marked as deleted");
        }
        Ok(gone)
    }

    /// The last time at which a deleted message certainly existed: when it was stored, and as long as no event
    /// was missed.
    fn last_seen(&self, id: MessageId, known: &HashMap<MessageId, DateTime<Utc>>) -> DateTime<Utc> {
        let heard = self.coverage.stale_since(IdRange::of(id));
        let taken_in = known.get(&id).copied();
        id.created_at().max(heard.max(taken_in).unwrap_or_default())
    }

    /// Records a refusal of the channel; other errors are returned.
    async fn refused(&self, error: RestError) -> Result<Outcome, ScanError> {
        let access = match error.access() {
            Some(access) => access,
            None if error.is_about_the_place() => Access::Faulty,
            None => return Err(error.into()),
        };
        warn!(channel_id = %self.entry.info.id, %error, "the channel can't be read");
        self.note(access, Some(error.to_string())).await
    }

    async fn note(&self, access: Access, detail: Option<String>) -> Result<Outcome, ScanError> {
        let since = self.rest.clock().now();
        let batch = Batch {
            access: vec![AccessMark {
                channel_id: self.entry.info.id,
                access,
                detail,
                since,
            }],
            ..Batch::default()
        };
        self.writer.commit(batch).await?;
        Ok(Outcome::Refused)
    }
}

/// The messages of `known` that a page should contain and does not. An item whose id can't be parsed could be
/// any of them, so then none counts as missing.
fn missing_from(
    page: &HistoryPage,
    known: impl IntoIterator<Item = MessageId>,
) -> HashSet<MessageId> {
    let shown: Option<HashSet<MessageId>> = page.items.iter().map(|item| item.id).collect();
    match shown {
        Some(shown) => known.into_iter().filter(|id| !shown.contains(id)).collect(),
        None => HashSet::new(),
    }
}

/// The ids that the `n`th item of a page can have: its own id, or those between its neighbours.
fn place_of(page: &HistoryPage, n: usize, read: IdRange) -> IdRange {
    if let Some(id) = page.items[n].id {
        return IdRange::of(id);
    }
    // Newest first: earlier items of the page are newer.
    let ids = |items: &[PageItem]| -> Vec<i64> {
        items
            .iter()
            .filter_map(|item| item.id.map(MessageId::as_i64))
            .collect()
    };
    let younger = ids(&page.items[..n]).into_iter().min();
    let older = ids(&page.items[n..]).into_iter().max();
    IdRange {
        low: older.map_or(read.low, |id| id + 1),
        high: younger.unwrap_or(read.high),
    }
}

//! The history side: when a pass over everything that is collected is due. Passes follow the
//! socket: a new session means that something was missed, and what it makes doubtful is a gap
//! again; a changed catalog may have opened something.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::pass::PassState;
use super::scope::Scope;
use super::writer::{WriterClosed, WriterHandle};
use crate::discord::rest::{Rest, RestError};
use crate::message::{ChannelId, GuildId, MessageId};
use crate::status::{BackfillState, PassStatus, StatusSender};
use crate::store::{Reader, StoreError};

/// How long after a pass that left gaps the next one begins, at first and at most; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long without a call before a pass is due all the same: a channel that was refused is looked
/// at again, and what no event told is found.
const DAILY: Duration = Duration::from_secs(24 * 3600);

/// How often the time to the next look at what is missing doubles: from five minutes to 21 hours.
const MOST_DOUBLINGS: u32 = 8;

/// How much later than it is due the second look is, so that it is not too early by rounding.
const LOOK_LATER: Duration = Duration::from_millis(100);

/// What calls for a pass, the more pressing the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// Channels or permissions changed.
    Catalog,
    /// The session goes on; what was not finished is.
    Gaps,
    /// A new session began: what was between is missing.
    AfterNewSession,
}

/// Why there can't be a history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Discord refused, or could not be asked.
    #[error(transparent)]
    Rest(#[from] RestError),
    /// The record can't be written.
    #[error(transparent)]
    Writer(#[from] WriterClosed),
    /// The record can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl HistoryError {
    /// Whether a later pass can succeed without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Rest(error) => error.is_transient(),
            Self::Store(error) => matches!(error, StoreError::Busy),
            Self::Writer(_) => false,
        }
    }
}

/// What a pass could not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassReport {
    /// Chosen guilds that the bot can't read.
    pub unread_guilds: Vec<GuildId>,
    /// Chosen channels that are in no guild that the bot can read.
    pub missing_channels: Vec<ChannelId>,
    /// Channels and threads that have gaps left, because Discord could not be asked or its answers
    /// can't be right; and channels whose threads may not all be known.
    pub incomplete: Vec<ChannelId>,
    /// Channels and threads that Discord does not know any more, which is not believed before a second look.
    pub suspected: Vec<ChannelId>,
    /// Guilds whose lists of channels and threads hold items that can't be read.
    pub partly_listed: Vec<GuildId>,
    /// Channels of which Discord refuses a list of archived threads. As with channels that can't be
    /// read, nothing can be done about it here.
    pub refused_lists: Vec<ChannelId>,
}

/// How many ids a line of the log names.
const NAMED: usize = 10;

impl fmt::Display for PassReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("guilds that the bot can't read", ids(&self.unread_guilds)),
            (
                "channels of DISCORD_CHANNEL_IDS that are not in a guild that the bot can read",
                ids(&self.missing_channels),
            ),
            (
                "channels that still have gaps, because requests to Discord failed",
                ids(&self.incomplete),
            ),
            (
                "guilds whose lists contain channels or threads that can't be parsed",
                ids(&self.partly_listed),
            ),
            (
                "channels whose list of archived threads Discord refuses",
                ids(&self.refused_lists),
            ),
        ];
        let mut parts = parts.iter().filter(|(_, ids)| !ids.is_empty()).peekable();
        if parts.peek().is_none() {
            return f.write_str("everything was read");
        }
        for (n, (what, ids)) in parts.enumerate() {
            let separator = if n > 0 { "; " } else { "" };
            write!(f, "{separator}{what}: {ids}")?;
        }
        Ok(())
    }
}

/// Ids in one line; of many only the first ones.
fn ids(all: &[impl fmt::Display]) -> String {
    let named: Vec<_> = all.iter().take(NAMED).map(ToString::to_string).collect();
    match all.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

impl PassReport {
    /// Whether everything that was chosen was found, and read as far as the bot may.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unread_guilds.is_empty()
            && self.missing_channels.is_empty()
            && self.incomplete.is_empty()
            && self.partly_listed.is_empty()
    }
}

/// Reads history.
pub struct History {
    /// Whom to ask.
    pub rest: Rest,
    /// What is known.
    pub reader: Reader,
    /// Where pages go.
    pub writer: WriterHandle,
    /// What is collected.
    pub scope: Arc<Scope>,
    /// What the service says of itself.
    pub status: StatusSender,
    /// Whether a live session takes over where history ends; else history goes up to now.
    pub live: bool,
    /// How long after a session's begin its first pass waits, so that Discord's REST side shows
    /// what the socket's side has sent.
    pub settle: Duration,
    /// How long after a channel was first found missing it is looked for again.
    pub second_look: Duration,
    /// The newest messages that Discord named of channels, and that were deleted before they were seen.
    pub newest_gone: Mutex<HashMap<ChannelId, MessageId>>,
}

impl History {
    /// Makes passes as they are called for, until `stop`.
    ///
    /// # Errors
    /// If Discord refuses the token, or the record fails.
    pub async fn run(
        self,
        calls: mpsc::UnboundedReceiver<Pass>,
        stop: CancellationToken,
    ) -> Result<(), HistoryError> {
        let mut calls = Calls {
            receiver: calls,
            taken: 0,
            waiting: None,
            look_again: None,
        };
        let mut pause = FIRST_PAUSE;
        let mut suspected = Vec::new();
        let mut looks = 0;
        loop {
            let pass = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                pass = calls.next() => pass,
            };
            let settle = if pass == Pass::AfterNewSession {
                self.settle
            } else {
                Duration::ZERO
            };
            let work = async {
                tokio::time::sleep(settle).await;
                self.pass().await
            };
            let result = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = calls.new_session() => {
                    info!("backfill: a new gateway session started; the backfill looks for gaps again");
                    continue;
                }
                result = work => result,
            };
            if let Ok(report) = &result {
                // What stays missing is looked for ever more rarely.
                looks = if report.suspected == suspected {
                    (looks + 1).min(MOST_DOUBLINGS)
                } else {
                    0
                };
                suspected.clone_from(&report.suspected);
                let wait = self.second_look * 2_u32.pow(looks) + LOOK_LATER;
                calls.look_again = (!suspected.is_empty()).then(|| Instant::now() + wait);
            }
            match result {
                Ok(report) if report.is_complete() => {
                    pause = FIRST_PAUSE;
                    self.status.send_modify(|status| {
                        // What was called for since is not read yet.
                        if calls.waiting.is_none() && calls.taken == status.backfill.calls {
                            status.backfill.state = BackfillState::Complete;
                        }
                    });
                    continue;
                }
                Ok(report) => warn!(
                    "backfill: the pass is incomplete ({report}); the next pass is in {}",
                    humantime::format_duration(pause)
                ),
                Err(error) if error.is_transient() => {
                    warn!(%error, "backfill: the pass failed; the next pass is in {}", humantime::format_duration(pause));
                }
                Err(error) => return Err(error),
            }
            self.status
                .send_modify(|status| status.backfill.state = BackfillState::Incomplete);
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = calls.new_session() => {}
                () = tokio::time::sleep(pause) => calls.waiting = calls.waiting.max(Some(pass)),
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// One pass over everything that is collected.
    ///
    /// # Errors
    /// If Discord refuses the token or can't be asked at all, or the record fails. What was read
    /// until then is in the record.
    pub async fn pass(&self) -> Result<PassReport, HistoryError> {
        self.status.send_modify(|status| {
            status.backfill.state = BackfillState::Running;
            status.backfill.channels_done = 0;
            status.backfill.channels_total = 0;
            status.backfill.channels_unreadable = 0;
            status.backfill.thread_lists_unreadable = 0;
            status.backfill.oldest = None;
        });
        let mut pass = PassState::new(self).await?;
        pass.work().await?;
        while pass.look_for_unlisted().await? {
            pass.work().await?;
        }
        pass.settle_newest().await?;
        let report = pass.report();
        self.status.send_modify(|status| {
            status.backfill.passes += 1;
            status.backfill.last_pass = Some(PassStatus {
                channels: status.backfill.channels_total,
                unreadable: status.backfill.channels_unreadable,
            });
            status.backfill.eta_seconds = None;
        });
        Ok(report)
    }
}

impl History {
    /// What is known of newest messages that are gone.
    pub(super) fn newest_gone(&self) -> MutexGuard<'_, HashMap<ChannelId, MessageId>> {
        self.newest_gone
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The calls for passes, and the most pressing of those that wait.
struct Calls {
    receiver: mpsc::UnboundedReceiver<Pass>,
    taken: u64,
    waiting: Option<Pass>,
    /// When what was found missing is looked for again.
    look_again: Option<Instant>,
}

impl Calls {
    /// The most pressing pass that is called for; waits for one.
    async fn next(&mut self) -> Pass {
        while let Ok(pass) = self.receiver.try_recv() {
            self.take(pass);
        }
        loop {
            if let Some(pass) = self.waiting.take() {
                return pass;
            }
            let daily = Instant::now() + DAILY;
            let next = self.look_again.map_or(daily, |at| at.min(daily));
            if timeout_at(next, self.receive()).await.is_err() {
                return Pass::Catalog;
            }
        }
    }

    /// Waits until a new session calls for a pass; notes what else is called for.
    async fn new_session(&mut self) {
        while self.waiting != Some(Pass::AfterNewSession) {
            self.receive().await;
        }
    }

    async fn receive(&mut self) {
        match self.receiver.recv().await {
            Some(pass) => self.take(pass),
            // The live side is gone: nothing will call any more.
            None => std::future::pending().await,
        }
    }

    fn take(&mut self, pass: Pass) {
        self.taken += 1;
        self.waiting = self.waiting.max(Some(pass));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_read_is_told_in_words() {
        let report = PassReport {
            partly_listed: Vec::new(),
            refused_lists: Vec::new(),
            suspected: Vec::new(),
            unread_guilds: vec![7_i64.try_into().unwrap()],
            missing_channels: Vec::new(),
            incomplete: (1..=12_i64).map(|id| id.try_into().unwrap()).collect(),
        };
        assert_eq!(
            report.to_string(),
            "guilds that the bot can't read: 7; channels that still have gaps, because requests \
             to Discord failed: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more"
        );
        assert_eq!(PassReport::default().to_string(), "everything was read");
    }
}

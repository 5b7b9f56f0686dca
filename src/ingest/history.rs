//! The history side: when a pass over everything that is collected is due. Passes follow the
//! socket: a new session means that something was missed, and what it makes doubtful is a gap
//! again; a changed catalog may have opened something.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::pass::PassState;
use super::scope::Scope;
use super::writer::{WriterClosed, WriterHandle};
use crate::discord::rest::{Rest, RestError};
use crate::message::{ChannelId, GuildId, MessageId};
use crate::status::{BackfillState, StatusSender};
use crate::store::{Reader, StoreError};

/// How long after a pass that left gaps the next one begins, at first and at most; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long without a call before a pass is due all the same: a channel that was refused is looked
/// at again, and what no event told is found.
const DAILY: Duration = Duration::from_secs(24 * 3600);

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
    /// Guilds whose lists of channels and threads hold items that can't be read.
    pub partly_listed: Vec<GuildId>,
    /// Channels of which Discord refuses a list of archived threads. As with channels that can't be
    /// read, nothing can be done about it here.
    pub refused_lists: Vec<ChannelId>,
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
        };
        let mut pause = FIRST_PAUSE;
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
                    info!("backfill: a new session began; looking for gaps again");
                    continue;
                }
                result = work => result,
            };
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
                    ?report,
                    "backfill: something could not be read; the next pass is in {pause:?}"
                ),
                Err(error) if error.is_transient() => {
                    warn!(%error, "backfill: the pass failed; the next one is in {pause:?}");
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
            if tokio::time::timeout(DAILY, self.receive()).await.is_err() {
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

//! The history side: when a pass over everything that is collected is due. Passes follow the
//! socket: a new session means that something was missed, and what it makes doubtful is a gap
//! again; a changed catalog may have opened something.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::pass::PassState;
use super::scope::Scope;
use super::writer::{WriterClosed, WriterHandle};
use crate::discord::rest::{Rest, RestError};
use crate::message::ChannelId;
use crate::status::{BackfillState, StatusSender};
use crate::store::{Reader, StoreError};

/// How long after a pass with gaps left the next one begins.
const NEXT_PASS: Duration = Duration::from_secs(300);

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

/// What a pass left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassReport {
    /// Channels and threads that can't be read.
    pub unreadable: usize,
    /// Channels and threads that have gaps left, because Discord could not be asked.
    pub incomplete: Vec<ChannelId>,
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
    /// How long after a session's begin its first pass waits, so that Discord's REST side shows
    /// what the socket's side has sent.
    pub settle: Duration,
}

impl History {
    /// Makes passes as they are called for, until `stop`.
    ///
    /// # Errors
    /// If Discord refuses the token, or the record fails.
    pub async fn run(
        self,
        mut calls: mpsc::UnboundedReceiver<Pass>,
        stop: CancellationToken,
    ) -> Result<(), HistoryError> {
        let mut called: Option<Pass> = None;
        loop {
            let mut pass = match called.take() {
                Some(pass) => pass,
                None => tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    call = calls.recv() => match call {
                        Some(pass) => pass,
                        None => return Ok(()),
                    },
                },
            };
            while let Ok(more) = calls.try_recv() {
                pass = pass.max(more);
            }
            let settle = if pass == Pass::AfterNewSession {
                self.settle
            } else {
                Duration::ZERO
            };
            let sessions = self.sessions();
            let work = async {
                tokio::time::sleep(settle).await;
                self.pass().await
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = new_session(&mut calls, &mut called) => {
                    info!("backfill: a new session began; looking for gaps again");
                }
                result = work => match result {
                    Ok(report) if report.incomplete.is_empty() => {
                        self.status.send_modify(|status| {
                            let now = (status.gateway.identified, status.gateway.resumed);
                            // What was called for since then is not read yet.
                            if now == sessions && called.is_none() && calls.is_empty() {
                                status.backfill.state = BackfillState::Complete;
                            }
                        });
                    }
                    Err(error) if !error.is_transient() => return Err(error),
                    unfinished => {
                        match unfinished {
                            Ok(report) => warn!(channels = report.incomplete.len(), "backfill: gaps are left; the next pass is in 5 minutes"),
                            Err(error) => warn!(%error, "backfill: the pass failed; the next one is in 5 minutes"),
                        }
                        self.status.send_modify(|status| status.backfill.state = BackfillState::Incomplete);
                        tokio::select! {
                            () = stop.cancelled() => return Ok(()),
                            () = new_session(&mut calls, &mut called) => {}
                            () = tokio::time::sleep(NEXT_PASS) => called = called.max(Some(pass)),
                        }
                    }
                },
            }
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
        });
        let mut pass = PassState::new(self).await?;
        pass.work().await?;
        pass.look_for_vanished().await?;
        let report = pass.report;
        self.status.send_modify(|status| {
            status.backfill.passes += 1;
            status.backfill.eta_seconds = None;
        });
        Ok(report)
    }

    /// How many sessions the live side has begun or taken up again.
    fn sessions(&self) -> (u64, u64) {
        let status = self.status.borrow();
        (status.gateway.identified, status.gateway.resumed)
    }
}

/// Waits until a new session calls for another pass; notes what else is called for.
async fn new_session(calls: &mut mpsc::UnboundedReceiver<Pass>, called: &mut Option<Pass>) {
    while *called != Some(Pass::AfterNewSession) {
        match calls.recv().await {
            Some(pass) => *called = (*called).max(Some(pass)),
            // The live side is gone: nothing will call any more.
            None => std::future::pending().await,
        }
    }
}

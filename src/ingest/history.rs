//! The backfill: decides when a pass over all archived channels is due. Passes follow the gateway: a new
//! session means that events were missed, and their ranges become gaps again; a changed catalog may make new
//! channels readable.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::MutexGuard;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::pass::PassState;
use super::pass_context::{History, Pass};
use super::pass_report::{HistoryError, PassReport};
use crate::backoff::Pauses;
use crate::message::{ChannelId, MessageId};
use crate::status::{BackfillState, PassStatus};

/// The delay before the next pass after an incomplete one: the first and the longest; it doubles in between.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// The time after which a pass is due without a request: it checks refused channels again and finds what no
/// event announced.
const DAILY: Duration = Duration::from_secs(24 * 3600);

/// How often the delay before the next check for missing channels doubles: from five minutes to 21 hours.
const MAX_DOUBLINGS: u32 = 8;

/// How much later than due the second check is made, so that rounding does not make it too early.
const LOOK_LATER: Duration = Duration::from_millis(100);

impl History {
    /// Runs passes as they are requested, until `stop`.
    ///
    /// # Errors
    /// If Discord refuses the token, or if the database fails.
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
        let mut pauses = Pauses::new(FIRST_PAUSE, MAX_PAUSE);
        let mut looks = Looks::default();
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
                calls.look_again = looks.next(report, self.second_look);
            }
            let failure = match result {
                Ok(report) if report.is_complete() => {
                    pauses.reset();
                    self.status.send_modify(|status| {
                        // Requests that were made since then are not fulfilled yet.
                        if calls.waiting.is_none() && calls.taken == status.backfill.calls {
                            status.backfill.state = BackfillState::Complete;
                        }
                    });
                    continue;
                }
                Ok(report) => format!("the pass is incomplete ({report})"),
                Err(error) if error.is_transient() => format!("the pass failed: {error}"),
                Err(error) => return Err(error),
            };
            let pause = pauses.next();
            warn!(
                "backfill: {failure}; the next pass is in {}",
                humantime::format_duration(pause)
            );
            self.status
                .send_modify(|status| status.backfill.state = BackfillState::Incomplete);
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = calls.new_session() => {}
                () = tokio::time::sleep(pause) => calls.waiting = calls.waiting.max(Some(pass)),
            }
        }
    }

    /// Runs one pass over everything that is archived.
    ///
    /// # Errors
    /// If Discord refuses the token or can't be reached at all, or if the database fails. What was read until
    /// then is stored.
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
    /// The newest messages that are known to be deleted.
    pub(super) fn newest_gone(&self) -> MutexGuard<'_, HashMap<ChannelId, MessageId>> {
        self.newest_gone.lock()
    }
}

/// The checks for missing channels. Channels that stay missing are checked less and less often.
#[derive(Default)]
struct Looks {
    /// The channels that the last check did not find.
    suspected: Vec<ChannelId>,
    /// How often the delay before the next check is doubled.
    doublings: u32,
}

impl Looks {
    /// When channels that the pass suspects to be deleted are checked again; none if it suspects no channel.
    fn next(&mut self, report: &PassReport, second_look: Duration) -> Option<Instant> {
        self.doublings = if report.suspected == self.suspected {
            (self.doublings + 1).min(MAX_DOUBLINGS)
        } else {
            0
        };
        self.suspected.clone_from(&report.suspected);
        let wait = second_look * 2_u32.pow(self.doublings) + LOOK_LATER;
        (!self.suspected.is_empty()).then(|| Instant::now() + wait)
    }
}

/// The requests for passes, and the most urgent one that waits.
struct Calls {
    receiver: mpsc::UnboundedReceiver<Pass>,
    taken: u64,
    waiting: Option<Pass>,
    /// When missing channels are checked again.
    look_again: Option<Instant>,
}

impl Calls {
    /// Waits for the next pass; returns the most urgent one.
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

    /// Waits until a new session requests a pass; remembers other requests.
    async fn new_session(&mut self) {
        while self.waiting != Some(Pass::AfterNewSession) {
            self.receive().await;
        }
    }

    async fn receive(&mut self) {
        match self.receiver.recv().await {
            Some(pass) => self.take(pass),
            // The live side has ended, so nothing requests passes any more.
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

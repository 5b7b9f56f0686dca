//! Shows the progress of a pass to people: as a bar on a terminal, otherwise as a log line every ten seconds.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;
use rangemap::RangeSet;
use tracing::info;

use crate::message::{ChannelId, MessageId};
use crate::status::{BackfillState, BackfillStatus, OddAnswers, StatusReceiver, StatusSender};

/// The time between two lines if there is no terminal.
const LINE: Duration = Duration::from_secs(10);

/// Counts the progress of a pass.
#[derive(Clone)]
pub(super) struct Tally {
    status: StatusSender,
    began: Instant,
    spans: Arc<Mutex<HashMap<ChannelId, Share>>>,
}

/// The part of a channel's gaps that is not read yet.
struct Share {
    whole: i64,
    left: i64,
}

impl Tally {
    pub(super) fn new(status: StatusSender) -> Self {
        Self {
            status,
            began: Instant::now(),
            spans: Arc::default(),
        }
    }

    pub(super) fn channel_found(&self) {
        self.status
            .send_modify(|status| status.backfill.channels_total += 1);
    }

    pub(super) fn channel_done(&self, unreadable: bool) {
        self.status.send_modify(|status| {
            status.backfill.channels_done += 1;
            status.backfill.channels_unreadable += u64::from(unreadable);
        });
    }

    pub(super) fn list_refused(&self) {
        self.status
            .send_modify(|status| status.backfill.thread_lists_unreadable += 1);
    }

    /// Counts a response that can't be right.
    pub(super) fn odd(&self, count: impl FnOnce(&mut OddAnswers)) {
        self.status
            .send_modify(|status| count(&mut status.backfill.odd_answers));
    }

    /// Records the gaps of a channel before they are read.
    pub(super) fn gaps(&self, channel: ChannelId, gaps: &RangeSet<i64>) {
        let left = span(channel, gaps);
        let share = Share { whole: left, left };
        self.lock().insert(channel, share);
    }

    /// Records a page: its messages, and the gaps that remain after it.
    pub(super) fn page(
        &self,
        channel: ChannelId,
        messages: usize,
        gaps: &RangeSet<i64>,
        oldest: Option<MessageId>,
    ) {
        let eta = {
            let mut spans = self.lock();
            if let Some(share) = spans.get_mut(&channel) {
                share.left = span(channel, gaps);
            }
            self.eta(&spans)
        };
        self.status.send_modify(|status| {
            let backfill = &mut status.backfill;
            backfill.messages += messages as u64;
            let reached = oldest.map(MessageId::created_at);
            backfill.oldest = match (backfill.oldest, reached) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            backfill.eta_seconds = eta;
        });
    }

    /// The share of time that was read; every channel has the same weight.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate in whole seconds"
    )]
    fn eta(&self, spans: &HashMap<ChannelId, Share>) -> Option<u64> {
        let left: f64 = spans
            .values()
            .map(|share| share.left as f64 / share.whole.max(1) as f64)
            .sum();
        let done = spans.len() as f64 - left;
        (done > 0.0).then(|| (self.began.elapsed().as_secs_f64() * left / done) as u64)
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, HashMap<ChannelId, Share>> {
        self.spans.lock()
    }
}

/// The number of ids in the gaps since the channel was created.
fn span(channel: ChannelId, gaps: &RangeSet<i64>) -> i64 {
    gaps.iter()
        .map(|gap| (gap.end - gap.start.max(channel.as_i64())).max(0))
        .sum()
}

/// Shows the progress of a pass on stderr.
pub struct Progress {
    status: StatusReceiver,
}

impl Progress {
    /// Shows the progress from this status.
    #[must_use]
    pub fn new(status: StatusReceiver) -> Self {
        Self { status }
    }

    /// Runs until the status is no longer written; to be aborted when its command ends.
    pub async fn show(mut self) {
        let bar = std::io::stderr().is_terminal().then(bar);
        let mut began: Option<(Instant, u64)> = None;
        let mut last_line = Instant::now();
        while self.status.changed().await.is_ok() {
            let backfill = self.status.borrow_and_update().backfill.clone();
            if backfill.state != BackfillState::Running {
                if let Some(bar) = bar.as_ref().filter(|_| began.take().is_some()) {
                    bar.finish_and_clear();
                }
                continue;
            }
            let (since, before) = *began.get_or_insert_with(|| {
                if let Some(bar) = &bar {
                    bar.reset();
                }
                (Instant::now(), backfill.messages)
            });
            let words = words(&backfill, backfill.messages - before, since.elapsed());
            if let Some(bar) = &bar {
                bar.set_length(backfill.channels_total);
                bar.set_position(backfill.channels_done);
                bar.set_message(words);
            } else if last_line.elapsed() >= LINE {
                let (done, total) = (backfill.channels_done, backfill.channels_total);
                info!("backfill: channel {done} of {total}, {words}");
                last_line = Instant::now();
            }
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template(
        "backfill {wide_bar} channel {pos} of {len}, {msg} [{elapsed}]",
    );
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn words(backfill: &BackfillStatus, read: u64, time: Duration) -> String {
    let oldest = backfill.oldest.map_or_else(
        || "-".to_owned(),
        |oldest| oldest.format("%Y-%m-%d").to_string(),
    );
    let eta = backfill.eta_seconds.map_or_else(
        || "?".to_owned(),
        |seconds| indicatif::HumanDuration(Duration::from_secs(seconds)).to_string(),
    );
    let per_second = read / time.as_secs().max(1);
    format!("{read} messages, {per_second}/s, back to {oldest}, about {eta} left")
}

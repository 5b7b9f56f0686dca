//! The jobs of a pass, which run a few at a time, and their results.

use std::time::Duration;

use rangemap::RangeSet;
use tracing::warn;

use super::lists::{ArchivedList, list_archived};
use crate::discord::rest::ArchivedKind;
use crate::guild::{ChannelCoverage, SessionId};
use crate::ingest::catalog::Entry;
use crate::ingest::pass_context::History;
use crate::ingest::progress::Tally;
use crate::ingest::scan::{Outcome, Scan, ScanError};
use crate::message::ChannelId;
use crate::store::Committed;

/// The delay before a job is repeated, at first; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// A job of a pass.
#[derive(Clone)]
pub(super) enum Job {
    /// List a channel's archived threads.
    List(Entry, ArchivedKind),
    /// Fill a channel's gaps.
    Scan {
        entry: Entry,
        tries: u32,
        /// The last commit before the channel is read.
        asked_after: Committed,
    },
}

/// What is known of a channel when its scan begins.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) gaps: RangeSet<i64>,
    pub(super) high: i64,
    pub(super) coverage: ChannelCoverage,
    pub(super) session_id: Option<SessionId>,
}

/// The result of a job.
pub(super) enum Done {
    Listed(ArchivedList, Entry),
    /// Discord refused the list.
    NotListed(Entry),
    Scanned(Outcome, ChannelId),
    /// The request failed; the job is repeated.
    Later(Job, ScanError),
}

pub(super) async fn run_job(history: &History, tally: Tally, job: Job, reading: Reading) -> Done {
    match job {
        Job::List(parent, list) => {
            let rest = &history.rest;
            let is_news = rest.refused_list(parent.info.id, list).is_none();
            match list_archived(rest, &parent, list).await {
                Ok(threads) => Done::Listed(threads, parent),
                Err(error) if error.is_about_the_place() => {
                    if is_news {
                        warn!(channel_id = %parent.info.id, name = parent.info.name, %error, "Discord refuses the list of the channel's archived threads: threads that are not known already are not archived");
                    }
                    Done::NotListed(parent)
                }
                Err(error) => Done::Later(Job::List(parent, list), error.into()),
            }
        }
        Job::Scan {
            entry,
            tries,
            asked_after,
        } => {
            if tries > 0 {
                tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(tries - 1)).await;
            }
            let scan = Scan {
                rest: &history.rest,
                reader: &history.reader,
                writer: &history.writer,
                tally: &tally,
                asked_after,
                entry: &entry,
                gaps: reading.gaps,
                high: reading.high,
                coverage: reading.coverage,
                session_id: reading.session_id,
                live_low: reading.high,
            };
            match scan.run().await {
                Ok(outcome) => Done::Scanned(outcome, entry.info.id),
                Err(error) => {
                    let again = Job::Scan {
                        entry,
                        tries,
                        asked_after,
                    };
                    Done::Later(again, error)
                }
            }
        }
    }
}

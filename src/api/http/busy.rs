//! The log lines of a service that is too busy: one warning at once, then one for all further requests or connections
//! that were refused for the same reason, because a client that retries at once would fill the log.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

/// How long refusals for the same reason are counted before they are logged.
const WINDOW: Duration = Duration::from_secs(30);

/// The number of refusals for each reason since the last line; a reason without an entry has not occurred for a
/// while. Reasons are texts of the program, so there are few.
#[derive(Clone, Default)]
pub(crate) struct Refused(Arc<Mutex<HashMap<String, u64>>>);

impl Refused {
    fn counts(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.0.lock()
    }

    /// Records that a request was refused.
    pub(crate) fn note(&self, code: &'static str, reason: &str, cause: Option<&str>) {
        if self.is_first(reason) {
            tracing::warn!(
                code,
                reason,
                cause,
                "a request was refused because the service is busy; further refusals are counted and logged together"
            );
            let tell = move |reason: &str, requests: u64| {
                tracing::warn!(
                    code,
                    reason,
                    requests,
                    seconds = WINDOW.as_secs(),
                    "further requests were refused because the service is busy"
                );
            };
            tokio::spawn(self.clone().tell(reason.to_owned(), tell));
        }
    }

    /// Records that a connection reached a limit.
    pub(crate) fn note_connection(&self, reason: &str) {
        if self.is_first(reason) {
            tracing::warn!(
                reason,
                "a connection reached a limit; further ones are counted and logged together"
            );
            let tell = |reason: &str, connections: u64| {
                tracing::warn!(
                    reason,
                    connections,
                    seconds = WINDOW.as_secs(),
                    "further connections reached a limit"
                );
            };
            tokio::spawn(self.clone().tell(reason.to_owned(), tell));
        }
    }

    /// Counts an occurrence; returns whether it is the first for a while, and must be logged.
    fn is_first(&self, reason: &str) -> bool {
        let mut counts = self.counts();
        if let Some(count) = counts.get_mut(reason) {
            *count += 1;
            return false;
        }
        counts.insert(reason.to_owned(), 0);
        true
    }

    /// Logs the number of further refusals, as long as there are any.
    async fn tell(self, reason: String, tell: impl Fn(&str, u64) + Send) {
        loop {
            tokio::time::sleep(WINDOW).await;
            let Some(count) = self.take(&reason) else {
                return;
            };
            tell(&reason, count);
        }
    }

    /// The number of refusals since the last call; none if there were none, and the reason is forgotten then.
    fn take(&self, reason: &str) -> Option<u64> {
        let mut counts = self.counts();
        let count = counts.get_mut(reason).map(std::mem::take);
        let count = count.filter(|count| *count > 0);
        if count.is_none() {
            counts.remove(reason);
        }
        count
    }
}

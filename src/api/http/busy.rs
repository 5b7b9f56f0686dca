//! The log lines of a service that is too busy: one warning at once, then one for all further requests that
//! were refused for the same reason, because a client that retries at once would fill the log.

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
        let mut counts = self.counts();
        if let Some(count) = counts.get_mut(reason) {
            *count += 1;
            return;
        }
        counts.insert(reason.to_owned(), 0);
        drop(counts);
        tracing::warn!(
            code,
            reason,
            cause,
            "a request was refused because the service is busy; further refusals are counted and logged together"
        );
        tokio::spawn(self.clone().tell(code, reason.to_owned()));
    }

    /// Logs the number of further refusals, as long as there are any.
    async fn tell(self, code: &'static str, reason: String) {
        loop {
            tokio::time::sleep(WINDOW).await;
            let Some(count) = self.take(&reason) else {
                return;
            };
            tracing::warn!(
                code,
                reason,
                requests = count,
                seconds = WINDOW.as_secs(),
                "further requests were refused because the service is busy"
            );
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

//! What the log tells while the service is too busy: one warning at once, then one for all that were refused
//! for the same reason within a while, since a caller who tries again at once would fill the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long those of one reason are counted before they are told.
const WINDOW: Duration = Duration::from_secs(30);

/// How many were refused for each reason since it was last told; a reason that is not here was not given for
/// a while. Reasons are texts of the program, and few.
#[derive(Clone, Default)]
pub(super) struct Refused(Arc<Mutex<HashMap<String, u64>>>);

impl Refused {
    fn counts(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a request was refused.
    pub(super) fn note(&self, code: &'static str, reason: &str, cause: Option<&str>) {
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

    /// Tells how many more were refused, as long as there are any.
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

    /// How many were refused; none if that was over, and the reason is forgotten.
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

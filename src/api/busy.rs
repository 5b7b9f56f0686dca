//! What the log tells while the service is too busy: one warning at once, then one for all that were refused
//! for the same reason within a while, since a caller who tries again at once would fill the log.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

/// How long those of one reason are counted before they are told.
const WINDOW: Duration = Duration::from_secs(30);

/// How many were refused for each reason since it was last told; a reason that is not here was not given for
/// a while. Reasons are texts of the program, and few.
static REFUSED: LazyLock<Mutex<HashMap<String, u64>>> = LazyLock::new(Mutex::default);

fn refused() -> std::sync::MutexGuard<'static, HashMap<String, u64>> {
    REFUSED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that a request was refused.
pub(super) fn note(code: &'static str, reason: &str, cause: Option<&str>) {
    if let Some(count) = refused().get_mut(reason) {
        *count += 1;
        return;
    }
    tracing::warn!(
        code,
        reason,
        cause,
        "a request was refused because the service is busy; more of them are counted"
    );
    // Without a runtime there is nobody to tell of the others later.
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    let reason = reason.to_owned();
    refused().insert(reason.clone(), 0);
    runtime.spawn(count(code, reason));
}

/// Tells how many were refused, as long as there are any.
async fn count(code: &'static str, reason: String) {
    loop {
        tokio::time::sleep(WINDOW).await;
        let count = {
            let mut refused = refused();
            let count = refused.get_mut(&reason).map(std::mem::take);
            let count = count.unwrap_or_default();
            if count == 0 {
                refused.remove(&reason);
            }
            count
        };
        if count == 0 {
            return;
        }
        tracing::warn!(
            code,
            reason,
            requests = count,
            seconds = WINDOW.as_secs(),
            "requests were refused because the service is busy"
        );
    }
}

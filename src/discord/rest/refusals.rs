//! Remembers what Discord refused, so that it is not requested again without a reason, because each 403 counts
//! towards a ban of this IP address. A refusal applies to a route with all its pages, until something may have
//! changed it: an event or a list with other permissions, a day that passed, or a restart of the process, which
//! begins with an empty memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::message::ChannelId;
use crate::store::Place;

use super::route::Route;
use super::threads::ArchivedKind;
use super::{Rest, RestError};

/// How long a refusal is remembered.
const STANDS_FOR: TimeDelta = TimeDelta::hours(24);

/// The remembered refusals.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    refused: HashMap<String, Refusal>,
    /// How often refusals were forgotten. A refusal that is on its way at that time answers an earlier request
    /// and is not remembered.
    forgotten: u64,
    /// The permissions at each place, as the lists last showed them.
    rights: HashMap<Place, u64>,
}

#[derive(Debug)]
struct Refusal {
    place: Place,
    error: RestError,
    at: DateTime<Utc>,
}

impl Refusals {
    /// The remembered refusal of a route, or how often refusals were forgotten until now.
    fn before(&self, route: &Route, now: DateTime<Utc>) -> Result<u64, RestError> {
        let mut state = self.lock();
        if let Some(refusal) = state.refused.get(&route.limiter_path) {
            // This also covers a clock that was far ahead and was then corrected.
            if (now - refusal.at).abs() < STANDS_FOR {
                return Err(refusal.error.clone());
            }
            state.refused.remove(&route.limiter_path);
        }
        Ok(state.forgotten)
    }

    fn note(&self, key: String, forgotten: u64, refusal: Refusal) {
        let mut state = self.lock();
        if state.forgotten == forgotten {
            state.refused.insert(key, refusal);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rest {
    /// Sends a GET, unless it was refused recently; then the refusal is returned again.
    pub(super) async fn ask<T>(
        &self,
        route: Route,
        read: impl Fn(&[u8], DateTime<Utc>) -> Result<T, serde_json::Error>,
    ) -> Result<T, RestError> {
        let Some(place) = route.place else {
            return self.get(route, read).await;
        };
        let refusals = &self.shared.refusals;
        let forgotten = refusals.before(&route, self.clock().now())?;
        let (key, is_about_one) = (route.limiter_path.clone(), route.is_about_one);
        let answer = self.get(route, read).await;
        if let Err(error) = &answer
            && stands(error, is_about_one)
        {
            let refusal = Refusal {
                place,
                error: error.clone(),
                at: self.clock().now(),
            };
            refusals.note(key, forgotten, refusal);
        }
        answer
    }

    /// The remembered refusal of a channel's history, if there is one.
    #[must_use]
    pub fn refused_history(&self, channel: ChannelId) -> Option<RestError> {
        self.refused(&Route::messages(channel))
    }

    /// The remembered refusal of one of a channel's lists of archived threads, if there is one.
    #[must_use]
    pub fn refused_list(&self, channel: ChannelId, kind: ArchivedKind) -> Option<RestError> {
        self.refused(&Route::archived_threads(channel, kind))
    }

    fn refused(&self, route: &Route) -> Option<RestError> {
        let now = self.clock().now();
        self.shared.refusals.before(route, now).err()
    }

    /// Forgets the refusals at these places, because the permissions there may have changed.
    pub fn ask_again(&self, is_touched: impl Fn(Place) -> bool) {
        let mut state = self.shared.refusals.lock();
        state.forgotten += 1;
        state
            .refused
            .retain(|_, refusal| !is_touched(refusal.place));
    }

    /// Forgets the permissions at a place, so that whatever is found next counts as a change.
    pub fn forget_rights(&self, place: Place) {
        /// A value that no hash is likely to have.
        const NONE: u64 = 0;
        self.shared.refusals.lock().rights.insert(place, NONE);
    }

    /// Records the permissions at a place as a hash; returns whether they changed.
    #[must_use]
    pub fn rights_changed(&self, place: Place, rights: u64) -> bool {
        let before = self.shared.refusals.lock().rights.insert(place, rights);
        before.is_some_and(|before| before != rights)
    }
}

/// Whether a refusal also applies to the next request. For a single message or channel, only a 403 does: a 404
/// is never requested twice without a purpose, and a second check that is to confirm it must be a new request.
fn stands(error: &RestError, is_about_one: bool) -> bool {
    match error {
        RestError::Forbidden { .. } => error.is_about_the_place(),
        RestError::NotFound { .. } | RestError::Rejected { .. } => {
            error.is_about_the_place() && !is_about_one
        }
        _ => false,
    }
}

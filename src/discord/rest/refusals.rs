//! What Discord refused, so that it is not asked for again without a reason: each 403 counts
//! towards a ban of this address. A refusal stands for a route, whatever page of it is asked for,
//! until something may have changed it: an event or a list that shows other rights, a day that
//! passed, or a start of the process, which begins with an empty memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::guild::Place;
use crate::message::ChannelId;

use super::route::Route;
use super::threads::ArchivedKind;
use super::{Rest, RestError};

/// How long a refusal stands if nothing else happens.
const STANDS_FOR: TimeDelta = TimeDelta::hours(24);

/// The refusals that stand.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    refused: HashMap<String, Refusal>,
    /// How often refusals were forgotten. One that is on its way meanwhile is an answer to a
    /// question of before, and is not remembered.
    forgotten: u64,
    /// What decides who may read what, as the lists showed it last.
    rights: HashMap<Place, u64>,
}

#[derive(Debug)]
struct Refusal {
    place: Place,
    error: RestError,
    at: DateTime<Utc>,
}

impl Refusals {
    /// The refusal that stands for a route, or how often refusals were forgotten until now.
    fn before(&self, route: &Route, now: DateTime<Utc>) -> Result<u64, RestError> {
        let mut state = self.lock();
        if let Some(refusal) = state.refused.get(&route.limiter_path) {
            // Also after a clock that was far ahead was set right.
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
    /// The answer to a GET. What was refused lately is not asked for: its refusal is answered again.
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

    /// The refusal that stands for a channel's history, if one does.
    #[must_use]
    pub fn refused_history(&self, channel: ChannelId) -> Option<RestError> {
        self.refused(&Route::messages(channel))
    }

    /// The refusal that stands for one of a channel's lists of archived threads, if one does.
    #[must_use]
    pub fn refused_list(&self, channel: ChannelId, kind: ArchivedKind) -> Option<RestError> {
        self.refused(&Route::archived_threads(channel, kind))
    }

    fn refused(&self, route: &Route) -> Option<RestError> {
        let now = self.clock().now();
        self.shared.refusals.before(route, now).err()
    }

    /// Forgets what was refused at these places, because the rights there may be others now.
    pub fn ask_again(&self, is_touched: impl Fn(Place) -> bool) {
        let mut state = self.shared.refusals.lock();
        state.forgotten += 1;
        state
            .refused
            .retain(|_, refusal| !is_touched(refusal.place));
    }

    /// Forgets what decided about the rights at a place: whatever is found next is a change.
    pub fn forget_rights(&self, place: Place) {
        /// What no hash is likely to be.
        const NONE: u64 = 0;
        self.shared.refusals.lock().rights.insert(place, NONE);
    }

    /// Notes what decides who may read a place, as a number that differs if that does; answers
    /// whether it was another before.
    #[must_use]
    pub fn rights_changed(&self, place: Place, rights: u64) -> bool {
        let before = self.shared.refusals.lock().rights.insert(place, rights);
        before.is_some_and(|before| before != rights)
    }
}

/// Whether a refusal is the answer to the next request too. Of one message or channel, only that
/// it may not be seen: that it is not there is never asked twice for nothing, and where a second
/// look is to confirm it, that has to be a look.
fn stands(error: &RestError, is_about_one: bool) -> bool {
    match error {
        RestError::Forbidden { .. } => error.is_about_the_place(),
        RestError::NotFound { .. } | RestError::Rejected { .. } => {
            error.is_about_the_place() && !is_about_one
        }
        _ => false,
    }
}

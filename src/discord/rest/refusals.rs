//! What Discord refused, so that it is not asked for again without a reason: each 403 counts
//! towards a ban of this address. A refusal stands for a route, whatever page of it is asked for,
//! until something may have changed it: an event or a list that shows other rights, a day that
//! passed, or a start of the process, which begins with an empty memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::error::RestError;
use super::route::Route;
use crate::guild::Place;

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
pub(super) struct Refusal {
    pub(super) place: Place,
    pub(super) error: RestError,
    pub(super) at: DateTime<Utc>,
}

impl Refusals {
    /// The refusal that stands for a route, or how often refusals were forgotten until now.
    pub(super) fn before(&self, route: &Route, now: DateTime<Utc>) -> Result<u64, RestError> {
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

    pub(super) fn note(&self, key: String, forgotten: u64, refusal: Refusal) {
        let mut state = self.lock();
        if state.forgotten == forgotten {
            state.refused.insert(key, refusal);
        }
    }

    /// Forgets what was refused at these places.
    pub(super) fn forget(&self, is_touched: impl Fn(Place) -> bool) {
        let mut state = self.lock();
        state.forgotten += 1;
        state
            .refused
            .retain(|_, refusal| !is_touched(refusal.place));
    }

    /// Notes what decides about the rights at a place; answers what was noted before.
    pub(super) fn note_rights(&self, place: Place, rights: u64) -> Option<u64> {
        self.lock().rights.insert(place, rights)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a refusal is the answer to the next request too. Of one message or channel, only that
/// it may not be seen: that it is not there is never asked twice for nothing, and where a second
/// look is to confirm it, that has to be a look.
pub(super) fn stands(error: &RestError, is_about_one: bool) -> bool {
    match error {
        RestError::Forbidden { .. } => error.is_about_the_place(),
        RestError::NotFound { .. } | RestError::Rejected { .. } => {
            error.is_about_the_place() && !is_about_one
        }
        _ => false,
    }
}

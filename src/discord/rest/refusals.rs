//! Remembers what Discord refused, so that it is not requested again without a reason, because each 403 counts
//! towards a ban of this IP address. A refusal applies to a route with all its pages, until something may have
//! changed it: an event or a list with other permissions, a day that passed, or a restart of the process, which
//! begins with an empty memory.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::{Mutex, MutexGuard};

use super::error::RestError;
use super::route::Route;
use crate::guild::Place;

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
pub(super) struct Refusal {
    pub(super) place: Place,
    pub(super) error: RestError,
    pub(super) at: DateTime<Utc>,
}

impl Refusals {
    /// The remembered refusal of a route, or how often refusals were forgotten until now.
    pub(super) fn before(&self, route: &Route, now: DateTime<Utc>) -> Result<u64, RestError> {
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
        self.0.lock()
    }
}

/// Whether a refusal also applies to the next request. For a single message or channel, only a 403 does: a 404
/// is never requested twice without a purpose, and a second check that is to confirm it must be a new request.
pub(super) fn stands(error: &RestError, is_about_one: bool) -> bool {
    match error {
        RestError::Forbidden { .. } => error.is_about_the_place(),
        RestError::NotFound { .. } | RestError::Rejected { .. } => {
            error.is_about_the_place() && !is_about_one
        }
        _ => false,
    }
}

//! Requests that are not sent where a refusal stands.

use chrono::{DateTime, Utc};

use super::client::Rest;
use super::error::RestError;
use super::refusals::{Refusal, stands};
use super::route::{ArchivedKind, Route};
use crate::guild::Place;
use crate::message::ChannelId;

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
        self.shared.refusals.forget(is_touched);
    }

    /// Forgets what decided about the rights at a place: whatever is found next is a change.
    pub fn forget_rights(&self, place: Place) {
        /// What no hash is likely to be.
        const NONE: u64 = 0;
        self.shared.refusals.note_rights(place, NONE);
    }

    /// Notes what decides who may read a place, as a number that differs if that does; answers
    /// whether it was another before.
    #[must_use]
    pub fn rights_changed(&self, place: Place, rights: u64) -> bool {
        let before = self.shared.refusals.note_rights(place, rights);
        before.is_some_and(|before| before != rights)
    }
}

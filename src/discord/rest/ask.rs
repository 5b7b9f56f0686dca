//! Requests that are not sent while a remembered refusal stands.

use chrono::{DateTime, Utc};

use super::client::Rest;
use super::error::RestError;
use super::refusals::{Refusal, stands};
use super::route::{ArchivedKind, Route};
use crate::guild::Place;
use crate::message::ChannelId;

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
        self.shared.refusals.forget(is_touched);
    }

    /// Forgets the permissions at a place, so that whatever is found next counts as a change.
    pub fn forget_rights(&self, place: Place) {
        /// A value that no hash is likely to have.
        const NONE: u64 = 0;
        self.shared.refusals.note_rights(place, NONE);
    }

    /// Records the permissions at a place as a hash; returns whether they changed.
    #[must_use]
    pub fn rights_changed(&self, place: Place, rights: u64) -> bool {
        let before = self.shared.refusals.note_rights(place, rights);
        before.is_some_and(|before| before != rights)
    }
}

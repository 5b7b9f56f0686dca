//! How densely channels are written, as the last pages showed.

use std::collections::HashMap;

use parking_lot::{Mutex, MutexGuard};

use crate::message::ChannelId;
use crate::store::schema::message::MessageRow;

/// Which end of the channel a walk begins at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// Where in a channel a page is: a channel that has grown quiet is another one at its end than it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PaceKey {
    pub(crate) channel: ChannelId,
    /// At this end of it; none for anywhere.
    pub(crate) end: Option<Order>,
}

/// How densely the channels are written, as the last page of each place showed: the ids between two
/// messages. A guess that is wrong costs a query more, and nothing else.
#[derive(Default)]
pub(crate) struct Paces(Mutex<HashMap<PaceKey, i64>>);

impl Paces {
    /// Of this place, or else of another one of the channel.
    pub(crate) fn get(&self, place: PaceKey) -> Option<i64> {
        let paces = self.lock();
        let others = [None, Some(Order::Descending), Some(Order::Ascending)];
        let others = others.map(|end| PaceKey { end, ..place });
        let mut tried = [place].into_iter().chain(others);
        tried.find_map(|place| paces.get(&place).copied())
    }

    pub(crate) fn learn(&self, place: PaceKey, page: &[MessageRow]) {
        let ids = page.iter().map(|row| row.message_id.as_i64());
        let (Some(low), Some(high)) = (ids.clone().min(), ids.max()) else {
            return;
        };
        let rows = i64::try_from(page.len()).unwrap_or(i64::MAX);
        self.lock().insert(place, (high - low) / rows + 1);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PaceKey, i64>> {
        self.0.lock()
    }
}

//! The pace of channels: how densely their messages are written, as the last pages showed.

use std::collections::HashMap;

use parking_lot::{Mutex, MutexGuard};

use crate::message::ChannelId;
use crate::store::schema::message::MessageRow;

/// The end of a channel at which a walk through its pages begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// A place in a channel. Both ends are distinguished, because a channel may have become quieter or busier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PaceKey {
    pub(crate) channel: ChannelId,
    /// The end of the channel; none for a page in the middle.
    pub(crate) end: Option<Order>,
}

/// The distance in ids between two messages, as the last page of each place showed. A wrong guess costs one
/// more query, and nothing else.
#[derive(Default)]
pub(crate) struct Paces(Mutex<HashMap<PaceKey, i64>>);

impl Paces {
    /// The pace at this place, or else at another place of the channel.
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

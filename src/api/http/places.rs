//! The places for connections: how many there are, for everybody and for one client, and which connection is closed
//! when all are taken. A connection that does nothing never keeps out one that has something to ask.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing arrived yet.
    New,
    /// A part of the head of a request arrived.
    Head,
    /// A request is being answered.
    Busy,
    /// The answer is complete, but perhaps not sent.
    Answered,
    /// The last answer was sent, and no other request has begun.
    Idle,
}

impl Phase {
    /// Whether a connection in this phase can be closed without losing an answer. Those that sent nothing go before
    /// those that are sending a head: an honest head is there within one packet or two.
    fn rank_to_leave(self) -> Option<u8> {
        match self {
            Self::Idle | Self::New => Some(0),
            Self::Head => Some(1),
            Self::Busy | Self::Answered => None,
        }
    }
}

/// How long a connection may be in a phase.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PhaseTimes {
    pub(crate) first_byte: Duration,
    pub(crate) head: Duration,
    pub(crate) idle: Duration,
}

/// What a connection is doing, and since when.
pub(crate) struct Activity {
    state: Mutex<(Phase, Instant)>,
    leave: CancellationToken,
    changed: Arc<Notify>,
}

impl Activity {
    fn new(changed: Arc<Notify>) -> Self {
        Self {
            state: Mutex::new((Phase::New, Instant::now())),
            leave: CancellationToken::new(),
            changed,
        }
    }

    fn enter(&self, phase: Phase) {
        *self.state.lock() = (phase, Instant::now());
    }

    /// Bytes arrived.
    pub(crate) fn received(&self) {
        let mut state = self.state.lock();
        if matches!(state.0, Phase::New | Phase::Idle) {
            *state = (Phase::Head, Instant::now());
        }
    }

    /// A request begins; its answer is complete when the result is dropped.
    pub(crate) fn answer(self: &Arc<Self>) -> Answering {
        self.enter(Phase::Busy);
        Answering(Arc::clone(self))
    }

    /// The system has taken everything that was written; returns whether the connection is idle now.
    pub(crate) fn sent_everything(&self) -> bool {
        let mut state = self.state.lock();
        let is_idle = state.0 == Phase::Answered;
        if is_idle {
            *state = (Phase::Idle, Instant::now());
            drop(state);
            self.changed.notify_one();
        }
        is_idle
    }

    /// By when bytes must arrive; none while a request is being answered.
    pub(crate) fn deadline(&self, times: PhaseTimes) -> Option<Instant> {
        let (phase, since) = *self.state.lock();
        let time = match phase {
            Phase::New => times.first_byte,
            Phase::Head => times.head,
            Phase::Idle => times.idle,
            Phase::Busy | Phase::Answered => return None,
        };
        Some(since + time)
    }

    /// Whether the connection was told to leave, and may.
    pub(crate) fn must_leave(&self) -> bool {
        self.leave.is_cancelled() && self.state.lock().0.rank_to_leave().is_some()
    }

    /// Completes when the connection is told to leave.
    pub(crate) fn told_to_leave(&self) -> WaitForCancellationFuture<'_> {
        self.leave.cancelled()
    }
}

/// A request that is being answered.
pub(crate) struct Answering(Arc<Activity>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.enter(Phase::Answered);
    }
}

/// The places of a listener.
pub(crate) struct Places {
    total: usize,
    per_network: usize,
    taken: Mutex<Taken>,
    /// A place became free, or a connection idle.
    changed: Arc<Notify>,
}

#[derive(Default)]
struct Taken {
    connections: HashMap<u64, (Option<IpAddr>, Arc<Activity>)>,
    networks: HashMap<IpAddr, usize>,
    next: u64,
}

/// Why a connection has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// All places are taken; a connection was told to leave.
    Leaving,
    /// All places are taken by requests that are being answered.
    Full,
    /// The client has as many connections as one may have; one of them was told to leave.
    LeavingOfClient,
    /// The client has as many connections as one may have, all with a request that is being answered.
    FullOfClient,
}

impl Places {
    pub(crate) fn new(total: usize, per_network: usize) -> Arc<Self> {
        Arc::new(Self {
            total,
            per_network,
            taken: Mutex::default(),
            changed: Arc::default(),
        })
    }

    /// A place for a connection, which counts for the client's network if there is one to count for. Without a free
    /// one the connection that has done nothing for the longest time is told to leave.
    pub(crate) fn take(self: &Arc<Self>, network: Option<IpAddr>) -> Result<Place, NoPlace> {
        let mut taken = self.taken.lock();
        let of_network = network.and_then(|network| taken.networks.get(&network).copied());
        if of_network.unwrap_or(0) >= self.per_network {
            return Err(if taken.make_room(network) {
                NoPlace::LeavingOfClient
            } else {
                NoPlace::FullOfClient
            });
        }
        if taken.connections.len() >= self.total {
            return Err(if taken.make_room(None) {
                NoPlace::Leaving
            } else {
                NoPlace::Full
            });
        }
        let activity = Arc::new(Activity::new(Arc::clone(&self.changed)));
        let id = taken.next;
        taken.next += 1;
        taken
            .connections
            .insert(id, (network, Arc::clone(&activity)));
        if let Some(network) = network {
            *taken.networks.entry(network).or_default() += 1;
        }
        drop(taken);
        Ok(Place {
            places: Arc::clone(self),
            id,
            activity,
        })
    }

    /// Completes when it is worth asking for a place again. Only one task may wait.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Taken {
    /// Tells a connection to leave: the one that has done nothing for the longest time, of this network if one is
    /// given. Returns whether one will leave.
    fn make_room(&self, network: Option<IpAddr>) -> bool {
        let mut longest: Option<((u8, Instant), &Activity)> = None;
        for (of, activity) in self.connections.values() {
            if network.is_some() && *of != network {
                continue;
            }
            let (phase, since) = *activity.state.lock();
            let Some(rank) = phase.rank_to_leave() else {
                continue;
            };
            if activity.leave.is_cancelled() {
                // It is on its way out.
                return true;
            }
            if longest
                .as_ref()
                .is_none_or(|(best, _)| (rank, since) < *best)
            {
                longest = Some(((rank, since), activity));
            }
        }
        if let Some((_, activity)) = longest {
            activity.leave.cancel();
        }
        longest.is_some()
    }
}

/// The place of a connection, free again when it is dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    id: u64,
    activity: Arc<Activity>,
}

impl Place {
    pub(crate) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        let left = taken.connections.remove(&self.id);
        if let Some(network) = left.and_then(|(network, _)| network)
            && let Some(count) = taken.networks.get_mut(&network)
        {
            *count -= 1;
            if *count == 0 {
                taken.networks.remove(&network);
            }
        }
        drop(taken);
        self.places.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_connection_leaves_and_one_with_a_request_never() {
        let places = Places::new(3, 3);
        let idle = places.take(None).expect("a place");
        drop(idle.activity.answer());
        idle.activity.sent_everything();
        let new = places.take(None).expect("a place");
        let busy = places.take(None).expect("a place");
        let answering = busy.activity.answer();

        assert_eq!(places.take(None).err(), Some(NoPlace::Leaving));
        assert!(idle.activity.must_leave() && !new.activity.must_leave());
        // One is leaving: no second one has to.
        assert_eq!(places.take(None).err(), Some(NoPlace::Leaving));
        assert!(!new.activity.must_leave());
        drop(idle);
        let head = places.take(None).expect("the place of the one that left");
        head.activity.received();
        assert_eq!(places.take(None).err(), Some(NoPlace::Leaving));
        assert!(new.activity.must_leave() && !head.activity.must_leave());
        // A request that arrives now is answered first, so another one has to leave.
        let last = new.activity.answer();
        assert!(!new.activity.must_leave());
        assert_eq!(places.take(None).err(), Some(NoPlace::Leaving));
        assert!(head.activity.must_leave());
        let third = head.activity.answer();
        assert_eq!(places.take(None).err(), Some(NoPlace::Full));
        drop((answering, last, third));
        // Answered, but perhaps not sent.
        assert_eq!(places.take(None).err(), Some(NoPlace::Full));
    }

    #[test]
    fn a_network_has_its_own_bound() {
        let places = Places::new(8, 2);
        let address = |text: &str| Some(text.parse().expect("an address"));
        let (one, two) = (address("192.0.2.1"), address("192.0.2.2"));
        let first = places.take(one).expect("a place");
        let second = places.take(one).expect("a place");
        let other = places.take(two).expect("a place of another client");
        let uncounted = places.take(None).expect("a place that counts for nobody");
        let answers = [first.activity.answer(), second.activity.answer()];
        assert_eq!(places.take(one).err(), Some(NoPlace::FullOfClient));
        assert!(!other.activity.must_leave() && !uncounted.activity.must_leave());
        drop(answers);
        second.activity.sent_everything();
        assert_eq!(places.take(one).err(), Some(NoPlace::LeavingOfClient));
        assert!(second.activity.must_leave());
        drop(second);
        assert!(places.take(one).is_ok());
    }
}

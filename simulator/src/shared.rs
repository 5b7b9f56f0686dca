//! What the listeners, the connections and the handle share.
//! One lock around world, sessions and faults: whoever holds it sees REST and gateway agree.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, watch};

use crate::config::Config;
use crate::faults::Faults;
use crate::gateway::Hub;
use crate::ledger::Ledger;
use crate::observe::Happening;
use crate::rest::Meter;
use crate::world::{Event, World};

/// An address that a client on this machine can connect to.
pub(crate) fn reachable(address: std::net::SocketAddr) -> std::net::SocketAddr {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, v6.port()).into(),
        address => address,
    }
}

/// Everything under the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) hub: Hub,
    pub(crate) faults: Faults,
    pub(crate) ledger: Ledger,
    pub(crate) meter: Meter,
}

/// Whether the listeners are open, and how often everything was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Net {
    /// Everything is cut off and refused.
    pub(crate) outage: bool,
    /// The gateway refuses connections.
    pub(crate) refuse: bool,
    pub(crate) cuts: u64,
    pub(crate) stopped: bool,
}

/// What everybody shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) addresses: Addresses,
    state: Mutex<State>,
    happenings: broadcast::Sender<Happening>,
    pub(crate) net: watch::Sender<Net>,
    pub(crate) requests: AtomicU64,
    /// Traffics that were begun.
    pub(crate) traffics: AtomicU64,
}

/// Where the simulator listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) rest: std::net::SocketAddr,
    pub(crate) gateway: std::net::SocketAddr,
    pub(crate) resume: std::net::SocketAddr,
    pub(crate) control: std::net::SocketAddr,
}

impl Shared {
    pub(crate) fn new(config: Config, addresses: Addresses, world: World) -> Self {
        let faults = Faults::new(config.community.seed);
        let (happenings, _) = broadcast::channel(8192);
        let net = Net {
            outage: false,
            refuse: false,
            cuts: 0,
            stopped: false,
        };
        let state = State {
            world,
            hub: Hub::new(config.keep_dispatches),
            faults,
            ledger: Ledger::default(),
            meter: Meter::default(),
        };
        Self {
            config,
            addresses,
            state: Mutex::new(state),
            happenings,
            net: watch::Sender::new(net),
            requests: AtomicU64::new(0),
            traffics: AtomicU64::new(0),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, happening: Happening) {
        if matches!(happening, Happening::Request { .. }) {
            self.requests.fetch_add(1, Ordering::Relaxed);
        }
        // Nobody has to listen.
        let _ = self.happenings.send(happening);
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Happening> {
        self.happenings.subscribe()
    }

    pub(crate) fn gateway_url(&self) -> String {
        format!("ws://{}", reachable(self.addresses.gateway))
    }

    pub(crate) fn resume_url(&self) -> String {
        format!("ws://{}", reachable(self.addresses.resume))
    }

    pub(crate) fn cut(&self) -> Cut {
        let net = self.net.subscribe();
        let cuts = net.borrow().cuts;
        Cut { net, cuts }
    }

    /// Change the world and send what that brings about, in one step.
    pub(crate) fn change<T, E>(
        &self,
        operation: impl FnOnce(&mut World) -> Result<(T, Vec<Event>), E>,
    ) -> Result<T, E> {
        let mut state = self.lock();
        let (value, events) = operation(&mut state.world)?;
        state.dispatch(events, self.config.replay_buffer);
        Ok(value)
    }
}

impl State {
    pub(crate) fn dispatch(&mut self, events: Vec<Event>, buffer: usize) {
        for event in events {
            if let Some(id) = event.whole {
                self.ledger
                    .gateway(id, &event, self.hub.listens(event.intent));
            }
            self.hub.dispatch(event, buffer);
        }
    }
}

/// Tells a connection that it was cut.
#[derive(Debug)]
pub(crate) struct Cut {
    net: watch::Receiver<Net>,
    cuts: u64,
}

impl Cut {
    /// Ready when everything was cut since this was made.
    pub(crate) async fn wait(&mut self) {
        let cuts = self.cuts;
        // An error is the end of the simulator, which cuts everything too.
        let _ = self
            .net
            .wait_for(|net| net.cuts != cuts || net.stopped)
            .await;
    }
}

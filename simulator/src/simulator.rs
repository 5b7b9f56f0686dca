//! The handle: start, look, change the world, break things, compare.
//! Every operation is synchronous and can be called from any thread; a clone is the same simulator. It stops when
//! `stop` is called or the last clone goes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::burst::{Burst, Traffic};
use crate::config::Config;
use crate::error::Error;
use crate::net::{self, Door};
use crate::observe::{Dispatched, Observer};
use crate::shared::{Addresses, Shared, reachable};
use crate::switchboard::FaultSwitch;
use crate::truth::TruthMessage;
use crate::world::room::{ChannelInfo, GuildInfo, UserInfo};

/// A Discord that runs on this machine.
#[derive(Clone, Debug)]
pub struct Simulator {
    pub(crate) shared: Arc<Shared>,
    owner: Arc<Owner>,
}

#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    tasks: std::sync::Mutex<Vec<tokio::task::JoinHandle<()>>>,
    runtime: tokio::runtime::Handle,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.net.send_modify(|net| net.stopped = true);
    }
}

/// The current session, as the gateway knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Its id.
    pub id: String,
    /// The number of its last dispatch.
    pub sequence: u64,
    /// Its intents.
    pub intents: u64,
}

/// How often things happened since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// IDENTIFYs answered with READY.
    pub identifies: u64,
    /// RESUMEs answered with RESUMED.
    pub resumes: u64,
    /// Gateway connections, whatever came of them.
    pub connections: u64,
    /// REST requests.
    pub requests: u64,
    /// Invalid requests (401, 403, 429 but for scope `shared`) of the last ten minutes.
    pub invalid_requests: usize,
}

impl Simulator {
    /// Make the community and listen.
    ///
    /// # Errors
    /// When an address cannot be listened on.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let address = |offset: u16| {
            let mut address = config.bind;
            if address.port() != 0 {
                address.set_port(address.port().saturating_add(offset));
            }
            address
        };
        let doors = [Door::Rest, Door::Gateway, Door::Resume, Door::Control];
        let mut reserved = Vec::with_capacity(doors.len());
        for offset in 0..doors.len() {
            reserved.push(net::reserve(address(u16::try_from(offset).unwrap_or(0)))?);
        }
        let addresses = Addresses {
            rest: reserved[0].address,
            gateway: reserved[1].address,
            resume: reserved[2].address,
            control: reserved[3].address,
        };
        let generated = config.clone();
        let world =
            tokio::task::spawn_blocking(move || crate::community::generate(&generated)).await;
        // A panic in there is a bug of the generator; it is passed on as it is.
        let world = world.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
        let shared = Arc::new(Shared::new(config, addresses, world));
        let keepers = doors.into_iter().zip(reserved);
        let tasks = keepers
            .map(|(door, place)| tokio::spawn(net::keep(shared.clone(), door, place)))
            .collect();
        let owner = Owner {
            shared: shared.clone(),
            tasks: std::sync::Mutex::new(tasks),
            runtime: tokio::runtime::Handle::current(),
        };
        Ok(Self {
            shared,
            owner: Arc::new(owner),
        })
    }

    /// Close everything and wait until it is closed.
    pub async fn stop(self) {
        self.shared.net.send_modify(|net| net.stopped = true);
        let tasks = {
            let mut tasks = self
                .owner
                .tasks
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            std::mem::take(&mut *tasks)
        };
        for task in tasks {
            // A keeper that panicked has ended too.
            let _ = task.await;
        }
    }

    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        &self.owner.runtime
    }

    /// The base of REST, `http://127.0.0.1:PORT`; requests go to `{api_url}/api/v10/…`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}", reachable(self.shared.addresses.rest))
    }

    /// The gateway's URL, as `GET /gateway/bot` answers it.
    #[must_use]
    pub fn gateway_url(&self) -> String {
        self.shared.gateway_url()
    }

    /// The URL that READY gives for a RESUME: another one.
    #[must_use]
    pub fn resume_gateway_url(&self) -> String {
        self.shared.resume_url()
    }

    /// The base of the control routes.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("http://{}", reachable(self.shared.addresses.control))
    }

    /// The bot's token, without `Bot `.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.shared.config.token
    }

    /// The bot's user id (and application id).
    #[must_use]
    pub fn bot_user_id(&self) -> u64 {
        self.shared.lock().world.bot().id
    }

    /// The guilds.
    #[must_use]
    pub fn guilds(&self) -> Vec<GuildInfo> {
        let state = self.shared.lock();
        state
            .world
            .guilds
            .iter()
            .map(|guild| GuildInfo {
                id: guild.id,
                name: guild.name.clone(),
            })
            .collect()
    }

    /// The members of a guild: the bot, people and other apps, without webhooks. Nobody when there is no such guild.
    #[must_use]
    pub fn members(&self, guild: u64) -> Vec<UserInfo> {
        let state = self.shared.lock();
        let at = state.world.guild_at(guild);
        at.map_or_else(|_| Vec::new(), |at| state.world.members(at))
    }

    /// The channels that are there now, in the order they were made; threads apart.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelInfo> {
        self.shared.lock().world.rooms(false)
    }

    /// The threads that are there now, archived ones too.
    #[must_use]
    pub fn threads(&self) -> Vec<ChannelInfo> {
        self.shared.lock().world.rooms(true)
    }

    /// A random mix of everything, as fast as possible; how many events were dispatched.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a burst is written where it is used"
    )]
    pub fn burst(&self, burst: Burst) -> usize {
        crate::burst::run(&self.shared, &burst)
    }

    /// Life at so many things a second until the guard is dropped.
    #[must_use = "the traffic ends when the guard is dropped"]
    pub fn traffic(&self, per_second: f64) -> Traffic {
        Traffic::start(self.clone(), per_second)
    }

    /// Every message there is or was, channel by channel, oldest first.
    #[must_use]
    pub fn truth(&self) -> Vec<TruthMessage> {
        let state = self.shared.lock();
        (0..state.world.channels.len())
            .flat_map(|at| state.truth_in(at).collect::<Vec<_>>())
            .collect()
    }

    /// Every message there is or was in a channel or thread (also a deleted one), oldest first.
    #[must_use]
    pub fn truth_in(&self, channel: u64) -> Vec<TruthMessage> {
        let state = self.shared.lock();
        let at = state.world.channel_at.get(&channel).copied();
        at.map_or_else(Vec::new, |at| state.truth_in(at).collect())
    }

    /// Whether a text is one of the payloads that were sent for a message, to the byte, over either way.
    #[must_use]
    pub fn was_sent(&self, message_id: u64, text: &str) -> bool {
        self.shared.lock().ledger.was_sent(message_id, text)
    }

    /// The session that was opened or resumed last, if it still exists.
    #[must_use]
    pub fn session(&self) -> Option<SessionInfo> {
        let state = self.shared.lock();
        let info = |(id, session): (&str, &crate::gateway::Session)| SessionInfo {
            id: id.to_owned(),
            sequence: session.sequence,
            intents: session.intents,
        };
        state.hub.current().map(info)
    }

    /// The number of the current session's last dispatch; 0 without a session.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.session().map_or(0, |session| session.sequence)
    }

    /// How often things happened.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut state = self.shared.lock();
        Counters {
            identifies: state.hub.identifies,
            resumes: state.hub.resumes,
            connections: state.hub.connections,
            requests: self.shared.requests.load(Ordering::Relaxed),
            invalid_requests: state.meter.invalid(),
        }
    }

    /// Every dispatch about messages since the start, in the order of each session's numbers; nothing unless
    /// `Config::keep_dispatches` is set.
    #[must_use]
    pub fn dispatched(&self) -> Vec<Dispatched> {
        self.dispatched_from(0)
    }

    /// The same without the first `from` of them, for whoever has those already.
    #[must_use]
    pub fn dispatched_from(&self, from: usize) -> Vec<Dispatched> {
        let state = self.shared.lock();
        let kept = state.hub.dispatched.as_deref().unwrap_or_default();
        kept.get(from..).unwrap_or_default().to_vec()
    }

    /// Happenings from now on.
    #[must_use]
    pub fn observe(&self) -> Observer {
        Observer(self.shared.listen())
    }

    /// The faults.
    #[must_use]
    pub fn faults(&self) -> FaultSwitch {
        FaultSwitch(self.clone())
    }

    /// Cut all connections and refuse new ones, REST and gateway, until the guard is dropped. The world goes on, and
    /// sessions keep what they miss.
    #[must_use = "the outage ends when the guard is dropped"]
    pub fn outage(&self) -> Outage {
        self.begin_outage();
        Outage(self.clone())
    }

    /// Begin an outage that [`Simulator::end_outage`] ends.
    pub fn begin_outage(&self) {
        self.shared.net.send_modify(|net| {
            net.outage = true;
            net.cuts += 1;
        });
    }

    /// End an outage.
    pub fn end_outage(&self) {
        self.shared.net.send_modify(|net| net.outage = false);
    }

    /// Let simulated time pass: ids made from now on are that much later.
    pub fn advance_clock(&self, by: Duration) {
        self.shared.lock().world.clock.advance(by);
    }

    /// The simulated time in Unix milliseconds: what ids, edits and `Date` go by.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.shared.lock().world.clock.now_ms()
    }
}

/// An outage; it ends when this is dropped.
#[derive(Debug)]
pub struct Outage(Simulator);

impl Drop for Outage {
    fn drop(&mut self) {
        self.0.end_outage();
    }
}

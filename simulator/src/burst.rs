//! Many things at once, and life that goes on.
//! A burst is a seeded run of random operations; traffic is the same at a steady rate.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Deserialize;
use tokio::task::JoinHandle;

use crate::community::traffic::Life;
use crate::random::mix;
use crate::shared::Shared;
use crate::simulator::Simulator;
use crate::world::Event;

/// A random mix of operations, as fast as possible.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Burst {
    /// At least so many events; those that no session asked for come on top.
    pub events: usize,
    /// The seed of the mix.
    pub seed: u64,
    /// Whether some updates are partial (`{id, channel_id, embeds}`). discord.py 2.7 and twilight 0.18 hold
    /// MESSAGE_UPDATE for a whole message, as documented now, and choke on them.
    pub partials: bool,
}

impl Default for Burst {
    fn default() -> Self {
        Self {
            events: 1000,
            seed: 1,
            partials: true,
        }
    }
}

/// Run a burst; how many events were dispatched.
pub(crate) fn run(shared: &Shared, burst: &Burst) -> usize {
    let mut life = Life::new(burst.seed, 5, burst.partials);
    let mut sent = 0;
    // An operation can come to nothing (a message too few to delete in bulk); a world without channels always does.
    let mut idle = 0;
    while sent < burst.events && idle < 1000 {
        let events = step(shared, &mut life);
        idle = if events == 0 { idle + 1 } else { 0 };
        sent += events;
    }
    // An event that waits for one of another channel is not kept from a test that counts.
    shared.lock().hub.settle(shared.config.replay_buffer);
    sent
}

/// Let one thing happen; how many events that were. What nobody's session asked for does not count, unless there is no
/// session at all.
fn step(shared: &Shared, life: &mut Life) -> usize {
    let mut state = shared.lock();
    let Ok(events) = life.step(&mut state.world) else {
        return 0;
    };
    let heard = |event: &&Event| event.intent == 0 || state.hub.listens(event.intent);
    let count = if state.hub.is_unused() {
        events.len()
    } else {
        events.iter().filter(heard).count()
    };
    state.dispatch(events, shared.config.replay_buffer);
    count
}

/// Life that goes on; it ends when this is dropped.
#[derive(Debug)]
pub struct Traffic(JoinHandle<()>);

impl Traffic {
    pub(crate) fn start(simulator: Simulator, per_second: f64) -> Self {
        let seed = simulator.shared.config.community.seed;
        // A traffic that begins again is not the first one over again.
        let before = simulator.shared.traffics.fetch_add(1, Ordering::Relaxed);
        let seed = if before == 0 { seed } else { mix(seed, before) };
        let runtime = simulator.runtime().clone();
        Self(runtime.spawn(async move {
            let mut life = Life::new(seed, 6, true);
            // Ticks no closer than a hundredth of a second; at higher rates several things happen in one.
            let rate = per_second.clamp(0.001, 1e6);
            let tick = Duration::from_secs_f64((1.0 / rate).max(0.01));
            let mut ticks = tokio::time::interval(tick);
            let mut owed = 0.0;
            loop {
                ticks.tick().await;
                owed += rate * tick.as_secs_f64();
                while owed >= 1.0 {
                    step(&simulator.shared, &mut life);
                    owed -= 1.0;
                }
            }
        }))
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.0.abort();
    }
}

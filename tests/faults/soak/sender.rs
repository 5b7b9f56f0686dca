//! Events at a steady rate: messages, 5 % edits, 1 % deletes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;
use simulator::{Draft, Simulator};

/// Ticks no closer than this: at higher rates several events are sent in one.
const TICK: Duration = Duration::from_millis(5);

/// How far back people edit and delete.
const RECENT: usize = 1000;

/// One event in so many has its way to the disk measured.
const MEASURED: usize = 10;

/// An event, by its number in the session, and when it was sent.
pub(crate) struct Sent {
    pub(crate) sequence: u64,
    pub(crate) at: Instant,
}

/// Sends events.
pub(crate) struct Sender {
    simulator: Simulator,
    channels: Vec<u64>,
    recent: VecDeque<(u64, u64)>,
    dice: StdRng,
    sent: usize,
    /// Those whose way is measured.
    pub(crate) measured: Vec<Sent>,
}

impl Sender {
    pub(crate) fn new(simulator: &Simulator, dice: StdRng) -> Self {
        let open = |channel: &simulator::ChannelInfo| {
            channel.visible && channel.history && channel.kind.has_messages()
        };
        let channels = simulator.channels().into_iter().filter(open);
        Self {
            simulator: simulator.clone(),
            channels: channels.map(|channel| channel.id).collect(),
            recent: VecDeque::new(),
            dice,
            sent: 0,
            measured: Vec::new(),
        }
    }

    /// Sends until there were so many; calls `look` after each tick with their number so far.
    pub(crate) async fn run(&mut self, events: usize, rate: f64, mut look: impl FnMut(usize)) {
        let began = Instant::now();
        let mut ticks = tokio::time::interval(TICK);
        while self.sent < events {
            ticks.tick().await;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a number of events"
            )]
            let due = (began.elapsed().as_secs_f64() * rate) as usize;
            while self.sent < due.min(events) {
                self.one();
            }
            look(self.sent);
        }
    }

    fn one(&mut self) {
        let at = Instant::now();
        match self.dice.random_range(0..100) {
            0 if self.recent.len() > 10 => {
                let (id, channel) = self.any_recent();
                self.recent.retain(|(recent, _)| *recent != id);
                self.simulator.delete_message(channel, id).unwrap();
            }
            1..6 if !self.recent.is_empty() => {
                let (id, channel) = self.any_recent();
                let text = format!("edited as event {}", self.sent);
                self.simulator.edit_message(channel, id, text).unwrap();
            }
            _ => {
                let channel = self.channels[self.dice.random_range(0..self.channels.len())];
                let text = format!("event {} {}", self.sent, "and some text ".repeat(5));
                let id = self.simulator.create_message(channel, Draft::text(text));
                self.recent.push_back((id.unwrap(), channel));
                if self.recent.len() > RECENT {
                    self.recent.pop_front();
                }
            }
        }
        self.sent += 1;
        if self.sent.is_multiple_of(MEASURED) {
            let sequence = self.simulator.sequence();
            self.measured.push(Sent { sequence, at });
        }
    }

    fn any_recent(&mut self) -> (u64, u64) {
        self.recent[self.dice.random_range(0..self.recent.len())]
    }
}

//! Random lives of a channel against a model that knows what was really heard and read: whatever
//! happens, coverage never claims a message or a change that is not in the record.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use guildlake::guild::{
    Access, AccessMark, Channel, Covered, GapReason, Interrupted, Place, SessionId, SessionMark,
};
use guildlake::message::{IdRange, MessageId, snowflake_at};
use guildlake::store::{Batch, Committed, CompletenessRequest, KnownRange};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use testkit::record::{TestRecord, channel, guild};

/// How many things happen in a life.
const STEPS: usize = 100;

/// How far behind the present a session is trusted to be complete, in seconds.
const OVERTAKING: i64 = 3;

/// A page that Discord has answered and that is not committed yet.
struct Page {
    range: IdRange,
    session_id: Option<SessionId>,
    asked_after: Committed,
    /// When it was answered.
    at: i64,
}

/// A channel in which a message is written each second, and an old one is edited now and then.
struct Life {
    record: TestRecord,
    dice: StdRng,
    /// Seconds since the channel's beginning.
    now: i64,
    is_visible: bool,
    session: Option<SessionMark>,
    is_connected: bool,
    /// Whether somebody looked at the rights since they last changed.
    is_looked_at: bool,
    sessions: usize,
    /// The seconds whose message the record was given.
    held: BTreeSet<i64>,
    /// Edits that the record was not given: which message, and when.
    missed: BTreeMap<i64, BTreeSet<i64>>,
    /// What came while the connection was away: a RESUME brings it.
    undelivered: Vec<Event>,
    page: Option<Page>,
}

#[derive(Clone, Copy)]
enum Event {
    Message(i64),
    Edit(i64, i64),
    Rights,
}

fn time(second: i64) -> DateTime<Utc> {
    channel().created_at() + TimeDelta::seconds(second)
}

fn place(second: i64) -> i64 {
    snowflake_at(time(second))
}

/// The message of this second.
fn id_at(second: i64) -> MessageId {
    place(second).try_into().unwrap()
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut life = Self {
            record: TestRecord::new(1000),
            dice: StdRng::seed_from_u64(seed),
            now: 1,
            is_visible: true,
            session: None,
            is_connected: false,
            is_looked_at: true,
            sessions: 0,
            held: BTreeSet::new(),
            missed: BTreeMap::new(),
            undelivered: Vec::new(),
            page: None,
        };
        let channel = Channel {
            id: channel(),
            guild_id: guild(),
            parent_id: None,
            channel_type: 0,
            name: "general".to_owned(),
        };
        life.commit(Batch {
            channels: vec![channel],
            ..Batch::default()
        });
        life
    }

    fn commit(&mut self, mut batch: Batch) -> Committed {
        if self.is_connected {
            batch.sessions.extend(self.session.clone());
        }
        self.record.record.commit(&batch, time(self.now)).unwrap()
    }

    /// Something happens on Discord.
    fn happen(&mut self, event: Event) {
        match event {
            _ if self.is_connected => self.deliver(event),
            Event::Message(_) | Event::Edit(..) if !self.is_visible => self.miss(event),
            _ => self.undelivered.push(event),
        }
    }

    fn deliver(&mut self, event: Event) {
        match event {
            Event::Message(second) if self.is_visible => {
                self.held.insert(second);
            }
            Event::Message(_) => {}
            Event::Edit(..) if self.is_visible => {}
            Event::Edit(..) => self.miss(event),
            Event::Rights => {
                self.commit(Batch {
                    interrupted: vec![Interrupted {
                        place: Place::Channel(channel()),
                        until: time(self.now),
                        reason: GapReason::Interrupted,
                        stale_since: None,
                    }],
                    ..Batch::default()
                });
            }
        }
    }

    fn miss(&mut self, event: Event) {
        if let Event::Edit(message, at) = event {
            self.missed.entry(message).or_default().insert(at);
        }
    }

    fn pass_time(&mut self) {
        for _ in 0..self.dice.random_range(1..20) {
            self.happen(Event::Message(self.now));
            if self.dice.random_bool(0.3) {
                let message = self.dice.random_range(0..=self.now);
                self.happen(Event::Edit(message, self.now));
            }
            self.now += 1;
        }
        if self.is_connected {
            let now = self.now;
            if let Some(session) = &mut self.session {
                session.live_high = session.live_high.max(place(now - OVERTAKING));
                session.heard_at = time(now);
            }
            self.commit(Batch::default());
        }
    }

    fn connect(&mut self) {
        if self.is_connected {
            return;
        }
        self.is_connected = true;
        if self.session.is_some() && self.dice.random_bool(0.5) {
            for event in std::mem::take(&mut self.undelivered) {
                // What a RESUME replays was sent while the channel could be seen.
                match event {
                    Event::Message(second) => {
                        self.held.insert(second);
                    }
                    Event::Edit(..) => {}
                    Event::Rights => self.deliver(event),
                }
            }
        } else {
            for event in std::mem::take(&mut self.undelivered) {
                self.miss(event);
            }
            self.sessions += 1;
            self.session = Some(SessionMark {
                shard: 0,
                // Discord's ids need not differ: a new session is one by itself.
                session_id: format!("session {}", self.sessions / 3),
                resume_url: "ws://127.0.0.1".to_owned(),
                sequence: 1,
                live_low: place(self.now),
                live_high: place(self.now),
                heard_at: time(self.now),
                intents: 0,
            });
        }
        self.commit(Batch::default());
    }

    fn change_rights(&mut self) {
        self.is_visible = !self.is_visible;
        self.is_looked_at = false;
        self.happen(Event::Rights);
    }

    /// The beginning of a pass and the answer to its next page, if there is something to read.
    async fn ask(&mut self) {
        let asked_after = self.commit(Batch::default());
        let access = if self.is_visible {
            Access::Readable
        } else {
            Access::Forbidden
        };
        self.commit(Batch {
            access: vec![AccessMark {
                channel_id: channel(),
                access,
                detail: None,
                since: time(self.now),
            }],
            ..Batch::default()
        });
        self.is_looked_at |= self.is_connected;
        let Some(session) = self.record.reader.session(0).await.unwrap() else {
            return;
        };
        let known = self.record.reader.channels().await.unwrap().remove(0);
        if known.access != Access::Readable {
            return;
        }
        let since = known.live_since().unwrap_or(place(self.now));
        let high = session.live_low.max(since);
        let mut coverage = self.record.reader.coverage().await.unwrap();
        let coverage = coverage.remove(&channel()).unwrap_or_default();
        let gaps = coverage.to_read(IdRange::new(0, high));
        let Some(gap) = gaps.iter().next_back() else {
            return;
        };
        // A page holds some seconds; the last one reaches to the beginning.
        let bottom = gap.end - ((self.dice.random_range(5..200) * 1000) << 22);
        let low = if bottom <= place(0) { 0 } else { bottom };
        self.page = Some(Page {
            range: IdRange { low, high: gap.end },
            session_id: Some(session.id()),
            asked_after,
            at: self.now,
        });
    }

    /// The page's commit.
    fn take(&mut self) {
        let Some(page) = self.page.take() else { return };
        let is_in = |second: &i64| page.range.contains(id_at(*second));
        self.held.extend((0..page.at).filter(is_in));
        for (message, changes) in &mut self.missed {
            if is_in(message) {
                changes.retain(|at| *at >= page.at);
            }
        }
        self.commit(Batch {
            covered: vec![Covered {
                channel_id: channel(),
                range: page.range,
                session_id: page.session_id,
                asked_after: Some(page.asked_after.number),
                unreadable: Vec::new(),
            }],
            ..Batch::default()
        });
    }

    async fn ranges(&self) -> Vec<KnownRange> {
        let request = CompletenessRequest {
            reach: guildlake::guild::Reach::EVERYTHING,
            guild_id: guild(),
            channel_id: Some(channel()),
            range: IdRange::ALL,
        };
        let known = self.record.reader.completeness(request).await.unwrap();
        known.channels.first().unwrap().ranges.clone()
    }

    /// No claim is false.
    async fn check(&self, step: usize) {
        let ranges = self.ranges().await;
        let of = |second: i64| {
            let range = ranges
                .iter()
                .find(|range| range.ids.contains(id_at(second)));
            range.filter(|range| range.complete_by.is_some())
        };
        for second in 0..self.now {
            if let Some(range) = of(second) {
                assert!(
                    self.held.contains(&second),
                    "step {step}: the message of second {second} is not there: {range:?}"
                );
            }
        }
        // Whether changes are there is said as of what was heard, and after a look at the rights.
        if !self.is_connected || !self.is_looked_at {
            return;
        }
        for (message, changes) in &self.missed {
            if let (Some(range), Some(first)) = (of(*message), changes.first()) {
                assert!(
                    range.stale_since.is_some_and(|since| since <= time(*first)),
                    "step {step}: the change of {message} at {first} is not there: {range:?}"
                );
            }
        }
    }

    /// What is left when everything was looked at again.
    async fn finish(&mut self) {
        if !self.is_visible {
            self.change_rights();
        }
        self.connect();
        self.pass_time();
        loop {
            self.ask().await;
            if self.page.is_none() {
                break;
            }
            self.take();
        }
        self.pass_time();
        let ranges = self.ranges().await;
        let is_whole = |range: &KnownRange| range.complete_by.is_some();
        assert!(ranges.iter().all(is_whole), "a gap is left: {ranges:?}");
    }
}

#[tokio::test]
async fn coverage_claims_nothing_that_was_not_heard_or_read() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seed: u64 = number("GUILDLAKE_SEED").unwrap_or_else(rand::random);
    let lives = number("GUILDLAKE_LIVES").unwrap_or(3);
    println!("coverage: seed {seed}, {lives} lives (GUILDLAKE_SEED={seed} plays it again)");
    for life in 0..lives {
        println!("life {life}");
        let mut life = Life::new(seed.wrapping_add(life));
        for step in 0..STEPS {
            match life.dice.random_range(0..20) {
                0..7 => life.pass_time(),
                7 => life.is_connected = false,
                8 | 9 => life.connect(),
                10 => life.change_rights(),
                11..15 => life.ask().await,
                _ => life.take(),
            }
            life.check(step).await;
        }
        life.finish().await;
    }
}

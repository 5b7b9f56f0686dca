//! Fills a record with a made-up guild through the service's own commits: most of it as history is
//! read (eight channels at a time, newest page first), the rest as the socket brings it (in the
//! order of time, with edits and deletes). Prints what it made as JSON. `make bench` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench may panic, prints, and draws from distributions"
)]

mod community;

use std::collections::VecDeque;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Parser;
use community::{Community, EDITED_AFTER, Planned};
use guildlake::guild::{Access, AccessMark, Channel, Covered, Guild};
use guildlake::message::{
    ChannelId, DeletedBy, Gone, GuildId, IdRange, Message, MessageId, Source,
};
use guildlake::store::{Batch, Record, StoreSettings};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use testkit::payload::observed;

/// Rows of a commit: what the writer takes at once when it is behind.
const GROUP: usize = 10_000;

/// Messages of a page of history, and channels that are read at a time.
const PAGE: usize = 100;
const AT_A_TIME: usize = 8;

/// The share that came by the socket, and how many of that were edited and deleted.
const LIVE: f64 = 0.3;
const EDITED: f64 = 0.05;
const DELETED: f64 = 0.01;

/// Events of a live commit, and how far back people edit and delete.
const LIVE_GROUP: usize = 1_000;
const RECENT: usize = 5_000;

#[derive(Parser)]
struct Arguments {
    /// The folder to make `guildlake.duckdb` in.
    folder: PathBuf,
    /// How many messages.
    #[arg(long, default_value_t = 1_000_000)]
    messages: usize,
    /// The seed of everything but the times, which end now.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

struct Filler {
    record: Record,
    community: Community,
    batch: Vec<Message>,
}

fn main() {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.folder).unwrap();
    let settings = StoreSettings::new(
        arguments.folder.join("guildlake.duckdb"),
        arguments.folder.join("tmp"),
    );
    let (record, _reader) = Record::open(&settings).unwrap();
    let (community, plan) = Community::new(arguments.seed, arguments.messages, Utc::now());
    println!("{}", community.told(&plan));
    let mut filler = Filler {
        record,
        community,
        batch: Vec::new(),
    };
    let live_from = plan[((1.0 - LIVE) * plan.len() as f64) as usize].id;
    let (history, live) = plan.split_at(plan.partition_point(|planned| planned.id < live_from));
    filler.structure(live_from);
    filler.history(history);
    filler.live(live, arguments.seed);
    filler.record.checkpoint().unwrap();
}

impl Filler {
    /// The guild and its channels, all read up to where the socket began.
    fn structure(&mut self, live_from: u64) {
        let guild: GuildId = self.community.guild.try_into().unwrap();
        let channels = self.community.channels.iter().map(|place| Channel {
            id: place.id.try_into().unwrap(),
            guild_id: guild,
            parent_id: None,
            channel_type: 0,
            name: place.name.clone(),
        });
        let batch = Batch {
            guilds: vec![Guild {
                id: guild,
                name: "bench".into(),
            }],
            channels: channels.collect(),
            access: self.each_channel(|id| AccessMark {
                channel_id: id,
                access: Access::Readable,
                detail: None,
                since: id.created_at(),
            }),
            ..Batch::default()
        };
        self.record.commit(&batch, Utc::now()).unwrap();
        let batch = Batch {
            covered: self.each_channel(|id| Covered {
                channel_id: id,
                range: IdRange {
                    low: id.as_i64(),
                    high: live_from.cast_signed(),
                },
                session_id: None,
                asked_after: None,
                unreadable: Vec::new(),
            }),
            ..Batch::default()
        };
        self.record.commit(&batch, Utc::now()).unwrap();
    }

    fn each_channel<T>(&self, make: impl Fn(ChannelId) -> T) -> Vec<T> {
        let ids = self.community.channels.iter().map(|place| place.id);
        ids.map(|id| make(id.try_into().unwrap())).collect()
    }

    /// Pages as a pass asks for them: the channels with the newest messages first.
    fn history(&mut self, history: &[Planned]) {
        let mut channels = vec![Vec::new(); self.community.channels.len()];
        for planned in history {
            channels[planned.channel].push(*planned);
        }
        channels.sort_by_key(|messages| messages.last().map(|last| last.id));
        let mut reading = VecDeque::new();
        loop {
            while reading.len() < AT_A_TIME
                && let Some(channel) = channels.pop()
            {
                reading.push_back(channel);
            }
            let Some(mut channel) = reading.pop_front() else {
                break;
            };
            let page = channel.split_off(channel.len().saturating_sub(PAGE));
            for planned in page.iter().rev() {
                let payload = self.community.payload(planned, Source::Rest, 0);
                self.push(&payload, Source::Rest);
            }
            if !channel.is_empty() {
                reading.push_back(channel);
            }
            if self.batch.len() >= GROUP {
                self.commit(Utc::now());
            }
        }
        self.commit(Utc::now());
    }

    /// Events as the socket brings them.
    fn live(&mut self, live: &[Planned], seed: u64) {
        let mut dice = StdRng::seed_from_u64(seed);
        for (at, planned) in live.iter().enumerate() {
            let payload = self.community.payload(planned, Source::Gateway, 0);
            self.push(&payload, Source::Gateway);
            let past = &live[at.saturating_sub(RECENT)..=at];
            if dice.random_bool(EDITED) {
                let edited = &past[dice.random_range(0..past.len())];
                let payload = self.community.payload(edited, Source::Gateway, 1);
                self.push(&payload, Source::Gateway);
            }
            if dice.random_bool(DELETED) {
                self.delete(&past[dice.random_range(0..past.len())]);
            }
            if self.batch.len() >= LIVE_GROUP {
                self.commit(id(planned).created_at());
            }
        }
        self.commit(Utc::now());
    }

    fn push(&mut self, payload: &str, source: Source) {
        let guild = self.community.guild.try_into().unwrap();
        self.batch
            .push(Message::read(guild, source, observed(), payload).unwrap());
    }

    fn delete(&mut self, planned: &Planned) {
        let channel = self.community.channels[planned.channel].id;
        let noticed = id(planned).created_at() + TimeDelta::seconds(2 * EDITED_AFTER);
        let gone = Gone::new(id(planned), noticed, noticed, DeletedBy::Gateway);
        let guild = self.community.guild.try_into().unwrap();
        let channel = channel.try_into().unwrap();
        self.batch
            .push(Message::told_gone(id(planned), guild, channel, gone));
    }

    fn commit(&mut self, now: DateTime<Utc>) {
        let batch = Batch {
            messages: std::mem::take(&mut self.batch),
            ..Batch::default()
        };
        self.record.commit(&batch, now).unwrap();
        self.record.maintain().unwrap();
    }
}

fn id(planned: &Planned) -> MessageId {
    planned.id.try_into().unwrap()
}

impl Community {
    /// What the measurements need to know: the guild, and its channels by the number of messages.
    fn told(&self, plan: &[Planned]) -> serde_json::Value {
        let mut counts = vec![0; self.channels.len()];
        for planned in plan {
            counts[planned.channel] += 1;
        }
        let channels = self.channels.iter().zip(counts).map(|(channel, messages)| {
            json!({"id": channel.id.to_string(), "messages": messages, "dead": channel.is_dead})
        });
        json!({
            "guild": self.guild.to_string(), "messages": plan.len(),
            "first": plan[0].id.to_string(), "channels": channels.collect::<Vec<_>>(),
        })
    }
}

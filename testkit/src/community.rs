//! A made-up community of several guilds, the reaches of readers in it, and a record of all of it or of what is within
//! a reach only. With these two, a test compares what a limited reader is told with what there is to tell.

use std::ops::Range;

use guildlake::guild::{Access, AccessMark, Channel, Covered, Guild, Limits, Reach, SessionMark};
use guildlake::message::{
    ChannelId, DeletedBy, Gone, GuildId, IdRange, Message, ReactionEvent, ReactionKind, Source,
    UserId, snowflake_at, snowflake_time,
};
use guildlake::store::Batch;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use crate::lake::{Lake, at};
use crate::payload::{self, observed};

/// The words of the messages, the frequent ones first.
pub const WORDS: [&str; 16] = [
    "the",
    "and",
    "amber",
    "birch",
    "release",
    "releases",
    "notes",
    "cedar",
    "foo-bar",
    "foo-baz",
    "snake_case",
    "youtube.com",
    "delta?",
    "ember",
    "https://example.org/a?b=c",
    "東京",
];

/// The names under which people write.
pub const NAMES: [&str; 5] = ["ada", "bob", "carol b", "Dave", "erin"];

const EMOJI: [&str; 3] = ["👍", "🎉", "custom"];

/// The guilds' ids, from the first.
const FIRST_GUILD: i64 = 1_100_000_000_000_000_000;
const FIRST_USER: i64 = 1_000_000_000_000_000_000;

/// What happened in several guilds.
pub struct Community {
    pub guilds: Vec<Guild>,
    pub channels: Vec<Channel>,
    places: Vec<Batch>,
    news: Vec<(GuildId, ChannelId, Batch)>,
    session: Batch,
    seed: u64,
}

impl Community {
    /// A community with so many messages.
    pub fn new(seed: u64, messages: usize) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let guilds: Vec<Guild> = (0..3)
            .map(|n| Guild {
                id: id(FIRST_GUILD + n),
                name: format!("guild {n}"),
            })
            .collect();
        let mut channels = Vec::new();
        for (n, guild) in (0..).zip(&guilds) {
            // A category with a channel that has two threads, a channel beside it, and a forum with a post.
            let base = snowflake_at(at("2024-12-20T00:00:00Z")) + n * 100;
            for (step, parent, channel_type, name) in [
                (0, None, 4, "category"),
                (1, Some(0), 0, "general"),
                (2, Some(1), 11, "a thread"),
                (3, Some(1), 11, "another"),
                (4, None, 0, ["help", "secret", "general"][n as usize]),
                (5, None, 15, "forum"),
                (6, Some(5), 11, "a post"),
            ] {
                channels.push(Channel {
                    id: id(base + step),
                    guild_id: guild.id,
                    parent_id: parent.map(|parent: i64| id(base + parent)),
                    channel_type,
                    name: name.to_owned(),
                });
            }
        }
        let places = channels.iter().map(|channel| covered(channel, &mut dice));
        let places = places.collect();
        let mut news: Vec<(GuildId, ChannelId, Batch)> = Vec::new();
        let mut written = Vec::new();
        let open: Vec<_> = channels
            .iter()
            .filter(|it| !matches!(it.channel_type, 4 | 15))
            .collect();
        for n in 0..messages {
            let channel = *open.choose(&mut dice).unwrap();
            // Over two months, and no two with the same id.
            let minutes = dice.random_range(0..60 * 24 * 60);
            let time = at("2025-01-01T00:00:00Z") + chrono::Duration::minutes(minutes);
            let message_id = snowflake_at(time) + n as i64;
            written.push((channel, message_id));
            news.push(message(channel, message_id, None, &written, &mut dice));
            if let Some((channel, message_id)) = written.choose(&mut dice).copied() {
                match dice.random_range(0..12) {
                    0 => news.push(gone(channel, message_id)),
                    1 | 2 => {
                        news.push(message(channel, message_id, Some(n), &written, &mut dice));
                    }
                    3 => news.push(reacted(channel, message_id, &mut dice)),
                    _ => {}
                }
            }
        }
        let heard = at("2025-03-01T00:00:00Z");
        let session = Batch {
            sessions: vec![SessionMark {
                shard: 0,
                session_id: "a session".to_owned(),
                resume_url: "wss://gateway.test".to_owned(),
                sequence: 7,
                live_low: snowflake_at(at("2025-02-20T00:00:00Z")),
                live_high: snowflake_at(heard),
                heard_at: heard,
                intents: 0,
            }],
            ..Batch::default()
        };
        Self {
            guilds,
            channels,
            places,
            news,
            session,
            seed,
        }
    }

    /// A reach of a reader: guilds, channels, categories or both; sometimes nothing at all.
    pub fn reach(&self, dice: &mut StdRng) -> Reach {
        let mut limits = Limits::default();
        let kind = dice.random_range(0..8);
        if kind < 4 {
            let count = dice.random_range(1..=2);
            limits.guilds = self.guilds.sample(dice, count).map(|it| it.id).collect();
        }
        if kind >= 3 {
            let count = dice.random_range(1..=5);
            limits.channels = self.channels.sample(dice, count).map(|it| it.id).collect();
        }
        if kind == 7 && dice.random_range(0..4) == 0 {
            limits.channels = [id(7)].into();
        }
        limits.reach(&self.channels)
    }

    /// A record of what is within the reach. The order of the commits is by the dice, so that two records of the same
    /// have their rows and documents in different places.
    pub async fn record(&self, reach: &Reach, dice: &mut StdRng) -> Lake {
        let mut lake = Lake::new();
        let is_within = |guild, channel| reach.has(guild, channel);
        let guilds = self.guilds.iter().filter(|guild| {
            reach
                .guilds()
                .is_none_or(|guilds| guilds.contains(&guild.id))
        });
        let mut first = Batch {
            guilds: guilds.cloned().collect(),
            ..Batch::default()
        };
        for (channel, place) in self.channels.iter().zip(&self.places) {
            if is_within(channel.guild_id, channel.id) {
                first.append(place.clone());
            }
        }
        // What the gateway heard is the same for everybody.
        first.append(self.session.clone());
        lake.commit(&first);
        let mut left = Batch::default();
        for (guild, channel, news) in &self.news {
            if !is_within(*guild, *channel) {
                continue;
            }
            left.append(news.clone());
            if dice.random_range(0..20) == 0 {
                lake.commit(&std::mem::take(&mut left));
                if dice.random_range(0..3) == 0 {
                    lake.index().await;
                }
            }
        }
        lake.commit(&left);
        lake.index().await;
        lake
    }

    /// The ids of the channels with a name within a reach, as a search asks for them.
    pub fn channels_named(&self, name: &str, reach: &Reach) -> Vec<u64> {
        let named = self
            .channels
            .iter()
            .filter(|channel| channel.name == name && reach.has(channel.guild_id, channel.id));
        named
            .map(|channel| channel.id.as_i64().cast_unsigned())
            .collect()
    }

    /// The seed of the dice.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

/// The id of a user.
pub fn user(n: usize) -> i64 {
    FIRST_USER + n as i64
}

/// What is known of a channel, and how far it was read: each channel other ranges.
fn covered(channel: &Channel, dice: &mut StdRng) -> Batch {
    let first = at("2025-01-01T00:00:00Z");
    let day = |day: i64| snowflake_at(first + chrono::Duration::days(day));
    let mut range = |days: Range<i64>| {
        let low = dice.random_range(days.clone());
        IdRange {
            low: day(low),
            high: day(dice.random_range(low + 1..=days.end)),
        }
    };
    let mut ranges = vec![range(0..40)];
    if ranges[0].high < day(45) {
        ranges.push(range(45..61));
    }
    let access = match channel.id.as_i64() % 4 {
        0 => Access::Forbidden,
        _ => Access::Readable,
    };
    Batch {
        channels: vec![channel.clone()],
        access: vec![AccessMark {
            channel_id: channel.id,
            access,
            detail: None,
            since: first,
        }],
        covered: ranges
            .into_iter()
            .map(|range| Covered {
                channel_id: channel.id,
                range,
                session_id: None,
                asked_after: None,
                unreadable: Vec::new(),
            })
            .collect(),
        ..Batch::default()
    }
}

/// A message, or its state after the `edit`th edit.
fn message(
    channel: &Channel,
    message_id: i64,
    edit: Option<usize>,
    written: &[(&Channel, i64)],
    dice: &mut StdRng,
) -> (GuildId, ChannelId, Batch) {
    let author = usize::try_from(message_id.unsigned_abs() % 7).unwrap();
    let mut words = Vec::new();
    for _ in 0..dice.random_range(0..12) {
        // The first words are the most frequent.
        let of = dice.random_range(1..=WORDS.len());
        words.push(WORDS[dice.random_range(0..of)]);
    }
    let mut payload = payload::message(message_id, channel.id, user(author), &words.join(" "));
    // Two of the authors share a name, and one is a webhook that writes under all of them.
    let name = match author {
        6 => NAMES[dice.random_range(0..NAMES.len())],
        author => NAMES[author % NAMES.len()],
    };
    payload["author"]["username"] = json!(name);
    if author == 6 {
        payload["webhook_id"] = json!(user(author).to_string());
    }
    if let Some(edit) = edit {
        let edited = at("2025-03-01T00:00:00Z") + chrono::Duration::seconds(edit as i64);
        payload["edited_timestamp"] = json!(edited.to_rfc3339());
    }
    if dice.random_range(0..4) == 0 {
        let word = *WORDS.choose(dice).unwrap();
        payload["embeds"] = json!([{"type": "rich", "title": word, "description": "amber notes"}]);
    }
    if dice.random_range(0..5) == 0 {
        payload["attachments"] = json!([{
            "id": (message_id + 1).to_string(), "filename": "cedar-notes.png", "size": dice.random_range(1..9_999),
            "content_type": "image/png",
        }]);
    }
    if dice.random_range(0..4) == 0 {
        let of = dice.random_range(0..NAMES.len());
        payload["mentions"] = json!([{"id": user(of).to_string(), "username": NAMES[of]}]);
    }
    if dice.random_range(0..4) == 0 {
        let emoji = *EMOJI.choose(dice).unwrap();
        let custom = (emoji == "custom").then(|| "77".to_owned());
        payload["reactions"] =
            json!([{"emoji": {"id": custom, "name": emoji}, "count": dice.random_range(1..5)}]);
    }
    let replied = written
        .choose(dice)
        .filter(|_| dice.random_range(0..3) == 0);
    if let Some((of, replied)) = replied {
        payload["type"] = json!(19);
        payload["message_reference"] =
            json!({"message_id": replied.to_string(), "channel_id": of.id.to_string()});
    } else if dice.random_range(0..15) == 0 {
        payload["type"] = json!([6, 7, 8, 18].choose(dice));
    }
    let message = Message::read(
        channel.guild_id,
        Source::Rest,
        observed(),
        &payload.to_string(),
    );
    told(
        channel,
        Batch {
            messages: vec![message.unwrap()],
            ..Batch::default()
        },
    )
}

fn gone(channel: &Channel, message_id: i64) -> (GuildId, ChannelId, Batch) {
    let written = snowflake_time(message_id);
    let (after, before) = (written, written + chrono::Duration::seconds(30));
    let message_id = id(message_id);
    let gone = Gone::new(message_id, after, before, DeletedBy::Gateway);
    told(
        channel,
        Batch {
            messages: vec![Message::told_gone(
                message_id,
                channel.guild_id,
                channel.id,
                gone,
            )],
            ..Batch::default()
        },
    )
}

fn reacted(channel: &Channel, message_id: i64, dice: &mut StdRng) -> (GuildId, ChannelId, Batch) {
    let event = ReactionEvent {
        happened_at: snowflake_time(message_id)
            + chrono::Duration::seconds(dice.random_range(1..99)),
        kind: ReactionKind::ReactionAdded,
        message_id: id(message_id),
        guild_id: channel.guild_id,
        channel_id: channel.id,
        user_id: Some(UserId::try_from(user(3)).unwrap()),
        emoji_id: None,
        emoji_name: Some("👍".to_owned()),
        answer_id: None,
        is_super: false,
    };
    told(
        channel,
        Batch {
            reaction_events: vec![event],
            ..Batch::default()
        },
    )
}

fn told(channel: &Channel, news: Batch) -> (GuildId, ChannelId, Batch) {
    (channel.guild_id, channel.id, news)
}

fn id<T: TryFrom<i64>>(id: i64) -> T
where
    T::Error: std::fmt::Debug,
{
    T::try_from(id).unwrap()
}

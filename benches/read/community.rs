//! A made-up guild: who writes where and when, and what Discord would send of it. The sizes of the
//! channels, the authors and the words follow Zipf's law; lengths are log-normal.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, TimeDelta, Timelike, Utc};
use guildlake::message::{MessageId, Source, snowflake_at};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const CHANNELS: usize = 300;
/// The exponent of the channels' sizes.
const CHANNEL_ZIPF: f64 = 1.3;
const AUTHORS: usize = 5_000;
const WORDS: usize = 20_000;
const DAYS: i64 = 3 * 365;

/// How long after a message its edit comes, in seconds.
pub(crate) const EDITED_AFTER: i64 = 40;

/// How much is said in each hour of the day (UTC), of at most 10.
const HOURS: [u32; 24] = [
    4, 3, 2, 1, 1, 1, 2, 3, 4, 5, 6, 6, 7, 7, 7, 7, 8, 8, 9, 10, 10, 10, 8, 6,
];

const SYLLABLES: [&str; 32] = [
    "ka", "ro", "mi", "ten", "sol", "ver", "da", "lun", "pre", "st", "ing", "ou", "er", "al",
    "tio", "na", "que", "es", "über", "ché", "po", "lis", "ga", "th", "ar", "ne", "co", "mu", "ви",
    "はい", "ri", "se",
];

/// A message that is to be: everything else follows from the seed and its id.
#[derive(Clone, Copy)]
pub(crate) struct Planned {
    pub(crate) id: u64,
    /// The channel's place in the list.
    pub(crate) channel: usize,
    /// The message before it in its channel, or 0.
    before: u64,
}

pub(crate) struct Place {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// Whether nobody has written there for two years.
    pub(crate) is_dead: bool,
    /// From which share of the time on, and up to which.
    life: (f64, f64),
}

pub(crate) struct Community {
    pub(crate) guild: u64,
    pub(crate) channels: Vec<Place>,
    seed: u64,
    words: Vec<String>,
}

impl Community {
    /// A guild whose history ends at `end`, and its messages by ascending id.
    pub(crate) fn new(seed: u64, messages: usize, end: DateTime<Utc>) -> (Self, Vec<Planned>) {
        let mut dice = StdRng::seed_from_u64(seed);
        let begin = end - TimeDelta::days(DAYS);
        let length = (end - begin).num_milliseconds() as f64;
        let at = |share: f64| begin + TimeDelta::milliseconds((length * share) as i64);
        let channels = (0..CHANNELS).map(|rank| {
            let is_dead = rank % 10 == 9;
            let life = match rank {
                0..9 => (0.0, 1.0),
                _ if is_dead => (0.0, 0.3),
                _ => (dice.random_range(0.0..0.6), 1.0),
            };
            Place {
                id: snowflake(at(life.0) - TimeDelta::hours(1), &mut dice),
                name: format!("channel-{rank}"),
                is_dead,
                life,
            }
        });
        let channels: Vec<Place> = channels.collect();
        let words = (0..WORDS).map(|_| word(&mut dice)).collect();
        let weights = (1..=CHANNELS).map(|rank| (rank as f64).powf(-CHANNEL_ZIPF));
        let total: f64 = weights.clone().sum();
        let mut plan = Vec::with_capacity(messages);
        for (channel, weight) in weights.enumerate() {
            let share = (messages as f64 * weight / total) as usize;
            let count = if channel == 0 { 0 } else { share };
            plan.extend((0..count).map(|_| (draw(&mut dice, &channels[channel], &at), channel)));
        }
        // The biggest takes what rounding has left.
        let rest = messages - plan.len();
        plan.extend((0..rest).map(|_| (draw(&mut dice, &channels[0], &at), 0)));
        plan.sort_unstable();
        let mut last = 0;
        let mut before = vec![0; CHANNELS];
        let plan = plan.into_iter().map(|(id, channel)| {
            last = id.max(last + 1);
            let before = std::mem::replace(&mut before[channel], last);
            Planned {
                id: last,
                channel,
                before,
            }
        });
        let plan = plan.collect();
        let guild = snowflake(begin - TimeDelta::days(1), &mut dice);
        let community = Self {
            guild,
            channels,
            seed,
            words,
        };
        (community, plan)
    }

    /// The message as Discord sends it, before its edit or after it.
    pub(crate) fn payload(&self, planned: &Planned, source: Source, edit: u32) -> String {
        let mut text = String::with_capacity(1_500);
        self.write(&mut text, planned, source, edit, true);
        text
    }

    fn write(&self, out: &mut String, it: &Planned, source: Source, edit: u32, is_whole: bool) {
        let mut dice = StdRng::seed_from_u64(self.seed ^ it.id);
        let time = time_of(it.id);
        let channel = self.channels[it.channel].id;
        let author = zipf(&mut dice, AUTHORS);
        let mut content = self.sentence(&mut dice);
        let is_reply = is_whole && it.before != 0 && dice.random_bool(0.15);
        let mentioned = dice.random_bool(0.05).then(|| zipf(&mut dice, AUTHORS));
        if let Some(user) = mentioned {
            content = format!("<@{}> {content}", self.user_id(user));
        }
        let link = dice
            .random_bool(0.05)
            .then(|| dice.random_range(1_000..9_999));
        if let Some(page) = link {
            let _ = write!(content, " https://example.org/articles/{page}");
        }
        if edit > 0 {
            content.push_str(" (edited)");
        }
        let edited = if edit > 0 {
            format!("\"{}\"", rfc3339(time + TimeDelta::seconds(EDITED_AFTER)))
        } else {
            "null".into()
        };
        let kind = if is_reply { 19 } else { 0 };
        let _ = write!(out, r#"{{"type":{kind},"content":"{content}","mentions":["#);
        if let Some(user) = mentioned {
            self.user(out, user);
        }
        out.push_str(r#"],"mention_roles":[],"attachments":["#);
        if dice.random_bool(0.08) {
            attachment(out, it.id, channel, &mut dice);
        }
        out.push_str(r#"],"embeds":["#);
        if let Some(page) = link {
            let title = self.sentence(&mut dice);
            let _ = write!(
                out,
                r#"{{"type":"link","url":"https://example.org/articles/{page}","title":"{title}","provider":{{"name":"Example","url":null}}}}"#
            );
        }
        let _ = write!(
            out,
            r#"],"timestamp":"{}","edited_timestamp":{edited},"flags":0,"components":[],"id":"{}","channel_id":"{channel}","author":"#,
            rfc3339(time),
            it.id,
        );
        self.user(out, author);
        out.push_str(r#","pinned":false,"mention_everyone":false,"tts":false"#);
        if dice.random_bool(0.06) {
            let count: u32 = dice.random_range(1..12);
            let _ = write!(
                out,
                r#","reactions":[{{"emoji":{{"id":null,"name":"👍"}},"count":{count},"count_details":{{"burst":0,"normal":{count}}},"burst_colors":[],"me_burst":false,"burst_me":false,"me":false,"burst_count":0}}]"#
            );
        }
        if is_reply {
            let _ = write!(
                out,
                r#","message_reference":{{"type":0,"channel_id":"{channel}","message_id":"{}","guild_id":"{}"}},"referenced_message":"#,
                it.before, self.guild
            );
            let before = Planned {
                id: it.before,
                before: 0,
                ..*it
            };
            self.write(out, &before, Source::Rest, 0, false);
        }
        if source == Source::Gateway {
            let _ = write!(
                out,
                r#","nonce":"{}","channel_type":0,"member":{{"roles":["{}"],"premium_since":null,"pending":false,"nick":null,"mute":false,"joined_at":"2023-02-03T04:05:06.789000+00:00","flags":0,"deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null}},"guild_id":"{}""#,
                it.id - 4_000_000,
                self.guild + 1 + author as u64 % 7,
                self.guild
            );
        }
        out.push('}');
    }

    fn user_id(&self, user: usize) -> u64 {
        self.guild - ((user as u64 + 1) << 34)
    }

    fn user(&self, out: &mut String, user: usize) {
        let id = self.user_id(user);
        let name = &self.words[user % WORDS];
        let avatar = mix(self.seed ^ id);
        let _ = write!(
            out,
            r#"{{"id":"{id}","username":"{name}{user}","avatar":"{avatar:016x}{:016x}","discriminator":"0","public_flags":0,"flags":0,"banner":null,"accent_color":null,"global_name":"{name}","avatar_decoration_data":null,"collectibles":null,"display_name_styles":null,"banner_color":null,"clan":null,"primary_guild":null"#,
            mix(avatar)
        );
        out.push_str(if user % 50 == 7 {
            r#","bot":true}"#
        } else {
            "}"
        });
    }

    /// Words up to a drawn length.
    fn sentence(&self, dice: &mut StdRng) -> String {
        // A sum of twelve is close enough to a normal distribution.
        let normal: f64 = (0..12).map(|_| dice.random::<f64>()).sum::<f64>() - 6.0;
        let wanted = (3.9 + 0.95 * normal).exp().clamp(1.0, 1_800.0) as usize;
        let mut text = String::with_capacity(wanted + 16);
        while text.len() < wanted {
            if !text.is_empty() {
                text.push_str(if dice.random_bool(0.1) { ", " } else { " " });
            }
            text.push_str(&self.words[zipf(dice, WORDS)]);
        }
        if dice.random_bool(0.1) {
            text.push('?');
        }
        text
    }
}

/// A number below `n`; small ones are drawn more often, by Zipf's law.
fn zipf(dice: &mut StdRng, n: usize) -> usize {
    ((n as f64).powf(dice.random::<f64>()) as usize).clamp(1, n) - 1
}

fn word(dice: &mut StdRng) -> String {
    let syllables = dice.random_range(1..=4);
    (0..syllables)
        .map(|_| SYLLABLES[dice.random_range(0..SYLLABLES.len())])
        .collect()
}

/// An id in a channel's life, by the rhythm of the day; more as time goes on.
fn draw(dice: &mut StdRng, place: &Place, at: &impl Fn(f64) -> DateTime<Utc>) -> u64 {
    loop {
        let (from, to) = place.life;
        let time = at(from + (to - from) * dice.random::<f64>().powf(0.7));
        if dice.random_range(0..10) < HOURS[time.hour() as usize] {
            return snowflake(time, dice);
        }
    }
}

/// An id of this time, of some worker, process and increment of Discord's.
fn snowflake(time: DateTime<Utc>, dice: &mut StdRng) -> u64 {
    snowflake_at(time).cast_unsigned() | dice.random_range(0..1 << 22)
}

fn time_of(id: u64) -> DateTime<Utc> {
    MessageId::try_from(id).unwrap().created_at()
}

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}

fn attachment(out: &mut String, message: u64, channel: u64, dice: &mut StdRng) {
    let id = message + 1;
    let (kind, suffix) = [
        ("image/png", "png"),
        ("image/jpeg", "jpg"),
        ("video/mp4", "mp4"),
    ][dice.random_range(0..3)];
    let signature: [u64; 4] = dice.random();
    let [a, b, c, d] = signature;
    let size: u32 = dice.random_range(1_000..9_000_000);
    let name = format!("file-{:x}.{suffix}", dice.random::<u32>());
    let query = format!("?ex=6a1b2c3d&is=6a19dabd&hm={a:016x}{b:016x}{c:016x}{d:016x}&");
    let _ = write!(
        out,
        r#"{{"id":"{id}","filename":"{name}","size":{size},"url":"https://cdn.discordapp.com/attachments/{channel}/{id}/{name}{query}","proxy_url":"https://media.discordapp.net/attachments/{channel}/{id}/{name}{query}","width":1024,"height":768,"content_type":"{kind}","placeholder":"3/gFDYJ4d4h4d4eHiH","placeholder_version":1,"content_scan_version":1}}"#
    );
}

/// Bits that look random and depend on `x` alone (splitmix64).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

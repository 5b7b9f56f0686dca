//! A record whose messages change in every way there is, with the row store beside it.

use std::path::{Path, PathBuf};

use axum::Router;
use chrono::{TimeDelta, Utc};
use guildlake::api::{self, ApiState, Origins};
use guildlake::audit::AuditLog;
use guildlake::derived::rows::Rows;
use guildlake::guild::{ChannelGone, Sighting};
use guildlake::message::{ChannelId, DeletedBy, Gone, GuildId, Message, MessageId, Source};
use guildlake::report::Library;
use guildlake::store::{Batch, Record};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;
use testkit::lake::{CHANNEL, GUILD, Lake, channel, keyring, minute};
use testkit::payload::{self, observed};

/// The channels of the record.
pub(crate) const CHANNELS: i64 = 4;

/// The channel of a message, by its number.
pub(crate) fn place(number: i64) -> i64 {
    CHANNEL + number % CHANNELS
}

/// A batch of random changes, of messages with numbers up to `known` and of new ones after it.
pub(crate) fn changes(dice: &mut StdRng, known: &mut i64) -> Batch {
    let mut batch = Batch::default();
    for _ in 0..dice.random_range(1..12) {
        let number = match dice.random_range(0..10) {
            0..4 => {
                *known += 1;
                *known
            }
            _ if *known > 0 => dice.random_range(1..=*known),
            _ => continue,
        };
        batch.messages.push(match dice.random_range(0..10) {
            0 => deletion(number),
            _ => whole(dice, number),
        });
    }
    let chosen = ChannelId::try_from(CHANNEL + dice.random_range(0..CHANNELS)).unwrap();
    match dice.random_range(0..40) {
        0 => batch.channels_gone.push(ChannelGone {
            id: chosen,
            after: Utc::now() - TimeDelta::hours(1),
            before: Utc::now(),
            asked_at: Some(Utc::now()),
        }),
        1 | 2 => batch.sightings.push(Sighting {
            id: chosen,
            at: Utc::now() + TimeDelta::seconds(1),
        }),
        _ => {}
    }
    batch
}

/// The channels, without which none can end.
pub(crate) fn channels() -> Batch {
    Batch {
        channels: (0..CHANNELS).map(|n| channel(CHANNEL + n, 0)).collect(),
        ..Batch::default()
    }
}

fn whole(dice: &mut StdRng, number: i64) -> Message {
    let texts = [
        "",
        "hello",
        "ünïcode 🎉",
        "a\u{0}b",
        "line\nbreak \"quoted\" \\ <@1>",
    ];
    let text = texts[dice.random_range(0..texts.len())].repeat(dice.random_range(1..30));
    let mut payload = payload::message(minute(number), place(number), number % 7 + 1, &text);
    if dice.random_bool(0.5) {
        let at = format!(
            "2025-06-{:02}T00:00:00.123456+00:00",
            dice.random_range(1..28)
        );
        payload["edited_timestamp"] = json!(at);
    }
    if dice.random_bool(0.3) {
        // Often the same message, seen once more.
        payload["content"] = json!(format!("message {number}"));
        payload["edited_timestamp"] = json!(null);
        let guild = GuildId::try_from(GUILD).unwrap();
        return Message::read(guild, Source::Rest, observed(), &payload.to_string()).unwrap();
    }
    if dice.random_bool(0.3) {
        payload["embeds"] = json!([{"type": "rich", "title": text}]);
    }
    if dice.random_bool(0.3) {
        payload["author"]["bot"] = json!(true);
    }
    if dice.random_bool(0.3) {
        let emoji = json!({"id": null, "name": "👍"});
        payload["reactions"] = json!([{"count": dice.random_range(1..9), "emoji": emoji}]);
    }
    let guild = GuildId::try_from(GUILD).unwrap();
    let source = [Source::Gateway, Source::Rest][dice.random_range(0..2)];
    Message::read(guild, source, observed(), &payload.to_string()).unwrap()
}

fn deletion(number: i64) -> Message {
    let id = MessageId::try_from(minute(number)).unwrap();
    let gone = Gone::new(id, Utc::now(), Utc::now(), DeletedBy::Gateway);
    let guild = GuildId::try_from(GUILD).unwrap();
    Message::told_gone(id, guild, place(number).try_into().unwrap(), gone)
}

/// A commit, in a thread that may write while others read.
pub(crate) fn commit(record: &mut Record, batch: &Batch) {
    record.commit(batch, Utc::now()).unwrap();
    record.maintain().unwrap();
}

/// The API of the same record without the row store: every answer is the record's own.
pub(crate) fn record_only(lake: &Lake) -> Router {
    api::router(ApiState {
        reader: lake.reader.clone(),
        snapshots: lake.follower.snapshots(),
        search: lake.indexer.search(),
        rows: Rows::off(),
        status: lake.status.subscribe(),
        keyring: keyring(lake.folder.path()),
        audit: AuditLog::off(),
        rate_limit: None,
        library: Library::new(None),
        origins: Origins::default(),
        timeout: api::TIMEOUT,
    })
}

/// A random request for messages.
pub(crate) fn request(dice: &mut StdRng, known: i64) -> String {
    let number = dice.random_range(0..=known.max(1) + 1);
    if dice.random_bool(0.3) {
        let raw = ["", "?include_raw=false"][dice.random_range(0..2)];
        return format!("/v1/messages/{}{raw}", minute(number).max(1));
    }
    let guild = if dice.random_bool(0.95) {
        GUILD
    } else {
        GUILD + 1
    };
    let limit = [1, 2, 7, 100, 500][dice.random_range(0..5)];
    let mut path = format!(
        "/v1/messages?guild_id={guild}&channel_id={}&limit={limit}",
        place(number)
    );
    for parameter in ["include_deleted", "include_raw"] {
        if dice.random_bool(0.5) {
            path += &format!("&{parameter}=true");
        }
    }
    if dice.random_bool(0.5) {
        path += "&order=asc";
    }
    if dice.random_bool(0.5) {
        path += &format!("&cursor={}", minute(number) + dice.random_range(-1..=1));
    }
    let time = |number: i64| {
        let at = MessageId::try_from(minute(number)).unwrap().created_at();
        at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    };
    if dice.random_bool(0.3) {
        path += &format!("&from={}", time(number / 2));
    }
    if dice.random_bool(0.3) {
        path += &format!("&to={}", time(number / 2 + known / 3));
    }
    path
}

/// The folder of the row store in a data folder.
pub(crate) fn folder(data: &Path) -> PathBuf {
    data.join("rows/store")
}

/// Every file below a folder, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

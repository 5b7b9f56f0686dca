//! Random histories of messages, shuffled, repeated, split over batches and restarts: the rows and
//! versions in the record are those of a naive model, which knows nothing of the service's code.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use guildlake::message::{
    ChannelId, DeletedBy, Gone, GuildId, IdSpan, Message, MessageId, Source, read_update,
};
use guildlake::store::{Batch, Channel, ChannelGone, Covered, Record, StoreSettings};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde_json::json;

use crate::support::{GUILD, edit_time};

/// Histories that share a file, each in a channel of its own.
const TOGETHER: u64 = 100;

/// Messages of a history.
const MESSAGES: u64 = 4;

/// Something that happens in a history.
#[derive(Debug, Clone)]
enum Step {
    Whole {
        message: u64,
        content: String,
        edit: u32,
        embeds: usize,
        source: Source,
    },
    Partial {
        message: u64,
        content: Option<String>,
        edit: u32,
        embeds: Option<usize>,
    },
    Gone {
        message: u64,
        after: i64,
        before: i64,
        by: DeletedBy,
    },
    ChannelGone {
        after: i64,
        before: i64,
    },
}

/// A row as it should be, or is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    content: String,
    edited_at: Option<i64>,
    embeds: i64,
    /// By what, after and before which second.
    deleted: Option<(String, i64, i64)>,
    raw: String,
    /// The payloads of the earlier versions, oldest first.
    earlier: Vec<String>,
}

fn history(rng: &mut StdRng) -> Vec<Step> {
    let steps = rng.random_range(1..24);
    let mut history: Vec<Step> = (0..steps).map(|_| step(rng)).collect();
    if rng.random_bool(0.15) {
        let after = rng.random_range(0..3);
        history.push(Step::ChannelGone {
            after,
            before: after + rng.random_range(0..3),
        });
    }
    history
}

fn step(rng: &mut StdRng) -> Step {
    let message = rng.random_range(0..MESSAGES);
    let edit = rng.random_range(0..4);
    let text = |rng: &mut StdRng| -> String {
        let letters = ["a", "b", "c"];
        (0..rng.random_range(0..3))
            .filter_map(|_| letters.choose(rng).copied())
            .collect()
    };
    match rng.random_range(0..10) {
        0..=5 => Step::Whole {
            message,
            content: text(rng),
            edit,
            embeds: rng.random_range(0..3),
            source: *[Source::Gateway, Source::Rest, Source::Import]
                .choose(rng)
                .unwrap(),
        },
        6..=8 => Step::Partial {
            message,
            content: rng.random_bool(0.5).then(|| text(rng)),
            edit,
            embeds: rng.random_bool(0.5).then(|| rng.random_range(0..3)),
        },
        _ => {
            let after = rng.random_range(0..3);
            Step::Gone {
                message,
                after,
                before: after + rng.random_range(0..3),
                by: *[DeletedBy::Gateway, DeletedBy::Bulk, DeletedBy::Rescan]
                    .choose(rng)
                    .unwrap(),
            }
        }
    }
}

fn channel(history: u64) -> ChannelId {
    (1_400_000_000_000_000_000 + history * 1000)
        .try_into()
        .unwrap()
}

fn id(history: u64, message: u64) -> MessageId {
    let second = 1 + history * MESSAGES + message;
    (1_400_000_000_000_000_000 + ((1000 * second) << 22))
        .try_into()
        .unwrap()
}

fn guild() -> GuildId {
    GUILD.try_into().unwrap()
}

/// A second long after every message.
fn moment(second: i64) -> DateTime<Utc> {
    Utc.timestamp_opt(1_950_000_000 + second, 0).unwrap()
}

fn payload(history: u64, message: u64, content: &str, edit: u32, embeds: usize) -> String {
    let id = id(history, message);
    json!({
        "id": id.to_string(), "channel_id": channel(history).to_string(), "type": 0,
        "author": {"id": "77", "username": "ada"}, "content": content,
        "timestamp": id.created_at(), "edited_timestamp": edit_time(edit),
        "attachments": [], "embeds": vec![json!({"type": "link"}); embeds],
    })
    .to_string()
}

fn partial(
    history: u64,
    message: u64,
    content: Option<&str>,
    edit: u32,
    embeds: Option<usize>,
) -> String {
    let mut update = json!({
        "id": id(history, message).to_string(), "channel_id": channel(history).to_string(),
    });
    if let Some(content) = content {
        update["content"] = content.into();
    }
    if let Some(at) = edit_time(edit) {
        update["edited_timestamp"] = serde_json::to_value(at).unwrap();
    }
    if let Some(embeds) = embeds {
        update["embeds"] = vec![json!({"type": "link"}); embeds].into();
    }
    update.to_string()
}

/// Puts a step into a batch, as ingest does.
fn tell(batch: &mut Batch, history: u64, step: &Step) {
    match step {
        Step::Whole {
            message,
            content,
            edit,
            embeds,
            source,
        } => {
            let payload = payload(history, *message, content, *edit, *embeds);
            batch
                .messages
                .push(Message::read(guild(), *source, &payload).unwrap());
        }
        Step::Partial {
            message,
            content,
            edit,
            embeds,
        } => {
            let update = partial(history, *message, content.as_deref(), *edit, *embeds);
            batch.messages.push(read_update(guild(), &update).unwrap());
        }
        Step::Gone {
            message,
            after,
            before,
            by,
        } => {
            let gone = Gone {
                after: moment(*after),
                before: moment(*before),
                by: *by,
            };
            let id = id(history, *message);
            batch
                .messages
                .push(Message::gone(id, guild(), channel(history), gone));
        }
        Step::ChannelGone { after, before } => batch.channels_gone.push(ChannelGone {
            id: channel(history),
            after: moment(*after),
            before: moment(*before),
        }),
    }
}

/// What should be in the record, said without any of the service's code.
fn model(history: u64, steps: &[Step]) -> BTreeMap<MessageId, Row> {
    let mut rows = BTreeMap::new();
    for n in 0..MESSAGES {
        // The best payload of each edit: most embeds, then source, then text.
        let mut best: BTreeMap<u32, (usize, u8, String, String)> = BTreeMap::new();
        let mut contents: Vec<(u32, String)> = Vec::new();
        let mut embed_lists: Vec<(u32, usize)> = Vec::new();
        let mut ends: Vec<(i64, u8, &str, i64)> = Vec::new();
        for step in steps {
            match step {
                Step::Whole {
                    message,
                    content,
                    edit,
                    embeds,
                    source,
                } if *message == n => {
                    let raw = payload(history, n, content, *edit, *embeds);
                    let this = (*embeds, *source as u8, raw, content.clone());
                    let entry = best.entry(*edit).or_insert_with(|| this.clone());
                    if (this.0, this.1, &this.2) > (entry.0, entry.1, &entry.2) {
                        *entry = this;
                    }
                }
                Step::Partial {
                    message,
                    content,
                    edit,
                    embeds,
                } if *message == n => {
                    contents.extend(content.clone().map(|content| (*edit, content)));
                    embed_lists.extend(embeds.map(|embeds| (*edit, embeds)));
                }
                Step::Gone {
                    message,
                    after,
                    before,
                    by,
                } if *message == n => {
                    let order = match by {
                        DeletedBy::Gateway => 0,
                        DeletedBy::Bulk => 1,
                        DeletedBy::Channel => 2,
                        DeletedBy::Rescan => 3,
                    };
                    ends.push((*before, order, by.as_str(), *after));
                }
                Step::ChannelGone { after, before } => ends.push((*before, 2, "channel", *after)),
                _ => {}
            }
        }
        let Some((&edit, (embeds, _, raw, content))) = best.last_key_value() else {
            continue;
        };
        let mut row = Row {
            content: content.clone(),
            edited_at: edit_time(edit).map(|at| at.timestamp()),
            embeds: i64::try_from(*embeds).unwrap(),
            deleted: None,
            raw: raw.clone(),
            earlier: best
                .range(..edit)
                .map(|(_, version)| version.2.clone())
                .collect(),
        };
        let mut shown_edit = edit;
        // Of the contents of one edit the greater by its JSON text.
        let quoted = |content: &String| serde_json::to_string(content).unwrap();
        if let Some((later, content)) = contents.iter().max_by_key(|(edit, it)| (*edit, quoted(it)))
            && *later > edit
        {
            row.content.clone_from(content);
            shown_edit = shown_edit.max(*later);
        }
        if let Some((later, embeds)) = embed_lists.iter().max() {
            let embeds = i64::try_from(*embeds).unwrap();
            if *later > edit {
                row.embeds = embeds;
                shown_edit = shown_edit.max(*later);
            } else if *later == edit {
                row.embeds = row.embeds.max(embeds);
            }
        }
        row.edited_at = edit_time(shown_edit).map(|at| at.timestamp());
        // The earliest notice; of several at one time by kind, then the one that saw it last.
        if let Some((before, _, by, after)) = ends.iter().min_by_key(|end| (end.0, end.1, -end.3)) {
            row.deleted = Some(((*by).to_owned(), *after, *before));
        }
        rows.insert(id(history, n), row);
    }
    rows
}

fn found(settings: &StoreSettings) -> BTreeMap<MessageId, Row> {
    let connection = duckdb::Connection::open(&settings.path).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT message_id, content, epoch_us(edited_at), embed_count, deleted_by, \
             epoch_us(deleted_after), epoch_us(deleted_before), deleted, raw_json \
             FROM discord_messages",
        )
        .unwrap();
    let mut rows = BTreeMap::new();
    let mut read = statement.query([]).unwrap();
    let second = |us: i64| us / 1_000_000 - moment(0).timestamp();
    while let Some(row) = read.next().unwrap() {
        let id: i64 = row.get(0).unwrap();
        let edited: Option<i64> = row.get(2).unwrap();
        let by: Option<String> = row.get(4).unwrap();
        let deleted: bool = row.get(7).unwrap();
        assert_eq!(deleted, by.is_some());
        let shown = Row {
            content: row.get(1).unwrap(),
            edited_at: edited.map(|us| us / 1_000_000),
            embeds: row.get(3).unwrap(),
            deleted: by.map(|by| (by, second(row.get(5).unwrap()), second(row.get(6).unwrap()))),
            raw: row.get(8).unwrap(),
            earlier: Vec::new(),
        };
        let id = MessageId::try_from(id).unwrap();
        assert!(rows.insert(id, shown).is_none(), "{id} is there twice");
    }
    let mut statement = connection
        .prepare(
            "SELECT message_id, raw_json FROM message_versions \
             ORDER BY message_id, edited_at NULLS FIRST",
        )
        .unwrap();
    let mut read = statement.query([]).unwrap();
    while let Some(row) = read.next().unwrap() {
        let id: i64 = row.get(0).unwrap();
        let row_of = rows.get_mut(&MessageId::try_from(id).unwrap()).unwrap();
        row_of.earlier.push(row.get(1).unwrap());
    }
    rows
}

/// `make merges` runs ten thousand.
#[test]
fn histories_leave_what_a_naive_model_says() {
    let wanted: u64 = std::env::var("GUILDLAKE_HISTORIES").map_or(TOGETHER, |n| n.parse().unwrap());
    let seed: u64 = std::env::var("GUILDLAKE_SEED").map_or(2026, |n| n.parse().unwrap());
    let mut told = 0;
    for round in 0..wanted.div_ceil(TOGETHER) {
        let seed = seed + round;
        let mut rng = StdRng::seed_from_u64(seed);
        let histories: Vec<Vec<Step>> = (0..TOGETHER).map(|_| history(&mut rng)).collect();
        told += run(seed, &histories, &mut rng);
    }
    println!("{wanted} histories, {told} events told, seeds from {seed}");
}

/// Tells the histories to a record, and compares; answers how many events that were.
fn run(seed: u64, histories: &[Vec<Step>], rng: &mut StdRng) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = StoreSettings::new(folder.path().join("r.duckdb"), folder.path().join("t"));
    settings.hot_rows = 64;
    settings.small_run_rows = 192;
    let (mut record, mut reader) = Record::open(&settings).unwrap();
    let channels = (0..TOGETHER).map(|history| Channel {
        id: channel(history),
        guild_id: guild(),
        parent_id: None,
        channel_type: 0,
        name: "c".to_owned(),
    });
    // All of it was read, so that a channel's end says of each message that it was there until then.
    let covered = (0..histories.len() as u64).map(|history| Covered {
        channel_id: channel(history),
        span: IdSpan::ALL,
        session_id: None,
        asked_after: None,
        unreadable: Vec::new(),
    });
    let batch = Batch {
        channels: channels.collect(),
        covered: covered.collect(),
        ..Batch::default()
    };
    record.commit(&batch, Utc::now()).unwrap();

    let each = histories.iter().enumerate();
    let mut events: Vec<(u64, &Step)> = each
        .flat_map(|(history, steps)| steps.iter().map(move |step| (history as u64, step)))
        .collect();
    let again: Vec<_> = events
        .iter()
        .filter(|_| rng.random_bool(0.3))
        .copied()
        .collect();
    events.extend(again);
    events.shuffle(rng);
    let told = events.len();
    let mut left = events.as_slice();
    while !left.is_empty() {
        let (now, rest) = left.split_at(rng.random_range(1..40).min(left.len()));
        left = rest;
        let mut batch = Batch::default();
        for (history, step) in now {
            tell(&mut batch, *history, step);
        }
        record
            .commit(&batch, Utc::now() + TimeDelta::seconds(1))
            .unwrap();
        record.maintain().unwrap();
        // A move goes on beside some commits.
        if rng.random_bool(0.3) {
            record.finish_move().unwrap();
        }
        if rng.random_bool(0.05) {
            drop((record, reader));
            (record, reader) = Record::open(&settings).unwrap();
        }
    }
    drop((record, reader));
    let found = found(&settings);
    for (history, steps) in histories.iter().enumerate() {
        let history = history as u64;
        let ids = id(history, 0)..id(history + 1, 0);
        let rows: BTreeMap<_, _> = found
            .range(ids)
            .map(|(id, row)| (*id, row.clone()))
            .collect();
        assert_eq!(
            rows,
            model(history, steps),
            "seed {seed}, history {history}: {steps:#?}"
        );
    }
    told
}

//! Random histories of messages, shuffled, repeated, split over batches and restarts: the rows and
//! versions in the record are those of a naive model, which knows nothing of the service's code. Its one rule is that
//! the last observation wins: of pins, flags, embeds in both directions, names, reactions and votes, over the socket,
//! history, partial updates and replays.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use guildlake::guild::{Channel, ChannelGone, Covered, Sighting};
use guildlake::message::{
    ChannelId, Counted, DeletedBy, Gone, GuildId, IdRange, Life, Message, MessageId, Observed,
    Source, Step as One, Tally, read_update,
};
use guildlake::store::{Batch, Record, StoreSettings};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use testkit::record::{GUILD, edit_time};

/// Histories that share a file, each in a channel of its own.
const TOGETHER: u64 = 100;

/// Messages of a history.
const MESSAGES: u64 = 4;

const EMOJI: [&str; 2] = ["\u{1f44d}", "901"];

/// Something that happens in a history, at a second.
#[derive(Debug, Clone)]
struct Step {
    at: i64,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Whole {
        message: u64,
        body: Body,
        edit: u32,
        path: Path,
        /// By emoji, and by answer.
        counts: [BTreeMap<String, i64>; 2],
    },
    Partial {
        message: u64,
        content: Option<String>,
        edit: u32,
        embeds: Option<usize>,
        pinned: Option<bool>,
    },
    Counted {
        message: u64,
        /// 0 a reaction, 1 a vote.
        which: usize,
        key: String,
        step: One,
    },
    AllCleared {
        message: u64,
    },
    Told {
        message: u64,
        after: i64,
        before: i64,
        by: DeletedBy,
    },
    NotShown {
        message: u64,
        after: i64,
    },
    ChannelTold {
        after: i64,
    },
    ChannelMissing {
        after: i64,
    },
    ChannelSeen,
}

/// What a payload says.
#[derive(Debug, Clone)]
struct Body {
    content: String,
    embeds: usize,
    pinned: bool,
    flags: u64,
    name: String,
}

/// How a payload came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    Create,
    Update,
    History,
    Import,
}

impl Path {
    fn source(self) -> Source {
        match self {
            Self::Create | Self::Update => Source::Gateway,
            Self::History => Source::Rest,
            Self::Import => Source::Import,
        }
    }
}

/// A row as it should be, or is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    content: String,
    edited_at: Option<i64>,
    embeds: i64,
    pinned: bool,
    name: String,
    /// By emoji, and by answer; none where only changes were told.
    counts: [Option<BTreeMap<String, i64>>; 2],
    /// By what, after and before which second.
    deleted: Option<(String, i64, i64)>,
    raw: String,
    /// The payloads of the earlier versions, oldest first.
    earlier: Vec<String>,
}

/// Steps at seconds of their own, a few at the same.
fn history(rng: &mut StdRng) -> Vec<Step> {
    let steps = rng.random_range(1..30);
    let mut seconds: Vec<i64> = (10..10 + steps).collect();
    seconds.shuffle(rng);
    let steps = seconds.into_iter().map(|at| Step {
        at,
        what: what(rng, at),
    });
    steps.collect()
}

fn what(rng: &mut StdRng, at: i64) -> What {
    let message = rng.random_range(0..MESSAGES);
    let edit = rng.random_range(0..3);
    let text = |rng: &mut StdRng| -> String {
        let letters = ["a", "b", "c"];
        (0..rng.random_range(0..3))
            .filter_map(|_| letters.choose(rng).copied())
            .collect()
    };
    match rng.random_range(0..100) {
        0..=44 => What::Whole {
            message,
            body: Body {
                content: text(rng),
                embeds: rng.random_range(0..3),
                pinned: rng.random_bool(0.5),
                flags: *[0, 2, 4, 8, 128].choose(rng).unwrap(),
                name: (*["ada", "ada_l", "zoe"].choose(rng).unwrap()).to_owned(),
            },
            edit,
            path: *[
                Path::Create,
                Path::Update,
                Path::Update,
                Path::History,
                Path::Import,
            ]
            .choose(rng)
            .unwrap(),
            counts: [
                EMOJI.map(|key| (key.to_owned(), rng.random_range(0..12))),
                ["1", "2"].map(|key| (key.to_owned(), rng.random_range(0..12))),
            ]
            .map(BTreeMap::from),
        },
        45..=59 => What::Partial {
            message,
            content: rng.random_bool(0.4).then(|| text(rng)),
            edit,
            embeds: rng.random_bool(0.5).then(|| rng.random_range(0..3)),
            pinned: rng.random_bool(0.4).then(|| rng.random_bool(0.5)),
        },
        60..=81 => {
            let which = rng.random_range(0..2);
            let key = [EMOJI, ["1", "2"]][which].choose(rng).unwrap();
            let steps: &[One] = match which {
                0 => &[One::Added, One::Added, One::Removed, One::Cleared],
                _ => &[One::Added, One::Added, One::Removed],
            };
            What::Counted {
                message,
                which,
                key: (*key).to_owned(),
                step: *steps.choose(rng).unwrap(),
            }
        }
        82..=83 => What::AllCleared { message },
        84..=86 => What::Told {
            message,
            after: at - rng.random_range(0..3),
            before: at,
            by: *[DeletedBy::Gateway, DeletedBy::Bulk].choose(rng).unwrap(),
        },
        87..=93 => What::NotShown {
            message,
            after: at - rng.random_range(0..3),
        },
        94 => What::ChannelTold {
            after: at - rng.random_range(0..3),
        },
        95..=97 => What::ChannelMissing {
            after: at - rng.random_range(0..3),
        },
        _ => What::ChannelSeen,
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

fn payload(
    history: u64,
    message: u64,
    body: &Body,
    edit: u32,
    path: Path,
    counts: &[BTreeMap<String, i64>; 2],
) -> String {
    let id = id(history, message);
    let mut payload = json!({
        "id": id.to_string(), "channel_id": channel(history).to_string(), "type": 0,
        "author": {"id": "77", "username": body.name}, "content": body.content,
        "timestamp": id.created_at(), "edited_timestamp": edit_time(edit),
        "attachments": [], "embeds": vec![json!({"type": "link"}); body.embeds],
        "pinned": body.pinned, "flags": body.flags,
        "poll": {"question": {"text": "?"}, "answers": []},
    });
    // The socket tells of no counts.
    if path.source() != Source::Gateway {
        let [reactions, votes] = counts;
        let told = reactions.iter().filter(|(_, count)| **count > 0);
        let reactions: Vec<Value> = told
            .map(|(key, count)| json!({"emoji": emoji(key), "count": count}))
            .collect();
        if !reactions.is_empty() {
            payload["reactions"] = reactions.into();
        }
        let votes = votes.iter().map(|(key, count)| {
            let answer: i64 = key.parse().unwrap();
            json!({"id": answer, "count": count})
        });
        let votes: Vec<Value> = votes.collect();
        payload["poll"]["results"] = json!({"answer_counts": votes});
    }
    payload.to_string()
}

fn emoji(key: &str) -> Value {
    if key.bytes().all(|byte| byte.is_ascii_digit()) {
        json!({"id": key, "name": "own"})
    } else {
        json!({"id": null, "name": key})
    }
}

/// Puts a step into a batch, as ingest does.
fn tell(batch: &mut Batch, history: u64, step: &Step) {
    let at = moment(step.at);
    let observed = Observed::asked(at);
    let unknown = |message: u64| Message::unknown(id(history, message), guild(), channel(history));
    match &step.what {
        What::Whole {
            message,
            body,
            edit,
            path,
            counts,
        } => {
            let payload = payload(history, *message, body, *edit, *path, counts);
            let read = match path {
                Path::Update => read_update(guild(), observed, &payload),
                _ => Message::read(guild(), path.source(), observed, &payload),
            };
            batch.messages.push(read.unwrap());
        }
        What::Partial {
            message,
            content,
            edit,
            embeds,
            pinned,
        } => {
            let mut update = json!({
                "id": id(history, *message).to_string(), "channel_id": channel(history).to_string(),
            });
            if let Some(content) = content {
                update["content"] = content.as_str().into();
            }
            if let Some(at) = edit_time(*edit) {
                update["edited_timestamp"] = serde_json::to_value(at).unwrap();
            }
            if let Some(embeds) = *embeds {
                update["embeds"] = vec![json!({"type": "link"}); embeds].into();
            }
            if let Some(pinned) = *pinned {
                update["pinned"] = pinned.into();
            }
            let update = read_update(guild(), observed, &update.to_string());
            batch.messages.push(update.unwrap());
        }
        What::Counted {
            message,
            which,
            key,
            step,
        } => {
            let counted = Counted {
                key: key.clone(),
                name: None,
            };
            let tally = Tally::change(observed, counted, *step, false);
            let mut read = unknown(*message);
            read.life = Life::alive(at);
            match which {
                0 => read.reactions = tally,
                _ => read.votes = tally,
            }
            batch.messages.push(read);
        }
        What::AllCleared { message } => batch.messages.push(Message {
            reactions: Tally::whole(observed, true, Vec::new()),
            life: Life::alive(at),
            ..unknown(*message)
        }),
        What::Told {
            message,
            after,
            before,
            by,
        } => {
            let id = id(history, *message);
            let gone = Gone::new(id, moment(*after), moment(*before), *by);
            let told = Message::told_gone(id, guild(), channel(history), gone);
            batch.messages.push(told);
        }
        What::NotShown { message, after } => {
            let id = id(history, *message);
            let gone = Gone::new(id, moment(*after), at, DeletedBy::Rescan);
            let told = Message::not_shown(id, guild(), channel(history), gone, at);
            batch.messages.push(told);
        }
        What::ChannelTold { after } | What::ChannelMissing { after } => {
            let is_told = matches!(step.what, What::ChannelTold { .. });
            batch.channels_gone.push(ChannelGone {
                id: channel(history),
                after: moment(*after),
                before: at,
                asked_at: (!is_told).then_some(at),
            });
        }
        What::ChannelSeen => batch.sightings.push(Sighting {
            id: channel(history),
            at,
        }),
    }
}

/// The message that a step is about.
fn about(step: &Step) -> Option<u64> {
    match &step.what {
        What::Whole { message, .. }
        | What::Partial { message, .. }
        | What::Counted { message, .. }
        | What::AllCleared { message }
        | What::Told { message, .. }
        | What::NotShown { message, .. } => Some(*message),
        _ => None,
    }
}

/// Whether a step shows that a message, or its channel, is there.
fn shows_life(step: &Step) -> bool {
    !matches!(
        step.what,
        What::Told { .. }
            | What::NotShown { .. }
            | What::ChannelTold { .. }
            | What::ChannelMissing { .. }
    )
}

/// What should be in the record, said without any of the service's code: the steps in the order of their times, each
/// taking the place of what was there.
fn model(history: u64, steps: &[Step]) -> BTreeMap<MessageId, Row> {
    let mut in_order: Vec<&Step> = steps.iter().collect();
    in_order.sort_by_key(|step| step.at);
    let mut rows = BTreeMap::new();
    for n in 0..MESSAGES {
        let of_message = || in_order.iter().filter(|step| about(step) == Some(n));
        // Of each edit the last payload.
        let mut last: BTreeMap<u32, (i64, &Body, String)> = BTreeMap::new();
        for step in of_message() {
            if let What::Whole {
                body,
                edit,
                path,
                counts,
                ..
            } = &step.what
            {
                let raw = payload(history, n, body, *edit, *path, counts);
                last.insert(*edit, (step.at, body, raw));
            }
        }
        let Some((&edit, (shown_at, body, raw))) = last.last_key_value() else {
            continue;
        };
        let mut row = Row {
            content: body.content.clone(),
            edited_at: None,
            embeds: i64::try_from(body.embeds).unwrap(),
            pinned: body.pinned,
            name: body.name.clone(),
            counts: counts(of_message().copied()),
            deleted: None,
            raw: raw.clone(),
            earlier: last
                .range(..edit)
                .map(|(_, (_, _, raw))| raw.clone())
                .collect(),
        };
        let shown_edit = lay_over(&mut row, of_message().copied(), edit, *shown_at);
        row.edited_at = edit_time(shown_edit).map(|at| at.timestamp());
        row.deleted = deleted(of_message().copied(), &in_order);
        rows.insert(id(history, n), row);
    }
    rows
}

/// Field by field: what came with a later edit, or with the same one later; and over that what came without an edit,
/// later. Answers the edit that is shown.
fn lay_over<'a>(
    row: &mut Row,
    steps: impl Iterator<Item = &'a Step>,
    edit: u32,
    shown_at: i64,
) -> u32 {
    /// The last value of a field with an edit, by the edit, and the last without one.
    type Field<T> = (Option<(u32, i64, T)>, Option<(i64, T)>);
    fn note<T: Clone>(field: &mut Field<T>, edit: u32, at: i64, value: Option<&T>) {
        let Some(value) = value.cloned() else { return };
        if edit == 0 {
            field.1 = Some((at, value));
        } else if field.0.as_ref().is_none_or(|(known, ..)| *known <= edit) {
            field.0 = Some((edit, at, value));
        }
    }
    fn shown<T: Clone>(field: &Field<T>, edit: u32, at: i64) -> Option<(u32, T)> {
        let with = field.0.as_ref();
        let with = with.filter(|it| it.0 > edit || it.0 == edit && it.1 > at);
        let (with_edit, base) = with.map_or((0, at), |it| (it.0, it.1));
        match field.1.as_ref().filter(|it| it.0 > base) {
            Some((_, value)) => Some((with_edit, value.clone())),
            None => with.map(|it| (it.0, it.2.clone())),
        }
    }
    let mut contents: Field<String> = (None, None);
    let mut embed_lists: Field<usize> = (None, None);
    let mut pins: Field<bool> = (None, None);
    for step in steps {
        if let What::Partial {
            content,
            edit,
            embeds,
            pinned,
            ..
        } = &step.what
        {
            note(&mut contents, *edit, step.at, content.as_ref());
            note(&mut embed_lists, *edit, step.at, embeds.as_ref());
            note(&mut pins, *edit, step.at, pinned.as_ref());
        }
    }
    let mut shown_edit = edit;
    if let Some((later, content)) = shown(&contents, edit, shown_at) {
        row.content = content;
        shown_edit = shown_edit.max(later);
    }
    if let Some((later, embeds)) = shown(&embed_lists, edit, shown_at) {
        row.embeds = i64::try_from(embeds).unwrap();
        shown_edit = shown_edit.max(later);
    }
    if let Some((later, pinned)) = shown(&pins, edit, shown_at) {
        row.pinned = pinned;
        shown_edit = shown_edit.max(later);
    }
    shown_edit
}

/// What is counted: all that a payload tells, then one more or less by each event. Before the first such payload nobody
/// knows it.
fn counts<'a>(steps: impl Iterator<Item = &'a Step>) -> [Option<BTreeMap<String, i64>>; 2] {
    let mut found: [Option<BTreeMap<String, i64>>; 2] = [None, None];
    for step in steps {
        match &step.what {
            What::Whole { path, counts, .. } => match path {
                Path::Create => found = [(); 2].map(|()| Some(BTreeMap::new())),
                Path::Update => {}
                Path::History | Path::Import => found = counts.clone().map(Some),
            },
            What::AllCleared { .. } => found[0] = Some(BTreeMap::new()),
            What::Counted {
                which, key, step, ..
            } => {
                let Some(found) = &mut found[*which] else {
                    continue;
                };
                let count = found.entry(key.clone()).or_default();
                match step {
                    One::Added => *count += 1,
                    One::Removed => *count -= 1,
                    One::Cleared => *count = 0,
                }
            }
            _ => {}
        }
    }
    for found in found.iter_mut().flatten() {
        found.retain(|_, count| *count > 0);
    }
    found
}

/// How a message went: as it was told, but not there for longer than the last reading says that did not show it, if
/// nothing showed it since; else by that reading; else with its missing channel, if nothing showed that since.
fn deleted<'a>(
    of_message: impl Iterator<Item = &'a Step>,
    in_order: &[&Step],
) -> Option<(String, i64, i64)> {
    let of_message: Vec<_> = of_message.collect();
    let told = of_message.iter().filter_map(|step| match step.what {
        What::Told {
            after, before, by, ..
        } => Some((before, by == DeletedBy::Bulk, by.as_str(), after)),
        _ => None,
    });
    let with_channel = in_order.iter().filter_map(|step| match step.what {
        What::ChannelTold { after } => Some((step.at, true, "channel", after)),
        _ => None,
    });
    let told = told.chain(with_channel);
    let last_alive = of_message.iter().filter(|step| shows_life(step));
    let last_alive = last_alive.map(|step| step.at).max().unwrap_or(0);
    let not_shown = of_message.iter().rev().find_map(|step| match step.what {
        What::NotShown { after, .. } if step.at > last_alive => Some((after, step.at)),
        _ => None,
    });
    if let Some((before, _, by, after)) = told.min_by_key(|end| (end.0, end.1, -end.3)) {
        let after = not_shown.map_or(after, |(absent, _)| after.min(absent));
        return Some((by.to_owned(), after, before));
    }
    if let Some((after, before)) = not_shown {
        return Some(("rescan".to_owned(), after, before));
    }
    let channel_alive = in_order.iter().filter(|step| shows_life(step));
    let channel_alive = channel_alive.map(|step| step.at).max().unwrap_or(0);
    in_order.iter().rev().find_map(|step| match step.what {
        What::ChannelMissing { after } if step.at > channel_alive => {
            Some(("missing_channel".to_owned(), after, step.at))
        }
        _ => None,
    })
}

fn found(settings: &StoreSettings) -> BTreeMap<MessageId, Row> {
    let connection = duckdb::Connection::open(&settings.path).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT message_id, content, epoch_us(edited_at), embed_count, deleted_by, \
             epoch_us(deleted_after), epoch_us(deleted_before), deleted, raw_json, author_name, \
             patch_json, reactions, poll_votes, reaction_count FROM discord_messages",
        )
        .unwrap();
    let mut rows = BTreeMap::new();
    let mut read = statement.query([]).unwrap();
    let second = |us: i64| us / 1_000_000 - moment(0).timestamp();
    let list = |json: Option<String>, keys: [&str; 2]| -> Option<BTreeMap<String, i64>> {
        let list: Vec<Value> = serde_json::from_str(&json?).unwrap();
        let each = list.iter().map(|item| {
            let key = keys.iter().find(|key| !item[**key].is_null()).unwrap();
            let key = item[*key].as_str().map(str::to_owned);
            let key = key.unwrap_or_else(|| item["answer_id"].to_string());
            (key, item["count"].as_i64().unwrap())
        });
        Some(each.collect())
    };
    while let Some(row) = read.next().unwrap() {
        let id: i64 = row.get(0).unwrap();
        let edited: Option<i64> = row.get(2).unwrap();
        let by: Option<String> = row.get(4).unwrap();
        let deleted: bool = row.get(7).unwrap();
        assert_eq!(deleted, by.is_some());
        let raw: String = row.get(8).unwrap();
        let mut shown: Value = serde_json::from_str(&raw).unwrap();
        let changed: Option<String> = row.get(10).unwrap();
        if let Some(changed) = changed {
            let changed: HashMap<String, Value> = serde_json::from_str(&changed).unwrap();
            for (field, value) in changed {
                shown[field] = value;
            }
        }
        let counts = [
            list(row.get(11).unwrap(), ["emoji_id", "emoji_name"]),
            list(row.get(12).unwrap(), ["answer_id", "answer_id"]),
        ];
        let reactions: Option<i64> = row.get(13).unwrap();
        let sum = |counts: &BTreeMap<String, i64>| counts.values().sum::<i64>();
        assert_eq!(reactions, counts[0].as_ref().map(sum));
        let shown = Row {
            content: row.get(1).unwrap(),
            edited_at: edited.map(|us| us / 1_000_000),
            embeds: row.get(3).unwrap(),
            pinned: shown["pinned"].as_bool().unwrap(),
            name: row.get(9).unwrap(),
            counts,
            deleted: by.map(|by| (by, second(row.get(5).unwrap()), second(row.get(6).unwrap()))),
            raw,
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

/// `make histories` runs ten thousand.
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
        range: IdRange::ALL,
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
            // Each start lists the channels: what was seen is seen again.
            let mut batch = Batch::default();
            let until_now = &events[..told - left.len()];
            for (history, step) in until_now {
                if matches!(step.what, What::ChannelSeen) {
                    tell(&mut batch, *history, step);
                }
            }
            record.commit(&batch, Utc::now()).unwrap();
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
        let expected = model(history, steps);
        for n in 0..MESSAGES {
            let of_message: Vec<_> = steps
                .iter()
                .filter(|step| about(step).is_none_or(|about| about == n))
                .collect();
            let mut found = rows.get(&id(history, n)).cloned();
            let expected = expected.get(&id(history, n)).cloned();
            // Of a channel that was missing before, nobody knows whether its messages were there until the last time.
            if let Some(found) = &mut found
                && let Some(expected) = &expected
                && let Some((by, after, _)) = &mut found.deleted
                && let Some((_, latest, _)) = &expected.deleted
                && by.contains("channel")
                && *after < *latest
            {
                *after = *latest;
            }
            assert_eq!(
                found, expected,
                "seed {seed}, history {history}, message {n}: {of_message:?}"
            );
        }
    }
    told
}

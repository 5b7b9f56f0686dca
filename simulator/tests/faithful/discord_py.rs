//! discord.py, in a Python of its own.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::process::Stdio;

use serde::Deserialize;
use simulator::{TruthMessage, TruthPoll, unix_ms};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::{Counts, PATIENCE, by_event, is_live, live, readable, start, true_counts, truth};

/// A message as discord.py understood it; a message that came only by its delete has nothing but that.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Seen {
    channel: String,
    author: String,
    content: String,
    edited: Option<i64>,
    created: Option<u64>,
    attachments: usize,
    embeds: usize,
    r#type: u8,
    pinned: bool,
    flags: u64,
    reactions: Counts,
    votes: Option<BTreeMap<String, u32>>,
    finalized: Option<bool>,
    deleted: bool,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Said {
    Resumed,
    Error {
        r#where: String,
        trace: String,
    },
    End {
        guilds: HashMap<String, usize>,
        seen: HashMap<String, Seen>,
        history: HashMap<String, Vec<(String, Seen)>>,
        resumed: u64,
        // Of a message that is older than the session the sum can be below zero.
        reactions: HashMap<String, BTreeMap<String, (i64, i64)>>,
        votes: HashMap<String, BTreeMap<String, i64>>,
    },
}

/// The Python that has discord.py.
fn python() -> PathBuf {
    let path = match std::env::var_os("GUILDLAKE_PYTHON") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/venv/bin/python"),
    };
    assert!(
        path.exists(),
        "no Python at {}: run `make venv` in the workspace (it installs tests/requirements.txt), or set GUILDLAKE_PYTHON",
        path.display()
    );
    path
}

fn check(id: u64, seen: &Seen, truth: &TruthMessage) {
    assert_eq!(
        seen.channel,
        truth.channel_id.to_string(),
        "channel of {id}"
    );
    assert_eq!(seen.author, truth.author_id.to_string(), "author of {id}");
    // discord.py shows nothing but the text; so do we, except that it takes U+0000 and the like as they are.
    assert_eq!(seen.content, truth.content, "content of {id}");
    assert_eq!(seen.created, Some(unix_ms(id)), "time of {id}");
    assert_eq!(
        seen.attachments, truth.attachment_count,
        "attachments of {id}"
    );
    assert_eq!(seen.embeds, truth.embed_count, "embeds of {id}");
    assert_eq!(seen.r#type, truth.kind, "type of {id}");
    assert_eq!(seen.pinned, truth.pinned, "pin of {id}");
    assert_eq!(seen.flags, truth.flags, "flags of {id}");
    let edited = truth
        .edited_timestamp
        .as_ref()
        .map(|time| milliseconds(time));
    assert_eq!(seen.edited, edited, "edit time of {id}");
}

/// Answers have texts for keys in JSON.
fn by_name(poll: &TruthPoll) -> BTreeMap<String, u32> {
    let votes = poll.votes.iter();
    votes.map(|(id, count)| (id.to_string(), *count)).collect()
}

fn milliseconds(time: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(time)
        .unwrap()
        .timestamp_millis()
}

#[tokio::test]
async fn discord_py_sees_the_truth() {
    let seed = 11;
    let simulator = start(seed).await;
    let started = simulator.now_ms();
    let mut child = Command::new(python())
        .arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/faithful/client.py"))
        .env("SIMULATOR_API_URL", simulator.api_url())
        .env("SIMULATOR_TOKEN", simulator.token())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let day = async { live(&simulator, seed).await };
    let listen = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            match serde_json::from_str(&line).unwrap() {
                Said::Resumed => {}
                Said::Error { r#where, trace } => {
                    panic!("discord.py failed in {where}: {trace}", r#where = r#where)
                }
                Said::End {
                    guilds,
                    seen,
                    history,
                    resumed,
                    reactions,
                    votes,
                } => return (guilds, seen, history, resumed, reactions, votes),
            }
        }
        panic!("discord.py ended without a word (what it said is above; `make venv` installs it)");
    };
    let both = async { tokio::join!(day, listen).1 };
    let (guilds, seen, history, resumed, reactions, votes) = tokio::time::timeout(PATIENCE, both)
        .await
        .expect("discord.py is in time");
    assert_eq!((guilds.len(), resumed), (2, 2));
    assert!(guilds.values().all(|places| *places > 10), "{guilds:?}");

    let truth = truth(&simulator);
    for (id, seen) in &seen {
        let id: u64 = id.parse().unwrap();
        let true_one = &truth[&id];
        assert_eq!(
            seen.deleted,
            true_one.deleted_by.is_some_and(by_event),
            "whether {id} is deleted"
        );
        if !seen.channel.is_empty() && !seen.deleted {
            check(id, seen, true_one);
        }
    }
    let told = truth
        .values()
        .filter(|message| message.gateway.is_some())
        .count();
    assert!(told > 300, "the burst was not empty: {told}");
    for message in truth.values().filter(|message| message.gateway.is_some()) {
        assert!(
            seen.contains_key(&message.id.to_string()),
            "{} was not seen",
            message.id
        );
    }
    let mut responses = 0;
    for message in truth.values().filter(|message| is_live(message, started)) {
        let id = message.id.to_string();
        let summed = reactions.get(&id).cloned().unwrap_or_default();
        let counted = true_counts(message).into_iter();
        let counted = counted.map(|(emoji, (count, burst))| (emoji, (count.into(), burst.into())));
        assert_eq!(summed, counted.collect(), "reactions of {id}");
        responses += summed.len();
        let Some(poll) = &message.poll else { continue };
        for (answer, count) in &poll.votes {
            let summed = votes
                .get(&id)
                .and_then(|votes| votes.get(&answer.to_string()));
            assert_eq!(
                summed.copied().unwrap_or(0),
                i64::from(*count),
                "votes of {id}"
            );
        }
    }
    assert!(responses > 5, "{responses} reactions were followed");
    let mut compared = 0;
    for room in readable(&simulator)
        .iter()
        .filter(|room| history.contains_key(&room.id.to_string()))
    {
        let paged = &history[&room.id.to_string()];
        let mut alive: Vec<_> = simulator
            .truth_in(room.id)
            .into_iter()
            .filter(|message| !message.deleted)
            .collect();
        alive.reverse();
        let ids: Vec<String> = alive.iter().map(|message| message.id.to_string()).collect();
        assert_eq!(
            paged.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(),
            ids,
            "{}",
            room.name
        );
        for ((_, seen), message) in paged.iter().zip(&alive) {
            check(message.id, seen, message);
            assert_eq!(seen.reactions, true_counts(message), "{message:?}");
            let poll = message.poll.as_ref();
            assert_eq!(seen.votes, poll.map(by_name));
            assert_eq!(seen.finalized, poll.map(|poll| poll.finalized));
        }
        compared += alive.len();
    }
    assert!(compared > 500, "{compared} messages compared");
    simulator.stop().await;
}

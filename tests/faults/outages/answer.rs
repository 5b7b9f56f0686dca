//! What the service says over HTTP: its rows, and what it claims of them.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde_json::Value;

use testkit::program::KEY;
use testkit::truth::{Outside, reactions, votes};

/// A row, its times in Unix milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) channel_id: u64,
    pub(crate) content: String,
    pub(crate) edited: Option<u64>,
    pub(crate) deleted: bool,
    pub(crate) deleted_by: Option<String>,
    pub(crate) deleted_after: Option<u64>,
    pub(crate) deleted_before: Option<u64>,
    pub(crate) outside: Outside,
}

/// What is claimed of a message's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Messages may be missing, for this reason; or nothing is said of it at all.
    Gap(String),
    /// It is there; edits and deletes from that time on may be missing.
    Stale(u64),
    /// It is there as it is.
    Sure,
}

/// An outage as it is told.
#[derive(Clone, Debug)]
pub(crate) struct ToldOutage {
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) reason: String,
}

/// Everything that is answered at one moment.
pub(crate) struct Answer {
    pub(crate) rows: HashMap<u64, Row>,
    /// Rows that were there twice.
    pub(crate) doubled: Vec<u64>,
    /// Per channel the ends of its ranges, and what is claimed of each.
    ranges: HashMap<u64, BTreeMap<u64, (u64, Claim)>>,
    pub(crate) outages: Vec<ToldOutage>,
}

/// Asks a service that runs.
pub(crate) struct Asker {
    http: reqwest::Client,
    base: String,
    guild: u64,
}

impl Asker {
    pub(crate) fn new(base: &str, guild: u64) -> Self {
        // reqwest takes no TLS provider by itself; this address needs none.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            base: base.to_owned(),
            guild,
        }
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}/v1/{path}", self.base);
        let answer = self.http.get(&url).header("x-api-key", KEY).send().await;
        let answer = answer.unwrap();
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// Everything of these channels, and all that is claimed.
    pub(crate) async fn ask(&self, channels: &[u64]) -> Answer {
        let guild = self.guild;
        let coverage = self
            .get(&format!("coverage?guild_id={guild}&limit=500"))
            .await;
        assert_eq!(coverage["has_more"], false);
        let mut answer = Answer {
            rows: HashMap::new(),
            doubled: Vec::new(),
            ranges: ranges(&coverage),
            outages: coverage["outages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|outage| ToldOutage {
                    began: time(&outage["began_at"]).unwrap(),
                    ended: time(&outage["ended_at"]).unwrap(),
                    reason: outage["reason"].as_str().unwrap().to_owned(),
                })
                .collect(),
        };
        for channel in channels {
            self.rows_of(*channel, &mut answer).await;
        }
        answer
    }

    async fn rows_of(&self, channel: u64, answer: &mut Answer) {
        let mut cursor = String::new();
        loop {
            let page = self
                .get(&format!(
                    "messages?guild_id={}&channel_id={channel}&include_deleted=true&include_raw=true&limit=500{cursor}",
                    self.guild
                ))
                .await;
            for row in page["data"].as_array().unwrap() {
                let id = number(&row["message_id"]);
                let row = Row {
                    channel_id: number(&row["channel_id"]),
                    content: row["content"].as_str().unwrap().to_owned(),
                    edited: time(&row["edited_at"]),
                    deleted: row["deleted"].as_bool().unwrap(),
                    deleted_by: row["deleted_by"].as_str().map(str::to_owned),
                    deleted_after: time(&row["deleted_after"]),
                    deleted_before: time(&row["deleted_before"]),
                    outside: outside(row),
                };
                if answer.rows.insert(id, row).is_some() {
                    answer.doubled.push(id);
                }
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return,
            }
        }
    }

    /// What is claimed when it is asked for this message's millisecond alone.
    pub(crate) async fn claim(&self, channel: u64, message: u64) -> Claim {
        let at = i64::try_from(simulator::unix_ms(message)).unwrap();
        let at = DateTime::<Utc>::from_timestamp_millis(at).unwrap();
        let form = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let to = form(at + chrono::TimeDelta::milliseconds(1));
        let coverage = self
            .get(&format!(
                "coverage?guild_id={}&channel_id={channel}&from={}&to={to}",
                self.guild,
                form(at)
            ))
            .await;
        claim(&ranges(&coverage), channel, message)
    }
}

impl Answer {
    pub(crate) fn claim(&self, channel: u64, message: u64) -> Claim {
        claim(&self.ranges, channel, message)
    }
}

/// What of a row is no edit. Here the simulator tells of all changes by whole payloads.
fn outside(row: &Value) -> Outside {
    let payload = &row["raw_json"];
    Outside {
        author_name: row["author_name"].as_str().unwrap().to_owned(),
        pinned: payload["pinned"].as_bool().unwrap(),
        flags: payload["flags"].as_u64().unwrap_or(0),
        embeds: usize::try_from(row["embed_count"].as_u64().unwrap()).unwrap(),
        reactions: reactions(row.get("reactions")),
        votes: votes(row.get("poll_votes")),
    }
}

type Ranges = HashMap<u64, BTreeMap<u64, (u64, Claim)>>;

fn ranges(coverage: &Value) -> Ranges {
    let channels = coverage["data"].as_array().unwrap().iter();
    let of = |channel: &Value| {
        let ranges = channel["ranges"].as_array().unwrap().iter();
        let each = ranges.map(|range| {
            let claim = match (range["gap_reason"].as_str(), time(&range["stale_since"])) {
                (Some(reason), _) => Claim::Gap(reason.to_owned()),
                (None, Some(since)) => Claim::Stale(since),
                (None, None) => Claim::Sure,
            };
            (number(&range["from_id"]), (number(&range["to_id"]), claim))
        });
        each.collect()
    };
    channels
        .map(|channel| (number(&channel["channel_id"]), of(channel)))
        .collect()
}

fn claim(ranges: &Ranges, channel: u64, message: u64) -> Claim {
    let within = ranges
        .get(&channel)
        .and_then(|ranges| ranges.range(..=message).next_back())
        .filter(|(_, (to, _))| message < *to);
    within.map_or_else(
        || Claim::Gap("nothing is said of it".to_owned()),
        |(_, (_, claim))| claim.clone(),
    )
}

fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

fn time(value: &Value) -> Option<u64> {
    let time: DateTime<Utc> = value.as_str()?.parse().unwrap();
    Some(u64::try_from(time.timestamp_millis()).unwrap())
}

//! A record with the follower of its index and the router over both, and the messages as they should be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use chrono::Utc;
use guildlake::api::{self, ApiState, Origins};
use guildlake::audit::AuditLog;
use guildlake::config::SearchSettings;
use guildlake::derived::rows::Rows;
use guildlake::derived::{search, snapshot};
use guildlake::message::{
    ChannelId, DeletedBy, Gone, GuildId, Message, MessageId, Source, snowflake_at,
};
use guildlake::report::Library;
use guildlake::status::{SearchState, Status, StatusSender};
use guildlake::store::{Batch, Record, StoreSettings};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::lake::{AUTHOR, CHANNEL, GUILD, KEY, at, keyring};
use crate::log::show_warnings;
use crate::payload::{self, observed};

/// How long anything may take before the test says that it hangs.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The words that messages are made of.
const WORDS: [&str; 8] = [
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron",
];

/// What the messages are: their texts, and whether they are deleted.
pub type Messages = BTreeMap<i64, (String, bool)>;

/// The service's parts that the search stands on, over a data folder.
pub struct Lake {
    record: Record,
    pub router: Router,
    search: search::Search,
    pub status: StatusSender,
    pub messages: Messages,
    stop: CancellationToken,
    following: JoinHandle<()>,
    edits: u32,
}

impl Lake {
    /// Opens what is in a folder, and follows it.
    pub fn open(folder: &Path, messages: Messages) -> Self {
        // What it says is shown where a test fails.
        show_warnings();
        let store = StoreSettings {
            threads: Some(1),
            readers: 3,
            ..StoreSettings::new(folder.join("guildlake.duckdb"), folder.join("spill"))
        };
        let (record, reader) = Record::open(&store).unwrap();
        let state = record.state().unwrap();
        let (status, receiver) = tokio::sync::watch::channel(Status::default());
        status.send_modify(|status| status.search.state = SearchState::Checking);
        let found = snapshot::Found::look(folder, &state);
        let settings = snapshot::Settings {
            interval: None,
            grace: PATIENCE,
            floor: Duration::ZERO,
        };
        let snapshots = snapshot::Follower::new(reader.clone(), found, settings, status.clone());
        let follower = search::Follower::new(
            reader.clone(),
            search::Found::look(folder, &state),
            SearchSettings::default().follower(),
            status.clone(),
        );
        let search = follower.search();
        let router = api::router(ApiState {
            reader,
            snapshots: snapshots.snapshots(),
            search: search.clone(),
            rows: Rows::off(),
            status: receiver,
            keyring: keyring(folder),
            audit: AuditLog::off(),
            rate_limit: None,
            library: Library::new(None),
            origins: Origins::default(),
            timeout: api::TIMEOUT,
        });
        let stop = CancellationToken::new();
        let following = tokio::spawn(follower.run(stop.clone()));
        Self {
            record,
            router,
            search,
            status,
            messages,
            stop,
            following,
            edits: 0,
        }
    }

    /// Stops, and closes the record; the messages as they should be.
    pub async fn stop(self) -> Messages {
        self.stop.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.following).await;
        ended.expect("the follower does not stop").unwrap();
        drop((self.router, self.search, self.record));
        self.messages
    }

    /// New messages, from the `from`th on, each of three words.
    pub fn add(&mut self, from: i64, count: i64) {
        let mut payloads = Vec::new();
        for n in from..from + count {
            let word = |step: i64| WORDS[usize::try_from(n * step % 8).unwrap()];
            let content = format!("{} {} {}", word(1), word(3), word(5));
            payloads.push(payload(nth(n), &content, None));
            self.messages.insert(nth(n), (content, false));
        }
        self.read(&payloads);
    }

    /// Each of these becomes another one.
    pub fn edit(&mut self, which: impl IntoIterator<Item = i64>) {
        self.edits += 1;
        let mut payloads = Vec::new();
        for n in which {
            let word = WORDS[usize::try_from(n % 8).unwrap()];
            let content = format!("edited {word} {}", self.edits);
            let edited_at = format!("2026-06-01T00:00:{:02}.000000+00:00", self.edits);
            payloads.push(payload(nth(n), &content, Some(&edited_at)));
            self.messages.get_mut(&nth(n)).unwrap().0 = content;
        }
        self.read(&payloads);
    }

    pub fn delete(&mut self, which: impl IntoIterator<Item = i64>) {
        let (after, before) = (at("2026-05-31T23:59:00Z"), at("2026-06-01T00:00:00Z"));
        let mut messages = Vec::new();
        for n in which {
            let id = MessageId::try_from(nth(n)).unwrap();
            let gone = Gone::new(id, after, before, DeletedBy::Gateway);
            messages.push(Message::told_gone(id, guild(), channel(), gone));
            self.messages.get_mut(&nth(n)).unwrap().1 = true;
        }
        self.commit(messages);
    }

    fn read(&mut self, payloads: &[String]) {
        let read =
            |payload: &String| Message::read(guild(), Source::Rest, observed(), payload).unwrap();
        let messages = payloads.iter().map(read).collect();
        self.commit(messages);
    }

    fn commit(&mut self, messages: Vec<Message>) {
        let batch = Batch {
            messages,
            ..Batch::default()
        };
        self.record.commit(&batch, Utc::now()).unwrap();
        let revision = self.revision();
        self.status.send_modify(|status| status.revision = revision);
    }

    pub fn checkpoint(&mut self) {
        self.record.checkpoint().unwrap();
    }

    pub fn revision(&self) -> i64 {
        self.record.state().unwrap().revision
    }

    /// Waits until everything is in the index.
    pub async fn caught_up(&self) {
        let revision = Some(self.revision());
        self.until(|status| {
            assert_ne!(
                status.search.state,
                SearchState::Failed,
                "it waits for help"
            );
            status.search.revision == revision && status.search.state == SearchState::Following
        })
        .await;
    }

    /// Waits until the status says so.
    pub async fn until(&self, condition: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.status.subscribe();
        let reached = tokio::time::timeout(PATIENCE, status.wait_for(condition)).await;
        let Ok(reached) = reached else {
            panic!("it hangs: {:?}", self.status.borrow().search)
        };
        reached.unwrap().clone()
    }

    /// What the API answers: its status, `retry-after`, and the body.
    pub async fn get(&self, path: &str) -> (u16, Option<String>, Value) {
        let request = Request::builder().uri(path).header("x-api-key", KEY);
        let request = request.body(Body::empty()).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let after = parts.headers.get("retry-after");
        (
            parts.status.as_u16(),
            after.map(|after| after.to_str().unwrap().to_owned()),
            serde_json::from_slice(&body).unwrap(),
        )
    }

    /// Compares what the index finds with what it should, word by word; each walk in pages.
    pub async fn compare(&self, what: &str) {
        self.caught_up().await;
        let documents = self.status.borrow().search.documents;
        assert_eq!(documents, self.messages.len() as u64, "{what}");
        for word in WORDS.into_iter().chain(["edited", "nothing"]) {
            for with_deleted in [false, true] {
                let has = |content: &str| content.split(' ').any(|it| it == word);
                let expected: Vec<i64> = self
                    .messages
                    .iter()
                    .filter(|(_, (content, deleted))| has(content) && (with_deleted || !deleted))
                    .map(|(id, _)| *id)
                    .collect();
                let found = self.walk(word, with_deleted, what).await;
                assert_eq!(found, expected, "{what}: {word}, {with_deleted}");
            }
        }
        self.has_each_message(what).await;
    }

    /// Asks for messages by their ids, for which the index is not needed.
    pub async fn has_each_message(&self, what: &str) {
        for (id, (content, deleted)) in self.messages.iter().step_by(7) {
            let (code, _, row) = self.get(&format!("/v1/messages/{id}")).await;
            assert_eq!(code, 200, "{what}: {id}: {row}");
            let said = (row["content"].as_str(), row["deleted"].as_bool());
            assert_eq!(
                said,
                (Some(content.as_str()), Some(*deleted)),
                "{what}: {id}"
            );
        }
    }

    /// A phrase, and what is left without it: in each order, as ranking goes another way.
    pub async fn compare_phrases(&self) {
        for (first, second) in WORDS
            .into_iter()
            .flat_map(|one| WORDS.map(|other| (one, other)))
        {
            let phrase = format!("{first} {second}");
            let (with, without): (Vec<_>, Vec<_>) = self
                .messages
                .iter()
                .filter(|(_, (_, deleted))| !deleted)
                .partition(|(_, (content, _))| content.contains(&phrase));
            for (q, expected) in [("", with), ("-", without)] {
                let path = format!("/v1/search?q={q}%22{first}%20{second}%22&highlights=false");
                for sort in ["oldest", "relevance"] {
                    let path = format!("{path}&limit=500&sort={sort}");
                    let mut found = self.all(&path, &phrase).await;
                    found.sort_unstable();
                    let expected: Vec<i64> = expected.iter().map(|(id, _)| **id).collect();
                    assert_eq!(found, expected, "{q}{phrase} {sort}");
                }
            }
        }
    }

    async fn walk(&self, word: &str, with_deleted: bool, what: &str) -> Vec<i64> {
        let path = format!(
            "/v1/search?q=%22{word}%22&sort=oldest&limit=37&include_deleted={with_deleted}"
        );
        self.all(&path, what).await
    }

    /// The ids on all pages.
    async fn all(&self, path: &str, what: &str) -> Vec<i64> {
        let mut ids = Vec::new();
        let mut cursor = String::new();
        loop {
            let (code, _, page) = self.get(&format!("{path}{cursor}")).await;
            assert_eq!(code, 200, "{what}: {page}");
            let rows = page["data"].as_array().unwrap();
            ids.extend(rows.iter().map(id_of));
            let Some(next) = page["next_cursor"].as_str() else {
                assert_eq!(page["total"], ids.len(), "{what}");
                return ids;
            };
            cursor = format!("&cursor={next}");
        }
    }
}

fn id_of(row: &Value) -> i64 {
    row["message_id"].as_str().unwrap().parse().unwrap()
}

fn guild() -> GuildId {
    GuildId::try_from(GUILD).unwrap()
}

fn channel() -> ChannelId {
    ChannelId::try_from(CHANNEL).unwrap()
}

/// The `n`th message's id: they are over a day apart, so that there are several months.
fn nth(n: i64) -> i64 {
    snowflake_at(at("2025-01-01T00:00:00Z") + chrono::Duration::hours(n * 29))
}

fn payload(id: i64, content: &str, edited_at: Option<&str>) -> String {
    let mut payload = payload::message(id, CHANNEL, AUTHOR, content);
    payload["edited_timestamp"] = json!(edited_at);
    payload.to_string()
}

/// Copies what is in a folder.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The folder of the index.
pub fn index(folder: &Path) -> PathBuf {
    folder.join("search/index")
}

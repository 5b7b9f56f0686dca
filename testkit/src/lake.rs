//! A record with messages in it, the router over it, and short ways to ask and to look.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use chrono::{DateTime, TimeDelta, Utc};
use guildlake::api::{self, ApiState, Origins, ServeSettings};
use guildlake::audit::{AuditFolder, AuditLog, AuditSettings};
use guildlake::config::{RowsSettings, SearchSettings};
use guildlake::derived::snapshot::{Follower, Found, Outcome, Settings};
use guildlake::derived::{rows, search};
use guildlake::guild::Channel;
use guildlake::keys::{Key, KeyFile, KeyFileError, Keyring, NewKey};
use guildlake::message::{
    ChannelId, DeletedBy, Gone, GuildId, Message, MessageId, Source, read_update, snowflake_at,
};
use guildlake::report::Library;
use guildlake::status::{Status, StatusSender};
use guildlake::store::{Batch, DeletedContent, Reader, Record, StoreSettings};
use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::payload::{self, observed};

pub const KEY: &str = "the-key-of-the-tests-0123456789";
pub const GUILD: i64 = 1_100_000_000_000_000_000;
pub const CHANNEL: i64 = 1_150_000_000_000_000_000;
/// Who writes the messages.
pub const AUTHOR: i64 = 1_000_000_000_000_000_001;
pub const MESSAGES: &str =
    "/v1/messages?guild_id=1100000000000000000&channel_id=1150000000000000000";

const FILE: &str = "guildlake.duckdb";
/// The folder of reports, beside the record.
pub const QUERIES: &str = "queries";

/// The keys of a folder; [`KEY`] may do everything.
pub fn keyring(folder: &Path) -> Keyring {
    Keyring::open(KeyFile::in_folder(folder), &SecretString::from(KEY)).unwrap()
}

/// The API over a record of its own.
pub struct Lake {
    pub record: Record,
    pub reader: Reader,
    pub follower: Follower,
    pub indexer: search::Follower,
    /// None if rows are to be read from the record.
    pub rows: Option<rows::Follower>,
    pub status: StatusSender,
    pub router: Router,
    pub folder: TempDir,
    pub keyring: Keyring,
    deleted_content: DeletedContent,
}

impl Lake {
    pub fn new() -> Self {
        Self::with(8, api::TIMEOUT)
    }

    /// With `readers` queries at once, and answers that may take `timeout`.
    pub fn with(readers: u32, timeout: Duration) -> Self {
        Self::open(
            tempfile::tempdir().unwrap(),
            readers,
            timeout,
            DeletedContent::Keep,
            None,
        )
    }

    /// In which each key has so many units per minute.
    pub fn limited(units: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let units = NonZeroU32::new(units);
        Self::open(folder, 8, api::TIMEOUT, DeletedContent::Keep, units)
    }

    /// In which a delete takes the content of a message with it.
    pub fn that_blanks() -> Self {
        Self::open(
            tempfile::tempdir().unwrap(),
            8,
            api::TIMEOUT,
            DeletedContent::RemoveAfter(TimeDelta::zero()),
            None,
        )
    }

    fn open(
        folder: TempDir,
        readers: u32,
        timeout: Duration,
        deleted_content: DeletedContent,
        rate_limit: Option<NonZeroU32>,
    ) -> Self {
        let settings = StoreSettings {
            readers,
            threads: Some(1),
            deleted_content,
            ..StoreSettings::new(folder.path().join(FILE), folder.path().join("spill"))
        };
        let queries = folder.path().join(QUERIES);
        std::fs::create_dir_all(&queries).unwrap();
        let (mut record, reader) = Record::open(&settings).unwrap();
        let (status, receiver) = tokio::sync::watch::channel(Status::default());
        let state = record.state().unwrap();
        let found = Found::look(folder.path(), &state);
        let settings = Settings {
            interval: None,
            grace: Duration::from_secs(3600),
            floor: Duration::ZERO,
        };
        let follower = Follower::new(reader.clone(), found, settings, status.clone());
        let indexer = search::Follower::new(
            reader.clone(),
            search::Found::look(folder.path(), &state),
            SearchSettings::default().follower(),
            status.clone(),
        );
        let rows = rows::Follower::new(
            reader.clone(),
            folder.path(),
            RowsSettings::default().follower(),
            status.clone(),
        );
        let feed = rows.feed();
        record.observe(move |changed| feed.committed(changed));
        let keyring = keyring(folder.path());
        let audit = AuditSettings {
            retention: Duration::from_secs(3600),
            max_bytes: u64::MAX,
        };
        let audit = AuditLog::start(AuditFolder::in_folder(folder.path()), audit).unwrap();
        let router = api::router(ApiState {
            reader: reader.clone(),
            snapshots: follower.snapshots(),
            search: indexer.search(),
            rows: rows.rows(),
            status: receiver,
            keyring: keyring.clone(),
            audit,
            rate_limit,
            library: Library::new(Some(queries)),
            origins: Origins::default(),
            timeout,
        });
        Self {
            record,
            reader,
            follower,
            indexer,
            rows: Some(rows),
            status,
            router,
            folder,
            keyring,
            deleted_content,
        }
    }

    /// Makes a key, which is valid at once; the key and its id.
    pub fn key(&self, key: NewKey) -> (String, String) {
        let (key, token) = key.make(Utc::now()).unwrap();
        let id = key.id.clone();
        self.change_keys(|keys| keys.push(key));
        (token.expose().to_owned(), id)
    }

    /// Changes the file of the keys as the command line does, and lets the service see it.
    pub fn change_keys<T>(&self, change: impl FnOnce(&mut Vec<Key>) -> T) -> T {
        let changed = self
            .keyring
            .file()
            .change(|keys| Ok::<_, KeyFileError>(change(keys)));
        self.keyring.read().unwrap();
        changed.unwrap()
    }

    /// A lake without a row store: every row is read from the record.
    pub fn without_rows(mut self) -> Self {
        self.rows = None;
        self
    }

    /// The same API with these origins.
    pub fn router_with(&self, origins: Origins) -> Router {
        api::router(ApiState {
            reader: self.reader.clone(),
            snapshots: self.follower.snapshots(),
            search: self.indexer.search(),
            rows: rows::Rows::off(),
            status: self.status.subscribe(),
            keyring: self.keyring.clone(),
            audit: AuditLog::off(),
            rate_limit: None,
            library: Library::new(None),
            origins,
            timeout: api::TIMEOUT,
        })
    }

    /// Brings the row store level with the record, unless it is already.
    pub async fn level(&self) {
        if let Some(rows) = &self.rows
            && !rows.rows().is_level()
        {
            let stop = CancellationToken::new();
            rows.catch_up_once(&stop).await.unwrap();
        }
    }

    /// Brings the index of the search up to the record.
    pub async fn index(&self) {
        let stop = CancellationToken::new();
        self.indexer.catch_up_once(&stop).await.unwrap();
    }

    /// Takes a snapshot.
    pub async fn snapshot(&self) -> Outcome {
        let stop = CancellationToken::new();
        self.follower.take(&stop).await.unwrap()
    }

    /// Messages with these payloads, from history.
    pub fn add(&mut self, payloads: impl IntoIterator<Item = String>) {
        let guild = GuildId::try_from(GUILD).unwrap();
        let messages = payloads
            .into_iter()
            .map(|payload| Message::read(guild, Source::Rest, observed(), &payload).unwrap())
            .collect();
        self.commit_messages(messages);
    }

    /// So many plain messages, a minute apart; their ids, oldest first.
    pub fn add_minutes(&mut self, count: i64) -> Vec<i64> {
        let ids: Vec<_> = (0..count).map(minute).collect();
        self.add(ids.iter().map(|&id| payload(id, &format!("message {id}"))));
        ids
    }

    pub fn delete(&mut self, id: i64) {
        let id = MessageId::try_from(id).unwrap();
        let (after, before) = (at("2025-05-31T23:59:00Z"), at("2025-06-01T00:00:00Z"));
        let gone = Gone::new(id, after, before, DeletedBy::Gateway);
        self.commit_messages(vec![Message::told_gone(
            id,
            GuildId::try_from(GUILD).unwrap(),
            ChannelId::try_from(CHANNEL).unwrap(),
            gone,
        )]);
    }

    /// A change of a message as the socket tells it, whole or in part.
    pub fn update(&mut self, payload: &str) {
        let guild = GuildId::try_from(GUILD).unwrap();
        self.commit_messages(vec![read_update(guild, observed(), payload).unwrap()]);
    }

    /// Stops, and starts again.
    pub fn restart(self) -> Self {
        let deleted_content = self.deleted_content;
        Self::open(self.stop(), 8, api::TIMEOUT, deleted_content, None)
    }

    /// A copy of the record's files while nothing is written.
    pub fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(self.folder.path()).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
            }
        }
        copy
    }

    /// Starts with what is in a folder.
    pub fn of(folder: TempDir) -> Self {
        Self::open(folder, 8, api::TIMEOUT, DeletedContent::Keep, None)
    }

    /// Changes rows behind the service's back.
    pub fn damage(self, sql: &str) -> Self {
        let deleted_content = self.deleted_content;
        let folder = self.stop();
        let connection = duckdb::Connection::open(folder.path().join(FILE)).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        Self::open(folder, 8, api::TIMEOUT, deleted_content, None)
    }

    /// Closes all that has the file open.
    fn stop(self) -> TempDir {
        let Self {
            record,
            reader,
            follower,
            indexer,
            rows,
            router,
            folder,
            status: _,
            keyring: _,
            deleted_content: _,
        } = self;
        drop((record, reader, follower, indexer, rows, router));
        folder
    }

    /// Commits a whole batch: messages, and the marks that speak for them.
    pub fn commit(&mut self, batch: &Batch) {
        self.record
            .commit(batch, at("2025-06-01T00:00:01Z"))
            .unwrap();
    }

    fn commit_messages(&mut self, messages: Vec<Message>) {
        self.commit(&Batch {
            messages,
            ..Batch::default()
        });
    }

    /// Asks with the key.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[("x-api-key", KEY)]).await
    }

    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        Answer::of(self.send(method, path, headers).await).await
    }

    /// The answer with its body unread.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> axum::http::Response<Body> {
        self.send_body(method, path, headers, Body::empty()).await
    }

    /// Sends JSON with a key.
    pub async fn post(&self, key: &str, method: Method, path: &str, body: &Value) -> Answer {
        let headers = [("x-api-key", key), ("content-type", "application/json")];
        let body = Body::from(body.to_string());
        Answer::of(self.send_body(method, path, &headers, body).await).await
    }

    async fn send_body(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> axum::http::Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).unwrap();
        self.level().await;
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Follows `next_cursor` to the end; the ids in the order they came.
    pub async fn walk(&self, path: &str) -> Vec<i64> {
        let mut ids = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{cursor}")).await.json();
            ids.extend(page.ids());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return ids,
            }
        }
    }
}

/// Asks a router with a key.
pub async fn asked(router: Router, method: Method, path: &str, key: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("x-api-key", key);
    let request = request.body(Body::empty()).unwrap();
    Answer::of(router.oneshot(request).await.unwrap()).await
}

/// The API of a lake on a port of its own.
pub struct Served {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Served {
    pub async fn new(lake: &Lake) -> Self {
        Self::with(lake.router.clone(), ServeSettings::default()).await
    }

    /// A router of the test's own.
    pub async fn with(router: Router, settings: ServeSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            api::serve(listener, router, settings, shutdown).await
        });
        Self {
            address,
            stop,
            server,
        }
    }

    /// Sends a request with the key and `Connection: close`.
    pub async fn ask(&self, method: &str, path: &str, more: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nx-api-key: {KEY}\r\nConnection: close\r\n{more}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        self.server.await.unwrap().unwrap();
    }
}

/// An answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub async fn of(response: axum::http::Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body of an answer that must be a 200.
    pub fn json(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body of an answer that must be a problem, with everything that a problem has.
    pub fn problem(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{} {}",
            self.status,
            self.text()
        );
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("/docs#{code}"));
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(
            problem["request_id"].as_str(),
            self.header("x-request-id"),
            "the id in the body is the one in the header"
        );
        assert_eq!(self.header("cache-control"), Some("no-store"));
        for text in ["title", "detail", "instance"] {
            assert!(!problem[text].as_str().unwrap().is_empty(), "{text}");
        }
        problem
    }

    /// Asserts a problem of this status and code.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) -> Value {
        let problem = self.problem();
        assert_eq!(
            (self.status.as_u16(), &problem["code"]),
            (status, &code.into())
        );
        problem
    }

    /// The parameters that a problem names, with the reasons.
    #[track_caller]
    pub fn bad_fields(&self) -> BTreeMap<String, String> {
        let problem = self.is_problem(400, "invalid_parameter");
        problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| {
                let text = |name: &str| error[name].as_str().unwrap().to_owned();
                (text("field"), text("reason"))
            })
            .collect()
    }
}

/// The ids of a page.
pub trait Ids {
    fn ids(&self) -> Vec<i64>;
}

impl Ids for Value {
    fn ids(&self) -> Vec<i64> {
        self["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["message_id"].as_str().unwrap().parse().unwrap())
            .collect()
    }
}

pub fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

/// The id of a message written so many minutes into 2025.
pub fn minute(minute: i64) -> i64 {
    snowflake_at(at("2025-01-01T00:00:00Z") + chrono::Duration::minutes(minute))
}

/// The guild's channel with this id.
pub fn channel(id: i64, channel_type: u8) -> Channel {
    Channel {
        id: ChannelId::try_from(id).unwrap(),
        guild_id: GuildId::try_from(GUILD).unwrap(),
        parent_id: None,
        channel_type,
        name: "general".to_owned(),
    }
}

/// What Discord sends for a message.
pub fn payload(id: i64, content: &str) -> String {
    payload::message(id, CHANNEL, AUTHOR, content).to_string()
}

/// The same after an edit at this time.
pub fn edited(id: i64, content: &str, edit: &str) -> String {
    payload(id, content).replace(
        r#""edited_timestamp":null"#,
        &format!(r#""edited_timestamp":"{edit}""#),
    )
}

/// The headers that must be the same for GET and HEAD: all that say something of the answer.
pub fn lasting(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut lasting = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in headers {
        if ![
            &header::DATE,
            &header::CONNECTION,
            &header::TRANSFER_ENCODING,
        ]
        .contains(&name)
            && name != "x-request-id"
        {
            let value = value.to_str().unwrap().to_owned();
            lasting.entry(name.to_string()).or_default().push(value);
        }
    }
    lasting
}

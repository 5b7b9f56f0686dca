//! A record with its follower, and short ways to change it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use duckdb::Connection;
use guildlake::derived::snapshot::{Follower, Found, Manifest, Outcome, Settings, SnapshotError};
use guildlake::guild::{Channel, Guild};
use guildlake::message::{
    ChannelId, DeletedBy, Gone, GuildId, Message, MessageId, Source, snowflake_at,
};
use guildlake::status::{Status, StatusSender};
use guildlake::store::{Batch, DeletedContent, Record, StoreSettings, Table};
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::payload::{self, observed};
use crate::record::edit_time;

pub mod reading;
use reading::manifest;

pub const GUILDS: [i64; 2] = [1_400_000_000_000_000_001, 1_400_000_000_000_000_002];

/// The data folder; removed at the end, if it is of this test alone.
pub struct Home {
    path: PathBuf,
    _folder: Option<TempDir>,
}

impl Home {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            path: folder.path().to_owned(),
            _folder: Some(folder),
        }
    }

    pub fn of(path: PathBuf) -> Self {
        Self {
            path,
            _folder: None,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

pub struct Lake {
    pub record: Record,
    pub follower: Follower,
    pub settings: Settings,
    pub store: StoreSettings,
    pub folder: Home,
}

impl Lake {
    pub fn new() -> Self {
        Self::open(Home::new(), DeletedContent::Keep, Duration::from_secs(3600))
    }

    pub fn open(folder: Home, deleted_content: DeletedContent, grace: Duration) -> Self {
        let mut store = StoreSettings::new(
            folder.path().join("guildlake.duckdb"),
            folder.path().join("tmp"),
        );
        store.threads = Some(1);
        store.hot_rows = 40;
        store.deleted_content = deleted_content;
        let settings = Settings {
            interval: None,
            grace,
            floor: Duration::ZERO,
        };
        Self::with(folder, store, settings)
    }

    fn with(folder: Home, store: StoreSettings, settings: Settings) -> Self {
        let (record, reader) = Record::open(&store).unwrap();
        let status = StatusSender::new(Status::default());
        let found = Found::look(folder.path(), &record.state().unwrap());
        let follower = Follower::new(reader, found, settings, status);
        Self {
            record,
            follower,
            settings,
            store,
            folder,
        }
    }

    /// Stops, lets `change` at the files, and starts again.
    pub fn restart(self, change: impl FnOnce(&Path)) -> Self {
        let Self {
            record,
            follower,
            settings,
            store,
            folder,
            ..
        } = self;
        drop((record, follower));
        change(folder.path());
        Self::with(folder, store, settings)
    }

    /// Starts again with other settings of the record.
    pub fn restart_with(mut self, change: impl FnOnce(&mut StoreSettings)) -> Self {
        change(&mut self.store);
        self.restart(|_| ())
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub async fn take(&self) -> Outcome {
        self.try_take().await.unwrap()
    }

    pub async fn try_take(&self) -> Result<Outcome, SnapshotError> {
        self.follower.take(&CancellationToken::new()).await
    }

    /// Takes one, and holds it against the record. Answers what it wrote.
    pub async fn take_and_compare(self) -> (Self, Outcome) {
        let outcome = self.take().await;
        (self.compare(&[]), outcome)
    }

    /// Holds the current snapshot against the record, table by table.
    pub fn compare(self, but: &[Table]) -> Self {
        let manifest = manifest(self.path());
        reading::check_files(self.path(), &manifest);
        let files: Vec<_> = Table::ALL
            .into_iter()
            .filter(|table| !but.contains(table))
            .map(|table| (table, reading::of_files(self.path(), &manifest, table)))
            .collect();
        self.restart(|folder| {
            let record = Connection::open(folder.join("guildlake.duckdb")).unwrap();
            for (table, found) in files {
                assert_eq!(found, reading::of_record(&record, table), "{table:?}");
            }
        })
    }

    pub fn manifest(&self) -> Manifest {
        manifest(self.path())
    }

    pub fn commit(&mut self, messages: Vec<Message>) {
        let batch = Batch {
            messages,
            ..Batch::default()
        };
        self.record.commit(&batch, Utc::now()).unwrap();
        self.record.maintain().unwrap();
    }

    /// A community's channels.
    pub fn name_channels(&mut self) {
        let guilds = GUILDS.map(|id| Guild {
            id: id.try_into().unwrap(),
            name: "a guild".to_owned(),
        });
        let channels = GUILDS.map(|guild| Channel {
            id: channel(guild, 0),
            guild_id: guild.try_into().unwrap(),
            parent_id: None,
            channel_type: 0,
            name: "general".to_owned(),
        });
        let batch = Batch {
            guilds: guilds.to_vec(),
            channels: channels.to_vec(),
            ..Batch::default()
        };
        self.record.commit(&batch, Utc::now()).unwrap();
    }

    /// So many messages of a month, in both guilds and three channels of each.
    pub fn add_month(&mut self, month: &str, count: i64) {
        let first = snowflake_at(at(&format!("{month}-01T00:00:00Z")));
        for guild in GUILDS {
            self.commit(
                (0..count)
                    .map(|n| {
                        whole(
                            guild,
                            n % 3,
                            first + ((n * 60_000) << 22) + guild % 2,
                            "text",
                            0,
                        )
                    })
                    .collect(),
            );
        }
    }
}

/// The id of the `n`th message of a month that [`Lake::add_month`] adds.
pub fn nth(guild: i64, month: &str, n: i64) -> i64 {
    snowflake_at(at(&format!("{month}-01T00:00:00Z"))) + ((n * 60_000) << 22) + guild % 2
}

pub fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

pub fn channel(guild: i64, n: i64) -> ChannelId {
    ChannelId::try_from(guild + 100 + n).unwrap()
}

/// A message as it is after so many edits.
pub fn whole(guild: i64, place: i64, id: i64, content: &str, edit: u32) -> Message {
    let mut payload = payload::message(id, channel(guild, place), 77, content);
    payload["edited_timestamp"] = json!(edit_time(edit));
    let guild = GuildId::try_from(guild).unwrap();
    Message::read(guild, Source::Gateway, observed(), &payload.to_string()).unwrap()
}

pub fn gone(guild: i64, place: i64, id: i64) -> Message {
    let id = MessageId::try_from(id).unwrap();
    let (after, before) = (at("2026-06-01T00:00:00Z"), at("2026-06-01T00:00:01Z"));
    let gone = Gone::new(id, after, before, DeletedBy::Gateway);
    Message::told_gone(id, guild.try_into().unwrap(), channel(guild, place), gone)
}

//! A record in a folder of its own, and payloads to put into it.

use chrono::{DateTime, TimeZone, Utc};
use guildlake::message::{ChannelId, GuildId, IdRange, Message, MessageId, Source};
use guildlake::store::{Batch, MessageRow, Order, PageRequest, Reader, Record, StoreSettings};
use serde_json::json;
use tempfile::TempDir;

use crate::payload::{self, observed};

pub const GUILD: u64 = 1_400_000_000_000_000_001;
pub const CHANNEL: u64 = 1_400_000_000_000_000_100;

pub struct TestRecord {
    pub record: Record,
    pub reader: Reader,
    pub settings: StoreSettings,
    _folder: TempDir,
}

impl TestRecord {
    /// A record that moves rows into runs after `hot_rows`.
    pub fn new(hot_rows: usize) -> Self {
        Self::with(hot_rows, |_| {})
    }

    /// The same with other settings.
    pub fn with(hot_rows: usize, change: impl FnOnce(&mut StoreSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = StoreSettings::new(
            folder.path().join("record.duckdb"),
            folder.path().join("tmp"),
        );
        settings.hot_rows = hot_rows;
        settings.small_run_rows = 3 * hot_rows;
        change(&mut settings);
        let (record, reader) = Record::open(&settings).unwrap();
        Self {
            record,
            reader,
            settings,
            _folder: folder,
        }
    }

    /// Its settings and its folder, closed.
    pub fn into_folder(self) -> (StoreSettings, TempDir) {
        (self.settings, self._folder)
    }

    /// What is in a folder.
    pub fn open(settings: StoreSettings, folder: TempDir) -> Self {
        let (record, reader) = Record::open(&settings).unwrap();
        Self {
            record,
            reader,
            settings,
            _folder: folder,
        }
    }

    pub fn commit(&mut self, messages: Vec<Message>) {
        let batch = Batch {
            messages,
            ..Batch::default()
        };
        let committed = self.record.commit(&batch, Utc::now()).unwrap();
        self.record.maintain().unwrap();
        // Half of the moves are under way while the next commit comes.
        if committed.number % 2 == 0 {
            self.record.finish_move().unwrap();
        }
    }

    /// Closes the file and opens it again, as a restart does.
    pub fn reopen(self) -> Self {
        self.look(|_| ()).0
    }

    /// The same, with a look into the file in between: a process opens it once only.
    pub fn look<T>(self, look: impl FnOnce(&duckdb::Connection) -> T) -> (Self, T) {
        let Self {
            record,
            reader,
            settings,
            _folder,
        } = self;
        drop((record, reader));
        let connection = duckdb::Connection::open(&settings.path).unwrap();
        let seen = look(&connection);
        drop(connection);
        let (record, reader) = Record::open(&settings).unwrap();
        let same = Self {
            record,
            reader,
            settings,
            _folder,
        };
        (same, seen)
    }

    /// All rows of the channel, deleted ones too, by ascending id.
    pub async fn rows(&self) -> Vec<MessageRow> {
        let request = PageRequest {
            guild_id: guild(),
            channel_id: channel(),
            range: IdRange::ALL,
            order: Order::Ascending,
            limit: 100_000,
            include_deleted: true,
            include_raw: true,
        };
        let page = self.reader.page(request).await.unwrap();
        assert_eq!(page.next_cursor, None);
        page.rows
    }
}

pub fn guild() -> GuildId {
    GUILD.try_into().unwrap()
}

pub fn channel() -> ChannelId {
    CHANNEL.try_into().unwrap()
}

/// The `n`th message of the channel: ids a second apart.
pub fn id(n: u64) -> MessageId {
    (CHANNEL + ((1000 * n) << 22)).try_into().unwrap()
}

/// The time of the `edit`th edit; none for 0.
pub fn edit_time(edit: u32) -> Option<DateTime<Utc>> {
    (edit > 0).then(|| {
        Utc.timestamp_opt(1_900_000_000 + i64::from(edit), 0)
            .unwrap()
    })
}

/// A whole payload.
pub fn payload(id: MessageId, content: &str, edit: u32, embeds: usize) -> String {
    let mut payload = payload::message(id.as_i64(), CHANNEL, 77, content);
    payload["flags"] = 0.into();
    payload["edited_timestamp"] = json!(edit_time(edit));
    payload["embeds"] = vec![json!({"type": "link"}); embeds].into();
    payload.to_string()
}

pub fn whole(id: MessageId, content: &str, edit: u32, embeds: usize, source: Source) -> Message {
    let payload = payload(id, content, edit, embeds);
    Message::read(guild(), source, observed(), &payload).unwrap()
}

//! The service over a simulated Discord, and the comparison of its record with the truth.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use duckdb::Connection;
use guildlake::config::{ApiSettings, DiscordSettings, Settings, StorageSettings};
use guildlake::discord::rest::RestSettings;
use guildlake::service;
use guildlake::status::{BackfillState, Status, StatusReceiver};
use simulator::{Burst, Community, Config, Simulator, TruthMessage};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const KEY: &str = "a-key-for-tests-0123456789";

/// How long anything may take before the test says that it hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A simulated Discord and a data folder, with or without a service over them.
pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) folder: TempDir,
    pub(crate) channels: Vec<u64>,
}

/// A service that runs.
pub(crate) struct Running {
    pub(crate) base: String,
    pub(crate) status: StatusReceiver,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

/// Whether to run at full size (`make full`): 50,000 messages in 40 channels and threads, bursts of
/// 5,000 events, an outage of 20 seconds.
pub(crate) fn full_size() -> bool {
    std::env::var_os("GUILDLAKE_FULL").is_some()
}

impl World {
    pub(crate) async fn new(seed: u64, messages: usize) -> Self {
        Self::with(Config::quick().with_community(Community {
            messages,
            ..Community::small(seed)
        }))
        .await
    }

    /// A community that is younger than the repair window: what a lost session makes doubtful is
    /// read again as far back as that window, and an edit of something older is not found.
    pub(crate) async fn young(seed: u64, config: Config) -> Self {
        let community = Community {
            days: 5,
            ..Community::small(seed)
        };
        Self::with(config.with_community(community)).await
    }

    pub(crate) async fn with(mut config: Config) -> Self {
        if full_size() {
            config.community = Community {
                guilds: 1,
                channels: 24,
                threads: 16,
                messages: 50_000,
                ..config.community
            };
        }
        println!("seed {}", config.community.seed);
        let _ = tracing_subscriber::fmt()
            .with_test_writer()
            .with_env_filter("warn,guildlake=debug")
            .try_init();
        Self {
            simulator: Simulator::start(config).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
            channels: Vec::new(),
        }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("guildlake.duckdb")
    }

    pub(crate) fn settings(&self) -> Settings {
        let guilds = self.simulator.guilds();
        Settings {
            api: ApiSettings {
                bind: ([127, 0, 0, 1], 0).into(),
                key: KEY.into(),
            },
            storage: StorageSettings::in_folder(self.folder.path().to_owned()),
            discord: Some(DiscordSettings {
                token: self.simulator.token().into(),
                guilds: guilds
                    .iter()
                    .map(|guild| guild.id.try_into().unwrap())
                    .collect(),
                channels: self
                    .channels
                    .iter()
                    .map(|id| (*id).try_into().unwrap())
                    .collect(),
                api_url: self.simulator.api_url().parse().unwrap(),
                rest: RestSettings {
                    requests_per_second: u16::MAX,
                    request_timeout: Duration::from_secs(2),
                    backoff_min: Duration::from_millis(5),
                    backoff_max: Duration::from_millis(50),
                    limit_min_wait: Duration::from_millis(5),
                    limit_default_wait: Duration::from_millis(20),
                    limit_max_wait: Duration::from_millis(200),
                    ..RestSettings::default()
                },
                settle: Duration::ZERO,
            }),
        }
    }

    /// Starts the service.
    pub(crate) async fn start(&self) -> Running {
        let settings = self.settings();
        let listener = TcpListener::bind(settings.api.bind).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let status = service::new_status();
        let stop = CancellationToken::new();
        Running {
            base,
            status: status.subscribe(),
            stop: stop.clone(),
            task: tokio::spawn(service::run(settings, listener, status, stop)),
        }
    }

    pub(crate) fn burst(&self, events: usize, seed: u64) {
        let events = if full_size() {
            events.max(5_000)
        } else {
            events
        };
        println!("burst of {events} events, seed {seed}");
        self.simulator.burst(Burst {
            events,
            seed,
            ..Burst::default()
        });
    }

    /// Waits until everything that Discord has said is in the record, and history is complete.
    pub(crate) async fn caught_up(&self, running: &mut Running) -> Status {
        running
            .until(|status| {
                status.backfill.state == BackfillState::Complete
                    && status.gateway.sequence >= self.simulator.sequence()
            })
            .await
    }

    /// Compares the record (of a service that was stopped) with the truth.
    pub(crate) fn assert_equals_truth(&self) {
        self.compare(false);
    }

    /// The same after a session was lost: nobody can know what came and went in between, nor what
    /// happened in a channel whose history can't be read.
    pub(crate) fn assert_equals_truth_but_for_the_unknowable(&self) {
        self.compare(true);
    }

    fn compare(&self, session_was_lost: bool) {
        let rows = rows(&self.database());
        let readable: HashMap<u64, bool> = self
            .simulator
            .channels()
            .into_iter()
            .chain(self.simulator.threads())
            .map(|channel| (channel.id, channel.visible && channel.history))
            .collect();
        let mut differences = Vec::new();
        let mut expected = 0;
        for truth in self.simulator.truth() {
            let is_readable = readable.get(&truth.channel_id).copied().unwrap_or(false);
            match rows.get(&truth.id) {
                None if is_readable && !truth.deleted || truth.shown && !session_was_lost => {
                    differences.push(format!("missing: {truth:?}"));
                }
                None => {}
                Some(row) => {
                    expected += 1;
                    if (is_readable || !session_was_lost)
                        && let Some(difference) = self.difference(&truth, row)
                    {
                        differences.push(difference);
                    }
                }
            }
        }
        assert!(
            differences.is_empty(),
            "{} of {expected} differ, the first:\n{}",
            differences.len(),
            differences[..differences.len().min(5)].join("\n")
        );
        assert_eq!(
            rows.len(),
            expected,
            "the record holds messages that never were"
        );
        assert!(
            expected > 100,
            "too few messages to prove anything: {expected}"
        );
    }

    fn difference(&self, truth: &TruthMessage, row: &Row) -> Option<String> {
        if row.deleted != truth.deleted {
            return Some(format!("deleted: {} {truth:?}", row.deleted));
        }
        if !self.simulator.was_sent(truth.id, &row.raw_json) {
            return Some(format!(
                "raw_json was never sent: {} {}",
                truth.id, row.raw_json
            ));
        }
        let edited = truth
            .edited_timestamp
            .as_ref()
            .map(|at| at.parse::<DateTime<Utc>>().unwrap().timestamp_micros());
        let found = (
            row.author_id,
            row.author_name.as_str(),
            row.channel_id,
            row.guild_id,
        );
        let real = (
            truth.author_id,
            truth.author_name.as_str(),
            truth.channel_id,
            truth.guild_id,
        );
        if found != real {
            return Some(format!("{found:?} is {real:?}"));
        }
        // What happened to a message between its last showing and its end, nobody saw.
        let same = row.content == truth.content && row.edited_at == edited;
        if !same && !truth.deleted {
            return Some(format!(
                "{:?} {:?} is {truth:?}",
                row.content, row.edited_at
            ));
        }
        None
    }
}

impl Running {
    pub(crate) async fn until(&mut self, condition: impl FnMut(&Status) -> bool) -> Status {
        let waited = tokio::time::timeout(PATIENCE, self.status.wait_for(condition))
            .await
            .map(|status| status.expect("the service goes on").clone());
        waited.unwrap_or_else(|_| panic!("it hangs at {:?}", *self.status.borrow()))
    }

    /// Stops it as a signal does.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// Waits for its end by itself.
    pub(crate) async fn failure(self) -> anyhow::Error {
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("it goes on")
            .unwrap()
            .expect_err("it ended well")
    }
}

pub(crate) struct Row {
    pub(crate) guild_id: u64,
    pub(crate) channel_id: u64,
    pub(crate) author_id: u64,
    pub(crate) author_name: String,
    pub(crate) content: String,
    pub(crate) edited_at: Option<i64>,
    pub(crate) deleted: bool,
    pub(crate) deleted_by: Option<String>,
    pub(crate) raw_json: String,
}

/// The record's rows, each id once.
pub(crate) fn rows(database: &std::path::Path) -> HashMap<u64, Row> {
    let connection = Connection::open(database).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT message_id, guild_id, channel_id, author_id, author_name, content, \
             epoch_us(edited_at), deleted, deleted_by, raw_json FROM discord_messages",
        )
        .unwrap();
    let found = statement
        .query_map([], |row| {
            Ok((
                row.get::<_, u64>(0)?,
                Row {
                    guild_id: row.get(1)?,
                    channel_id: row.get(2)?,
                    author_id: row.get(3)?,
                    author_name: row.get(4)?,
                    content: row.get(5)?,
                    edited_at: row.get(6)?,
                    deleted: row.get(7)?,
                    deleted_by: row.get(8)?,
                    raw_json: row.get(9)?,
                },
            ))
        })
        .unwrap();
    let mut rows = HashMap::new();
    for row in found {
        let (id, row) = row.unwrap();
        assert!(rows.insert(id, row).is_none(), "{id} is there twice");
    }
    rows
}

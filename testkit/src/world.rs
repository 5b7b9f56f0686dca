//! The service over a simulated Discord, and what a test waits for.

use std::path::PathBuf;
use std::time::Duration;

use guildlake::config::{
    AccessSettings, ApiSettings, DiscordSettings, Reactions, RowsSettings, SearchSettings,
    Settings, SnapshotSettings, StorageSettings,
};
use guildlake::discord::gateway::ReconnectSettings;
use guildlake::discord::rest::RestSettings;
use guildlake::service;
use guildlake::status::{BackfillState, Status, StatusReceiver};
use simulator::{Burst, Community, Config, GatewayFault, PermissionChange, Simulator};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::program::KEY;
use crate::truth::{self, Unknowable};

/// How long anything may take before the test says that it hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A simulated Discord and a data folder, with or without a service over them.
pub struct World {
    pub simulator: Simulator,
    pub folder: TempDir,
    pub channels: Vec<u64>,
    pub reconnect: ReconnectSettings,
    /// Whom the service asks, if not the simulator itself.
    pub api_url: Option<String>,
}

/// A service that runs.
pub struct Running {
    pub base: String,
    pub status: StatusReceiver,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

/// Whether to run at full size (`make full`): 50,000 messages in 40 channels and threads, bursts of
/// 5,000 events, an outage of 20 seconds.
pub fn full_size() -> bool {
    std::env::var_os("GUILDLAKE_FULL").is_some()
}

impl World {
    pub async fn new(seed: u64, messages: usize) -> Self {
        Self::with(Config::quick().with_community(Community {
            messages,
            ..Community::small(seed)
        }))
        .await
    }

    /// A community that is younger than the repair window: what a lost session makes doubtful is
    /// read again as far back as that window, and an edit of something older is not found.
    pub async fn young(seed: u64, config: Config) -> Self {
        let community = Community {
            days: 5,
            ..Community::small(seed)
        };
        Self::with(config.with_community(community)).await
    }

    pub async fn with(mut config: Config) -> Self {
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
            reconnect: ReconnectSettings {
                min_pause: Duration::from_millis(5),
                max_pause: Duration::from_millis(50),
                ..ReconnectSettings::default()
            },
            api_url: None,
        }
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("guildlake.duckdb")
    }

    pub fn settings(&self) -> Settings {
        let guilds = self.simulator.guilds();
        Settings {
            access: AccessSettings {
                rate_limit: None,
                ..AccessSettings::default()
            },
            api: ApiSettings::new(([127, 0, 0, 1], 0).into(), KEY.into()),
            storage: StorageSettings::in_folder(self.folder.path().to_owned()),
            snapshots: SnapshotSettings::default(),
            search: SearchSettings::default(),
            rows: RowsSettings::default(),
            discord: Some(DiscordSettings {
                reactions: Reactions::Full,
                second_look: Duration::from_millis(200),
                ask_again: Duration::from_millis(50),
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
                api_url: self
                    .api_url
                    .clone()
                    .unwrap_or_else(|| self.simulator.api_url())
                    .parse()
                    .unwrap(),
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
                reconnect: self.reconnect,
                settle: Duration::ZERO,
            }),
        }
    }

    /// Starts the service.
    pub async fn start(&self) -> Running {
        self.start_with(self.settings()).await
    }

    /// Starts the service with other settings.
    pub async fn start_with(&self, settings: Settings) -> Running {
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

    /// Starts the service, and waits until it has everything: how most tests begin.
    pub async fn followed(&self) -> Running {
        let mut running = self.start().await;
        self.caught_up(&mut running).await;
        running
    }

    /// Waits until the service has everything, and stops it: how most tests end. Answers what it said at last.
    pub async fn finish(&self, mut running: Running) -> Status {
        let status = self.caught_up(&mut running).await;
        running.stop().await;
        status
    }

    /// Discord forgets the session: the next one is a new one.
    pub fn expire_sessions(&self) {
        let faults = self.simulator.faults();
        faults.gateway(GatewayFault::ExpireSessions).unwrap();
    }

    /// Sets what the bot may and may not do in a channel.
    pub fn set_bot_permission(&self, channel_id: u64, allow: u64, deny: u64) {
        let change = PermissionChange::Bot {
            channel_id,
            allow,
            deny,
        };
        self.simulator.set_permission(change).unwrap();
    }

    pub fn burst(&self, events: usize, seed: u64) {
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
    pub async fn caught_up(&self, running: &mut Running) -> Status {
        running
            .until(|status| {
                status.backfill.state == BackfillState::Complete
                    && status.unsettled == 0
                    && status.gateway.sequence >= self.simulator.sequence()
            })
            .await
    }

    /// Compares the record (of a service that was stopped) with the truth.
    pub fn assert_equals_truth(&self) {
        self.compare(Unknowable::Nothing);
    }

    /// The same after a session was lost: nobody can know what came and went in between, nor what
    /// happened in a channel whose history can't be read.
    pub fn assert_equals_truth_but_for_the_unknowable(&self) {
        self.compare(Unknowable::LostSession);
    }

    fn compare(&self, unknowable: Unknowable) {
        truth::compare(&self.simulator, &self.database(), unknowable);
    }
}

impl Running {
    pub async fn until(&mut self, condition: impl FnMut(&Status) -> bool) -> Status {
        let waited = tokio::time::timeout(PATIENCE, self.status.wait_for(condition))
            .await
            .map(|status| status.expect("the service goes on").clone());
        waited.unwrap_or_else(|_| panic!("it hangs at {:?}", *self.status.borrow()))
    }

    /// Stops it as a signal does.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// Waits for its end by itself.
    pub async fn failure(self) -> anyhow::Error {
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("it goes on")
            .unwrap()
            .expect_err("it ended well")
    }
}

//! The service as one process: the record, its writer, the live side, backfill, the snapshots and the API, all
//! supervised. If one of them ends unexpectedly, the process ends with its reason. A stop goes in the order of
//! the data: take nothing more in, commit what was received, close the gateway connection, end.

use std::io;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use backon::{ExponentialBuilder, Retryable};
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::api::{ApiState, Origins, ServeSettings, TrustedProxies};
use crate::audit::{AuditFolder, AuditLog};
use crate::config::{ApiSettings, DiscordSettings, SearchSettings, Settings, StorageSettings};
use crate::derived::search::Search;
use crate::derived::{rows, search, snapshot};
use crate::discord::gateway;
use crate::discord::gateway::{GatewayError, Socket};
use crate::discord::rest::{Application, GatewayInfo, Rest, RestError};
use crate::guild::{Access, AccessMark, SessionMark};
use crate::ingest::{
    AskAgain, History, HistoryError, Live, LiveError, Pass, Scope, Writer, WriterHandle,
};
use crate::keys::{KeyFile, Keyring};
use crate::report::{Library, command_line_init};
use crate::status::{GatewayState, SearchState, Status, StatusSender};
use crate::store::{Batch, DataLock, Reader, Record, Unsettled};
use crate::{api, durable, open_files};

/// How long the parts of the service may take to stop.
pub const STOP_WITHIN: Duration = Duration::from_secs(9);

/// The limit of open files with which nothing has to be saved.
pub const ENOUGH_OPEN_FILES: u64 = 4096;

/// The maximum number of connections for health checks.
const ADMIN_CONNECTIONS: usize = 32;

/// The record, opened for this process alone.
pub struct OpenRecord {
    /// Held while the record is open.
    pub lock: DataLock,
    /// The writing half.
    pub record: Record,
    /// The reading half.
    pub reader: Reader,
    /// The existing snapshots.
    pub snapshots: snapshot::Found,
    /// The existing search index.
    pub search: search::Found,
}

/// Checks that there is a database, for commands that only read one.
///
/// # Errors
/// If there is none.
pub fn ensure_database(storage: &StorageSettings) -> anyhow::Result<()> {
    anyhow::ensure!(
        storage.database.exists(),
        "there is no database at {}: nothing was archived yet, or DATABASE_URL is wrong",
        storage.database.display()
    );
    Ok(())
}

/// Takes the data folder's lock and opens the record.
///
/// # Errors
/// If another process holds the lock, or the record can't be opened.
pub async fn open_record(storage: &StorageSettings) -> anyhow::Result<OpenRecord> {
    let storage = storage.clone();
    tokio::task::spawn_blocking(move || {
        let lock = DataLock::acquire(&storage.data_dir)?;
        if let Err(error) = write_init_sql(&storage.data_dir) {
            warn!(%error, "init.sql, which opens the snapshots in the DuckDB command line, can't be written");
        }
        if let Some(folder) = storage.database.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("the folder {} can't be created", folder.display()))?;
        }
        let (record, reader) = Record::open(&storage.store())?;
        let state = record.state()?;
        Ok(OpenRecord {
            lock,
            record,
            reader,
            snapshots: snapshot::Found::look(&storage.data_dir, &state),
            search: search::Found::look(&storage.data_dir, &state),
        })
    })
    .await?
}

/// Writes the script with which the DuckDB command line opens this data folder.
fn write_init_sql(data_dir: &Path) -> io::Result<()> {
    let sql = command_line_init(&std::path::absolute(data_dir)?);
    let path = data_dir.join("init.sql");
    // A start does not wait for the disk to write what is there already.
    if std::fs::read(&path).is_ok_and(|present| present == sql.as_bytes()) {
        return Ok(());
    }
    durable::replace(&path, sql.as_bytes())
}

/// A new status, and the sender that changes it.
#[must_use]
pub fn new_status() -> StatusSender {
    watch::Sender::new(Status::default())
}

/// Runs the service until `stop`, or until a part fails.
///
/// # Errors
/// Why the service could not start, or which part failed and why.
pub async fn run(
    settings: Settings,
    listener: TcpListener,
    status: StatusSender,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let admin = match settings.api.admin_bind {
        Some(address) => {
            let listener = TcpListener::bind(address).await;
            Some(
                listener
                    .with_context(|| format!("the service can't listen on ADMIN_BIND {address}"))?,
            )
        }
        None => None,
    };
    let OpenRecord {
        lock,
        mut record,
        reader,
        snapshots,
        search,
    } = open_record(&settings.storage).await?;
    let discord = match settings.discord {
        Some(discord) => {
            let rest = Rest::new(&discord.api_url, &discord.token, discord.rest.clone())?;
            Some((discord, rest))
        }
        None => None,
    };
    let clock = discord.as_ref().map(|(_, rest)| rest.clock());
    let rows = rows::Follower::new(
        reader.clone(),
        &settings.storage.data_dir,
        settings.rows.follower(),
        status.clone(),
    );
    let feed = rows.feed();
    record.observe(move |changed| feed.committed(changed));
    let (mut writer, handle) = Writer::start(record, status.clone(), clock.unwrap_or_default());
    let unsettled = writer.take_unsettled();
    // Cancelled by `stop`, and by the first part that ends.
    let ending = stop.child_token();
    let mut parts: JoinSet<anyhow::Result<()>> = JoinSet::new();

    parts.spawn(async move { writer.finished().await.context("the record") });
    let followers = Followers {
        snapshots: snapshot::Follower::new(
            reader.clone(),
            snapshots,
            settings.snapshots.follower(),
            status.clone(),
        ),
        search: indexer(&settings.search, &reader, search, &status),
        rows,
    };
    let keyring = Keyring::open(
        KeyFile::in_folder(&settings.storage.data_dir),
        &settings.api.key,
    )?;
    let audit = match settings.access.audit {
        Some(audit) => AuditLog::start(AuditFolder::in_folder(&settings.storage.data_dir), audit)
            .context("the audit log")?,
        None => AuditLog::off(),
    };
    let serve = serve_settings(&settings.api);
    let access = (keyring.clone(), audit, settings.access.rate_limit);
    let routers = api::routers(api_state(
        settings.api,
        access,
        &reader,
        &followers,
        &status,
    ));
    let told = ending.clone();
    parts.spawn(async move {
        keyring.follow_file(told).await;
        Ok(())
    });
    let told = ending.clone();
    parts.spawn(async move {
        let shutdown = told.cancelled_owned();
        api::serve(listener, routers.api, serve, shutdown)
            .await
            .context("the API")
    });
    if let Some(listener) = admin {
        let told = ending.clone();
        parts.spawn(async move {
            let shutdown = told.cancelled_owned();
            api::serve(listener, routers.admin, admin_settings(), shutdown)
                .await
                .context("the health checks")
        });
    }
    followers.spawn(&mut parts, &ending);
    match discord {
        Some((discord, rest)) => {
            let ingest = follow(
                discord,
                rest,
                handle,
                unsettled,
                reader,
                status,
                ending.clone(),
            );
            parts.spawn(async move { ingest.await.context("the connection to Discord") });
        }
        None => {
            info!(
                "DISCORD_BOT_TOKEN is not set: the API serves the archived messages, and no new ones are archived"
            );
            parts.spawn(keep_open(handle, ending.clone()));
        }
    }
    let result = supervise(&mut parts, &stop, &ending).await;
    drop(lock);
    result
}

/// What follows the record in this process.
struct Followers {
    snapshots: snapshot::Follower,
    /// None if search is off.
    search: Option<search::Follower>,
    rows: rows::Follower,
}

impl Followers {
    fn spawn(self, parts: &mut JoinSet<anyhow::Result<()>>, ending: &CancellationToken) {
        let told = ending.clone();
        parts.spawn(async move {
            self.snapshots.run(told).await;
            Ok(())
        });
        let told = ending.clone();
        parts.spawn(async move {
            self.rows.run(told).await;
            Ok(())
        });
        if let Some(search) = self.search {
            let told = ending.clone();
            parts.spawn(async move {
                search.run(told).await;
                Ok(())
            });
        }
    }
}

/// The follower that keeps the search index, unless search is off.
fn indexer(
    settings: &SearchSettings,
    reader: &Reader,
    found: search::Found,
    status: &StatusSender,
) -> Option<search::Follower> {
    settings.is_on.then(|| {
        // Until the index is opened, the API must not say that search is off.
        status.send_modify(|status| status.search.state = SearchState::Checking);
        search::Follower::new(reader.clone(), found, settings.follower(), status.clone())
    })
}

/// How the API treats its clients. The limit of open files is raised first, because sockets count as files.
fn serve_settings(settings: &ApiSettings) -> ServeSettings {
    let open_files = open_files::raise();
    let (connections, is_little) = api::connections_for(open_files);
    if is_little {
        warn!(
            open_files,
            connections,
            "this process may open few files, so the API takes fewer connections than usual; raise the hard limit of open files (ulimit -Hn, LimitNOFILE= in systemd) to {ENOUGH_OPEN_FILES}"
        );
    }
    ServeSettings {
        trusted_proxies: TrustedProxies::new(settings.trusted_proxies.iter().copied()),
        connections,
        connections_per_address: settings.connections_per_address,
        ..ServeSettings::default()
    }
}

/// How the health checks treat their clients: with few places, which nobody else can take.
fn admin_settings() -> ServeSettings {
    ServeSettings {
        name: "the listener for health checks",
        connections: ADMIN_CONNECTIONS,
        ..ServeSettings::default()
    }
}

fn api_state(
    settings: ApiSettings,
    (keyring, audit, rate_limit): (Keyring, AuditLog, Option<NonZeroU32>),
    reader: &Reader,
    followers: &Followers,
    status: &StatusSender,
) -> ApiState {
    ApiState {
        reader: reader.clone(),
        snapshots: followers.snapshots.snapshots(),
        search: followers
            .search
            .as_ref()
            .map_or_else(Search::off, search::Follower::search),
        rows: followers.rows.rows(),
        status: status.subscribe(),
        keyring,
        audit,
        rate_limit,
        library: Library::new(settings.queries),
        origins: Origins {
            is_on_loopback: settings.bind.ip().to_canonical().is_loopback(),
            cors: settings.cors_origins,
            hosts: settings.public_hosts,
        },
        timeout: api::TIMEOUT,
    }
}

/// Keeps the last handle of the writer until `ending`: without it the writer ends, and so does the service.
async fn keep_open(writer: WriterHandle, ending: CancellationToken) -> anyhow::Result<()> {
    ending.cancelled().await;
    drop(writer);
    Ok(())
}

/// Waits for `stop` or for the first part that ends, then for the other parts.
async fn supervise(
    parts: &mut JoinSet<anyhow::Result<()>>,
    stop: &CancellationToken,
    ending: &CancellationToken,
) -> anyhow::Result<()> {
    let mut failure = None;
    let mut too_early = false;
    tokio::select! {
        // `stop` reaches the parts as well, so a part that ends then does not end too early.
        biased;
        () = stop.cancelled() => info!("the service is stopping: received events are committed first"),
        Some(ended) = parts.join_next() => {
            too_early = true;
            failure = ended.map_err(anyhow::Error::from).flatten().err();
        }
    }
    ending.cancel();
    let rest = async {
        while let Some(ended) = parts.join_next().await {
            // The first failure is the reason. If the first part ended without an error, a part that fails
            // later may have caused that end.
            if let Err(error) = ended.map_err(anyhow::Error::from).flatten() {
                failure.get_or_insert(error);
            }
        }
    };
    let in_time = tokio::time::timeout(STOP_WITHIN, rest).await.is_ok();
    match failure {
        Some(error) => Err(error),
        None if too_early => anyhow::bail!("a part of the service ended unexpectedly"),
        None if !in_time => {
            anyhow::bail!(
                "a part of the service did not stop in time; everything that was committed is on disk"
            )
        }
        None => Ok(()),
    }
}

/// Follows Discord, live and by backfill, until `stop`.
async fn follow(
    settings: DiscordSettings,
    rest: Rest,
    writer: WriterHandle,
    unsettled: Option<mpsc::Receiver<Unsettled>>,
    reader: Reader,
    status: StatusSender,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let scope = Arc::new(Scope::new(&settings.guilds, &settings.channels));
    remember_channels(&scope, &reader, &writer, rest.clock().now()).await?;
    status.send_modify(|status| status.gateway.state = GatewayState::Connecting);
    let info = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        info = greet(&rest) => info?,
    };
    status.send_modify(|status| {
        status.gateway.sessions_left = Some(gateway::sessions_left(&info));
    });
    let session = reader.session(0).await?;
    let socket = open_socket(&settings, &info, session.as_ref())?;
    let (passes, calls) = mpsc::unbounded_channel();
    let live = Live::new(
        Arc::clone(&scope),
        rest.clone(),
        writer.clone(),
        status.clone(),
        passes,
        session,
        settings.reactions,
    );
    let ask_again = unsettled.map(|unsettled| {
        AskAgain::new(
            rest.clone(),
            writer.clone(),
            unsettled,
            status.clone(),
            settings.ask_again,
        )
    });
    let history = History {
        rest,
        reader,
        writer,
        scope,
        status,
        live: true,
        settle: settings.settle,
        second_look: settings.second_look,
        newest_gone: Mutex::default(),
    };
    Box::pin(ingest(live, socket, history, calls, ask_again, &stop)).await
}

/// Prepares the connection to the gateway, which resumes the stored session if that is possible.
fn open_socket(
    settings: &DiscordSettings,
    info: &GatewayInfo,
    session: Option<&SessionMark>,
) -> Result<Socket, GatewayError> {
    if session.is_none() && gateway::sessions_left(info) == 0 {
        let minutes = info.session_start_limit.reset_after_ms.div_ceil(60_000);
        warn!(
            minutes,
            "the bot has used up the new gateway sessions (IDENTIFY) that Discord allows per day; the service connects when Discord allows the next one"
        );
    }
    // A session delivers the events for which it was begun: after an upgrade with more intents, a new session
    // is needed.
    let resumable = session.filter(|it| gateway::is_resumable(it));
    if session.is_some() && resumable.is_none() {
        info!(
            "the stored gateway session was started with other intents than this version uses (reactions and votes are \
             new), so a new session is started; what may have been missed in between is read again"
        );
    }
    Socket::new(&settings.token, info, resumable, settings.reconnect)
}

/// Runs the live side, backfill and re-fetches until `stop`.
async fn ingest(
    live: Live,
    socket: Socket,
    history: History,
    calls: mpsc::UnboundedReceiver<Pass>,
    ask_again: Option<AskAgain>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    // The end of one ends the other, because backfill without the live side would miss what happens meanwhile.
    let both = stop.child_token();
    let live = async {
        let ended = live.run(socket, both.clone()).await;
        both.cancel();
        ended
    };
    let history = async {
        let ended = history.run(calls, both.clone()).await;
        both.cancel();
        ended
    };
    let ask_again = async {
        if let Some(ask_again) = ask_again {
            // It ends with the others, and the writer reports why the record can't be written.
            let _ = ask_again.run(both.clone()).await;
        }
    };
    // The writer reports why the record can't be written; its errors here only follow from that.
    match tokio::join!(live, history, ask_again) {
        (Err(LiveError::Gateway(error)), ..) => Err(error.into()),
        (_, Err(error), ()) if !matches!(error, HistoryError::Writer(_)) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Adds the channels of earlier processes to the scope, and stores the access to channels that are not
/// collected any more as unknown: if they are collected again, the time between must not count as followed.
async fn remember_channels(
    scope: &Scope,
    reader: &Reader,
    writer: &WriterHandle,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let channels = reader.channels().await?;
    for known in &channels {
        let channel = &known.channel;
        scope.remember(channel.guild_id, channel.id, channel.parent_id);
    }
    let left_out = channels.iter().filter(|known| {
        let channel = &known.channel;
        known.access == Access::Readable && scope.takes(channel.guild_id, channel.id) == Some(false)
    });
    let batch = Batch {
        access: left_out
            .map(|known| AccessMark {
                channel_id: known.channel.id,
                access: Access::Unknown,
                detail: None,
                since: now,
            })
            .collect(),
        ..Batch::default()
    };
    writer.commit(batch).await?;
    Ok(())
}

/// Requests the gateway's address and the application's intents from Discord, for as long as it takes.
async fn greet(rest: &Rest) -> anyhow::Result<GatewayInfo> {
    let patience = ExponentialBuilder::default()
        .with_max_delay(Duration::from_secs(60))
        .with_jitter()
        .without_max_times();
    let ask =
        || async { Ok::<_, RestError>((rest.application().await?, rest.gateway_bot().await?)) };
    let (application, info) = ask
        .retry(patience)
        .when(RestError::is_transient)
        .notify(|error, pause| {
            let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            warn!(%error, pause_ms, "Discord's REST API does not answer, which the service needs to connect to the gateway; it tries again after the pause");
        })
        .await?;
    ensure_message_content(&application)?;
    Ok(info)
}

/// Refuses a bot without the Message Content intent: all messages, also those of the history, would be stored
/// without their text, and would count as read.
///
/// # Errors
/// If the intent is not granted.
pub fn ensure_message_content(application: &Application) -> anyhow::Result<()> {
    anyhow::ensure!(
        application.message_content_granted(),
        "the bot lacks the Message Content intent, so every message would arrive without its text; \
         enable it in the Developer Portal (Bot, Privileged Gateway Intents) and restart guildlake"
    );
    Ok(())
}

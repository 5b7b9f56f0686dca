//! The status of the running service: a watched value that ingest, the snapshots and the search index write, and
//! that `/health`, the progress display and tests read. It contains no secrets and no user ids.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

/// The state of the service at one moment. All counters start at 0 when the process starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Status {
    /// Number of the last database commit that changed rows.
    pub revision: i64,
    /// Whether the database can be written.
    pub record: RecordState,
    /// The live connection to Discord (gateway).
    pub gateway: GatewayStatus,
    /// The reading of the message history (REST).
    pub backfill: BackfillStatus,
    /// The snapshots.
    pub snapshot: SnapshotStatus,
    /// The full-text search index.
    pub search: SearchStatus,
    /// The row store, which makes pages and single messages fast.
    pub rows: RowsStatus,
    /// Number of payloads that could not be parsed; they are kept unchanged as dead letters.
    pub parked_payloads: u64,
    /// Number of messages that are queued to be requested again by id. Until then their reactions can be counted
    /// twice or be incomplete.
    pub unsettled: u64,
    /// How often the gateway or the backfill had to wait because too much received data was not written to disk
    /// yet (backpressure).
    pub held_back: u64,
}

/// Whether the database can be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordState {
    /// The database can be written.
    #[default]
    Ok,
    /// The disk is full: new data waits in memory until there is space.
    DiskFull,
}

/// The live connection to Discord (gateway).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct GatewayStatus {
    /// State of the connection.
    pub state: GatewayState,
    /// Sequence number of the last event of the session that is written to disk.
    pub sequence: u64,
    /// Number of new gateway sessions (IDENTIFY).
    pub identified: u64,
    /// Number of resumed gateway sessions (RESUMED).
    pub resumed: u64,
    /// Number of new sessions (IDENTIFY) that Discord still allows today, minus a reserve; null until it is known.
    pub sessions_left: Option<u32>,
    /// Number of connections in a row that ended or could not be established; 0 once a session was followed for
    /// a minute.
    pub attempts: u32,
    /// How the last connection ended; null if none has ended since the process started.
    #[schema(required = true)]
    pub last_end: Option<ConnectionEnd>,
    /// The archived guilds, as the gateway session reports them.
    pub guilds: GuildsStatus,
}

/// The number of archived guilds, by their availability.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct GuildsStatus {
    /// Number of archived guilds; 0 until the first gateway session reports them.
    pub total: u64,
    /// Number of guilds that Discord reports as unavailable (an outage of Discord).
    pub away: u64,
    /// Number of guilds that the bot is not a member of.
    pub without_the_bot: u64,
}

impl GuildsStatus {
    /// Whether there are guilds to archive and none of them sends events.
    #[must_use]
    pub fn none_is_there(&self) -> bool {
        self.total > 0 && self.away + self.without_the_bot >= self.total
    }
}

/// How a connection to Discord ended, or why it could not be established.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConnectionEnd {
    /// When the connection ended.
    pub at: DateTime<Utc>,
    /// Discord's close code; null if there was none.
    #[schema(required = true, example = 4000)]
    pub close_code: Option<u16>,
    /// The HTTP status with which the WebSocket handshake was refused; null if it was not.
    #[schema(required = true, example = 502)]
    pub http_status: Option<u16>,
    /// Description of what happened.
    #[schema(example = "Discord asked for a new connection (op 7)")]
    pub cause: String,
    /// When the next connection was planned.
    pub next_attempt_at: DateTime<Utc>,
}

/// State of the live connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GatewayState {
    /// No token is set, or this command does not follow live.
    #[default]
    Off,
    /// Not connected; the service tries to connect.
    Connecting,
    /// Connected; events arrive.
    Live,
}

/// The reading of the message history (REST).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct BackfillStatus {
    /// State of the backfill.
    pub state: BackfillState,
    /// Number of channels and threads to read in the present pass.
    pub channels_total: u64,
    /// Number of those that are complete or can't be read.
    pub channels_done: u64,
    /// Number of those that can't be read; the table `channels` has the reason of each.
    pub channels_unreadable: u64,
    /// Number of messages read since the process started, including messages that were already archived.
    pub messages: u64,
    /// Time of the oldest message that the present pass has read; null if it has read none.
    pub oldest: Option<DateTime<Utc>>,
    /// Estimated seconds until the present pass is finished; null if there is no estimate.
    pub eta_seconds: Option<u64>,
    /// How often a pass was requested: by a new session, or by changed channels or roles.
    pub calls: u64,
    /// Number of finished passes over all channels.
    pub passes: u64,
    /// Result of the last finished pass; null until one is finished.
    #[schema(required = true)]
    pub last_pass: Option<PassStatus>,
    /// Number of lists of archived threads that Discord refused in the present pass; threads in them may be
    /// missing.
    pub thread_lists_unreadable: u64,
    /// Responses of Discord that can't be right.
    pub odd_answers: OddAnswers,
}

/// The result of a pass over all channels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct PassStatus {
    /// Number of archived channels and threads.
    pub channels: u64,
    /// Number of those that can't be read.
    pub unreadable: u64,
}

/// Counts of responses of Discord that can't be right or are incomplete. No range counts as read because of such a
/// response; the log names the channels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct OddAnswers {
    /// Number of history pages whose messages were not the requested ones or not ordered newest first, and of
    /// pages that pretended to be the end of the history.
    pub pages: u64,
    /// Number of messages whose id contains a time in the future, by Discord's own clock.
    pub ids_ahead: u64,
    /// Number of lists of channels and threads that could not be read to the end, or that contain items that
    /// can't be parsed.
    pub lists: u64,
    /// Number of messages that the history pages left out although Discord names them as the newest message of a
    /// channel.
    pub passed_over: u64,
}

/// State of the backfill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackfillState {
    /// No token is set, or no session has begun yet.
    #[default]
    Off,
    /// History pages are being read.
    Running,
    /// The history of every readable channel was read up to the start of the live session.
    Complete,
    /// The pass is finished, but some channels still have gaps, because requests to Discord failed.
    Incomplete,
}

/// The snapshots: copies of the database as Parquet files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SnapshotStatus {
    /// State of the snapshots.
    pub state: SnapshotState,
    /// Revision of the current snapshot; null if there is none.
    #[schema(required = true)]
    pub revision: Option<i64>,
    /// When the database was read for the current snapshot; null if there is none.
    #[schema(required = true)]
    pub created_at: Option<DateTime<Utc>>,
    /// Number of message files that the present or last snapshot has to write; unchanged files are reused.
    pub files_total: u64,
    /// Number of those files that are written.
    pub files_done: u64,
    /// Number of rows in those files.
    pub rows_total: u64,
    /// Number of those rows that are written.
    pub rows_done: u64,
    /// Number of damaged files that were found and rewritten.
    pub damaged_files: u64,
}

/// State of the snapshots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotState {
    /// No snapshot is being written.
    #[default]
    Idle,
    /// A snapshot is being written.
    Writing,
    /// The last snapshot could not be written and is tried again; the log has the reason.
    Failed,
}

/// The full-text search index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SearchStatus {
    /// State of the index.
    pub state: SearchState,
    /// Revision of the database up to which messages can be found; null while the search is not available.
    #[schema(required = true)]
    pub revision: Option<i64>,
    /// Number of messages in the index.
    pub documents: u64,
    /// Size of the index on disk in bytes.
    pub bytes: u64,
    /// Number of messages from which the index is being rebuilt, or was last rebuilt.
    pub rows_total: u64,
    /// Number of those messages that are indexed.
    pub rows_done: u64,
}

/// State of the full-text search index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchState {
    /// `SEARCH_INDEX` is off, or this command uses no index.
    #[default]
    Off,
    /// The files of the index are compared with their checksums.
    Checking,
    /// The index is being rebuilt from the whole database; the search is not available yet.
    Building,
    /// The index follows the changes of the database.
    Following,
    /// The index could not be written; the write is tried again. The log has the reason.
    Failed,
}

/// The row store: a copy of the rows beside the database, from which pages and single messages are read. While it is
/// not following, the same requests are answered from the database, which takes longer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RowsStatus {
    /// State of the row store.
    pub state: RowsState,
    /// Revision of the database that the row store has; null while it is not following.
    #[schema(required = true)]
    pub revision: Option<i64>,
    /// Size of the row store on disk in bytes, as last measured, without its journal of at most 64 MiB.
    pub bytes: u64,
    /// Number of messages from which the row store is being rebuilt, or was last rebuilt.
    pub rows_total: u64,
    /// Number of those messages that were read.
    pub rows_done: u64,
}

/// State of the row store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowsState {
    /// This command uses no row store.
    #[default]
    Off,
    /// The files are compared with their checksums.
    Checking,
    /// The row store is being rebuilt from the whole database.
    Building,
    /// The row store reads changes that it has missed.
    CatchingUp,
    /// The row store has every commit that was acknowledged.
    Following,
    /// The row store could not be read or written; this is tried again. The log has the reason.
    Failed,
}

/// The writing side of the status.
pub type StatusSender = watch::Sender<Status>;
/// The reading side of the status.
pub type StatusReceiver = watch::Receiver<Status>;

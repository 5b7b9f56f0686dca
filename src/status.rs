//! What the service says of itself while it runs: a watched value that ingest writes, and that
//! `/health`, the progress display and tests read. No secrets, no ids of users.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

/// The service's state at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Status {
    /// The number of the last commit that changed rows.
    pub revision: i64,
    /// Whether the record can be written.
    pub record: RecordState,
    /// The live connection to Discord.
    pub gateway: GatewayStatus,
    /// The reading of history.
    pub backfill: BackfillStatus,
    /// The snapshots.
    pub snapshot: SnapshotStatus,
    /// The index of the full-text search.
    pub search: SearchStatus,
    /// Payloads of this run that could not be understood; they are kept as they came.
    pub parked_payloads: u64,
    /// Messages that wait to be asked for by their ids: their reactions may be counted twice until then, or only a
    /// part of them is known.
    pub unsettled: u64,
    /// How often in this run the socket or history had to wait, because too much of what they had
    /// brought was not on disk yet.
    pub held_back: u64,
}

/// Whether the record can be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordState {
    /// It can.
    #[default]
    Ok,
    /// The disk is full: what comes waits until there is room.
    DiskFull,
}

/// The live connection to Discord.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct GatewayStatus {
    /// Where it stands.
    pub state: GatewayState,
    /// The last sequence number whose event is on disk.
    pub sequence: u64,
    /// Sessions begun anew (IDENTIFY) in this run.
    pub identified: u64,
    /// Sessions taken up again (RESUMED) in this run.
    pub resumed: u64,
    /// New sessions (IDENTIFY) that Discord still allows today, less a reserve.
    pub sessions_left: Option<u32>,
    /// Connections that ended in a row, or could not be made; 0 once a session was followed for a
    /// minute.
    pub attempts: u32,
    /// How the last connection ended; null if none has in this run.
    #[schema(required = true)]
    pub last_end: Option<ConnectionEnd>,
    /// The guilds that are collected, as the session tells of them.
    pub guilds: GuildsStatus,
}

/// The guilds that are collected: how many of them are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct GuildsStatus {
    /// All of them; 0 as long as no session has told of any.
    pub total: u64,
    /// Those that Discord says are away for now: an outage of theirs.
    pub away: u64,
    /// Those that the bot is not in, or not any more.
    pub without_the_bot: u64,
}

impl GuildsStatus {
    /// Whether there are guilds to collect, and nothing comes from any of them.
    #[must_use]
    pub fn none_is_there(&self) -> bool {
        self.total > 0 && self.away + self.without_the_bot >= self.total
    }
}

/// How a connection to Discord ended, or why it could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConnectionEnd {
    /// When.
    pub at: DateTime<Utc>,
    /// Discord's close code; null if there was none.
    #[schema(required = true, example = 4000)]
    pub close_code: Option<u16>,
    /// The HTTP status that refused the WebSocket; null if none did.
    #[schema(required = true, example = 502)]
    pub http_status: Option<u16>,
    /// What happened, in words.
    #[schema(example = "Discord asked for a new connection (op 7)")]
    pub cause: String,
    /// When the next connection was to be made.
    pub next_attempt_at: DateTime<Utc>,
}

/// Where the live connection stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GatewayState {
    /// No token is set, or this command does not follow live.
    #[default]
    Off,
    /// Not connected; trying.
    Connecting,
    /// Connected, events arrive.
    Live,
}

/// The reading of history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct BackfillStatus {
    /// Where it stands.
    pub state: BackfillState,
    /// Channels and threads to read.
    pub channels_total: u64,
    /// Those that are complete, or that can't be read.
    pub channels_done: u64,
    /// Those that can't be read; the record has the reason of each.
    pub channels_unreadable: u64,
    /// Messages read in this run, those that were known already included.
    pub messages: u64,
    /// The oldest message that the pass has reached.
    pub oldest: Option<DateTime<Utc>>,
    /// Seconds until the pass is done, by what it has done so far.
    pub eta_seconds: Option<u64>,
    /// How often something called for a pass in this run: a session, changed channels or roles.
    pub calls: u64,
    /// How many passes over all channels were finished in this run.
    pub passes: u64,
    /// What the last of them found; null until one was finished.
    #[schema(required = true)]
    pub last_pass: Option<PassStatus>,
    /// Lists of archived threads that Discord refused in this pass: threads of them may be missing.
    pub thread_lists_unreadable: u64,
    /// Answers that can't be right.
    pub odd_answers: OddAnswers,
}

/// What a pass over all channels found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct PassStatus {
    /// Channels and threads that are collected.
    pub channels: u64,
    /// Those of them that can't be read.
    pub unreadable: u64,
}

/// Answers of Discord in this run that can't be right, or that leave something out. Nothing counts as
/// read because of them; the log names the channels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct OddAnswers {
    /// Pages of history whose messages are not those that were asked for, or not newest first, and
    /// pages that say that history ends where it does not.
    pub pages: u64,
    /// Messages whose ids are of a time that is still to come by Discord's own clock.
    pub ids_ahead: u64,
    /// Lists of channels and threads that could not be followed to their end, or that hold items that
    /// can't be read.
    pub lists: u64,
    /// Messages that stood in no page of history where they should have: the newest of a channel, by
    /// what Discord says of the channel.
    pub passed_over: u64,
}

/// Where the reading of history stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackfillState {
    /// No token is set, or no session has begun yet.
    #[default]
    Off,
    /// Pages are being read.
    Running,
    /// Everything readable was read up to the moment the live session began.
    Complete,
    /// The pass is over, and some channels have gaps left: Discord could not be asked.
    Incomplete,
}

/// The snapshots: the record as Parquet files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SnapshotStatus {
    /// What is done with them.
    pub state: SnapshotState,
    /// The revision of the current one; null if there is none.
    #[schema(required = true)]
    pub revision: Option<i64>,
    /// When the record was read for it.
    #[schema(required = true)]
    pub created_at: Option<DateTime<Utc>>,
    /// Files with messages that the one under way, or the last one, had to write.
    pub files_total: u64,
    /// Those of them that are written.
    pub files_done: u64,
    /// The rows of these files.
    pub rows_total: u64,
    /// Those of them that are written.
    pub rows_done: u64,
    /// Files that were found damaged in this run, and were written anew.
    pub damaged_files: u64,
}

/// What is done with the snapshots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotState {
    /// Nothing now.
    #[default]
    Idle,
    /// One is being written.
    Writing,
    /// The last one could not be written, and is tried again; the log has the reason.
    Failed,
}

/// The index of the full-text search.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SearchStatus {
    /// What is done with it.
    pub state: SearchState,
    /// The last revision that can be found; null while nothing can.
    #[schema(required = true)]
    pub revision: Option<i64>,
    /// How many messages can be found.
    pub documents: u64,
    /// Its size on the disk.
    pub bytes: u64,
    /// Messages that it is, or was last, made anew from.
    pub rows_total: u64,
    /// Those of them that are in it.
    pub rows_done: u64,
}

/// What is done with the index of the full-text search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchState {
    /// `SEARCH_INDEX` is off, or this command has none.
    #[default]
    Off,
    /// Its files are compared with their checksums.
    Checking,
    /// It is made from the whole record; nothing can be found yet.
    Building,
    /// It follows the record.
    Following,
    /// It could not be written, and is tried again; the log has the reason.
    Failed,
}

/// Where the status is written.
pub type StatusSender = watch::Sender<Status>;
/// Where it is read.
pub type StatusReceiver = watch::Receiver<Status>;

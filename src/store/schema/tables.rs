//! The tables that are handed on whole, with all that stands in them: their names, columns and order.

use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::columns;
use super::columns::{CHANNEL_ID, COLUMNS, Column, GUILD_ID, Kind, MESSAGE_ID, column};

/// A table that is handed on whole.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[schema(as = SnapshotTable)]
pub enum Table {
    /// Messages as they are now, deleted ones too; by guild and month.
    Messages,
    /// What they were before their edits; by guild and month.
    Versions,
    /// Guilds.
    Guilds,
    /// Channels and threads.
    Channels,
    /// What is known complete, and what is not, and why.
    Coverage,
    /// Times in which nobody listened.
    Outages,
    /// Who reacted or voted, and when; nothing is there unless the settings ask for it.
    ReactionEvents,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Messages,
        Self::Versions,
        Self::Guilds,
        Self::Channels,
        Self::Coverage,
        Self::Outages,
        Self::ReactionEvents,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Versions => "versions",
            Self::Guilds => "guilds",
            Self::Channels => "channels",
            Self::Coverage => "coverage",
            Self::Outages => "outages",
            Self::ReactionEvents => "reaction_events",
        }
    }

    /// Whether it is a log, of which rows are neither changed nor taken out: it is the same as long as it has as many.
    #[must_use]
    pub fn is_log(self) -> bool {
        self == Self::ReactionEvents
    }

    /// Whether its rows are messages', by guild and month.
    #[must_use]
    pub fn is_partitioned(self) -> bool {
        matches!(self, Self::Messages | Self::Versions)
    }

    /// Its columns, each with its meaning.
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        columns::schema(self.columns())
    }

    /// What it is called in the record.
    pub(crate) fn relation(self) -> &'static str {
        match self {
            Self::Messages => "discord_messages",
            Self::Versions => "message_versions",
            Self::Guilds => "guilds",
            Self::Channels => "channels",
            Self::Coverage => "coverage",
            Self::Outages => "outages",
            Self::ReactionEvents => "reaction_events",
        }
    }

    pub(crate) fn columns(self) -> &'static [Column] {
        match self {
            Self::Messages => &MESSAGES,
            Self::Versions => &VERSIONS,
            Self::Guilds => &GUILDS,
            Self::Channels => &CHANNELS,
            Self::Coverage => &COVERAGE,
            Self::Outages => &OUTAGES,
            Self::ReactionEvents => &REACTION_EVENTS,
        }
    }

    /// The order of its rows, in which each has one place.
    pub(crate) fn order(self) -> &'static str {
        match self {
            Self::Messages => "channel_id, message_id",
            Self::Versions => "channel_id, message_id, edited_at NULLS FIRST",
            Self::Guilds => "guild_id",
            Self::Channels => "channel_id",
            Self::Coverage => "channel_id, low",
            Self::Outages => "began_at, ended_at, reason",
            // No two events have one time.
            Self::ReactionEvents => "channel_id, message_id, happened_at",
        }
    }
}

const SOURCE: Column = column(
    "source",
    Kind::Small,
    false,
    "Where the payload is from: 0 an import, 1 history, 2 the socket.",
);

pub(crate) const PATCH: Column = column(
    "patch_json",
    Kind::Json,
    true,
    "Fields of the payload that Discord changed later, as a JSON object: they count instead of the payload's own.",
);

/// Everything that the view `discord_messages` has.
const MESSAGES: [Column; COLUMNS.len() + 2] = {
    let mut all = [SOURCE; COLUMNS.len() + 2];
    let mut n = 0;
    while n < COLUMNS.len() {
        all[n] = COLUMNS[n];
        n += 1;
    }
    all[COLUMNS.len() + 1] = PATCH;
    all
};

const VERSIONS: [Column; 10] = [
    MESSAGE_ID,
    GUILD_ID,
    CHANNEL_ID,
    column(
        "edited_at",
        Kind::Time,
        true,
        "The edit that made this version; none for the original.",
    ),
    column("content", Kind::Text, false, "The text as typed."),
    column(
        "attachment_count",
        Kind::Count,
        false,
        "How many files hung on it.",
    ),
    column(
        "embed_count",
        Kind::Count,
        false,
        "How many embeds hung on it.",
    ),
    column(
        "revision",
        Kind::Revision,
        false,
        "The commit that put this version into the record.",
    ),
    SOURCE,
    column(
        "raw_json",
        Kind::Json,
        false,
        "The payload as Discord sent it, byte for byte.",
    ),
];

const GUILDS: [Column; 2] = [
    column("guild_id", Kind::Snowflake, false, "The guild."),
    column("name", Kind::Text, false, "Its name."),
];

const CHANNELS: [Column; 10] = [
    column(
        "channel_id",
        Kind::Snowflake,
        false,
        "The channel or thread.",
    ),
    GUILD_ID,
    column(
        "parent_id",
        Kind::Snowflake,
        true,
        "A thread's channel; a channel's category.",
    ),
    column(
        "channel_type",
        Kind::Count,
        false,
        "Discord's channel type: 0 text, 10 to 12 threads, 15 forum.",
    ),
    column("name", Kind::Text, false, "Its name."),
    column(
        "gone_after",
        Kind::Time,
        true,
        "It was still there at this time.",
    ),
    column("gone_at", Kind::Time, true, "When its end was noticed."),
    column(
        "access",
        Kind::Text,
        false,
        "Whether its history can be read: readable, or why not.",
    ),
    column("access_detail", Kind::Text, true, "The reason in words."),
    column(
        "access_since",
        Kind::Time,
        true,
        "When access became what it is.",
    ),
];

const COVERAGE: [Column; 11] = [
    column("guild_id", Kind::Snowflake, false, "The guild."),
    column(
        "channel_id",
        Kind::Snowflake,
        false,
        "The channel or thread.",
    ),
    column("low", Kind::Snowflake, false, "Ids from this one on,"),
    column("high", Kind::Snowflake, false, "to before this one."),
    column(
        "from_time",
        Kind::Time,
        false,
        "The same as times: from this one on,",
    ),
    column("to_time", Kind::Time, false, "to before this one."),
    column(
        "complete",
        Kind::Boolean,
        false,
        "Whether every message there was read.",
    ),
    column(
        "complete_by",
        Kind::Text,
        true,
        "By what: history, live or rescan.",
    ),
    column(
        "gap_reason",
        Kind::Text,
        true,
        "Why messages may be missing.",
    ),
    column(
        "stale_since",
        Kind::Time,
        true,
        "Edits and deletes from this time on may be missing.",
    ),
    column(
        "reactions_stale_since",
        Kind::Time,
        true,
        "Reactions and votes from this time on may be missing.",
    ),
];

const OUTAGES: [Column; 3] = [
    column(
        "began_at",
        Kind::Time,
        true,
        "When the last was heard before it.",
    ),
    column("ended_at", Kind::Time, false, "When the next was heard."),
    column(
        "reason",
        Kind::Text,
        false,
        "offline, session_lost or record_damaged.",
    ),
];

const REACTION_EVENTS: [Column; 10] = [
    column(
        "happened_at",
        Kind::Time,
        false,
        "When it was heard, by Discord's clock.",
    ),
    MESSAGE_ID,
    GUILD_ID,
    CHANNEL_ID,
    column(
        "user_id",
        Kind::Snowflake,
        true,
        "Who reacted or voted; none where reactions were cleared, since Discord does not say by whom.",
    ),
    column(
        "event",
        Kind::Text,
        false,
        "reaction_added, reaction_removed, emoji_cleared (all of one emoji), all_cleared, vote_added or vote_removed.",
    ),
    column("emoji_id", Kind::Snowflake, true, "A guild's own emoji."),
    column(
        "emoji_name",
        Kind::Text,
        true,
        "The emoji, or the name of an own one.",
    ),
    column(
        "answer_id",
        Kind::Count,
        true,
        "The number of the poll's answer that was voted for.",
    ),
    column(
        "is_super",
        Kind::Boolean,
        false,
        "Whether it is a super reaction.",
    ),
];

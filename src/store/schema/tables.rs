//! The tables that snapshots contain as a whole: their names, columns and order.

use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::columns;
use super::columns::{Column, Kind, column};
use super::message::COLUMNS;

/// The columns with which every row about a message begins.
const MESSAGE_ID: Column = COLUMNS[0];
const GUILD_ID: Column = COLUMNS[1];
const CHANNEL_ID: Column = COLUMNS[2];

/// A table of a snapshot.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[schema(as = SnapshotTable)]
pub enum Table {
    /// The messages in their current state, including deleted ones; partitioned by guild and month (UTC).
    Messages,
    /// The earlier versions of edited messages; partitioned by guild and month (UTC).
    Versions,
    /// The guilds (servers).
    Guilds,
    /// The channels, threads and categories.
    Channels,
    /// The coverage: complete ranges, gaps and their reasons.
    Coverage,
    /// The outages: times in which the service received no events from Discord.
    Outages,
    /// Reaction and vote events: who reacted or voted, and when. Filled only with `REACTIONS=full`.
    ReactionEvents,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 7] = [
        Self::Messages,
        Self::Versions,
        Self::Guilds,
        Self::Channels,
        Self::Coverage,
        Self::Outages,
        Self::ReactionEvents,
    ];

    /// The name of the table in manifests and paths.
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

    /// Whether the table is an append-only log: it is unchanged as long as its row count is.
    #[must_use]
    pub fn is_log(self) -> bool {
        self == Self::ReactionEvents
    }

    /// Whether the table has one file per guild and month.
    #[must_use]
    pub fn is_partitioned(self) -> bool {
        matches!(self, Self::Messages | Self::Versions)
    }

    /// The Arrow schema, with the meaning of each column.
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        columns::schema(self.columns())
    }

    /// The name of the table or view in the database.
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

    /// The order of the rows, which is total.
    pub(crate) fn order(self) -> &'static str {
        match self {
            Self::Messages => "channel_id, message_id",
            Self::Versions => "channel_id, message_id, edited_at NULLS FIRST",
            Self::Guilds => "guild_id",
            Self::Channels => "channel_id",
            Self::Coverage => "channel_id, low",
            Self::Outages => "began_at, ended_at, reason",
            // No two events have the same time.
            Self::ReactionEvents => "channel_id, message_id, happened_at",
        }
    }
}

pub(crate) const SOURCE: Column = column(
    "source",
    Kind::Small,
    false,
    "Where the payload came from: 0 an import, 1 the message history (REST), 2 the gateway (WebSocket).",
);

pub(crate) const PATCH: Column = column(
    "patch_json",
    Kind::Json,
    true,
    "Fields of the payload that Discord changed later, as a JSON object; they replace the fields of raw_json.",
);

/// All columns of the view `discord_messages`.
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
        "When the edit that made this version happened (UTC); null for the original.",
    ),
    column(
        "content",
        Kind::Text,
        false,
        "The message text of this version.",
    ),
    column(
        "attachment_count",
        Kind::Count,
        false,
        "Number of attached files in this version.",
    ),
    column(
        "embed_count",
        Kind::Count,
        false,
        "Number of embeds in this version.",
    ),
    column(
        "revision",
        Kind::Revision,
        false,
        "Number of the database commit that stored this version.",
    ),
    SOURCE,
    column(
        "raw_json",
        Kind::Json,
        false,
        "The payload exactly as Discord sent it, byte for byte.",
    ),
];

const GUILDS: [Column; 2] = [
    column(
        "guild_id",
        Kind::Snowflake,
        false,
        "Discord's id of the guild (server).",
    ),
    column("name", Kind::Text, false, "Name of the guild."),
];

const CHANNELS: [Column; 10] = [
    column(
        "channel_id",
        Kind::Snowflake,
        false,
        "Discord's id of the channel, thread or category.",
    ),
    GUILD_ID,
    column(
        "parent_id",
        Kind::Snowflake,
        true,
        "Of a thread, the id of its channel; of a channel, the id of its category; null if it has none.",
    ),
    column(
        "channel_type",
        Kind::Count,
        false,
        "Discord's channel type, for example 0 text, 4 category, 10 to 12 threads, 15 forum.",
    ),
    column(
        "name",
        Kind::Text,
        false,
        "Name of the channel, thread or category.",
    ),
    column(
        "gone_after",
        Kind::Time,
        true,
        "The channel still existed at this time (UTC); null unless it was deleted.",
    ),
    column(
        "gone_at",
        Kind::Time,
        true,
        "When the deletion of the channel was noticed (UTC); null if it exists.",
    ),
    column(
        "access",
        Kind::Text,
        false,
        "Whether the history of the channel can be read: readable, or the reason why not.",
    ),
    column(
        "access_detail",
        Kind::Text,
        true,
        "Explanation of the reason in access.",
    ),
    column(
        "access_since",
        Kind::Time,
        true,
        "Since when access has its present value (UTC).",
    ),
];

const COVERAGE: [Column; 11] = [
    column(
        "guild_id",
        Kind::Snowflake,
        false,
        "Discord's id of the guild (server).",
    ),
    column(
        "channel_id",
        Kind::Snowflake,
        false,
        "Discord's id of the channel or thread.",
    ),
    column(
        "low",
        Kind::Snowflake,
        false,
        "Start of the range as a message id (inclusive).",
    ),
    column(
        "high",
        Kind::Snowflake,
        false,
        "End of the range as a message id (exclusive).",
    ),
    column(
        "from_time",
        Kind::Time,
        false,
        "Start of the range as a time (UTC, inclusive).",
    ),
    column(
        "to_time",
        Kind::Time,
        false,
        "End of the range as a time (UTC, exclusive).",
    ),
    column(
        "complete",
        Kind::Boolean,
        false,
        "Whether every message of the range was read; false for a gap.",
    ),
    column(
        "complete_by",
        Kind::Text,
        true,
        "How the range was covered: history (backfill), live (gateway session) or rescan (the history, read again); null for a gap.",
    ),
    column(
        "gap_reason",
        Kind::Text,
        true,
        "Why messages of the range may be missing; null if the range is complete.",
    ),
    column(
        "stale_since",
        Kind::Time,
        true,
        "Edits and deletes after this time (UTC) may be missing; null if none is missing.",
    ),
    column(
        "reactions_stale_since",
        Kind::Time,
        true,
        "Reactions and poll votes after this time (UTC) may be missing; null if none is missing.",
    ),
];

const OUTAGES: [Column; 3] = [
    column(
        "began_at",
        Kind::Time,
        true,
        "When the last event before the outage was received (UTC).",
    ),
    column(
        "ended_at",
        Kind::Time,
        false,
        "When the first event after the outage was received (UTC).",
    ),
    column(
        "reason",
        Kind::Text,
        false,
        "Reason of the outage: offline (the service did not run), session_lost (the service ran, but its gateway session was lost) or record_damaged (the data of that time was lost from the database).",
    ),
];

const REACTION_EVENTS: [Column; 10] = [
    column(
        "happened_at",
        Kind::Time,
        false,
        "When the event was received, by Discord's clock (UTC).",
    ),
    MESSAGE_ID,
    GUILD_ID,
    CHANNEL_ID,
    column(
        "user_id",
        Kind::Snowflake,
        true,
        "Discord's id of the user who reacted or voted; null if reactions were cleared, because Discord does not tell by whom.",
    ),
    column(
        "event",
        Kind::Text,
        false,
        "Kind of event: reaction_added, reaction_removed, emoji_cleared (all reactions with one emoji), all_cleared, vote_added or vote_removed.",
    ),
    column(
        "emoji_id",
        Kind::Snowflake,
        true,
        "Discord's id of a custom emoji; null for a Unicode emoji.",
    ),
    column(
        "emoji_name",
        Kind::Text,
        true,
        "The Unicode emoji, or the name of the custom emoji.",
    ),
    column(
        "answer_id",
        Kind::Count,
        true,
        "The answer_id of the poll answer that was voted for; null for reactions.",
    ),
    column(
        "is_super",
        Kind::Boolean,
        false,
        "Whether the reaction is a super reaction.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SNAPSHOTS: &str = include_str!("../../../queries/lib/snapshots.sql");

    /// The view that the SQL library makes of a table of the snapshots.
    fn view(table: Table) -> &'static str {
        match table {
            Table::Messages => "discord_messages",
            Table::Versions => "discord_message_versions",
            Table::Guilds => "discord_guilds",
            Table::Channels => "discord_channels",
            Table::Coverage => "coverage",
            Table::Outages => "outages",
            Table::ReactionEvents => "discord_reaction_events",
        }
    }

    /// The columns that the SQL library reads of a table, with their types.
    fn listed(table: Table) -> Vec<(&'static str, &'static str)> {
        let call = format!("snapshot_query('{}',", table.name());
        let (_, rest) = SNAPSHOTS.split_once(&call).expect("a query of the table");
        let list = rest.split('\'').nth(1).expect("a list of columns");
        let columns = list.split(',').map(str::trim);
        let parts = columns.map(|column| column.split_once(' ').expect("a name and a type"));
        parts.collect()
    }

    #[test]
    fn the_sql_library_has_the_columns_of_the_snapshots_with_their_meanings() {
        for table in Table::ALL {
            let columns = table.columns();
            for (name, sql_type) in listed(table) {
                let column = columns.iter().find(|column| column.name == name);
                let column = column.unwrap_or_else(|| panic!("{table:?} has no {name}"));
                assert_eq!(column.sql_type(), sql_type, "{table:?}.{name}");
                let meaning = column.meaning.replace('\'', "''");
                let comment = format!("COMMENT ON COLUMN {}.{name} IS '{meaning}';", view(table));
                assert!(SNAPSHOTS.contains(&comment), "missing: {comment}");
            }
        }
        let columns = Table::Messages.columns().iter().map(|it| it.name);
        let found = listed(Table::Messages).into_iter().map(|it| it.0);
        assert_eq!(found.collect::<BTreeSet<_>>(), columns.collect());
    }
}

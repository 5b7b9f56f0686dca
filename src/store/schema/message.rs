//! The one declaration of a message: each column with its type, its kind, the queries that read it, and its
//! meaning. The row, its reader, the Arrow schema, the writer's batches, the snapshots, the API and its
//! description come from this declaration.

use chrono::{DateTime, Utc};
use duckdb::Row;
use duckdb::types::FromSql;
use serde::ser::{Serialize, Serializer};

use super::columns::{Column, Kind, column};
use super::sql;
use crate::message::{ChannelId, GuildId, MessageId, UserId};
use crate::store::StoreError;

/// The parts of a row. A query reads only those parts whose values it does not know already, because each
/// column makes a query slower to plan and to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Read by every query.
    Always,
    /// The guild and the channel, which are known if all rows of the query are in one channel.
    Place,
    /// Contained in the message id, so no query reads it.
    InId,
    /// How the message was deleted, which is known if the query returns only existing messages.
    Deletion,
    /// The payload, if it was requested.
    Payload,
}

/// The parts that a query reads of each row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// The guild and the channel of all rows, if they are in one channel.
    pub(crate) place: Option<(GuildId, ChannelId)>,
    /// Whether a row can be a deleted message.
    pub(crate) may_be_deleted: bool,
    /// Whether the payload is read.
    pub(crate) with_raw: bool,
}

impl Shape {
    /// Every column.
    pub(crate) const WHOLE: Self = Self {
        place: None,
        may_be_deleted: true,
        with_raw: true,
    };

    fn reads(self, part: Part) -> bool {
        match part {
            Part::Always => true,
            Part::Place => self.place.is_none(),
            Part::InId => false,
            Part::Deletion => self.may_be_deleted,
            Part::Payload => self.with_raw,
        }
    }
}

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// A Discord id.
    Id(i64),
    /// A number.
    Number(i64),
    /// True or false.
    Boolean(bool),
    /// A text.
    Text(&'a str),
    /// A time.
    Time(DateTime<Utc>),
}

/// A value as the Arrow columns have it: a time is a number of microseconds.
impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Null => serializer.serialize_none(),
            Self::Id(number) | Self::Number(number) => serializer.serialize_i64(number),
            Self::Boolean(value) => serializer.serialize_bool(value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Time(at) => serializer.serialize_i64(at.timestamp_micros()),
        }
    }
}

/// The type of a column in [`MessageRow`].
trait Value: Sized {
    const IS_NULLABLE: bool = false;

    fn read(row: &Row<'_>, column: usize) -> Result<Self, StoreError>;

    /// The value if the query did not read the column; none if the query must read it.
    fn unread(_id: MessageId, _shape: Shape) -> Option<Self> {
        None
    }

    fn cell(&self) -> Cell<'_>;

    /// The value of a cell; none if the cell has another type.
    fn of(cell: Cell<'_>) -> Option<Self>;
}

macro_rules! id_value {
    ($type:ty, $unread:expr) => {
        impl Value for $type {
            fn read(row: &Row<'_>, column: usize) -> Result<Self, StoreError> {
                sql::id(row, column)
            }

            fn unread(_id: MessageId, shape: Shape) -> Option<Self> {
                let place: fn((GuildId, ChannelId)) -> Option<Self> = $unread;
                shape.place.and_then(place)
            }

            fn cell(&self) -> Cell<'_> {
                Cell::Id(self.as_i64())
            }

            fn of(cell: Cell<'_>) -> Option<Self> {
                match cell {
                    Cell::Id(id) => id.try_into().ok(),
                    _ => None,
                }
            }
        }
    };
}

id_value!(MessageId, |_| None);
id_value!(GuildId, |(guild, _)| Some(guild));
id_value!(ChannelId, |(_, channel)| Some(channel));
id_value!(UserId, |_| None);

macro_rules! plain_value {
    ($type:ty, $cell:expr, $of:pat => $value:expr, $unread:expr) => {
        impl Value for $type {
            fn read(row: &Row<'_>, column: usize) -> Result<Self, StoreError> {
                Ok(row.get(column)?)
            }

            fn unread(id: MessageId, _shape: Shape) -> Option<Self> {
                let unread: fn(MessageId) -> Option<Self> = $unread;
                unread(id)
            }

            fn cell(&self) -> Cell<'_> {
                let cell: fn(&$type) -> Cell<'_> = $cell;
                cell(self)
            }

            fn of(cell: Cell<'_>) -> Option<Self> {
                match cell {
                    $of => $value,
                    _ => None,
                }
            }
        }
    };
}

plain_value!(
    String,
    |text| Cell::Text(text),
    Cell::Text(text) => Some(text.to_owned()),
    |_| None
);
plain_value!(
    i32,
    |number| Cell::Number((*number).into()),
    Cell::Number(number) => number.try_into().ok(),
    |_| None
);
plain_value!(
    i64,
    |number| Cell::Number(*number),
    Cell::Number(number) => Some(number),
    |_| None
);
// The columns that a query may leave out are false then: `deleted`, if it returns only existing messages.
plain_value!(
    bool,
    |value| Cell::Boolean(*value),
    Cell::Boolean(value) => Some(value),
    |_| Some(false)
);
plain_value!(
    DateTime<Utc>,
    |at| Cell::Time(*at),
    Cell::Time(at) => Some(at),
    |id| Some(id.created_at())
);

impl<T: Value + FromSql> Value for Option<T> {
    const IS_NULLABLE: bool = true;

    fn read(row: &Row<'_>, column: usize) -> Result<Self, StoreError> {
        Ok(row.get(column)?)
    }

    fn unread(_id: MessageId, _shape: Shape) -> Option<Self> {
        Some(None)
    }

    fn cell(&self) -> Cell<'_> {
        self.as_ref().map_or(Cell::Null, Value::cell)
    }

    fn of(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => T::of(cell).map(Some),
        }
    }
}

macro_rules! message_columns {
    ($($name:ident: $type:ty, $kind:ident, $part:ident, $meaning:literal;)*) => {
        /// A message as it is returned: one field per public column.
        #[derive(Debug, Clone, PartialEq)]
        pub struct MessageRow {
            $(#[doc = $meaning] pub $name: $type,)*
        }

        /// The public columns of a message, in their order.
        pub const COLUMNS: [Column; [$(stringify!($name)),*].len()] = [
            $(column(stringify!($name), Kind::$kind, <$type as Value>::IS_NULLABLE, $meaning),)*
        ];

        /// The part of a row that each column belongs to.
        const PARTS: [Part; COLUMNS.len()] = [$(Part::$part),*];

        impl MessageRow {
            /// Reads a row of a query whose first columns are [`Shape::columns`].
            pub(crate) fn read(row: &Row<'_>, shape: Shape) -> Result<Self, StoreError> {
                let id = sql::id(row, 0)?;
                let mut next = 0;
                Ok(Self {
                    $($name: if shape.reads(Part::$part) {
                        next += 1;
                        Value::read(row, next - 1)?
                    } else {
                        Value::unread(id, shape).ok_or_else(|| {
                            StoreError::Damaged(concat!(stringify!($name), " was not read").to_owned())
                        })?
                    },)*
                })
            }

            /// The row of these values; none if one has another type than its column.
            pub(crate) fn of_cells(cells: &[Cell<'_>; COLUMNS.len()]) -> Option<Self> {
                let mut cells = cells.iter();
                Some(Self {
                    $($name: <$type as Value>::of(*cells.next()?)?,)*
                })
            }

            /// The values, in the order of [`COLUMNS`].
            #[must_use]
            pub fn cells(&self) -> [Cell<'_>; COLUMNS.len()] {
                [$(self.$name.cell()),*]
            }
        }
    };
}

message_columns! {
    message_id: MessageId, Snowflake, Always,
        "Discord's id of the message.";
    guild_id: GuildId, Snowflake, Place,
        "Discord's id of the guild (server).";
    channel_id: ChannelId, Snowflake, Place,
        "Discord's id of the channel or thread that contains the message.";
    author_id: UserId, Snowflake, Always,
        "Discord's id of the author: a user, a bot or a webhook.";
    author_name: String, Text, Always,
        "The author's user name; empty if the content was redacted.";
    author_is_bot: bool, Boolean, Always,
        "Whether an app or a webhook wrote the message.";
    content: String, Text, Always,
        "The message text as typed, with Discord's markup; empty if it was redacted.";
    created_at: DateTime<Utc>, Time, InId,
        "When the message was written (UTC): the time encoded in its id.";
    edited_at: Option<DateTime<Utc>>, Time, Always,
        "When the author last edited the message (UTC); null if never, or if the content was redacted.";
    deleted: bool, Boolean, Deletion,
        "Whether the message no longer exists on Discord.";
    deleted_by: Option<String>, Text, Deletion,
        "How the delete became known. Reported by Discord: gateway (a MESSAGE_DELETE event), bulk (a MESSAGE_DELETE_BULK event, as a moderator's purge sends it), channel (the channel or thread was deleted). Inferred, and reverted if the message appears again: rescan (two readings of the history did not contain the message), missing_channel (Discord answers that the channel does not exist). Null if the message is not deleted.";
    deleted_after: Option<DateTime<Utc>>, Time, Deletion,
        "The message still existed on Discord at this time (UTC); the delete happened later.";
    deleted_before: Option<DateTime<Utc>>, Time, Deletion,
        "When the delete was noticed (UTC); it happened at this time or earlier.";
    content_removed_at: Option<DateTime<Utc>>, Time, Deletion,
        "When the content of this deleted message was redacted (UTC); null if it was not.";
    message_type: i32, Count, Always,
        "Discord's message type, for example 0 a normal message, 19 a reply.";
    attachment_count: i32, Count, Always,
        "Number of attached files; 0 once the content was redacted.";
    embed_count: i32, Count, Always,
        "Number of embeds (link previews, bot cards); 0 once the content was redacted.";
    reaction_count: Option<i32>, Count, Always,
        "Number of reactions. Null if the number is not known, because only an edit or single reaction events of the message were received, or because its content was redacted.";
    reactions: Option<String>, Details, Always,
        "Reactions per emoji, as a list of objects with count, emoji_id, emoji_name and super_count (its JSON text in tables); null if they are not known.";
    poll_votes: Option<String>, Details, Always,
        "Votes per answer of the message's poll, as a list of objects with answer_id and count (its JSON text in tables); null if the message has no poll, or if its votes are not known.";
    ingested_at: DateTime<Utc>, Time, Always,
        "When this service first stored the message (UTC).";
    revision: i64, Revision, Always,
        "Number of the database commit that last changed the row.";
    raw_json: Option<String>, Json, Payload,
        "The payload exactly as Discord sent it, byte for byte; null if the content was redacted.";
}

/// The place of a column among [`COLUMNS`]. There must be a column of this name.
pub(crate) const fn place_of(name: &str) -> usize {
    let mut at = 0;
    while !COLUMNS[at].name.eq_ignore_ascii_case(name) {
        at += 1;
    }
    at
}

impl Part {
    /// The part of the column at this place among [`COLUMNS`].
    pub(crate) fn of(column: usize) -> Self {
        PARTS[column]
    }
}

impl Shape {
    /// The columns to select, in the order that [`MessageRow::read`] expects; the id comes first.
    pub(crate) fn columns(self) -> String {
        let each = COLUMNS.iter().zip(PARTS);
        let read = each.filter(|(_, part)| self.reads(*part));
        read.map(|(column, _)| column.name)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl Column {
    /// The column with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        COLUMNS.into_iter().find(|column| column.name == name)
    }

    /// The columns of a download without `columns`: all but the payload.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        let all = COLUMNS.into_iter();
        all.filter(|column| !column.is_payload()).collect()
    }
}

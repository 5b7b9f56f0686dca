//! How a message changes without being edited: `edited_timestamp` stays as it was.
//! Source: <https://docs.discord.com/developers/resources/message> (Message Flags) and
//! <https://docs.discord.com/developers/events/gateway-events> (Message Update, Channel Pins Update).

use serde::{Deserialize, Serialize};

/// A flag: published to the channels that follow this one.
pub const CROSSPOSTED: u64 = 1;
/// A flag: came from another channel that this one follows.
pub const IS_CROSSPOST: u64 = 1 << 1;
/// A flag: embeds are not shown.
pub const SUPPRESS_EMBEDS: u64 = 1 << 2;
/// A flag: the message that this one is a crosspost of was deleted.
pub const SOURCE_MESSAGE_DELETED: u64 = 1 << 3;
/// A flag: a thread hangs on the message. It follows from the thread and cannot be set.
pub(crate) const HAS_THREAD: u64 = 1 << 5;

/// What Discord writes over a crosspost whose source is gone.
pub(crate) const SOURCE_DELETED_CONTENT: &str = "[Original Message Deleted]";

/// A change of a message that is not an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageChange {
    /// It is pinned or unpinned. CHANNEL_PINS_UPDATE comes too, and of a pin the notice (type 6) that tells of it.
    Pinned(bool),
    /// Its flags are these. With [`SUPPRESS_EMBEDS`] its embeds are not shown until the flag is taken away.
    Flags(u64),
    /// It has this many embeds: links unfurl, or their embeds are taken away.
    Embeds(usize),
    /// It is a crosspost and its source was deleted: Discord sets the flag and writes over its text.
    SourceDeleted,
}

/// How much of a message a MESSAGE_UPDATE carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayloadStyle {
    /// The whole message, as Discord documents it.
    #[default]
    Whole,
    /// `id`, `channel_id` and the fields that changed, as Discord once sent it.
    Partial,
}

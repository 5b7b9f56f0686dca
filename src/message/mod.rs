//! The domain: what is known of a Discord message, and how two pieces of knowledge become one.
//! Pure: no I/O, no clock, no SQL. Everything here can be tested with values alone.
//! The law that the rest stands on is [`Message::join`].

mod body;
mod id;
mod join;
mod month;
mod patch;
mod payload;
mod versions;

pub use body::Body;
pub use id::{ChannelId, GuildId, IdOutOfRange, IdSpan, MessageId, UserId, snowflake_at};
pub use join::{DeletedBy, Gone, Message, Visible};
pub use month::{Month, NoMonth};
pub use patch::{Patch, PatchField};
pub use payload::{PayloadError, Source, Version, read_update};
pub use versions::Versions;

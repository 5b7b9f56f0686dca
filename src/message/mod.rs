//! The domain: what is known of a Discord message, and how two pieces of knowledge are merged. The module is
//! pure: it has no I/O, no clock and no SQL, so that everything can be tested with values alone. Its central
//! rule is [`Message::join`].

mod body;
mod counts;
mod id;
mod join;
mod life;
mod month;
mod observed;
mod patch;
mod payload;
mod reaction_event;
mod read;
mod state;
mod tally;
mod versions;

pub use body::Body;
pub use counts::Emoji;
pub use id::{
    ChannelId, GuildId, IdOutOfRange, IdRange, MessageId, UserId, snowflake_at, snowflake_time,
};
pub use join::{Message, Shown};
pub use life::{Absence, DeletedBy, Gone, Life};
pub use month::{Month, NoMonth};
pub use observed::Observed;
pub use patch::Patch;
pub use payload::{PayloadError, Source, Version};
pub use reaction_event::{ReactionEvent, ReactionKind};
pub use read::read_update;
pub use state::State;
pub use tally::{Count, Counted, Step, Tally};
pub use versions::Versions;

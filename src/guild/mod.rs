//! The domain of guilds, channels and threads apart from their messages: whether they exist and can be read,
//! which ranges of message ids are complete, how far the gateway session is, and what of it a reader may see.

mod channel;
mod coverage;
mod news;
mod reach;
mod session;

pub use channel::{Access, Channel, Guild, KnownChannel};
pub use coverage::{ChannelCoverage, Coverage, CoveredBy, GapReason};
pub(crate) use coverage::{Complete, RangeState, SessionEnd};
pub use news::{AccessMark, ChannelGone, Covered, Doubt, Interrupted, Place, Sighting, Suspicion};
pub use reach::{Limits, Reach};
pub use session::{SessionId, SessionMark};

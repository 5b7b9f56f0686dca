//! The real binary follows a busy Discord for a while: memory, the way of an event to the disk, and at
//! the end the whole truth.
//!
//! A busy server writes about 10 messages a second at its daily peak. The default rate is a hundred
//! times that, so that `make soak` (a million events) ends in a quarter of an hour; `GUILDLAKE_SOAK_RATE`
//! sets another, `GUILDLAKE_SOAK_EVENTS` how many events. Nothing here fails because of time. The
//! simulator keeps each message for its truth, a bit more than 1 kB of memory for each.

pub(crate) mod run;
pub(crate) mod sender;
pub(crate) mod watcher;

//! What follows the record: it reads it by revision, notes how far it is in its own atomic commit, may
//! be behind and is never ahead. Deleting it loses nothing.

mod room;
pub mod search;
pub mod snapshot;

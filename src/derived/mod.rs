//! The followers of the record. A follower reads the record by revision and stores its own revision in its own
//! atomic commit. It may be behind the record and is never ahead of it. Deleting a follower loses nothing.

mod aside;
mod room;
pub mod rows;
pub mod search;
pub mod snapshot;

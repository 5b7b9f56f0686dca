//! The row store: each message's row, ready to be served, in an ordered key-value store beside the record. A page or
//! one message is read from it without SQL. It follows the record by revision, holds nothing that the record does
//! not, and is rebuilt whenever it can't be used; until then the record answers.
//!
//! Two sides write it, never at the same time. While it is level with the record, the writer of the record hands it
//! the rows of each commit ([`Feed`]), before the commit is acknowledged. When it is behind, the [`Follower`] reads
//! from the record what is missing.

mod error;
mod feed;
mod folder;
mod follower;
mod mark;
mod store;
mod view;

use std::time::Duration;

pub use error::RowsError;
pub use feed::Feed;
pub use folder::RowsSummary;
pub use follower::Follower;
pub use mark::Mark;
pub use view::Rows;

/// The settings of the row store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The memory in bytes for blocks that were read.
    pub cache: u64,
    /// How often a row store with redacted content in its files is made anew.
    pub forget_every: Duration,
}

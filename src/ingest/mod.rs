//! Brings Discord's events into the database. A single writer commits what the gateway and the backfill
//! deliver, in the same transaction as the positions that they have reached; coverage is tracked as ranges of
//! ids.

mod ask_again;
mod catalog;
mod doubt;
mod history;
mod live;
mod pass;
mod pass_context;
mod pass_report;
mod progress;
mod rights;
mod scan;
mod scope;
mod writer;

pub use ask_again::AskAgain;
pub use catalog::{Catalog, Entry};
pub use live::{Live, LiveError};
pub use pass_context::{History, Pass};
pub use pass_report::{HistoryError, PassReport};
pub use progress::Progress;
pub use scan::ScanError;
pub use scope::Scope;
pub use writer::{Writer, WriterClosed, WriterHandle};

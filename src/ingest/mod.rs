//! From Discord's events to the record. One writer commits what the socket and the history bring,
//! together with the marks that say how far each is; what is complete is known by ranges of ids.

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

//! The record: every message that was acknowledged, in one DuckDB file. All SQL of the service is
//! in this room. One [`Record`] writes, on one thread; any number of [`Reader`]s read beside it.
//! Nothing is reported as done before the transaction that holds it is on disk.

mod batch;
mod catalog;
mod error;
mod hot;
mod known;
mod lock;
mod lookup;
mod marks;
mod messages;
mod page;
mod query;
mod record;
mod row;
mod schema;

pub use batch::{Batch, Committed, Parked, SessionMark};
pub use catalog::{
    Access, AccessMark, Channel, ChannelGone, Covered, Guild, Interrupted, KnownChannel,
};
pub use error::StoreError;
pub use known::Coverage;
pub use lock::DataLock;
pub use page::{Order, Page, PageRequest, RowStream};
pub use query::Reader;
pub use record::{Record, StoreSettings};
pub use row::MessageRow;

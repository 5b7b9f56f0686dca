//! The record: one DuckDB file with every message that was acknowledged. All SQL on its tables is in this
//! module. One [`Record`] writes, on one thread; any number of [`Reader`]s read at the same time. An
//! acknowledgement follows the commit, never precedes it.
//!
//! The four parts: `schema` (tables, columns, migrations), `file` (the DuckDB file: open, lock, commit,
//! checkpoint), `read`, and `write`. `write` knows the other three, `read` knows `file` and `schema`, and
//! `file` knows `schema`.

mod error;
mod file;
mod read;
mod schema;
mod write;

pub use error::StoreError;
pub use file::lock::DataLock;
pub use file::settings::{DeletedContent, StoreSettings, usable_memory};
pub use read::change_feed::FollowedMessage;
pub use read::changes::{Change, Changes, ChangesRequest};
pub use read::completeness::{
    ChannelCompleteness, Completeness, CompletenessRequest, CoverageSummary, KnownRange, Outage,
};
pub use read::download::{BatchStream, Download, DownloadRequest};
pub use read::hits::{EXTRA_COLUMNS, FoundRow, FoundRows};
pub use read::page::{Order, Page, PageRequest};
pub use read::payloads::Payload;
pub use read::reader::{InterruptOnDrop, Reader};
pub use read::report::{MAX_REPORT_ROWS, ReportAnswer, time_zones};
pub use read::report_request::ReportRequest;
pub use read::rows::ChangedRows;
pub use read::versions::VersionRow;
pub use read::view::{Moment, Partition, RecordState};
pub use schema::columns::{Column, DESCRIPTION, JSON, Kind, SNOWFLAKE, UNIT, report_schema};
pub use schema::compact::{CompactRow, compact_form, read_compact};
pub use schema::message::{COLUMNS, Cell, MessageRow};
pub use schema::sql::FoundAt;
pub use schema::tables::Table;
pub use write::batch::{Batch, Committed, Parked, RowsChanged, Unsettled};
pub use write::record::Record;

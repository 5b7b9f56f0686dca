//! The record: every message that was acknowledged, in one DuckDB file. All SQL of the service is
//! in this room. One [`Record`] writes, on one thread; any number of [`Reader`]s read beside it.
//! Nothing is reported as done before the transaction that holds it is on disk.

mod batch;
mod catalog;
mod changes;
mod checkpoint;
mod columns;
mod completeness;
mod content;
mod coverage;
mod download;
mod epochs;
mod error;
mod followed;
mod fragments;
mod hits;
mod known;
mod levels;
mod lock;
mod log;
mod lookup;
mod marks;
mod merge;
mod message_by_id;
mod messages;
mod moment;
mod opening;
mod outages;
mod page;
mod parked;
mod presence;
mod query;
mod reactions;
mod record;
mod report;
mod row;
mod schema;
mod settings;
mod sorted;
mod tables;
mod transaction;
mod unsettled;
mod upkeep;
mod versions;
mod whereabouts;
mod witness;

pub use batch::{Batch, Committed, Parked, SessionId, SessionMark};
pub use catalog::{
    Access, AccessMark, Channel, ChannelGone, Covered, Doubt, Guild, Interrupted, KnownChannel,
    Place, Sighting, Suspicion,
};
pub use changes::{Change, Changes, ChangesRequest};
pub use columns::{COLUMNS, Column, DESCRIPTION, JSON, SNOWFLAKE, UNIT, report_schema};
pub use completeness::{ChannelCompleteness, Completeness, CompletenessRequest, KnownRange};
pub use content::DeletedContent;
pub use coverage::{ChannelCoverage, Coverage, CoveredBy, GapReason};
pub use download::{BatchStream, Download, DownloadRequest};
pub use error::StoreError;
pub use followed::FollowedMessage;
pub use hits::{EXTRA_COLUMNS, FoundAt, FoundRow, FoundRows};
pub use lock::DataLock;
pub use merge::Unsettled;
pub use moment::{Moment, Partition, RecordState};
pub use outages::Outage;
pub use page::{Order, Page, PageRequest};
pub use query::{InterruptOnDrop, Reader};
pub use reactions::{ReactionEvent, ReactionKind};
pub use record::Record;
pub use report::{MOST_REPORT_ROWS, ReportAnswer, ReportCoverage, ReportRequest, time_zones};
pub use row::MessageRow;
pub use settings::StoreSettings;
pub use tables::Table;
pub use versions::VersionRow;

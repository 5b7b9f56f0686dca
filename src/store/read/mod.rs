//! The readers: each sees committed data in a transaction of its own, at the same time as the one writer.

pub(crate) mod change_feed;
pub(crate) mod changes;
pub(crate) mod completeness;
mod coverage;
pub(crate) mod download;
pub(crate) mod hits;
pub(crate) mod message;
pub(crate) mod ordered_scan;
pub(crate) mod page;
pub(crate) mod payloads;
pub(crate) mod presence;
pub(crate) mod reach;
pub(crate) mod reader;
pub(crate) mod report;
pub(crate) mod report_request;
mod report_session;
pub(crate) mod rows;
pub(crate) mod tracker;
pub(crate) mod versions;
pub(crate) mod view;

//! The one writer: batches of observations are merged with what is known, and compaction keeps the rows sorted.

pub(crate) mod batch;
pub(crate) mod compaction;
pub(crate) mod coverage_tracker;
pub(crate) mod dead_letters;
pub(crate) mod fragments;
pub(crate) mod level_bounds;
pub(crate) mod lookup;
pub(crate) mod maintenance;
pub(crate) mod merge;
pub(crate) mod outages;
pub(crate) mod reaction_events;
pub(crate) mod record;
pub(crate) mod redact;
pub(crate) mod rows;
pub(crate) mod tracker_tables;
pub(crate) mod unsettled;
pub(crate) mod versions;

//! The full-text search: a tantivy index that follows the record by revision, and the queries on it. The index
//! contains no rows: a hit is an id, and the record supplies the row.
//!
//! `text` splits texts into terms, `document` makes the terms of a message, `writer` commits them with the
//! [`Mark`] (the watermark), `folder` opens the index or sets it aside, and [`Follower`] keeps it up to date.
//! `query` parses what somebody typed, `compile` turns it into tantivy's queries, and `find` runs these.

mod compile;
mod deadline;
mod document;
mod error;
mod exact;
mod fields;
mod find;
mod folder;
mod follower;
mod highlight;
mod mark;
mod names;
mod outside;
mod prefix_phrase;
pub mod query;
mod statistics;
pub mod text;
mod view;
mod within;
mod writer;

pub use compile::{
    ChannelsNamed, Warning, asks_for_deleted, has_words, names_channels, reads_content, reads_names,
};
pub use deadline::{Clock, LeaveOnDrop};
pub use error::SearchError;
pub use fields::Place;
pub use find::{Counts, Facets, Hit, Hits, Position, Rank, SearchRequest, Sort};
pub use folder::{Found, IndexState};
pub use follower::{Follower, Settings};
pub use highlight::{Highlight, Highlighter};
pub use mark::{Filling, Mark};
pub use names::{Typed, Written};
pub use view::{Search, Searchable};

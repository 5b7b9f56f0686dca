//! The full-text search: a tantivy index of the record's messages, which follows it by revision, and what
//! asks it. Rows are not in it: a hit is an id, and the record has the rest.
//!
//! `text` cuts texts into terms, `document` makes a message's terms, `writer` commits them with the [`Mark`] that says
//! how far they go, `folder` opens the index or sets it aside, [`Follower`] does all that again and again.
//! `query` reads what somebody typed, `compile` makes tantivy's queries of it, `find` runs them.

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
pub mod query;
mod statistics;
pub mod text;
mod view;
mod writer;

pub use compile::{ChannelsNamed, Warning, asks_for_deleted, has_words, names_channels};
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

//! Snapshots: the record as Parquet files, for tools that read files while the service has the record
//! open. Files have names that never mean anything else (the revision and the hash of what is inside);
//! a manifest names those that belong together, and takes the place of the one before by one rename.
//! So whoever reads by a manifest sees one moment of the record, whole.
//!
//! `folder` is what is on the disk, `take` writes what has changed, [`Follower`] does so again and again,
//! `verify` finds damage, `sweep` takes out what is old. [`Catalog`] is what is there now, for the API.

mod catalog;
mod error;
mod folder;
mod follower;
mod manifest;
mod parquet_file;
mod sweep;
mod take;
mod verify;

pub use catalog::{Catalog, Snapshot, Snapshots};
pub use error::SnapshotError;
pub use folder::Found;
pub use follower::{Follower, Outcome, Settings};
pub use manifest::NamedFile;
pub use manifest::{FORMAT, FileEntry, GuildCoverage, Manifest};

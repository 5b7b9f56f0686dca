//! Snapshots: the record as Parquet files, for programs that read files while the service has the record open.
//! The name of a file contains the revision and the hash of the contents, so a name never stands for other
//! contents. A manifest names the files of one snapshot, and replaces the manifest before by one rename.
//! Everyone who reads by a manifest therefore sees one moment of the record, complete.
//!
//! `folder` has the files on the disk, `take` writes what has changed, [`Follower`] schedules that, `verify`
//! finds damage, and `sweep` deletes expired files. [`Catalog`] is the present state, for the API.

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

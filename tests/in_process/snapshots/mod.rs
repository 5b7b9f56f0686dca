//! Snapshots against the record that they are of: the same rows, and only what changed is written. `make snapshots`
//! measures at full size.

mod changes;
mod follower;
mod partitions;
mod size;

//! `guildlake snapshot`: the record as files, also for the DuckDB command line; and what to do while the
//! service runs.

use crate::GUILDLAKE;
use testkit::program::{discord, end};

/// A bare name has no folder before it.
#[tokio::test]
async fn the_record_can_be_in_the_folder_one_is_in() {
    let simulator = discord(522).await;
    let folder = tempfile::tempdir().unwrap();
    let mut backfill = GUILDLAKE.following(folder.path(), &simulator, &["backfill"]);
    backfill.env("DATABASE_URL", "duckdb://lake.duckdb");
    let filled = end(backfill).await;
    assert_eq!(filled.code, Some(0), "{}", filled.stderr);
    assert!(
        !folder.path().join("lake.duckdb.wal").exists(),
        "it was folded"
    );
    let mut snapshot = GUILDLAKE.command(folder.path(), &["snapshot"]);
    snapshot.env("DATABASE_URL", "duckdb://lake.duckdb");
    let taken = end(snapshot).await;
    assert_eq!(taken.code, Some(0), "{}", taken.stderr);
}

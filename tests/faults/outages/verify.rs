//! `guildlake backfill --verify` at the end: after it nothing is wrong any more, and nothing stale
//! where channels can be read.

use std::path::Path;
use std::time::Duration;

use duckdb::Connection;
use simulator::Simulator;

use super::book::Book;
use crate::GUILDLAKE;
use testkit::program::end;
use testkit::truth::{self, Unknowable};

/// Without a session the last minute before now is not trusted.
const LATER: Duration = Duration::from_secs(600);

pub(crate) async fn verify(simulator: &Simulator, folder: &Path, book: &Book) {
    simulator.advance_clock(LATER);
    let ended = end(GUILDLAKE.following(folder, simulator, &["backfill", "--verify"])).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let database = folder.join("data/guildlake.duckdb");
    truth::compare(simulator, &database, Unknowable::LostSession);
    let connection = Connection::open(&database).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT channel_id, low, high, coalesce(gap_reason, ''), CAST(stale_since AS VARCHAR) \
             FROM coverage JOIN channels USING (channel_id) \
             WHERE access = 'readable' AND gone_at IS NULL AND NOT (complete AND stale_since IS NULL) \
             AND low < snowflake_at((SELECT committed_at FROM record_state) - INTERVAL 5 MINUTE)",
        )
        .unwrap();
    let left: Vec<String> = statement
        .query_map([], |row| {
            let (id, low, high): (u64, u64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (gap, stale): (String, Option<String>) = (row.get(3)?, row.get(4)?);
            Ok(format!("{id} [{low}, {high}) {gap} {stale:?}"))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(left.is_empty(), "doubtful after --verify: {left:#?}");
    println!(
        "after `backfill --verify` the record equals the truth ({} changes in {} lost sessions), nothing is stale",
        book.all().count(),
        book.outages.len()
    );
}

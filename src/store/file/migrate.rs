//! The migrations from one schema version to the next. A released migration never changes; a new one is added.
//! Each migration runs in a transaction of its own and is checkpointed right after it, because DuckDB has known
//! bugs when it replays altered tables from the WAL.

use std::path::Path;

use duckdb::{Connection, OptionalExt};
use tracing::info;

use super::checkpoint::Checkpoints;
use super::transaction;
use crate::store::StoreError;
use crate::store::schema::levels::LEVELS;
use crate::store::schema::tables::Table;

/// The SQL of each migration. The position in the list, from 1, is the version that it leads to.
const MIGRATIONS: [&str; 8] = [
    include_str!("../schema/migrations/001_record.sql"),
    include_str!("../schema/migrations/002_coverage.sql"),
    include_str!("../schema/migrations/003_unheard.sql"),
    include_str!("../schema/migrations/004_small_runs.sql"),
    include_str!("../schema/migrations/005_epochs.sql"),
    include_str!("../schema/migrations/006_on_its_way.sql"),
    include_str!("../schema/migrations/007_observed.sql"),
    include_str!("../schema/migrations/008_author_is_bot.sql"),
];

/// The newest version that this program knows.
pub(crate) const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// Migrates the file to the newest version, or refuses it.
pub(crate) fn migrate(
    connection: &Connection,
    path: &Path,
    checkpoints: &Checkpoints,
) -> Result<(), StoreError> {
    let found = version(connection, path)?;
    if found > SCHEMA_VERSION {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: SCHEMA_VERSION,
        });
    }
    let is_old = found > 0 && found < SCHEMA_VERSION;
    let deleted = is_old.then(|| deleted(connection)).transpose()?;
    if is_old {
        // What the WAL has of before is not to be replayed together with changed tables.
        checkpoints.run(connection)?;
    }
    for (step, sql) in (1_i64..).zip(MIGRATIONS).filter(|(step, _)| *step > found) {
        connection.execute_batch("BEGIN TRANSACTION")?;
        if let Err(error) = apply(connection, sql, step) {
            let _ = connection.execute_batch("ROLLBACK");
            return Err(error);
        }
        checkpoints.run(connection)?;
    }
    if let Some(before) = deleted {
        let mended = before - self::deleted(connection)?;
        info!(
            from = found,
            to = SCHEMA_VERSION,
            mended,
            "the database was migrated to this version; mended: number of messages that were wrongly marked as deleted \
             with a channel in which something was written afterwards. Other messages that Discord still has are \
             corrected when its lists and pages are read; `guildlake backfill --verify` reads all of them"
        );
    }
    Ok(())
}

/// The number of messages that are marked as deleted.
fn deleted(connection: &Connection) -> Result<i64, StoreError> {
    let sql = "SELECT count(*) FROM discord_messages WHERE deleted";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Runs and commits one migration.
fn apply(connection: &Connection, sql: &str, step: i64) -> Result<(), StoreError> {
    connection.execute_batch(sql)?;
    if step == SCHEMA_VERSION {
        connection.execute_batch(&messages_view())?;
    }
    connection.execute_batch(&format!("UPDATE record_state SET schema_version = {step}"))?;
    transaction::commit(connection, "migration_written")
}

/// The view of all messages, over all levels.
fn messages_view() -> String {
    let columns = Table::Messages.columns().iter().map(|column| column.name);
    let columns = columns.collect::<Vec<_>>().join(", ");
    let levels = LEVELS.map(|table| format!("SELECT {columns} FROM {table}"));
    let levels = levels.join(" UNION ALL ");
    format!("CREATE OR REPLACE VIEW discord_messages AS {levels}")
}

/// The schema version of the file; 0 for an empty one.
fn version(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let mut tables = connection.prepare(
        "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND database_name = current_database()",
    )?;
    let names = tables
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<Result<Vec<_>, _>>()?;
    if names.is_empty() {
        return Ok(0);
    }
    if !names.iter().any(|name| name == "record_state") {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
        });
    }
    let version = connection
        .query_row("SELECT schema_version FROM record_state", [], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(version.unwrap_or(0))
}

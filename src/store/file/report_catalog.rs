//! The catalog in which reports run. It is in memory and attached beside the record, so that none of it is
//! written into the DuckDB file.

use duckdb::Connection;

use crate::report::built_in_macros;
use crate::store::StoreError;

/// Creates the catalog `reports` in the DuckDB instance of this connection, which has the record open.
pub(crate) fn make_catalog(connection: &Connection) -> Result<(), StoreError> {
    let record: String = connection.query_row("SELECT current_database()", [], |row| row.get(0))?;
    let record = format!("\"{}\".main", record.replace('"', "\"\""));
    let connection = connection.try_clone()?;
    connection.execute_batch(&format!(
        "ATTACH ':memory:' AS reports;
         USE reports;
         CREATE VIEW discord_messages AS FROM {record}.discord_messages;
         CREATE VIEW discord_message_versions AS FROM {record}.discord_message_versions;
         CREATE VIEW discord_guilds AS SELECT guild_id, name FROM {record}.guilds;
         CREATE VIEW discord_channels AS
             SELECT channel_id, guild_id, parent_id, channel_type, name, gone_at FROM {record}.channels;
         CREATE VIEW coverage AS
             FROM query(coalesce(getvariable('kept_coverage'), 'FROM {record}.coverage'));
         CREATE VIEW outages AS SELECT began_at, ended_at, reason FROM {record}.outages;
         CREATE VIEW discord_reaction_events AS FROM {record}.reaction_events;
         CREATE VIEW record_now AS
             SELECT revision, commits, (SELECT max(heard_at) FROM {record}.gateway_sessions) AS heard_until
             FROM {record}.record_state;"
    ))?;
    connection.execute_batch(&built_in_macros())?;
    Ok(())
}

/// Lets a connection run reports: they see the record by the names of [`make_catalog`] only.
pub(crate) fn prepare(connection: &Connection) -> Result<(), StoreError> {
    // No answer may depend on where the service runs.
    connection.execute_batch("USE reports; SET TimeZone = 'UTC';")?;
    Ok(())
}

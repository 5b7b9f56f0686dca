//! The catalogs in which reports run: one that shows the whole record, and one that shows a part of it, as the variables
//! of the connection say. They are in memory and attached beside the record, so that none of it is written into the
//! DuckDB file.

use duckdb::Connection;

use crate::report::built_in_macros;
use crate::store::StoreError;
use crate::store::schema::coverage_view;

/// The variable with the condition on guild and channel of the rows that [`PART`] shows. Where it is not set, a query of
/// that catalog fails.
pub(crate) const REACH: &str = "reach";

/// The variable with the columns of a message that [`PART`] shows.
pub(crate) const SHOWN: &str = "shown_columns";

/// The catalogs' names.
pub(crate) const WHOLE: &str = "reports";
pub(crate) const PART: &str = "part";

/// Creates the catalogs in the DuckDB instance of this connection, which has the record open.
pub(crate) fn make_catalog(connection: &Connection) -> Result<(), StoreError> {
    let record: String = connection.query_row("SELECT current_database()", [], |row| row.get(0))?;
    let record = format!("\"{}\".main", record.replace('"', "\"\""));
    let connection = connection.try_clone()?;
    connection.execute_batch(&format!(
        "ATTACH ':memory:' AS {WHOLE};
         USE {WHOLE};
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
    // Views of their own, because a text that is read while a query is planned takes time, which most requests need
    // not take. A parent that is not shown is none.
    let in_text = record.replace('\'', &"'".repeat(2));
    let condition = format!("' || coalesce(getvariable('{REACH}'), 'false') || '");
    let condition_here = "the condition goes here";
    let coverage = coverage_view::of_channels(&record, condition_here)
        .replace('\'', &"'".repeat(2))
        .replace(condition_here, &condition);
    connection.execute_batch(&format!(
        "ATTACH ':memory:' AS {PART};
         USE {PART};
         CREATE VIEW discord_messages AS
             FROM query('SELECT ' || coalesce(getvariable('{SHOWN}'), '*') || ' FROM {in_text}.discord_messages WHERE '
                        || coalesce(getvariable('{REACH}'), 'false'));
         CREATE VIEW discord_message_versions AS
             FROM query('FROM {in_text}.discord_message_versions WHERE ' || coalesce(getvariable('{REACH}'), 'false'));
         CREATE VIEW discord_channels AS
             FROM query('SELECT channel_id, guild_id,
                                CASE WHEN parent_id IN (SELECT channel_id FROM {in_text}.channels
                                                        WHERE ' || coalesce(getvariable('{REACH}'), 'false') || ')
                                     THEN parent_id END AS parent_id, channel_type, name, gone_at
                         FROM {in_text}.channels WHERE ' || coalesce(getvariable('{REACH}'), 'false'));
         CREATE VIEW discord_guilds AS
             SELECT guild_id, name FROM {record}.guilds SEMI JOIN discord_channels USING (guild_id);
         CREATE MACRO snowflake_at(moment) AS {record}.snowflake_at(moment);
         CREATE MACRO snowflake_time(id) AS {record}.snowflake_time(id);
         CREATE VIEW coverage AS
             FROM query(coalesce(getvariable('kept_coverage'), '{coverage}'));
         CREATE VIEW outages AS SELECT began_at, ended_at, reason FROM {record}.outages;
         CREATE VIEW discord_reaction_events AS
             FROM query('FROM {in_text}.reaction_events WHERE ' || coalesce(getvariable('{REACH}'), 'false'));
         CREATE VIEW record_now AS FROM {WHOLE}.main.record_now;"
    ))?;
    connection.execute_batch(&built_in_macros())?;
    Ok(())
}

/// Lets a connection run reports: they see the record by the names of [`make_catalog`] only.
pub(crate) fn prepare(connection: &Connection) -> Result<(), StoreError> {
    // No answer may depend on where the service runs.
    connection.execute_batch(&format!("USE {WHOLE}; SET TimeZone = 'UTC';"))?;
    Ok(())
}

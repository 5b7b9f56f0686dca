-- Makes the base views from the database of a stopped service. (While the service runs, no other process can open
-- the file; use snapshots.sql then.) For the DuckDB command line without a database of its own, started in the
-- folder that contains data/.
ATTACH IF NOT EXISTS 'data/guildlake.duckdb' AS record (READ_ONLY);

CREATE OR REPLACE VIEW discord_messages AS FROM record.main.discord_messages;
CREATE OR REPLACE VIEW discord_message_versions AS FROM record.main.discord_message_versions;
CREATE OR REPLACE VIEW discord_guilds AS SELECT guild_id, name FROM record.main.guilds;
CREATE OR REPLACE VIEW discord_channels AS
    SELECT channel_id, guild_id, parent_id, channel_type, name, gone_at FROM record.main.channels;
CREATE OR REPLACE VIEW coverage AS FROM record.main.coverage;
CREATE OR REPLACE VIEW discord_reaction_events AS FROM record.main.reaction_events;
CREATE OR REPLACE VIEW outages AS SELECT began_at, ended_at, reason FROM record.main.outages;

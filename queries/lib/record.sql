-- The base relations from a record whose service is stopped (while it runs, no other process can
-- open the file). In the DuckDB CLI, with no database opened:
--   SET VARIABLE record = 'data/guildlake.duckdb';   -- the default
--   .read queries/lib/record.sql

ATTACH IF NOT EXISTS 'data/guildlake.duckdb' AS record (READ_ONLY);

CREATE OR REPLACE VIEW discord_messages AS FROM record.main.discord_messages;
CREATE OR REPLACE VIEW discord_channels AS
    SELECT channel_id, guild_id, parent_id, channel_type, name, gone_at FROM record.main.channels;
CREATE OR REPLACE VIEW coverage AS FROM record.main.coverage;

-- title: Messages per day
-- description: Messages per day (UTC) of all guilds, newest first: how many, by how many authors, how many are gone.
--   The one report that needs nothing but the record itself, for a quick look while the service is stopped:
--   duckdb -readonly data/guildlake.duckdb < queries/messages_per_day.sql
-- column day: day. The day, in UTC. A day without messages has no row.
-- column messages: integer. Messages written on it, of every kind.
-- column authors: integer. How many wrote them.
-- column deleted: integer. Those of the messages that were deleted.

SELECT
    CAST(created_at AT TIME ZONE 'UTC' AS DATE) AS day,
    count(*)                                    AS messages,
    count(DISTINCT author_id)                   AS authors,
    count(*) FILTER (WHERE deleted)             AS deleted
FROM discord_messages
GROUP BY day
ORDER BY day DESC;

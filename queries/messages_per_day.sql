-- title: Messages per day
-- description: Messages per day (UTC) of all guilds, newest day first, with the number of authors and of deleted messages.
--   The only report that needs no other view, for a quick look into the database while the service is stopped:
--   duckdb -readonly data/guildlake.duckdb < queries/messages_per_day.sql
-- column day: day. The day (UTC). Days without messages have no row.
-- column messages: integer. Number of messages of every kind written on the day.
-- column authors: integer. Number of authors.
-- column deleted: integer. Number of those messages that were deleted.

-- The zone is looked up for no row: this is several times faster than AT TIME ZONE 'UTC'.
SELECT
    CAST(make_timestamp(epoch_us(created_at)) AS DATE) AS day,
    count(*)                                           AS messages,
    count(DISTINCT author_id)                          AS authors,
    count(*) FILTER (WHERE deleted)                    AS deleted
FROM discord_messages
GROUP BY day
ORDER BY day DESC;

-- Messages per day (UTC), newest first: how many, by how many authors, and how many are gone by now.
-- Run it while the service is stopped:  duckdb -readonly data/guildlake.duckdb < queries/messages_per_day.sql
SELECT
    CAST(created_at AT TIME ZONE 'UTC' AS DATE) AS day,
    count(*)                                    AS messages,
    count(DISTINCT author_id)                   AS authors,
    count(*) FILTER (WHERE deleted)             AS deleted
FROM discord_messages
GROUP BY day
ORDER BY day DESC;

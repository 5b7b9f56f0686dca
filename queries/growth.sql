-- title: Growth
-- description: Messages, authors and channels that were used, as they add up from the beginning of the record.
--   The totals hold what was before `from`, too; the first period counts from there.
-- reads: history
-- param guild_id: id, required. The guild.
-- param channel_id: id. Only this channel and its threads; of a category, all that is in it.
-- param from: time. Messages written at this time or later.
-- param to: time. Messages written before this time.
-- param include_deleted: boolean = false. Deleted messages too.
-- param include_system: boolean = false. What Discord says itself, too: joins, pins, boosts.
-- param include_bots: boolean = true. What apps and webhooks wrote, too. Without them each payload is read: slower.
-- param unit: one of day|week|month = month. How wide a row is.
-- param time_zone: zone = UTC. For example Europe/Paris.
-- param week_start: one of monday|sunday|saturday = monday. The first day of a week.
-- column period: timestamp. When the period begins, by the clock of the time zone.
-- column starts_at: time. When it begins.
-- column new_messages: integer. Messages written in it.
-- column new_authors: integer. Authors who wrote for the first time.
-- column new_channels: integer. Channels and threads with their first message.
-- column messages: integer. Messages up to its end.
-- column authors: integer. Authors up to its end.
-- column channels: integer. Channels and threads up to its end.

WITH quarters AS MATERIALIZED (
    FROM wanted_quarters_by(unit_or('month'))
), firsts AS (
    SELECT min(message_id) AS author_first, NULL AS channel_first
    FROM wanted_history() GROUP BY author_id
    UNION ALL SELECT NULL, min(message_id) FROM wanted_history() GROUP BY channel_id
), steps AS (
    SELECT quarter, count(*) AS messages, 0 AS authors, 0 AS channels
    FROM (SELECT wanted_quarter_of(message_id) AS quarter FROM wanted_history()) GROUP BY quarter
    UNION ALL
    SELECT wanted_quarter_of(coalesce(author_first, channel_first)), 0, count(author_first),
           count(channel_first)
    FROM firsts GROUP BY ALL
), counted AS (
    -- What was before the first period belongs to no period, only to the totals.
    SELECT starts_at, sum(messages) AS messages, sum(authors) AS authors, sum(channels) AS channels
    FROM steps LEFT JOIN quarters USING (quarter) GROUP BY starts_at
), periods AS (
    SELECT DISTINCT period, starts_at FROM quarters UNION ALL SELECT NULL, NULL
), totals AS (
    SELECT period, periods.starts_at, coalesce(messages, 0) AS new_messages,
           coalesce(authors, 0) AS new_authors, coalesce(channels, 0) AS new_channels,
           sum(new_messages) OVER so_far AS messages, sum(new_authors) OVER so_far AS authors,
           sum(new_channels) OVER so_far AS channels
    FROM periods LEFT JOIN counted ON counted.starts_at IS NOT DISTINCT FROM periods.starts_at
    WINDOW so_far AS (ORDER BY periods.starts_at NULLS FIRST)
)
SELECT period, starts_at, CAST(new_messages AS BIGINT) AS new_messages,
       CAST(new_authors AS BIGINT) AS new_authors, CAST(new_channels AS BIGINT) AS new_channels,
       CAST(messages AS BIGINT) AS messages, CAST(authors AS BIGINT) AS authors,
       CAST(channels AS BIGINT) AS channels
FROM totals WHERE period IS NOT NULL
ORDER BY starts_at;

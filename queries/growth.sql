-- title: Growth
-- description: Cumulative number of messages, authors and used channels since the first archived message.
--   The totals include everything before `from`; the first period is counted from `from` on.
-- reads: history
-- param guild_id: id, required. The guild (server) to count.
-- param channel_id: id. Only this channel and its threads; for a category, all channels and threads in it.
-- param from: time. Only messages written at or after this time.
-- param to: time. Only messages written before this time.
-- param include_deleted: boolean = false. Whether to count messages that were deleted on Discord.
-- param include_system: boolean = false. Whether to count the messages that Discord itself writes, such as joins, pins and boosts.
-- param include_bots: boolean = true. Whether to count messages of apps and webhooks.
-- param unit: one of day|week|month = month. The length of a period.
-- param time_zone: zone = UTC. The IANA time zone of the periods, for example Europe/Paris.
-- param week_start: one of monday|sunday|saturday = monday. The first day of a week.
-- column period: timestamp. Start of the period as local time in the time zone.
-- column starts_at: time. Start of the period as a time (UTC).
-- column new_messages: integer. Number of messages written in the period.
-- column new_authors: integer. Number of authors who wrote for the first time.
-- column new_channels: integer. Number of channels and threads with their first message in the period.
-- column messages: integer. Number of messages up to the end of the period.
-- column authors: integer. Number of authors up to the end of the period.
-- column channels: integer. Number of channels and threads up to the end of the period.

WITH steps AS (
    SELECT message_id, 1 AS messages, 0 AS authors, 0 AS channels FROM wanted_history()
    UNION ALL
    SELECT min(message_id), 0, 1, 0 FROM wanted_history() GROUP BY author_id
    UNION ALL
    SELECT min(message_id), 0, 0, 1 FROM wanted_history() GROUP BY channel_id
), counted AS (
    -- What was before the first period belongs to no period, only to the totals.
    SELECT CASE WHEN message_id >= from_id()
                THEN in_slot(message_id, next_id, first_starts_at, next_starts_at) END AS starts_at,
           sum(messages) AS messages, sum(authors) AS authors, sum(channels) AS channels
    FROM steps LEFT JOIN wanted_slots(unit_or('month')) ON slot = slot_of(message_id, unit_or('month'))
    GROUP BY ALL
), periods AS (
    FROM wanted_periods(unit_or('month')) UNION ALL SELECT NULL, NULL
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

-- title: Activity
-- description: Messages and authors per hour, day, week or month.
-- param guild_id: id, required. The guild (server) to count.
-- param channel_id: id. Only this channel and its threads; for a category, all channels and threads in it.
-- param from: time. Only messages written at or after this time.
-- param to: time. Only messages written before this time.
-- param include_deleted: boolean = false. Whether to count messages that were deleted on Discord.
-- param include_system: boolean = false. Whether to count the messages that Discord itself writes, such as joins, pins and boosts.
-- param include_bots: boolean = true. Whether to count messages of apps and webhooks.
-- param unit: one of hour|day|week|month = day. The length of a period.
-- param time_zone: zone = UTC. The IANA time zone of the periods, for example Europe/Paris.
-- param week_start: one of monday|sunday|saturday = monday. The first day of a week.
-- column period: timestamp. Start of the period as local time in the time zone.
-- column starts_at: time. Start of the period as a time (UTC). When the clock is set back, one local hour makes two periods with different starts.
-- column messages: integer. Number of messages written in the period.
-- column authors: integer. Number of authors who wrote in it.
-- column channels: integer. Number of channels and threads in which they wrote.

WITH counted AS (
    SELECT in_slot(message_id, next_id, first_starts_at, next_starts_at) AS starts_at,
           count(*) AS messages, count(DISTINCT author_id) AS authors,
           count(DISTINCT channel_id) AS channels
    FROM wanted_messages()
    JOIN wanted_slots(unit_or('day')) ON slot = slot_of(message_id, unit_or('day'))
    GROUP BY starts_at
)
SELECT period, starts_at, coalesce(messages, 0) AS messages, coalesce(authors, 0) AS authors,
       coalesce(channels, 0) AS channels
FROM wanted_periods(unit_or('day')) LEFT JOIN counted USING (starts_at)
ORDER BY starts_at;

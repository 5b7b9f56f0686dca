-- title: Joins, boosts and pins
-- description: What Discord itself wrote into the channels, per period.
--   Joins and boosts are told only where the guild shows them in a channel that is collected.
-- param guild_id: id, required. The guild.
-- param channel_id: id. Only this channel and its threads; of a category, all that is in it.
-- param from: time. Messages written at this time or later.
-- param to: time. Messages written before this time.
-- param include_deleted: boolean = false. Deleted messages too.
-- param include_bots: boolean = true. What apps and webhooks wrote, too. Without them each payload is read: slower.
-- param unit: one of hour|day|week|month = week. How wide a row is.
-- param time_zone: zone = UTC. For example Europe/Paris.
-- param week_start: one of monday|sunday|saturday = monday. The first day of a week.
-- column period: timestamp. When the period begins, by the clock of the time zone.
-- column starts_at: time. When it begins. In autumn one local hour comes twice, at two times.
-- column joins: integer. Somebody joined the guild.
-- column boosts: integer. Somebody boosted it.
-- column pins: integer. A message was pinned.
-- column threads: integer. A thread was begun, in a channel or on a message (posts of forums are not told).
-- column polls_ended: integer. A poll came to its end.
-- column other: integer. Everything else that is not written by somebody.

WITH quarters AS MATERIALIZED (
    FROM wanted_quarters_by(unit_or('week'))
), counted AS (
    SELECT starts_at, count(*) FILTER (message_type = 7) AS joins,
           count(*) FILTER (message_type IN (8, 9, 10, 11)) AS boosts,
           count(*) FILTER (message_type = 6) AS pins,
           count(*) FILTER (message_type IN (18, 21)) AS threads,
           count(*) FILTER (message_type = 46) AS polls_ended, count(*) AS events
    FROM discord_messages
    JOIN quarters ON quarters.quarter = quarter_of(message_id)
    WHERE NOT is_written(message_type)
      AND is_wanted(guild_id, channel_id, message_id, deleted, 0, is_bot(raw_json))
    GROUP BY starts_at
)
SELECT period, starts_at, coalesce(joins, 0) AS joins, coalesce(boosts, 0) AS boosts,
       coalesce(pins, 0) AS pins, coalesce(threads, 0) AS threads,
       coalesce(polls_ended, 0) AS polls_ended,
       coalesce(events - joins - boosts - pins - threads - polls_ended, 0) AS other
FROM (SELECT DISTINCT period, starts_at FROM quarters) LEFT JOIN counted USING (starts_at)
ORDER BY starts_at;

-- title: Joins, boosts and pins
-- description: System messages that Discord wrote into the channels, per period.
--   Joins and boosts are counted only if the guild announces them in an archived channel.
-- param guild_id: id, required. The guild (server) to count.
-- param channel_id: id. Only this channel and its threads; for a category, all channels and threads in it.
-- param from: time. Only messages written at or after this time.
-- param to: time. Only messages written before this time.
-- param include_deleted: boolean = false. Whether to count messages that were deleted on Discord.
-- param include_bots: boolean = true. Whether to count messages of apps and webhooks.
-- param unit: one of hour|day|week|month = week. The length of a period.
-- param time_zone: zone = UTC. The IANA time zone of the periods, for example Europe/Paris.
-- param week_start: one of monday|sunday|saturday = monday. The first day of a week.
-- column period: timestamp. Start of the period as local time in the time zone.
-- column starts_at: time. Start of the period as a time (UTC). When the clock is set back, one local hour makes two periods with different starts.
-- column joins: integer. Number of members who joined the guild.
-- column boosts: integer. Number of boosts of the guild.
-- column pins: integer. Number of pinned messages.
-- column threads: integer. Number of threads started in a channel or on a message. Discord does not announce posts of forums.
-- column polls_ended: integer. Number of polls that ended.
-- column other: integer. Number of all other system messages.

WITH counted AS (
    SELECT in_slot(message_id, next_id, first_starts_at, next_starts_at) AS starts_at,
           count(*) FILTER (message_type = 7) AS joins,
           count(*) FILTER (message_type IN (8, 9, 10, 11)) AS boosts,
           count(*) FILTER (message_type = 6) AS pins,
           count(*) FILTER (message_type IN (18, 21)) AS threads,
           count(*) FILTER (message_type = 46) AS polls_ended, count(*) AS events
    FROM messages_there()
    JOIN wanted_slots(unit_or('week')) ON slot = slot_of(message_id, unit_or('week'))
    WHERE NOT is_written(message_type)
      AND message_id >= from_id() AND is_wanted_anywhere(guild_id, message_id, deleted, 0, author_is_bot)
    GROUP BY starts_at
)
SELECT period, starts_at, coalesce(joins, 0) AS joins, coalesce(boosts, 0) AS boosts,
       coalesce(pins, 0) AS pins, coalesce(threads, 0) AS threads,
       coalesce(polls_ended, 0) AS polls_ended,
       coalesce(events - joins - boosts - pins - threads - polls_ended, 0) AS other
FROM wanted_periods(unit_or('week')) LEFT JOIN counted USING (starts_at)
ORDER BY starts_at;

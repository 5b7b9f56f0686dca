-- title: Weekday and hour
-- description: Messages by weekday and hour in the time zone: 168 rows.
--   An hour that is skipped or repeated when the clock is changed counts as often as it occurred.
-- param guild_id: id, required. The guild (server) to count.
-- param channel_id: id. Only this channel and its threads; for a category, all channels and threads in it.
-- param from: time. Only messages written at or after this time.
-- param to: time. Only messages written before this time.
-- param include_deleted: boolean = false. Whether to count messages that were deleted on Discord.
-- param include_system: boolean = false. Whether to count the messages that Discord itself writes, such as joins, pins and boosts.
-- param include_bots: boolean = true. Whether to count messages of apps and webhooks.
-- param time_zone: zone = UTC. The IANA time zone of the weekdays and hours, for example Europe/Paris.
-- param week_start: one of monday|sunday|saturday = monday. The first day of a week.
-- column weekday: integer. Day of the week (ISO): 1 is Monday, 7 is Sunday.
-- column hour: integer. Hour of the day, 0 to 23.
-- column messages: integer. Number of messages written in that hour.
-- column authors: integer. Number of authors.
-- column hours: number. Number of such hours in the requested time.
-- column messages_per_hour: number. Average number of messages per such hour; null if there was none.

WITH cells AS (
    SELECT (place + CASE coalesce(getvariable('week_start'), 'monday')
                    WHEN 'sunday' THEN 6 WHEN 'saturday' THEN 5 ELSE 0 END) % 7 + 1 AS weekday,
           place, hour, (weekday - 1) * 24 + hour AS hour_of_week
    FROM range(7) AS days(place), range(24) AS hours(hour)
), counted AS (
    SELECT hour_of_week(message_id, in_slot(message_id, next_id, first_shift, next_shift)) AS hour_of_week,
           count(*) AS messages, count(DISTINCT author_id) AS authors
    FROM wanted_messages() JOIN wanted_clock() ON slot = slot_of(message_id, 'day')
    GROUP BY ALL
)
SELECT weekday, hour, coalesce(messages, 0) AS messages, coalesce(authors, 0) AS authors,
       coalesce(hours, 0) AS hours, coalesce(messages, 0) / hours AS messages_per_hour
FROM cells LEFT JOIN wanted_lengths() USING (hour_of_week) LEFT JOIN counted USING (hour_of_week)
ORDER BY place, hour;

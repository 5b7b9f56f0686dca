-- title: Weekday and hour
-- description: On which weekdays, at which hours people write, by the clock of the time zone: 168 rows.
--   An hour that a change of the clock skips or repeats counts as often as it was there.
-- param guild_id: id, required. The guild.
-- param channel_id: id. Only this channel and its threads; of a category, all that is in it.
-- param from: time. Messages written at this time or later.
-- param to: time. Messages written before this time.
-- param include_deleted: boolean = false. Deleted messages too.
-- param include_system: boolean = false. What Discord says itself, too: joins, pins, boosts.
-- param include_bots: boolean = true. What apps and webhooks wrote, too. Without them each payload is read: slower.
-- param time_zone: zone = UTC. For example Europe/Paris.
-- param week_start: one of monday|sunday|saturday = monday. The first day of a week.
-- column weekday: integer. Day of the week by ISO: 1 is Monday, 7 is Sunday.
-- column hour: integer. Hour of the day, 0 to 23.
-- column messages: integer. Messages written then.
-- column authors: integer. How many wrote them.
-- column hours: number. How many such hours there were in the time asked for.
-- column messages_per_hour: number. Messages in one of them on average; none if there was no such hour.

WITH quarters AS (
    SELECT quarter, isodow(local_time) AS weekday, hour(local_time) AS hour,
           day_of_week(local_time) AS place
    FROM wanted_quarters()
), cells AS (
    SELECT (place + CASE coalesce(getvariable('week_start'), 'monday')
                    WHEN 'sunday' THEN 6 WHEN 'saturday' THEN 5 ELSE 0 END) % 7 + 1 AS weekday,
           place, hour
    FROM range(7) AS days(place), range(24) AS hours(hour)
), lengths AS (
    SELECT weekday, hour, count(*) / 4 AS hours FROM quarters GROUP BY ALL
), counted AS (
    SELECT weekday, hour, count(*) AS messages, count(DISTINCT author_id) AS authors
    FROM wanted_messages() JOIN quarters ON quarters.quarter = quarter_of(message_id)
    GROUP BY ALL
)
SELECT weekday, hour, coalesce(messages, 0) AS messages, coalesce(authors, 0) AS authors,
       coalesce(hours, 0) AS hours, coalesce(messages, 0) / hours AS messages_per_hour
FROM cells LEFT JOIN lengths USING (weekday, hour) LEFT JOIN counted USING (weekday, hour)
ORDER BY place, hour;

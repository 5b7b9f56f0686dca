-- title: Activity
-- description: Messages and authors per hour, day, week or month.
-- param guild_id: id, required. The guild.
-- param channel_id: id. Only this channel and its threads; of a category, all that is in it.
-- param from: time. Messages written at this time or later.
-- param to: time. Messages written before this time.
-- param include_deleted: boolean = false. Deleted messages too.
-- param include_system: boolean = false. What Discord says itself, too: joins, pins, boosts.
-- param include_bots: boolean = true. What apps and webhooks wrote, too. Without them each payload is read: slower.
-- param unit: one of hour|day|week|month = day. How wide a row is.
-- param time_zone: zone = UTC. For example Europe/Paris.
-- param week_start: one of monday|sunday|saturday = monday. The first day of a week.
-- column period: timestamp. When the period begins, by the clock of the time zone.
-- column starts_at: time. When it begins. In autumn one local hour comes twice, at two times.
-- column messages: integer. Messages written in it.
-- column authors: integer. How many wrote them.
-- column channels: integer. In how many channels and threads.

WITH quarters AS MATERIALIZED (
    FROM wanted_quarters_by(unit_or('day'))
), counted AS (
    SELECT starts_at, count(*) AS messages, count(DISTINCT author_id) AS authors,
           count(DISTINCT channel_id) AS channels
    FROM wanted_messages()
    JOIN quarters ON quarters.quarter = quarter_of(message_id)
    GROUP BY starts_at
)
SELECT period, starts_at, coalesce(messages, 0) AS messages, coalesce(authors, 0) AS authors,
       coalesce(channels, 0) AS channels
FROM (SELECT DISTINCT period, starts_at FROM quarters) LEFT JOIN counted USING (starts_at)
ORDER BY starts_at;

-- title: Threads and time to the first answer
-- description: Threads and posts of forums by the period that they were begun in, and how soon somebody else wrote in them.
--   The answer counts by its author, not by what it says; only answers before `to` count, and the newest threads had less time.
-- param guild_id: id, required. The guild.
-- param channel_id: id. Only this channel and its threads; of a category, all that is in it.
-- param from: time. Messages written at this time or later.
-- param to: time. Messages written before this time.
-- param include_deleted: boolean = false. Deleted messages too.
-- param include_system: boolean = false. What Discord says itself, too: joins, pins, boosts.
-- param include_bots: boolean = true. What apps and webhooks wrote, too. Without them each payload is read: slower.
-- param unit: one of hour|day|week|month = week. How wide a row is.
-- param time_zone: zone = UTC. For example Europe/Paris.
-- param week_start: one of monday|sunday|saturday = monday. The first day of a week.
-- column period: timestamp. When the period begins, by the clock of the time zone.
-- column starts_at: time. When it begins. In autumn one local hour comes twice, at two times.
-- column threads: integer. Threads begun in it.
-- column answered: integer. Those in which somebody else wrote.
-- column unanswered: integer. The others.
-- column answered_share: number. From 0 to 1 of the threads; none if there are none.
-- column median_seconds: number. From the thread's begin to the answer: half were answered sooner.
-- column p75_seconds: number. Three quarters of the answered were.
-- column p90_seconds: number. Nine tenths of the answered were.

WITH quarters AS MATERIALIZED (
    FROM wanted_quarters_by(unit_or('week'))
), counted AS (
    SELECT starts_at, count(*) AS threads, count(answer_id) AS answered,
           quantile_cont(answer_seconds, [0.5, 0.75, 0.9]) AS percentiles
    FROM wanted_threads()
    JOIN quarters ON quarters.quarter = quarter_of(begun_id)
    GROUP BY starts_at
)
SELECT period, starts_at, coalesce(threads, 0) AS threads, coalesce(answered, 0) AS answered,
       coalesce(threads - answered, 0) AS unanswered, answered / threads AS answered_share,
       percentiles[1] AS median_seconds, percentiles[2] AS p75_seconds,
       percentiles[3] AS p90_seconds
FROM (SELECT DISTINCT period, starts_at FROM quarters) LEFT JOIN counted USING (starts_at)
ORDER BY starts_at;

-- title: Active, new and returning authors
-- description: How many wrote in each period, and how many of them for the first time in the guild or channel asked for.
--   New means: no earlier message is in the record. The first period is whole, also where `from` is inside it.
-- reads: history
-- param guild_id: id, required. The guild.
-- param channel_id: id. Only this channel and its threads; of a category, all that is in it.
-- param from: time. Messages written at this time or later.
-- param to: time. Messages written before this time.
-- param include_deleted: boolean = false. Deleted messages too.
-- param include_system: boolean = false. What Discord says itself, too: joins, pins, boosts.
-- param include_bots: boolean = true. What apps and webhooks wrote, too. Without them each payload is read: slower.
-- param unit: one of day|week|month = week. How wide a row is.
-- param time_zone: zone = UTC. For example Europe/Paris.
-- param week_start: one of monday|sunday|saturday = monday. The first day of a week.
-- column period: timestamp. When the period begins, by the clock of the time zone.
-- column starts_at: time. When it begins.
-- column active: integer. Authors who wrote in it; the sum of the next three.
-- column new: integer. Those who never wrote before.
-- column retained: integer. Those who wrote in the period before it, too.
-- column returned: integer. Those who wrote before, but not in the period before it.
-- column lost: integer. Authors who wrote in the period before it, and not in it.

WITH quarters AS (
    -- From the beginning on: who is new is told by all that was before.
    SELECT quarter, period_of(local_time, unit_or('week')) AS period FROM history_quarters()
), active AS (
    SELECT DISTINCT author_id, period
    FROM wanted_history() JOIN quarters ON quarters.quarter = quarter_of(message_id)
), steps AS (
    SELECT period, lag(period) OVER author AS previous, lead(period) OVER author AS next
    FROM active WINDOW author AS (PARTITION BY author_id ORDER BY period)
), counted AS (
    SELECT period, count(*) AS active, count(*) FILTER (previous IS NULL) AS new,
           count(*) FILTER (previous = period - step_of(unit_or('week'))) AS retained,
           count(*) FILTER (previous < period - step_of(unit_or('week'))) AS returned
    FROM steps GROUP BY period
), gone AS (
    SELECT period + step_of(unit_or('week')) AS period, count(*) AS lost
    FROM steps WHERE next IS DISTINCT FROM period + step_of(unit_or('week')) GROUP BY ALL
)
SELECT period, starts_at, coalesce(active, 0) AS active, coalesce(new, 0) AS new,
       coalesce(retained, 0) AS retained, coalesce(returned, 0) AS returned,
       coalesce(lost, 0) AS lost
FROM wanted_periods(unit_or('week')) LEFT JOIN counted USING (period) LEFT JOIN gone USING (period)
ORDER BY starts_at;

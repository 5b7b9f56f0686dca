-- title: Retention by cohort
-- description: Of the authors who wrote their first message in a period, how many wrote in it and in each period after it.
--   A cohort smaller than `smallest_cohort` is shown without them, since it would be the trace of single persons.
--   The first period is whole, also where `from` is inside it.
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
-- param periods: integer 1..120 = 12. How many periods after the first.
-- param smallest_cohort: integer 1..1000 = 5. Of smaller cohorts only the size is told.
-- column cohort: timestamp. The period of the first message: when it begins, by the clock of the time zone.
-- column age: integer. How many periods later: 0 is the same one.
-- column authors: integer. The cohort: who wrote for the first time then.
-- column active: integer. Those of them who wrote in the period of that age; none if the cohort is too small.
-- column share: number. The same, from 0 to 1 of the cohort. The last period asked for may not be over.

WITH quarters AS (
    SELECT quarter, period_of(local_time, unit_or('month')) AS period FROM history_quarters()
), active AS (
    SELECT DISTINCT author_id, period
    FROM wanted_history() JOIN quarters ON quarters.quarter = quarter_of(message_id)
), lives AS (
    SELECT period, min(period) OVER (PARTITION BY author_id) AS cohort FROM active
), periods AS (
    SELECT period, row_number() OVER (ORDER BY period) AS place
    FROM wanted_periods(unit_or('month'))
), cells AS (
    SELECT first.period AS cohort, later.period AS period, later.place - first.place AS age
    FROM periods AS first JOIN periods AS later ON later.place >= first.place
    WHERE later.place - first.place <= coalesce(CAST(getvariable('periods') AS BIGINT), 12)
), counted AS (
    SELECT cohort, period, count(*) AS active FROM lives GROUP BY ALL
), sized AS (
    SELECT cells.*, coalesce(size.active, 0) AS authors, coalesce(counted.active, 0) AS active
    FROM cells LEFT JOIN counted USING (cohort, period)
    LEFT JOIN counted AS size ON size.cohort = cells.cohort AND size.period = cells.cohort
)
SELECT cohort, age, authors,
       CASE WHEN authors = 0
                 OR authors >= coalesce(CAST(getvariable('smallest_cohort') AS BIGINT), 5)
            THEN active END AS active,
       CASE WHEN authors >= coalesce(CAST(getvariable('smallest_cohort') AS BIGINT), 5)
            THEN active / nullif(authors, 0) END AS share
FROM sized
ORDER BY cohort, age;

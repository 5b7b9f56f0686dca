-- title: Retention by cohort
-- description: Authors grouped by the period of their first message (cohorts), and how many of each cohort wrote in that and each later period.
--   For a cohort smaller than `smallest_cohort` only the size is shown, because its activity would reveal single persons.
--   The first period is counted as a whole, even if `from` lies within it.
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
-- param periods: integer 1..120 = 12. Number of periods after the first.
-- param smallest_cohort: integer 1..1000 = 5. For smaller cohorts only the size is shown.
-- column cohort: timestamp. Start of the period of the first message, as local time in the time zone.
-- column age: integer. Number of periods after that: 0 is the same period.
-- column authors: integer. Size of the cohort: authors who wrote for the first time in that period.
-- column active: integer. Number of authors of the cohort who wrote in the period of that age; null if the cohort is too small.
-- column share: number. Share of the cohort that is active, from 0 to 1. The last requested period may not be over yet.

WITH active AS (
    SELECT DISTINCT author_id, in_slot(message_id, next_id, first_period, next_period) AS period
    FROM wanted_history() JOIN history_slots(unit_or('month')) ON slot = slot_of(message_id, unit_or('month'))
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

-- title: Active, new and returning authors
-- description: Number of authors in each period, and how many of them wrote for the first time in the requested guild or channel.
--   An author is new if no earlier message is archived. The first period is counted as a whole, even if `from` lies within it.
-- reads: history
-- param guild_id: id, required. The guild (server) to count.
-- param channel_id: id. Only this channel and its threads; for a category, all channels and threads in it.
-- param from: time. Only messages written at or after this time.
-- param to: time. Only messages written before this time.
-- param include_deleted: boolean = false. Whether to count messages that were deleted on Discord.
-- param include_system: boolean = false. Whether to count the messages that Discord itself writes, such as joins, pins and boosts.
-- param include_bots: boolean = true. Whether to count messages of apps and webhooks.
-- param unit: one of day|week|month = week. The length of a period.
-- param time_zone: zone = UTC. The IANA time zone of the periods, for example Europe/Paris.
-- param week_start: one of monday|sunday|saturday = monday. The first day of a week.
-- column period: timestamp. Start of the period as local time in the time zone.
-- column starts_at: time. Start of the period as a time (UTC).
-- column active: integer. Number of authors who wrote in the period: the sum of the next three columns.
-- column new: integer. Authors who never wrote before.
-- column retained: integer. Authors who also wrote in the previous period.
-- column returned: integer. Authors who wrote earlier, but not in the previous period.
-- column lost: integer. Authors who wrote in the previous period and not in this one.

WITH active AS (
    -- From the beginning on: who is new is told by all that was before.
    SELECT DISTINCT author_id, in_slot(message_id, next_id, first_period, next_period) AS period
    FROM wanted_history() JOIN history_slots(unit_or('week')) ON slot = slot_of(message_id, unit_or('week'))
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

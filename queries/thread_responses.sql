-- title: Threads and time to the first answer
-- description: Threads and forum posts by the period in which they were started, and the time until another author wrote in them.
--   Any message of another author counts as the answer, whatever its text. Only answers before `to` count, and the newest threads had less time to get one.
-- param guild_id: id, required. The guild (server) to count.
-- param channel_id: id. Only this channel and its threads; for a category, all channels and threads in it.
-- param from: time. Only messages written at or after this time.
-- param to: time. Only messages written before this time.
-- param include_deleted: boolean = false. Whether to count messages that were deleted on Discord.
-- param include_system: boolean = false. Whether to count the messages that Discord itself writes, such as joins, pins and boosts.
-- param include_bots: boolean = true. Whether to count messages of apps and webhooks.
-- param unit: one of hour|day|week|month = week. The length of a period.
-- param time_zone: zone = UTC. The IANA time zone of the periods, for example Europe/Paris.
-- param week_start: one of monday|sunday|saturday = monday. The first day of a week.
-- column period: timestamp. Start of the period as local time in the time zone.
-- column starts_at: time. Start of the period as a time (UTC). When the clock is set back, one local hour makes two periods with different starts.
-- column threads: integer. Number of threads started in the period.
-- column answered: integer. Number of those in which another author wrote.
-- column unanswered: integer. Number of the other threads.
-- column answered_share: number. Share of answered threads, from 0 to 1; null if there are no threads.
-- column median_seconds: number. Median time from the start of a thread to its first answer, in seconds.
-- column p75_seconds: number. 75th percentile of that time, in seconds.
-- column p90_seconds: number. 90th percentile of that time, in seconds.

WITH counted AS (
    SELECT in_slot(begun_id, next_id, first_starts_at, next_starts_at) AS starts_at,
           count(*) AS threads, count(answer_id) AS answered,
           quantile_cont(answer_seconds, [0.5, 0.75, 0.9]) AS percentiles
    FROM wanted_threads()
    JOIN wanted_slots(unit_or('week')) ON slot = slot_of(begun_id, unit_or('week'))
    GROUP BY starts_at
)
SELECT period, starts_at, coalesce(threads, 0) AS threads, coalesce(answered, 0) AS answered,
       coalesce(threads - answered, 0) AS unanswered, answered / threads AS answered_share,
       percentiles[1] AS median_seconds, percentiles[2] AS p75_seconds,
       percentiles[3] AS p90_seconds
FROM wanted_periods(unit_or('week')) LEFT JOIN counted USING (starts_at)
ORDER BY starts_at;

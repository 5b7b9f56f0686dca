-- title: Replies and time to the first one
-- description: How much is answered with Discord's reply function, and how soon. Only replies by somebody else count, and only those before `to`.
--   Answers without that function are not seen here; the newest messages had less time to get one.
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
-- column messages: integer. Messages written in it.
-- column replies: integer. Those of them that are replies, to oneself too.
-- column replied_to: integer. Those of them that somebody else replied to, then or later.
-- column replied_to_share: number. The same, from 0 to 1 of the messages; none if there are none.
-- column median_seconds: number. From these messages to their first reply: half were replied to sooner.
-- column p75_seconds: number. Three quarters were.
-- column p90_seconds: number. Nine tenths were.
-- column p95_seconds: number. Nineteen of twenty were.

WITH quarters AS MATERIALIZED (
    FROM wanted_quarters_by(unit_or('week'))
), first_replies AS (
    SELECT message.message_id,
           (min(reply.message_id >> 22) - (message.message_id >> 22)) / 1000 AS seconds
    FROM wanted_replies() AS reply
    JOIN wanted_messages() AS message ON message.message_id = reply.replied_to_id
    WHERE reply.author_id <> message.author_id
    GROUP BY message.message_id
), counted AS (
    SELECT starts_at, count(*) AS messages, count(*) FILTER (message_type = 19) AS replies,
           count(seconds) AS replied_to,
           quantile_cont(seconds, [0.5, 0.75, 0.9, 0.95]) AS percentiles
    FROM wanted_messages() LEFT JOIN first_replies USING (message_id)
    JOIN quarters ON quarters.quarter = quarter_of(message_id)
    GROUP BY starts_at
)
SELECT period, starts_at, coalesce(messages, 0) AS messages, coalesce(replies, 0) AS replies,
       coalesce(replied_to, 0) AS replied_to, replied_to / messages AS replied_to_share,
       percentiles[1] AS median_seconds, percentiles[2] AS p75_seconds,
       percentiles[3] AS p90_seconds, percentiles[4] AS p95_seconds
FROM (SELECT DISTINCT period, starts_at FROM quarters) LEFT JOIN counted USING (starts_at)
ORDER BY starts_at;

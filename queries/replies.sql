-- title: Replies and time to the first one
-- description: Messages that were answered with Discord's reply function, and the time to the first reply. Only replies of other authors before `to` count.
--   Answers without the reply function are not counted. The newest messages had less time to get a reply.
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
-- column messages: integer. Number of messages written in the period.
-- column replies: integer. Number of those that are replies, including replies to one's own messages.
-- column replied_to: integer. Number of those to which another author replied, in this period or later.
-- column replied_to_share: number. Share of messages with a reply, from 0 to 1; null if there are no messages.
-- column median_seconds: number. Median time from a message to its first reply, in seconds.
-- column p75_seconds: number. 75th percentile of that time, in seconds.
-- column p90_seconds: number. 90th percentile of that time, in seconds.
-- column p95_seconds: number. 95th percentile of that time, in seconds.

WITH first_replies AS (
    SELECT message.message_id,
           (min(reply.message_id >> 22) - (message.message_id >> 22)) / 1000 AS seconds
    FROM wanted_replies() AS reply
    JOIN wanted_messages() AS message ON message.message_id = reply.replied_to_id
    WHERE reply.author_id <> message.author_id
    GROUP BY message.message_id
), counted AS (
    SELECT in_slot(message_id, next_id, first_starts_at, next_starts_at) AS starts_at,
           count(*) AS messages, count(*) FILTER (message_type = 19) AS replies,
           count(seconds) AS replied_to,
           quantile_cont(seconds, [0.5, 0.75, 0.9, 0.95]) AS percentiles
    FROM wanted_messages() LEFT JOIN first_replies USING (message_id)
    JOIN wanted_slots(unit_or('week')) ON slot = slot_of(message_id, unit_or('week'))
    GROUP BY starts_at
)
SELECT period, starts_at, coalesce(messages, 0) AS messages, coalesce(replies, 0) AS replies,
       coalesce(replied_to, 0) AS replied_to, replied_to / messages AS replied_to_share,
       percentiles[1] AS median_seconds, percentiles[2] AS p75_seconds,
       percentiles[3] AS p90_seconds, percentiles[4] AS p95_seconds
FROM wanted_periods(unit_or('week')) LEFT JOIN counted USING (starts_at)
ORDER BY starts_at;

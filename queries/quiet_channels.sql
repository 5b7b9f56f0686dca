-- title: Quiet channels
-- description: Channels and threads without messages in the last days before `to`, or before the time up to which the archive is complete.
--   A channel is certainly quiet only if its coverage is complete for that time.
-- reads: history
-- param guild_id: id, required. The guild (server) to count.
-- param channel_id: id. Only this channel and its threads; for a category, all channels and threads in it.
-- param to: time. Only messages written before this time.
-- param include_deleted: boolean = false. Whether to count messages that were deleted on Discord.
-- param include_system: boolean = false. Whether to count the messages that Discord itself writes, such as joins, pins and boosts.
-- param include_bots: boolean = true. Whether to count messages of apps and webhooks.
-- param quiet_days: integer 1..3650 = 30. Only channels that have been quiet for at least so many days.
-- param include_threads: boolean = false. Whether to include threads.
-- column channel_id: id. Discord's id of the channel or thread.
-- column parent_id: id. Of a thread, the id of its channel; of a channel, the id of its category.
-- column name: text. Name of the channel or thread.
-- column is_thread: boolean. Whether the row is a thread.
-- column messages: integer. Number of messages before the channel became quiet.
-- column last_message_at: time. Time of the last message (UTC); null if the channel never had one.
-- column days_quiet: integer. Whole days since the last message, or since the channel was created.
-- column certain: boolean. Whether the coverage is complete since then, so that no message can be missing.

WITH counted AS (
    SELECT channel_id, count(*) AS messages, max(message_id) AS last_message
    FROM wanted_history() GROUP BY channel_id
), quiet AS (
    SELECT channel.channel_id, parent_id, name, channel_type IN (10, 11, 12) AS is_thread,
           coalesce(messages, 0) AS messages, last_message,
           coalesce(last_message, channel.channel_id) AS quiet_from, last_id AS quiet_to,
           ((last_id >> 22) - (quiet_from >> 22)) // 86400000 AS days_quiet
    FROM wanted_channels() AS channel LEFT JOIN counted USING (channel_id), wanted_end()
    WHERE channel_type NOT IN (4, 14, 15, 16)  -- categories, directories, forums: no messages
      AND gone_at IS NULL AND channel.channel_id <= last_id
      AND (channel_type NOT IN (10, 11, 12)
           OR coalesce(CAST(getvariable('include_threads') AS BOOLEAN), false))
), known AS (
    SELECT quiet.channel_id,
           bool_and(complete_by IS NOT NULL) AND max(high) > any_value(quiet_to) AS certain
    FROM quiet JOIN coverage ON coverage.channel_id = quiet.channel_id
         AND high > quiet_from AND low <= quiet_to
    GROUP BY quiet.channel_id
)
SELECT channel_id, parent_id, name, is_thread, messages, id_time(last_message) AS last_message_at,
       days_quiet, coalesce(certain, false) AS certain
FROM quiet LEFT JOIN known USING (channel_id)
WHERE days_quiet >= coalesce(CAST(getvariable('quiet_days') AS BIGINT), 30)
ORDER BY quiet_from, channel_id;

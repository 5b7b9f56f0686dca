-- title: Quiet channels
-- description: Channels and threads in which nobody wrote for some days before `to`, or before the time up to which the record is known.
--   Quiet for certain are only those whose record is complete for that time.
-- reads: history
-- param guild_id: id, required. The guild.
-- param channel_id: id. Only this channel and its threads; of a category, all that is in it.
-- param to: time. Messages written before this time.
-- param include_deleted: boolean = false. Deleted messages too.
-- param include_system: boolean = false. What Discord says itself, too: joins, pins, boosts.
-- param include_bots: boolean = true. What apps and webhooks wrote, too. Without them each payload is read: slower.
-- param quiet_days: integer 1..3650 = 30. For how many days.
-- param include_threads: boolean = false. Threads too.
-- column channel_id: id. The channel or thread.
-- column parent_id: id. A thread's channel; a channel's category.
-- column name: text. Its name.
-- column is_thread: boolean. Whether it is a thread.
-- column messages: integer. Messages before it fell quiet.
-- column last_message_at: time. The last of them; none if there never was one.
-- column days_quiet: integer. Whole days since then, or since the channel was made.
-- column certain: boolean. Whether the record is complete since then, so that no message can be missing.

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

-- title: Unanswered threads
-- description: Threads and forum posts in which nobody but their author wrote, newest first.
--   The waiting time is counted up to `to`, or up to the time up to which the archive is complete.
-- param guild_id: id, required. The guild (server) to count.
-- param channel_id: id. Only this channel and its threads; for a category, all channels and threads in it.
-- param from: time. Only messages written at or after this time.
-- param to: time. Only messages written before this time.
-- param include_deleted: boolean = false. Whether to count messages that were deleted on Discord.
-- param include_system: boolean = false. Whether to count the messages that Discord itself writes, such as joins, pins and boosts.
-- param include_bots: boolean = true. Whether to count messages of apps and webhooks.
-- param waiting_hours: integer 0..87600 = 24. Only threads that have waited for at least so many hours.
-- param limit: integer 1..10000 = 100. Maximum number of rows.
-- column channel_id: id. Discord's id of the thread.
-- column parent_id: id. Discord's id of its channel or forum.
-- column name: text. Name of the thread.
-- column begun_at: time. When the thread was started (UTC); the message that it belongs to can be older.
-- column waiting_hours: integer. Whole hours since the thread was started.
-- column messages: integer. Number of messages in the thread, all by its author.
-- column last_message_at: time. Time of the last message (UTC).

SELECT channel_id, parent_id, name, id_time(begun_id) AS begun_at,
       ((wanted_end.last_id >> 22) - (begun_id >> 22)) // 3600000 AS waiting_hours, messages,
       id_time(thread.last_id) AS last_message_at
FROM wanted_threads() AS thread, wanted_end() AS wanted_end
WHERE answer_id IS NULL
  AND (wanted_end.last_id >> 22) - (begun_id >> 22)
      >= coalesce(CAST(getvariable('waiting_hours') AS BIGINT), 24) * 3600000
ORDER BY begun_id DESC
LIMIT limit_or(100);

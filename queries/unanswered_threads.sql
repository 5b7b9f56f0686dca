-- title: Unanswered threads
-- description: Threads and posts of forums in which nobody wrote but who began them, newest first.
--   How long they wait is told up to `to`, or up to the time up to which the record is known.
-- param guild_id: id, required. The guild.
-- param channel_id: id. Only this channel and its threads; of a category, all that is in it.
-- param from: time. Messages written at this time or later.
-- param to: time. Messages written before this time.
-- param include_deleted: boolean = false. Deleted messages too.
-- param include_system: boolean = false. What Discord says itself, too: joins, pins, boosts.
-- param include_bots: boolean = true. What apps and webhooks wrote, too. Without them each payload is read: slower.
-- param waiting_hours: integer 0..87600 = 24. Waiting for so many hours or longer.
-- param limit: integer 1..10000 = 100. At most so many rows.
-- column channel_id: id. The thread.
-- column parent_id: id. Its channel or forum.
-- column name: text. Its name.
-- column begun_at: time. When it was begun; the message that it hangs on can be older.
-- column waiting_hours: integer. Whole hours since then.
-- column messages: integer. Messages in it, all by the one who began it.
-- column last_message_at: time. The last of them.

SELECT channel_id, parent_id, name, id_time(begun_id) AS begun_at,
       ((wanted_end.last_id >> 22) - (begun_id >> 22)) // 3600000 AS waiting_hours, messages,
       id_time(thread.last_id) AS last_message_at
FROM wanted_threads() AS thread, wanted_end() AS wanted_end
WHERE answer_id IS NULL
  AND (wanted_end.last_id >> 22) - (begun_id >> 22)
      >= coalesce(CAST(getvariable('waiting_hours') AS BIGINT), 24) * 3600000
ORDER BY begun_id DESC
LIMIT limit_or(100);

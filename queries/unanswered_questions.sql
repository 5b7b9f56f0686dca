-- title: Unanswered questions
-- description: Messages with a question mark outside of links, to which nobody else replied, and after which nobody else wrote in the channel for some time; newest first.
--   A guess by signs, not by sense: questions without a question mark are not found, and what others wrote may have been about something else.
-- param guild_id: id, required. The guild.
-- param channel_id: id. Only this channel and its threads; of a category, all that is in it.
-- param from: time. Messages written at this time or later.
-- param to: time. Messages written before this time.
-- param include_deleted: boolean = false. Deleted messages too.
-- param include_system: boolean = false. What Discord says itself, too: joins, pins, boosts.
-- param include_bots: boolean = true. What apps and webhooks wrote, too. Without them each payload is read: slower.
-- param silent_minutes: integer 1..1440 = 60. For so long nobody else wrote in the channel.
-- param limit: integer 1..10000 = 100. At most so many rows.
-- column message_id: id. The question.
-- column channel_id: id. The channel or thread.
-- column channel_name: text. Its name.
-- column asked_at: time. When it was asked.
-- column next_message_after_minutes: integer. Whole minutes until somebody else wrote there; none if nobody did.

WITH turns AS (
    SELECT message_id, channel_id, author_id,
           author_id IS DISTINCT FROM lag(author_id) OVER channel AS is_turn
    FROM wanted_messages() WINDOW channel AS (PARTITION BY channel_id ORDER BY message_id)
), followed AS (
    SELECT message_id, channel_id, author_id,
           lead(CASE WHEN is_turn THEN message_id END IGNORE NULLS) OVER (
               PARTITION BY channel_id ORDER BY message_id) AS next_id
    FROM turns
), silent AS (
    SELECT followed.* FROM followed, wanted_end()
    WHERE (coalesce(next_id, last_id) >> 22) - (message_id >> 22)
          >= coalesce(CAST(getvariable('silent_minutes') AS BIGINT), 60) * 60000
), questions AS (
    SELECT message_id FROM wanted_messages()
    WHERE (contains(content, '?') OR contains(content, '？') OR contains(content, '؟'))
      AND (NOT contains(content, '://')
           OR regexp_matches(regexp_replace(content, '(?i)https?://[^\s<>]+', '', 'g'), '[?？؟]'))
), replied AS (
    SELECT replied_to_id, author_id FROM wanted_replies()
)
SELECT message_id, channel_id, channel.name AS channel_name, id_time(message_id) AS asked_at,
       ((next_id >> 22) - (message_id >> 22)) // 60000 AS next_message_after_minutes
FROM silent SEMI JOIN questions USING (message_id)
LEFT JOIN discord_channels AS channel USING (channel_id)
WHERE NOT EXISTS (FROM replied WHERE replied_to_id = silent.message_id
                  AND replied.author_id <> silent.author_id)
ORDER BY message_id DESC
LIMIT limit_or(100);

-- title: Unanswered questions
-- description: Messages with a question mark outside of links that nobody else replied to, and after which nobody else wrote in the channel for some time; newest first.
--   This is a guess by punctuation, not by meaning: questions without a question mark are not found, and later messages may have been about something else.
-- needs: content
-- param guild_id: id, required. The guild (server) to count.
-- param channel_id: id. Only this channel and its threads; for a category, all channels and threads in it.
-- param from: time. Only messages written at or after this time.
-- param to: time. Only messages written before this time.
-- param include_deleted: boolean = false. Whether to count messages that were deleted on Discord.
-- param include_system: boolean = false. Whether to count the messages that Discord itself writes, such as joins, pins and boosts.
-- param include_bots: boolean = true. Whether to count messages of apps and webhooks.
-- param silent_minutes: integer 1..1440 = 60. Minutes during which nobody else wrote in the channel.
-- param limit: integer 1..10000 = 100. Maximum number of rows.
-- column message_id: id. Discord's id of the question.
-- column channel_id: id. Discord's id of the channel or thread.
-- column channel_name: text. Name of the channel or thread.
-- column asked_at: time. When the question was written (UTC).
-- column next_message_after_minutes: integer. Whole minutes until another author wrote in the channel; null if nobody did.

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

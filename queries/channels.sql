-- title: Channels and threads
-- description: Channels and threads ranked by their number of messages. Channels without messages are left out.
-- param guild_id: id, required. The guild (server) to count.
-- param channel_id: id. Only this channel and its threads; for a category, all channels and threads in it.
-- param from: time. Only messages written at or after this time.
-- param to: time. Only messages written before this time.
-- param include_deleted: boolean = false. Whether to count messages that were deleted on Discord.
-- param include_system: boolean = false. Whether to count the messages that Discord itself writes, such as joins, pins and boosts.
-- param include_bots: boolean = true. Whether to count messages of apps and webhooks.
-- param threads: one of apart|merged = apart. Whether threads get rows of their own (apart) or are counted in their channel (merged).
-- param limit: integer 1..10000 = 100. Maximum number of rows.
-- column rank: integer. Rank by messages: 1 has the most. Equal numbers share a rank.
-- column channel_id: id. Discord's id of the channel or thread.
-- column parent_id: id. Of a thread, the id of its channel; of a channel, the id of its category.
-- column name: text. Name of the channel or thread.
-- column is_thread: boolean. Whether the row is a thread. Posts of a forum are threads.
-- column gone: boolean. Whether the channel was deleted on Discord.
-- column messages: integer. Number of messages.
-- column share: number. Share of all messages, from 0 to 1.
-- column authors: integer. Number of authors.
-- column first_message_at: time. Time of the first message (UTC).
-- column last_message_at: time. Time of the last message (UTC).

WITH places AS (
    SELECT channel_id,
           CASE WHEN getvariable('threads') = 'merged' AND channel_type IN (10, 11, 12)
                THEN coalesce(parent_id, channel_id) ELSE channel_id END AS counted_to
    FROM discord_channels
), counted AS (
    SELECT coalesce(counted_to, channel_id) AS channel_id, count(*) AS messages,
           count(DISTINCT author_id) AS authors, min(created_at) AS first_message_at,
           max(created_at) AS last_message_at
    FROM wanted_messages() LEFT JOIN places USING (channel_id)
    GROUP BY ALL
)
SELECT rank() OVER (ORDER BY messages DESC) AS rank, channel_id, parent_id, name,
       channel_type IN (10, 11, 12) AS is_thread, gone_at IS NOT NULL AS gone, messages,
       messages / sum(messages) OVER () AS share, authors, first_message_at, last_message_at
FROM counted LEFT JOIN discord_channels USING (channel_id)
ORDER BY messages DESC, channel_id
LIMIT limit_or(100);

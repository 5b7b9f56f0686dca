-- title: Channels and threads
-- description: Channels and threads by the number of their messages; those without messages are left out.
-- param guild_id: id, required. The guild.
-- param channel_id: id. Only this channel and its threads; of a category, all that is in it.
-- param from: time. Messages written at this time or later.
-- param to: time. Messages written before this time.
-- param include_deleted: boolean = false. Deleted messages too.
-- param include_system: boolean = false. What Discord says itself, too: joins, pins, boosts.
-- param include_bots: boolean = true. What apps and webhooks wrote, too. Without them each payload is read: slower.
-- param threads: one of apart|merged = apart. A row for each thread, or threads counted to their channel.
-- param limit: integer 1..10000 = 100. At most so many rows.
-- column rank: integer. 1 has the most messages; equals share a rank.
-- column channel_id: id. The channel or thread.
-- column parent_id: id. A thread's channel; a channel's category.
-- column name: text. Its name.
-- column is_thread: boolean. Whether it is a thread (a post of a forum is one).
-- column gone: boolean. Whether it was deleted on Discord.
-- column messages: integer. Its messages.
-- column share: number. Of all messages, from 0 to 1.
-- column authors: integer. How many wrote them.
-- column first_message_at: time. The first of them.
-- column last_message_at: time. The last of them.

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

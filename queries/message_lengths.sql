-- title: Length of messages
-- description: Distribution of message lengths in characters, as Discord counts them (at most 2,000 for users without Nitro).
--   Messages whose content was redacted are left out.
-- needs: content
-- param guild_id: id, required. The guild (server) to count.
-- param channel_id: id. Only this channel and its threads; for a category, all channels and threads in it.
-- param from: time. Only messages written at or after this time.
-- param to: time. Only messages written before this time.
-- param include_deleted: boolean = false. Whether to count messages that were deleted on Discord.
-- param include_system: boolean = false. Whether to count the messages that Discord itself writes, such as joins, pins and boosts.
-- param include_bots: boolean = true. Whether to count messages of apps and webhooks.
-- column at_least: integer. Smallest length of the row in characters. 0 means a message without text, such as a file, a sticker or a forward.
-- column at_most: integer. Largest length of the row in characters; null in the last row.
-- column messages: integer. Number of messages of such a length.
-- column share: number. Share of all messages, from 0 to 1; null if there are no messages.
-- column authors: integer. Number of authors.

WITH ranges AS (
    FROM (VALUES (0, 0), (1, 10), (11, 20), (21, 50), (51, 100), (101, 200), (201, 500),
                 (501, 1000), (1001, 2000), (2001, NULL)) AS ranges(at_least, at_most)
), lengths AS (
    SELECT length(content) AS characters, author_id
    FROM wanted_messages() WHERE content_removed_at IS NULL
), counted AS (
    SELECT CASE WHEN characters = 0 THEN 0 WHEN characters <= 10 THEN 1
                WHEN characters <= 20 THEN 11 WHEN characters <= 50 THEN 21
                WHEN characters <= 100 THEN 51 WHEN characters <= 200 THEN 101
                WHEN characters <= 500 THEN 201 WHEN characters <= 1000 THEN 501
                WHEN characters <= 2000 THEN 1001 ELSE 2001 END AS at_least,
           count(*) AS messages, count(DISTINCT author_id) AS authors
    FROM lengths GROUP BY ALL
)
SELECT CAST(at_least AS BIGINT) AS at_least, CAST(at_most AS BIGINT) AS at_most,
       coalesce(messages, 0) AS messages,
       coalesce(messages, 0) / sum(messages) OVER () AS share, coalesce(authors, 0) AS authors
FROM ranges LEFT JOIN counted USING (at_least)
ORDER BY at_least;

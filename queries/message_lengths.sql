-- title: Length of messages
-- description: How long messages are, in characters as Discord counts them (2,000 at most for people without Nitro).
--   Messages whose content was removed are left out.
-- param guild_id: id, required. The guild.
-- param channel_id: id. Only this channel and its threads; of a category, all that is in it.
-- param from: time. Messages written at this time or later.
-- param to: time. Messages written before this time.
-- param include_deleted: boolean = false. Deleted messages too.
-- param include_system: boolean = false. What Discord says itself, too: joins, pins, boosts.
-- param include_bots: boolean = true. What apps and webhooks wrote, too. Without them each payload is read: slower.
-- column at_least: integer. Characters: from so many. 0 is a message without text: a file, a sticker, a forward.
-- column at_most: integer. To so many; none in the last row.
-- column messages: integer. Messages of that length.
-- column share: number. From 0 to 1 of all; none if there are none.
-- column authors: integer. How many wrote them.

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

-- title: Links and their hosts
-- description: Which sites the links in the text of messages lead to.
-- param guild_id: id, required. The guild.
-- param channel_id: id. Only this channel and its threads; of a category, all that is in it.
-- param from: time. Messages written at this time or later.
-- param to: time. Messages written before this time.
-- param include_deleted: boolean = false. Deleted messages too.
-- param include_system: boolean = false. What Discord says itself, too: joins, pins, boosts.
-- param include_bots: boolean = true. What apps and webhooks wrote, too. Without them each payload is read: slower.
-- param limit: integer 1..10000 = 100. At most so many rows.
-- column host: text. The host, without www.
-- column links: integer. Links to it.
-- column urls: integer. How many different ones.
-- column messages: integer. Messages with at least one.
-- column authors: integer. How many wrote them.
-- column first_at: time. The first of these messages.
-- column last_at: time. The last of these messages.

SELECT host, count(*) AS links, count(DISTINCT url) AS urls,
       count(DISTINCT message_id) AS messages, count(DISTINCT author_id) AS authors,
       min(created_at) AS first_at, max(created_at) AS last_at
FROM wanted_links()
GROUP BY host
ORDER BY links DESC, host
LIMIT limit_or(100);

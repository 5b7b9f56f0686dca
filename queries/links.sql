-- title: Links and their hosts
-- description: Web sites to which the links in message texts lead.
-- needs: content
-- param guild_id: id, required. The guild (server) to count.
-- param channel_id: id. Only this channel and its threads; for a category, all channels and threads in it.
-- param from: time. Only messages written at or after this time.
-- param to: time. Only messages written before this time.
-- param include_deleted: boolean = false. Whether to count messages that were deleted on Discord.
-- param include_system: boolean = false. Whether to count the messages that Discord itself writes, such as joins, pins and boosts.
-- param include_bots: boolean = true. Whether to count messages of apps and webhooks.
-- param limit: integer 1..10000 = 100. Maximum number of rows.
-- column host: text. Host name of the link without www.
-- column links: integer. Number of links to the host.
-- column urls: integer. Number of different links.
-- column messages: integer. Number of messages with at least one such link.
-- column authors: integer. Number of authors of those messages.
-- column first_at: time. Time of the first of those messages (UTC).
-- column last_at: time. Time of the last of those messages (UTC).

SELECT host, count(*) AS links, count(DISTINCT url) AS urls,
       count(DISTINCT message_id) AS messages, count(DISTINCT author_id) AS authors,
       min(created_at) AS first_at, max(created_at) AS last_at
FROM wanted_links()
GROUP BY host
ORDER BY links DESC, host
LIMIT limit_or(100);

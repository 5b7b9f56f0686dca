-- title: Attachments by type and size
-- description: What kinds of files people post, and how big they are.
-- param guild_id: id, required. The guild.
-- param channel_id: id. Only this channel and its threads; of a category, all that is in it.
-- param from: time. Messages written at this time or later.
-- param to: time. Messages written before this time.
-- param include_deleted: boolean = false. Deleted messages too.
-- param include_system: boolean = false. What Discord says itself, too: joins, pins, boosts.
-- param include_bots: boolean = true. What apps and webhooks wrote, too. Without them each payload is read: slower.
-- param by: one of kind|content_type|extension = kind. What a row is: image, video, ...; image/png, ...; png, ...
-- param limit: integer 1..10000 = 100. At most so many rows.
-- column type: text. The kind, media type or extension of the name, in lower case; none if Discord gave none.
-- column attachments: integer. Such files.
-- column messages: integer. Messages with at least one.
-- column authors: integer. How many wrote them.
-- column total_bytes: integer. The sum of their sizes.
-- column median_bytes: number. Half of them are smaller.
-- column p90_bytes: number. Nine tenths of them are smaller.
-- column largest_bytes: integer. The largest.

SELECT nullif(lower(CASE coalesce(getvariable('by'), 'kind')
           WHEN 'kind' THEN regexp_extract(content_type, '^[^/; ]+')
           WHEN 'content_type' THEN regexp_extract(content_type, '^[^; ]+')
           WHEN 'extension' THEN regexp_extract(filename, '\.([^.]+)$', 1)
           ELSE error('by is one of kind, content_type, extension') END), '') AS type,
       count(*) AS attachments, count(DISTINCT message_id) AS messages,
       count(DISTINCT author_id) AS authors,
       CAST(coalesce(sum(size_bytes), 0) AS BIGINT) AS total_bytes,
       quantile_cont(CAST(size_bytes AS DOUBLE), 0.5) AS median_bytes,
       quantile_cont(CAST(size_bytes AS DOUBLE), 0.9) AS p90_bytes,
       max(size_bytes) AS largest_bytes
FROM wanted_attachments()
GROUP BY type
ORDER BY attachments DESC, type NULLS LAST
LIMIT limit_or(100);

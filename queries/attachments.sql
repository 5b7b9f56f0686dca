-- title: Attachments by type and size
-- description: Number and size of the attached files, by type.
-- needs: content
-- param guild_id: id, required. The guild (server) to count.
-- param channel_id: id. Only this channel and its threads; for a category, all channels and threads in it.
-- param from: time. Only messages written at or after this time.
-- param to: time. Only messages written before this time.
-- param include_deleted: boolean = false. Whether to count messages that were deleted on Discord.
-- param include_system: boolean = false. Whether to count the messages that Discord itself writes, such as joins, pins and boosts.
-- param include_bots: boolean = true. Whether to count messages of apps and webhooks.
-- param by: one of kind|content_type|extension = kind. What a row stands for: the kind (image, video, ...), the media type (image/png, ...) or the extension (png, ...).
-- param limit: integer 1..10000 = 100. Maximum number of rows.
-- column type: text. The kind, the media type or the extension in lower case; null if Discord gave none.
-- column attachments: integer. Number of files of this type.
-- column messages: integer. Number of messages with at least one of them.
-- column authors: integer. Number of authors of those messages.
-- column total_bytes: integer. Sum of the sizes in bytes.
-- column median_bytes: number. Median size in bytes.
-- column p90_bytes: number. 90th percentile of the size in bytes.
-- column largest_bytes: integer. Size of the largest file in bytes.

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

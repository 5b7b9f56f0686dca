-- title: Reactions
-- description: Emoji that people react with. Reactions are counted as they happen and corrected when a message is read again; after an outage the coverage tells since when changes may be missing.
-- param guild_id: id, required. The guild (server) to count.
-- param channel_id: id. Only this channel and its threads; for a category, all channels and threads in it.
-- param from: time. Only messages written at or after this time.
-- param to: time. Only messages written before this time.
-- param include_deleted: boolean = false. Whether to count messages that were deleted on Discord.
-- param include_system: boolean = false. Whether to count the messages that Discord itself writes, such as joins, pins and boosts.
-- param include_bots: boolean = true. Whether to count messages of apps and webhooks.
-- param limit: integer 1..10000 = 100. Maximum number of rows.
-- column emoji: text. The Unicode emoji, or the name of the custom emoji.
-- column emoji_id: id. Discord's id of a custom emoji; null for a Unicode emoji.
-- column reactions: integer. Number of reactions with the emoji.
-- column messages: integer. Number of messages with such a reaction.
-- column share: number. Share of all reactions, from 0 to 1.

SELECT arg_max(emoji_name, message_id) AS emoji, emoji_id,
       CAST(coalesce(sum(reaction_count), 0) AS BIGINT) AS reactions,
       count(DISTINCT message_id) AS messages,
       reactions / nullif(sum(reactions) OVER (), 0) AS share
FROM wanted_reactions()
WHERE emoji_id IS NOT NULL OR emoji_name IS NOT NULL
GROUP BY emoji_id, CASE WHEN emoji_id IS NULL THEN emoji_name END
ORDER BY reactions DESC, emoji, emoji_id
LIMIT limit_or(100);

-- title: Reactions
-- description: Which emoji people react with. Reactions are heard as they happen, and corrected when a message is read
--   again; where nobody listened, the coverage says since when changes may be missing.
-- param guild_id: id, required. The guild.
-- param channel_id: id. Only this channel and its threads; of a category, all that is in it.
-- param from: time. Messages written at this time or later.
-- param to: time. Messages written before this time.
-- param include_deleted: boolean = false. Deleted messages too.
-- param include_system: boolean = false. What Discord says itself, too: joins, pins, boosts.
-- param include_bots: boolean = true. What apps and webhooks wrote, too. Without them each payload is read: slower.
-- param limit: integer 1..10000 = 100. At most so many rows.
-- column emoji: text. The emoji, or the name of one of a guild's own.
-- column emoji_id: id. The guild's own emoji; none for one of Unicode.
-- column reactions: integer. How often.
-- column messages: integer. On how many messages.
-- column share: number. Of all reactions, from 0 to 1.

SELECT arg_max(emoji_name, message_id) AS emoji, emoji_id,
       CAST(coalesce(sum(reaction_count), 0) AS BIGINT) AS reactions,
       count(DISTINCT message_id) AS messages,
       reactions / nullif(sum(reactions) OVER (), 0) AS share
FROM wanted_reactions()
WHERE emoji_id IS NOT NULL OR emoji_name IS NOT NULL
GROUP BY emoji_id, CASE WHEN emoji_id IS NULL THEN emoji_name END
ORDER BY reactions DESC, emoji, emoji_id
LIMIT limit_or(100);

-- When Discord showed what is stored, so that the last observation counts; reactions and votes, which change
-- one by one; and whether the deletion of a channel is confirmed or inferred.

-- The writer appends, and compaction moves rows, in the order of these columns.
ALTER TABLE messages_hot ADD COLUMN observed_at TIMESTAMPTZ;       -- of raw_json; NULL before this version: ingested_at
ALTER TABLE messages_hot ADD COLUMN observed_sequence BIGINT;      -- the frame's number in its session
ALTER TABLE messages_hot ADD COLUMN state_json VARCHAR;            -- what the merge rule needs for the next observation
ALTER TABLE messages_hot ADD COLUMN reaction_count INTEGER DEFAULT 0;
ALTER TABLE messages_hot ADD COLUMN reactions VARCHAR DEFAULT '[]';
ALTER TABLE messages_hot ADD COLUMN poll_votes VARCHAR;
ALTER TABLE messages_small_runs ADD COLUMN observed_at TIMESTAMPTZ;
ALTER TABLE messages_small_runs ADD COLUMN observed_sequence BIGINT;
ALTER TABLE messages_small_runs ADD COLUMN state_json VARCHAR;
ALTER TABLE messages_small_runs ADD COLUMN reaction_count INTEGER DEFAULT 0;
ALTER TABLE messages_small_runs ADD COLUMN reactions VARCHAR DEFAULT '[]';
ALTER TABLE messages_small_runs ADD COLUMN poll_votes VARCHAR;
ALTER TABLE messages_runs ADD COLUMN observed_at TIMESTAMPTZ;
ALTER TABLE messages_runs ADD COLUMN observed_sequence BIGINT;
ALTER TABLE messages_runs ADD COLUMN state_json VARCHAR;
ALTER TABLE messages_runs ADD COLUMN reaction_count INTEGER DEFAULT 0;
ALTER TABLE messages_runs ADD COLUMN reactions VARCHAR DEFAULT '[]';
ALTER TABLE messages_runs ADD COLUMN poll_votes VARCHAR;

-- Fragments keep their state in the same form as messages.
UPDATE message_fragments SET patch_json = '{"fields":' || patch_json || '}' WHERE patch_json IS NOT NULL;
ALTER TABLE message_fragments RENAME patch_json TO state_json;

ALTER TABLE message_versions ADD COLUMN observed_at TIMESTAMPTZ;
ALTER TABLE message_versions ADD COLUMN observed_sequence BIGINT;

ALTER TABLE channels ADD COLUMN gone_told BOOLEAN;                 -- deletion confirmed; NULL: an old record does not know
ALTER TABLE channels ADD COLUMN gone_asked_at TIMESTAMPTZ;         -- inferred: when Discord was asked; later proof of life refutes it
ALTER TABLE channels ADD COLUMN suspected_since TIMESTAMPTZ;       -- suspected deletion, not confirmed yet

ALTER TABLE record_state ADD COLUMN observed_at TIMESTAMPTZ;       -- the greatest time of an observation
ALTER TABLE gateway_sessions ADD COLUMN intents UBIGINT;           -- the events for which the session was begun

-- Reaction and vote events: who, and when. Filled only with REACTIONS=full.
CREATE TABLE reaction_events (
    happened_at TIMESTAMPTZ NOT NULL,
    message_id  BIGINT NOT NULL,
    guild_id    BIGINT NOT NULL,
    channel_id  BIGINT NOT NULL,
    user_id     BIGINT,              -- NULL if all reactions were cleared
    event       VARCHAR NOT NULL,    -- reaction_added, reaction_removed, emoji_cleared, all_cleared, vote_added, vote_removed
    emoji_id    BIGINT,
    emoji_name  VARCHAR,
    answer_id   BIGINT,
    is_super    BOOLEAN NOT NULL
);

-- What partial updates brought. Until now patch_json held each value with the time of its edit, and every
-- reader decided by itself which of them are shown. From now on patch_json holds the values that are shown, and
-- state_json what decides that. The old rule was: values of a later edit are shown; of the embeds of one edit,
-- the longer list is shown, unless embeds were suppressed.
CREATE MACRO is_shown(patch_json, raw_json, field) AS
    coalesce(TRY_CAST(TRY(json_extract_string(patch_json, '$.' || field || '.edited_at')) AS TIMESTAMPTZ), '-infinity')
    > coalesce(TRY_CAST(TRY(json_extract_string(raw_json, '$.edited_timestamp')) AS TIMESTAMPTZ), '-infinity')
    OR (field = 'embeds'
        AND coalesce(TRY_CAST(TRY(json_extract_string(patch_json, '$.embeds.edited_at')) AS TIMESTAMPTZ), '-infinity')
            = coalesce(TRY_CAST(TRY(json_extract_string(raw_json, '$.edited_timestamp')) AS TIMESTAMPTZ), '-infinity')
        AND coalesce(TRY_CAST(TRY(json_extract_string(raw_json, '$.flags')) AS BIGINT), 0) & 4 = 0
        AND coalesce(json_array_length(TRY_CAST(TRY(json_extract_string(patch_json, '$.embeds.value')) AS JSON))
                     > json_array_length(TRY(json_extract(raw_json, '$.embeds'))), false));
CREATE MACRO shown_fields(patch_json, raw_json) AS
    list_filter(['attachments', 'author', 'content', 'embeds', 'flags'],
                lambda field: TRY(json_extract(patch_json, '$.' || field)) IS NOT NULL
                              AND is_shown(patch_json, raw_json, field));
CREATE MACRO shown_values(patch_json, raw_json) AS
    '{' || array_to_string(list_transform(shown_fields(patch_json, raw_json), lambda field:
        '"' || field || '":' || json_extract_string(patch_json, '$.' || field || '.value')), ',') || '}';
CREATE MACRO shown_state(patch_json, raw_json) AS
    '{"fields":{' || array_to_string(list_transform(shown_fields(patch_json, raw_json), lambda field:
        '"' || field || '":' || CAST(json_extract(patch_json, '$.' || field) AS VARCHAR)), ',') || '}}';
UPDATE messages_hot SET state_json = nullif(shown_state(patch_json, raw_json), '{"fields":{}}'),
    patch_json = nullif(shown_values(patch_json, raw_json), '{}') WHERE patch_json IS NOT NULL;
UPDATE messages_small_runs SET state_json = nullif(shown_state(patch_json, raw_json), '{"fields":{}}'),
    patch_json = nullif(shown_values(patch_json, raw_json), '{}') WHERE patch_json IS NOT NULL;
UPDATE messages_runs SET state_json = nullif(shown_state(patch_json, raw_json), '{"fields":{}}'),
    patch_json = nullif(shown_values(patch_json, raw_json), '{}') WHERE patch_json IS NOT NULL;
DROP MACRO shown_state;
DROP MACRO shown_values;
DROP MACRO shown_fields;
DROP MACRO is_shown;

-- The reactions and votes that are in the payloads.
CREATE MACRO told_reactions(raw_json) AS
    list_filter(TRY(json_transform(json_extract(raw_json, '$.reactions'),
        '[{"emoji":{"id":"VARCHAR","name":"VARCHAR"},"count":"BIGINT","count_details":{"burst":"BIGINT"}}]')),
        lambda one: one.count > 0);
CREATE MACRO shown_reactions(told) AS
    CAST(to_json(list_transform(coalesce(told, []), lambda one:
        {'count': one.count, 'emoji_id': one.emoji.id, 'emoji_name': one.emoji.name,
         'super_count': coalesce(one.count_details.burst, 0)})) AS VARCHAR);
CREATE MACRO told_votes(raw_json) AS
    list_filter(TRY(json_transform(json_extract(raw_json, '$.poll.results.answer_counts'),
        '[{"id":"BIGINT","count":"BIGINT"}]')), lambda one: one.count > 0);
CREATE MACRO shown_votes(told) AS
    CAST(to_json(list_transform(told, lambda one: {'answer_id': one.id, 'count': one.count})) AS VARCHAR);
UPDATE messages_hot SET reactions = shown_reactions(told_reactions(raw_json)), poll_votes = shown_votes(told_votes(raw_json)),
    reaction_count = least(coalesce(list_sum(list_transform(told_reactions(raw_json), lambda one:
        CAST(one.count AS DOUBLE))), 0), 2147483647)
    WHERE contains(raw_json, '"reactions"') OR contains(raw_json, '"answer_counts"');
UPDATE messages_small_runs SET reactions = shown_reactions(told_reactions(raw_json)), poll_votes = shown_votes(told_votes(raw_json)),
    reaction_count = least(coalesce(list_sum(list_transform(told_reactions(raw_json), lambda one:
        CAST(one.count AS DOUBLE))), 0), 2147483647)
    WHERE contains(raw_json, '"reactions"') OR contains(raw_json, '"answer_counts"');
UPDATE messages_runs SET reactions = shown_reactions(told_reactions(raw_json)), poll_votes = shown_votes(told_votes(raw_json)),
    reaction_count = least(coalesce(list_sum(list_transform(told_reactions(raw_json), lambda one:
        CAST(one.count AS DOUBLE))), 0), 2147483647)
    WHERE contains(raw_json, '"reactions"') OR contains(raw_json, '"answer_counts"');
-- The gateway sends a new poll without results: there are no votes yet. The counts of redacted messages are
-- unknown.
UPDATE messages_hot SET poll_votes = '[]' WHERE poll_votes IS NULL AND source = 2 AND contains(raw_json, '"poll"')
    AND TRY(json_type(raw_json, '$.poll')) = 'OBJECT';
UPDATE messages_hot SET reaction_count = NULL, reactions = NULL, poll_votes = NULL WHERE content_removed_at IS NOT NULL;
UPDATE messages_small_runs SET poll_votes = '[]' WHERE poll_votes IS NULL AND source = 2 AND contains(raw_json, '"poll"')
    AND TRY(json_type(raw_json, '$.poll')) = 'OBJECT';
UPDATE messages_small_runs SET reaction_count = NULL, reactions = NULL, poll_votes = NULL WHERE content_removed_at IS NOT NULL;
UPDATE messages_runs SET poll_votes = '[]' WHERE poll_votes IS NULL AND source = 2 AND contains(raw_json, '"poll"')
    AND TRY(json_type(raw_json, '$.poll')) = 'OBJECT';
UPDATE messages_runs SET reaction_count = NULL, reactions = NULL, poll_votes = NULL WHERE content_removed_at IS NOT NULL;
DROP MACRO shown_votes;
DROP MACRO told_votes;
DROP MACRO shown_reactions;
DROP MACRO told_reactions;

-- Channels that counted as deleted, and in which something was written afterwards: they exist, and so do their
-- threads that counted as deleted with them, and the messages that were marked as deleted with them.
CREATE TABLE living AS
    SELECT channel_id FROM channels JOIN (
        SELECT channel_id, max(message_id) AS newest FROM (
            SELECT channel_id, message_id FROM messages_hot
            UNION ALL SELECT channel_id, message_id FROM messages_small_runs
            UNION ALL SELECT channel_id, message_id FROM messages_runs
        ) GROUP BY channel_id
    ) USING (channel_id)
    WHERE gone_at IS NOT NULL AND snowflake_time(newest) > gone_at + INTERVAL 1 MINUTE;
INSERT INTO living SELECT parent_id FROM channels
    WHERE channel_type IN (10, 11, 12) AND channel_id IN (SELECT channel_id FROM living)
      AND parent_id IN (SELECT channel_id FROM channels WHERE gone_at IS NOT NULL);
INSERT INTO living SELECT thread.channel_id
    FROM channels AS thread JOIN channels AS parent ON parent.channel_id = thread.parent_id
    WHERE thread.channel_type IN (10, 11, 12) AND thread.gone_at = parent.gone_at
      AND parent.channel_id IN (SELECT channel_id FROM living);
UPDATE channels SET gone_at = NULL, gone_after = NULL WHERE channel_id IN (SELECT channel_id FROM living);
UPDATE messages_hot SET deleted = false, deleted_by = NULL, deleted_after = NULL, deleted_before = NULL,
    revision = (SELECT revision + 1 FROM record_state)
    WHERE deleted_by = 'channel' AND channel_id IN (SELECT channel_id FROM living);
UPDATE messages_small_runs SET deleted = false, deleted_by = NULL, deleted_after = NULL, deleted_before = NULL,
    revision = (SELECT revision + 1 FROM record_state)
    WHERE deleted_by = 'channel' AND channel_id IN (SELECT channel_id FROM living);
UPDATE messages_runs SET deleted = false, deleted_by = NULL, deleted_after = NULL, deleted_before = NULL,
    revision = (SELECT revision + 1 FROM record_state)
    WHERE deleted_by = 'channel' AND channel_id IN (SELECT channel_id FROM living);
DROP TABLE living;

-- Other messages that were written after their channel's deletion was noticed had an interval with its ends
-- exchanged.
UPDATE messages_hot SET deleted_before = greatest(deleted_before, created_at),
    deleted_after = least(deleted_after, greatest(deleted_before, created_at)),
    revision = (SELECT revision + 1 FROM record_state)
    WHERE deleted AND (deleted_after > deleted_before OR deleted_before < created_at);
UPDATE messages_small_runs SET deleted_before = greatest(deleted_before, created_at),
    deleted_after = least(deleted_after, greatest(deleted_before, created_at)),
    revision = (SELECT revision + 1 FROM record_state)
    WHERE deleted AND (deleted_after > deleted_before OR deleted_before < created_at);
UPDATE messages_runs SET deleted_before = greatest(deleted_before, created_at),
    deleted_after = least(deleted_after, greatest(deleted_before, created_at)),
    revision = (SELECT revision + 1 FROM record_state)
    WHERE deleted AND (deleted_after > deleted_before OR deleted_before < created_at);
UPDATE record_state SET revision = revision + 1
    WHERE revision < (SELECT max(revision) FROM (
        SELECT max(revision) AS revision FROM messages_hot
        UNION ALL SELECT max(revision) FROM messages_small_runs
        UNION ALL SELECT max(revision) FROM messages_runs));

CREATE OR REPLACE VIEW discord_messages AS
    SELECT message_id, guild_id, channel_id, author_id, author_name, content, created_at,
           edited_at, deleted, deleted_by, deleted_after, deleted_before,
           content_removed_at, message_type, attachment_count, embed_count, reaction_count, reactions, poll_votes,
           ingested_at, revision, source, patch_json, raw_json
    FROM messages_hot
    UNION ALL
    SELECT message_id, guild_id, channel_id, author_id, author_name, content, created_at,
           edited_at, deleted, deleted_by, deleted_after, deleted_before,
           content_removed_at, message_type, attachment_count, embed_count, reaction_count, reactions, poll_votes,
           ingested_at, revision, source, patch_json, raw_json
    FROM messages_small_runs
    UNION ALL
    SELECT message_id, guild_id, channel_id, author_id, author_name, content, created_at,
           edited_at, deleted, deleted_by, deleted_after, deleted_before,
           content_removed_at, message_type, attachment_count, embed_count, reaction_count, reactions, poll_votes,
           ingested_at, revision, source, patch_json, raw_json
    FROM messages_runs;

-- Since when reactions and votes of a range may be missing. Before this schema version they were not followed.
ALTER TABLE coverage_ranges ADD COLUMN reactions_stale_since TIMESTAMPTZ;
UPDATE coverage_ranges SET reactions_stale_since = snowflake_time(greatest(low, channel_id))
    WHERE complete_by IS NOT NULL;

CREATE OR REPLACE VIEW coverage AS
WITH places AS (
    SELECT channel_id, guild_id, access, gone_at, session.live_high,
           greatest(session.live_low, snowflake_at(access_since)) AS live_low
    FROM channels LEFT JOIN gateway_sessions AS session ON session.shard = 0
    WHERE channel_type NOT IN (4, 14, 15, 16)  -- categories, directories, forums, media: no messages
), stored AS (
    SELECT channel_id, greatest(low, channel_id) AS low, high, complete_by, gap_reason, stale_since,
           reactions_stale_since
    FROM coverage_ranges WHERE high > channel_id
), reached AS (
    SELECT channel_id, max(high) AS high FROM coverage_ranges GROUP BY channel_id
), live AS (
    SELECT places.channel_id, greatest(places.live_low, reached.high) AS low,
           places.live_high AS high, 'live' AS complete_by, NULL AS gap_reason, NULL AS stale_since,
           NULL AS reactions_stale_since
    FROM places JOIN reached USING (channel_id)
    WHERE access = 'readable' AND gone_at IS NULL AND places.live_high > reached.high
      AND EXISTS (FROM coverage_ranges AS read WHERE read.channel_id = places.channel_id
                  AND complete_by IS NOT NULL
                  AND read.low < places.live_low AND read.high >= places.live_low)
), known AS (
    FROM stored UNION ALL BY NAME FROM live
), ends AS (
    SELECT places.channel_id,
           greatest(places.channel_id, coalesce(max(known.high), 0),
                    CASE WHEN any_value(gone_at) IS NOT NULL THEN snowflake_at(any_value(gone_at))
                         -- The ids between the last watermark of the session and a page that was read just now
                         -- are in flight and no gap: 300000 << 22 ids are five minutes, and watermarks are
                         -- written each minute. The same holds for a channel that was created, or read, after
                         -- the watermark.
                         WHEN any_value(access) = 'readable'
                              AND (bool_or(live.channel_id IS NOT NULL)
                                   OR any_value(reached.high) >= greatest(any_value(live_low), any_value(live_high)))
                              AND any_value(read.high) < any_value(live_high) + 1258291200000 THEN 0
                         -- Up to where any channel was read, so that no channel is left out.
                         ELSE coalesce(greatest(any_value(live_high), any_value(read.high)),
                                       (SELECT snowflake_at(committed_at) FROM record_state), 0) END) AS high
    FROM places CROSS JOIN (SELECT max(high) AS high FROM coverage_ranges) AS read
    LEFT JOIN reached USING (channel_id) LEFT JOIN live USING (channel_id)
    LEFT JOIN known USING (channel_id)
    GROUP BY places.channel_id
), holes AS (
    SELECT channel_id, lag(high, 1, channel_id) OVER channel AS low, low AS high
    FROM (SELECT channel_id, low, high FROM known
          UNION ALL SELECT channel_id, high, high FROM ends)
    WINDOW channel AS (PARTITION BY channel_id ORDER BY low, high)
), whole AS (
    FROM known UNION ALL BY NAME SELECT channel_id, low, high FROM holes WHERE low < high
)
SELECT places.guild_id, channel_id, low, high, snowflake_time(low) AS from_time,
       snowflake_time(high) AS to_time, complete_by IS NOT NULL AS complete, complete_by,
       CASE WHEN complete_by IS NOT NULL THEN NULL
            WHEN gone_at IS NOT NULL OR access = 'missing' THEN 'channel_deleted'
            WHEN access IN ('forbidden', 'no_history') THEN 'no_permission'
            WHEN access = 'faulty' THEN 'faulty'
            ELSE coalesce(gap_reason, 'not_backfilled') END AS gap_reason,
       stale_since, least(reactions_stale_since, stale_since) AS reactions_stale_since
FROM whole JOIN places USING (channel_id);

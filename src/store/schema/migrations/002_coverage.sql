-- Gaps with their reasons, when a deleted message last existed, earlier versions, and a count of commits to
-- compare with the commit counter outside the file.

DROP VIEW discord_messages;

ALTER TABLE messages_hot RENAME deleted_at TO deleted_before;
ALTER TABLE messages_runs RENAME deleted_at TO deleted_before;
ALTER TABLE message_fragments RENAME deleted_at TO deleted_before;
ALTER TABLE messages_hot ADD COLUMN deleted_after TIMESTAMPTZ;  -- it still existed at this time
ALTER TABLE messages_runs ADD COLUMN deleted_after TIMESTAMPTZ;
ALTER TABLE message_fragments ADD COLUMN deleted_after TIMESTAMPTZ;
-- When the content of a deleted message was redacted; such a message has no payload.
ALTER TABLE messages_hot ADD COLUMN content_removed_at TIMESTAMPTZ;
ALTER TABLE messages_runs ADD COLUMN content_removed_at TIMESTAMPTZ;
ALTER TABLE messages_hot ALTER COLUMN raw_json DROP NOT NULL;
UPDATE messages_hot SET deleted_after = created_at WHERE deleted;
UPDATE messages_runs SET deleted_after = created_at WHERE deleted;
UPDATE message_fragments SET deleted_after = to_timestamp(((message_id >> 22) + 1420070400000) / 1000)
    WHERE deleted_by IS NOT NULL;

-- The earlier versions of edited messages: one row for each edit that was seen and is not the last.
CREATE TABLE message_versions (
    message_id       BIGINT NOT NULL,
    guild_id         BIGINT NOT NULL,
    channel_id       BIGINT NOT NULL,
    edited_at        TIMESTAMPTZ,       -- the edit that made the version; NULL for the original
    content          VARCHAR NOT NULL,
    attachment_count INTEGER NOT NULL,
    embed_count      INTEGER NOT NULL,
    revision         BIGINT NOT NULL,   -- the commit that stored the version
    source           TINYINT NOT NULL,
    raw_json         VARCHAR NOT NULL   -- the payload, byte for byte
);

ALTER TABLE channels ADD COLUMN gone_after TIMESTAMPTZ;            -- it still existed at this time
UPDATE channels SET gone_after = to_timestamp(((channel_id >> 22) + 1420070400000) / 1000)
    WHERE gone_at IS NOT NULL;

ALTER TABLE record_state ADD COLUMN commits BIGINT DEFAULT 0;      -- the number of commits
ALTER TABLE record_state ADD COLUMN committed_at TIMESTAMPTZ;      -- the time of the last commit
ALTER TABLE gateway_sessions ADD COLUMN heard_at TIMESTAMPTZ;      -- when its last frame was received

-- Times in which no gateway session was followed. Messages that came and went in them are unknown.
CREATE TABLE outages (
    began_at TIMESTAMPTZ,              -- the last event before the outage
    ended_at TIMESTAMPTZ NOT NULL,
    reason   VARCHAR NOT NULL          -- offline, session_lost, record_damaged
);

-- What is known of ranges of ids [low, high) of a channel. Nothing is known of the ids between the ranges.
CREATE TABLE coverage_ranges (
    channel_id  BIGINT NOT NULL,
    low         BIGINT NOT NULL,
    high        BIGINT NOT NULL,
    complete_by VARCHAR,               -- history, live, rescan: every message of the range was read
    gap_reason  VARCHAR,               -- otherwise: why messages may be missing
    stale_since TIMESTAMPTZ,           -- edits and deletes since this time may be missing
    reread      BOOLEAN NOT NULL       -- whether the range is to be read again for them
);
INSERT INTO coverage_ranges SELECT channel_id, low, high, 'history', NULL, NULL, false FROM coverage;
DROP TABLE coverage;

CREATE MACRO snowflake_time(id) AS to_timestamp(((id >> 22) + 1420070400000) / 1000);
CREATE MACRO snowflake_at(moment) AS (epoch_ms(moment) - 1420070400000) << 22;

CREATE VIEW discord_messages AS
    SELECT message_id, guild_id, channel_id, author_id, author_name, content, created_at,
           edited_at, deleted, deleted_by, deleted_after, deleted_before,
           content_removed_at, message_type, attachment_count, embed_count, ingested_at, revision,
           source, patch_json, raw_json
    FROM messages_hot
    UNION ALL
    SELECT message_id, guild_id, channel_id, author_id, author_name, content, created_at,
           edited_at, deleted, deleted_by, deleted_after, deleted_before,
           content_removed_at, message_type, attachment_count, embed_count, ingested_at, revision,
           source, patch_json, raw_json
    FROM messages_runs;

-- Every version of every message, including the current one.
CREATE VIEW discord_message_versions AS
    SELECT message_id, guild_id, channel_id, edited_at, content, attachment_count, embed_count,
           revision, source, raw_json, false AS is_current
    FROM message_versions
    UNION ALL
    SELECT message_id, guild_id, channel_id, edited_at, content, attachment_count, embed_count,
           revision, source, raw_json, true AS is_current
    FROM discord_messages WHERE content_removed_at IS NULL;

-- The time of each channel from its creation to the position of the gateway session, without holes: complete by
-- something, or a gap with its reason. The coverage of the current session is added to the stored ranges.
CREATE VIEW coverage AS
WITH places AS (
    SELECT channel_id, guild_id, access, gone_at, session.live_high,
           greatest(session.live_low, snowflake_at(access_since)) AS live_low
    FROM channels LEFT JOIN gateway_sessions AS session ON session.shard = 0
    WHERE channel_type NOT IN (4, 14, 15, 16)  -- categories, directories, forums, media: no messages
), stored AS (
    SELECT channel_id, greatest(low, channel_id) AS low, high, complete_by, gap_reason, stale_since
    FROM coverage_ranges WHERE high > channel_id
), reached AS (
    SELECT channel_id, max(high) AS high FROM coverage_ranges GROUP BY channel_id
), live AS (
    SELECT places.channel_id, greatest(places.live_low, reached.high) AS low,
           places.live_high AS high, 'live' AS complete_by, NULL AS gap_reason, NULL AS stale_since
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
                    -- Up to where any channel was read, so that no channel is left out.
                    CASE WHEN any_value(gone_at) IS NULL
                         THEN coalesce(greatest(any_value(live_high),
                                                (SELECT max(high) FROM coverage_ranges)),
                                       (SELECT snowflake_at(committed_at) FROM record_state), 0)
                         ELSE snowflake_at(any_value(gone_at)) END) AS high
    FROM places LEFT JOIN known USING (channel_id) GROUP BY places.channel_id
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
       stale_since
FROM whole JOIN places USING (channel_id);

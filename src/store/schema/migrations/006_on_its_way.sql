-- The view of 002, except that a live channel ends at the last watermark of the gateway session. Before, a page
-- of one channel that was read up to now made a gap of a minute in all other channels.
CREATE OR REPLACE VIEW coverage AS
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
       stale_since
FROM whole JOIN places USING (channel_id);

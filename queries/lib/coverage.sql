-- The coverage of the messages that a report counts. Read it after views.sql. The rules are those of
-- GET /v1/coverage: an unknown guild or channel and a time in the future are never complete. With whole_history the
-- coverage begins with the first message: for reports with `-- reads: history`. Without guild_id it is that of all
-- guilds.
CREATE OR REPLACE MACRO wanted_coverage(whole_history := false) AS TABLE
WITH asked AS (
    SELECT CASE WHEN whole_history THEN 0 ELSE from_id() END AS low, to_id() AS high
), ranges AS (
    SELECT coverage.channel_id, coverage.high, complete_by IS NOT NULL AS complete, stale_since
    FROM coverage, asked
    WHERE (getvariable('guild_id') IS NULL OR coverage.channel_id IN
           (SELECT wanted.channel_id FROM wanted_channels() AS wanted))
      AND coverage.low < asked.high AND coverage.high > asked.low
), channels AS (
    SELECT ranges.channel_id,
           count(*) FILTER (WHERE NOT complete)
           + CASE WHEN getvariable('to') IS NOT NULL AND any_value(channel.gone_at) IS NULL
                       AND max(ranges.high) < any_value(asked.high)
                  THEN 1 ELSE 0 END AS gaps,
           bool_and(complete AND stale_since IS NULL) AS fresh
    FROM ranges JOIN discord_channels AS channel USING (channel_id), asked
    GROUP BY ranges.channel_id
)
SELECT coalesce(bool_and(gaps = 0), false) AS complete,
       coalesce(bool_and(gaps = 0 AND fresh), false) AS changes_complete,
       count(*) AS channels,
       count(*) FILTER (WHERE gaps > 0) AS incomplete_channels,
       CAST(coalesce(sum(gaps), 0) AS BIGINT) AS gaps
FROM channels;

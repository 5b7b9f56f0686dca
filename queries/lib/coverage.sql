-- How complete the record is for what a report was asked: after views.sql. The same rules as
-- GET /v1/coverage: of what is not known nothing is complete, and neither is what is yet to come.
-- With whole_history, from the beginning on: for reports that say `-- reads: history`. Where no guild
-- is asked for, of all of them.
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

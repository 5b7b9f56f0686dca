-- The views and macros that the reports use: the views read the payloads, the macros read the parameters.
-- They need the relations discord_messages, discord_channels and coverage, and DuckDB's extensions icu and json.
-- Parameters are variables (SET VARIABLE name = value); a variable that is not set is NULL.

---------------------------------------------------------------------------------------------------
-- Parameters

-- The lowest id that a message of this time or later can have; NULL after the last millisecond that an id can
-- contain. A time range is thereby a range of ids.
CREATE OR REPLACE MACRO first_id_at(moment) AS
    CASE WHEN epoch_ms(moment + INTERVAL 999 MICROSECONDS) > 3619093655551 THEN 9223372036854775807
         ELSE least(greatest(epoch_ms(moment + INTERVAL 999 MICROSECONDS) - 1420070400000, 0), 2199023255551)
              * 4194304 END;

CREATE OR REPLACE MACRO from_id() AS
    CASE WHEN getvariable('from') IS NULL THEN 0
         ELSE first_id_at(CAST(getvariable('from') AS TIMESTAMPTZ)) END;

CREATE OR REPLACE MACRO to_id() AS
    CASE WHEN getvariable('to') IS NULL THEN 9223372036854775807
         ELSE first_id_at(CAST(getvariable('to') AS TIMESTAMPTZ)) END;

CREATE OR REPLACE MACRO time_zone() AS coalesce(getvariable('time_zone'), 'UTC');

CREATE OR REPLACE MACRO unit_or(usual) AS coalesce(getvariable('unit'), usual);

CREATE OR REPLACE MACRO limit_or(usual) AS coalesce(CAST(getvariable('limit') AS BIGINT), usual);

-- The requested channel and its threads; for a category, its channels and their threads.
CREATE OR REPLACE MACRO wanted_channels() AS TABLE
    SELECT channel.*
    FROM discord_channels AS channel
    LEFT JOIN discord_channels AS parent ON parent.channel_id = channel.parent_id
    WHERE channel.guild_id = CAST(getvariable('guild_id') AS BIGINT)
      AND (getvariable('channel_id') IS NULL
           OR CAST(getvariable('channel_id') AS BIGINT)
              IN (channel.channel_id, channel.parent_id, parent.parent_id));

-- The message types that somebody wrote: text, reply and app commands. The other types are system messages, such
-- as joins, pins and boosts. The types 0, 19, 20 and 23 are bits of a number, because IN takes longer than the
-- rest of the scan.
CREATE OR REPLACE MACRO is_written(message_type) AS
    message_type BETWEEN 0 AND 23 AND (9961473 >> message_type) & 1 = 1;

-- The conditions of the common parameters, except for `from` and the channel. Columns are compared without
-- conversion, so that the scan can skip row groups.
CREATE OR REPLACE MACRO is_wanted_anywhere(guild, id, is_deleted, type, by_bot) AS
    guild = CAST(getvariable('guild_id') AS BIGINT)
    AND id < to_id()
    AND (coalesce(CAST(getvariable('include_deleted') AS BOOLEAN), false) OR NOT is_deleted)
    AND (coalesce(CAST(getvariable('include_system') AS BOOLEAN), false) OR is_written(type))
    AND (coalesce(CAST(getvariable('include_bots') AS BOOLEAN), true) OR NOT by_bot);

---------------------------------------------------------------------------------------------------
-- Messages

-- The rows of a view that are in the requested channels. The text of the query is chosen while DuckDB plans it: with an
-- OR before the IN, each row would go through a join even if no channel is requested, and a UNION ALL is planned twice.
CREATE OR REPLACE MACRO rows_there(name) AS TABLE
    FROM query(CASE WHEN getvariable('channel_id') IS NULL THEN 'FROM ' || name
                    ELSE 'FROM ' || name || ' WHERE channel_id IN
                              (SELECT wanted.channel_id FROM wanted_channels() AS wanted)' END);

CREATE OR REPLACE MACRO messages_there() AS TABLE
    FROM rows_there('discord_messages');

-- Like wanted_messages(), including messages before `from`: for counts from the beginning, such as new authors.
CREATE OR REPLACE MACRO wanted_history() AS TABLE
    FROM messages_there()
    WHERE is_wanted_anywhere(guild_id, message_id, deleted, message_type, author_is_bot);

CREATE OR REPLACE MACRO wanted_messages() AS TABLE
    FROM wanted_history() WHERE message_id >= from_id();

-- Like wanted_messages(), including deleted messages whatever include_deleted is: for reports about deletes.
CREATE OR REPLACE MACRO wanted_with_deleted() AS TABLE
    FROM messages_there()
    WHERE message_id >= from_id()
      AND is_wanted_anywhere(guild_id, message_id, false, message_type, author_is_bot);

---------------------------------------------------------------------------------------------------
-- Time. Zones change their offset only at quarters of an hour, so each quarter is converted into local time once,
-- instead of each message. Quarters without messages are included.

CREATE OR REPLACE MACRO local_time(moment) AS timezone(time_zone(), moment);

CREATE OR REPLACE MACRO utc_time(moment) AS make_timestamp(epoch_us(moment));

CREATE OR REPLACE MACRO utc_offset(moment) AS local_time(moment) - utc_time(moment);

-- The time of a local time if the clock had not been changed since the day before.
CREATE OR REPLACE MACRO unchanged_time(local) AS
    timezone('UTC', local - utc_offset(timezone(time_zone(), local) - INTERVAL 1 DAY));

-- The first time at which the clock shows a local time; DuckDB would take the second one.
CREATE OR REPLACE MACRO first_time(local) AS
    least(timezone(time_zone(), local),
          CASE WHEN local_time(unchanged_time(local)) = local THEN unchanged_time(local) END);

CREATE OR REPLACE MACRO local_day(moment) AS CAST(local_time(moment) AS DATE);

-- The number of days from the first day of the week to a local time.
CREATE OR REPLACE MACRO day_of_week(local) AS
    (isodow(local) + CASE coalesce(getvariable('week_start'), 'monday')
                     WHEN 'sunday' THEN 0 WHEN 'saturday' THEN 1 ELSE 6 END) % 7;

CREATE OR REPLACE MACRO week_of(local) AS
    CAST(local AS DATE) - CAST(day_of_week(local) AS INTEGER);

CREATE OR REPLACE MACRO local_week(moment) AS week_of(local_time(moment));

CREATE OR REPLACE MACRO local_month(moment) AS CAST(date_trunc('month', local_time(moment)) AS DATE);

-- The start of the hour, day, week or month that contains a local time.
CREATE OR REPLACE MACRO period_of(local, unit) AS
    CASE unit WHEN 'hour' THEN date_trunc('hour', local)
              WHEN 'day' THEN date_trunc('day', local)
              WHEN 'week' THEN CAST(week_of(local) AS TIMESTAMP)
              WHEN 'month' THEN date_trunc('month', local)
              ELSE error('unit is one of hour, day, week, month') END;

-- The interval between the starts of two periods, by the local clock.
CREATE OR REPLACE MACRO step_of(unit) AS
    CASE unit WHEN 'day' THEN INTERVAL 1 DAY WHEN 'week' THEN INTERVAL 7 DAYS
              WHEN 'month' THEN INTERVAL 1 MONTH ELSE error('unit is one of day, week, month') END;

CREATE OR REPLACE MACRO quarter_of(message_id) AS (message_id >> 22) // 900000;

CREATE OR REPLACE MACRO quarter_time(quarter) AS to_timestamp(1420070400 + quarter * 900);

CREATE OR REPLACE MACRO id_time(id) AS to_timestamp(((id >> 22) + 1420070400000) / 1000);

-- The id up to which the archive is known: `to`, or the end of the guild's coverage, or its last message.
CREATE OR REPLACE MACRO find_end() AS TABLE
    SELECT CASE WHEN getvariable('to') IS NOT NULL THEN to_id() - 1
                ELSE coalesce(
                    -- A page that was read in the last five minutes is ahead of what is live.
                    (SELECT CASE WHEN max(high) FILTER (complete_by = 'live') > max(high) - 1258291200000
                                 THEN max(high) FILTER (complete_by = 'live') ELSE max(high) END - 1
                     FROM coverage
                     WHERE guild_id = CAST(getvariable('guild_id') AS BIGINT)
                       AND complete_by IS NOT NULL),
                    (SELECT max(message_id) FROM discord_messages
                     WHERE guild_id = CAST(getvariable('guild_id') AS BIGINT))) END AS last_id;

CREATE OR REPLACE MACRO wanted_end() AS TABLE
    FROM query(coalesce(getvariable('kept_end'), 'FROM find_end()'));

-- The first and the last requested quarter. Without `from`, the quarter of the first message, including messages
-- that the report leaves out; without `to`, the quarter up to which the archive is known, even if it is empty.
CREATE OR REPLACE MACRO find_range() AS TABLE
    SELECT [quarter_of(CASE WHEN getvariable('from') IS NULL THEN least_id ELSE from_id() END),
            quarter_of(CASE WHEN getvariable('to') IS NULL THEN greatest(greatest_id, last_id)
                            ELSE last_id END)] AS bounds
    FROM (SELECT min(message_id) AS least_id, max(message_id) AS greatest_id FROM messages_there()
          WHERE message_id >= from_id() AND is_wanted_anywhere(guild_id, message_id, false, 0, false)),
         wanted_end()
    WHERE least_id IS NOT NULL OR getvariable('from') IS NOT NULL;

CREATE OR REPLACE MACRO wanted_range() AS TABLE
    FROM query(coalesce(getvariable('kept_range'), 'FROM find_range()'));

-- The UTC days from the first to the last quarter of `bounds`, with the offset of the zone at the start of each day
-- and whether it is the same at the end. Zone lookups are slow, so single quarters are looked up only on days on
-- which the offset changes.
CREATE OR REPLACE MACRO days_between(bounds) AS TABLE
    WITH range AS MATERIALIZED (
        SELECT bounds AS ends
    ), days AS (
        SELECT unnest(generate_series(ends[1] // 96, ends[2] // 96)) AS day FROM range
    )
    SELECT day, utc_offset(quarter_time(day * 96)) AS utc_offset,
           utc_offset = utc_offset(quarter_time(day * 96 + 96)) AS is_steady
    FROM days;

-- The local time of each quarter from the first to the last of `bounds`.
CREATE OR REPLACE MACRO quarters_between(bounds) AS TABLE
    WITH range AS MATERIALIZED (
        SELECT bounds AS ends
    ), quarters AS (
        SELECT unnest(generate_series(ends[1], ends[2])) AS quarter FROM range
    ), days AS (
        FROM days_between((SELECT ends FROM range))
    )
    SELECT quarter, CASE WHEN is_steady THEN utc_time(quarter_time(quarter)) + days.utc_offset
                         ELSE local_time(quarter_time(quarter)) END AS local_time
    FROM quarters JOIN days ON days.day = quarter // 96;

-- The quarters of these days at which the clock is changed.
CREATE OR REPLACE MACRO changes_between(bounds) AS TABLE
    WITH quarters AS (
        SELECT unnest(generate_series(day * 96 + 1, day * 96 + 96)) AS quarter
        FROM days_between(bounds) WHERE NOT is_steady
    )
    FROM quarters WHERE utc_offset(quarter_time(quarter)) <> utc_offset(quarter_time(quarter - 1));

CREATE OR REPLACE MACRO wanted_quarters() AS TABLE
    FROM quarters_between((FROM wanted_range()));

-- The first and the last quarter of the guild's messages before `to`.
CREATE OR REPLACE MACRO history_range() AS TABLE
    SELECT [quarter_of(min(message_id)), quarter_of(max(message_id))] AS bounds
    FROM discord_messages WHERE guild_id = CAST(getvariable('guild_id') AS BIGINT) AND message_id < to_id();

-- The period of each quarter. A change of the clock within an hour starts a new period: when the clock is set back
-- the whole hour is repeated, on Lord Howe Island half of it, and on the Chatham Islands a quarter of it. Such
-- periods have the same local start and differ in starts_at, which is unique.
CREATE OR REPLACE MACRO wanted_quarters_by(unit) AS TABLE
    WITH quarters AS MATERIALIZED (
        SELECT quarter, local_time, period_of(local_time, unit) AS period FROM wanted_quarters()
    ), beginnings AS (
        SELECT period, CASE WHEN unit <> 'hour' THEN first_time(period) END AS starts_at
        FROM (SELECT DISTINCT period FROM quarters)
    ), changes AS (
        -- An hour that is under way at the first quarter can have been changed before it.
        FROM changes_between((SELECT [min(quarter) - 3, max(quarter)] FROM quarters WHERE unit = 'hour'))
    ), changed AS (
        -- The four quarters that can be of an hour within which the clock was changed.
        SELECT changes.quarter + step AS quarter, max(changes.quarter) AS changed_with
        FROM changes, range(4) AS steps(step) GROUP BY ALL
    )
    SELECT quarter, period,
           CASE WHEN unit = 'hour'
                THEN greatest(quarter_time(quarter) - (local_time - date_trunc('hour', local_time)),
                              quarter_time(changed_with))
                ELSE starts_at END AS starts_at
    FROM quarters JOIN beginnings USING (period) LEFT JOIN changed USING (quarter);

---------------------------------------------------------------------------------------------------
-- Slots: pieces of UTC time within which at most one period ends and the next begins, so that each message finds its
-- period by a join with few rows: the UTC days, and for hours the quarters. A slot has the period at its start and,
-- from next_id on, the next one.
--
-- The service works out once what is the same for many requests, such as these slots, and keeps it in tables. The
-- variables kept_... say where it is; where they are not set, as in the command line, it is worked out each time.

CREATE OR REPLACE MACRO slot_of(message_id, unit) AS
    (message_id >> 22) // CASE unit WHEN 'hour' THEN 900000 ELSE 86400000 END;

-- What a slot says of a message: the first value before next_id, the next one from there on.
CREATE OR REPLACE MACRO in_slot(message_id, next_id, first_value, next_value) AS
    CASE WHEN message_id >= next_id THEN next_value ELSE first_value END;

-- The UTC days from the first to the last quarter of `bounds`.
CREATE OR REPLACE MACRO day_slots(bounds, unit) AS TABLE
    WITH range AS MATERIALIZED (
        SELECT bounds AS ends
    ), days AS (
        SELECT ends, unnest(generate_series(ends[1] // 96, ends[2] // 96)) AS slot FROM range
        WHERE ends[1] <= ends[2]
    ), shown AS (
        SELECT slot, period_of(local_time(quarter_time(greatest(slot * 96, ends[1]))), unit) AS first_period,
               period_of(local_time(quarter_time(least(slot * 96 + 95, ends[2]))), unit) AS last_period
        FROM days
    ), begun AS (
        SELECT slot, first_period, first_time(first_period) AS first_starts_at,
               CASE WHEN last_period <> first_period THEN last_period END AS next_period,
               CASE WHEN last_period <> first_period THEN first_time(last_period) END AS next_starts_at
        FROM shown
    )
    SELECT slot, first_period, first_starts_at,
           CASE WHEN next_period IS NOT NULL THEN first_id_at(next_starts_at) END AS next_id, next_period, next_starts_at
    FROM begun;

CREATE OR REPLACE MACRO quarter_slots() AS TABLE
    SELECT quarter AS slot, period AS first_period, starts_at AS first_starts_at, CAST(NULL AS BIGINT) AS next_id,
           CAST(NULL AS TIMESTAMP) AS next_period, CAST(NULL AS TIMESTAMPTZ) AS next_starts_at
    FROM wanted_quarters_by('hour');

-- The slots of the requested time.
CREATE OR REPLACE MACRO wanted_slots(unit) AS TABLE
    FROM query(coalesce(getvariable('kept_slots_' || unit), CASE unit
                    WHEN 'hour' THEN 'FROM quarter_slots()'
                    WHEN 'day' THEN 'FROM day_slots((FROM wanted_range()), ''day'')'
                    WHEN 'week' THEN 'FROM day_slots((FROM wanted_range()), ''week'')'
                    WHEN 'month' THEN 'FROM day_slots((FROM wanted_range()), ''month'')'
                    ELSE error('unit is one of hour, day, week, month') END));

-- The slots from the guild's first message on, for wanted_history().
CREATE OR REPLACE MACRO history_slots(unit) AS TABLE
    FROM query(coalesce(getvariable('kept_history_' || unit), CASE unit
                    WHEN 'day' THEN 'FROM day_slots((FROM history_range()), ''day'')'
                    WHEN 'week' THEN 'FROM day_slots((FROM history_range()), ''week'')'
                    WHEN 'month' THEN 'FROM day_slots((FROM history_range()), ''month'')'
                    ELSE error('unit is one of day, week, month') END));

-- The requested periods, those without messages too.
CREATE OR REPLACE MACRO find_periods(unit) AS TABLE
    WITH slots AS MATERIALIZED (
        FROM wanted_slots(unit)
    )
    SELECT first_period AS period, first_starts_at AS starts_at FROM slots
    UNION
    SELECT next_period, next_starts_at FROM slots WHERE next_period IS NOT NULL;

CREATE OR REPLACE MACRO wanted_periods(unit) AS TABLE
    FROM query(coalesce(getvariable('kept_periods_' || unit), CASE unit
                    WHEN 'hour' THEN 'FROM find_periods(''hour'')'
                    WHEN 'day' THEN 'FROM find_periods(''day'')'
                    WHEN 'week' THEN 'FROM find_periods(''week'')'
                    WHEN 'month' THEN 'FROM find_periods(''month'')'
                    ELSE error('unit is one of hour, day, week, month') END));

-- For each requested UTC day, the milliseconds from the UTC time of an id to the local time since a Monday. They are
-- others from the quarter on at which the clock is changed; no zone changes its clock twice within a UTC day.
CREATE OR REPLACE MACRO find_clock() AS TABLE
    WITH days AS (
        SELECT day, utc_offset, is_steady,
               CASE WHEN NOT is_steady
                    THEN list_filter(range(day * 96 + 1, day * 96 + 97), lambda quarter:
                             utc_offset(quarter_time(quarter)) <> utc_offset)[1] END AS changed_at
        FROM days_between((FROM wanted_range()))
    )
    SELECT day AS slot, 259200000 + 1420070400000 + epoch_ms(utc_offset) AS first_shift,
           changed_at * 900000 << 22 AS next_id,
           259200000 + 1420070400000 + epoch_ms(utc_offset(quarter_time(changed_at))) AS next_shift
    FROM days;

CREATE OR REPLACE MACRO wanted_clock() AS TABLE
    FROM query(coalesce(getvariable('kept_clock'), 'FROM find_clock()'));

-- The hour of the week of a message: 0 begins on Monday at midnight.
CREATE OR REPLACE MACRO hour_of_week(message_id, shift) AS ((message_id >> 22) + shift) // 3600000 % 168;

-- How long each hour of the week was shown in the requested time, in hours.
CREATE OR REPLACE MACRO find_lengths() AS TABLE
    SELECT (isodow(local_time) - 1) * 24 + hour(local_time) AS hour_of_week, count(*) / 4 AS hours
    FROM wanted_quarters() GROUP BY ALL;

CREATE OR REPLACE MACRO wanted_lengths() AS TABLE
    FROM query(coalesce(getvariable('kept_lengths'), 'FROM find_lengths()'));

---------------------------------------------------------------------------------------------------
-- Payloads. A field that can't be read is NULL and never an error.

-- A list of the payload as JSON, or the list that replaced it in patch_json.
CREATE OR REPLACE MACRO payload_list(raw_json, patch_json, field) AS
    coalesce(TRY(json_extract(patch_json, '$.' || field)), TRY(json_extract(raw_json, '$.' || field)));

CREATE OR REPLACE VIEW discord_attachments AS
SELECT message_id, guild_id, channel_id, author_id, created_at, deleted, message_type, by_bot,
       position, item.id AS attachment_id, item.filename, item.content_type,
       item.size AS size_bytes, item.width, item.height, item.duration_secs AS duration_seconds,
       item.description, item.url
FROM (
    SELECT *, unnest(items) AS item, generate_subscripts(items, 1) AS position
    FROM (
        SELECT message_id, guild_id, channel_id, author_id, created_at, deleted, message_type,
               author_is_bot AS by_bot,
               TRY(json_transform(payload_list(raw_json, patch_json, 'attachments'),
                   '[{"id":"BIGINT","filename":"VARCHAR","content_type":"VARCHAR","size":"BIGINT",
                      "width":"BIGINT","height":"BIGINT","duration_secs":"DOUBLE",
                      "description":"VARCHAR","url":"VARCHAR"}]')) AS items
        FROM discord_messages WHERE attachment_count > 0
    )
);

CREATE OR REPLACE VIEW discord_embeds AS
SELECT message_id, guild_id, channel_id, author_id, created_at, deleted, message_type, by_bot,
       position, item.type AS embed_type, item.title, item.description, item.url,
       item.provider.name AS provider, TRY_CAST(item.timestamp AS TIMESTAMPTZ) AS published_at
FROM (
    SELECT *, unnest(items) AS item, generate_subscripts(items, 1) AS position
    FROM (
        SELECT message_id, guild_id, channel_id, author_id, created_at, deleted, message_type,
               author_is_bot AS by_bot,
               TRY(json_transform(payload_list(raw_json, patch_json, 'embeds'),
                   '[{"type":"VARCHAR","title":"VARCHAR","description":"VARCHAR","url":"VARCHAR",
                      "provider":{"name":"VARCHAR"},"timestamp":"VARCHAR"}]')) AS items
        FROM discord_messages WHERE embed_count > 0
    )
);

CREATE OR REPLACE VIEW discord_mentions AS
SELECT message_id, guild_id, channel_id, author_id, created_at, deleted, message_type, by_bot,
       item.kind AS mention_kind, item.id AS mentioned_id
FROM (
    SELECT message_id, guild_id, channel_id, author_id, created_at, deleted, message_type, by_bot,
           unnest(list_concat(
               list_transform(mentioned.mentions, lambda one: {'kind': 'user', 'id': one.id}),
               list_transform(mentioned.mention_roles, lambda one: {'kind': 'role', 'id': one}),
               CASE WHEN mentioned.mention_everyone
                    THEN [{'kind': 'everyone', 'id': CAST(NULL AS BIGINT)}] END)) AS item
    FROM (
        SELECT message_id, guild_id, channel_id, author_id, created_at, deleted, message_type,
               author_is_bot AS by_bot,
               TRY(json_transform(raw_json,
                   '{"mentions":[{"id":"BIGINT"}],"mention_roles":["BIGINT"],
                     "mention_everyone":"BOOLEAN"}')) AS mentioned
        FROM discord_messages
    )
);

CREATE OR REPLACE VIEW discord_reactions AS
SELECT message_id, guild_id, channel_id, author_id, created_at, deleted, message_type, by_bot,
       position, item.emoji_id, item.emoji_name,
       item.count AS reaction_count, item.super_count AS super_reaction_count
FROM (
    SELECT *, unnest(items) AS item, generate_subscripts(items, 1) AS position
    FROM (
        SELECT message_id, guild_id, channel_id, author_id, created_at, deleted, message_type,
               author_is_bot AS by_bot,
               TRY(json_transform(reactions, '[{"emoji_id":"BIGINT","emoji_name":"VARCHAR","count":"BIGINT",
                                                "super_count":"BIGINT"}]')) AS items
        FROM discord_messages WHERE reaction_count > 0
    )
);

CREATE OR REPLACE VIEW discord_poll_votes AS
SELECT message_id, guild_id, channel_id, author_id, created_at, deleted, message_type, by_bot,
       TRY(json_extract_string(raw_json, '$.poll.question.text')) AS question, answer.answer_id,
       answer.poll_media.text AS answer,
       CASE WHEN votes IS NOT NULL
            THEN coalesce(list_filter(votes, lambda one: one.answer_id = answer.answer_id)[1].count, 0) END AS votes
FROM (
    SELECT *, unnest(answers) AS answer
    FROM (
        SELECT message_id, guild_id, channel_id, author_id, created_at, deleted, message_type, raw_json,
               author_is_bot AS by_bot,
               TRY(json_transform(json_extract(raw_json, '$.poll.answers'),
                   '[{"answer_id":"BIGINT","poll_media":{"text":"VARCHAR"}}]')) AS answers,
               TRY(json_transform(poll_votes, '[{"answer_id":"BIGINT","count":"BIGINT"}]')) AS votes
        FROM discord_messages WHERE contains(raw_json, '"poll"')
    )
);

CREATE OR REPLACE VIEW discord_replies AS
SELECT message_id, guild_id, channel_id, author_id, created_at, deleted, message_type,
       author_is_bot AS by_bot, reference.message_id AS replied_to_id,
       reference.channel_id AS replied_to_channel_id,
       TRY_CAST(TRY(json_extract_string(raw_json, '$.referenced_message.author.id')) AS BIGINT)
           AS replied_to_author_id
FROM (
    -- 1 is a forward. UNNEST drops it; a WHERE would read each payload a second time.
    SELECT *, unnest(CASE WHEN coalesce(found.type, 0) <> 1 THEN [found] END) AS reference
    FROM (
        SELECT *, TRY(json_transform(json_extract(raw_json, '$.message_reference'),
                      '{"type":"INTEGER","message_id":"BIGINT","channel_id":"BIGINT"}')) AS found
        FROM discord_messages WHERE message_type = 19
    )
);

-- A link ends before the punctuation of the surrounding sentence. A closing bracket at the end belongs to the link
-- if the opening bracket does.
CREATE OR REPLACE MACRO without_punctuation(link) AS
    CASE WHEN length(replace(link, '(', '')) > length(replace(link, ')', ''))
         THEN regexp_replace(link, '[.,;:!?''"*~|`\]}]*\)?[.,;:!?''"*~|`\]}]*$', '')
         ELSE regexp_replace(link, '[.,;:!?''"*~|`\]}]+$', '') END;

CREATE OR REPLACE VIEW discord_links AS
SELECT message_id, guild_id, channel_id, author_id, created_at, deleted, message_type, by_bot,
       position, url,
       regexp_replace(regexp_extract(lower(url), '^https?://(?:[^/?#]*@)?(\[[^\]]*\]|[^/?#:]+)', 1),
                      '^www\.', '') AS host
FROM (
    SELECT * EXCLUDE found, found_at AS position, without_punctuation(found) AS url
    FROM (
        SELECT * EXCLUDE urls, unnest(urls) AS found, generate_subscripts(urls, 1) AS found_at
        FROM (
            SELECT message_id, guild_id, channel_id, author_id, created_at, deleted, message_type,
                   author_is_bot AS by_bot,
                   regexp_extract_all(content, '(?i)\bhttps?://[^\s<>]+') AS urls
            FROM discord_messages WHERE contains(content, '://')
        )
    )
)
WHERE regexp_matches(url, '(?i)^https?://[^/?#]');

CREATE OR REPLACE MACRO wanted_attachments() AS TABLE
    FROM rows_there('discord_attachments')
    WHERE message_id >= from_id() AND is_wanted_anywhere(guild_id, message_id, deleted, message_type, by_bot);
CREATE OR REPLACE MACRO wanted_embeds() AS TABLE
    FROM rows_there('discord_embeds')
    WHERE message_id >= from_id() AND is_wanted_anywhere(guild_id, message_id, deleted, message_type, by_bot);
CREATE OR REPLACE MACRO wanted_mentions() AS TABLE
    FROM rows_there('discord_mentions')
    WHERE message_id >= from_id() AND is_wanted_anywhere(guild_id, message_id, deleted, message_type, by_bot);
CREATE OR REPLACE MACRO wanted_reactions() AS TABLE
    FROM rows_there('discord_reactions')
    WHERE message_id >= from_id() AND is_wanted_anywhere(guild_id, message_id, deleted, message_type, by_bot);
CREATE OR REPLACE MACRO wanted_replies() AS TABLE
    FROM rows_there('discord_replies')
    WHERE message_id >= from_id() AND is_wanted_anywhere(guild_id, message_id, deleted, message_type, by_bot);
CREATE OR REPLACE MACRO wanted_links() AS TABLE
    FROM rows_there('discord_links')
    WHERE message_id >= from_id() AND is_wanted_anywhere(guild_id, message_id, deleted, message_type, by_bot);

---------------------------------------------------------------------------------------------------
-- Threads that were started in the requested time. The start is the time of the first message in the thread,
-- including system messages, because the message that the thread belongs to can be much older. The thread's author
-- is the author of the message with the thread's own id (in a forum its first message, otherwise the message in
-- the channel that the thread belongs to), or else of its first message. The first answer is the first message of
-- another author.
CREATE OR REPLACE MACRO wanted_threads() AS TABLE
WITH all_threads AS (
    SELECT channel_id, parent_id, name FROM wanted_channels() WHERE channel_type IN (10, 11, 12)
), threads AS (
    SELECT channel_id, any_value(parent_id) AS parent_id, any_value(name) AS name,
           coalesce(min(message_id), channel_id) AS begun_id
    FROM all_threads LEFT JOIN (
        SELECT channel_id, message_id FROM discord_messages
        WHERE guild_id = CAST(getvariable('guild_id') AS BIGINT)
    ) USING (channel_id)
    GROUP BY channel_id HAVING begun_id >= from_id() AND begun_id < to_id()
), starters AS (
    SELECT threads.channel_id, message_id, author_id
    FROM threads JOIN discord_messages ON message_id = threads.channel_id
    -- A starter that was deleted still tells who began.
    WHERE is_wanted_anywhere(guild_id, message_id, false, message_type, author_is_bot)
), messages AS (
    SELECT channel_id, message_id, author_id FROM wanted_messages() SEMI JOIN threads USING (channel_id)
), begun AS (
    SELECT channel_id, any_value(threads.begun_id) AS begun_id,
           coalesce(any_value(starters.author_id),
                    arg_min(messages.author_id, messages.message_id)) AS begun_by,
           count(messages.message_id) AS messages, max(messages.message_id) AS last_id
    FROM threads LEFT JOIN starters USING (channel_id) LEFT JOIN messages USING (channel_id)
    GROUP BY channel_id HAVING begun_by IS NOT NULL
), answered AS (
    SELECT channel_id, min(message_id) AS answer_id
    FROM messages JOIN begun USING (channel_id) WHERE author_id <> begun_by GROUP BY channel_id
)
SELECT channel_id, parent_id, name, begun.begun_id, answer_id,
       ((answer_id >> 22) - (begun.begun_id >> 22)) / 1000 AS answer_seconds,
       begun.messages AS messages, coalesce(last_id, begun.begun_id) AS last_id
FROM begun JOIN threads USING (channel_id) LEFT JOIN answered USING (channel_id);

---------------------------------------------------------------------------------------------------
-- The meanings of the views and columns, for tools that display comments.
COMMENT ON VIEW discord_attachments IS
    'Attached files, one row per file.';
COMMENT ON COLUMN discord_attachments.message_id IS 'Discord''s id of the message, which contains its time.';
COMMENT ON COLUMN discord_attachments.guild_id IS 'Discord''s id of the guild (server).';
COMMENT ON COLUMN discord_attachments.channel_id IS 'Discord''s id of the channel or thread.';
COMMENT ON COLUMN discord_attachments.author_id IS 'Discord''s id of the author of the message.';
COMMENT ON COLUMN discord_attachments.created_at IS 'When the message was written (UTC).';
COMMENT ON COLUMN discord_attachments.deleted IS 'Whether the message no longer exists on Discord.';
COMMENT ON COLUMN discord_attachments.message_type IS 'Discord''s message type, for example 0 a normal message, 19 a reply.';
COMMENT ON COLUMN discord_attachments.by_bot IS 'Whether an app or a webhook wrote the message.';
COMMENT ON COLUMN discord_attachments.position IS 'Position of the file in its message, from 1.';
COMMENT ON COLUMN discord_attachments.attachment_id IS 'Discord''s id of the file.';
COMMENT ON COLUMN discord_attachments.filename IS 'Name of the file.';
COMMENT ON COLUMN discord_attachments.content_type IS 'Media type from Discord; NULL if Discord gave none.';
COMMENT ON COLUMN discord_attachments.size_bytes IS 'Size in bytes.';
COMMENT ON COLUMN discord_attachments.width IS 'Width of an image or video in pixels.';
COMMENT ON COLUMN discord_attachments.height IS 'Height of an image or video in pixels.';
COMMENT ON COLUMN discord_attachments.duration_seconds IS 'Duration of a voice message in seconds.';
COMMENT ON COLUMN discord_attachments.description IS 'Alternative text of the file.';
COMMENT ON COLUMN discord_attachments.url IS 'URL of the file when the payload was received. Discord''s URLs expire.';

COMMENT ON VIEW discord_embeds IS
    'Embeds of messages (link previews, bot cards), one row per embed.';
COMMENT ON COLUMN discord_embeds.message_id IS 'Discord''s id of the message, which contains its time.';
COMMENT ON COLUMN discord_embeds.guild_id IS 'Discord''s id of the guild (server).';
COMMENT ON COLUMN discord_embeds.channel_id IS 'Discord''s id of the channel or thread.';
COMMENT ON COLUMN discord_embeds.author_id IS 'Discord''s id of the author of the message.';
COMMENT ON COLUMN discord_embeds.created_at IS 'When the message was written (UTC).';
COMMENT ON COLUMN discord_embeds.deleted IS 'Whether the message no longer exists on Discord.';
COMMENT ON COLUMN discord_embeds.message_type IS 'Discord''s message type, for example 0 a normal message, 19 a reply.';
COMMENT ON COLUMN discord_embeds.by_bot IS 'Whether an app or a webhook wrote the message.';
COMMENT ON COLUMN discord_embeds.position IS 'Position of the embed in its message, from 1.';
COMMENT ON COLUMN discord_embeds.embed_type IS 'Type of the embed: rich, link, article, image, video, gifv, poll_result, ...';
COMMENT ON COLUMN discord_embeds.title IS 'Title of the embed.';
COMMENT ON COLUMN discord_embeds.description IS 'Text of the embed.';
COMMENT ON COLUMN discord_embeds.url IS 'URL that the embed leads to.';
COMMENT ON COLUMN discord_embeds.provider IS 'Name of the site that the embed comes from.';
COMMENT ON COLUMN discord_embeds.published_at IS 'Time that the embed shows (UTC).';

COMMENT ON VIEW discord_mentions IS
    'Mentions in messages: one row per mentioned user or role, and one if everyone was mentioned.';
COMMENT ON COLUMN discord_mentions.message_id IS 'Discord''s id of the message, which contains its time.';
COMMENT ON COLUMN discord_mentions.guild_id IS 'Discord''s id of the guild (server).';
COMMENT ON COLUMN discord_mentions.channel_id IS 'Discord''s id of the channel or thread.';
COMMENT ON COLUMN discord_mentions.author_id IS 'Discord''s id of the author of the message.';
COMMENT ON COLUMN discord_mentions.created_at IS 'When the message was written (UTC).';
COMMENT ON COLUMN discord_mentions.deleted IS 'Whether the message no longer exists on Discord.';
COMMENT ON COLUMN discord_mentions.message_type IS 'Discord''s message type, for example 0 a normal message, 19 a reply.';
COMMENT ON COLUMN discord_mentions.by_bot IS 'Whether an app or a webhook wrote the message.';
COMMENT ON COLUMN discord_mentions.mention_kind IS 'Kind of mention: user, role or everyone.';
COMMENT ON COLUMN discord_mentions.mentioned_id IS 'Discord''s id of the user or role; NULL for everyone.';

COMMENT ON VIEW discord_reactions IS
    'Reactions per message and emoji. They are counted as they happen and corrected when a message is read again; after an outage, coverage.reactions_stale_since tells since when changes may be missing.';
COMMENT ON COLUMN discord_reactions.message_id IS 'Discord''s id of the message, which contains its time.';
COMMENT ON COLUMN discord_reactions.guild_id IS 'Discord''s id of the guild (server).';
COMMENT ON COLUMN discord_reactions.channel_id IS 'Discord''s id of the channel or thread.';
COMMENT ON COLUMN discord_reactions.author_id IS 'Discord''s id of the author of the message.';
COMMENT ON COLUMN discord_reactions.created_at IS 'When the message was written (UTC).';
COMMENT ON COLUMN discord_reactions.deleted IS 'Whether the message no longer exists on Discord.';
COMMENT ON COLUMN discord_reactions.message_type IS 'Discord''s message type, for example 0 a normal message, 19 a reply.';
COMMENT ON COLUMN discord_reactions.by_bot IS 'Whether an app or a webhook wrote the message.';
COMMENT ON COLUMN discord_reactions.position IS 'Position of the emoji in its message, from 1.';
COMMENT ON COLUMN discord_reactions.emoji_id IS 'Discord''s id of a custom emoji; NULL for a Unicode emoji.';
COMMENT ON COLUMN discord_reactions.emoji_name IS 'The Unicode emoji, or the name of the custom emoji.';
COMMENT ON COLUMN discord_reactions.reaction_count IS 'Number of reactions with this emoji.';
COMMENT ON COLUMN discord_reactions.super_reaction_count IS 'Number of those reactions that are super reactions.';

COMMENT ON VIEW discord_poll_votes IS
    'The answers of polls with their votes, one row per answer.';
COMMENT ON COLUMN discord_poll_votes.message_id IS 'Discord''s id of the message, which contains its time.';
COMMENT ON COLUMN discord_poll_votes.guild_id IS 'Discord''s id of the guild (server).';
COMMENT ON COLUMN discord_poll_votes.channel_id IS 'Discord''s id of the channel or thread.';
COMMENT ON COLUMN discord_poll_votes.author_id IS 'Discord''s id of the author of the message.';
COMMENT ON COLUMN discord_poll_votes.created_at IS 'When the message was written (UTC).';
COMMENT ON COLUMN discord_poll_votes.deleted IS 'Whether the message no longer exists on Discord.';
COMMENT ON COLUMN discord_poll_votes.message_type IS 'Discord''s message type, for example 0 a normal message, 19 a reply.';
COMMENT ON COLUMN discord_poll_votes.by_bot IS 'Whether an app or a webhook wrote the message.';
COMMENT ON COLUMN discord_poll_votes.question IS 'Question of the poll.';
COMMENT ON COLUMN discord_poll_votes.answer_id IS 'The answer_id of the answer in its poll.';
COMMENT ON COLUMN discord_poll_votes.answer IS 'Text of the answer.';
COMMENT ON COLUMN discord_poll_votes.votes IS 'Number of votes for the answer; NULL if it is not known.';

COMMENT ON VIEW discord_replies IS
    'Replies: messages written with Discord''s reply function. Forwards are not replies.';
COMMENT ON COLUMN discord_replies.message_id IS 'Discord''s id of the message, which contains its time.';
COMMENT ON COLUMN discord_replies.guild_id IS 'Discord''s id of the guild (server).';
COMMENT ON COLUMN discord_replies.channel_id IS 'Discord''s id of the channel or thread.';
COMMENT ON COLUMN discord_replies.author_id IS 'Discord''s id of the author of the message.';
COMMENT ON COLUMN discord_replies.created_at IS 'When the message was written (UTC).';
COMMENT ON COLUMN discord_replies.deleted IS 'Whether the message no longer exists on Discord.';
COMMENT ON COLUMN discord_replies.message_type IS 'Discord''s message type, for example 0 a normal message, 19 a reply.';
COMMENT ON COLUMN discord_replies.by_bot IS 'Whether an app or a webhook wrote the message.';
COMMENT ON COLUMN discord_replies.replied_to_id IS 'Discord''s id of the message that is replied to, which is not necessarily archived; NULL if the id can''t be read.';
COMMENT ON COLUMN discord_replies.replied_to_channel_id IS 'Discord''s id of the channel of the message that is replied to.';
COMMENT ON COLUMN discord_replies.replied_to_author_id IS 'Discord''s id of the author of the message that is replied to; NULL if it was already deleted.';

COMMENT ON VIEW discord_links IS
    'Links in the text of messages, one row per link.';
COMMENT ON COLUMN discord_links.message_id IS 'Discord''s id of the message, which contains its time.';
COMMENT ON COLUMN discord_links.guild_id IS 'Discord''s id of the guild (server).';
COMMENT ON COLUMN discord_links.channel_id IS 'Discord''s id of the channel or thread.';
COMMENT ON COLUMN discord_links.author_id IS 'Discord''s id of the author of the message.';
COMMENT ON COLUMN discord_links.created_at IS 'When the message was written (UTC).';
COMMENT ON COLUMN discord_links.deleted IS 'Whether the message no longer exists on Discord.';
COMMENT ON COLUMN discord_links.message_type IS 'Discord''s message type, for example 0 a normal message, 19 a reply.';
COMMENT ON COLUMN discord_links.by_bot IS 'Whether an app or a webhook wrote the message.';
COMMENT ON COLUMN discord_links.position IS 'Position of the link in its message, from 1.';
COMMENT ON COLUMN discord_links.url IS 'The link, without the punctuation after it.';
COMMENT ON COLUMN discord_links.host IS 'Host of the link in lower case, without www. and port.';


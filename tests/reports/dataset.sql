-- A small community, made by hand. Guild 1000 is asked for; guild 2000 must never be counted.
-- An id is its time and a number; number 0 is the first id that a moment can have.
CREATE MACRO id_of(moment, number) AS
    (epoch_ms(CAST(moment AS TIMESTAMPTZ)) - 1420070400000) * 4194304 + number;

CREATE TABLE discord_channels (channel_id BIGINT, guild_id BIGINT, parent_id BIGINT,
                               channel_type INTEGER, name VARCHAR, gone_at TIMESTAMPTZ);
INSERT INTO discord_channels VALUES
    (10, 1000, NULL, 4, 'Lounge', NULL),
    (11, 1000, 10, 0, 'general', NULL),
    (12, 1000, 10, 0, 'never used', NULL),
    (13, 1000, NULL, 15, 'help', NULL),
    (14, 1000, NULL, 0, 'off topic', NULL),
    (15, 1000, NULL, 0, 'closed', '2026-05-01 00:00:00+00'),
    (16, 1000, NULL, 0, 'raided', NULL),
    (17, 1000, NULL, 0, 'welcome', NULL),
    -- A thread on message 11 of general; posts of the forum; a thread without a starter.
    (id_of('2026-03-10 09:00:00Z', 11), 1000, 11, 11, 'how to install', NULL),
    (id_of('2026-03-28 10:00:00Z', 1), 1000, 13, 11, 'answered post', NULL),
    (id_of('2026-03-29 10:00:00Z', 2), 1000, 13, 11, 'lonely post', NULL),
    -- On a message of weeks before.
    (id_of('2026-03-10 10:00:00Z', 15), 1000, 11, 11, 'late thread', NULL),
    (id_of('2026-10-24 10:00:00Z', 3), 1000, 14, 12, 'private talk', NULL),
    (id_of('2026-10-24 12:00:00Z', 4), 1000, 13, 11, 'empty post', NULL),
    (21, 2000, NULL, 0, 'elsewhere', NULL);

CREATE TABLE sent (moment VARCHAR, number BIGINT, channel VARCHAR, author BIGINT, type INTEGER,
                   content VARCHAR, extra VARCHAR);
INSERT INTO sent VALUES
    -- January: the first authors. March is the next time that somebody writes.
    ('2026-01-05T08:00:00Z', 1, '11', 1, 0, 'hello', NULL),
    ('2026-01-05T08:01:00Z', 2, '11', 2, 0, 'hi! see https://example.org/a and (http://WWW.Example.org:8080/b_(c)).', NULL),
    ('2026-01-31T23:30:00Z', 3, '11', 3, 0, 'February already in Paris', NULL),
    ('2026-01-20T12:00:00Z', 4, '15', 9, 0, 'in a channel that is gone by now', NULL),
    -- March: a thread on a message, answered by another; a question that a bot answers.
    ('2026-03-10T09:00:00Z', 11, '11', 2, 0, 'How do I install it?', NULL),
    ('2026-03-10T09:05:00Z', 12, 'how to install', 2, 0, 'it says no', NULL),
    ('2026-03-10T09:10:00Z', 13, 'how to install', 1, 0, 'read <https://docs.example.net/install?os=linux>', NULL),
    ('2026-03-10T09:30:00Z', 14, '11', 8, 19, 'automatic answer', '"message_reference":{"type":0,"message_id":"@2026-03-10T09:00:00Z#11","channel_id":"11"},"author":{"id":"8","bot":true}'),
    ('2026-03-10T10:00:00Z', 15, '11', 1, 19, 'a human answer', '"message_reference":{"message_id":"@2026-03-10T09:00:00Z#11","channel_id":"11"},"referenced_message":{"author":{"id":"2"}},"mentions":[{"id":"2"},{"id":"not a number"}]'),
    ('2026-03-10T10:30:00Z', 16, '11', 2, 19, 'thanks to myself', '"message_reference":{"type":0,"message_id":"@2026-03-10T09:00:00Z#11","channel_id":"11"},"referenced_message":null,"mention_everyone":true,"mention_roles":["77",null]'),
    -- The night in which Paris skips 02:00 to 03:00 (2026-03-29 01:00Z).
    ('2026-03-28T10:00:00Z', 1, 'answered post', 3, 0, 'a post', '"attachments":[{"id":"501","filename":"Plan.PDF","content_type":"application/pdf","size":1000}]'),
    ('2026-03-28T10:00:01Z', 2, 'answered post', 4, 0, 'and its answer', NULL),
    ('2026-03-28T22:59:59.999Z', 3, '11', 1, 0, 'the 28th in Paris', NULL),
    ('2026-03-28T23:00:00Z', 0, '11', 1, 0, 'the 29th in Paris', NULL),
    ('2026-03-29T00:59:59.999Z', 5, '11', 3, 0, '01:59', NULL),
    ('2026-03-29T01:00:00Z', 6, '11', 3, 0, '03:00', NULL),
    ('2026-03-29T10:00:00Z', 2, 'lonely post', 5, 0, 'nobody answers?', NULL),
    ('2026-03-29T10:20:00Z', 3, 'lonely post', 5, 0, 'really nobody?', NULL),
    ('2026-03-29T21:59:59.999Z', 7, '11', 1, 0, 'Sunday', NULL),
    ('2026-03-29T22:00:00Z', 0, '11', 1, 0, 'Monday', NULL),
    -- April: odd payloads, files, reactions, lengths.
    ('2026-04-01T12:00:00Z', 1, '14', 6, 0, '', '"attachments":[{"id":"601","filename":"a.png","content_type":"image/png","size":10,"width":5,"height":"6"},{"id":{},"filename":7,"size":"much"},null]'),
    ('2026-04-01T12:01:00Z', 2, '14', 6, 0, repeat('é', 10), '"reactions":[{"emoji":{"id":null,"name":"👍"},"count":3,"count_details":{"burst":1}},{"emoji":{"id":"900","name":"old_name"},"count":2},{"emoji":null,"count":4},5]'),
    ('2026-04-01T12:02:00Z', 3, '14', 7, 0, repeat('x', 11), '"reactions":[{"emoji":{"id":"900","name":"new_name"},"count":"2"},{"emoji":{"id":null,"name":"👍"},"count":1}]'),
    ('2026-04-01T12:03:00Z', 4, '14', 7, 0, repeat('y', 2001), '"reactions":{"not":"a list"},"mentions":null,"attachments":{"0":{"size":1}}'),
    ('2026-04-01T12:04:00Z', 5, '14', 7, 0, 'broken text', 'BROKEN'),
    ('2026-04-01T12:05:00Z', 6, '14', 1, 7, '', NULL),
    ('2026-04-01T12:06:00Z', 7, '14', 1, 8, '', NULL),
    ('2026-04-01T12:07:00Z', 8, '14', 1, 6, '', '"message_reference":{"type":0,"message_id":"@2026-04-01T12:00:00Z#1"}'),
    ('2026-04-01T12:08:00Z', 9, '14', 1, 55, '', NULL),
    ('2026-04-01T12:09:00Z', 10, '14', 6, 0, 'ok? https://user@evil.example:1/?x=1, http:/// https://a.example)', '"embeds":[{"type":"article","title":"T","provider":{"name":"P"},"timestamp":"2026-04-01T00:00:00+02:00"},"x"]'),
    ('2026-04-01T12:10:00Z', 11, '14', 99, 0, 'by a webhook https://example.org/a', '"webhook_id":"99","author":{"id":"99"}'),
    ('2026-04-01T12:11:00Z', 12, '14', 6, 19, 'a forward', '"message_reference":{"type":1,"message_id":"@2026-04-01T12:00:00Z#1"}'),
    ('2026-04-01T12:12:00Z', 13, '14', 6, 0, 'only a link https://example.org/?q', '"poll":{"question":{"text":"Which?"},"answers":[{"answer_id":1,"poll_media":{"text":"this"}},{"answer_id":2,"poll_media":{}},{"answer_id":3,"poll_media":{"text":"none"}}],"results":{"answer_counts":[{"id":1,"count":1}]}}'),
    ('2026-04-01T12:12:30Z', 13, '14', 6, 0, 'a poll of which only an edit was heard', '"poll":{"question":{"text":"Which?"},"answers":[{"answer_id":1,"poll_media":{"text":"this"}},{"answer_id":2,"poll_media":{}},{"answer_id":3,"poll_media":{"text":"none"}}],"results":{"answer_counts":[{"id":1,"count":1}]}}'),
    ('2026-04-01T12:13:00Z', 14, '14', 6, 0, 'unfurled later', '"embeds":[]'),
    ('2026-04-05T10:00:00Z', 1, 'late thread', 3, 21, '', '"message_reference":{"type":0,"message_id":"@2026-03-10T10:00:00Z#15","channel_id":"11"}'),
    ('2026-04-05T10:00:10Z', 2, 'late thread', 3, 0, 'what did that mean', NULL),
    ('2026-04-06T10:00:00Z', 1, '14', 3, 18, 'a thread by itself', NULL),
    -- All of it was purged but the first; and a channel in which nobody writes.
    ('2026-04-19T10:00:00Z', 1, '16', 2, 0, 'before the raid', NULL),
    ('2026-05-20T10:00:00Z', 1, '16', 10, 0, 'raid', NULL),
    ('2026-05-20T10:00:01Z', 2, '16', 10, 0, 'raid', NULL),
    ('2026-02-02T10:00:00Z', 1, '17', 5, 7, '', NULL),
    -- October: the night in which Paris has 02:00 to 03:00 twice (2026-10-25 01:00Z).
    ('2026-10-24T10:00:00Z', 5, 'private talk', 1, 0, 'hush', NULL),
    ('2026-10-24T10:30:00Z', 6, 'private talk', 2, 0, 'what is it', NULL),
    ('2026-10-24T22:30:00Z', 7, '11', 4, 0, 'the 25th in Paris', NULL),
    ('2026-10-25T00:30:00Z', 8, '11', 1, 0, '02:30 for the first time', NULL),
    ('2026-10-25T01:30:00Z', 9, '11', 2, 0, '02:30 again', NULL),
    ('2026-10-25T02:30:00Z', 10, '11', 2, 19, 'after a night', '"message_reference":{"type":0,"message_id":"@2026-10-24T22:30:00Z#7","channel_id":"11"}'),
    ('2026-10-25T02:31:00Z', 11, '11', 3, 0, 'to be deleted alone', NULL),
    ('2026-10-25T02:32:00Z', 12, '11', 3, 0, 'to be deleted with others', NULL),
    ('2026-10-25T02:33:00Z', 13, '11', 3, 0, 'to be found gone', NULL),
    ('2026-10-25T02:34:00Z', 14, '11', 5, 0, 'content to be removed', NULL),
    ('2026-10-25T02:35:00Z', 15, '11', 5, 0, 'deleted without known evidence', NULL),
    ('2026-10-25T22:59:59.999Z', 16, '11', 1, 0, 'Sunday', NULL),
    ('2026-10-25T23:00:00Z', 17, '11', 1, 0, 'is this Monday？', NULL),
    ('2026-10-26T00:30:00Z', 18, '11', 6, 0, 'more than an hour later', NULL),
    ('2026-10-25T23:10:00Z', 21, '11', 1, 19, 'asking again', '"message_reference":{"type":0,"message_id":"@2026-10-25T23:00:00Z#17","channel_id":"11"}'),
    ('2026-10-26T00:40:00Z', 19, '11', 6, 19, 'and one more', '"message_reference":{"type":0,"message_id":"@2026-10-26T00:30:00Z#18","channel_id":"11"}'),
    ('2026-10-26T00:50:00Z', 20, '11', 3, 19, 'late', '"message_reference":{"type":0,"message_id":"@2026-10-25T01:30:00Z#9","channel_id":"11"}'),
    -- The other guild.
    ('2026-03-29T10:00:00Z', 21, '21', 1, 0, 'elsewhere? https://elsewhere.example', '"reactions":[{"emoji":{"id":null,"name":"👍"},"count":100}]'),
    ('2025-06-01T10:00:00Z', 22, '21', 9, 0, 'and earlier', NULL);

CREATE TABLE discord_messages AS
WITH placed AS (
    SELECT id_of(moment, number) AS message_id, author AS author_id, type, content, extra,
           coalesce(TRY_CAST(channel AS BIGINT),
                    (SELECT channel_id FROM discord_channels WHERE name = channel)) AS channel_id,
           -- "@moment#number" in a payload stands for that message.
           CASE WHEN contains(extra, '@20') THEN CAST(
               id_of(regexp_extract(extra, '@([^#]+)#', 1), CAST(regexp_extract(extra, '#(\d+)', 1) AS BIGINT))
               AS VARCHAR) END AS meant
    FROM sent
)
SELECT message_id, guild_id, channel_id, author_id, 'name ' || author_id AS author_name,
       coalesce(contains(extra, '"bot":true') OR contains(extra, '"webhook_id":"'), false) AS author_is_bot, content,
       to_timestamp(((message_id >> 22) + 1420070400000) / 1000) AS created_at,
       CAST(NULL AS TIMESTAMPTZ) AS edited_at, false AS deleted, CAST(NULL AS VARCHAR) AS deleted_by,
       CAST(NULL AS TIMESTAMPTZ) AS deleted_after, CAST(NULL AS TIMESTAMPTZ) AS deleted_before,
       CAST(NULL AS TIMESTAMPTZ) AS content_removed_at, type AS message_type,
       CASE WHEN contains(extra, '"attachments"') THEN 3 ELSE 0 END AS attachment_count,
       CASE WHEN contains(extra, '"embeds"') THEN 1 ELSE 0 END AS embed_count,
       0 AS reaction_count, '[]' AS reactions, CAST(NULL AS VARCHAR) AS poll_votes,
       created_at AS ingested_at, CAST(1 AS BIGINT) AS revision, CAST(2 AS TINYINT) AS source,
       CAST(NULL AS VARCHAR) AS patch_json,
       CASE WHEN extra = 'BROKEN' THEN '{"content":"\ud800","reactions":['
            ELSE '{"id":"' || message_id || '"'
                 || CASE WHEN extra IS NULL THEN '' ELSE ',' || regexp_replace(extra, '@[^#]+#\d+', coalesce(meant, '')) END
                 || CASE WHEN contains(extra, '"author"') THEN '' ELSE ',"author":{"id":"' || author_id || '"}' END
                 || '}' END AS raw_json
FROM placed JOIN discord_channels USING (channel_id);

UPDATE discord_messages SET edited_at = created_at + INTERVAL 5 MINUTES
    WHERE content IN ('hello', 'Monday', '02:30 again');
UPDATE discord_messages SET deleted = true, deleted_by = 'gateway',
        deleted_after = created_at + INTERVAL 30 SECONDS, deleted_before = created_at + INTERVAL 40 SECONDS
    WHERE content = 'to be deleted alone';
UPDATE discord_messages SET deleted = true, deleted_by = 'bulk',
        deleted_after = created_at + INTERVAL 60 SECONDS, deleted_before = created_at + INTERVAL 120 SECONDS
    WHERE content IN ('to be deleted with others', 'raid');
UPDATE discord_messages SET deleted = true, deleted_by = 'rescan',
        deleted_after = created_at, deleted_before = created_at + INTERVAL 1 DAY
    WHERE content = 'to be found gone';
UPDATE discord_messages SET deleted = true, deleted_by = 'somehow',
        deleted_after = created_at, deleted_before = created_at + INTERVAL 61 SECONDS
    WHERE content = 'deleted without known evidence';
UPDATE discord_messages SET deleted = true, deleted_by = 'channel', deleted_after = created_at,
        deleted_before = '2026-05-01 00:00:00+00', content_removed_at = '2026-05-02 00:00:00+00',
        content = '', author_name = '', raw_json = NULL
    WHERE content = 'in a channel that is gone by now';
UPDATE discord_messages SET deleted = true, deleted_by = 'gateway', deleted_after = created_at,
        deleted_before = created_at + INTERVAL 1 MINUTE, content_removed_at = created_at + INTERVAL 1 HOUR,
        content = '', author_name = '', raw_json = NULL
    WHERE content = 'content to be removed';
-- Reactions as the service writes them beside the payload.
UPDATE discord_messages SET reactions = (
    SELECT CASE WHEN count(*) = 0 THEN '[]' ELSE CAST(json_group_array(json_object('count', item.count, 'emoji_id', item.emoji.id,
                'emoji_name', item.emoji.name, 'super_count', coalesce(item.count_details.burst, 0))) AS VARCHAR) END
    FROM (SELECT unnest(TRY(json_transform(json_extract(raw_json, '$.reactions'),
              '[{"emoji":{"id":"VARCHAR","name":"VARCHAR"},"count":"BIGINT","count_details":{"burst":"BIGINT"}}]'))) AS item)
    WHERE item.emoji.id IS NOT NULL OR item.emoji.name IS NOT NULL)
    WHERE contains(raw_json, '"reactions":[{');
UPDATE discord_messages SET reaction_count = (
    SELECT coalesce(sum(item.count), 0)
    FROM (SELECT unnest(json_transform(reactions, '[{"count":"BIGINT"}]')) AS item))
    WHERE reactions IS NOT NULL;
-- Votes since: they count instead of the payload's own.
UPDATE discord_messages SET poll_votes = '[]' WHERE contains(raw_json, '"poll":{');
UPDATE discord_messages SET reaction_count = NULL, reactions = NULL, poll_votes = NULL
    WHERE content = 'a poll of which only an edit was heard';
UPDATE discord_messages SET poll_votes = '[{"answer_id":1,"count":3},{"answer_id":2,"count":1}]'
    WHERE content LIKE 'only a link%';
-- A preview that came as a partial update, without an edit.
UPDATE discord_messages SET
        patch_json = '{"embeds":[{"type":"link","title":"later"}]}'
    WHERE content = 'unfurled later';
UPDATE discord_messages SET
        patch_json = '{"attachments":[{"id":"502","filename":"notes.txt","content_type":"text/plain; charset=utf-8","size":2000},{"id":"503","filename":"README","size":3000}]}'
    WHERE content = 'a post';

CREATE TABLE coverage (guild_id BIGINT, channel_id BIGINT, low BIGINT, high BIGINT, from_time TIMESTAMPTZ,
                       to_time TIMESTAMPTZ, complete BOOLEAN, complete_by VARCHAR, gap_reason VARCHAR,
                       stale_since TIMESTAMPTZ, reactions_stale_since TIMESTAMPTZ);
INSERT INTO coverage
SELECT guild_id, channel_id, low, high, to_timestamp(((low >> 22) + 1420070400000) / 1000),
       to_timestamp(((high >> 22) + 1420070400000) / 1000), complete_by IS NOT NULL, complete_by,
       gap_reason, CAST(stale_since AS TIMESTAMPTZ), CAST(stale_since AS TIMESTAMPTZ)
FROM (VALUES
    (1000, 11, 11, id_of('2026-03-01 00:00:00Z', 0), 'history', NULL, NULL),
    (1000, 11, id_of('2026-03-01 00:00:00Z', 0), id_of('2026-03-02 00:00:00Z', 0), NULL, 'offline', NULL),
    (1000, 11, id_of('2026-03-02 00:00:00Z', 0), id_of('2026-11-01 00:00:00Z', 0), 'live', NULL, NULL),
    (1000, 12, 12, id_of('2026-11-01 00:00:00Z', 0), 'history', NULL, NULL),
    (1000, 14, 14, id_of('2026-10-30 00:00:00Z', 0), 'history', NULL, '2026-09-01 00:00:00Z'),
    (1000, 14, id_of('2026-10-30 00:00:00Z', 0), id_of('2026-11-01 00:00:00Z', 0), NULL, 'not_backfilled', NULL),
    (1000, 15, 15, id_of('2026-05-01 00:00:00Z', 0), 'live', NULL, NULL),
    (2000, 21, 21, id_of('2026-11-09 00:00:00Z', 0), NULL, 'no_permission', NULL)
) AS ranges(guild_id, channel_id, low, high, complete_by, gap_reason, stale_since)
UNION ALL
SELECT guild_id, channel_id, channel_id, id_of('2026-11-01 00:00:00Z', 0), NULL, NULL, true, 'history', NULL, NULL, NULL
FROM discord_channels WHERE channel_id > 1000000;

-- Who reacted, as REACTIONS=full keeps it.
CREATE TABLE discord_reaction_events (happened_at TIMESTAMPTZ, message_id BIGINT, guild_id BIGINT, channel_id BIGINT,
    user_id BIGINT, event VARCHAR, emoji_id BIGINT, emoji_name VARCHAR, answer_id INTEGER, is_super BOOLEAN);
INSERT INTO discord_reaction_events VALUES
    ('2026-04-01T12:01:30.000001Z', id_of('2026-04-01T12:01:00Z', 2), 1000, 14, 7, 'reaction_added', NULL, '👍', NULL, true),
    ('2026-04-01T12:01:31Z', id_of('2026-04-01T12:01:00Z', 2), 1000, 14, 8, 'reaction_added', 900, 'old_name', NULL, false),
    ('2026-04-01T12:01:32Z', id_of('2026-04-01T12:01:00Z', 2), 1000, 14, NULL, 'emoji_cleared', 900, 'old_name', NULL, false),
    ('2026-04-01T12:01:33Z', id_of('2026-04-01T12:01:00Z', 2), 1000, 14, 7, 'vote_added', NULL, NULL, 2, false);

DROP TABLE sent;

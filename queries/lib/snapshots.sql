-- The base relations from the snapshots of a data folder, also while the service runs: the files that
-- snapshots/manifest.json names, and no others. The variable snapshots_dir says where snapshots/ is.
-- A session stays with the snapshot that it began with, and the files of a replaced one go after an hour:
-- read this again to have the newest.

-- A path with [, * or ? is a pattern to DuckDB: each of them is to stand for itself.
SET VARIABLE snapshots_path = regexp_replace(getvariable('snapshots_dir'), '([*?[])', '[\1]', 'g');

SET VARIABLE manifest_path = (
    SELECT CASE WHEN count(*) = 0
                THEN error('There is no snapshot yet: ' || getvariable('snapshots_dir') || '/manifest.json'
                           || ' does not exist. The service writes it soon after its start.')
                ELSE getvariable('snapshots_path') || '/manifest.json' END
    FROM glob(getvariable('snapshots_path') || '/manifest.json'));

SET VARIABLE manifest = (
    SELECT from_json(content, '{"format":"INTEGER","store_id":"UUID","schema_version":"BIGINT","revision":"BIGINT",
                                "created_at":"TIMESTAMPTZ","files":[{"table":"VARCHAR","path":"VARCHAR"}]}')
    FROM read_text(getvariable('manifest_path')));

-- A table's files as a query. It names and types the columns, so that a table without files has them too.
CREATE OR REPLACE MACRO snapshot_query(name, columns) AS (
    WITH files AS (
        SELECT list(getvariable('snapshots_path') || '/' || file.path ORDER BY file.path) AS paths
        FROM (SELECT unnest(getvariable('manifest').files) AS file) WHERE file.table = name
    ), wanted AS (
        SELECT list_transform(string_split_regex(columns, ',\s*'), lambda one: string_split(one, ' ')) AS pairs
    )
    SELECT CASE WHEN getvariable('manifest').format IS DISTINCT FROM 1
                THEN error('This manifest is of format ' || coalesce(getvariable('manifest').format, 0)
                           || '; known is 1: take the init.sql of the service that wrote it.')
                WHEN paths IS NULL
                THEN 'SELECT ' || array_to_string(list_transform(pairs, lambda pair:
                         'CAST(NULL AS ' || pair[2] || ') AS ' || pair[1]), ', ') || ' WHERE false'
                ELSE 'SELECT ' || array_to_string(list_transform(pairs, lambda pair:
                         'CAST(' || pair[1] || ' AS ' || pair[2] || ') AS ' || pair[1]), ', ')
                     || ' FROM read_parquet([' || array_to_string(list_transform(paths, lambda path:
                         '''' || replace(path, '''', '''''') || ''''), ', ') || '])' END
    FROM files, wanted);

SET VARIABLE snapshot_messages = snapshot_query('messages',
    'message_id BIGINT, guild_id BIGINT, channel_id BIGINT, author_id BIGINT, author_name VARCHAR, content VARCHAR,
     created_at TIMESTAMPTZ, edited_at TIMESTAMPTZ, deleted BOOLEAN, deleted_by VARCHAR, deleted_after TIMESTAMPTZ,
     deleted_before TIMESTAMPTZ, content_removed_at TIMESTAMPTZ, message_type INTEGER, attachment_count INTEGER,
     embed_count INTEGER, reaction_count INTEGER, reactions VARCHAR, poll_votes VARCHAR, ingested_at TIMESTAMPTZ, revision BIGINT, source TINYINT, patch_json VARCHAR,
     raw_json VARCHAR');
CREATE OR REPLACE VIEW discord_messages AS FROM query(getvariable('snapshot_messages'));

SET VARIABLE snapshot_versions = snapshot_query('versions',
    'message_id BIGINT, guild_id BIGINT, channel_id BIGINT, edited_at TIMESTAMPTZ, content VARCHAR,
     attachment_count INTEGER, embed_count INTEGER, revision BIGINT, source TINYINT, raw_json VARCHAR');
CREATE OR REPLACE VIEW discord_message_versions AS
    SELECT *, false AS is_current FROM query(getvariable('snapshot_versions'))
    UNION ALL
    SELECT message_id, guild_id, channel_id, edited_at, content, attachment_count, embed_count, revision, source,
           raw_json, true AS is_current
    FROM discord_messages WHERE content_removed_at IS NULL;

SET VARIABLE snapshot_guilds = snapshot_query('guilds', 'guild_id BIGINT, name VARCHAR');
CREATE OR REPLACE VIEW discord_guilds AS FROM query(getvariable('snapshot_guilds'));

SET VARIABLE snapshot_channels = snapshot_query('channels',
    'channel_id BIGINT, guild_id BIGINT, parent_id BIGINT, channel_type INTEGER, name VARCHAR, gone_at TIMESTAMPTZ');
CREATE OR REPLACE VIEW discord_channels AS FROM query(getvariable('snapshot_channels'));

SET VARIABLE snapshot_coverage = snapshot_query('coverage',
    'guild_id BIGINT, channel_id BIGINT, low BIGINT, high BIGINT, from_time TIMESTAMPTZ, to_time TIMESTAMPTZ,
     complete BOOLEAN, complete_by VARCHAR, gap_reason VARCHAR, stale_since TIMESTAMPTZ,
     reactions_stale_since TIMESTAMPTZ');
CREATE OR REPLACE VIEW coverage AS FROM query(getvariable('snapshot_coverage'));

-- Without files unless REACTIONS=full has ever been set.
SET VARIABLE snapshot_reaction_events = snapshot_query('reaction_events',
    'happened_at TIMESTAMPTZ, message_id BIGINT, guild_id BIGINT, channel_id BIGINT, user_id BIGINT, event VARCHAR,
     emoji_id BIGINT, emoji_name VARCHAR, answer_id INTEGER, is_super BOOLEAN');
CREATE OR REPLACE VIEW discord_reaction_events AS FROM query(getvariable('snapshot_reaction_events'));

SET VARIABLE snapshot_outages = snapshot_query('outages',
    'began_at TIMESTAMPTZ, ended_at TIMESTAMPTZ, reason VARCHAR');
CREATE OR REPLACE VIEW outages AS FROM query(getvariable('snapshot_outages'));

CREATE OR REPLACE VIEW snapshot AS
    SELECT manifest.created_at AS created_at, manifest.revision AS revision, manifest.store_id AS store_id,
           manifest.schema_version AS schema_version
    FROM (SELECT getvariable('manifest') AS manifest);

---------------------------------------------------------------------------------------------------
-- What they mean, for tools that show it.
COMMENT ON VIEW discord_messages IS
    'The messages as they are now: one row for each, deleted ones too.';
COMMENT ON COLUMN discord_messages.message_id IS 'The message.';
COMMENT ON COLUMN discord_messages.guild_id IS 'The guild it belongs to.';
COMMENT ON COLUMN discord_messages.channel_id IS 'The channel or thread it stands in.';
COMMENT ON COLUMN discord_messages.author_id IS 'Who wrote it: a user, a bot or a webhook.';
COMMENT ON COLUMN discord_messages.author_name IS 'The author''s user name.';
COMMENT ON COLUMN discord_messages.content IS 'The text as typed, with Discord''s markup.';
COMMENT ON COLUMN discord_messages.created_at IS 'When it was written: the time in its id.';
COMMENT ON COLUMN discord_messages.edited_at IS 'When its author last edited it.';
COMMENT ON COLUMN discord_messages.deleted IS 'Whether it is gone from Discord.';
COMMENT ON COLUMN discord_messages.deleted_by IS 'How that became known. Discord said so: gateway (MESSAGE_DELETE), bulk (a purge), channel (it went with its channel). Inferred, and taken back if it shows up again: rescan (two readings of the history did not show it), missing_channel (Discord does not know its channel any more).';
COMMENT ON COLUMN discord_messages.deleted_after IS 'It was still there at this time.';
COMMENT ON COLUMN discord_messages.deleted_before IS 'When the delete was noticed.';
COMMENT ON COLUMN discord_messages.content_removed_at IS 'When the content of this deleted message was taken out of the record.';
COMMENT ON COLUMN discord_messages.message_type IS 'Discord''s message type: 0 text, 19 reply.';
COMMENT ON COLUMN discord_messages.attachment_count IS 'How many files hang on it.';
COMMENT ON COLUMN discord_messages.embed_count IS 'How many embeds hang on it.';
COMMENT ON COLUMN discord_messages.reaction_count IS 'How many reactions it has; none if that is not known: only an edit or single reactions of it were heard.';
COMMENT ON COLUMN discord_messages.reactions IS 'The reactions by emoji, as a JSON list of count, emoji_id, emoji_name and super_count; none if they are not known.';
COMMENT ON COLUMN discord_messages.poll_votes IS 'The votes of its poll by answer, as a JSON list of answer_id and count; none without a poll, or if they are not known.';
COMMENT ON COLUMN discord_messages.ingested_at IS 'When this service first had it.';
COMMENT ON COLUMN discord_messages.revision IS 'The commit that last changed the row.';
COMMENT ON COLUMN discord_messages.source IS 'Where the payload is from: 0 an import, 1 history, 2 the socket.';
COMMENT ON COLUMN discord_messages.patch_json IS 'Fields of the payload that Discord changed later, as a JSON object: they count instead of the payload''s own.';
COMMENT ON COLUMN discord_messages.raw_json IS 'The payload as Discord sent it, byte for byte.';

COMMENT ON VIEW discord_message_versions IS
    'What messages were before their edits, and what they are now: one row for each version that was seen.';
COMMENT ON COLUMN discord_message_versions.message_id IS 'The message.';
COMMENT ON COLUMN discord_message_versions.guild_id IS 'The guild it belongs to.';
COMMENT ON COLUMN discord_message_versions.channel_id IS 'The channel or thread it stands in.';
COMMENT ON COLUMN discord_message_versions.edited_at IS 'The edit that made this version; none for the original.';
COMMENT ON COLUMN discord_message_versions.content IS 'The text as typed.';
COMMENT ON COLUMN discord_message_versions.attachment_count IS 'How many files hung on it.';
COMMENT ON COLUMN discord_message_versions.embed_count IS 'How many embeds hung on it.';
COMMENT ON COLUMN discord_message_versions.revision IS 'The commit that put this version into the record.';
COMMENT ON COLUMN discord_message_versions.source IS 'Where the payload is from: 0 an import, 1 history, 2 the socket.';
COMMENT ON COLUMN discord_message_versions.raw_json IS 'The payload as Discord sent it, byte for byte.';
COMMENT ON COLUMN discord_message_versions.is_current IS 'Whether the message is like this now (or was when it was deleted).';

COMMENT ON VIEW discord_guilds IS 'The guilds.';
COMMENT ON COLUMN discord_guilds.guild_id IS 'The guild.';
COMMENT ON COLUMN discord_guilds.name IS 'Its name.';

COMMENT ON VIEW discord_channels IS 'Channels, threads and categories that were seen.';
COMMENT ON COLUMN discord_channels.channel_id IS 'The channel or thread.';
COMMENT ON COLUMN discord_channels.guild_id IS 'The guild it belongs to.';
COMMENT ON COLUMN discord_channels.parent_id IS 'A thread''s channel; a channel''s category.';
COMMENT ON COLUMN discord_channels.channel_type IS 'Discord''s channel type: 0 text, 10 to 12 threads, 15 forum.';
COMMENT ON COLUMN discord_channels.name IS 'Its name.';
COMMENT ON COLUMN discord_channels.gone_at IS 'When its end was noticed.';

COMMENT ON VIEW coverage IS
    'What is known of each channel and thread: ranges of time without holes, each complete or a gap.';
COMMENT ON COLUMN coverage.guild_id IS 'The guild.';
COMMENT ON COLUMN coverage.channel_id IS 'The channel or thread.';
COMMENT ON COLUMN coverage.low IS 'Ids from this one on,';
COMMENT ON COLUMN coverage.high IS 'to before this one.';
COMMENT ON COLUMN coverage.from_time IS 'The same as times: from this one on,';
COMMENT ON COLUMN coverage.to_time IS 'to before this one.';
COMMENT ON COLUMN coverage.complete IS 'Whether every message there was read.';
COMMENT ON COLUMN coverage.complete_by IS 'By what: history, live or rescan.';
COMMENT ON COLUMN coverage.gap_reason IS 'Why messages may be missing.';
COMMENT ON COLUMN coverage.stale_since IS 'Edits and deletes from this time on may be missing.';
COMMENT ON COLUMN coverage.reactions_stale_since IS 'Reactions and votes from this time on may be missing.';

COMMENT ON VIEW discord_reaction_events IS
    'Who reacted to what or voted for what, and took it back, and when: one row for each event that was heard. Kept only with REACTIONS=full, from then on; how many reactions and votes there are is in the messages.';
COMMENT ON COLUMN discord_reaction_events.happened_at IS 'When it was heard, by Discord''s clock.';
COMMENT ON COLUMN discord_reaction_events.message_id IS 'The message.';
COMMENT ON COLUMN discord_reaction_events.guild_id IS 'The guild it belongs to.';
COMMENT ON COLUMN discord_reaction_events.channel_id IS 'The channel or thread it stands in.';
COMMENT ON COLUMN discord_reaction_events.user_id IS 'Who reacted or voted; none where reactions were cleared, since Discord does not say by whom.';
COMMENT ON COLUMN discord_reaction_events.event IS 'reaction_added, reaction_removed, emoji_cleared (all of one emoji), all_cleared, vote_added or vote_removed.';
COMMENT ON COLUMN discord_reaction_events.emoji_id IS 'A guild''s own emoji.';
COMMENT ON COLUMN discord_reaction_events.emoji_name IS 'The emoji, or the name of an own one.';
COMMENT ON COLUMN discord_reaction_events.answer_id IS 'The number of the poll''s answer that was voted for.';
COMMENT ON COLUMN discord_reaction_events.is_super IS 'Whether it is a super reaction.';

COMMENT ON VIEW outages IS
    'Times in which nobody listened. What was written and deleted within one is known to nobody.';
COMMENT ON COLUMN outages.began_at IS 'When the last was heard before it.';
COMMENT ON COLUMN outages.ended_at IS 'When the next was heard.';
COMMENT ON COLUMN outages.reason IS 'offline, session_lost or record_damaged.';

COMMENT ON VIEW snapshot IS 'The snapshot that this session reads: one row.';
COMMENT ON COLUMN snapshot.created_at IS 'When it was made.';
COMMENT ON COLUMN snapshot.revision IS 'The last commit that is in it.';
COMMENT ON COLUMN snapshot.store_id IS 'The record that it is of.';
COMMENT ON COLUMN snapshot.schema_version IS 'The schema of that record.';

-- Makes the base views from the snapshots of a data folder, also while the service runs: from the files that
-- snapshots/manifest.json lists, and no others. The variable snapshots_dir is the path of snapshots/.
-- A DuckDB session keeps reading the snapshot that it started with, and the files of a replaced snapshot are
-- deleted after an hour (SNAPSHOT_GRACE): read this file again to use the newest snapshot.

-- DuckDB treats [, * and ? in a path as a pattern, so they are escaped.
SET VARIABLE snapshots_path = regexp_replace(getvariable('snapshots_dir'), '([*?[])', '[\1]', 'g');

SET VARIABLE manifest_path = (
    SELECT CASE WHEN count(*) = 0
                THEN error('There is no snapshot yet: ' || getvariable('snapshots_dir') || '/manifest.json'
                           || ' does not exist. The service writes it soon after it starts.')
                ELSE getvariable('snapshots_path') || '/manifest.json' END
    FROM glob(getvariable('snapshots_path') || '/manifest.json'));

SET VARIABLE manifest = (
    SELECT from_json(content, '{"format":"INTEGER","store_id":"UUID","schema_version":"BIGINT","revision":"BIGINT",
                                "created_at":"TIMESTAMPTZ","files":[{"table":"VARCHAR","path":"VARCHAR"}]}')
    FROM read_text(getvariable('manifest_path')));

-- The query over the files of a table. It names and types the columns, so that a table without files has them too.
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
    'message_id BIGINT, guild_id BIGINT, channel_id BIGINT, author_id BIGINT, author_name VARCHAR, author_is_bot BOOLEAN, content VARCHAR,
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

-- This table has files only if REACTIONS=full was set at some time.
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
-- The meanings of the views and columns, for tools that display comments.
COMMENT ON VIEW discord_messages IS
    'The messages in their current state, one row per message, including deleted ones.';
COMMENT ON COLUMN discord_messages.message_id IS 'Discord''s id of the message.';
COMMENT ON COLUMN discord_messages.guild_id IS 'Discord''s id of the guild (server).';
COMMENT ON COLUMN discord_messages.channel_id IS 'Discord''s id of the channel or thread that contains the message.';
COMMENT ON COLUMN discord_messages.author_id IS 'Discord''s id of the author: a user, a bot or a webhook.';
COMMENT ON COLUMN discord_messages.author_name IS 'The author''s user name; empty if the content was redacted.';
COMMENT ON COLUMN discord_messages.author_is_bot IS 'Whether an app or a webhook wrote the message.';
COMMENT ON COLUMN discord_messages.content IS 'The message text as typed, with Discord''s markup; empty if it was redacted.';
COMMENT ON COLUMN discord_messages.created_at IS 'When the message was written (UTC): the time encoded in its id.';
COMMENT ON COLUMN discord_messages.edited_at IS 'When the author last edited the message (UTC); null if never, or if the content was redacted.';
COMMENT ON COLUMN discord_messages.deleted IS 'Whether the message no longer exists on Discord.';
COMMENT ON COLUMN discord_messages.deleted_by IS 'How the delete became known. Reported by Discord: gateway (a MESSAGE_DELETE event), bulk (a MESSAGE_DELETE_BULK event, as a moderator''s purge sends it), channel (the channel or thread was deleted). Inferred, and reverted if the message appears again: rescan (two readings of the history did not contain the message), missing_channel (Discord answers that the channel does not exist). Null if the message is not deleted.';
COMMENT ON COLUMN discord_messages.deleted_after IS 'The message still existed on Discord at this time (UTC); the delete happened later.';
COMMENT ON COLUMN discord_messages.deleted_before IS 'When the delete was noticed (UTC); it happened at this time or earlier.';
COMMENT ON COLUMN discord_messages.content_removed_at IS 'When the content of this deleted message was redacted (UTC); null if it was not.';
COMMENT ON COLUMN discord_messages.message_type IS 'Discord''s message type, for example 0 a normal message, 19 a reply.';
COMMENT ON COLUMN discord_messages.attachment_count IS 'Number of attached files; 0 once the content was redacted.';
COMMENT ON COLUMN discord_messages.embed_count IS 'Number of embeds (link previews, bot cards); 0 once the content was redacted.';
COMMENT ON COLUMN discord_messages.reaction_count IS 'Number of reactions. Null if the number is not known, because only an edit or single reaction events of the message were received, or because its content was redacted.';
COMMENT ON COLUMN discord_messages.reactions IS 'Reactions per emoji, as a list of objects with count, emoji_id, emoji_name and super_count (its JSON text in tables); null if they are not known.';
COMMENT ON COLUMN discord_messages.poll_votes IS 'Votes per answer of the message''s poll, as a list of objects with answer_id and count (its JSON text in tables); null if the message has no poll, or if its votes are not known.';
COMMENT ON COLUMN discord_messages.ingested_at IS 'When this service first stored the message (UTC).';
COMMENT ON COLUMN discord_messages.revision IS 'Number of the database commit that last changed the row.';
COMMENT ON COLUMN discord_messages.source IS 'Where the payload came from: 0 an import, 1 the message history (REST), 2 the gateway (WebSocket).';
COMMENT ON COLUMN discord_messages.patch_json IS 'Fields of the payload that Discord changed later, as a JSON object; they replace the fields of raw_json.';
COMMENT ON COLUMN discord_messages.raw_json IS 'The payload exactly as Discord sent it, byte for byte; null if the content was redacted.';

COMMENT ON VIEW discord_message_versions IS
    'The versions of the messages, earlier and current ones: one row per version that the service received.';
COMMENT ON COLUMN discord_message_versions.message_id IS 'Discord''s id of the message.';
COMMENT ON COLUMN discord_message_versions.guild_id IS 'Discord''s id of the guild (server).';
COMMENT ON COLUMN discord_message_versions.channel_id IS 'Discord''s id of the channel or thread that contains the message.';
COMMENT ON COLUMN discord_message_versions.edited_at IS 'When the edit that made this version happened (UTC); null for the original.';
COMMENT ON COLUMN discord_message_versions.content IS 'The message text of this version.';
COMMENT ON COLUMN discord_message_versions.attachment_count IS 'Number of attached files in this version.';
COMMENT ON COLUMN discord_message_versions.embed_count IS 'Number of embeds in this version.';
COMMENT ON COLUMN discord_message_versions.revision IS 'Number of the database commit that stored this version.';
COMMENT ON COLUMN discord_message_versions.source IS 'Where the payload came from: 0 an import, 1 the message history (REST), 2 the gateway (WebSocket).';
COMMENT ON COLUMN discord_message_versions.raw_json IS 'The payload exactly as Discord sent it, byte for byte.';
COMMENT ON COLUMN discord_message_versions.is_current IS 'Whether this is the last version of the message.';

COMMENT ON VIEW discord_guilds IS 'The guilds (servers).';
COMMENT ON COLUMN discord_guilds.guild_id IS 'Discord''s id of the guild (server).';
COMMENT ON COLUMN discord_guilds.name IS 'Name of the guild.';

COMMENT ON VIEW discord_channels IS 'The channels, threads and categories, including deleted ones.';
COMMENT ON COLUMN discord_channels.channel_id IS 'Discord''s id of the channel, thread or category.';
COMMENT ON COLUMN discord_channels.guild_id IS 'Discord''s id of the guild (server).';
COMMENT ON COLUMN discord_channels.parent_id IS 'Of a thread, the id of its channel; of a channel, the id of its category; null if it has none.';
COMMENT ON COLUMN discord_channels.channel_type IS 'Discord''s channel type, for example 0 text, 4 category, 10 to 12 threads, 15 forum.';
COMMENT ON COLUMN discord_channels.name IS 'Name of the channel, thread or category.';
COMMENT ON COLUMN discord_channels.gone_at IS 'When the deletion of the channel was noticed (UTC); null if it exists.';

COMMENT ON VIEW coverage IS
    'The coverage of each channel and thread: consecutive ranges of time, each either complete or a gap.';
COMMENT ON COLUMN coverage.guild_id IS 'Discord''s id of the guild (server).';
COMMENT ON COLUMN coverage.channel_id IS 'Discord''s id of the channel or thread.';
COMMENT ON COLUMN coverage.low IS 'Start of the range as a message id (inclusive).';
COMMENT ON COLUMN coverage.high IS 'End of the range as a message id (exclusive).';
COMMENT ON COLUMN coverage.from_time IS 'Start of the range as a time (UTC, inclusive).';
COMMENT ON COLUMN coverage.to_time IS 'End of the range as a time (UTC, exclusive).';
COMMENT ON COLUMN coverage.complete IS 'Whether every message of the range was read; false for a gap.';
COMMENT ON COLUMN coverage.complete_by IS 'How the range was covered: history (backfill), live (gateway session) or rescan (the history, read again); null for a gap.';
COMMENT ON COLUMN coverage.gap_reason IS 'Why messages of the range may be missing; null if the range is complete.';
COMMENT ON COLUMN coverage.stale_since IS 'Edits and deletes after this time (UTC) may be missing; null if none is missing.';
COMMENT ON COLUMN coverage.reactions_stale_since IS 'Reactions and poll votes after this time (UTC) may be missing; null if none is missing.';

COMMENT ON VIEW discord_reaction_events IS
    'Reaction and vote events: who reacted or voted, or took it back, and when; one row per received event. Stored only while REACTIONS=full is set. The numbers of reactions and votes are in discord_messages.';
COMMENT ON COLUMN discord_reaction_events.happened_at IS 'When the event was received, by Discord''s clock (UTC).';
COMMENT ON COLUMN discord_reaction_events.message_id IS 'Discord''s id of the message.';
COMMENT ON COLUMN discord_reaction_events.guild_id IS 'Discord''s id of the guild (server).';
COMMENT ON COLUMN discord_reaction_events.channel_id IS 'Discord''s id of the channel or thread that contains the message.';
COMMENT ON COLUMN discord_reaction_events.user_id IS 'Discord''s id of the user who reacted or voted; null if reactions were cleared, because Discord does not tell by whom.';
COMMENT ON COLUMN discord_reaction_events.event IS 'Kind of event: reaction_added, reaction_removed, emoji_cleared (all reactions with one emoji), all_cleared, vote_added or vote_removed.';
COMMENT ON COLUMN discord_reaction_events.emoji_id IS 'Discord''s id of a custom emoji; null for a Unicode emoji.';
COMMENT ON COLUMN discord_reaction_events.emoji_name IS 'The Unicode emoji, or the name of the custom emoji.';
COMMENT ON COLUMN discord_reaction_events.answer_id IS 'The answer_id of the poll answer that was voted for; null for reactions.';
COMMENT ON COLUMN discord_reaction_events.is_super IS 'Whether the reaction is a super reaction.';

COMMENT ON VIEW outages IS
    'Outages: times in which the service received no events from Discord. A message that was written and deleted within one is lost.';
COMMENT ON COLUMN outages.began_at IS 'When the last event before the outage was received (UTC).';
COMMENT ON COLUMN outages.ended_at IS 'When the first event after the outage was received (UTC).';
COMMENT ON COLUMN outages.reason IS 'Reason of the outage: offline (the service did not run), session_lost (the service ran, but its gateway session was lost) or record_damaged (the data of that time was lost from the database).';

COMMENT ON VIEW snapshot IS 'The snapshot that this DuckDB session reads: one row.';
COMMENT ON COLUMN snapshot.created_at IS 'When the database was read for the snapshot.';
COMMENT ON COLUMN snapshot.revision IS 'Number of the last database commit that the snapshot contains.';
COMMENT ON COLUMN snapshot.store_id IS 'Identifies the database.';
COMMENT ON COLUMN snapshot.schema_version IS 'Version of the database schema.';

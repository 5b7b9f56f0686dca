-- The record. No PRIMARY KEY, UNIQUE or index on big tables: the writer keeps ids unique (an index costs three
-- quarters of the append rate, memory, and start-up time).

-- One row: the identity of this file, and its last revision.
CREATE TABLE record_state (
    store_id       UUID NOT NULL,      -- followers refuse another record's revisions
    schema_version BIGINT NOT NULL,
    revision       BIGINT NOT NULL     -- the number of the last commit that changed rows
);
INSERT INTO record_state VALUES (uuid(), 0, 0);

-- Level 0: the rows that arrived lately, in the order of arrival. Compaction moves them into sorted runs in
-- bounded steps.
CREATE TABLE messages_hot (
    message_id       BIGINT NOT NULL,
    guild_id         BIGINT NOT NULL,
    channel_id       BIGINT NOT NULL,
    author_id        BIGINT NOT NULL,
    author_name      VARCHAR NOT NULL,
    content          VARCHAR NOT NULL,
    created_at       TIMESTAMPTZ NOT NULL,
    edited_at        TIMESTAMPTZ,
    deleted          BOOLEAN NOT NULL,
    deleted_by       VARCHAR,          -- gateway, bulk, channel, rescan
    deleted_at       TIMESTAMPTZ,      -- deletion noticed at this time; it happened then or before
    message_type     INTEGER NOT NULL, -- Discord's number: 0 text, 19 reply, ...
    attachment_count INTEGER NOT NULL,
    embed_count      INTEGER NOT NULL,
    ingested_at      TIMESTAMPTZ NOT NULL,
    revision         BIGINT NOT NULL,
    source           TINYINT NOT NULL, -- of raw_json: 0 import, 1 REST, 2 gateway
    patch_json       VARCHAR,          -- the fields that partial updates brought
    raw_json         VARCHAR NOT NULL  -- the payload, byte for byte
);

-- Most of the rows: sorted runs, each sorted by (channel, id) when it was written.
CREATE TABLE messages_runs AS FROM messages_hot;

-- Message fragments: what is known of messages whose payload was never seen, for example a delete or a partial
-- update that came first. A fragment waits here for the payload, so that the order of arrival does not matter.
CREATE TABLE message_fragments (
    message_id BIGINT NOT NULL,
    guild_id   BIGINT NOT NULL,
    channel_id BIGINT NOT NULL,
    deleted_by VARCHAR,
    deleted_at TIMESTAMPTZ,
    patch_json VARCHAR,
    revision   BIGINT NOT NULL
);

-- Dead letters: payloads that could not be understood, exactly as they were received.
CREATE TABLE parked_payloads (
    received_at TIMESTAMPTZ NOT NULL,
    source      TINYINT NOT NULL,
    event       VARCHAR NOT NULL,      -- MESSAGE_CREATE, ...; 'history' for a page's item
    channel_id  BIGINT,
    reason      VARCHAR NOT NULL,
    payload     VARCHAR NOT NULL
);

CREATE TABLE guilds (
    guild_id BIGINT NOT NULL,
    name     VARCHAR NOT NULL
);

-- Channels and threads that were seen, and whether the bot can read their history.
CREATE TABLE channels (
    channel_id    BIGINT NOT NULL,
    guild_id      BIGINT NOT NULL,
    parent_id     BIGINT,
    channel_type  INTEGER NOT NULL,
    name          VARCHAR NOT NULL,
    gone_at       TIMESTAMPTZ,         -- deletion noticed at this time; it happened then or before
    access        VARCHAR NOT NULL,    -- unknown, readable, or the reason why not
    access_detail VARCHAR,
    access_since  TIMESTAMPTZ          -- since when `access` has its present value
);

-- Ranges of ids [low, high) of a channel that are complete: everything that existed there was read, from
-- history or from an unbroken gateway session.
CREATE TABLE coverage (
    channel_id BIGINT NOT NULL,
    low        BIGINT NOT NULL,
    high       BIGINT NOT NULL
);

-- The watermark of the gateway session, committed with the rows that the session brought, so that a restart can
-- resume the session.
CREATE TABLE gateway_sessions (
    shard      INTEGER NOT NULL,
    session_id VARCHAR NOT NULL,
    resume_url VARCHAR NOT NULL,
    sequence   BIGINT NOT NULL,
    live_low   BIGINT NOT NULL,        -- the session covers ids from here ...
    live_high  BIGINT NOT NULL         -- ... to here
);

CREATE VIEW discord_messages AS
    SELECT message_id, guild_id, channel_id, author_id, author_name, content, created_at,
           edited_at, deleted, deleted_by, deleted_at, message_type, attachment_count,
           embed_count, ingested_at, revision, source, patch_json, raw_json
    FROM messages_hot
    UNION ALL
    SELECT message_id, guild_id, channel_id, author_id, author_name, content, created_at,
           edited_at, deleted, deleted_by, deleted_at, message_type, attachment_count,
           embed_count, ingested_at, revision, source, patch_json, raw_json
    FROM messages_runs;

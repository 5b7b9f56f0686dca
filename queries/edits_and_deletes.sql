-- title: Edits and deletes
-- description: How many messages of each period were edited or deleted later, and how the deletes became known.
--   Edits of messages whose content was redacted are not known. Edits and deletes may be missing where the coverage is stale: see changes_complete of the coverage.
-- param guild_id: id, required. The guild (server) to count.
-- param channel_id: id. Only this channel and its threads; for a category, all channels and threads in it.
-- param from: time. Only messages written at or after this time.
-- param to: time. Only messages written before this time.
-- param include_system: boolean = false. Whether to count the messages that Discord itself writes, such as joins, pins and boosts.
-- param include_bots: boolean = true. Whether to count messages of apps and webhooks.
-- param unit: one of hour|day|week|month = week. The length of a period.
-- param time_zone: zone = UTC. The IANA time zone of the periods, for example Europe/Paris.
-- param week_start: one of monday|sunday|saturday = monday. The first day of a week.
-- column period: timestamp. Start of the period as local time in the time zone.
-- column starts_at: time. Start of the period as a time (UTC). When the clock is set back, one local hour makes two periods with different starts.
-- column messages: integer. Number of messages written in the period, including deleted ones.
-- column edited: integer. Number of those that were edited.
-- column edited_share: number. Share of edited messages, from 0 to 1; null if there are no messages.
-- column deleted: integer. Number of those that were deleted: the sum of the next five columns.
-- column deleted_singly: integer. Deletes that Discord reported one by one while the service was connected.
-- column deleted_in_bulk: integer. Deletes that Discord reported in bulk, as a moderator's purge.
-- column deleted_with_channel: integer. Messages whose channel or thread was deleted.
-- column found_deleted: integer. Messages that were missing when the history was read again.
-- column deleted_otherwise: integer. Deletes that became known in a way that this report does not know.
-- column deleted_share: number. Share of deleted messages, from 0 to 1; null if there are no messages.
-- column deleted_to_the_minute: integer. Number of deletes whose time is known to within a minute.
-- column median_seconds_to_delete: number. Median time from writing to the latest possible time of the delete, in seconds, over the deletes of the previous column.
-- column content_removed: integer. Number of deleted messages whose content was redacted.

WITH counted AS (
    SELECT in_slot(message_id, next_id, first_starts_at, next_starts_at) AS starts_at,
           count(*) AS messages, count(edited_at) AS edited,
           count(*) FILTER (deleted) AS deleted,
           count(*) FILTER (deleted AND deleted_by = 'gateway') AS deleted_singly,
           count(*) FILTER (deleted AND deleted_by = 'bulk') AS deleted_in_bulk,
           count(*) FILTER (deleted AND deleted_by = 'channel') AS deleted_with_channel,
           count(*) FILTER (deleted AND deleted_by = 'rescan') AS found_deleted,
           count(*) FILTER (deleted AND is_timely) AS deleted_to_the_minute,
           median(epoch_ms(deleted_before) - epoch_ms(created_at))
               FILTER (deleted AND is_timely) / 1000 AS median_seconds_to_delete,
           count(content_removed_at) AS content_removed
    FROM (SELECT *, deleted_before - deleted_after <= INTERVAL 1 MINUTE AS is_timely
          FROM wanted_with_deleted())
    JOIN wanted_slots(unit_or('week')) ON slot = slot_of(message_id, unit_or('week'))
    GROUP BY starts_at
)
SELECT period, starts_at, coalesce(messages, 0) AS messages, coalesce(edited, 0) AS edited,
       edited / messages AS edited_share, coalesce(deleted, 0) AS deleted,
       coalesce(deleted_singly, 0) AS deleted_singly,
       coalesce(deleted_in_bulk, 0) AS deleted_in_bulk,
       coalesce(deleted_with_channel, 0) AS deleted_with_channel,
       coalesce(found_deleted, 0) AS found_deleted,
       coalesce(deleted - deleted_singly - deleted_in_bulk - deleted_with_channel - found_deleted,
                0) AS deleted_otherwise,
       deleted / messages AS deleted_share,
       coalesce(deleted_to_the_minute, 0) AS deleted_to_the_minute, median_seconds_to_delete,
       coalesce(content_removed, 0) AS content_removed
FROM wanted_periods(unit_or('week')) LEFT JOIN counted USING (starts_at)
ORDER BY starts_at;

-- title: Edits and deletes
-- description: How many of the messages of each period were edited and deleted later, and how that is known.
--   Edits of messages whose content was removed are not known; edits and deletes in times in which nobody listened may be missing: see changes_complete of the coverage.
-- param guild_id: id, required. The guild.
-- param channel_id: id. Only this channel and its threads; of a category, all that is in it.
-- param from: time. Messages written at this time or later.
-- param to: time. Messages written before this time.
-- param include_system: boolean = false. What Discord says itself, too: joins, pins, boosts.
-- param include_bots: boolean = true. What apps and webhooks wrote, too. Without them each payload is read: slower.
-- param unit: one of hour|day|week|month = week. How wide a row is.
-- param time_zone: zone = UTC. For example Europe/Paris.
-- param week_start: one of monday|sunday|saturday = monday. The first day of a week.
-- column period: timestamp. When the period begins, by the clock of the time zone.
-- column starts_at: time. When it begins. In autumn one local hour comes twice, at two times.
-- column messages: integer. Messages written in it, deleted ones too.
-- column edited: integer. Those of them that were edited.
-- column edited_share: number. From 0 to 1 of the messages; none if there are none.
-- column deleted: integer. Those of them that were deleted; the sum of the next five.
-- column deleted_singly: integer. Discord told so while the service listened.
-- column deleted_in_bulk: integer. Discord told so: many at once, as moderators do.
-- column deleted_with_channel: integer. Their channel or thread was deleted.
-- column found_deleted: integer. They were gone when history was read again.
-- column deleted_otherwise: integer. By evidence that this report does not know.
-- column deleted_share: number. From 0 to 1 of the messages; none if there are none.
-- column deleted_to_the_minute: integer. Deletes whose time is known within a minute.
-- column median_seconds_to_delete: number. From writing to the delete at the latest, of those.
-- column content_removed: integer. Deleted messages whose content was removed from the record.

WITH quarters AS MATERIALIZED (
    FROM wanted_quarters_by(unit_or('week'))
), counted AS (
    SELECT starts_at, count(*) AS messages, count(edited_at) AS edited,
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
    JOIN quarters ON quarters.quarter = quarter_of(message_id)
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
FROM (SELECT DISTINCT period, starts_at FROM quarters) LEFT JOIN counted USING (starts_at)
ORDER BY starts_at;

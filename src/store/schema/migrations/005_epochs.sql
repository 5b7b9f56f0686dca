-- One epoch for each time that the record was opened and changed, with the revision before it. After a backup
-- is restored, revisions are counted again from the backup's; a follower that knows a later revision finds that
-- out by its epoch.
CREATE TABLE epochs (
    number   BIGINT NOT NULL,          -- counts up; only the last epochs are kept
    epoch    UUID NOT NULL,
    began_at TIMESTAMPTZ NOT NULL,
    revision BIGINT NOT NULL
);
INSERT INTO epochs SELECT 1, uuid(), now(), revision FROM record_state;

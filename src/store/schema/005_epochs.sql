-- One epoch for each time that the record was opened for writing, and how far it was then. Where a backup
-- is put back, revisions are counted again from it: whoever has seen later ones learns it by this.
CREATE TABLE epochs (
    number   BIGINT NOT NULL,          -- counts up; the last ones are kept
    epoch    UUID NOT NULL,
    began_at TIMESTAMPTZ NOT NULL,
    revision BIGINT NOT NULL
);

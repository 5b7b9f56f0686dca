-- One epoch for each time that the record was opened and changed, and how far it was before. Where a
-- backup is put back, revisions are counted again from it: whoever has seen later ones learns it by this.
CREATE TABLE epochs (
    number   BIGINT NOT NULL,          -- counts up; the last ones are kept
    epoch    UUID NOT NULL,
    began_at TIMESTAMPTZ NOT NULL,
    revision BIGINT NOT NULL
);
INSERT INTO epochs SELECT 1, uuid(), now(), revision FROM record_state;

-- Since when a channel may not have been heard: an event told that rights changed, and nobody has looked
-- at them since.
ALTER TABLE channels ADD COLUMN unheard_since TIMESTAMPTZ;

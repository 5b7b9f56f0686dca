-- Since when events of a channel may have been missed: an event changed permissions, and they have not been
-- checked since.
ALTER TABLE channels ADD COLUMN unheard_since TIMESTAMPTZ;

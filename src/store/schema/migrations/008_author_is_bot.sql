-- Whether an app or a webhook wrote a message. Until now only the payload said so, and reports without apps had
-- to parse each payload.

ALTER TABLE messages_hot ADD COLUMN author_is_bot BOOLEAN DEFAULT false;
ALTER TABLE messages_small_runs ADD COLUMN author_is_bot BOOLEAN DEFAULT false;
ALTER TABLE messages_runs ADD COLUMN author_is_bot BOOLEAN DEFAULT false;

CREATE MACRO is_bot(raw_json) AS
    coalesce(list_transform(
        [TRY(json_extract(raw_json, ['$.author.bot', '$.webhook_id']))],
        lambda found: coalesce(found[1] = 'true', false) OR coalesce(found[2] <> 'null', false))[1], false);
UPDATE messages_hot SET author_is_bot = true
    WHERE (contains(raw_json, '"bot"') OR contains(raw_json, '"webhook_id"')) AND is_bot(raw_json);
UPDATE messages_small_runs SET author_is_bot = true
    WHERE (contains(raw_json, '"bot"') OR contains(raw_json, '"webhook_id"')) AND is_bot(raw_json);
UPDATE messages_runs SET author_is_bot = true
    WHERE (contains(raw_json, '"bot"') OR contains(raw_json, '"webhook_id"')) AND is_bot(raw_json);
DROP MACRO is_bot;

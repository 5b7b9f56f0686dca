"""Keeps a copy of a guild's messages in a SQLite file, and brings it up to date each time it is run.

    GUILDLAKE_URL=http://127.0.0.1:8000 GUILDLAKE_KEY=... GUILD=... python examples/keep_a_copy.py copy.sqlite

It needs nothing but Python. The first run reads every message; later runs read only what was added, edited or deleted
since. A copy of a database that was restored from a backup is started over, because its revisions mean something else.
"""

import json
import os
import sqlite3
import sys
import urllib.error
import urllib.parse
import urllib.request

COLUMNS = ("message_id", "channel_id", "author_id", "author_name", "content", "created_at", "edited_at", "deleted")


def get(path, **parameters):
    query = urllib.parse.urlencode(parameters)
    request = urllib.request.Request(f"{os.environ['GUILDLAKE_URL']}{path}?{query}",
                                     headers={"x-api-key": os.environ["GUILDLAKE_KEY"]})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def pages(since):
    """The pages of changes after a revision; each says where the next one begins."""
    page = get("/v1/changes", guild_id=os.environ["GUILD"], limit=500, **since)
    yield page
    while page["has_more"]:
        page = get("/v1/changes", guild_id=os.environ["GUILD"], limit=500, cursor=page["next_cursor"], **since)
        yield page


def refresh(copy):
    copy.execute(f"CREATE TABLE IF NOT EXISTS messages ({', '.join(COLUMNS)}, PRIMARY KEY (message_id))")
    copy.execute("CREATE TABLE IF NOT EXISTS position (since, store_id, epoch)")
    position = copy.execute("SELECT since, store_id, epoch FROM position").fetchone()
    since = dict(zip(("since", "store_id", "epoch"), position)) if position else {"since": 0}
    changed = 0
    for page in pages(since):
        changed += len(page["data"])
        # A message replaces its older state. JSON has ids as strings: 64 bits do not fit into every number.
        copy.executemany(f"INSERT OR REPLACE INTO messages VALUES ({', '.join('?' * len(COLUMNS))})",
                         [[row[column] for column in COLUMNS] for row in page["data"]])
    copy.execute("DELETE FROM position")
    copy.execute("INSERT INTO position VALUES (?, ?, ?)", (page["next_since"], page["store_id"], page["epoch"]))
    copy.commit()
    return changed


def main():
    copy = sqlite3.connect(sys.argv[1])
    try:
        changed = refresh(copy)
    except urllib.error.HTTPError as error:
        if error.code != 410:
            raise
        copy.rollback()
        copy.execute("DROP TABLE messages")
        copy.execute("DROP TABLE position")
        changed = refresh(copy)
    there, = copy.execute("SELECT count(*) FROM messages WHERE NOT deleted").fetchone()
    print(f"{changed} changed, {there} are there")


if __name__ == "__main__":
    main()

"""Counts the messages of each channel of a guild, and says beside each number whether the archive is complete.

    GUILDLAKE_URL=http://127.0.0.1:8000 GUILDLAKE_KEY=... GUILD=... python examples/complete_or_not.py

It needs nothing but Python.
"""

import json
import os
import urllib.parse
import urllib.request


def get(path, **parameters):
    query = urllib.parse.urlencode({"guild_id": os.environ["GUILD"], **parameters})
    request = urllib.request.Request(f"{os.environ['GUILDLAKE_URL']}{path}?{query}",
                                     headers={"x-api-key": os.environ["GUILDLAKE_KEY"]})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def coverage():
    """Each channel and thread with its ranges: complete, or a gap with its reason."""
    page = get("/v1/coverage")
    yield from page["data"]
    while page["has_more"]:
        page = get("/v1/coverage", cursor=page["next_cursor"])
        yield from page["data"]


def main():
    report = get("/v1/reports/channels", threads="apart", include_system="true", limit=1000)
    counts = {row["channel_id"]: row["messages"] for row in report["data"]}
    total = 0
    for channel in coverage():
        count = counts.get(channel["channel_id"], 0)
        total += count
        reasons = {one["gap_reason"] for one in channel["ranges"] if one["gap_reason"]}
        complete = "complete" if channel["complete"] else f"incomplete: {', '.join(sorted(reasons))}"
        print(f"{count:8} {channel['name']} ({complete})")
    print(f"{total} messages")


if __name__ == "__main__":
    main()

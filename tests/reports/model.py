"""The reports' answers on the dataset, worked out without SQL: plain Python over the base tables.

    python tests/reports/model.py --duckdb PATH     writes expected/*.csv anew
"""

import argparse
import csv
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
sys.dont_write_bytecode = True
from cases import CASES  # noqa: E402

HERE = Path(__file__).parent
EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
WRITTEN = {0, 19, 20, 23}
THREADS = {10, 11, 12}
WEEK_STARTS = {"monday": 0, "saturday": 5, "sunday": 6}


def tables(duckdb):
    """The base tables as lists of dicts; times as aware datetimes."""
    found = {}
    for table in ("discord_messages", "discord_channels", "coverage", "discord_reaction_events"):
        said = subprocess.run(
            [duckdb, "-json", "-c", ".read dataset.sql", "-c", "SET TimeZone = 'UTC'", "-c", f"FROM {table}"],
            cwd=HERE, check=True, capture_output=True, text=True).stdout
        found[table] = json.loads(said[said.index("[{"):])
        for row in found[table]:
            for name, value in row.items():
                if value and (name.endswith("_at") or name in ("deleted_after", "deleted_before", "from_time", "to_time", "stale_since")):
                    row[name] = moment(value)
    return found


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def time_of(message_id):
    return EPOCH + timedelta(milliseconds=message_id >> 22)


def id_at(when):
    return -(-(when - EPOCH) // timedelta(milliseconds=1)) << 22


def seconds(earlier, later):
    return ((later >> 22) - (earlier >> 22)) / 1000


def payload(row):
    try:
        read = json.loads(row["raw_json"] or "null")
        json.dumps(read, ensure_ascii=False).encode()  # a lone surrogate is no text
        return read if isinstance(read, dict) else {}
    except ValueError:
        return {}


def patched(row, field):
    """A list of the payload, or what Discord showed later in its place."""
    value = json.loads(row["patch_json"] or "{}").get(field, payload(row).get(field))
    return value if isinstance(value, list) else []


def is_bot(row):
    return row["author_is_bot"] == "true"


def number(value):
    try:
        return int(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError):
        return None


def quantile(values, at):
    return float(pd.Series(values, dtype="float64").quantile(at)) if values else None


class Question:
    def __init__(self, base, parameters):
        self.base = base
        self.asked = {"guild_id": 1000} | parameters
        self.zone = ZoneInfo(self.asked.get("time_zone", "UTC"))
        self.low = id_at(moment(self.asked["from"])) if "from" in self.asked else 0
        self.high = id_at(moment(self.asked["to"])) if "to" in self.asked else 1 << 63
        self.channels = {row["channel_id"]: row for row in base["discord_channels"]}
        self.messages = {row["message_id"]: row for row in base["discord_messages"]}

    def get(self, name, usual):
        return self.asked.get(name, usual)

    def in_scope(self, channel_id):
        channel = self.channels[channel_id]
        if channel["guild_id"] != self.asked["guild_id"]:
            return False
        chain = [channel_id, channel["parent_id"]]
        chain.append(self.channels.get(channel["parent_id"], {}).get("parent_id"))
        return "channel_id" not in self.asked or self.asked["channel_id"] in chain

    def history(self, deleted=None, system=None):
        for row in sorted(self.base["discord_messages"], key=lambda row: row["message_id"]):
            if not self.in_scope(row["channel_id"]) or row["message_id"] >= self.high:
                continue
            if row["deleted"] and not (self.get("include_deleted", False) if deleted is None else deleted):
                continue
            if row["message_type"] not in WRITTEN and not (self.get("include_system", False) if system is None else system):
                continue
            if is_bot(row) and not self.get("include_bots", True):
                continue
            yield row

    def wanted(self, **options):
        return [row for row in self.history(**options) if row["message_id"] >= self.low]

    # Time -------------------------------------------------------------------------------------

    def period(self, when, unit):
        """(The period's name by the local clock, the moment it begins.)"""
        local = when.astimezone(self.zone)
        if unit == "hour":
            begin = local.replace(minute=0, second=0, microsecond=0)
            # What has passed of this hour, so that the second 02:00 of an autumn night is its own.
            return begin.replace(tzinfo=None, fold=0), when - (local.replace(tzinfo=None) - begin.replace(tzinfo=None))
        day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if unit == "week":
            first = WEEK_STARTS[self.get("week_start", "monday")]
            day -= timedelta(days=(day.weekday() - first) % 7)
        if unit == "month":
            day = day.replace(day=1)
        return day.replace(tzinfo=None), day.astimezone(UTC)

    def minutes(self):
        """Every quarter of an hour of the time asked for, as the moment it begins."""
        # It begins with whatever is there, also what the report leaves out, and ends where nothing is known.
        mine = [r["message_id"] for r in Question(self.base, self.asked | {"include_bots": True}).wanted(deleted=True, system=True)]
        if not mine and "from" not in self.asked:
            return
        first = self.low if "from" in self.asked else mine[0]
        ends = [self.end(), *(mine[-1:] if "to" not in self.asked else [])]
        if ends == [None]:
            return
        last = max(end for end in ends if end is not None)
        at = EPOCH + timedelta(minutes=15) * ((time_of(first) - EPOCH) // timedelta(minutes=15))
        while at <= time_of(last):
            yield at
            at += timedelta(minutes=15)

    def periods(self, unit):
        return sorted({self.period(at, unit) for at in self.minutes()}, key=lambda pair: pair[1])

    def by_period(self, rows, unit, when=lambda row: row["created_at"]):
        found = defaultdict(list)
        for row in rows:
            found[self.period(when(row), unit)].append(row)
        return [(period, found.get(period, [])) for period in self.periods(unit)]

    def end(self):
        if "to" in self.asked:
            return self.high - 1
        complete = [r["high"] - 1 for r in self.base["coverage"] if r["complete_by"] and r["guild_id"] == self.asked["guild_id"]]
        return max(complete, default=None)


def authors_of(rows):
    return len({row["author_id"] for row in rows})


def activity(q):
    for (period, starts), rows in q.by_period(q.wanted(), q.get("unit", "day")):
        yield period, starts, len(rows), authors_of(rows), len({row["channel_id"] for row in rows})


def heatmap(q):
    local = lambda when: (when.astimezone(q.zone).isoweekday(), when.astimezone(q.zone).hour)
    hours = Counter(local(at) for at in q.minutes())
    found = defaultdict(list)
    for row in q.wanted():
        found[local(row["created_at"])].append(row)
    first = WEEK_STARTS[q.get("week_start", "monday")]
    for place in range(7):
        for hour in range(24):
            cell = ((first + place) % 7 + 1, hour)
            rows, width = found[cell], hours[cell] / 4
            yield *cell, len(rows), authors_of(rows), width, len(rows) / width if width else None


def channels(q):
    found = defaultdict(list)
    for row in q.wanted():
        channel = q.channels[row["channel_id"]]
        merged = q.get("threads", "apart") == "merged" and channel["channel_type"] in THREADS
        found[channel["parent_id"] if merged else row["channel_id"]].append(row)
    total = sum(map(len, found.values()))
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    for channel_id, rows in ranked[:q.get("limit", 100)]:
        channel = q.channels[channel_id]
        rank = 1 + sum(len(other) > len(rows) for other in found.values())
        times = [row["created_at"] for row in rows]
        yield (rank, channel_id, channel["parent_id"], channel["name"], channel["channel_type"] in THREADS,
               channel["gone_at"] is not None, len(rows), len(rows) / total, authors_of(rows), min(times), max(times))


def quiet_channels(q):
    end, found = q.end(), []
    for channel_id, channel in q.channels.items():
        is_thread = channel["channel_type"] in THREADS
        if (not q.in_scope(channel_id) or channel["channel_type"] in (4, 14, 15, 16) or channel["gone_at"]
                or channel_id > end or (is_thread and not q.get("include_threads", False))):
            continue
        ids = [row["message_id"] for row in q.history() if row["channel_id"] == channel_id]
        since = max(ids, default=channel_id)
        days = int(seconds(since, end) // 86400)
        if days < q.get("quiet_days", 30):
            continue
        ranges = [r for r in q.base["coverage"] if r["channel_id"] == channel_id and r["high"] > since and r["low"] <= end]
        certain = bool(ranges) and all(r["complete_by"] for r in ranges) and max(r["high"] for r in ranges) > end
        found.append((since, channel_id, channel["parent_id"], channel["name"], is_thread, len(ids),
                      time_of(max(ids)) if ids else None, days, certain))
    for row in sorted(found):
        yield row[1:]


def lives(q, unit):
    """Of each author, the periods in which they wrote."""
    found = defaultdict(set)
    for row in q.history():
        found[row["author_id"]].add(q.period(row["created_at"], unit)[0])
    return found


def before(period, unit):
    """The period before this one, by the local clock."""
    if unit == "month":
        return (period - timedelta(days=1)).replace(day=1)
    return period - timedelta(days=7 if unit == "week" else 1)


def authors(q):
    unit = q.get("unit", "week")
    known = lives(q, unit)
    for period, starts in q.periods(unit):
        previous = before(period, unit)
        active = [life for life in known.values() if period in life]
        new = sum(min(life) == period for life in active)
        retained = sum(previous in life for life in active)
        lost = sum(previous in life and period not in life for life in known.values())
        yield period, starts, len(active), new, retained, len(active) - new - retained, lost


def retention(q):
    unit, smallest = q.get("unit", "month"), q.get("smallest_cohort", 5)
    known = lives(q, unit)
    periods = [period for period, _ in q.periods(unit)]
    for place, cohort in enumerate(periods):
        members = [life for life in known.values() if min(life) == cohort]
        for age, period in enumerate(periods[place:]):
            if age > q.get("periods", 12):
                continue
            active = sum(period in life for life in members)
            shown = len(members) >= smallest
            yield (cohort, age, len(members), active if shown or not members else None,
                   active / len(members) if shown and members else None)


def replies_of(q):
    """(The reply, what it replies to)."""
    for row in q.wanted():
        reference = payload(row).get("message_reference", {})
        if row["message_type"] == 19 and reference.get("type", 0) == 0:
            yield row, number(reference.get("message_id"))


def replies(q):
    mine = {row["message_id"]: row for row in q.wanted()}
    first = {}
    for reply, target in replies_of(q):
        if target in mine and mine[target]["author_id"] != reply["author_id"]:
            waited = seconds(target, reply["message_id"])
            first[target] = min(waited, first.get(target, waited))
    for (period, starts), rows in q.by_period(mine.values(), q.get("unit", "week")):
        waited = [first[row["message_id"]] for row in rows if row["message_id"] in first]
        yield (period, starts, len(rows), sum(row["message_type"] == 19 for row in rows), len(waited),
               len(waited) / len(rows) if rows else None, *(quantile(waited, at) for at in (0.5, 0.75, 0.9, 0.95)))


def threads(q):
    for channel_id, channel in q.channels.items():
        if channel["channel_type"] not in THREADS or not q.in_scope(channel_id):
            continue
        begun = min((key for key, row in q.messages.items() if row["channel_id"] == channel_id), default=channel_id)
        inside = [row for row in q.wanted() if row["channel_id"] == channel_id]
        starter = q.messages.get(channel_id) or (inside[0] if inside else None)
        if starter and q.low <= begun < q.high:
            answers = [row["message_id"] for row in inside if row["author_id"] != starter["author_id"]]
            yield {"channel": channel, "begun": begun, "created_at": time_of(begun), "inside": inside,
                   "answered": seconds(begun, min(answers)) if answers else None}


def thread_responses(q):
    for (period, starts), rows in q.by_period(threads(q), q.get("unit", "week")):
        waited = [row["answered"] for row in rows if row["answered"] is not None]
        yield (period, starts, len(rows), len(waited), len(rows) - len(waited), len(waited) / len(rows) if rows else None,
               *(quantile(waited, at) for at in (0.5, 0.75, 0.9)))


def unanswered_threads(q):
    for thread in sorted(threads(q), key=lambda thread: -thread["begun"]):
        waiting = int(seconds(thread["begun"], q.end()) // 3600)
        if thread["answered"] is None and waiting >= q.get("waiting_hours", 24):
            channel, inside = thread["channel"], thread["inside"]
            last = inside[-1]["created_at"] if inside else thread["created_at"]
            yield channel["channel_id"], channel["parent_id"], channel["name"], thread["created_at"], waiting, len(inside), last


def unanswered_questions(q):
    mine = q.wanted()
    for row in reversed(mine):
        text = re.sub(r"(?i)https?://[^\s<>]+", "", row["content"])
        if not any(sign in text for sign in "?？؟"):
            continue
        if any(target == row["message_id"] and reply["author_id"] != row["author_id"] for reply, target in replies_of(q)):
            continue
        after = [r["message_id"] for r in mine if r["channel_id"] == row["channel_id"]
                 and r["message_id"] > row["message_id"] and r["author_id"] != row["author_id"]]
        if seconds(row["message_id"], min(after, default=q.end())) >= q.get("silent_minutes", 60) * 60:
            yield (row["message_id"], row["channel_id"], q.channels[row["channel_id"]]["name"], row["created_at"],
                   int(seconds(row["message_id"], min(after)) // 60) if after else None)


def links_in(row):
    """(Place, link, host) of what looks like a link."""
    for place, found in enumerate(re.findall(r"(?i)\bhttps?://[^\s<>]+", row["content"]), 1):
        signs = ".,;:!?'\"*~|`]}"
        url = found.rstrip(signs)
        if url.endswith(")") and found.count(")") > found.count("("):
            url = url[:-1].rstrip(signs)
        host = re.sub(r"^https?://", "", url.lower())
        host = re.split(r"[/?#]", host)[0].rpartition("@")[2]
        host = host.split("]")[0] + "]" if host.startswith("[") else host.split(":")[0]
        if host:
            yield place, url, host.removeprefix("www.")


def links(q):
    found = defaultdict(list)
    for row in q.wanted():
        for _, url, host in links_in(row):
            found[host].append((url, row))
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    for host, uses in ranked[:q.get("limit", 100)]:
        rows = [row for _, row in uses]
        times = [row["created_at"] for row in rows]
        yield (host, len(uses), len({url for url, _ in uses}), len({row["message_id"] for row in rows}), authors_of(rows),
               min(times), max(times))


def files_of(row):
    for place, item in enumerate(patched(row, "attachments"), 1):
        item = item if isinstance(item, dict) else {}
        name = item.get("filename")
        yield {"position": place, "attachment_id": number(item.get("id")), "filename": name if name is None else str(name),
               "content_type": item.get("content_type"), "size_bytes": number(item.get("size")),
               "width": number(item.get("width")), "height": number(item.get("height")),
               "duration_seconds": item.get("duration_secs"), "description": item.get("description"), "url": item.get("url")}


def attachments(q):
    found = defaultdict(list)
    for row in q.wanted():
        for item in files_of(row):
            media = (item["content_type"] or "").split(";")[0].strip().lower()
            name = item["filename"] or ""
            kind = {"kind": media.split("/")[0], "content_type": media,
                    "extension": name.rpartition(".")[2].lower() if "." in name else ""}[q.get("by", "kind")]
            found[kind or None].append((item["size_bytes"], row))
    for kind, uses in sorted(found.items(), key=lambda item: (-len(item[1]), item[0] is None, item[0] or "")):
        sizes = [size for size, _ in uses if size is not None]
        rows = [row for _, row in uses]
        yield (kind, len(uses), len({row["message_id"] for row in rows}), authors_of(rows), sum(sizes),
               quantile(sizes, 0.5), quantile(sizes, 0.9), max(sizes, default=None))


def edits_and_deletes(q):
    for (period, starts), rows in q.by_period(q.wanted(deleted=True), q.get("unit", "week")):
        gone = [row for row in rows if row["deleted"]]
        by = Counter(row["deleted_by"] for row in gone)
        named = [by.pop(name, 0) for name in ("gateway", "bulk", "channel", "rescan")]
        timely = [row for row in gone if row["deleted_before"] - row["deleted_after"] <= timedelta(minutes=1)]
        lived = [(row["deleted_before"] - row["created_at"]).total_seconds() for row in timely]
        edited = sum(row["edited_at"] is not None for row in rows)
        yield (period, starts, len(rows), edited, edited / len(rows) if rows else None, len(gone), *named, sum(by.values()),
               len(gone) / len(rows) if rows else None, len(timely), quantile(lived, 0.5),
               sum(row["content_removed_at"] is not None for row in rows))


def message_lengths(q):
    edges = [(0, 0), (1, 10), (11, 20), (21, 50), (51, 100), (101, 200), (201, 500), (501, 1000), (1001, 2000), (2001, None)]
    mine = [row for row in q.wanted() if row["content_removed_at"] is None]
    for low, high in edges:
        rows = [row for row in mine if low <= len(row["content"]) <= (high if high is not None else 10**9)]
        yield low, high, len(rows), len(rows) / len(mine) if mine else None, authors_of(rows)


def growth(q):
    unit, last = q.get("unit", "month"), (0, 0, 0)
    history = list(q.history())
    periods = q.periods(unit)

    def until(when):
        rows = [row for row in history if when is None or q.period(row["created_at"], unit)[1] < when or row["message_id"] < q.low]
        return len(rows), authors_of(rows), len({row["channel_id"] for row in rows})
    if periods:
        rows = [row for row in history if row["message_id"] < q.low]
        last = len(rows), authors_of(rows), len({row["channel_id"] for row in rows})
    for place, (period, starts) in enumerate(periods):
        total = until(periods[place + 1][1] if place + 1 < len(periods) else None)
        yield period, starts, *(now - then for now, then in zip(total, last)), *total
        last = total


def reactions_of(row):
    found = payload(row).get("reactions")
    found = [item for item in found if isinstance(item, dict) and item.get("emoji")] if isinstance(found, list) else []
    for place, item in enumerate(found, 1):
        emoji = item["emoji"]
        yield {"position": place, "emoji_id": number(emoji.get("id")), "emoji_name": emoji.get("name"),
               "reaction_count": number(item.get("count")),
               "super_reaction_count": number((item.get("count_details") or {}).get("burst")) or 0}


def votes_of(row):
    poll = payload(row).get("poll") or {}
    votes = row["poll_votes"] and {vote["answer_id"]: vote["count"] for vote in json.loads(row["poll_votes"])}
    for answer in poll.get("answers", []):
        number_of = answer["answer_id"]
        yield poll["question"]["text"], number_of, answer["poll_media"].get("text"), votes.get(number_of, 0) if votes is not None else None


def reactions(q):
    found = defaultdict(list)
    for row in q.wanted():
        for item in reactions_of(row):
            if item["emoji_id"] is not None or item["emoji_name"] is not None:
                found[item["emoji_id"] or item["emoji_name"]].append((row["message_id"], item))
    total = sum(item["reaction_count"] for uses in found.values() for _, item in uses)
    rows = []
    for uses in found.values():
        count = sum(item["reaction_count"] for _, item in uses)
        newest = max(uses, key=lambda use: use[0])[1]
        rows.append((newest["emoji_name"], newest["emoji_id"], count, len({use[0] for use in uses}), count / total))
    yield from sorted(rows, key=lambda row: (-row[2], row[0]))


def events(q):
    rows = [row for row in q.wanted(system=True) if row["message_type"] not in WRITTEN]
    kinds = {7: 0, 8: 1, 9: 1, 10: 1, 11: 1, 6: 2, 18: 3, 21: 3, 46: 4}
    for (period, starts), rows in q.by_period(rows, q.get("unit", "week")):
        counts = Counter(kinds.get(row["message_type"], 5) for row in rows)
        yield period, starts, *(counts[place] for place in range(6))


def messages_per_day(q):
    found = defaultdict(list)
    for row in q.base["discord_messages"]:
        found[row["created_at"].date()].append(row)
    for day, rows in sorted(found.items(), reverse=True):
        yield day, len(rows), authors_of(rows), sum(row["deleted"] for row in rows)


def wanted_coverage(q, whole_history=False):
    low, known = 0 if whole_history else q.low, {}
    for r in q.base["coverage"]:
        if q.in_scope(r["channel_id"]) and r["low"] < q.high and r["high"] > low:
            known.setdefault(r["channel_id"], []).append(r)
    gaps, fresh = [], []
    for channel_id, ranges in known.items():
        reached = max(r["high"] for r in ranges)
        not_yet = "to" in q.asked and not q.channels[channel_id]["gone_at"] and reached < q.high
        gaps.append(sum(r["complete_by"] is None for r in ranges) + not_yet)
        fresh.append(gaps[-1] == 0 and all(r["stale_since"] is None for r in ranges))
    yield bool(known) and not any(gaps), bool(known) and all(fresh), len(known), sum(map(bool, gaps)), sum(gaps)


def view(q, items):
    """What a view holds of every message: its first columns, and one row for each item."""
    for row in sorted(q.base["discord_messages"], key=lambda row: row["message_id"]):
        for item in items(row):
            yield (row["message_id"], row["guild_id"], row["channel_id"], row["author_id"], row["created_at"], row["deleted"],
                   row["message_type"], is_bot(row), *item)


def embeds_of(row):
    for place, item in enumerate(patched(row, "embeds"), 1):
        item = item if isinstance(item, dict) else {}
        stamp = item.get("timestamp")
        yield (place, item.get("type"), item.get("title"), item.get("description"), item.get("url"),
               (item.get("provider") or {}).get("name"), moment(stamp) if stamp else None)


def mentions_of(row):
    whole = payload(row)
    found = [("user", number(one.get("id"))) for one in whole.get("mentions") or []]
    found += [("role", number(one)) for one in whole.get("mention_roles") or []]
    found += [("everyone", None)] if whole.get("mention_everyone") else []
    yield from sorted(found, key=lambda pair: (pair[0], pair[1] is None, pair[1]))


def reply_of(row):
    whole = payload(row)
    reference = whole.get("message_reference") or {}
    if row["message_type"] == 19 and reference.get("type", 0) == 0:
        yield (number(reference.get("message_id")), number(reference.get("channel_id")),
               number(((whole.get("referenced_message") or {}).get("author") or {}).get("id")))


ANSWERS = {name: globals()[name] for name in (
    "activity", "heatmap", "channels", "quiet_channels", "authors", "retention", "replies", "thread_responses",
    "unanswered_threads", "unanswered_questions", "links", "attachments", "edits_and_deletes", "message_lengths",
    "growth", "reactions", "events", "messages_per_day")} | {
    "wanted_coverage()": wanted_coverage,
    "wanted_coverage(whole_history := true)": lambda q: wanted_coverage(q, True),
    "discord_attachments": lambda q: view(q, lambda row: (tuple(item.values()) for item in files_of(row)) if row["attachment_count"] else ()),
    "discord_embeds": lambda q: view(q, lambda row: embeds_of(row) if row["embed_count"] else ()),
    "discord_mentions": lambda q: view(q, mentions_of),
    "discord_reactions": lambda q: view(q, lambda row: (tuple(item.values()) for item in reactions_of(row))),
    "discord_reaction_events": lambda q: (tuple(row.values()) for row in sorted(q.base["discord_reaction_events"], key=lambda row: row["happened_at"])),
    "discord_poll_votes": lambda q: view(q, votes_of),
    "discord_replies": lambda q: view(q, reply_of),
    "discord_links": lambda q: view(q, links_in),
}


def cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="auto" if value.microsecond % 1000 else "milliseconds" if value.microsecond else "seconds")
    return str(value)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--duckdb", default="duckdb")
    base = tables(parser.parse_args().duckdb)
    for name, (report, parameters) in CASES.items():
        rows = [[cell(value) for value in row] for row in ANSWERS[report](Question(base, parameters))]
        with open(HERE / "expected" / f"{name}.csv", "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    main()

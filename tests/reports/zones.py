"""Reports by hour, day, week and month in time zones, against a model that has no SQL.

    python tests/reports/zones.py --duckdb PATH [--zones all|sample|NAME,NAME] [--years 2015-2035]

One message stands in every quarter of an hour of those years. For each zone the real reports count them, and
Python's zoneinfo says what they have to be: no two periods begin at one time, each message is in exactly one
period, and each period begins when the clock of the zone first shows it. Where DuckDB and zoneinfo know different
rules for a zone (their releases of the IANA's data differ), DuckDB's own offsets are the model's: then the zone is
listed, and all but the offsets is still compared. Zones of which DuckDB's clock shows the same at every hour, whose
days it has begin at the same time, and of which zoneinfo has the same rules are asked once.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy
import pyarrow.parquet as parquet

ROOT = Path(__file__).parents[2]
QUARTER = 900
# What DuckDB's ICU still calls some zones.
OLD_NAMES = {
    "ACT": "Australia/Darwin", "AET": "Australia/Sydney", "AGT": "America/Argentina/Buenos_Aires", "ART": "Africa/Cairo",
    "AST": "America/Anchorage", "BET": "America/Sao_Paulo", "BST": "Asia/Dhaka", "CAT": "Africa/Maputo",
    "CNT": "America/St_Johns", "CST": "America/Chicago", "CTT": "Asia/Shanghai", "EAT": "Africa/Nairobi",
    "ECT": "Europe/Paris", "IET": "America/Indiana/Indianapolis", "IST": "Asia/Kolkata", "JST": "Asia/Tokyo",
    "MIT": "Pacific/Apia", "NET": "Asia/Yerevan", "NST": "Pacific/Auckland", "PLT": "Asia/Karachi",
    "PNT": "America/Phoenix", "PRT": "America/Puerto_Rico", "PST": "America/Los_Angeles", "SST": "Pacific/Guadalcanal",
    "VST": "Asia/Ho_Chi_Minh", "Canada/East-Saskatchewan": "America/Regina", "US/Pacific-New": "America/Los_Angeles",
}
# The odd ones: changes within an hour, by half an hour, by two hours, at midnight, around Ramadan, over the date line.
SAMPLE = ["UTC", "Europe/Paris", "Pacific/Chatham", "NZ-CHAT", "Australia/Lord_Howe", "Antarctica/Troll",
          "America/Caracas", "Asia/Pyongyang", "Asia/Kathmandu", "America/St_Johns", "Africa/Casablanca",
          "America/Havana", "Asia/Beirut", "America/Scoresbysund", "Asia/Gaza", "Pacific/Apia"]
# Each report that counts by periods, its units, and its column of messages.
QUESTIONS = [("activity", "hour", "messages"), ("activity", "day", "messages"), ("activity", "week", "messages"),
             ("activity", "month", "messages"), ("edits_and_deletes", "hour", "messages"), ("events", "hour", "other"),
             ("replies", "hour", "messages"), ("growth", "day", None), ("retention", "month", None)]
LEAST = 4


def transitions(zone, first, last):
    """Offsets of a zone: (from which second, seconds east of UTC), found by asking for each hour."""
    offset = lambda at: int(datetime.fromtimestamp(at, zone).utcoffset().total_seconds())
    found, before = [(first, offset(first))], offset(first)
    for at in range(first + 3600, last + 3600, 3600):
        now = offset(at)
        if now != before:
            low, high = at - 3600, at
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == before else (low, middle)
            found.append((high, now))
            before = now
    return found


def offsets_of(changes, times):
    begins = numpy.array([begin for begin, _ in changes])
    values = numpy.array([value for _, value in changes])
    return values[numpy.searchsorted(begins, times, side="right") - 1]


def model(unit, times, offsets, reach):
    """(period, starts_at, quarters) of each period; `reach` holds what the clock showed before the first quarter."""
    local = times + offsets
    if unit == "hour":
        label = local // 3600
        all_times, all_offsets = reach
        all_label = (all_times + all_offsets) // 3600
        new = numpy.ones(len(all_times), bool)
        new[1:] = (all_label[1:] != all_label[:-1]) | (all_offsets[1:] != all_offsets[:-1])
        begin = all_times[numpy.maximum.accumulate(numpy.where(new, numpy.arange(len(all_times)), 0))]
        begin = begin[len(all_times) - len(times):]
        keys = begin
    else:
        days = local // 86400
        if unit == "day":
            label = days
        elif unit == "week":
            label = days - (days + 3) % 7
        else:
            label = (days.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(int))
        keys = label
    order, first, counts = numpy.unique(keys, return_index=True, return_counts=True)
    if unit == "hour":
        return label[first] * 3600, order, counts
    # A day begins when its midnight is first shown, or where there is none with the change that skips it.
    all_times, all_offsets = reach
    all_local = all_times + all_offsets
    starts = []
    for day in order:
        midnight = day * 86400
        low = numpy.searchsorted(all_times, midnight - 16 * 3600)
        high = numpy.searchsorted(all_times, midnight + 16 * 3600)
        starts.append(all_times[low + numpy.argmax(all_local[low:high] >= midnight)])
    return order * 86400, numpy.array(starts), counts


def run(duckdb, folder, script):
    done = subprocess.run([duckdb], input=script, capture_output=True, text=True, cwd=folder)
    if done.returncode or done.stderr.strip():
        raise SystemExit(done.stderr)
    return done.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--duckdb", default="duckdb")
    parser.add_argument("--zones", default=os.environ.get("GUILDLAKE_ZONES", "sample"))
    parser.add_argument("--years", help="2015-2035, of the sample 2015-2019")
    options = parser.parse_args()
    duckdb = os.path.abspath(shutil.which(options.duckdb) or options.duckdb)
    years = options.years or ("2015-2019" if options.zones == "sample" else "2015-2035")
    from_year, to_year = map(int, years.split("-"))
    utc = lambda year: int(datetime(year, 1, 1, tzinfo=timezone.utc).timestamp())
    # Neither end is the begin of an hour everywhere.
    first, last = utc(from_year) + (QUARTER if from_year > 2015 else 0), utc(to_year + 1) - 2 * QUARTER
    times = numpy.arange(first, last, QUARTER)
    wide = numpy.arange(first - 40 * 86400, last, QUARTER)

    with tempfile.TemporaryDirectory() as folder:
        known = run(duckdb, folder, ".mode list\n.headers off\nSELECT DISTINCT name FROM pg_timezone_names() ORDER BY name;").split()
        zones = {"all": known, "sample": SAMPLE}.get(options.zones) or options.zones.split(",")
        iso = lambda at: datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        prepared = f"""
            CREATE TABLE discord_messages AS
            SELECT CAST((900000 * n + hash(n) % 900000) AS BIGINT) << 22 AS message_id, 1000 AS guild_id, 11 AS channel_id,
                   n % 7 AS author_id, 'a' AS author_name, false AS author_is_bot, 'x' AS content, to_timestamp(1420070400 + 900 * n) AS created_at,
                   CAST(NULL AS TIMESTAMPTZ) AS edited_at, false AS deleted, CAST(NULL AS TIMESTAMPTZ) AS deleted_after,
                   CAST(NULL AS TIMESTAMPTZ) AS deleted_before, CAST(NULL AS VARCHAR) AS deleted_by,
                   CAST(NULL AS TIMESTAMPTZ) AS content_removed_at, 0 AS attachment_count, 0 AS embed_count,
                   0 AS reaction_count, CAST(NULL AS VARCHAR) AS reactions, CAST(NULL AS VARCHAR) AS poll_votes,
                   0 AS message_type, '{{}}' AS raw_json, CAST(NULL AS VARCHAR) AS patch_json
            FROM range({(first - utc(2015)) // QUARTER}, {(last - utc(2015)) // QUARTER}) AS quarters(n);
            CREATE TABLE discord_channels AS SELECT 11 AS channel_id, 1000 AS guild_id, CAST(NULL AS BIGINT) AS parent_id,
                   0 AS channel_type, 'a' AS name, CAST(NULL AS TIMESTAMPTZ) AS gone_at;
            CREATE TABLE coverage AS SELECT 1000 AS guild_id, 11 AS channel_id, 0 AS low, 9223372036854775807 AS high,
                   'history' AS complete_by, CAST(NULL AS VARCHAR) AS gap_reason, CAST(NULL AS TIMESTAMPTZ) AS stale_since;
            {"".join((ROOT / f"queries/lib/{name}.sql").read_text() for name in ("views", "coverage"))}
            SET TimeZone = 'UTC';
            SET VARIABLE guild_id = 1000;
            SET VARIABLE "from" = TIMESTAMPTZ '{iso(first)}';
            SET VARIABLE "to" = TIMESTAMPTZ '{iso(last)}';
        """
        # Written once; each zone's process opens it.
        run(duckdb, folder, ".open zones.duckdb\n" + prepared)
        wrong, others, periods, doubled = 0, [], 0, 0
        asked_once = {}
        for name, clock in clocks(duckdb, folder, zones, int(wide[0]), last).items():
            changes = zone_of(name, int(wide[0]), last)
            asked_once.setdefault((clock, tuple(changes or ())), []).append((name, changes))
        groups = [(members[0], [name for name, _ in members]) for members in asked_once.values()]
        # Of all zones, those reports that differ in how they come to their periods.
        questions = QUESTIONS[:LEAST] if options.zones == "all" else QUESTIONS
        for place, ((name, changes), members) in enumerate(groups):
            script = [".open zones.duckdb", "SET TimeZone = 'UTC';",
                      "SET VARIABLE guild_id = 1000;", f"SET VARIABLE \"from\" = TIMESTAMPTZ '{iso(first)}';",
                      f"SET VARIABLE \"to\" = TIMESTAMPTZ '{iso(last)}';", f"SET VARIABLE time_zone = '{name}';"]
            for number, (report, unit, _) in enumerate(questions):
                sql = (ROOT / f"queries/{report}.sql").read_text().rstrip().rstrip(";")
                sql = sql.replace("NOT is_written(message_type)", "true")
                script += [f"SET VARIABLE unit = '{unit}';",
                           f"COPY ({sql}) TO '{number}.parquet' (FORMAT parquet);"]
            script += ["COPY (SELECT day * 86400 AS at, epoch(timezone(time_zone(), to_timestamp(day * 86400)))::BIGINT - day * 86400 "
                       f"AS value FROM range({wide[0] // 86400}, {last // 86400 + 2}) AS days(day)) TO 'days.parquet' (FORMAT parquet);"]
            run(duckdb, folder, "\n".join(script))
            days = parquet.read_table(f"{folder}/days.parquet")
            at, said = days["at"].to_numpy(), days["value"].to_numpy()
            if changes is None or (offsets_of(changes, at) != said)[(at >= wide[0]) & (at < last)].any():
                others.extend(members)
                changes = asked(duckdb, folder, name, wide)
            offsets, wide_offsets = offsets_of(changes, times), offsets_of(changes, wide)
            expected = {unit: model(unit, times, offsets, (wide, wide_offsets)) for unit in {unit for _, unit, _ in questions}}
            for number, (report, unit, column) in enumerate(questions):
                answer = parquet.read_table(f"{folder}/{number}.parquet")
                if report == "retention":
                    found = answer["cohort"].to_numpy().astype("datetime64[s]").astype(int)
                    bad = set(found) - set(expected[unit][0])
                    if bad:
                        wrong += 1
                        print(f"{name}: {report} has periods that there are not: {sorted(bad)[:3]}")
                    continue
                period = answer["period"].to_numpy().astype("datetime64[s]").astype(int)
                starts = answer["starts_at"].to_numpy().astype("datetime64[s]").astype(int)
                periods += len(starts)
                twice = len(starts) - len(numpy.unique(starts))
                doubled += twice
                if twice:
                    wrong += 1
                    print(f"{name}: {report} by {unit}: {twice} periods begin when another does")
                want_period, want_starts, want_counts = expected[unit]
                if len(period) != len(want_period):
                    wrong += 1
                    print(f"{name}: {report} by {unit}: {len(period)} periods, and there are {len(want_period)}")
                    continue
                counts = answer[column].to_numpy() if column else want_counts
                differ = (period != want_period) | (starts != want_starts) | (counts != want_counts)
                if differ.any():
                    wrong += 1
                    row = int(numpy.argmax(differ))
                    show = lambda label, at, count: f"{numpy.datetime64(int(label), 's')} at {iso(int(at))}: {count}"
                    print(f"{name}: {report} by {unit}: {differ.sum()} periods are others, such as "
                          f"{show(period[row], starts[row], counts[row])}; it is "
                          f"{show(want_period[row], want_starts[row], want_counts[row])}")
            if options.zones == "all" and place % 20 == 19:
                print(f"{place + 1} of {len(groups)} clocks, {wrong} differences", file=sys.stderr, flush=True)
    print(f"{len(zones)} zones of {len(groups)} clocks, {from_year} to {to_year}, {len(questions)} reports each, {periods} periods: "
          f"{doubled} begin when another does; {wrong or 'no'} differences")
    if others:
        print(f"by DuckDB's own offsets, since zoneinfo has no such zone or other rules: {len(others)}: {', '.join(others)}")
    sys.exit(wrong > 0)


def clocks(duckdb, folder, zones, first, last):
    """What tells the clocks of zones apart, as DuckDB has them."""
    script = ["SET TimeZone = 'UTC';", ".mode list", ".headers off"]
    for name in zones:
        script.append(f"""SELECT (SELECT sum(hash(n, timezone('{name}', to_timestamp(n)))) FROM range({first}, {last}, 3600) AS hours(n))
            || ' ' || (SELECT sum(hash(day, timezone('{name}', TIMESTAMP '2014-01-01' + to_days(CAST(day AS INTEGER)))))
                       FROM range(8401) AS days(day));""")
    return dict(zip(zones, run(duckdb, folder, "\n".join(script)).splitlines(), strict=True))


def zone_of(name, first, last):
    """A zone's changes by zoneinfo; none if it is not known there."""
    try:
        return transitions(ZoneInfo(OLD_NAMES.get(name, name)), first, last)
    except ZoneInfoNotFoundError:
        return None


def asked(duckdb, folder, name, wide):
    """A zone's changes as DuckDB has them."""
    run(duckdb, folder, f"""COPY (SELECT n AS at, epoch(timezone('{name}', to_timestamp(n)))::BIGINT - n AS value
        FROM range({wide[0]}, {wide[-1] + QUARTER}, {QUARTER}) AS quarters(n)) TO 'asked.parquet' (FORMAT parquet);""")
    table = parquet.read_table(f"{folder}/asked.parquet")
    at, value = table["at"].to_numpy(), table["value"].to_numpy()
    changed = numpy.flatnonzero(numpy.r_[True, value[1:] != value[:-1]])
    return [(int(at[place]), int(value[place])) for place in changed]


if __name__ == "__main__":
    main()

"""Runs every report in DuckDB's command line on the dataset and compares with expected/.

    python tests/reports/run.py --duckdb PATH

Each case runs in two session time zones, since no answer may depend on that one, and on a snapshot of
the dataset as `duckdb -init DATA_DIR/init.sql` shows it, from another folder. The headers are held
against the answers: every column, its name and type, and every parameter's name.
"""

import argparse
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

sys.dont_write_bytecode = True
import snapshot  # noqa: E402
from cases import CASES  # noqa: E402

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
QUERIES = ROOT / "queries"
DATASET = HERE / "dataset.sql"
TABLES = [DATASET, QUERIES / "lib/views.sql", QUERIES / "lib/coverage.sql"]
TYPES = {"id": "BIGINT", "integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "text": "VARCHAR",
         "time": "TIMESTAMP WITH TIME ZONE", "timestamp": "TIMESTAMP", "day": "DATE"}
PARAMETER = re.compile(
    r"-- param [a-z_]+: (id|time|day|zone|text|boolean|integer( -?\d+\.\.-?\d+)?|one of [a-z_]+(\|[a-z_]+)+)"
    r"(, required| = [^ .]+)?\. \S.*")
COLUMN = re.compile(rf"-- column ([a-z0-9_]+): ({'|'.join(TYPES)})\. \S.*")
LISTED = {"discord_mentions": "ORDER BY message_id, mention_kind, mentioned_id NULLS LAST",
          "discord_replies": "ORDER BY message_id", "discord_reaction_events": "ORDER BY happened_at",
          "discord_poll_votes": "ORDER BY message_id, answer_id"}


def literal(value):
    if isinstance(value, bool) or isinstance(value, int):
        return str(value).lower()
    if re.match(r"\d{4}-.*Z$", value):
        return f"TIMESTAMPTZ '{value}'"
    return f"'{value}'"


def ask(duckdb, zone, questions, init=None):
    """The answers to (parameters, query), each as rows with their names first; and what went wrong. On the
    dataset's tables, or on what an init file shows."""
    lines = [] if init else [f".read {path}" for path in TABLES]
    lines += [f"SET TimeZone = '{zone}';", ".mode csv", ".nullvalue ''"]
    for parameters, query in questions:
        parameters = {"guild_id": 1000} | parameters
        lines += [f'SET VARIABLE "{name}" = {literal(value)};' for name, value in parameters.items()]
        lines += [".print =====", query]
        lines += [f'RESET VARIABLE "{name}";' for name in parameters]
    done = command_line(duckdb, ["-init", init] if init else [], "\n".join(lines))
    answers = [list(csv.reader(io.StringIO(part))) for part in done.stdout.split("=====\n")[1:]]
    return answers, done.stderr


def command_line(duckdb, arguments, text="", folder="/", data_dir=""):
    """The command line's answer, without what it says of the file it loads."""
    done = subprocess.run([duckdb, *arguments], input=text, capture_output=True, text=True, cwd=folder,
                          env=os.environ | {"DATA_DIR": data_dir})
    done.stderr = re.sub(r"\x1b\[\d+m|-- Loading resources from .*\n", "", done.stderr).strip()
    return done


def same(left, right):
    if left == right:
        return True
    for read in (float, moment):
        try:
            left_value, right_value = read(left), read(right)
        except ValueError:
            continue
        if read is moment:
            return left_value == right_value
        return abs(left_value - right_value) <= 1e-9 * max(1.0, abs(right_value))
    return False


def moment(text):
    found = datetime.fromisoformat(re.sub(r"([+-]\d\d)$", r"\1:00", text))
    return (found.tzinfo is not None, found.timestamp() if found.tzinfo else found)


def differences(got, expected):
    if len(got) != len(expected):
        yield f"{len(got)} rows, expected {len(expected)}"
    for place, (left, right) in enumerate(zip(got, expected), 1):
        if len(left) != len(right) or not all(map(same, left, right)):
            yield f"row {place}: {','.join(left)}\n      expected: {','.join(right)}"


def header(duckdb, name):
    """What is wrong with a report's header."""
    text = (QUERIES / f"{name}.sql").read_text()
    lines = text[:text.index("\n\n")].splitlines() if "\n\n" in text else []
    said = "\n".join(lines)
    if not re.match(r"-- title: \S.*\n-- description: \S.*\n", said):
        yield "a header begins with title and description"
    for line in lines:
        if line.startswith("-- param ") and not PARAMETER.fullmatch(line):
            yield f"not understood: {line}"
        elif line.startswith("-- column ") and not COLUMN.fullmatch(line):
            yield f"not understood: {line}"
        elif not re.match(r"-- (title|description|reads|needs|param|column)[: ]|--   \S", line):
            yield f"not understood: {line}"
    body = text[len(said):]
    library = (QUERIES / "lib/views.sql").read_text()
    for parameter in re.findall(r"^-- param ([a-z_]+):", said, re.M):
        if f"'{parameter}'" not in body + library:
            yield f"parameter {parameter} is not read"
    for parameter in re.findall(r"getvariable\('([a-z_]+)'\)", body):
        if f"-- param {parameter}:" not in said:
            yield f"parameter {parameter} is not told"
    declared = [(column, TYPES[kind]) for column, kind in re.findall(r"^-- column ([a-z0-9_]+): ([a-z]+)\.", said, re.M)]
    answers, _ = ask(duckdb, "UTC", [({}, f"DESCRIBE {body.strip()}")])
    real = [(row[0], row[1]) for row in answers[0][1:]]
    if declared != real:
        yield f"columns are {real},\n      declared {declared}"


def clocks(duckdb):
    """Where a quarter's local time is not what the zone says when it is asked. Zones that change by half an hour or
    two, at midnight, around Ramadan, by a law of days before, or over the date line."""
    zones = ["UTC", "Europe/Paris", "Australia/Lord_Howe", "Antarctica/Troll", "America/Havana", "America/Sao_Paulo",
             "Africa/Casablanca", "Asia/Gaza", "Africa/Cairo", "America/Caracas", "Pacific/Apia", "Asia/Kathmandu"]
    wrong = "SELECT count(*) FILTER (local_time IS DISTINCT FROM local_time(quarter_time(quarter))), count(*) " \
            "FROM quarters_between([0, 35064 * 15]);"
    answers, _ = ask(duckdb, "UTC", [({"time_zone": zone}, wrong) for zone in zones])
    for zone, answer in zip(zones, answers, strict=True):
        if answer[1:] != [["0", "525961"]]:
            yield f"{zone}: {answer[1:]}"
    # Where a day begins, at midnights that come twice or not at all too.
    zones += ["Atlantic/Azores", "Asia/Beirut"]
    days = [datetime(2015, 1, 1) + timedelta(days=day) for day in range(365 * 10)]
    begins = "SELECT CAST(epoch(first_time(TIMESTAMP '2015-01-01' + to_days(CAST(day AS INTEGER)))) AS BIGINT) " \
             "FROM range(3650) AS days(day) ORDER BY day;"
    answers, _ = ask(duckdb, "UTC", [({"time_zone": zone}, begins) for zone in zones])
    for zone, answer in zip(zones, answers, strict=True):
        for day, [found] in zip(days, answer[1:], strict=True):
            begin = int(day.replace(tzinfo=ZoneInfo(zone)).timestamp())
            if int(found) != begin:
                yield f"{zone}: {day:%Y-%m-%d} begins at {found}, and at {begin}"


def snapshots(duckdb, data):
    """What is wrong with the init files, beside the reports."""
    init = data / "init.sql"
    shown = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal AND " \
            "table_name IN ('discord_messages', 'discord_channels', 'coverage') ORDER BY table_name, column_index"
    bare = "SELECT table_name || '.' || column_name FROM duckdb_columns() WHERE NOT internal AND comment IS NULL"
    empty = "SELECT (SELECT count(*) FROM outages) + (SELECT count(*) FROM discord_guilds) " \
            "+ (SELECT count(*) FROM discord_message_versions WHERE NOT is_current)"
    versions = "SELECT count(*) FROM discord_message_versions"
    current = "SELECT count(*) FROM discord_messages WHERE content_removed_at IS NULL"
    as_of = "SELECT revision || ' of ' || store_id FROM snapshot"
    of_guild = "EXPLAIN ANALYZE SELECT count(*) FROM discord_messages WHERE guild_id = 2000"
    questions = [({}, f"{query};") for query in (shown, bare, empty, versions, current, as_of, of_guild)]
    (seen, silent, nothing, all_versions, messages, known, plan), _ = ask(duckdb, "UTC", questions, init)
    (types,), _ = ask(duckdb, "UTC", questions[:1])
    yield from differences(seen, types)
    yield from (f"{row[0]} has no comment" for row in silent[1:])
    if nothing[1:] != [["0"]]:
        yield f"tables without files have rows: {nothing}"
    if all_versions != [["count_star()"], messages[1]]:
        yield f"{all_versions} versions of {messages} messages"
    if known[1:] != [["2 of 1a7f6a9e-8d5e-4c6f-9d3a-0c1b2a394857"]]:
        yield f"the snapshot is {known}"
    if "Scanning Files: 2/8" not in str(plan):
        yield f"files of other guilds are read: {re.findall('Scanning Files: [^ ]*', str(plan))}"

    count = "SELECT count(*) FROM discord_messages; FROM wanted_coverage();"
    expected = command_line(duckdb, ["-csv", "-init", init], count)
    # As patterns its name and that of its neighbour, in which is nothing, would be confused.
    by_variable = data.replace(data.with_name("moved[1]*?it"))
    (data.with_name("moved12it") / "snapshots").mkdir(parents=True)
    (data.with_name("moved12it") / "snapshots/manifest.json").write_text("{}")
    quoted = str(by_variable).replace("'", "''")
    for name, arguments, folder, data_dir in (
        ("a folder that was moved", ["-csv", "-cmd", f"SET VARIABLE data_dir = '{quoted}';",
                                     "-cmd", f".read {by_variable / 'init.sql'}"], "/", ""),
        ("queries/init.sql with DATA_DIR", ["-csv", "-init", "queries/init.sql"], ROOT, str(by_variable)),
    ):
        done = command_line(duckdb, arguments, count, folder, data_dir)
        if done.stderr or done.stdout != expected.stdout or len(done.stdout.splitlines()) != 4:
            yield f"{name}: {done.stdout}{done.stderr}"

    manifest = by_variable / "snapshots/manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 2}))
    for name, refusal in (("another format", "This manifest is of format 2"), ("no snapshot", "There is no snapshot yet")):
        done = command_line(duckdb, ["-init", "queries/init.sql"], count, ROOT, str(by_variable))
        if refusal not in done.stderr or not done.returncode or done.stdout:
            yield f"{name}: {done.stdout}{done.stderr}"
        manifest.unlink(missing_ok=True)


def query_of(report):
    path = QUERIES / f"{report}.sql"
    if path.exists():
        return path.read_text()
    order = LISTED.get(report, "ORDER BY message_id, position" if report.startswith("discord_") else "")
    return f"FROM {report} {order};"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--duckdb", default="duckdb")
    parser.add_argument("--only", default="", help="cases whose name begins so")
    options = parser.parse_args()
    options.duckdb = os.path.abspath(shutil.which(options.duckdb) or options.duckdb)
    failed = 0

    def say(name, wrong):
        nonlocal failed
        for line in wrong:
            failed += 1
            print(f"{name}: {line}")

    reports = sorted(path.stem for path in QUERIES.glob("*.sql") if path.stem != "init")
    table = (QUERIES / "README.md").read_text()
    for report in reports:
        if not options.only:
            say(report, header(options.duckdb, report))
            say(report, [] if report in CASES else ["no expected answer"])
            say(report, [] if f"| `{report}` |" in table else ["not in the README's table"])
    if not options.only:
        silent, _ = ask(options.duckdb, "UTC", [({}, "SELECT table_name || '.' || column_name FROM duckdb_columns() "
                        "WHERE table_name IN (SELECT view_name FROM duckdb_views() WHERE NOT internal) AND comment IS NULL;")])
        say("views", [f"{row[0]} has no comment" for row in silent[0][1:]])
        say("clocks", clocks(options.duckdb))
    cases = {name: case for name, case in CASES.items() if name.startswith(options.only)}
    questions = [(parameters, query_of(report)) for report, parameters in cases.values()]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "the community's data"
        snapshot.make(options.duckdb, DATASET, data)
        for place, zone, init in (("tables", "UTC", None), ("tables", "Pacific/Auckland", None),
                                  ("snapshot", "Pacific/Auckland", data / "init.sql")):
            answers, complaint = ask(options.duckdb, zone, questions, init)
            say(f"{place}, {zone}", [complaint] if complaint else [])
            say(f"{place}, {zone}", [] if len(answers) == len(cases) else [f"{len(answers)} answers"])
            for name, answer in zip(cases, answers):
                with open(HERE / "expected" / f"{name}.csv", newline="") as file:
                    say(f"{name} ({place}, {zone})", differences(answer[1:], list(csv.reader(file))))
        if not options.only and not complaint:
            say("snapshots", snapshots(options.duckdb, data))
    print(f"{len(reports)} reports, {len(CASES)} cases: {f'{failed} differences' if failed else 'as expected'}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()

"""Runs every report in DuckDB's command line on the dataset and compares with expected/.

    python tests/reports/run.py --duckdb PATH

Each case runs in two session time zones, since no answer may depend on that one. The headers are
held against the answers: every column, its name and type, and every parameter's name.
"""

import argparse
import csv
import io
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

sys.dont_write_bytecode = True
from cases import CASES  # noqa: E402

HERE = Path(__file__).parent
QUERIES = HERE.parents[1] / "queries"
TYPES = {"id": "BIGINT", "integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "text": "VARCHAR",
         "time": "TIMESTAMP WITH TIME ZONE", "timestamp": "TIMESTAMP", "day": "DATE"}
PARAMETER = re.compile(
    r"-- param [a-z_]+: (id|time|day|zone|text|boolean|integer( -?\d+\.\.-?\d+)?|one of [a-z_]+(\|[a-z_]+)+)"
    r"(, required| = [^ .]+)?\. \S.*")
COLUMN = re.compile(rf"-- column ([a-z0-9_]+): ({'|'.join(TYPES)})\. \S.*")
LISTED = {"discord_mentions": "ORDER BY message_id, mention_kind, mentioned_id NULLS LAST",
          "discord_replies": "ORDER BY message_id"}


def literal(value):
    if isinstance(value, bool) or isinstance(value, int):
        return str(value).lower()
    if re.match(r"\d{4}-.*Z$", value):
        return f"TIMESTAMPTZ '{value}'"
    return f"'{value}'"


def ask(duckdb, zone, questions):
    """The answers to (parameters, query), each as rows with their names first; and what went wrong."""
    lines = [f".read {HERE / 'dataset.sql'}", f".read {QUERIES / 'lib/views.sql'}",
             f".read {QUERIES / 'lib/coverage.sql'}", f"SET TimeZone = '{zone}';", ".mode csv", ".nullvalue ''"]
    for parameters, query in questions:
        parameters = {"guild_id": 1000} | parameters
        lines += [f'SET VARIABLE "{name}" = {literal(value)};' for name, value in parameters.items()]
        lines += [".print =====", query]
        lines += [f'RESET VARIABLE "{name}";' for name in parameters]
    done = subprocess.run([duckdb], input="\n".join(lines), capture_output=True, text=True)
    answers = [list(csv.reader(io.StringIO(part))) for part in done.stdout.split("=====\n")[1:]]
    return answers, done.stderr.strip()


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
        elif not re.match(r"-- (title|description|reads|param|column)[: ]|--   \S", line):
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
    failed = 0

    def say(name, wrong):
        nonlocal failed
        for line in wrong:
            failed += 1
            print(f"{name}: {line}")

    reports = sorted(path.stem for path in QUERIES.glob("*.sql"))
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
    cases = {name: case for name, case in CASES.items() if name.startswith(options.only)}
    questions = [(parameters, query_of(report)) for report, parameters in cases.values()]
    for zone in ("UTC", "Pacific/Auckland"):
        answers, complaint = ask(options.duckdb, zone, questions)
        say(zone, [complaint] if complaint else [])
        for name, answer in zip(cases, answers):
            with open(HERE / "expected" / f"{name}.csv", newline="") as file:
                say(f"{name} ({zone})", differences(answer[1:], list(csv.reader(file))))
    print(f"{len(reports)} reports, {len(CASES)} cases: {f'{failed} differences' if failed else 'as expected'}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()

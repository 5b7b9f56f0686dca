#!/bin/sh
# DuckDB 1.4.4, 1.5.5 and 2.0.1: three types for one column of times in JSON, «2026-01-01T12:00:00.123456Z».
#
# Seen: read_json makes VARCHAR of it, then TIMESTAMP without a zone, then TIMESTAMP WITH TIME ZONE. With 1.5.5, in
# a session whose zone is not UTC, a comparison with a time that has a zone is hours off, without an error.
# Guessed: what read_csv does in all three with the same text: TIMESTAMP WITH TIME ZONE.
# Follows: tell read_json its columns.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv v14
v14/bin/python -m pip install --quiet --disable-pip-version-check duckdb==1.4.4
python3 -m venv v15
v15/bin/python -m pip install --quiet --disable-pip-version-check duckdb==1.5.5
python3 -m venv v20
v20/bin/python -m pip install --quiet --disable-pip-version-check duckdb==2.0.1

printf '{"sent":"2026-01-01T12:00:00.123456Z"}\n' > times.ndjson
printf 'sent\n2026-01-01T12:00:00.123456Z\n' > times.csv
cat > seen.py <<'PY'
import duckdb

duckdb.execute("SET TimeZone = 'America/New_York'")


def one(sql):
    return duckdb.execute(sql).fetchone()[0]


json_type = one("SELECT typeof(sent) FROM read_json('times.ndjson')")
csv_type = one("SELECT typeof(sent) FROM read_csv('times.csv')")
told = one("SELECT typeof(sent) FROM read_json('times.ndjson', columns = {'sent': 'TIMESTAMPTZ'})")
same = one("SELECT CAST(sent AS TIMESTAMPTZ) = TIMESTAMPTZ '2026-01-01 12:00:00.123456+00' FROM read_json('times.ndjson')")
print(f"DuckDB {duckdb.__version__}: JSON {json_type}; CSV {csv_type}; told {told}; the same moment: {same}")
PY
cat > expected <<'TEXT'
DuckDB 1.4.4: JSON VARCHAR; CSV TIMESTAMP WITH TIME ZONE; told TIMESTAMP WITH TIME ZONE; the same moment: True
DuckDB 1.5.5: JSON TIMESTAMP; CSV TIMESTAMP WITH TIME ZONE; told TIMESTAMP WITH TIME ZONE; the same moment: False
DuckDB 2.0.1: JSON TIMESTAMP WITH TIME ZONE; CSV TIMESTAMP WITH TIME ZONE; told TIMESTAMP WITH TIME ZONE; the same moment: True
TEXT
for version in v14 v15 v20; do $version/bin/python seen.py; done | tee seen
diff expected seen

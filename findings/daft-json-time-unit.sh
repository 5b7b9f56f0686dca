#!/bin/sh
# Daft 0.7.26: read_json takes the unit of a column of times from its first value, and cuts the others.
#
# Seen: «2026-01-01T00:00:00.000000Z», then «2026-01-01T00:00:01.123456Z»: the column is in whole seconds, and the
# second time has lost its fraction. Six digits in the first text do not help, if they are zeros.
# Guessed: microseconds, since the text has six digits, or text, as read_csv makes of the same.
# Follows: Parquet, whose columns have a unit; or a schema that says text.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check daft==0.7.26

cat > seen.py <<'PY'
import daft

times = ["2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:01.123456Z"]
open("times.ndjson", "w").writelines(f'{{"at":"{time}"}}\n' for time in times)
open("times.csv", "w").writelines(f"{line}\n" for line in ["at", *times])
told = daft.read_json("times.ndjson", infer_schema=False, schema={"at": daft.DataType.string()})
print("Daft", daft.__version__)
for name, frame in ("JSON", daft.read_json("times.ndjson")), ("CSV", daft.read_csv("times.csv")), ("told", told):
    print(f"{name}: {frame.schema()['at'].dtype}, {frame.to_pydict()['at'][1]}")
PY
cat > expected <<'TEXT'
Daft 0.7.26
JSON: Timestamp[s; +00:00], 2026-01-01 00:00:01+00:00
CSV: String, 2026-01-01T00:00:01.123456Z
told: String, 2026-01-01T00:00:01.123456Z
TEXT
venv/bin/python seen.py 2> /dev/null | tee seen
diff expected seen

#!/bin/sh
# polars 2.1.0: read_ndjson leaves out a key that first comes after line 100, without a word.
#
# Seen: 150 objects without "extra", then one with it: the frame has no such column. (A column that is null in the
# first 100 lines and text later is told of: it fails.)
# Guessed: the same error as for a type that doesn't fit, or a column that is null at first.
# Follows: infer_schema_length=None, or every object with every key.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check polars==2.1.0

cat > seen.py <<'PY'
import io
import polars as pl

lines = b'{"id":"1"}\n' * 150 + b'{"id":"2","extra":"x"}\n'
print("polars", pl.__version__)
print(pl.read_ndjson(io.BytesIO(lines)).columns)
print(pl.read_ndjson(io.BytesIO(lines), infer_schema_length=None).columns)
late = b'{"at":null}\n' * 150 + b'{"at":"2026-01-01"}\n'
try:
    print(pl.read_ndjson(io.BytesIO(late)).columns)
except pl.exceptions.ComputeError:
    print("a type that comes late is an error")
PY
cat > expected <<'TEXT'
polars 2.1.0
['id']
['id', 'extra']
a type that comes late is an error
TEXT
venv/bin/python seen.py | tee seen
diff expected seen

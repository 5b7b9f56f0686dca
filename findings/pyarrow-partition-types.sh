#!/bin/sh
# pyarrow 26.0.1: a list of files in folders like guild_id=1/ can't be read, though each file says what its guild_id is.
#
# Seen: pq.read_table and pandas.read_parquet of two such files fail with «Unable to merge: Field guild_id has
# incompatible types: int64 vs dictionary<…>», because the folders' names are taken for a column, of texts. One file
# by itself, or pyarrow.dataset with the same list, is read; polars and DuckDB read the list.
# Guessed: that a column that is in the files is taken from the files, or that the name takes the file's type.
# Follows: partitioning=None.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check pyarrow==26.0.1 pandas==3.1.1

cat > seen.py <<'PY'
import os
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

files = []
for guild in 1533482456039162005, 1533482456039162006:
    os.makedirs(f"guild_id={guild}")
    files.append(f"guild_id={guild}/a.parquet")
    pq.write_table(pa.table({"guild_id": [guild]}), files[-1])


def tried(read):
    try:
        return f"{read()} rows"
    except pa.ArrowTypeError as error:
        return str(error).split(":")[0]


print("pyarrow", pa.__version__)
print("one file:", tried(lambda: pq.read_table(files[0]).num_rows))
print("read_table of the list:", tried(lambda: pq.read_table(files).num_rows))
print("pandas of the list:", tried(lambda: len(pd.read_parquet(files))))
print("dataset of the list:", tried(lambda: ds.dataset(files).count_rows()))
print("without partitioning:", tried(lambda: pq.read_table(files, partitioning=None).num_rows))
PY
cat > expected <<'TEXT'
pyarrow 26.0.1
one file: 1 rows
read_table of the list: Unable to merge
pandas of the list: Unable to merge
dataset of the list: 2 rows
without partitioning: 2 rows
TEXT
venv/bin/python seen.py | tee seen
diff expected seen

#!/bin/sh
# DuckDB 1.5.6 and 2.0.1: a file that exists and is empty can't be opened.
#
# Seen: connect() to an existing file of 0 bytes is an IOException, "exists, but it is not a valid DuckDB database
# file"; SQLite opens the same file as a new database. DuckDB's first step at a new path is to create the file, and it
# writes the headers afterwards.
# Guessed: that an empty file is a new database, as it is for SQLite, so that a name from mktemp can be used, and that
# a process which is killed while it creates its database finds a database or none at its next start.
# Follows: give DuckDB a path that does not exist yet. A service that must start again after any kill has to remove a
# file without all of its three headers (12,288 bytes) by itself, if it knows that nothing else was ever there.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv older
older/bin/python -m pip install --quiet --disable-pip-version-check duckdb==1.5.6
python3 -m venv newer
newer/bin/python -m pip install --quiet --disable-pip-version-check duckdb==2.0.1

cat > seen.py <<'PY'
import os
import sqlite3

import duckdb

print("DuckDB", duckdb.__version__)
for name, connect in ("SQLite", sqlite3.connect), ("DuckDB", duckdb.connect):
    path = f"{name}.db"
    open(path, "w").close()
    try:
        connection = connect(path)
        connection.execute("CREATE TABLE t (a INTEGER)")
        connection.close()
        print(f"{name}: an empty file is a new database")
    except duckdb.Error as error:
        print(f"{name}: {type(error).__name__}, {'is not a valid' in str(error)}, still {os.path.getsize(path)} bytes")
    os.remove(path)
connection = duckdb.connect("new.db")
print(f"DuckDB: a new path has {os.path.getsize('new.db')} bytes once it is open")
connection.close()
os.remove("new.db")
PY
cat > expected <<'TEXT'
DuckDB 1.5.6
SQLite: an empty file is a new database
DuckDB: IOException, True, still 0 bytes
DuckDB: a new path has 12288 bytes once it is open
DuckDB 2.0.1
SQLite: an empty file is a new database
DuckDB: IOException, True, still 0 bytes
DuckDB: a new path has 12288 bytes once it is open
TEXT
{ older/bin/python seen.py; newer/bin/python seen.py; } | tee seen
diff expected seen

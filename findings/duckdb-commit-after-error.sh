#!/bin/sh
# DuckDB 1.5.5 and 2.0.1: COMMIT behind a failed statement reports success and stores nothing.
#
# Seen: a row is inserted in a transaction, a later SELECT in it fails or is interrupted, and COMMIT answers as
# always; the row isn't there. With 1.5.5 a statement that fails while it is bound (an unknown column) leaves the
# transaction as it was, and the row is stored; with 2.0.1 that takes the row too.
# Guessed: that COMMIT fails, as every other statement does there («Current transaction is aborted»), or that it
# says that it rolled back, as PostgreSQL does with its command tag.
# Follows: whoever acknowledges by COMMIT's success acknowledges what isn't stored if an error was lost on the way
# (an appender that is dropped, a driver that doesn't tell). Run a statement that does nothing before COMMIT: it
# is refused.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv older
older/bin/python -m pip install --quiet --disable-pip-version-check duckdb==1.5.5
python3 -m venv newer
newer/bin/python -m pip install --quiet --disable-pip-version-check duckdb==2.0.1

cat > seen.py <<'PY'
import threading
import duckdb

connection = duckdb.connect()
connection.execute("CREATE TABLE rows (n INTEGER)")


def after(name, statement, interrupted=False):
    connection.execute("DELETE FROM rows")
    connection.execute("BEGIN TRANSACTION")
    connection.execute("INSERT INTO rows VALUES (1)")
    if interrupted:
        threading.Timer(0.5, connection.interrupt).start()
    try:
        connection.execute(statement).fetchall()
        raise SystemExit(f"{statement} did not fail")
    except duckdb.Error:
        pass
    try:
        connection.execute("COMMIT")
        answer = "COMMIT succeeded"
    except duckdb.Error as error:
        answer = f"COMMIT failed ({type(error).__name__})"
        connection.execute("ROLLBACK")
    rows = connection.execute("SELECT count(*) FROM rows").fetchone()[0]
    return f"{name}: {answer}, {rows} rows"


print("DuckDB", duckdb.__version__)
print(after("a failed statement", "SELECT error('x') FROM range(3)"))
print(after("an interrupted one", "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b", True))
print(after("one that is not bound", "SELECT no_such_column"))

connection.execute("BEGIN TRANSACTION")
try:
    connection.execute("SELECT error('x') FROM range(3)").fetchall()
except duckdb.Error:
    pass
try:
    connection.execute("SELECT 1").fetchall()
    print("SELECT 1 is answered")
except duckdb.Error:
    print("SELECT 1 is refused")
PY
cat > expected <<'TEXT'
DuckDB 1.5.5
a failed statement: COMMIT succeeded, 0 rows
an interrupted one: COMMIT succeeded, 0 rows
one that is not bound: COMMIT succeeded, 1 rows
SELECT 1 is refused
DuckDB 2.0.1
a failed statement: COMMIT succeeded, 0 rows
an interrupted one: COMMIT succeeded, 0 rows
one that is not bound: COMMIT succeeded, 0 rows
SELECT 1 is refused
TEXT
{ older/bin/python seen.py; newer/bin/python seen.py; } | tee seen
diff expected seen

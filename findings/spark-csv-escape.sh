#!/bin/sh
# Spark 4.3.0: a CSV by RFC 4180 is read as another number of rows, with multiLine too.
#
# Seen: three rows whose texts have several lines and doubled quotes are read as more, without an error, also with
# multiLine=True; only with escape='"' as well are they three. Spark's own escape is a backslash.
# Guessed: that multiLine is all that such a file needs, or an error for a row with too few columns.
# Follows: multiLine=True, escape='"'; or Parquet. Needs Java 17.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check pyspark==4.3.0

cat > seen.py <<'PY'
import csv
import pyspark
from pyspark.sql import SparkSession

rows = [["1", 'he said "yes",\nand left', "x"], ["2", 'a quote at the end "\nthen, more', "y"], ["3", "plain", "z"]]
with open("texts.csv", "w", newline="") as file:
    csv.writer(file, lineterminator="\n").writerows([["id", "text", "end"], *rows])
spark = SparkSession.builder.master("local[1]").getOrCreate()
print("Spark", pyspark.__version__)
for options in {}, {"multiLine": True}, {"multiLine": True, "escape": '"'}:
    found = [list(row) for row in spark.read.csv("texts.csv", header=True, **options).collect()]
    print(options, len(found), "rows,", "as they were" if found == rows else "others")
PY
cat > expected <<'TEXT'
Spark 4.3.0
{} 5 rows, others
{'multiLine': True} 5 rows, others
{'multiLine': True, 'escape': '"'} 3 rows, as they were
TEXT
venv/bin/python seen.py 2> /dev/null | tee seen
diff expected seen

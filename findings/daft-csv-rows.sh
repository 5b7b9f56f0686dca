#!/bin/sh
# Daft 0.7.26: read_csv finds rows that a large file does not have, where quoted values have lines in them.
#
# Seen: 400,000 rows of an id and a text of two lines (18 MB, written by Python's csv) are read as 400,002, some with
# a part of their text, without an error. Small files are read rightly, in one piece.
# Guessed: the same rows at every size, or an error.
# Follows: count what was read; Parquet for texts of several lines.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check daft==0.7.26

cat > seen.py <<'PY'
import csv
import daft


def read(rows):
    with open("texts.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["id", "text"])
        out.writerows([n, f'line one {n}\nline "two", {n}'] for n in range(rows))
    with open("texts.csv", newline="") as file:
        assert sum(1 for _ in csv.DictReader(file)) == rows
    found = len(daft.read_csv("texts.csv").to_pydict()["id"])
    return "as many" if found == rows else "others" if found > rows else "fewer"


print("Daft", daft.__version__)
print("4,000 rows are read as", read(4_000))
print("400,000 rows are read as", read(400_000))
PY
cat > expected <<'TEXT'
Daft 0.7.26
4,000 rows are read as as many
400,000 rows are read as others
TEXT
venv/bin/python seen.py 2> /dev/null | tee seen
diff expected seen

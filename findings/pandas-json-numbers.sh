#!/bin/sh
# pandas 3.1.1: read_json makes numbers of JSON strings, though JSON says which is which.
#
# Seen: the names "007" and "42" become 7 and 42, the texts "1e3" and "42" become 1000.0 and 42.0, and a 19-digit id
# in quotes becomes a float that has lost its last digits as soon as another row has null there.
# Guessed: that what is in quotes is text; ids are put in quotes so that nobody rounds them.
# Follows: dtype_backend="numpy_nullable" (or dtype=False) keeps text as text.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check pandas==3.1.1

cat > seen.py <<'PY'
import io
import json
import pandas as pd

rows = [{"name": "007", "text": "1e3", "id": "1545015959742447617"}, {"name": "42", "text": "42", "id": None}]
lines = "\n".join(map(json.dumps, rows))
print("pandas", pd.__version__)
for options in {}, {"dtype_backend": "numpy_nullable"}:
    frame = pd.read_json(io.StringIO(lines), lines=True, **options)
    print(options, frame["name"][0], frame["text"][0], int(frame["id"][0]))
PY
cat > expected <<'TEXT'
pandas 3.1.1
{} 7 1000.0 1545015959742447616
{'dtype_backend': 'numpy_nullable'} 007 1e3 1545015959742447617
TEXT
venv/bin/python seen.py | tee seen
diff expected seen

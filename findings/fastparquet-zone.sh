#!/bin/sh
# fastparquet 2026.9.0: times that the file says to be UTC come without their zone.
#
# Seen: a column that pyarrow writes as timestamp[us, tz=UTC] (in the file isAdjustedToUTC) is datetime64[us]; and
# pandas.read_parquet gives another type with engine="fastparquet" than with "pyarrow". Only where pandas has
# written the file is the zone there: it is taken from pandas' own metadata, not from Parquet's.
# Guessed: the same type from both engines of one function.
# Follows: .dt.tz_localize("UTC"), or a comparison with a time that has a zone fails, or one with a local time is
# wrong by hours.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check fastparquet==2026.9.0 pandas==3.1.1 pyarrow==26.0.1

cat > seen.py <<'PY'
import warnings
import fastparquet
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

warnings.simplefilter("ignore")
frame = pd.DataFrame({"at": pd.to_datetime(["2026-01-01T00:00:00.123456Z"])})
pq.write_table(pa.table({"at": pa.array(frame["at"], pa.timestamp("us", "UTC"))}), "times.parquet")
frame.to_parquet("pandas.parquet", engine="pyarrow")
print("fastparquet", fastparquet.__version__)
kind = fastparquet.ParquetFile("times.parquet").schema.schema_element("at").logicalType.TIMESTAMP
print("in the file:", "UTC" if kind.isAdjustedToUTC else "local")
for engine in "pyarrow", "fastparquet":
    print(engine, *(pd.read_parquet(f"{file}.parquet", engine=engine)["at"].dtype for file in ("times", "pandas")))
PY
cat > expected <<'TEXT'
fastparquet 2026.9.0
in the file: UTC
pyarrow datetime64[us, UTC] datetime64[us, UTC]
fastparquet datetime64[us] datetime64[us, UTC]
TEXT
venv/bin/python seen.py | tee seen
diff expected seen

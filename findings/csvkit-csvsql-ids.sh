#!/bin/sh
# csvkit 2.2.0: csvsql --query rounds integers of 19 digits, and csvcut does not.
#
# Seen: the ids 1545015959742447617 and …619 are one and the same 1.5450159597424476e+18, «real» by typeof.
# Guessed: INTEGER, since the column has nothing else, SQLite keeps 64 bits and csvstat finds whole numbers; or text.
# Follows: --no-inference; joins and DISTINCT over ids are wrong without it.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check csvkit==2.2.0

printf 'id\n1545015959742447617\n1545015959742447619\n' > ids.csv
sql="SELECT count(DISTINCT id) AS ids, max(id) AS id, typeof(max(id)) AS type FROM ids"
cat > expected <<'TEXT'
csvkit 2.2.0
1545015959742447619
ids,id,type
1,1.5450159597424476e+18,real
ids,id,type
2,1545015959742447619,text
TEXT
{
  venv/bin/python -c 'import importlib.metadata; print("csvkit", importlib.metadata.version("csvkit"))'
  venv/bin/csvcut -c id ids.csv | tail -n 1
  venv/bin/csvsql --query "$sql" ids.csv 2> /dev/null
  venv/bin/csvsql --no-inference --query "$sql" ids.csv 2> /dev/null
} | tee seen
diff expected seen

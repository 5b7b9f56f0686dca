#!/bin/sh
# LibreOffice 7.4.7: converting a CSV without its dialogue takes UTF-8 for Windows-1252 and rounds ids to 15 digits.
#
# Seen: --convert-to of a UTF-8 file makes «chloÃ©» of «chloé», with a byte order mark too, and of the id
# 1545015959742447617 the number 1545015959742449920.
# Guessed: UTF-8, as the system's locale says and as the dialogue proposes; and the text of a cell that no number
# can hold.
# Follows: --infilter with 76 (UTF-8) and each column of ids as 2 (text). Installs Debian's package if there is no
# soffice (as root).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check openpyxl==3.1.5

command -v soffice > /dev/null || apt-get install -y -qq --no-install-recommends libreoffice-calc-nogui=4:7.4.7-1+deb12u14 > /dev/null
export LC_ALL=C.UTF-8
printf 'id,name\n1545015959742447617,chloé\n' > plain.csv
printf '\357\273\277id,name\n1545015959742447617,chloé\n' > mark.csv
cp plain.csv told.csv
office() { soffice -env:UserInstallation="file://$work/office" --headless "$@" > /dev/null 2>&1; }
office --convert-to xlsx plain.csv
office --convert-to xlsx mark.csv
office --infilter='CSV:44,34,76,1,1/2' --convert-to xlsx told.csv
cat > seen.py <<'PY'
import openpyxl

for name in "plain", "mark", "told":
    sheet = openpyxl.load_workbook(f"{name}.xlsx").active
    number, text = (cell.value for cell in sheet[2])
    print(name, number if isinstance(number, str) else int(number), text)
PY
{ soffice --version | head -n 1 | cut -d . -f 1-3; venv/bin/python seen.py; } | tee seen
cat > expected <<'TEXT'
LibreOffice 7.4.7
plain 1545015959742449920 chloÃ©
mark 1545015959742449920 chloÃ©
told 1545015959742447617 chloé
TEXT
diff expected seen

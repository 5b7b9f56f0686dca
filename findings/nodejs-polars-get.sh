#!/bin/sh
# nodejs-polars 0.25.2: get() of a 64-bit integer answers its lower 32 bits.
#
# Seen: of the id 1545015959742447616, get(0) is 1556217856; toArray() and rows() round it to 1545015959742447600.
# Guessed: a BigInt, a rounded number, or an error; not another number of ten digits.
# Follows: cast ids to text before they leave the frame.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes > /dev/null
npm install --silent --no-audit --no-fund nodejs-polars@0.25.2 nodejs-polars-linux-x64-gnu@0.25.2
cat > seen.mjs <<'JS'
import { readFileSync } from "node:fs";
import pl from "nodejs-polars";

console.log("nodejs-polars", JSON.parse(readFileSync("node_modules/nodejs-polars/package.json")).version);
const ids = pl.readCSV("id\n1545015959742447616\n").getColumn("id");
console.log(ids.dtype.toString());
console.log("get", ids.get(0), "is the lower half:", BigInt.asIntN(32, 1545015959742447616n) === BigInt(ids.get(0)));
console.log("toArray", ids.toArray()[0]);
console.log("as text", ids.cast(pl.Utf8).get(0));
JS
cat > expected <<'TEXT'
nodejs-polars 0.25.2
DataType(Int64)
get 1556217856 is the lower half: true
toArray 1545015959742447600
as text 1545015959742447616
TEXT
node seen.mjs | tee seen
diff expected seen

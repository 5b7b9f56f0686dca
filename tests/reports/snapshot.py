"""Makes a data folder as the service does, from relations in DuckDB: snapshots/ and init.sql."""

import hashlib
import json
import subprocess
from pathlib import Path

LIBRARY = Path(__file__).parents[2] / "queries" / "lib"
# table of the manifest: (the relation, how its files are cut). The dataset has none for the others.
TABLES = {
    "messages": ("SELECT *, strftime(created_at AT TIME ZONE 'UTC', '%Y-%m') AS month FROM discord_messages",
                 "guild_id, month"),
    "channels": ("FROM discord_channels", "guild_id"),
    "coverage": ("FROM coverage", "guild_id"),
}


def literal(text):
    return "'" + str(text).replace("'", "''") + "'"


def init(data):
    """The text that the service writes to init.sql at its start."""
    files = [LIBRARY / f"{name}.sql" for name in ("snapshots", "views", "coverage")]
    return "\n".join([f"SET VARIABLE snapshots_dir = coalesce(getvariable('data_dir'), {literal(data)}) || '/snapshots';\n",
                      *(file.read_text() for file in files)])


def make(duckdb, dataset, data):
    snapshots = data / "snapshots"
    snapshots.mkdir(parents=True)
    lines = ["SET TimeZone = 'UTC';", f".read {dataset}"]
    # Two of each: the first is an older one that the manifest does not name any more.
    for revision in (1, 2):
        lines += [f"COPY ({query}) TO {literal(snapshots / table)} (FORMAT parquet, PARTITION_BY ({cut}), APPEND true,"
                  f" WRITE_PARTITION_COLUMNS true, FILENAME_PATTERN '{revision}-{{uuid}}');"
                  for table, (query, cut) in TABLES.items()]
    done = subprocess.run([duckdb, "-bail"], input="\n".join(lines), capture_output=True, text=True)
    if done.returncode or done.stderr:
        raise SystemExit(done.stderr)
    files = []
    for path in sorted(snapshots.glob("**/2-*.parquet")):
        table, *cut = path.relative_to(snapshots).parts[:-1]
        files.append({"table": table, **dict(part.split("=") for part in cut),
                      "path": str(path.relative_to(snapshots)), "bytes": path.stat().st_size,
                      "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "revision": 2})
    manifest = {"format": 1, "store_id": "1a7f6a9e-8d5e-4c6f-9d3a-0c1b2a394857", "schema_version": 3, "revision": 2,
                "created_at": "2026-11-01T00:00:00Z", "files": files}
    (snapshots / "manifest.json").write_text(json.dumps(manifest))
    (data / "init.sql").write_text(init(data))

"""Makes a data folder as the service does, from relations in DuckDB: snapshots/ and init.sql."""

import hashlib
import json
import subprocess
from pathlib import Path

LIBRARY = Path(__file__).parents[2] / "queries" / "lib"
MESSAGES = "SELECT *, strftime(created_at AT TIME ZONE 'UTC', '%Y-%m') AS month FROM discord_messages"
# Tables of the manifest: the dataset has these; the others are without files.
TABLES = {"messages": MESSAGES, "channels": "FROM discord_channels", "coverage": "FROM coverage",
          "reaction_events": "FROM discord_reaction_events"}


def literal(text):
    return "'" + str(text).replace("'", "''") + "'"


def init(data):
    """The text that the service writes to init.sql at its start."""
    files = [LIBRARY / f"{name}.sql" for name in ("snapshots", "views", "coverage")]
    return "\n".join([f"SET VARIABLE snapshots_dir = coalesce(getvariable('data_dir'), {literal(data)}) || '/snapshots';\n",
                      *(file.read_text() for file in files)])


def make(duckdb, dataset, data):
    snapshots = data / "snapshots"
    lines = ["SET TimeZone = 'UTC';", f".read {dataset}"]
    # Two of each: the first is an older one that the manifest does not name any more.
    for revision in (1, 2):
        for table, query in TABLES.items():
            (snapshots / table).mkdir(parents=True, exist_ok=True)
            place, options = snapshots / table / f"{revision}-0.parquet", "FORMAT parquet"
            if table == "messages":
                place = snapshots / table
                options += f", PARTITION_BY (guild_id, month), APPEND true, FILENAME_PATTERN '{revision}-{{uuid}}'" \
                           ", WRITE_PARTITION_COLUMNS true"
            lines.append(f"COPY ({query}) TO {literal(place)} ({options});")
    done = subprocess.run([duckdb, "-bail"], input="\n".join(lines), capture_output=True, text=True)
    if done.returncode or done.stderr:
        raise SystemExit(done.stderr)
    files = []
    for path in sorted(snapshots.glob("**/2-*.parquet")):
        table, *cut = path.relative_to(snapshots).parts[:-1]
        files.append({"table": table, "guild_id": None, "month": None, **dict(part.split("=") for part in cut),
                      "path": str(path.relative_to(snapshots)), "bytes": path.stat().st_size,
                      "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "revision": 2})
    manifest = {"format": 1, "store_id": "1a7f6a9e-8d5e-4c6f-9d3a-0c1b2a394857", "schema_version": 3, "revision": 2,
                "created_at": "2026-11-01T00:00:00Z", "files": files}
    (snapshots / "manifest.json").write_text(json.dumps(manifest))
    (data / "init.sql").write_text(init(data))

"""What one would take instead: the same messages in SQLite, in PostgreSQL, and as JSON read by DuckDB.

The table is the one that a service of this kind usually has, with the indexes that its queries ask
for. Rows are loaded in the order of their ids, which is the best case for both databases.
"""

import os
import pwd
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import duckdb

COLUMNS = (
    "message_id, guild_id, channel_id, author_id, author_name, content, created_at, edited_at, deleted, "
    "attachment_count, embed_count, raw_json, ingested_at"
)
SHOWN = COLUMNS.replace("raw_json, ", "")
ROUNDS = 5
#: Requests of each kind in a round.
REQUESTS = 200
#: Rows that are taken from the record at a time.
SLICE = 250_000
INDEXES = [
    "CREATE INDEX by_channel ON messages (channel_id, message_id)",
    "CREATE INDEX by_channel_and_time ON messages (channel_id, created_at, message_id)",
    "CREATE INDEX by_guild_and_time ON messages (guild_id, created_at)",
]

#: The reports of queries/, without the periods and cells in which nothing was written.
REPORTS = {
    "activity": """
        SELECT {day}, count(*), count(DISTINCT author_id), count(DISTINCT channel_id)
        FROM messages WHERE guild_id = {guild} AND NOT deleted GROUP BY 1 ORDER BY 1""",
    "channels": """
        SELECT channel_id, count(*), count(DISTINCT author_id), min(created_at), max(created_at)
        FROM messages WHERE guild_id = {guild} AND NOT deleted GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 100""",
    "heatmap": """
        SELECT {weekday}, {hour}, count(*), count(DISTINCT author_id)
        FROM messages WHERE guild_id = {guild} AND NOT deleted GROUP BY 1, 2 ORDER BY 1, 2""",
    "authors": """
        WITH active AS (
            SELECT DISTINCT author_id, {week} AS week FROM messages WHERE guild_id = {guild} AND NOT deleted
        ), steps AS (
            SELECT week, lag(week) OVER (PARTITION BY author_id ORDER BY week) AS previous FROM active
        )
        SELECT week, count(*), count(*) FILTER (WHERE previous IS NULL), count(*) FILTER (WHERE previous = week - 1)
        FROM steps GROUP BY 1 ORDER BY 1""",
    "retention": """
        WITH active AS (
            SELECT DISTINCT author_id, {month} AS month FROM messages WHERE guild_id = {guild} AND NOT deleted
        ), lives AS (
            SELECT month, min(month) OVER (PARTITION BY author_id) AS cohort FROM active
        )
        SELECT cohort, month, count(*) FROM lives GROUP BY 1, 2 ORDER BY 1, 2""",
}


class Rival(Protocol):
    """Another place for the same messages."""

    name: str
    rounds: int
    requests: int

    def load(self, record: duckdb.DuckDBPyConnection) -> None: ...
    def size(self) -> int:
        """Its bytes on the disk."""

    def ask(self, sql: str) -> list[tuple]: ...
    def report(self, name: str, guild: int) -> list[tuple]: ...
    def page(
        self, guild: int, channel: int, cursor: int | None = None, span: tuple[str, str] | None = None
    ) -> list[tuple]: ...
    def message(self, message: int) -> list[tuple]: ...
    def plain_message(self, message: int) -> list[tuple]: ...
    def close(self) -> None: ...


class Sql:
    """The questions, as each of the three understands them."""

    name: str
    rounds = ROUNDS
    requests = REQUESTS
    #: How it tells the periods of `created_at`.
    words: dict[str, str]

    @staticmethod
    def is_there() -> bool:
        return True

    def ask(self, sql: str) -> list[tuple]:
        raise NotImplementedError

    def report(self, name: str, guild: int) -> list[tuple]:
        return self.ask(REPORTS[name].format(guild=guild, **self.words))

    def page(
        self, guild: int, channel: int, cursor: int | None = None, span: tuple[str, str] | None = None
    ) -> list[tuple]:
        condition, order = "", "message_id DESC"
        if cursor:
            condition = f"AND message_id < {cursor}"
        if span:
            low, high = map(self.moment, span)
            condition = f"AND created_at >= '{low}' AND created_at < '{high}'"
            order = "created_at DESC, message_id DESC"
        return self.ask(
            f"SELECT {SHOWN} FROM messages WHERE guild_id = {guild} AND channel_id = {channel} {condition} "
            f"AND NOT deleted ORDER BY {order} LIMIT 101"
        )

    def message(self, message: int) -> list[tuple]:
        return self.ask(f"SELECT {COLUMNS} FROM messages WHERE message_id = {message}")

    def plain_message(self, message: int) -> list[tuple]:
        return self.ask(f"SELECT {SHOWN} FROM messages WHERE message_id = {message}")

    @staticmethod
    def moment(time: str) -> str:
        return time


class Sqlite(Sql):
    name = "SQLite"
    words = {
        "day": "date(created_at)",
        "weekday": "strftime('%w', created_at)",
        "hour": "strftime('%H', created_at)",
        "week": "(unixepoch(created_at) / 86400 + 3) / 7",
        "month": "strftime('%Y-%m', created_at)",
    }

    def __init__(self, folder: Path) -> None:
        self.file = folder / "messages.sqlite"
        # As an API would: reads beside a writer.
        self.connection = sqlite3.connect(self.file, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")

    def load(self, record: duckdb.DuckDBPyConnection) -> None:
        self.connection.execute(
            "CREATE TABLE messages (message_id INTEGER PRIMARY KEY, guild_id INTEGER NOT NULL, channel_id INTEGER NOT NULL, "
            "author_id INTEGER NOT NULL, author_name TEXT NOT NULL, content TEXT NOT NULL, created_at TEXT NOT NULL, "
            "edited_at TEXT, deleted INTEGER NOT NULL, attachment_count INTEGER NOT NULL, embed_count INTEGER NOT NULL, "
            "raw_json TEXT, ingested_at TEXT NOT NULL)"
        )
        marks = ", ".join("?" * 13)
        text = "strftime({0}::TIMESTAMP, '%Y-%m-%d %H:%M:%S.%f')"
        times = {name: text.format(name) for name in ("created_at", "edited_at", "ingested_at")}
        for rows in slices(record, times | {"deleted": "deleted::INTEGER"}):
            self.connection.execute("BEGIN")
            self.connection.executemany(f"INSERT INTO messages VALUES ({marks})", rows)
            self.connection.execute("COMMIT")
        for index in INDEXES:
            self.connection.execute(index)
        self.connection.execute("ANALYZE")
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def size(self) -> int:
        return self.file.stat().st_size

    def ask(self, sql: str) -> list[tuple]:
        return self.connection.execute(sql).fetchall()

    @staticmethod
    def moment(time: str) -> str:
        return time.replace("T", " ").replace("Z", "000")

    def close(self) -> None:
        self.connection.close()


class Postgres(Sql):
    name = "PostgreSQL"
    words = {
        "day": "date_trunc('day', created_at)",
        "weekday": "extract(isodow FROM created_at)",
        "hour": "extract(hour FROM created_at)",
        "week": "floor((extract(epoch FROM created_at) / 86400 + 3) / 7)",
        "month": "date_trunc('month', created_at)",
    }

    def __init__(self, folder: Path) -> None:
        import psycopg

        self.programs = Path(self.initdb()).parent
        self.folder = folder
        # It refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(folder, self.user)
        self.data = folder / "data"
        self.run("initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "-D", str(self.data))
        settings = f"-c listen_addresses= -k {folder} -c shared_buffers=2GB -c work_mem=64MB -c max_wal_size=1GB -c timezone=UTC"
        self.run("pg_ctl", "-D", str(self.data), "-w", "-l", str(folder / "log"), "-o", settings, "start")
        self.connection: Any = psycopg.connect(host=str(folder), user=self.user, dbname="postgres", autocommit=True)

    @staticmethod
    def initdb() -> str:
        """Where it is: Debian keeps it out of the path."""
        return shutil.which("initdb") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), "")

    @staticmethod
    def is_there() -> bool:
        return bool(Postgres.initdb())

    def run(self, program: str, *arguments: str) -> None:
        user = self.user if os.geteuid() == 0 else None
        subprocess.run(
            [self.programs / program, *arguments], check=True, user=user, cwd=self.folder, stdout=subprocess.DEVNULL
        )

    def load(self, record: duckdb.DuckDBPyConnection) -> None:
        self.connection.execute(
            "CREATE TABLE messages (message_id bigint PRIMARY KEY, guild_id bigint NOT NULL, channel_id bigint NOT NULL, "
            "author_id bigint NOT NULL, author_name text NOT NULL, content text NOT NULL, created_at timestamptz NOT NULL, "
            "edited_at timestamptz, deleted boolean NOT NULL, attachment_count integer NOT NULL, embed_count integer NOT NULL, "
            "raw_json text, ingested_at timestamptz NOT NULL)"
        )
        times = {name: f"{name}::VARCHAR" for name in ("created_at", "edited_at", "ingested_at")}
        for rows in slices(record, times):
            with self.connection.cursor().copy(f"COPY messages ({COLUMNS}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        for index in INDEXES:
            self.connection.execute(index)
        self.connection.execute("VACUUM ANALYZE messages")
        self.connection.execute("CHECKPOINT")

    def size(self) -> int:
        return self.ask("SELECT pg_total_relation_size('messages')")[0][0]

    def ask(self, sql: str) -> list[tuple]:
        return self.connection.execute(sql).fetchall()

    def close(self) -> None:
        self.connection.close()
        self.run("pg_ctl", "-D", str(self.data), "-w", "-m", "immediate", "stop")


class Json(Sql):
    name = "JSON by DuckDB"
    # It reads everything for each answer.
    rounds = 3
    requests = 1
    words = {
        "day": "date_trunc('day', created_at)",
        "weekday": "isodow(created_at)",
        "hour": "hour(created_at)",
        "week": "(epoch(created_at)::BIGINT // 86400 + 3) // 7",
        "month": "date_trunc('month', created_at)",
    }

    def __init__(self, folder: Path) -> None:
        self.file = folder / "messages.ndjson"
        self.connection = duckdb.connect()

    def load(self, record: duckdb.DuckDBPyConnection) -> None:
        """What an export has: the payloads of the messages that are not deleted."""
        guild = record.execute("SELECT getvariable('guild_id')").fetchone()[0]
        with self.file.open("w") as file:
            for rows in slices(record, {}, "NOT deleted"):
                file.writelines(row[11] + "\n" for row in rows)
        self.connection.execute(f"""
            SET TimeZone = 'UTC';
            CREATE VIEW messages AS
            SELECT CAST(id AS BIGINT) AS message_id, {guild} AS guild_id, CAST(channel_id AS BIGINT) AS channel_id,
                   CAST(author.id AS BIGINT) AS author_id, author.username AS author_name, content,
                   CAST("timestamp" AS TIMESTAMPTZ) AS created_at, CAST(edited_timestamp AS TIMESTAMPTZ) AS edited_at,
                   false AS deleted, len(attachments) AS attachment_count, len(embeds) AS embed_count,
                   NULL AS raw_json, NULL AS ingested_at
            FROM read_ndjson('{self.file}', columns = {{
                id: 'VARCHAR', channel_id: 'VARCHAR', author: 'STRUCT(id VARCHAR, username VARCHAR)', content: 'VARCHAR',
                "timestamp": 'VARCHAR', edited_timestamp: 'VARCHAR', attachments: 'JSON[]', embeds: 'JSON[]'}})""")

    def size(self) -> int:
        return self.file.stat().st_size

    def ask(self, sql: str) -> list[tuple]:
        return self.connection.execute(sql).fetchall()

    def close(self) -> None:
        self.connection.close()


def slices(
    record: duckdb.DuckDBPyConnection, instead: dict[str, str], condition: str = "true"
) -> Iterator[list[tuple]]:
    """The record's rows by ascending id, a bounded number at a time."""
    selected = ", ".join(instead.get(name, name) for name in COLUMNS.split(", "))
    bounds = record.sql(
        f"SELECT min(message_id) FROM (SELECT message_id, (row_number() OVER (ORDER BY message_id) - 1) // {SLICE} AS slice "
        "FROM discord_messages) GROUP BY slice ORDER BY 1"
    ).fetchall()
    for (low,), (high,) in zip(bounds, [*bounds[1:], (2**63 - 1,)]):
        yield record.sql(
            f"SELECT {selected} FROM discord_messages WHERE message_id >= {low} AND message_id < {high} AND {condition} "
            "ORDER BY message_id"
        ).fetchall()


RIVALS: dict[str, type[Sqlite | Postgres | Json]] = {
    rival.name.split()[0].lower(): rival for rival in (Sqlite, Postgres, Json)
}

"""Measures the search beside what one would take instead on the same machine: SQLite's FTS5 and
PostgreSQL's tsvector. `make bench-search` runs it; figures are ratios of one run.

It fills a record (as `make bench` does), has the service index it, loads the same texts into each of
the others, and asks all the same questions in turns: a page of 25 by relevance or the newest first,
with the number of all hits. The service's answer goes through HTTP, and has the whole rows.
"""

import argparse
import contextlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

sys.dont_write_bytecode = True
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benches/read"))
import duckdb  # noqa: E402

from bench import disk, machine, measure, median, percentile, say  # noqa: E402
from rivals import Postgres  # noqa: E402
from service import Service, Simulator, request_path  # noqa: E402

LIMIT = 25
ROUNDS = 5
#: Questions of each kind in a round.
QUESTIONS = 5
#: Live events a second while pages are measured.
RATE = 1_000
#: Rows that are taken from the record at a time.
SLICE = 250_000
SCHEMA = """CREATE TABLE messages (message_id {big} PRIMARY KEY, channel_id {big} NOT NULL,
    author_id {big} NOT NULL, content text NOT NULL{more})"""


class Question:
    """One question, as each understands it."""

    def __init__(self, kind: str, words: str, channel: int | None = None, author: int | None = None) -> None:
        self.kind, self.words, self.channel, self.author = kind, words, channel, author
        self.is_phrase = kind == "phrase"
        self.is_prefix = kind == "prefix"
        self.is_newest = kind.startswith("newest")

    @property
    def path(self) -> str:
        q = f'"{self.words}"' if self.is_phrase else self.words + ("*" if self.is_prefix else "")
        # Whole words, as the others look for them: without stems.
        if not self.is_phrase and not self.is_prefix:
            q = " ".join(f'"{word}"' for word in q.split())
        if self.author:
            q += f" from:{self.author}"
        query: dict[str, object] = {"q": q, "limit": LIMIT, "sort": "newest" if self.is_newest else "relevance"}
        if self.channel:
            query["channel_id"] = self.channel
        return request_path("/v1/search", query)

    @property
    def filters(self) -> str:
        filters = f" AND m.channel_id = {self.channel}" if self.channel else ""
        return filters + (f" AND m.author_id = {self.author}" if self.author else "")


class Rival(Protocol):
    name: str

    def load(self, rows: Iterator[list[tuple]]) -> None: ...
    def sizes(self) -> dict[str, int]:
        """Bytes on the disk of the rows and of the index."""

    def page(self, question: Question) -> list[tuple]: ...
    def count(self, question: Question) -> int: ...
    def close(self) -> None: ...


class Fts5:
    """unicode61 without accents, with an index of prefixes, over the rows' own table."""

    name = "SQLite FTS5"

    def __init__(self, folder: Path) -> None:
        self.file = folder / "search.sqlite"
        self.connection = sqlite3.connect(self.file, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")

    def load(self, rows: Iterator[list[tuple]]) -> None:
        self.connection.execute(SCHEMA.format(big="INTEGER", more=""))
        for some in rows:
            self.connection.execute("BEGIN")
            self.connection.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", some)
            self.connection.execute("COMMIT")
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.rows = self.file.stat().st_size
        began = time.perf_counter()
        self.connection.execute(
            "CREATE VIRTUAL TABLE words USING fts5(content, content='messages', content_rowid='message_id', "
            "tokenize='unicode61 remove_diacritics 2', prefix='3')"
        )
        self.connection.execute("INSERT INTO words(words) VALUES ('rebuild')")
        self.connection.execute("INSERT INTO words(words) VALUES ('optimize')")
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.seconds = time.perf_counter() - began

    def sizes(self) -> dict[str, int]:
        return {"rows": self.rows, "index": self.file.stat().st_size - self.rows}

    def _match(self, question: Question) -> str:
        if question.is_phrase:
            return f'"{question.words}"'
        return question.words + ("*" if question.is_prefix else "")

    def page(self, question: Question) -> list[tuple]:
        order = "words.rowid DESC" if question.is_newest else "rank"
        return self.connection.execute(
            "SELECT m.message_id, m.channel_id, m.author_id, m.content FROM words JOIN messages m "
            f"ON m.message_id = words.rowid WHERE words MATCH ?{question.filters} ORDER BY {order} LIMIT {LIMIT}",
            [self._match(question)],
        ).fetchall()

    def count(self, question: Question) -> int:
        join = "JOIN messages m ON m.message_id = words.rowid" if question.filters else ""
        return self.connection.execute(
            f"SELECT count(*) FROM words {join} WHERE words MATCH ?{question.filters}", [self._match(question)]
        ).fetchone()[0]

    def close(self) -> None:
        self.connection.close()


class TsVector:
    """A generated column of the configuration `simple`, with a GIN index."""

    name = "PostgreSQL tsvector"

    def __init__(self, folder: Path) -> None:
        self.database = Postgres(folder)
        self.connection: Any = self.database.connection

    def load(self, rows: Iterator[list[tuple]]) -> None:
        self.connection.execute(SCHEMA.format(big="bigint", more=""))
        for some in rows:
            with self.connection.cursor().copy("COPY messages FROM STDIN") as copy:
                for row in some:
                    copy.write_row(row)
        self.rows = self._ask("SELECT pg_total_relation_size('messages')")[0][0]
        began = time.perf_counter()
        self.connection.execute("SET maintenance_work_mem = '512MB'")
        self.connection.execute(
            "ALTER TABLE messages ADD COLUMN words tsvector GENERATED ALWAYS AS (to_tsvector('simple', content)) STORED"
        )
        self.connection.execute("CREATE INDEX by_words ON messages USING gin (words)")
        self.connection.execute("VACUUM ANALYZE messages")
        self.seconds = time.perf_counter() - began

    def _ask(self, sql: str) -> list[tuple]:
        return self.connection.execute(sql).fetchall()

    def sizes(self) -> dict[str, int]:
        return {"rows": self.rows, "index": self._ask("SELECT pg_total_relation_size('messages')")[0][0] - self.rows}

    @staticmethod
    def _query(question: Question) -> str:
        if question.is_prefix:
            return f"to_tsquery('simple', '{question.words}:*')"
        kind = "phraseto_tsquery" if question.is_phrase else "plainto_tsquery"
        return f"{kind}('simple', '{question.words}')"

    def page(self, question: Question) -> list[tuple]:
        query = self._query(question)
        order = "message_id DESC" if question.is_newest else f"ts_rank(words, {query}) DESC"
        return self._ask(
            f"SELECT message_id, channel_id, author_id, content FROM messages m WHERE words @@ {query}{question.filters} "
            f"ORDER BY {order} LIMIT {LIMIT}"
        )

    def count(self, question: Question) -> int:
        return self._ask(f"SELECT count(*) FROM messages m WHERE words @@ {self._query(question)}{question.filters}")[0][0]

    def close(self) -> None:
        self.database.close()


RIVALS = {"sqlite": Fts5, "postgresql": TsVector}


class Bench:
    """All measurements of one size."""

    def __init__(self, options: argparse.Namespace, messages: int) -> None:
        self.options = options
        self.folder: Path = options.work / str(messages)
        self.results: dict = {"messages": messages, "machine": machine()}
        self.dice = random.Random(messages)

    def run(self) -> None:
        parts = self.options.parts.split()
        self.fill()
        if "index" in parts:
            self.index()
            self.save()
        if "searches" in parts:
            questions = self.questions()
            for name in self.options.rivals.split():
                with self.rival(name) as rival, self.service() as service:
                    until_following(service)
                    service.until_rows_follow()
                    self.ask(service, rival, self.same(service, rival, questions))
                self.save()
        # Last: the record grows.
        if "ingest" in parts:
            self.ingest()
            self.save()

    def fill(self) -> None:
        told = self.folder / "filled.json"
        if not told.exists():
            say(f"filling a record with {self.results['messages']:,} messages")
            self.folder.mkdir(parents=True, exist_ok=True)
            filler = [self.options.built / "examples/fill", self.folder / "data", "--messages", str(self.results["messages"])]
            done = subprocess.run(filler, stdout=subprocess.PIPE, check=True, text=True)
            told.write_text(done.stdout)
        self.filled = json.loads(told.read_text())

    def index(self) -> None:
        """How fast the index is made of a whole record, and its size."""
        say("indexing")
        shutil.rmtree(self.folder / "data/search", ignore_errors=True)
        began = time.perf_counter()
        with self.service() as service:
            until_following(service)
            seconds = time.perf_counter() - began
            search = service.health()["search"]
            memory = service.memory("VmHWM")
        self.results["index"] = {
            "seconds": seconds,
            "messages_a_second": search["documents"] / seconds,
            "bytes_a_message": disk(self.folder / "data/search") / search["documents"],
            "most_memory_mb": memory,
        }
        say(f"  {self.results['index']}")

    @contextlib.contextmanager
    def record(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = duckdb.connect()
        connection.execute(f"ATTACH '{self.folder / 'data/guildlake.duckdb'}' AS lake (READ_ONLY); USE lake")
        try:
            yield connection
        finally:
            connection.close()

    def questions(self) -> list[Question]:
        """Words of letters a to z, which all three cut alike, drawn by how often they come."""
        say("drawing questions")
        with self.record() as record:
            rows = record.sql(
                "SELECT message_id, channel_id, author_id, content FROM discord_messages "
                "WHERE NOT deleted AND hash(message_id) % 20 = 0 LIMIT 200000"
            ).fetchall()
        counts: dict[str, int] = {}
        phrases, placed = [], []
        for _, channel, author, content in rows:
            words = [word if word.isascii() and word.isalpha() and word.islower() else None for word in content.split()]
            for word in {word for word in words if word and len(word) > 2}:
                counts[word] = counts.get(word, 0) + 1
            phrases += [f"{one} {two}" for one, two in zip(words, words[1:]) if one and two and len(one) > 2 and len(two) > 2][:1]
            placed += [(word, channel, author) for word in words if word and len(word) > 3][:1]
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        # Some are left out later.
        drawn = 4 * QUESTIONS
        draw = self.dice.sample
        rare = [word for word in ranked if 2 <= counts[word] <= 10]
        middle = ranked[150:600]
        made = [Question("word, rare", word) for word in draw(rare, drawn)]
        made += [Question("word, middle", word) for word in draw(middle, drawn)]
        made += [Question("word, common", word) for word in ranked[2 : 2 + drawn]]
        made += [Question("two words", f"{a} {b}") for a, b in zip(draw(ranked[5:100], drawn), draw(middle, drawn))]
        made += [Question("phrase", phrase) for phrase in draw(phrases, drawn)]
        made += [Question("prefix", word[:4]) for word in draw([word for word in middle if len(word) > 5], drawn)]
        made += [Question("word in a channel", word, channel) for word, channel, _ in draw(placed, drawn)]
        made += [Question("word of an author", word, None, author) for word, _, author in draw(placed, drawn)]
        made += [Question("newest, middle", word) for word in draw(middle, drawn)]
        made += [Question("newest, common", word) for word in ranked[2 : 2 + drawn]]
        return made

    @contextlib.contextmanager
    def rival(self, name: str) -> Iterator[Any]:
        say(f"loading {name}")
        folder = Path(tempfile.mkdtemp(prefix=f"guildlake-bench-{name}-"))
        try:
            with contextlib.closing(RIVALS[name](folder)) as rival:
                with self.record() as record:
                    rival.load(slices(record))
                count = self.results["messages"]
                sizes = {kind: size / count for kind, size in rival.sizes().items()}
                told = {"bytes_a_message": sizes, "seconds": rival.seconds, "messages_a_second": count / rival.seconds}
                self.results.setdefault("rivals", {})[rival.name] = told
                say(f"  {told}")
                yield rival
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def service(self, **more: str) -> Service:
        return Service(self.options.built / "guildlake", self.folder / "data", SEARCH_INDEX="on", **more)

    def same(self, service: Service, rival: Rival, questions: list[Question]) -> list[Question]:
        """The questions that both find as much for, before how fast they do is worth anything; it warms them
        too. The made-up words have syllables of several scripts, between which we part and others don't; and
        titles of embeds are found by us alone."""
        kept: dict[str, list[Question]] = {}
        for question in questions:
            ours, theirs = json.loads(service.get(question.path))["total"], rival.count(question)
            if ours < theirs:
                sys.exit(f"{question.path}: guildlake finds {ours}, {rival.name} {theirs}")
            if ours <= theirs * 1.25 + 20 and len(kept.setdefault(question.kind, [])) < QUESTIONS:
                kept[question.kind].append(question)
        told = {kind: len(some) for kind, some in kept.items()}
        say(f"  questions {told}")
        self.results.setdefault("questions", {})[rival.name] = told
        return [question for some in kept.values() for question in some]

    def ask(self, service: Service, rival: Rival, questions: list[Question]) -> None:
        say(f"asking, beside {rival.name}")
        times: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for question in questions:
                measure(
                    {
                        f"{question.kind}/guildlake": lambda: service.get(question.path),
                        f"{question.kind}/page": lambda: rival.page(question),
                        f"{question.kind}/count": lambda: rival.count(question),
                    },
                    times,
                )
        told = {name: {"p50": median(taken), "p99": percentile(taken, 99)} for name, taken in times.items()}
        self.results.setdefault("searches", {})[rival.name] = told

    def ingest(self) -> None:
        """What the index costs the others: pages while messages arrive, with it and without."""
        say(f"pages while {RATE:,} events a second arrive, with the index and without")
        biggest = max(self.filled["channels"], key=lambda channel: channel["messages"])["id"]
        page = request_path("/v1/messages", {"guild_id": self.filled["guild"], "channel_id": biggest})
        told: dict[str, dict[str, float]] = {}
        for kind in ("off", "on"):
            times: dict[str, list[float]] = {}
            with (
                Simulator(self.options.built / "discord-simulator") as simulator,
                Service(
                    self.options.built / "guildlake", self.folder / "data", **(simulator.settings | {"SEARCH_INDEX": kind})
                ) as service,
            ):
                service.until_complete()
                service.until_rows_follow()
                if kind == "on":
                    until_following(service)
                with simulator.traffic(RATE, service) as traffic:
                    for _ in range(400):
                        measure({"page": lambda: service.get(page)}, times)
                        time.sleep(0.01)
                    behind = service.health()
            told[kind] = {
                "page p50": median(times["page"]),
                "page p99": percentile(times["page"], 99),
                "events a second": traffic.rate,
                "revisions behind": behind["revision"] - (behind["search"]["revision"] or behind["revision"]),
            }
        self.results["ingest"] = told
        say(f"  {told}")

    def save(self) -> None:
        path = self.options.work / f"search-{self.results['messages']}.json"
        path.write_text(json.dumps(self.results, indent=1))
        say(f"results are in {path.name}")


def until_following(service: Service) -> None:
    """Until everything that the record has can be found."""
    while True:
        search = service.health()["search"]
        if search["state"] == "following":
            return
        if search["state"] == "failed":
            sys.exit(f"the index is not made: {search}")
        time.sleep(0.05)


def slices(record: duckdb.DuckDBPyConnection) -> Iterator[list[tuple]]:
    """What there is to be found, by ascending id, a bounded number at a time."""
    ids = [row[0] for row in record.sql(
        f"SELECT min(message_id) FROM (SELECT message_id, (row_number() OVER (ORDER BY message_id) - 1) // {SLICE} AS slice "
        "FROM discord_messages) GROUP BY slice ORDER BY 1"
    ).fetchall()]
    for low, high in zip(ids, [*ids[1:], 2**63 - 1]):
        yield record.sql(
            "SELECT message_id, channel_id, author_id, content FROM discord_messages "
            f"WHERE message_id >= {low} AND message_id < {high} AND NOT deleted ORDER BY message_id"
        ).fetchall()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--built", type=Path, required=True, help="where guildlake, discord-simulator and the filler are")
    parser.add_argument("--work", type=Path, required=True, help="a folder for records and results")
    parser.add_argument("--sizes", default="1", help="millions of messages, with spaces between")
    parser.add_argument("--parts", default="index searches ingest")
    parser.add_argument("--rivals", default=" ".join(RIVALS), help="of " + ", ".join(RIVALS))
    options = parser.parse_args()
    for size in options.sizes.split():
        Bench(options, round(float(size) * 1_000_000)).run()


if __name__ == "__main__":
    main()

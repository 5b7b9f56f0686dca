"""The judged queries, asked of SQLite FTS5 and PostgreSQL, beside guildlake's own answers.

    python tests/relevance/rivals.py [guildlake.json]

The argument is {query: [ids, best first]}, as its API answered; several files make several columns.
PostgreSQL is asked if it and psycopg are there (benches/read/requirements.txt has what is needed).
"""

import importlib.util
import json
import math
import re
import sqlite3
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

HERE = Path(__file__).resolve().parent

#: Answers that count.
DEPTH = 20
RELEVANT = 2

Ask = Callable[[str], list[str]]


def lines(name: str) -> list[dict]:
    return [json.loads(line) for line in (HERE / name).open(encoding="utf-8")]


def searchable(message: dict) -> str:
    """What a person sees of a message."""
    parts = [message["content"]]
    parts += [it["filename"] for it in message["attachments"]]
    parts += [it.get(key) for it in message["embeds"] for key in ("title", "description")]
    if poll := message.get("poll"):
        parts += [poll["question"]["text"], *(it["poll_media"]["text"] for it in poll["answers"])]
    return "\n".join(part for part in parts if part)


class Query:
    """A query's pieces: wanted, not wanted; a phrase is one piece."""

    def __init__(self, text: str) -> None:
        self.wanted: list[str] = []
        self.unwanted: list[str] = []
        self.is_phrase = text.startswith('"')
        self.is_prefix = text.endswith("*")
        if self.is_phrase:
            self.wanted = [text.strip('"')]
            return
        for word in text.rstrip("*").split():
            # `--flag` is written so by people; it is no negation.
            negated = word.startswith("-") and not word.startswith("--")
            (self.unwanted if negated else self.wanted).append(word[1:] if negated else word)


def fts5(messages: list[dict], tokenizer: str) -> Ask:
    """SQLite: each piece a string in quotes, so that nothing in it is an operator."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE messages USING fts5(id UNINDEXED, text, tokenize = '{tokenizer}')")
    connection.executemany(
        "INSERT INTO messages VALUES (?, ?)", [(message["id"], searchable(message)) for message in messages]
    )

    def find(match: str) -> list[str]:
        sql = f"SELECT id FROM messages WHERE messages MATCH ? ORDER BY bm25(messages), id DESC LIMIT {DEPTH}"
        try:
            return [row[0] for row in connection.execute(sql, (match,))]
        except sqlite3.OperationalError as error:
            # Nothing but signs: no words to look for.
            print(f"SQLite {tokenizer}: {match}: {error}", file=sys.stderr)
            return []

    def ask(text: str) -> list[str]:
        query = Query(text)
        pieces = ['"' + piece.replace('"', '""') + '"' for piece in query.wanted]
        if query.is_prefix:
            pieces[-1] += " *"
        without = "".join(' NOT "' + piece.replace('"', '""') + '"' for piece in query.unwanted)
        return find(f"({' AND '.join(pieces)}){without}") or find(f"({' OR '.join(pieces)}){without}")

    return ask


def like(messages: list[dict]) -> Ask:
    """SQLite without an index: every piece is somewhere in the text, the newest first."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, text TEXT)")
    connection.executemany(
        "INSERT INTO messages VALUES (?, ?)", [(message["id"], searchable(message)) for message in messages]
    )

    def ask(text: str) -> list[str]:
        query = Query(text)
        conditions = ["text LIKE ? ESCAPE '!'"] * len(query.wanted)
        conditions += ["text NOT LIKE ? ESCAPE '!'"] * len(query.unwanted)
        values = ["%" + re.sub("([%_!])", r"!\1", piece) + "%" for piece in query.wanted + query.unwanted]
        sql = f"SELECT id FROM messages WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT {DEPTH}"
        return [str(row[0]) for row in connection.execute(sql, values)]

    return ask


@contextmanager
def postgres(messages: list[dict], folder: Path) -> Iterator[dict[str, Ask]]:
    """PostgreSQL, started and stopped as the bench does it; none where it is not there."""
    bench = load_bench()
    if bench is None or not bench.Postgres.is_there():
        yield {}
        return
    server = bench.Postgres(folder)
    try:
        yield asked(server, messages)
    finally:
        server.close()


def asked(server, messages: list[dict]) -> dict[str, Ask]:
    """By the two ways to take words apart."""
    import psycopg

    try:
        server.connection.execute("CREATE EXTENSION IF NOT EXISTS unaccent")
        plain = "unaccent({})"
    except psycopg.Error as error:
        print(f"PostgreSQL has no unaccent: {error}", file=sys.stderr)
        plain = "{}"
    server.connection.execute("CREATE TABLE messages (id text PRIMARY KEY, text text)")
    with server.connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO messages VALUES (%s, %s)", [(message["id"], searchable(message)) for message in messages]
        )
    asks = {}
    for language in ("simple", "english"):
        column = f"words_{language}"
        server.connection.execute(f"ALTER TABLE messages ADD COLUMN {column} tsvector")
        server.connection.execute(f"UPDATE messages SET {column} = to_tsvector('{language}', {plain.format('text')})")

        def find(sql: str, value: str, column: str = column) -> list[str]:
            rows = server.connection.execute(
                f"SELECT id FROM messages, {sql} AS query WHERE {column} @@ query "
                f"ORDER BY ts_rank_cd({column}, query) DESC, id DESC LIMIT {DEPTH}",
                (value,),
            )
            return [row[0] for row in rows.fetchall()]

        def ask(text: str, language: str = language, find: Callable[[str, str], list[str]] = find) -> list[str]:
            query = Query(text)
            typed = plain.format("%s::text")
            if query.is_prefix:
                return find(f"to_tsquery('{language}', {typed})", query.wanted[-1] + ":*")
            web = f"websearch_to_tsquery('{language}', {typed})"
            quoted = [f'"{piece}"' if query.is_phrase else piece.lstrip("-") for piece in query.wanted]
            unwanted = [f"-{piece}" for piece in query.unwanted]
            every, some = " ".join(quoted + unwanted), " or ".join(quoted)
            return find(web, every) or find(web, " ".join([some, *unwanted]))

        asks[f"PostgreSQL {language}"] = ask
    return asks


def load_bench():
    """benches/read/rivals.py, under another name than this file's; none, if its packages are missing."""
    path = HERE.parent.parent / "benches" / "read" / "rivals.py"
    spec = importlib.util.spec_from_file_location("rivals_of_the_bench", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        import psycopg  # noqa: F401
    except ImportError as error:
        print(f"PostgreSQL is left out: {error}", file=sys.stderr)
        return None
    return module


@dataclass
class Figures:
    """How good one answer is, or many in the mean."""

    success: float
    reciprocal_rank: float
    ndcg: float
    recall: float

    @staticmethod
    def of(grades: dict[str, int], answers: list[str]) -> "Figures":
        got = [grades.get(id, 0) for id in answers[:DEPTH]]
        rank = next((rank for rank, grade in enumerate(got, 1) if grade >= RELEVANT), None)
        relevant = sum(grade >= RELEVANT for grade in grades.values())
        best = sorted(grades.values(), reverse=True)
        return Figures(
            success=float(rank is not None and rank <= 5),
            reciprocal_rank=1 / rank if rank else 0.0,
            ndcg=gain(got[:10]) / gain(best[:10]),
            recall=sum(grade >= RELEVANT for grade in got) / min(relevant, DEPTH),
        )

    @staticmethod
    def mean(rows: list["Figures"]) -> "Figures":
        return Figures(*(sum(getattr(row, it.name) for row in rows) / len(rows) for it in fields(Figures)))


def gain(grades: list[int]) -> float:
    """What comes first counts most."""
    return sum((2**grade - 1) / math.log2(place + 1) for place, grade in enumerate(grades, 1))


def measured(queries: list[dict], ask: Ask) -> dict[str, list[Figures]]:
    """By kind of query."""
    by_kind = defaultdict(list)
    for query in queries:
        by_kind[query["kind"]].append(Figures.of(query["judgements"], ask(query["q"])))
    return by_kind


def main() -> None:
    messages, queries = lines("corpus.ndjson"), lines("queries.ndjson")
    engines: dict[str, Ask] = {}
    for name in sys.argv[1:]:
        rankings = json.loads(Path(name).read_text(encoding="utf-8"))
        missing = [query["q"] for query in queries if query["q"] not in rankings]
        if missing:
            print(f"{name} has no answer to {missing}", file=sys.stderr)
        engines[Path(name).stem] = lambda text, rankings=rankings: [str(id) for id in rankings.get(text, [])]
    engines["SQLite LIKE"] = like(messages)
    engines["FTS5 unicode61"] = fts5(messages, "unicode61 remove_diacritics 2")
    engines["FTS5 trigram"] = fts5(messages, "trigram")
    with tempfile.TemporaryDirectory(prefix="relevance-") as folder:
        Path(folder).chmod(0o755)
        place = Path(folder) / "postgres"
        place.mkdir()
        with postgres(messages, place) as others:
            results = {name: measured(queries, ask) for name, ask in (engines | others).items()}
    show(results)


def show(results: dict[str, dict[str, list[Figures]]]) -> None:
    for title, shown in (
        ("success@5 / MRR", lambda it: f"{it.success:.2f} / {it.reciprocal_rank:.2f}"),
        ("nDCG@10 / recall@20", lambda it: f"{it.ndcg:.2f} / {it.recall:.2f}"),
    ):
        print(f"\n{title}\n\n| kind | queries | " + " | ".join(results) + " |")
        print("|---|---:|" + "---:|" * len(results))
        by_engine = list(results.values())
        for kind in by_engine[0]:
            cells = [shown(Figures.mean(by_kind[kind])) for by_kind in by_engine]
            print(f"| {kind} | {len(by_engine[0][kind])} | " + " | ".join(cells) + " |")
        everything = [[row for rows in by_kind.values() for row in rows] for by_kind in by_engine]
        cells = [shown(Figures.mean(rows)) for rows in everything]
        print(f"| all | {len(everything[0])} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()

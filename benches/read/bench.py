"""Measures how the service reads, beside what one would take instead on the same machine: SQLite,
PostgreSQL, and JSON exports read by DuckDB. `make bench` runs it; figures are ratios of one run.

It fills a record (fill.rs), starts the service on it, and asks the service and each of the others
in turns, so that whatever else the machine does hits all alike. One of the others is on the disk
at a time. Writes a file of results for each size, which render.py makes docs/PERFORMANCE.md of.
"""

import argparse
import contextlib
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

sys.dont_write_bytecode = True
import duckdb  # noqa: E402

from rivals import REQUESTS, RIVALS, ROUNDS, Rival  # noqa: E402
from service import Service, Simulator, request_path  # noqa: E402

ROOT = Path(__file__).parents[2]
QUERIES = ROOT / "queries"
REPORTS = ["activity", "channels", "heatmap", "authors", "retention"]
LIMIT = 100
#: MEMORY_LIMIT of downloads: the rest of their memory is what they take beside DuckDB.
LIMITS = ["128MB"]
#: Random downloads that are read back, and how many are on the disk at a time.
FILTERS = 200
FILTERS_AT_ONCE = 10
#: Live events a second while ingest is measured.
RATE = 2_000
EPOCH_MS = 1_420_070_400_000
WEEK = (7 * 24 * 3600 * 1000) << 22

Calls = dict[str, Callable[[], object]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--built", type=Path, required=True, help="where guildlake, discord-simulator and the filler are"
    )
    parser.add_argument("--work", type=Path, required=True, help="a folder for records and results")
    parser.add_argument("--sizes", default="1", help="millions of messages, with spaces between")
    parser.add_argument("--rivals", default=" ".join(RIVALS), help="of " + ", ".join(RIVALS))
    parser.add_argument("--parts", default="pages reports downloads growth ingest")
    parser.add_argument("--keep", action="store_true", help="keep the records")
    options = parser.parse_args()
    benches = []
    for size in sorted(options.sizes.split(), key=float):
        benches.append(Bench(options, round(float(size) * 1_000_000)))
        benches[-1].run()
    parts = options.parts.split()
    if "growth" in parts and len(benches) > 1:
        growth(benches, options.work)
    # Last: the records grow.
    if "ingest" in parts:
        for bench in benches:
            bench.ingest()
    if not options.keep:
        for bench in benches:
            shutil.rmtree(bench.folder)


class Bench:
    """All measurements of one size."""

    def __init__(self, options: argparse.Namespace, messages: int) -> None:
        self.options = options
        self.folder: Path = options.work / str(messages)
        self.results: dict = {"messages": messages, "machine": machine(), "at": datetime.now(UTC).isoformat()}
        self.dice = random.Random(messages)

    def run(self) -> None:
        self.fill()
        parts = self.options.parts.split()
        for name in self.options.rivals.split():
            if not RIVALS[name].is_there():
                say(f"{name} is not installed: left out")
                continue
            with self.rival(name) as rival:
                if "pages" in parts:
                    self.pages(rival)
                if "reports" in parts:
                    self.reports(rival)
            self.save()
        if "downloads" in parts:
            self.downloads()
            self.save()
            self.read_back()
            self.save()

    def fill(self) -> None:
        """Makes the record, or takes the one that is there."""
        told = self.folder / "filled.json"
        if not told.exists():
            say(f"filling a record with {self.results['messages']:,} messages")
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            filler = [
                self.options.built / "examples/fill",
                self.folder / "data",
                "--messages",
                str(self.results["messages"]),
            ]
            began = time.perf_counter()
            done = subprocess.run(filler, stdout=subprocess.PIPE, check=True, text=True)
            told.write_text(json.dumps(json.loads(done.stdout) | {"seconds": time.perf_counter() - began}))
        self.filled = json.loads(told.read_text())
        self.guild = self.filled["guild"]
        alive = [channel for channel in self.filled["channels"] if not channel["dead"]]
        alive.sort(key=lambda channel: channel["messages"])
        dead = max((channel for channel in self.filled["channels"] if channel["dead"]), key=lambda it: it["messages"])
        self.channels = {"biggest": alive[-1], "middle": alive[len(alive) // 2], "smallest": alive[0], "dead": dead}
        self.results["channels"] = {name: channel["messages"] for name, channel in self.channels.items()}
        with self.record() as record:
            for channel in self.channels.values():
                channel["ids"] = self.sample(record, f"channel_id = {channel['id']}")
            self.ids = self.sample(record, f"guild_id = {self.guild}")
            rows, payloads = record.execute("SELECT count(*), sum(strlen(raw_json) + 1) FROM discord_messages").fetchone()
        self.results["rows"] = rows
        self.results["bytes"] = {"json": payloads / rows, "guildlake": disk(self.folder / "data") / rows}

    @staticmethod
    def sample(record: duckdb.DuckDBPyConnection, condition: str) -> list[int]:
        found = record.sql(
            f"SELECT message_id FROM discord_messages WHERE {condition} AND NOT deleted ORDER BY hash(message_id) LIMIT 1000"
        )
        return [row[0] for row in found.fetchall()]

    @contextlib.contextmanager
    def record(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The record as queries/ reads it, with the service stopped."""
        connection = duckdb.connect()
        library = (QUERIES / "lib/record.sql").read_text()
        connection.execute(library.replace("data/guildlake.duckdb", str(self.folder / "data/guildlake.duckdb")))
        connection.execute((QUERIES / "lib/views.sql").read_text())
        connection.execute(f"SET TimeZone = 'UTC'; SET VARIABLE guild_id = {self.guild}")
        try:
            yield connection
        finally:
            connection.close()

    @contextlib.contextmanager
    def rival(self, name: str) -> Iterator[Rival]:
        say(f"loading {name}")
        began = time.perf_counter()
        folder = Path(tempfile.mkdtemp(prefix=f"guildlake-bench-{name}-"))
        try:
            with contextlib.closing(RIVALS[name](folder)) as rival:
                with self.record() as record:
                    rival.load(record)
                self.results["bytes"][name] = rival.size() / self.results["rows"]
                say(f"  {time.perf_counter() - began:.0f} s")
                yield rival
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def starting(self, **more: str) -> Service:
        """The service, from the moment on at which it answers at all."""
        return Service(self.options.built / "guildlake", self.folder / "data", **more)

    @contextlib.contextmanager
    def service(self, **more: str) -> Iterator[Service]:
        """The service, from the moment on at which its row store answers."""
        with self.starting(**more) as service:
            service.until_rows_follow()
            yield service

    # -- Pages and single messages

    def pages(self, rival: Rival) -> None:
        say(f"pages, beside {rival.name}")
        with self.service() as service:
            check_same(self, service, rival)
            rounds = [self.round(service, rival) for _ in range(rival.rounds)]
        self.results.setdefault("pages", {})[rival.name] = summarised(rounds)

    def round(self, service: Service, rival: Rival | None) -> dict[str, list[float]]:
        """Times in milliseconds of one round, by kind of request and who answered."""
        times: dict[str, list[float]] = {}
        for _ in range(rival.requests if rival else REQUESTS):
            self.ask_all(service, rival, times)
        return times

    def ask_all(self, service: Service, rival: Rival | None, times: dict[str, list[float]]) -> None:
        """Asks each kind of question once."""
        for name, (asked, of_rival) in self.questions(rival).items():
            calls: Calls = {f"{name}/guildlake": lambda: service.get(asked)}
            if rival and of_rival:
                calls[f"{name}/{rival.name}"] = of_rival
            measure(calls, times)
        measure({"health/guildlake": lambda: service.get("/health")}, times)

    def questions(self, rival: Rival | None) -> dict[str, tuple[str, Callable[[], object] | None]]:
        """One of each kind, at a place drawn anew: the service's path, and the same of another."""
        made: dict[str, tuple[str, Callable[[], object] | None]] = {}
        guild = int(self.guild)
        for name, channel in self.channels.items():
            place = int(channel["id"])
            at = self.dice.choice(channel["ids"])
            low, high = moment(at - WEEK), moment(at + 1)
            asked = {"guild_id": guild, "channel_id": place}
            for kind, more, own in [
                ("newest", {}, lambda p=place: rival.page(guild, p)),
                ("cursor", {"cursor": at}, lambda p=place, a=at: rival.page(guild, p, cursor=a)),
                ("range", {"from": low, "to": high}, lambda p=place, l=low, h=high: rival.page(guild, p, span=(l, h))),
            ]:
                made[f"{kind} {name}"] = (request_path("/v1/messages", asked | more), own if rival else None)
        point = self.dice.choice(self.ids)
        plain = request_path(f"/v1/messages/{point}", {"include_raw": "false"})
        made["message without payload"] = (plain, (lambda: rival.plain_message(point)) if rival else None)
        made["message"] = (f"/v1/messages/{point}", (lambda: rival.message(point)) if rival else None)
        return made

    # -- Reports

    def reports(self, rival: Rival) -> None:
        say(f"reports, beside {rival.name}")
        times: dict[str, list[float]] = {}
        with self.reporter() as ask:
            for turn in range(rival.rounds):
                for name in REPORTS:
                    measure(
                        {
                            f"{name}/guildlake": lambda: ask(name),
                            f"{name}/{rival.name}": lambda: rival.report(name, int(self.guild)),
                        },
                        times,
                    )
                if turn == 0:
                    check_report(ask("activity"), rival.report("activity", int(self.guild)), rival)
        self.results.setdefault("reports", {})[rival.name] = {name: median(taken) for name, taken in times.items()}

    @contextlib.contextmanager
    def reporter(self) -> Iterator[Callable[[str], object]]:
        """Answers reports: by DuckDB in this process, from the stopped service's record."""
        with self.record() as record:
            texts = {name: (QUERIES / f"{name}.sql").read_text() for name in REPORTS}
            yield lambda name: record.execute(texts[name]).fetchall()

    # -- Downloads

    def downloads(self) -> None:
        say("downloads, beside DuckDB's own COPY")
        columns = (
            "message_id, guild_id, channel_id, author_id, author_name, content, created_at, edited_at, deleted, "
            "deleted_by, deleted_after, deleted_before, content_removed_at, message_type, attachment_count, embed_count, "
            "ingested_at, revision"
        )
        kinds = {"columns": columns, "with payloads": f"{columns}, raw_json"}
        out = self.folder / "download"
        times: dict[str, list[float]] = {}
        growth: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for kind, names in kinds.items():
                with self.record() as record:
                    copy = f"COPY (SELECT {names} FROM discord_messages) TO '{out}' (FORMAT parquet, COMPRESSION zstd)"
                    measure({f"{kind}/copy": lambda: record.execute(copy)}, times)
                self.results["bytes"][f"parquet, DuckDB, {kind}"] = out.stat().st_size / self.results["rows"]
                for limit in LIMITS:
                    for form in ("parquet", "arrow"):
                        asked = {"guild_id": self.guild, "include_deleted": "true", "columns": names.replace(" ", "")}
                        with self.service(MEMORY_LIMIT=limit) as service:
                            service.get("/health")
                            before = service.memory("VmRSS")
                            name = f"{kind}/{form} at {limit}"
                            measure(
                                {name: lambda: service.download(request_path(f"/v1/messages.{form}", asked), out)},
                                times,
                            )
                            growth.setdefault(name, []).append(service.memory("VmHWM") - before)
                        if form == "parquet":
                            self.results["bytes"][f"parquet, {kind}"] = out.stat().st_size / self.results["rows"]
        out.unlink()
        self.results["downloads"] = {name: median(taken) / 1000 for name, taken in times.items()}
        self.results["memory"] = {name: median(taken) for name, taken in growth.items()}

    def read_back(self) -> None:
        """Random filters, downloaded and read by others: the same rows as in the record."""
        say("reading downloads back")
        for first in range(0, FILTERS, FILTERS_AT_ONCE):
            asked = []
            for number in range(first, first + FILTERS_AT_ONCE):
                channel = self.dice.choice(self.filled["channels"])["id"] if number % 4 else None
                low, high = sorted(self.dice.sample(self.ids, 2))
                asked.append((channel, low, high, bool(number % 2)))
            self.read_some_back(asked)
        self.results["read_back"] = FILTERS

    def read_some_back(self, asked: list[tuple[str | None, int, int, bool]]) -> None:
        import pyarrow.ipc
        import pyarrow.parquet

        files = []
        with self.service() as service:
            for number, (channel, low, high, deleted) in enumerate(asked):
                query = {
                    "guild_id": self.guild,
                    "from": moment(low),
                    "to": moment(high),
                    "include_deleted": str(deleted).lower(),
                }
                query |= {"channel_id": channel} if channel else {}
                for form in ("parquet", "arrow"):
                    file = self.folder / f"{number}.{form}"
                    service.download(request_path(f"/v1/messages.{form}", query), file)
                    files.append(file)
        summary = "count(*), sum(hash(message_id, channel_id, author_id, author_name, content, created_at, edited_at, deleted, revision))"
        with self.record() as record:
            for number, (channel, low, high, deleted) in enumerate(asked):
                parquet = self.folder / f"{number}.parquet"
                record.register("by_pyarrow", pyarrow.parquet.read_table(parquet))
                with pyarrow.ipc.open_stream(self.folder / f"{number}.arrow") as stream:
                    record.register("by_stream", stream.read_all())
                condition = (
                    f"guild_id = {self.guild} AND created_at >= '{moment(low)}' AND created_at < '{moment(high)}'"
                    + (f" AND channel_id = {channel}" if channel else "")
                    + ("" if deleted else " AND NOT deleted")
                )
                answers = {
                    source: record.execute(f"SELECT {summary} FROM {source}").fetchone()
                    for source in (f"discord_messages WHERE {condition}", f"'{parquet}'", "by_pyarrow", "by_stream")
                }
                if len(set(answers.values())) != 1:
                    sys.exit(f"a download differs from the record: {answers}")
        for file in files:
            file.unlink()

    # -- While messages arrive

    def ingest(self) -> None:
        say(f"pages while up to {RATE:,} events a second arrive")
        rounds: dict[str, list] = {"idle": [], "ingest": []}
        reached = []
        with (
            Simulator(self.options.built / "discord-simulator") as simulator,
            self.service(**simulator.settings) as service,
        ):
            service.until_complete()
            for _ in range(ROUNDS):
                rounds["idle"].append(self.round(service, None))
                with simulator.traffic(RATE, service) as traffic:
                    rounds["ingest"].append(self.round(service, None))
                reached.append(traffic.rate)
        self.results["ingest"] = {name: summarised(taken) for name, taken in rounds.items()} | {
            "events": median(reached)
        }
        self.save()

    def save(self) -> None:
        save(self.results, self.options.work / f"results-{self.results['messages']}.json")


def growth(benches: list[Bench], work: Path) -> None:
    """The same service on records of several sizes, in turns: what starts, memory and pages cost by size."""
    sizes = [bench.results["messages"] for bench in benches]
    say(f"the same on {', '.join(f'{size:,}' for size in sizes)}")
    started: dict[int, list[float]] = {size: [] for size in sizes}
    memory: dict[str, dict[int, float]] = {"at the start": {}, "after all requests": {}}
    rounds: dict[int, list] = {size: [] for size in sizes}
    for _ in range(ROUNDS):
        for size, bench in zip(sizes, benches):
            began = time.perf_counter()
            with bench.starting() as service:
                service.get("/health")
                started[size].append(time.perf_counter() - began)
    with contextlib.ExitStack() as entered:
        services = [entered.enter_context(bench.service()) for bench in benches]
        for size, service in zip(sizes, services):
            memory["at the start"][size] = service.memory("VmRSS")
        for _ in range(ROUNDS):
            times: dict[int, dict[str, list[float]]] = {size: {} for size in sizes}
            for _ in range(REQUESTS):
                for size, bench, service in zip(sizes, benches, services):
                    bench.ask_all(service, None, times[size])
            for size in sizes:
                rounds[size].append(times[size])
        for size, service in zip(sizes, services):
            memory["after all requests"][size] = service.memory("VmRSS")
    results = {
        "messages": sizes[-1],
        "machine": benches[0].results["machine"],
        "at": datetime.now(UTC).isoformat(),
        "growth": {
            "sizes": sizes,
            "pages": [summarised(rounds[size]) for size in sizes],
            "started": [median(started[size]) for size in sizes],
            "memory": {name: [of[size] for size in sizes] for name, of in memory.items()},
        },
    }
    save(results, work / "results-growth.json")


def save(results: dict, path: Path) -> None:
    path.write_text(json.dumps(results, indent=1))
    say(f"results are in {path.name}")


def check_same(bench: Bench, service: Service, rival: Rival) -> None:
    """Both answer the same, before how fast they do is worth anything; it warms them too."""
    for name, (asked, of_rival) in bench.questions(rival).items():
        body = json.loads(service.get(asked))
        got = [int(row["message_id"]) for row in body.get("data", [body])]
        expected = [row[0] for row in of_rival()[:LIMIT]]
        if got != expected:
            sys.exit(f"{name}: guildlake has {got[:3]}… ({len(got)}), {rival.name} {expected[:3]}… ({len(expected)})")


def check_report(ours: list, theirs: list, rival: Rival) -> None:
    counted = [tuple(row[2:5]) for row in ours if row[2]]
    if counted != [tuple(row[1:4]) for row in theirs]:
        sys.exit(f"activity: {counted[:2]}… of guildlake is {theirs[:2]}… of {rival.name}")


def measure(calls: Calls, times: dict[str, list[float]]) -> None:
    """Calls one after the other, and notes how long each took in milliseconds."""
    for name, call in calls.items():
        began = time.perf_counter_ns()
        call()
        times.setdefault(name, []).append((time.perf_counter_ns() - began) / 1e6)


def summarised(rounds: list[dict[str, list[float]]]) -> dict[str, dict[str, float]]:
    """Of each kind the median of the rounds' medians, and the 99th percentile of all rounds together."""
    return {
        name: {
            "p50": median([median(taken[name]) for taken in rounds]),
            "p99": percentile([time for taken in rounds for time in taken[name]], 99),
        }
        for name in rounds[0]
    }


def percentile(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def median(values: list[float]) -> float:
    return percentile(values, 50)


def moment(snowflake: int) -> str:
    """The time of an id, as the API takes it."""
    ms = (snowflake >> 22) + EPOCH_MS
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def disk(folder: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())


def machine() -> dict[str, str | int]:
    cpu = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu[0] if cpu else platform.processor(),
        "cores": os.cpu_count() or 0,
        "memory_gb": round(memory / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 1),
    }


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

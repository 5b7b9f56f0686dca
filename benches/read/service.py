"""The service and the Discord simulator as processes, and a client that costs little."""

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Self
from urllib.parse import urlencode

API_KEY = "a-key-for-benches-0123456789"
PATIENCE = 120.0
#: Events in one burst.
BURST = 20


def request_path(path: str, query: dict[str, object]) -> str:
    return f"{path}?{urlencode(query)}"


class Client:
    """One connection that is kept. http.client takes half a millisecond for what this does in a tenth."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str) -> bytes:
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {API_KEY}\r\n\r\n".encode())
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._more()
        head, _, body = got.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        if b" 200 " not in status:
            raise RuntimeError(f"{path}: {got.decode()}")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        if b"content-length" in headers:
            while len(body) < int(headers[b"content-length"]):
                body += self._more()
            return body
        while not body.endswith(b"0\r\n\r\n"):
            body += self._more()
        return unchunked(body)

    def _more(self) -> bytes:
        more = self.socket.recv(1 << 18)
        if not more:
            raise RuntimeError("the service has closed the connection")
        return more


def unchunked(body: bytes) -> bytes:
    parts = []
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return b"".join(parts)
        parts.append(body[:length])
        body = body[length + 2 :]


class Process:
    """A program that runs as long as this is entered."""

    def __init__(self, command: list[str], environment: dict[str, str], stderr: IO[str] | None = None) -> None:
        kept = {
            name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LD_LIBRARY_PATH", "LANG")
        }
        self.process = subprocess.Popen(
            command, env=kept | environment, stdout=subprocess.PIPE, stderr=stderr, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(2)
        self.process.wait(PATIENCE)


class Service(Process):
    """`guildlake serve` on a data folder; with Discord's settings it follows that."""

    def __init__(self, program: Path, data: Path, **more: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = ("127.0.0.1", free.getsockname()[1])
        settings = {
            "API_KEY": API_KEY,
            "RATE_LIMIT": "off",
            "DATA_DIR": str(data),
            "DATABASE_URL": f"duckdb://{data / 'guildlake.duckdb'}",
            "BIND": f"127.0.0.1:{self.address[1]}",
            "RUST_LOG": "error",
            # What is measured is not beside that.
            "SNAPSHOT_INTERVAL": "off",
            "SEARCH_INDEX": "off",
        }
        # What it says at the start is for people.
        self.said = data.parent / "service.log"
        with self.said.open("w") as said:
            super().__init__([str(program), "serve"], settings | more, said)
        self.client = self._connect()

    def _connect(self) -> Client:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return Client(self.address)
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"the service does not start: {self.said.read_text()}") from None
                time.sleep(0.02)

    def get(self, path: str) -> bytes:
        return self.client.get(path)

    def health(self) -> dict:
        return json.loads(self.get("/health"))

    def until_rows_follow(self) -> None:
        """Until the row store has every row of the record; before, the database answers."""
        while (rows := self.health()["rows"])["state"] != "following":
            if rows["state"] == "failed":
                raise RuntimeError(f"the row store is not made: {rows}")
            time.sleep(0.05)

    def until_complete(self) -> None:
        """Until the history of the simulator is in the record."""
        until = time.monotonic() + PATIENCE
        while self.health()["backfill"]["state"] != "complete":
            if time.monotonic() > until:
                raise RuntimeError(f"history is not complete: {self.health()}")
            time.sleep(0.2)

    def download(self, path: str, file: Path) -> None:
        url = f"http://127.0.0.1:{self.address[1]}{path}"
        subprocess.run(["curl", "-sSf", "-H", f"x-api-key: {API_KEY}", "-o", str(file), url], check=True)

    def memory(self, name: str) -> float:
        """A figure of its memory in MB: VmRSS is now, VmHWM the most there was."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(f"{name}:"))


class Simulator(Process):
    """A Discord on this machine. Its guild is another than the record's."""

    def __init__(self, program: Path) -> None:
        super().__init__([str(program), "--guilds", "1", "--messages", "2000", "--no-limits"], {})
        assert self.process.stdout
        said = {}
        self.settings: dict[str, str] = {}
        for line in self.process.stdout:
            if line.startswith("# control"):
                said["control"] = line.split()[2]
                break
            if "=" in line and not line.startswith("#"):
                name, _, value = line.strip().partition("=")
                self.settings[name] = value
        host, _, port = said["control"].removeprefix("http://").partition("/")[0].partition(":")
        self.control = (host, int(port))

    @contextlib.contextmanager
    def traffic(self, rate: int, service: Service) -> Iterator[SimpleNamespace]:
        """Events at a steady rate, as far as both keep up; tells how many reached the record a second."""
        done = threading.Event()
        told = SimpleNamespace(rate=0.0)
        before, began = service.health()["gateway"]["sequence"], time.monotonic()

        def send() -> None:
            sent = 0
            while not done.wait(max(0.0, sent / rate - (time.monotonic() - began))):
                self.burst(sent)
                sent += BURST

        sender = threading.Thread(target=send)
        sender.start()
        try:
            yield told
            told.rate = (service.health()["gateway"]["sequence"] - before) / (time.monotonic() - began)
        finally:
            done.set()
            sender.join()

    def burst(self, seed: int) -> None:
        body = json.dumps({"events": BURST, "seed": seed})
        with socket.create_connection(self.control, timeout=PATIENCE) as connection:
            connection.sendall(
                f"POST /control/burst HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            while connection.recv(1 << 16):
                pass

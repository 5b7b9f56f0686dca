"""Runs the recipes of docs/bi.md, docs/readers.md and examples/README.md against a running service and its data folder.

    python tests/recipes/run.py --url URL --key KEY --guild ID --data DATA_DIR
        [--duckdb FOLDER | --group readers --node FOLDER]

A block of a page that is marked ```python run (or sh, or js) is run in a process of its own, in a folder with
data/ and queries/ as in a checkout; with a name after it, it is kept in the folder under that name. One that is
marked run:GROUP is run with --group GROUP, which runs no others; run:always is run with every group. With
--duckdb, another DuckDB for Python is taken from FOLDER (`pip install --target`), and only what imports it is run.

A block has to end well, and to print what the following ```text output block says: {name} stands for what the
API says (below), and a line with ... for any lines. Nothing may be collected meanwhile, and the data folder's
snapshot has to be of now.
"""

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("docs/bi.md", "docs/readers.md", "examples/README.md")
BLOCK = re.compile(r"^```(python|sh|js) run(?::(\w+))?(?: (\S+))?\n(.*?)^```\n(?:\s*^```text output\n(.*?)^```\n)?", re.M | re.S)


def facts(url, key, guild):
    """What the output blocks may name."""
    def rows(more):
        path = f"{url}/v1/messages.ndjson?guild_id={guild}&columns=message_id,channel_id{more}"
        with urllib.request.urlopen(urllib.request.Request(path, headers={"x-api-key": key})) as body:
            return [json.loads(line) for line in body]

    messages = rows("")
    return {"guild": guild, "messages": len(messages), "channels": len({row["channel_id"] for row in messages}),
            "with_deleted": len(rows("&include_deleted=true"))}


def chosen(options):
    """The blocks that are run, with their places."""
    for page in PAGES:
        text = (ROOT / page).read_text()
        for block in BLOCK.finditer(text):
            is_asked = block[2] == "always" or block[2] == options.group
            is_of_duckdb = "import duckdb" in block[4] or "python refresh.py" in block[4]
            if is_asked and (not options.duckdb or is_of_duckdb or block[2] == "always"):
                yield f"{page}:{text.count(chr(10), 0, block.start()) + 1}", block


def matches(expected, printed):
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in expected)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default=os.environ.get("GUILDLAKE_URL"))
    parser.add_argument("--key", default=os.environ.get("GUILDLAKE_KEY"))
    parser.add_argument("--guild", default=os.environ.get("GUILD"))
    parser.add_argument("--data", type=Path, required=True, help="the service's data folder")
    parser.add_argument("--group", help="the group of recipes that is run")
    parser.add_argument("--duckdb", type=Path, help="a folder with another DuckDB for Python")
    parser.add_argument("--node", type=Path, help="a folder with node_modules/")
    options = parser.parse_args()
    known = facts(options.url, options.key, options.guild)
    blocks = list(chosen(options))
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "data").symlink_to(options.data.resolve())
        (folder / "queries").symlink_to(ROOT / "queries")
        (folder / "examples").symlink_to(ROOT / "examples")
        (folder / "home").mkdir()
        environment = os.environ | {
            "GUILDLAKE_URL": options.url, "GUILDLAKE_KEY": options.key, "GUILD": options.guild,
            "HOME": str(folder / "home"), "NO_COLOR": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        if options.duckdb:
            environment["PYTHONPATH"] = str(options.duckdb.resolve(strict=True))
        if options.node:
            (folder / "node_modules").symlink_to((options.node / "node_modules").resolve(strict=True))

        def run(*command):
            return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)

        # DuckDB fetches this extension when it is first needed; a test does not.
        httpfs = None if options.group else Path(importlib.util.find_spec("duckdb_extension_httpfs").origin).parent
        for extension in httpfs.glob("extensions/*/httpfs.duckdb_extension") if httpfs else []:
            run("duckdb", "-c", f"INSTALL '{extension}'").check_returncode()
        programs = {"python": [sys.executable], "sh": ["sh", "-eu"], "js": ["node"]}
        for place, block in blocks:
            language, _, name, code, output = block.groups()
            file = folder / (name or ("recipe.mjs" if language == "js" else "recipe"))
            file.write_text(code)
            done = run(*programs[language], file)
            expected = re.sub(r"\{(\w+)\}", lambda match: str(known[match[1]]), output or "").splitlines()
            has_failed = done.returncode and not is_arrows_end(done)
            if output is None or has_failed or not matches(expected, done.stdout.splitlines()):
                failed += 1
                print(f"{place}: ended with {done.returncode}\n--- expected\n" + "\n".join(expected)
                      + f"\n--- printed\n{done.stdout}--- complained\n{done.stderr}")
    print(f"{len(blocks)} recipes: {f'{failed} differ' if failed else 'as expected'}")
    sys.exit(failed > 0 or not blocks)


def is_arrows_end(done):
    """Whether it ended as pyarrow now and then does when all is done and told (apache/arrow issue 34314)."""
    return done.returncode == -6 and done.stderr == "terminate called without an active exception\n"


if __name__ == "__main__":
    main()

"""Makes the tables and plots of docs/PERFORMANCE.md of what bench.py measured.

What stands in the page between `<!-- name -->` and `<!-- end -->` is replaced, where it is of the same number
of messages; the rest is left.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/PERFORMANCE.md"
PLOTS = ROOT / "docs/performance"
OTHERS = ["SQLite", "PostgreSQL", "JSON by DuckDB"]
COLOURS = {"guildlake": "#2563eb", "SQLite": "#f59e0b", "PostgreSQL": "#10b981", "JSON by DuckDB": "#9ca3af"}
CHANNELS = ["biggest", "middle", "smallest", "dead"]
DRAWN = ["pages", "reports"]
KINDS = ["newest", "cursor", "range"]
MESSAGES = ["message", "message without payload"]
#: What is of one number of messages: the line about the machine, and a table.
BLOCK = re.compile(r"^[^\n]*; ([\d,]+) messages, [^\n]*\n\n(?:\|[^\n]*\n)*\|[^\n]*", re.M)


def main() -> None:
    results = [json.loads(Path(name).read_text()) for name in sys.argv[1:]]
    results.sort(key=lambda result: result["messages"])
    page = PAGE.read_text()
    for name in TABLES:
        page = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda found: f"{found[1]}{renewed(name, found[0], results)}\n{found[2]}",
            page,
            flags=re.S,
        )
    PAGE.write_text(page)
    PLOTS.mkdir(exist_ok=True)
    for result in results:
        for name, bars in plots(result).items():
            (PLOTS / f"{name}-{millions(result)}.svg").write_text(bars)


def renewed(name: str, section: str, results: list[dict]) -> str:
    """A section of the page with what these results say of it."""
    blocks = {int(found[1].replace(",", "")): found[0] for found in BLOCK.finditer(section)}
    blocks |= {result["messages"]: text for result in results if (text := TABLES[name](result))}
    texts = [blocks[messages] for messages in sorted(blocks)]
    if name in DRAWN:
        texts += [f"![{name}](performance/{name}-{millions({'messages': it})}.svg)" for it in sorted(blocks)]
    return "\n\n".join(texts)


def machine(result: dict) -> str:
    told = result["machine"]
    return (
        f"{told['cpu']}, {told['cores']} cores, {told['memory_gb']} GB, {told['system']}; "
        f"{result['messages']:,} messages, {result['at'][:10]}, load at the start {told['load']}."
    )


def pages(result: dict) -> str:
    """Each request beside what answered the same in the same turn."""
    if "pages" not in result:
        return ""
    rows = []
    others = [other for other in OTHERS if other in result["pages"]]
    for name in [*(f"{kind} {channel}" for channel in CHANNELS for kind in KINDS), *MESSAGES]:
        cells = [name if name in MESSAGES else "{1}, {0}".format(*name.split())]
        for other in others:
            taken = result["pages"][other]
            cells += [ratio(taken[f"{name}/guildlake"][at], taken[f"{name}/{other}"][at]) for at in ("p50", "p99")]
        ours, floor = result["pages"][others[0]][f"{name}/guildlake"], result["pages"][others[0]]["health/guildlake"]
        rows.append([*cells, ratio(ours["p50"], floor["p50"])])
    head = ["request", *(f"{other}, {at}" for other in others for at in ("p50", "p99")), "`/health`, p50"]
    return table(result, head, rows)


def ingest(result: dict) -> str:
    if "ingest" not in result:
        return ""
    taken = result["ingest"]
    rows = []
    for name in [*(f"{kind} {channel}" for channel in CHANNELS for kind in KINDS), *MESSAGES, "health"]:
        idle, busy = (taken[when][f"{name}/guildlake"] for when in ("idle", "ingest"))
        rows.append([name, ratio(busy["p50"], idle["p50"]), ratio(busy["p99"], idle["p99"])])
    return table(result, [f"request ({taken['events']:,.0f} events a second)", "p50 to idle", "p99 to idle"], rows)


def reports(result: dict) -> str:
    if "reports" not in result:
        return ""
    others = [other for other in OTHERS if other in result["reports"]]
    names = list(dict.fromkeys(name.split("/")[0] for name in result["reports"][others[0]]))
    rows = []
    for name in names:
        taken = [result["reports"][other] for other in others]
        rows.append(
            [name, *(ratio(it[f"{name}/{other}"], it[f"{name}/guildlake"]) for it, other in zip(taken, others))]
        )
    return table(result, ["report", *(f"{other} takes" for other in others)], rows)


def downloads(result: dict) -> str:
    if "downloads" not in result:
        return ""
    taken, memory = result["downloads"], result["memory"]
    rows = [
        [name, ratio(seconds, taken[f"{name.split('/')[0]}/copy"]), f"{memory[name]:.0f} MB" if name in memory else ""]
        for name, seconds in taken.items()
    ]
    return table(result, ["download", "time to DuckDB's own COPY", "memory grows by"], rows)


def sizes(result: dict) -> str:
    if "bytes" not in result:
        return ""
    of = result["bytes"]
    return table(
        result, ["on the disk", "bytes to the payloads'"], [[name, ratio(of[name], of["json"])] for name in of]
    )


def growth(result: dict) -> str:
    """How much longer the same takes on more messages."""
    if "growth" not in result:
        return ""
    measured = result["growth"]
    first, *rest = measured["pages"]
    rows = [
        [name.split("/")[0], *(ratio(it[name][at], of[at]) for it in rest for at in ("p50", "p99"))]
        for name, of in first.items()
    ]
    start, *starts = measured["started"]
    rows.append(["a start, until it answers", *(cell for it in starts for cell in (ratio(it, start), ""))])
    for name, (least, *others) in measured["memory"].items():
        rows.append([f"memory {name}", *(cell for it in others for cell in (ratio(it, least), ""))])
    smallest, *sizes = (f"{size / 1e6:g} M" for size in measured["sizes"])
    head = ["request", *(f"{size} to {smallest}, {at}" for size in sizes for at in ("p50", "p99"))]
    return table(result, head, rows)


TABLES: dict[str, Callable[[dict], str]] = {
    "pages": pages,
    "ingest": ingest,
    "growth": growth,
    "reports": reports,
    "downloads": downloads,
    "sizes": sizes,
}


def plots(result: dict) -> dict[str, str]:
    made = {}
    if "pages" in result:
        others = [other for other in OTHERS if other in result["pages"] and other != "JSON by DuckDB"]
        groups = {}
        for name in [*(f"newest {channel}" for channel in CHANNELS), "message"]:
            taken = {other: result["pages"][other] for other in others}
            base = min(
                taken[other][f"{name}/{other}"]["p50"] / taken[other][f"{name}/guildlake"]["p50"] for other in others
            )
            groups[name] = {"guildlake": 1 / base} | {
                other: taken[other][f"{name}/{other}"]["p50"] / taken[other][f"{name}/guildlake"]["p50"] / base
                for other in others
            }
        made["pages"] = bars("A page of 100, and one message: p50, the fastest is 1", groups)
    if "reports" in result:
        others = [other for other in OTHERS if other in result["reports"]]
        names = dict.fromkeys(name.split("/")[0] for name in result["reports"][others[0]])
        groups = {
            name: {"guildlake": 1.0}
            | {
                other: result["reports"][other][f"{name}/{other}"] / result["reports"][other][f"{name}/guildlake"]
                for other in others
            }
            for name in names
        }
        made["reports"] = bars("Reports over all messages: guildlake is 1", groups)
    return made


def bars(title: str, groups: dict[str, dict[str, float]]) -> str:
    """Horizontal bars in groups, as SVG, with their values."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    most = max(value for group in groups.values() for value in group.values())
    left, width, height = 130, 470, 14
    lines, y = [], 56
    for at, name in enumerate(names):
        x = left + at * 130
        lines.append(
            f'<rect x="{x}" y="30" width="10" height="10" fill="{COLOURS[name]}"/><text x="{x + 14}" y="39">{name}</text>'
        )
    for group, values in groups.items():
        lines.append(f'<text x="{left - 8}" y="{y + height * len(values) / 2 + 4}" text-anchor="end">{group}</text>')
        for name, value in values.items():
            length = max(1.0, width * value / most)
            lines.append(
                f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{height - 2}" fill="{COLOURS[name]}"/>'
                f'<text x="{left + length + 4:.1f}" y="{y + 10}">{number(value)}</text>'
            )
            y += height
        y += 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 {y}" font-family="sans-serif" font-size="11" role="img">'
        f'<title>{title}</title><rect width="680" height="{y}" fill="#fff"/><text x="8" y="18" font-size="13">{title}</text>'
        + "".join(lines)
        + "</svg>\n"
    )


def table(result: dict, head: list[str], rows: Iterable[list[str]]) -> str:
    return f"{machine(result)}\n\n{markdown(head, rows)}"


def markdown(head: list[str], rows: Iterable[list[str]]) -> str:
    return "\n".join(["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)])


def ratio(one: float, other: float) -> str:
    return number(one / other)


def number(value: float) -> str:
    """Two figures that count."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def millions(result: dict) -> str:
    return f"{result['messages'] / 1e6:g}"


if __name__ == "__main__":
    main()

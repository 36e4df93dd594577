"""Writes the table of metrics in docs/operations.md from the catalogue; with --check it only compares."""

from __future__ import annotations

import sys
from pathlib import Path

from services.runtime.metrics import CATALOGUE

PAGE = Path("docs/operations.md")
_BEGIN, _END = "<!-- metrics: python -m services.runtime.metrics_table -->\n", "<!-- /metrics -->\n"


def table() -> str:
    """The catalogue in Markdown."""
    lines = ["| metric | type, unit | labels | meaning |", "| --- | --- | --- | --- |"]
    for metric in CATALOGUE:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        where = "" if len(metric.services) == 4 else f" ({', '.join(metric.services)})"
        lines.append(f"| `{metric.name}` | {metric.kind}, {metric.unit} | {labels} | {metric.meaning}{where} |")
    return "\n".join(lines) + "\n"


def with_table(page: str) -> str:
    """The page with the table as the catalogue has it; ValueError where its marks are missing."""
    before, after = page.index(_BEGIN) + len(_BEGIN), page.index(_END)
    return page[:before] + "\n" + table() + "\n" + page[after:]


def main(arguments: list[str]) -> int:
    """Exit status 1 where --check finds a difference."""
    page = PAGE.read_text()
    current = with_table(page)
    if arguments == ["--check"]:
        if page != current:
            print(f"{PAGE}: the table of metrics is not the catalogue's; run python -m services.runtime.metrics_table")
            return 1
        return 0
    PAGE.write_text(current)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

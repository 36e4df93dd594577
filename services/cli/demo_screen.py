"""How the demo shows itself: a live table on a terminal, plain lines elsewhere, and a report at the end."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from services.cli.demo_checks import Check
from services.cli.demo_watch import Watch

_PLAIN_EVERY_S = 2.0


class Screen:
    """Where the demo says what it does."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._watch: Watch | None = None
        self._doing = ""
        self._sent = self._total = 0
        self._told_at = 0.0

    @property
    def seconds(self) -> float:
        """Since the demo began."""
        return time.monotonic() - self._started

    def say(self, line: str) -> None:
        """One line, as it is."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def live(self, watch: Watch, total: int) -> Iterator[None]:
        """Shows the numbers while the block runs; the last of them stay."""
        self._watch, self._total = watch, total
        if not self._console.is_terminal:
            yield
            self._tell()
            return
        with Live(get_renderable=self._table, console=self._console, refresh_per_second=4):
            yield

    def doing(self, what: str) -> None:
        """Says what is under way now."""
        self._doing = what
        self._tell()

    def sent(self, count: int) -> None:
        """Says how many events have been sent."""
        self._sent = count
        if time.monotonic() - self._told_at > _PLAIN_EVERY_S:
            self._tell()

    def _tell(self) -> None:
        if not self._console.is_terminal and self._watch is not None:
            self._told_at = time.monotonic()
            numbers = "; ".join(f"{name}: {text}" for name, text in self._rows(self._watch))
            self.say(f"{self.seconds:5.1f} s  {self._doing}: {numbers}")

    def _table(self) -> Group:
        table = Table(box=None, show_header=False, padding=(0, 2))
        for name, text in self._rows(self._watch) if self._watch else ():
            table.add_row(name, text)
        return Group(Text(f"{self._doing}  ({self.seconds:.1f} s)", style="bold"), table)

    def _rows(self, watch: Watch) -> Iterator[tuple[str, str]]:
        yield "events sent", f"{self._sent:,} of {self._total:,}"
        yield "receipts", _words(watch.outcomes(), ("accepted", "duplicate", "parked", "rejected"))
        yield "verdicts", _words(watch.concluded(), ("pass", "fail", "inconclusive"))
        yield "alerts", _words(watch.alert_states(), ("raised", "cancelled"))
        yield "lag", "unknown" if watch.lag is None else f"{watch.lag:,} records"

    def rates(self, rows: Sequence[dict[str, Any]]) -> None:
        """The rates by domain and plan; `cell` says whose."""
        table = Table("domain", "plan", "place", "pass", "fail", "rate", "95 % interval", box=None, header_style="bold")
        for column in table.columns[3:6]:
            column.justify = "right"
        for row in rows:
            rate = "" if row["rate"] is None else f"{row['rate']:.2%}"
            interval = "" if row["rate"] is None else f"{row['low']:.2%} to {row['high']:.2%}"
            cells = (row["domain"], row["plan"], escape(row["cell"]))
            table.add_row(*cells, f"{row['pass']:,}", f"{row['fail']:,}", rate, interval)
        self.say("qualification rates, over all days:")
        self._console.print(table)

    def alerts(self, rows: Sequence[dict[str, Any]]) -> None:
        """The newest alerts of each input."""
        self.say("the newest alerts:")
        for row in rows:
            self.say(f"  {row['severity']:<8}  {row['area']:<9}  {row['headline']['en']}")

    def comparison(self, checked: Sequence[tuple[str, Check]]) -> None:
        """Every check, and whether all is as it must be."""
        self.say("compared with what the input must come to:")
        for name, check in checked:
            if check.ok:
                self.say(f"  ok     {name}: {check.what}: {_value(check.found)}")
                continue
            self.say(f"  WRONG  {name}: {check.what}: expected {_value(check.expected)}, found {_value(check.found)}")
            for difference in check.differences:
                self.say(f"         {difference}")

    def further(self, directory: Path, sample_id: str, running: bool) -> None:
        """The commands that look further."""
        command, place = _command(), f"--dir {quote(str(directory))}"
        self.say("to look further:")
        if not running:
            self.say(f"  {command} up --detach {place}")
        self.say(f"  {command} status {place}")
        self.say(f"  {command} rates --cut county --domain food --plan supervision {place}")
        self.say(f"  {command} rates --cut laboratory --window 90d --as-of 2025-12-31 {place}")
        self.say(f"  {command} alerts --state raised --area 6210 --limit 20 {place}")
        self.say(f"  {command} sample {sample_id} {place}")
        if not running:
            self.say(f"  {command} down {place}")


def _command() -> str:
    """How the command is called from here."""
    if shutil.which("samplewatch"):
        return "samplewatch"
    path, here = Path(sys.executable).with_name("samplewatch"), Path.cwd()
    return quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _words(counts: Counter[str], first: tuple[str, ...]) -> str:
    names = (*first, *sorted(set(counts) - set(first)))
    return ", ".join(f"{counts[name]:,} {name}" for name in names if counts[name] or name in first[:2])


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count:,} {name}" for name, count in value.items())
    return f"{value:,}"

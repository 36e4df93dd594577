"""Tables on the terminal show texts as they are, brackets too."""

from __future__ import annotations

from collections import deque
from io import StringIO

import pytest
from rich.console import Console

from services.cli.alerts_watch import _view
from services.cli.plan_commands import _show
from services.cli.tables import PlainTable, print_table
from services.planning.allocation import Line, Place, Prospect

TEXTS = ("苯并[a]芘", "[/cn]", "[red]x", "a:warning:b", "ends in \\")


@pytest.mark.parametrize("text", TEXTS)
def test_brackets_are_no_markup(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["item"], [[text]], "nothing")
    assert text in capsys.readouterr().out


@pytest.mark.parametrize("text", TEXTS)
def test_nor_in_alerts_and_plans(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("changed_at", "alert_id", "transition", "state", "level", "area")
    alert = {**dict.fromkeys(names, "x"), "severity": "Severe", "headline": {"zh": text}}
    console = Console(file=StringIO(), width=200)
    console.print(_view(deque([alert]), {}, "zh"))
    assert text in console.file.getvalue()  # type: ignore[attr-defined]
    place = Place("621002", "use", text)
    _show([Line(Prospect(place, 1.0, 9.0, 0, 0), 1, 1, 0, 0)], {place: []}, "2027Q1", "zh")
    assert text in capsys.readouterr().out


def test_none_is_an_empty_cell() -> None:
    table = PlainTable("a", "b")
    table.add_row("x", None)
    assert table.row_count == 1

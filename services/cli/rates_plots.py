"""`samplewatch rates --plot`: the API's answers as charts."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, cast

import click

from services.charts import Chart, Line, Point, Ranked, draw_ranking, draw_series
from services.charts.data import Format

_FORMATS = {".svg": "svg", ".png": "png"}


def check(path: Path) -> None:
    """Raises click.UsageError for a file that can't be a chart, before anything is asked."""
    if path.suffix.lower() not in _FORMATS:
        raise click.UsageError(f"--plot {path}: name a file that ends in .svg or .png")
    if not path.absolute().parent.is_dir():
        raise click.UsageError(f"--plot {path}: there is no directory {path.absolute().parent}")


def write(path: Path, answer: Any) -> None:
    """Draws a ranking or a list of series, and says on standard error what its reader has to know."""
    form = cast(Format, _FORMATS[path.suffix.lower()])
    try:
        chart = _ranking(answer, form) if isinstance(answer, dict) else _series(answer, form)
    except ValueError as error:
        raise click.ClickException(f"--plot {path}: {error}") from None
    path.write_bytes(chart.content)
    for message in (*chart.messages, f"wrote {path}"):
        click.echo(message, err=True)


def _series(found: list[dict[str, Any]], form: Format) -> Chart:
    programmes = {(one["domain"], one["plan"]) for one in found}
    lines = [
        Line(one["cell"] if len(programmes) == 1 else f"{one['domain']} {one['plan']} {one['cell']}", _points(one))
        for one in found
    ]
    title = ""
    if found:
        one = found[0]
        programme = f"{one['domain']}, {one['plan']}: " if len(programmes) == 1 else ""
        measures = " and ".join(sorted({each["measure"] for each in found}))
        title = f"{programme}{measures} rate by {one['by']}{_targeting(one)}"
    return draw_series(lines, title=title, form=form)


def _points(one: dict[str, Any]) -> list[Point]:
    return [
        Point(
            date.fromisoformat(point["from"]),
            date.fromisoformat(point["to"]),
            *(point["rate"], point["low"], point["high"], point["samples"]),
        )
        for point in one["points"]
        if point["rate"] is not None
    ]


def _ranking(answer: dict[str, Any], form: Format) -> Chart:
    cells = [
        Ranked(cell["cell"], cell["rate"], cell["low"], cell["high"], cell["shrunken_rate"], cell["samples"])
        for cell in answer["cells"]
    ]
    title = (
        f"{answer['domain']}, {answer['plan']}: {answer['measure']} rate by {answer['cut']}, "
        f"{answer['from']} to {answer['to']}{_targeting(answer)}"
    )
    return draw_ranking(cells, answer["prior"]["mean"] if answer["prior"] else 0.0, title=title, form=form)


def _targeting(answer: dict[str, Any]) -> str:
    return "" if answer["targeting"] == "together" else f", {answer['targeting']} sampling only"

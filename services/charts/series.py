"""Series of rates with their interval bands: a few lines in one chart, more of them each in a panel of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from math import ceil, nan
from typing import Any

from services.charts.data import Chart, Format, Lang, Line, Point
from services.charts.fonts import Labels, chinese_family
from services.charts.style import GREYS, HATCHES, STROKES, percent, saved, style, word
from services.charts.texts import writable

MOST_LINES = 24
_TOGETHER = len(STROKES)
_COLUMNS = 3
#: Labels at the ends of lines stand at least this far apart, as a share of the axis.
_APART = 0.06


def draw_series(lines: Sequence[Line], *, title: str, form: Format = "svg", lang: Lang = "en") -> Chart:
    """The series, at most MOST_LINES of them; raises ValueError where no line has a point."""
    from matplotlib.figure import Figure

    title = writable(title)
    drawn = [replace(line, name=writable(line.name)) for line in lines if line.points][:MOST_LINES]
    if not drawn:
        raise ValueError("there is nothing to draw")
    labels = Labels(chinese_family() is not None)
    with style():
        if len(drawn) <= _TOGETHER:
            figure = Figure(figsize=(8, 4.5), layout="constrained")
            axes = figure.add_subplot()
            for place, line in enumerate(drawn):
                _draw(axes, line, place)
            _set_up([axes], drawn, lang)
            _label_ends(axes, drawn, labels)
        else:
            rows = ceil(len(drawn) / _COLUMNS)
            figure = Figure(figsize=(9, 1 + 1.9 * rows), layout="constrained")
            grid = list(figure.subplots(rows, _COLUMNS, sharex=True, sharey=True).flat)
            for axes, line in zip(grid, drawn, strict=False):
                _draw(axes, line, 0)
                axes.set_title(labels.of(line.name), fontsize=9, loc="left")
            for axes in grid[len(drawn) :]:
                axes.set_visible(False)
            _set_up(grid[: len(drawn)], drawn, lang)
        figure.suptitle(labels.title(title), x=0.01, ha="left", fontsize=11)
        content = saved(figure, form, title)
    left_out = sum(1 for line in lines if line.points) - len(drawn)
    told = (f"{left_out} more series were left out: a chart takes {MOST_LINES}",) if left_out else ()
    return Chart(content, (*labels.messages([title]), *told))


def _draw(axes: Any, line: Line, place: int) -> None:
    stroke, mark = STROKES[place]
    days, rates, lows, highs = _with_gaps(line.points)
    grey = GREYS[place]
    band = axes.fill_between(days, lows, highs, facecolor=grey, alpha=0.18, hatch=HATCHES[place], edgecolor=grey, lw=0)
    band.set_gid(f"band-{place}-{line.name}")
    # a period without neighbours has no band: its interval is a stroke
    alone = [point for point, single in zip(line.points, _alone(line.points), strict=True) if single]
    if alone:
        strokes = axes.vlines(
            [_middle(point) for point in alone], [p.low for p in alone], [p.high for p in alone], color=grey, alpha=0.5
        )
        strokes.set_gid(f"alone-{place}-{line.name}")
    (drawn,) = axes.plot(days, rates, linestyle=stroke, marker=mark, markersize=3.5, color=grey, linewidth=1.2)
    drawn.set_gid(f"line-{place}-{line.name}")


def _with_gaps(points: Sequence[Point]) -> tuple[list[date], list[float], list[float], list[float]]:
    """Middle days, rates and bounds; between periods that do not follow each other a line that is not drawn."""
    columns: tuple[list[date], list[float], list[float], list[float]] = ([], [], [], [])
    for before, point in pairwise([None, *points]):
        if point is None:
            continue
        if before is not None and not _follows(before, point):
            _append(columns, before.last + (point.first - before.last) / 2, nan, nan, nan)
        _append(columns, _middle(point), point.rate, point.low, point.high)
    return columns


def _middle(point: Point) -> date:
    return point.first + (point.last - point.first) / 2


def _follows(before: Point, point: Point) -> bool:
    return before.last + timedelta(days=1) == point.first


def _alone(points: Sequence[Point]) -> list[bool]:
    joined = [False, *(_follows(before, point) for before, point in pairwise(points)), False]
    return [not (left or right) for left, right in pairwise(joined)]


def _append(columns: tuple[list[Any], ...], *row: Any) -> None:
    for column, value in zip(columns, row, strict=True):
        column.append(value)


def _set_up(all_axes: Sequence[Any], lines: Sequence[Line], lang: Lang) -> None:
    from matplotlib import dates

    lowest = min(point.low for line in lines for point in line.points)
    highest = max(point.high for line in lines for point in line.points)
    room = max(0.002, 0.05 * (highest - lowest))
    made: Any = dates  # its constructors have no types
    for axes in all_axes:
        axes.set_ylim(max(0.0, lowest - room), min(1.0, highest + room) + room / 4)
        axes.yaxis.set_major_formatter(percent)
        locator = made.AutoDateLocator(minticks=3, maxticks=7)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(made.ConciseDateFormatter(locator))
    all_axes[0].set_ylabel(word("rate", lang))


def _label_ends(axes: Any, lines: Sequence[Line], labels: Labels) -> None:
    """The name of each line at its end, moved apart where lines end close together."""
    low, high = axes.get_ylim()
    apart = _APART * (high - low)
    height = low
    for rate, place in sorted((line.points[-1].rate, place) for place, line in enumerate(lines)):
        height = max(height, rate)
        last = lines[place].points[-1]
        axes.annotate(
            labels.of(lines[place].name),
            (_middle(last), height),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=GREYS[place],
            annotation_clip=False,
        )
        height += apart

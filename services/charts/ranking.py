"""A ranking: each cell's own rate with its interval, and the shrunken rate by which it stands where it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.charts.data import Chart, Format, Lang, Ranked
from services.charts.fonts import Labels, chinese_family
from services.charts.style import percent, saved, style, word
from services.charts.texts import writable

MOST_CELLS = 40


def draw_ranking(
    cells: Sequence[Ranked], common: float, *, title: str, form: Format = "svg", lang: Lang = "en"
) -> Chart:
    """The cells in their order, the first on top, at most MOST_CELLS; `common` is the rate they are drawn towards.

    Raises ValueError where there are no cells.
    """
    from matplotlib.figure import Figure

    title = writable(title)
    drawn = [replace(cell, name=writable(cell.name)) for cell in cells[:MOST_CELLS]]
    if not drawn:
        raise ValueError("there is nothing to draw")
    labels = Labels(chinese_family() is not None)
    with style():
        figure = Figure(figsize=(8, 1.6 + 0.26 * len(drawn)), layout="constrained")
        axes = figure.add_subplot()
        heights = range(len(drawn), 0, -1)
        whiskers = axes.hlines(heights, [c.low for c in drawn], [c.high for c in drawn], color="0.55", linewidth=1.1)
        whiskers.set_gid("intervals")
        own = axes.scatter(
            [c.rate for c in drawn], heights, s=26, facecolor="white", edgecolor="0.3", marker="o", zorder=3
        )
        own.set_gid("own-rates")
        shrunken = axes.scatter([c.shrunken for c in drawn], heights, s=22, color="0.0", marker="D", zorder=4)
        shrunken.set_gid("shrunken-rates")
        line = axes.axvline(common, color="0.35", linestyle="--", linewidth=0.9)
        line.set_gid("common-rate")
        axes.set_ylim(0.3, len(drawn) + 0.7)
        axes.set_yticks(heights, [f"{labels.of(c.name)}  (n = {c.samples:,})" for c in drawn])
        axes.grid(visible=False)
        axes.xaxis.set_major_formatter(percent)
        axes.set_xlabel(word("rate", lang))
        handles = {"shrunken": shrunken, "own": own, "common": line}
        names = [word(name, lang) for name in handles]
        figure.legend(list(handles.values()), names, loc="outside lower right", ncols=3, frameon=False, fontsize=8)
        figure.suptitle(labels.title(title), x=0.01, ha="left", fontsize=11)
        content = saved(figure, form, title)
    left_out = len(cells) - len(drawn)
    told = (f"{left_out} more cells were left out: a chart takes {MOST_CELLS}",) if left_out else ()
    return Chart(content, (*labels.messages([title]), *told))

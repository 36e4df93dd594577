"""The charts of a report: food supervision by month and by county, from the answers of the rates API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from services.charts import Chart, Line, Point, Ranked, draw_ranking, draw_series
from services.reports.regions import region_name
from services.reports.rendering import Plot
from services.reports.wording import Lang

#: Of which programme charts are drawn.
DOMAIN, PLAN = "food", "supervision"
_TITLES: Mapping[Lang, tuple[str, str]] = {
    "zh": ("食品监督抽检合格率，按月", "食品监督抽检合格率，按县区"),
    "en": ("Qualification rate of food supervision by month", "Qualification rate of food supervision by county"),
}


def draw_plots(
    series: Sequence[Mapping[str, Any]], ranking: Mapping[str, Any], lang: Lang, folder: Path, stem: str
) -> list[Plot]:
    """Writes the charts as PNG into the folder, under names that begin with `stem`; none of what has no records."""
    by_month, by_county = _TITLES[lang]
    return [
        *_written(_months(series, by_month, lang), folder / f"{stem}-months.png", by_month),
        *_written(_counties(ranking, by_county, lang), folder / f"{stem}-counties.png", by_county),
    ]


def _months(series: Sequence[Mapping[str, Any]], title: str, lang: Lang) -> Chart | None:
    points = [
        Point(
            date.fromisoformat(point["from"]),
            date.fromisoformat(point["to"]),
            *(point["rate"], point["low"], point["high"], point["samples"]),
        )
        for one in series
        for point in one["points"]
        if point["rate"] is not None
    ]
    # one line needs no name: the title is that
    return draw_series([Line("", points)], title=title, form="png", lang=lang) if points else None


def _counties(ranking: Mapping[str, Any], title: str, lang: Lang) -> Chart | None:
    cells = [
        Ranked(
            region_name(cell["cell"]),
            *(cell["rate"], cell["low"], cell["high"], cell["shrunken_rate"], cell["samples"]),
        )
        for cell in ranking["cells"]
    ]
    common = ranking["prior"]["mean"] if ranking["prior"] else 0.0
    return draw_ranking(cells, common, title=title, form="png", lang=lang) if cells else None


def _written(chart: Chart | None, path: Path, title: str) -> Iterator[Plot]:
    if chart is not None:
        path.write_bytes(chart.content)
        yield Plot(path.name, title, chart.messages)

"""`samplewatch report`: the passages of a regulator's annual work report that sampling can fill."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from services.cli.connection import bootstrap_of, dir_option
from services.cli.http import ask_all
from services.runtime.calendar import SHANGHAI

if TYPE_CHECKING:
    from services.reports.rendering import Report
    from services.reports.year import Comparison, YearCounts


@click.command()
@click.option("--year", type=click.IntRange(2001, 2999), required=True, help="The calendar year, such as 2021.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@click.option("--format", "form", type=click.Choice(["md", "docx", "json"]), default="md", show_default=True)
@click.option("--explain", is_flag=True, help="Number the figures, and list the cell, days and counts behind each.")
@click.option("--plot", is_flag=True, help="With the year's rates by month and by county as charts; needs --out.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="FILE. [default: what is no docx, printed]"
)
@dir_option
def report(
    *, year: int, lang: Any, form: str, explain: bool, plot: bool, out: Path | None, directory: str | None
) -> None:
    """Write what sampling has to say in the annual work report of YEAR, beside the year before, from the records alone.
    Of a year that is not over, the days up to today are beside the same days of the year before.

    Every figure is counted from the record; what the record does not have is said to be absent. In JSON each figure
    has its cell, days and counts.

    \b
      samplewatch report --year 2021
      samplewatch report --year 2021 --format docx --explain --plot --out 2021.docx
      samplewatch report --year 2021 --lang en --format json
    """
    from services.reports.rendering import Plot, render
    from services.reports.year import Comparison

    if out is None and (form == "docx" or plot):
        raise click.UsageError("say by --out where to write it")
    if plot and form == "json":
        raise click.UsageError("JSON has no charts")
    comparison = Comparison.of(year, datetime.now(SHANGHAI).date())
    _fill(comparison, directory)
    with tempfile.TemporaryDirectory() as beside:
        plots: Sequence[Plot] = ()
        if plot and out is not None:
            # a docx holds its pictures, Markdown names the files beside it
            folder = Path(beside) if form == "docx" else out.parent
            plots = _draw(comparison.now, lang, folder, out.stem, directory)
        written = render(comparison, lang, explain, plots)
        if form == "docx" and out is not None:
            from services.reports.docx_writing import write_docx

            write_docx(written.text, out, Path(beside))
        else:
            _print(written, form, out)
    if out is not None:
        click.echo(f"wrote {out}: {len(written.figures):,} figures")


def _fill(comparison: Comparison, directory: str | None) -> None:
    from services.reports.record import Record
    from services.reports.samples_taken import count_taken
    from services.reports.year import CUTS, verdicts_of

    years = (comparison.now, comparison.before)
    for counts in years:
        for cut in CUTS:
            span = {"from": counts.span.first.isoformat(), "to": counts.span.last.isoformat()}
            rows, _ = ask_all(directory, "lab_results", "/rates", {"cut": cut, **span}, "rates")
            counts.verdicts |= verdicts_of(rows)
    with Record(bootstrap_of(directory)) as record:
        count_taken(record, years)


def _print(written: Report, form: str, out: Path | None) -> None:
    text = json.dumps(written.as_dict(), ensure_ascii=False) + "\n" if form == "json" else written.text
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")


def _draw(year: YearCounts, lang: Any, folder: Path, stem: str, directory: str | None) -> list[Any]:
    from services.reports.plots import DOMAIN, PLAN, draw_plots

    cell = {"domain": DOMAIN, "plan": PLAN, "from": year.span.first.isoformat(), "to": year.span.last.isoformat()}
    months, _ = ask_all(directory, "lab_results", "/rates/series", {**cell, "by": "month"}, "series")
    cells, ranking = ask_all(directory, "lab_results", "/rates/ranking", {**cell, "cut": "county"}, "cells")
    return draw_plots(months, {**ranking, "cells": cells}, lang, folder, stem)

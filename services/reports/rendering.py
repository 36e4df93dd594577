"""Writes a report from its template. Whatever number stands in the text is a `Figure`, noted as it is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.charts.texts import writable
from services.lab_results.cuts import Cell
from services.reports.figures import Figure
from services.reports.wording import Lang, cell_name, direction, word, written
from services.reports.year import Comparison

_TEMPLATES = Path(__file__).parent / "templates"
#: In a file's name, what Markdown or an address reads otherwise than as a letter of the name.
_NO_LETTER = re.compile(r"[^\w .-]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#+|~!&-])")


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart beside the text: its file's name, what it shows, and what its reader has to be told."""

    file: str
    title: str
    messages: tuple[str, ...] = ()


@dataclass(slots=True)
class Report:
    """A written report: Markdown, and its figures in the order in which they first appear."""

    year: int
    lang: Lang
    text: str = ""
    figures: list[Figure] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The report as one JSON object."""
        figures = [figure.as_dict() for figure in self.figures]
        return {"year": self.year, "lang": self.lang, "text": self.text, "figures": figures}


@dataclass(frozen=True, slots=True)
class _Signed:
    figure: Figure


class _Writer:
    """Turns what a template writes into text. `explain`: behind each figure stands its number in the list of them."""

    def __init__(self, report: Report, explain: bool) -> None:
        self._report = report
        self._explain = explain
        self._places: dict[str, int] = {}

    def text(self, value: Any) -> Any:
        if isinstance(value, _Signed):
            return self._figure(value.figure, signed=True)
        return self._figure(value) if isinstance(value, Figure) else value

    def _figure(self, figure: Figure, signed: bool = False) -> str:
        place = self._places.get(figure.name)
        if place is None:
            self._report.figures.append(figure)
            place = self._places[figure.name] = len(self._report.figures)
        text = written(figure, self._report.lang, signed)
        return f"{text}〔{place}〕" if self._explain else text


def render(comparison: Comparison, lang: Lang, explain: bool = False, plots: Sequence[Plot] = ()) -> Report:
    """The report of a year. `explain`: with a list of every figure's cell, days and counts."""
    report = Report(comparison.now.year, lang)
    writer = _Writer(report, explain)
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        finalize=writer.text,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters["signed"] = _Signed
    environment.filters["direction"] = lambda figure: direction(figure, lang)
    environment.filters["md"] = escaped
    environment.filters["file"] = link_to
    environment.filters["word"] = lambda name: word(name, lang)
    environment.globals["name_of"] = _names(lang)
    template = environment.get_template(f"{lang}.md")
    text = template.render(
        year=comparison.now.year,
        at=comparison.at,
        within=comparison.within,
        now=comparison.now,
        before=comparison.before,
        plots=plots,
    )
    if explain:
        # by the same writer's list, once the text has filled it
        text += environment.get_template(f"{lang}_figures.md").render(rows=_explained(report))
    report.text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    return report


def escaped(text: str) -> str:
    """A text that Markdown takes as it is, on one line."""
    return _MARKDOWN.sub(r"\\\1", writable(" ".join(text.split())))


def link_to(file: str) -> str:
    """Where a link to a file beside the text leads: in brackets, since a name may hold blanks. What is no letter is
    written in percents, Chinese is left to be read."""
    return f"<{_NO_LETTER.sub(lambda found: quote(found[0]), file)}>"


def _names(lang: Lang) -> Any:
    def name_of(cell: Cell, others: Sequence[Cell]) -> str:
        """The cell's name, with its code where another one has the same."""
        name = cell_name(cell, lang)
        same = sum(cell_name(other, lang) == name for other in others) > 1
        return escaped(f"{name} ({cell.value})" if same else name)

    return name_of


def _explained(report: Report) -> list[dict[str, str]]:
    return [
        {
            "number": str(number),
            "what": word(figure.kind, report.lang),
            "value": escaped(written(figure, report.lang, signed=True)),
            "cell": escaped(figure.cell.key),
            "behind": "; ".join(
                f"{part.span.first} – {part.span.last}: "
                + ", ".join(f"{word(name, report.lang)} {count}" for name, count in part.counts.items())
                for part in figure.parts
            ),
            "source": escaped(figure.source),
        }
        for number, figure in enumerate(report.figures, 1)
    ]

"""What all charts share: fonts, greys, and how a figure becomes bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from services.charts.data import Format, Lang
from services.charts.fonts import chinese_family

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Told apart without colour: the stroke and the mark of each line, its grey, and the hatch of its band.
STROKES = (("-", "o"), ("--", "s"))
GREYS = ("0.0", "0.35")
HATCHES = ("", "////")

_WORDS = {
    "en": {"rate": "rate, with 95 % interval", "shrunken": "shrunken", "own": "own rate", "common": "common rate"},
    "zh": {"rate": "合格率（95% 置信区间）", "shrunken": "收缩估计", "own": "实际", "common": "总体"},
}


def word(name: str, lang: Lang) -> str:
    """A chart's own word; in English where Chinese can't be drawn."""
    return _WORDS[lang if chinese_family() else "en"][name]


@contextmanager
def style() -> Iterator[None]:
    """The settings that figures are made and saved under, whatever the user's own are."""
    from matplotlib import rc_context, rcParamsDefault

    family = chinese_family()
    own: dict[str, Any] = {
        "font.family": ["DejaVu Sans", *([family] if family else [])],  # comes with matplotlib, so is always the same
        "font.size": 9,
        "text.parse_math": False,  # a name with dollars is a name
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "grid.color": "0.85",
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
        "hatch.linewidth": 0.4,
        "svg.hashsalt": "samplewatch",  # ids that do not change from run to run
        "svg.fonttype": "path",  # so that the reader's machine needs no font
    }
    default: Any = rcParamsDefault
    settings: Any = {**{name: value for name, value in default.items() if not name.startswith("backend")}, **own}
    with rc_context(settings):
        yield


def saved(figure: Figure, form: Format, title: str) -> bytes:
    """The figure as a file without a date."""
    # the title goes into the file too, for readers who do not see it
    nameless = {"Title": title, "Date": None} if form == "svg" else {"Title": title, "Software": None}
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, dpi=150, metadata=nameless)
    return buffer.getvalue()


def percent(rate: float, _place: float) -> str:
    """A rate as axes show it."""
    return f"{100 * rate:.4g} %"

"""A font with Chinese glyphs, and what is drawn where there is none."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

#: Sans-serif families for simplified Chinese that systems come with, or that are commonly installed, best first.
_FAMILIES = (
    *("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "Microsoft YaHei", "PingFang SC"),
    *("Heiti SC", "STHeiti", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "SimSun"),
)
_GLYPHS = "不合格率"

MISSING = (
    "no font with Chinese glyphs is installed, so Chinese names are drawn as codes; the package fonts-noto-cjk (Debian,"
    " Ubuntu), google-noto-sans-cjk-fonts (Fedora) or noto-fonts-cjk (Arch) has one"
)


@lru_cache(maxsize=1)
def chinese_family() -> str | None:
    """The family of an installed font with Chinese glyphs; None where there is none."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    # matplotlib keeps a list of fonts and does not notice those installed since
    for path in set(font_manager.findSystemFonts()) - {font.fname for font in manager.ttflist}:
        try:
            manager.addfont(path)
        except (OSError, RuntimeError):
            continue  # a font that can't be read can't be drawn with either
    installed = {font.name: font.fname for font in sorted(manager.ttflist, key=lambda font: font.fname, reverse=True)}
    # that of matplotlib's own has a glyph for everything: a box
    installed = {name: path for name, path in installed.items() if not name.startswith("Last Resort")}
    others = sorted(set(installed) - set(_FAMILIES), key=lambda name: ("CJK" not in name, "Sans" not in name, name))
    return next((name for name in (*_FAMILIES, *others) if name in installed and _has_glyphs(installed[name])), None)


def _has_glyphs(path: str) -> bool:
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):
        return False
    return all(font.get_char_index(ord(glyph)) for glyph in _GLYPHS)


class Labels:
    """Names as they can be drawn: as they are, or, where a font is missing, as codes that `messages` explain."""

    def __init__(self, chinese: bool) -> None:
        self._chinese = chinese
        self._codes: dict[str, str] = {}

    def of(self, name: str) -> str:
        """What to draw for a name."""
        if self._chinese or name.isascii():
            return name
        return self._codes.setdefault(name, f"C{len(self._codes) + 1}")

    def title(self, text: str) -> str:
        """What to draw for a sentence: what can be drawn of it."""
        if self._chinese:
            return text
        return " ".join("".join(char if char.isascii() else " " for char in text).split())

    def messages(self, lost: Iterable[str] = ()) -> tuple[str, ...]:
        """What to tell the reader; `lost` are texts that were drawn in part."""
        if self._chinese or (not self._codes and all(text.isascii() for text in lost)):
            return ()
        return (MISSING, *(f"{code}: {name}" for name, code in self._codes.items()))

"""The cell 不合格项目: failed items in one text, written so that reading it gives the same items back.

Items are joined by 、; with values, each is item║result║limit. A name that holds a separator outside of brackets, or a
mark, is put in “ ”, in which a closing mark is doubled. Reading also takes what others write: ；; and line breaks
between items, ║ ‖ | ｜ || between the parts, and / there where the header says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from services.importers.samr_cells import text as normal
from services.public_tables.columns import EMPTY, FailedLine

_MARK = re.compile(r"\|\||[║‖|｜]")
_STRONG, _WEAK = "\n；;", "、"
_SEPARATORS = _STRONG + _WEAK
_OPENING, _CLOSING = "(（[【{｛〔", ")）]】}｝〕"
_QUOTED = re.compile(r"(?<![^\n；;、║‖|｜])“((?:[^”]|””)*)”(?![^\n；;、║‖|｜])")
#: What a limit begins with, by which it is told from a result and from units such as mg/kg.
_WITH_SLASHES = re.compile(r"(?P<item>[^/]+)/(?P<value>.+?)/(?P<limit>(?:[≤≥<>＜＞=]|不得|n=|\d).*)", re.DOTALL)
#: A long name that is broken before its bracket is one name.
_WRAPPED = re.compile(rf"\s*\n\s*(?=[{re.escape(_OPENING)}])")


def write(lines: Iterable[FailedLine], with_values: bool = False) -> str:
    """The cell's text. Lines that would look the same appear once."""
    lines = tuple(lines)
    with_values = with_values and any(line.value or line.limit for line in lines)
    return "、".join(dict.fromkeys(_written(line, with_values) for line in lines))


def _written(line: FailedLine, with_values: bool) -> str:
    if not with_values:
        return _part(line.item)
    return "║".join((_part(line.item), _part(line.value), _part(line.limit)))


def _part(part: str | None) -> str:
    if part is None:
        return EMPTY
    return part if _is_plain(part) else "“" + part.replace("”", "””") + "”"


def _is_plain(part: str) -> bool:
    """Whether the part reads as itself wherever it stands in a cell."""
    return (
        part == normal(part)
        and not any(sign in part for sign in "“”\n")
        and not _MARK.search(part)
        and _balanced(part)
        and not any(depth == 0 and sign in _SEPARATORS for sign, depth in _depths(part))
    )


def read(cell: str, slashes: bool = False) -> tuple[FailedLine, ...]:
    """The items in a cell. `slashes`: the header puts / between item, result and limit.

    Raises ValueError where the number of marks fits no number of items.
    """
    hidden = _Hidden(cell)
    masked = _WRAPPED.sub("", hidden.mask(cell).replace("\r\n", "\n"))
    lines = _slashed(masked) if slashes and not _MARK.search(masked) else chain(*map(_side_by_side, _marked(masked)))
    found = (FailedLine(*map(hidden.shown, line)) for line in lines)  # type: ignore[arg-type]
    return tuple(dict.fromkeys(line for line in found if line.item))


class _Hidden:
    """The quoted parts of a cell, out of the way while it is split."""

    def __init__(self, cell: str) -> None:
        self._sign = next(chr(code) for code in range(0xE000, 0xF900) if chr(code) not in cell)
        self._place = re.compile(f"{self._sign}(\\d+){self._sign}")
        self._parts: list[str] = []

    def mask(self, cell: str) -> str:
        return _QUOTED.sub(self._hide, cell)

    def _hide(self, found: re.Match[str]) -> str:
        self._parts.append(found[0])
        return f"{self._sign}{len(self._parts) - 1}{self._sign}"

    def shown(self, part: str) -> str | None:
        found = self._place.fullmatch(part.strip())
        if found:
            return self._parts[int(found[1])][1:-1].replace("””", "”")
        return normal(self._place.sub(lambda inner: self._parts[int(inner[1])], part))


def _slashed(cell: str) -> Iterator[list[str]]:
    for part in _split(cell, _SEPARATORS):
        found = _WITH_SLASHES.fullmatch(part.strip())
        yield list(found.groups()) if found else [part]


def _marked(cell: str) -> list[list[str]]:
    """Item, result and limit of each line. Results hold separators too (①1；②2), so the marks are counted first."""
    if not _MARK.search(cell):
        return [[part] for part in _split(cell, _SEPARATORS)]
    parts = _MARK.split(cell)
    for wanted in (3, 2) if len(parts) % 2 == 0 else (3,):
        for separators in ("\n", _STRONG, _SEPARATORS):
            lines = [_MARK.split(part) for part in _split(cell, separators)]
            if all(len(line) == wanted for line in lines):
                return lines
    if len(parts) % 2 == 0:
        lines = [_MARK.split(part) for part in _split(cell, "\n")]
        if all(len(line) <= 3 for line in lines):
            return lines
        raise ValueError("item, result and limit cannot be told apart")
    lines = [parts[:2]]
    for place in range(2, len(parts) - 1, 2):
        # the limit of one item, a separator, and the name of the next
        *limit, name = _split(parts[place], _SEPARATORS)
        if not limit:
            raise ValueError("item, result and limit cannot be told apart")
        lines[-1].append(parts[place][: parts[place].rindex(name)].rstrip(_SEPARATORS + " "))
        lines.append([name, parts[place + 1]])
    lines[-1].append(parts[-1])
    return lines


def _side_by_side(line: list[str]) -> list[list[str]]:
    """The lines in one line that lists all items, all results, and all limits: a、b║1、2║≤3、≤4."""
    parts = [_split(part, _SEPARATORS) for part in line]
    alike = len(parts) > 1 and len({len(part) for part in parts}) == 1
    return [list(each) for each in zip(*parts, strict=True)] if alike else [line]


def _split(text: str, separators: str) -> list[str]:
    """The parts between separators outside of brackets; brackets that do not match count for nothing."""
    matched = _balanced(text)
    parts = [""]
    for sign, depth in _depths(text):
        if sign in separators and (depth == 0 or not matched):
            parts.append("")
        else:
            parts[-1] += sign
    return [part for part in parts if part.strip()]


def _depths(text: str) -> Iterator[tuple[str, int]]:
    depth = 0
    for sign in text:
        depth += (sign in _OPENING) - (sign in _CLOSING)
        yield sign, depth


def _balanced(text: str) -> bool:
    depths = [depth for _, depth in _depths(text)]
    return not depths or (min(depths) >= 0 and depths[-1] == 0)

"""Which cells a page speaks of, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import get_args

from schemas.values import Domain, Plan
from services.lab_results.api.counts_cache import CountsCache, Group
from services.lab_results.api.cursors import Key, cursor_of, key_of
from services.lab_results.api.parameters import Cells
from services.lab_results.cuts import Cell
from services.lab_results.rates import RunningSums

_DOMAINS, _PLANS = get_args(Domain), get_args(Plan)
#: After so many cells the event loop, which the stages share, has its turn.
_AT_ONCE = 50


async def cells_of(cache: CountsCache, query: Cells) -> AsyncIterator[tuple[Cell, RunningSums]]:
    """All cells that the query asks for with their counts, in the order of domain, plan and value, from where the
    query's cursor ends. Raises BadParameter."""
    after = key_of(query.cursor, int, int, str) if query.cursor is not None else (-1, -1, "")
    programmes = [
        (domain, plan)
        for domain in _DOMAINS
        for plan in _PLANS
        if query.domain in (None, domain) and query.plan in (None, plan)
    ]
    if query.cell is not None:
        cells = [Cell(domain, plan, query.cut, query.cell) for domain, plan in programmes]
        for cell, sums in zip(cells, await cache.cells(cells), strict=True):
            if _sort_key(cell) > after:
                yield cell, sums
        return
    for number, (cell, group) in enumerate(await _listed(cache, query.cut, programmes, after), 1):
        yield cell, group.sums(cell.value)
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)


async def _listed(
    cache: CountsCache, cut: str, programmes: list[tuple[str, str]], after: Key
) -> list[tuple[Cell, Group]]:
    cells = [Cell(domain, plan, cut, "") for domain, plan in programmes]
    groups = await cache.groups([cell.group for cell in cells])
    return [
        (cell, group)
        for first, group in zip(cells, groups, strict=True)
        for cell in (first._replace(value=value) for value in group.values)
        if _sort_key(cell) > after
    ]


def cursor_after(cell: Cell) -> str:
    """The cursor of a page that ends with this cell."""
    return cursor_of(_sort_key(cell))


def _sort_key(cell: Cell) -> tuple[int, int, str]:
    return _DOMAINS.index(cell.domain), _PLANS.index(cell.plan), cell.value

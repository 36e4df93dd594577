"""A row of the national export: its cells, found by the field that their column maps to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from schemas.mappings import SAMR_COLUMNS, column_key
from services.importers import samr_cells

T = TypeVar("T")

#: Path of a contract's field -> the columns that may hold it.
COLUMNS_OF: Mapping[str, tuple[str, ...]] = {
    path: tuple(column for column, target in SAMR_COLUMNS.items() if target == path)
    for path in set(SAMR_COLUMNS.values())
}


class Refused(ValueError):
    """A cell that cannot be mapped."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(f"{column}: {reason}")
        self.column = column
        self.reason = reason


class Row:
    """One row of the export, its cells found by the path of the contract's field that their column maps to."""

    def __init__(self, number: int, cells: Mapping[str, Any]) -> None:
        self.number = number
        self.cells = {column_key(name): cell for name, cell in cells.items() if samr_cells.text(cell) is not None}

    def find(self, path: str) -> tuple[str, Any]:
        """(column, cell) of the first column with something in it; the path's main column and None if there is none."""
        columns = COLUMNS_OF.get(path, (path,))
        return next(((column, self.cells[column]) for column in columns if column in self.cells), (columns[0], None))

    def column_of(self, path: str) -> str | None:
        """The column that a field came from."""
        while path:
            if path in COLUMNS_OF:
                return self.find(path)[0]
            path = path.rpartition(".")[0]
        return None

    def text(self, path: str) -> str | None:
        """The text for a field."""
        return samr_cells.text(self.find(path)[1])

    def read(self, path: str, parse: Callable[[object], T | None]) -> T | None:
        """The cell for a field as `parse` reads it. Raises Refused where it cannot."""
        column, cell = self.find(path)
        try:
            return parse(cell)
        except ValueError as error:
            raise Refused(column, str(error)) from None

    def optional(self, path: str, parse: Callable[[object], T | None], notes: set[str]) -> T | None:
        """The same for a field that nothing depends on: one that cannot be read is left out, with a note."""
        try:
            return self.read(path, parse)
        except Refused as error:
            notes.add(f"row {self.number}: {error}: left out")
            return None

    def needed(self, path: str, parse: Callable[[object], T | None]) -> T:
        """The same as `read` for a field that must be there."""
        value = self.read(path, parse)
        if value is None:
            raise Refused(self.find(path)[0], "is missing")
        return value

    def word(self, path: str, words: Mapping[str, T]) -> T | None:
        """What a cell's word stands for; for a/b, what a or b does. Raises Refused for a word that is not known."""
        column, cell = self.find(path)
        written = samr_cells.text(cell)
        if written is None:
            return None
        for candidate in (written, *written.split("/")):
            if column_key(candidate) in words:
                return words[column_key(candidate)]
        raise Refused(column, f"{written!r} is not known")

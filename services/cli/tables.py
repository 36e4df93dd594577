"""Tables on the terminal."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text


class PlainTable(Table):
    """A table whose cells are shown as they are: in the names of items and places, brackets are no markup."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Adds a row of texts."""
        super().add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells), **options)


def print_table(columns: list[str], rows: list[list[str]], empty: str, whole: str | None = None) -> None:
    """Prints a table, or `empty`; the column named `whole` is never cut or wrapped, for what is to be copied."""
    if not rows:
        click.echo(empty)
        return
    table = PlainTable(box=None, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column == whole, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)

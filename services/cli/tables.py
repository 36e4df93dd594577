"""Tables on the terminal."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table


def print_table(columns: list[str], rows: list[list[str]], empty: str, whole: str | None = None) -> None:
    """Prints a table, or `empty`; the column named `whole` is never cut or wrapped, for what is to be copied."""
    if not rows:
        click.echo(empty)
        return
    table = Table(box=None, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column == whole, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)

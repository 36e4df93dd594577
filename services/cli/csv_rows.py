"""CSV files that commands are given."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from services.importers.csv_text import csv_text


def csv_rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The line where each row ends, and its cells of these columns; what a row lacks is empty. Raises
    click.ClickException for a file without one of them, or that can't be read."""
    try:
        reader = csv.DictReader(io.StringIO(csv_text(file.read_bytes()), newline=""))
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise click.ClickException(f"{file.name}: column {missing[0]} is missing")
        for row in reader:
            yield reader.line_num, [row[name] or "" for name in columns]
    except UnicodeDecodeError:
        raise click.ClickException(f"{file.name}: neither UTF-8 nor GB 18030") from None
    except csv.Error as error:
        raise click.ClickException(f"{file.name}: {error}") from None

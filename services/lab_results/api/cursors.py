"""Cursors: where a page ended, so that the next goes on there whatever has come in between. Pure.

A cursor holds the sort key of the last row, not a number of rows: rows that appear before it shift nothing.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from services.runtime.parameters import BadParameter

Key = tuple[str | int | float, ...]


def cursor_of(key: Sequence[str | int | float]) -> str:
    """The cursor of the row with this sort key."""
    return urlsafe_b64encode(json.dumps(key, ensure_ascii=False, separators=(",", ":")).encode()).decode().rstrip("=")


def key_of(cursor: str, *shape: type) -> Key:
    """The inverse; the key has to have these types. Raises BadParameter."""
    try:
        key = json.loads(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):  # lists in lists without end
        key = None
    if not isinstance(key, list) or [type(part) for part in key] != list(shape):
        raise BadParameter("cursor", "is not one of this page's")
    return tuple(key)

"""The text of CSV files, as spreadsheets write them."""

from __future__ import annotations


def csv_text(raw: bytes) -> str:
    """UTF-8, with or without a mark at the start, or else GB 18030, which a Chinese Excel writes."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030")

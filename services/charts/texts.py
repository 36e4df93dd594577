"""What a text from outside may hold and neither a drawing nor a document can."""

from __future__ import annotations

import re

#: Control characters and what is no character: XML has no place for them, nor has any font a sign.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def writable(text: str) -> str:
    """The text without them."""
    return _UNWRITABLE.sub("", text)

"""Entity tags (RFC 9110): an answer follows from the ledgers' versions and the question, so its tag does too. Pure."""

from __future__ import annotations

from hashlib import blake2b

from services.lab_results.api.counts_cache import Versions

#: Goes up when the same counts and question get an answer of another form.
_FORM = 2


def etag_of(versions: Versions, question: object) -> str:
    """The strong tag of the answer to a question. `question` has to differ where the answer may: the days of a window
    that ends today are part of it."""
    text = repr((_FORM, versions, question)).encode()
    return f'"{blake2b(text, digest_size=12).hexdigest()}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has the answer: If-None-Match lists its tag, by weak comparison, or is ``*``."""
    if if_none_match is None:
        return False
    held = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in held or etag in held

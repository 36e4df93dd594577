"""Channels' addresses hold secrets only by reference: `${NAME}` from the environment, `file:PATH` or `${file:PATH}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_LITERAL_PASSWORD = re.compile(r"^[\w+]+://[^/@:?#]*:([^@/?#]+)@")
#: Channels whose address is a secret as a whole; the generic webhook and mail can do without one.
_ALL_SECRET = ("wecombot", "dingtalk", "feishu", "lark")


class BadAddress(ValueError):
    """A channel's address can't be used; says why without showing it."""


def resolve(address: str, env: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The address with its references replaced, and the secrets that it holds; raises BadAddress."""
    if address.startswith("file:"):
        secret = _file(address.removeprefix("file:").removeprefix("//"))
        return secret, (secret, *_parts(secret))
    bare = _REFERENCE.sub("", address)
    if (found := _LITERAL_PASSWORD.match(address)) and not _REFERENCE.search(found[1]):
        raise BadAddress("has a password in it: write ${NAME} and put it into the environment, or ${file:PATH}")
    if address.partition(":")[0] in _ALL_SECRET and bare == address:
        raise BadAddress("has its token in it: write ${NAME} and put it into the environment, or ${file:PATH}")
    secrets: list[str] = []

    def replaced(reference: re.Match[str]) -> str:
        name = reference[1]
        value = _file(name.removeprefix("file:")) if name.startswith("file:") else env.get(name)
        if not value:
            raise BadAddress(f"names the variable {name}, which is not set")
        secrets.append(value)
        return value

    return _REFERENCE.sub(replaced, address), tuple(secrets)


def _file(path: str) -> str:
    try:
        secret = Path(path).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise BadAddress(f"names the file {path}, which cannot be read: {type(error).__name__}") from None
    if not secret:
        raise BadAddress(f"names the file {path}, which is empty")
    return secret


def _parts(address: str) -> tuple[str, ...]:
    """The parts of an address that are secret of themselves, so that they are found where they stand alone."""
    return tuple(part for part in re.split(r"[/:@?&=]+", address) if len(part) >= 8)

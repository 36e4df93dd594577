"""The tokens of the HTTP API: a file of their hashes, with the role, the areas and the rate of each.

A token is 32 random bytes, so a plain SHA-256 of it tells nothing; the token itself is shown once, when it is made.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from services.runtime.access import ROLES

_PREFIX = "sw_"
_RATE, _BURST = 20.0, 40.0


class BadTokens(ValueError):
    """The file cannot be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Token:
    """Whose token: name is for people. areas: how regions begin; none: everywhere. rate: requests a second, after a
    burst of so many."""

    name: str
    role: str
    areas: tuple[str, ...] = ()
    rate: float = _RATE
    burst: float = _BURST


def make_token() -> tuple[str, str]:
    """A new token, and its hash."""
    token = _PREFIX + secrets.token_urlsafe(32)
    return token, hash_of(token)


def hash_of(token: str) -> str:
    """What the file has of a token: SHA-256, in hexadecimal digits."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def load_tokens(path: Path) -> dict[str, Token]:
    """The tokens by their hashes, from YAML:

    tokens:
      - {name: Qingyang, sha256: <64 hexadecimal digits>, role: inspector, areas: ["6210"], rate: 20, burst: 40}

    areas, rate and burst may be left out. Raises BadTokens.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["tokens"]
        read = [(str(entry["sha256"]), _token(entry)) for entry in entries]
    except (OSError, yaml.YAMLError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise BadTokens(f"{path}: {type(error).__name__}: {error}") from None
    tokens = dict(read)
    if len(tokens) < len(read):
        raise BadTokens(f"{path}: a token is there twice")
    for digest, token in tokens.items():
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise BadTokens(f"{path}: {token.name}: sha256 is not 64 hexadecimal digits")
    return tokens


def _token(entry: Mapping[str, Any]) -> Token:
    unknown = set(entry) - {"name", "sha256", "role", "areas", "rate", "burst"}
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))}: no such member")
    if entry["role"] not in ROLES:
        raise ValueError(f"role is {entry['role']!r}, not one of {', '.join(ROLES)}")
    areas = entry.get("areas", [])
    # an area that is not text, or is empty, would open everything
    if not isinstance(areas, list) or not all(isinstance(area, str) and area for area in areas):
        raise ValueError('areas is a list of texts, such as ["6210"]')
    if "areas" in entry and not areas:
        raise ValueError("areas is empty: leave it out for everywhere")
    rate, burst = float(entry.get("rate", _RATE)), float(entry.get("burst", _BURST))
    if not (rate > 0 and burst >= 1):
        raise ValueError("rate is above 0, and burst at least 1")
    return Token(str(entry["name"]), entry["role"], tuple(areas), rate, burst)

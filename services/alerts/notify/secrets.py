"""Channels' addresses hold secrets only by reference: `${NAME}` from the environment, `file:PATH` or `${file:PATH}`.

What an address begins with is one by itself; what stands further in is put in so that it means itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote

_REFERENCE = re.compile(r"\$\{([^}]*)\}")
#: Stands for what a reference names, while one looks for what is no reference.
_NAMED = "\0"
#: Parameters that hold a secret: pass, password, access_token, +X-Api-Key, +Authorization.
_SECRET_PARAMETER = re.compile(r"(pass(word|wd)?|pwd|token|secret|key|authorization)$", re.IGNORECASE)
#: The robots' own addresses, as their makers write them.
_ROBOTS_OWN = ("http", "https")
#: Channels whose address is a secret as a whole; the generic webhook and mail can do without one.
_ALL_SECRET = ("wecombot", "dingtalk", "feishu", "lark")


class BadAddress(ValueError):
    """A channel's address can't be used; says why without showing it."""


def resolve(address: str, env: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The address with its references replaced, and the secrets that it holds; raises BadAddress."""
    if address.startswith("file:"):
        secret = _file(address.removeprefix("file:").removeprefix("//"))
        return secret, (secret, *_parts(secret))
    if (written := _written_out(_REFERENCE.sub(_NAMED, address))) is not None:
        raise BadAddress(f"has {written} in it: write ${{NAME}} and put it into the environment, or ${{file:PATH}}")
    secrets: list[str] = []

    def replaced(reference: re.Match[str]) -> str:
        name = reference[1]
        value = _file(name.removeprefix("file:")) if name.startswith("file:") else env.get(name)
        if not value:
            raise BadAddress(f"names the variable {name}, which is not set")
        before, after = address[: reference.start()], address[reference.end() :]
        written = _written(value, _REFERENCE.sub("", before), _REFERENCE.sub("", after)) if before else value
        secrets.extend(dict.fromkeys((value, written)))
        return written

    return _REFERENCE.sub(replaced, address), tuple(secrets)


def _written_out(address: str) -> str | None:
    """Which secret stands in the address itself; None where all are named."""
    scheme, _, rest = address.partition("://")
    place, _, query = rest.partition("?")
    authority = re.split("[/#]", place)[0]
    user, _, host = authority.rpartition("@")
    if (password := user.partition(":")[2]) and _NAMED not in password:
        return "a password"
    is_robot = scheme.lower() in _ALL_SECRET
    if is_robot and any(part and _NAMED not in part for part in (user, host)):
        return "its token"
    if scheme.lower() in _ROBOTS_OWN and _NAMED not in address:
        return "its token"
    parameters = (part.partition("=") for part in query.split("&"))
    if any(value and _NAMED not in value and _SECRET_PARAMETER.search(unquote(name)) for name, _, value in parameters):
        return "its token" if is_robot else "a secret"
    return None


def _written(value: str, before: str, after: str) -> str:
    """The value as it is written at this place of an address. A host may bring its port, or a path, with it."""
    raw = value.encode(errors="surrogateescape")
    if "?" in before:
        return quote(raw, safe="").replace("%25", "%2525")  # Apprise decodes twice there
    is_user = "/" not in before.partition("://")[2] and "@" in re.split("[/?#]", after)[0]
    return quote(raw, safe="" if is_user else "/:[]")


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

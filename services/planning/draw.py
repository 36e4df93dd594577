"""双随机: which parties are sampled and which inspectors go, drawn at random so that anybody can repeat it. Pure.

Every name gets a ticket, the SHA-256 of the seed, what is drawn, and the name; the lowest tickets win. So the draw
follows from the seed and the lists alone, does not depend on their order, and each line can be checked by itself with
any tool that computes SHA-256. The seed should be something that nobody could choose: a public lottery's numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple, TypeVar

from services.planning.allocation import Place

#: At least two inspectors take a sample (食品安全抽样检验管理办法).
INSPECTORS = 2


class Target(NamedTuple):
    """A party that can be sampled. `identity`: its licence; empty, its name stands for it."""

    identity: str
    name: str
    county: str
    stage: str


class Inspector(NamedTuple):
    """Somebody who takes samples; `county` is empty where they serve all of them."""

    identity: str
    name: str
    county: str


_Listed = TypeVar("_Listed", Target, Inspector)


class Draw(NamedTuple):
    """One visit of a line: the party, and who goes. Empty, or one alone, where there is nobody else to draw from."""

    number: int
    target: Target | None
    inspectors: tuple[Inspector, ...]


def ticket(seed: str, what: str, name: str) -> str:
    """SHA-256 of ``seed|what|name`` in hexadecimal digits."""
    return sha256(f"{seed}|{what}|{name}".encode()).hexdigest()


def draw(
    seed: str, place: Place, samples: int, targets: Iterable[Target], inspectors: Sequence[Inspector]
) -> list[Draw]:
    """As many visits as the line has samples. Parties of the place's county and stage come once each before any of them
    comes again; two inspectors of the county, or of none, go to each visit. Who is listed twice has one ticket."""
    line = "/".join(place)
    fitting = _once(target for target in targets if (target.county, target.stage) == (place.county, place.stage))
    ordered = sorted(fitting, key=lambda target: ticket(seed, f"target {line}", _known_by(target)))
    eligible = _once(inspector for inspector in inspectors if inspector.county in ("", place.county))
    visits = []
    for number in range(1, samples + 1):
        target = ordered[(number - 1) % len(ordered)] if ordered else None
        going = sorted(eligible, key=lambda one: ticket(seed, f"inspector {line} {number}", _known_by(one)))
        visits.append(Draw(number, target, tuple(going[:INSPECTORS])))
    return visits


def _once(listed: Iterable[_Listed]) -> list[_Listed]:
    """Each identity once: of the lines that name it the last in their own order, so that the list's does not matter."""
    return list({_known_by(one): one for one in sorted(listed)}.values())


def _known_by(one: Target | Inspector) -> str:
    return one.identity or one.name


def digest(rows: Iterable[Sequence[str]]) -> str:
    """SHA-256 of a list, whatever its order: states which list was drawn from."""
    return sha256("\n".join(sorted("\t".join(row) for row in rows)).encode()).hexdigest()

"""How a life is kept in Redis.

Words are JSON, in which times keep their offset and decimals their digits; fingerprints and numbers are msgpack.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from schemas.sampling import SampleReceived, SampleTaken, SampleVoided
from schemas.structs import contract_of, struct_of
from services.runtime.codec import DamagedValue
from services.sampling.domain import UNJUDGED, Judged, Kind, Life, Reference, Watch

_KINDS: tuple[Kind, ...] = ("event", "verdict")
_OUTCOMES = ("pass", "fail", "inconclusive")
_MARK = 8
#: Told by the name of the field in Redis, or not part of what an event says.
_LEFT_OUT = {"sample_id", "source", "event_id", "type"}


def _kept(contract: type[Any]) -> Any:
    names = [name for name in contract.model_fields if name not in _LEFT_OUT]
    return struct_of(contract, only=names, decimals=Decimal, times=datetime, positional=True)


_Taken: Any = _kept(SampleTaken)
_Received: Any = _kept(SampleReceived)
_Voided: Any = _kept(SampleVoided)


class Words(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the events of a sample say. Fields may be added at the end, with a default."""

    taken: _Taken | None
    taken_from: str
    received: _Received | None
    voided: _Voided | None


class Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """words: those, as JSON. history: kind and offset in turn. judged: its times counted from the first one. Fields may
    be added at the end, with a default."""

    words: bytes
    marks: bytes
    history: tuple[int, ...]
    verdict_revision: int
    judged: tuple[int | None, ...] | None
    watches: dict[str, tuple[int, int]] | None
    redacted: int = 0


_encode_words = msgspec.json.Encoder().encode
_decode_words = msgspec.json.Decoder(Words).decode
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Kept).decode


def pack_life(life: Life) -> bytes:
    """A life as it is kept; `unpack_life` is its inverse."""
    return _encode(
        Kept(
            _encode_words(msgspec.convert(life, Words, from_attributes=True)),
            b"".join(sorted(life.marks)),
            tuple([number for kind, offset in life.history for number in (_KINDS.index(kind), offset)]),
            life.verdict_revision,
            _judged_kept(life.judged) if life.judged != UNJUDGED else None,
            {rule: (watch.fired, watch.seen) for rule, watch in life.watches.items()} or None,
            life.redacted,
        )
    )


def unpack_life(packed: bytes, sample_id: str) -> Life:
    """Reads what `pack_life` wrote; raises DamagedValue."""
    try:
        kept = _decode(packed)
        return _life(_decode_words(kept.words), kept, sample_id)
    except (msgspec.MsgspecError, ValueError, IndexError, TypeError) as error:
        raise DamagedValue(f"the life of sample {sample_id} {error}") from None


def _life(words: Words, kept: Kept, sample_id: str) -> Life:
    marks, places = kept.marks, iter(kept.history)
    return Life(
        taken=words.taken and contract_of(words.taken, SampleTaken, sample_id=sample_id),
        taken_from=words.taken_from,
        received=words.received and contract_of(words.received, SampleReceived, sample_id=sample_id),
        voided=words.voided and contract_of(words.voided, SampleVoided, sample_id=sample_id),
        marks=frozenset([marks[place : place + _MARK] for place in range(0, len(marks), _MARK)]),
        history=tuple([Reference(_KINDS[kind], offset) for kind, offset in zip(places, places, strict=True)]),
        verdict_revision=kept.verdict_revision,
        judged=_judged(*kept.judged) if kept.judged else UNJUDGED,
        watches={rule: Watch(*watch) for rule, watch in (kept.watches or {}).items()},
        redacted=kept.redacted,
    )


def _judged_kept(judged: Judged) -> tuple[int | None, ...]:
    reported, arrived, outcome, since, turns, retested = judged
    return (
        reported,
        arrived - reported,
        _OUTCOMES.index(outcome) if outcome else None,
        since - reported if since else None,
        turns,
        retested - reported if retested else None,
    )


def _judged(reported: Any, arrived: Any, outcome: Any, since: Any, turns: Any, retested: Any) -> Judged:
    return Judged(
        reported,
        reported + arrived,
        None if outcome is None else _OUTCOMES[outcome],  # type: ignore[arg-type]
        0 if since is None else reported + since,
        turns,
        0 if retested is None else reported + retested,
    )

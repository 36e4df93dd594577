"""How a life is kept in Redis.

Words and numbers lie apart, because they are told by different means: what events say repeats from sample to sample,
and is compressed against a dictionary; fingerprints and offsets do not, and would only spoil the statistics.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from schemas.sampling import SampleReceived, SampleTaken, SampleVoided
from schemas.structs import contract_of, struct_of
from services.runtime.codec import DamagedValue, codec_of
from services.sampling.domain import UNJUDGED, Judged, Kind, Life, Reference, Watch

_KINDS: tuple[Kind, ...] = ("event", "verdict")
_OUTCOMES = ("pass", "fail", "inconclusive")
_MARK = 8
#: From so many bytes of numbers on, their length is told by four bytes more.
_LONG: Final = 255
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


class Numbers(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The rest. history: kind and offset in turn. judged: its times counted from the first one. Fields may be added at
    the end, with a default."""

    marks: bytes
    history: tuple[int, ...]
    verdict_revision: int
    judged: tuple[int | None, ...] | None
    watches: dict[str, tuple[int, int]] | None
    redacted: int = 0


_codec = codec_of("lives")
_encode_words = msgspec.json.Encoder().encode
_decode_words = msgspec.json.Decoder(Words).decode
_encode_numbers = msgspec.msgpack.Encoder().encode
_decode_numbers = msgspec.msgpack.Decoder(Numbers).decode


def pack_life(life: Life) -> bytes:
    """A life as it is kept; `unpack_life` is its inverse."""
    numbers = _encode_numbers(
        Numbers(
            b"".join(sorted(life.marks)),
            tuple([number for kind, offset in life.history for number in (_KINDS.index(kind), offset)]),
            life.verdict_revision,
            _judged_kept(life.judged) if life.judged != UNJUDGED else None,
            {rule: (watch.fired, watch.seen) for rule, watch in life.watches.items()} or None,
            life.redacted,
        )
    )
    length = len(numbers)
    tail = bytes((length,)) if length < _LONG else length.to_bytes(4) + bytes((_LONG,))
    return _codec.pack(words_of(life)) + numbers + tail


def words_of(life: Life) -> bytes:
    """What is compressed of a life."""
    return _encode_words(msgspec.convert(life, Words, from_attributes=True))


def unpack_life(value: bytes, sample_id: str) -> Life:
    """Reads what `pack_life` wrote; raises DamagedValue."""
    try:
        end = len(value) - 1
        length = value[end]
        if length == _LONG:
            end -= 4
            length = int.from_bytes(value[end : end + 4])
        words = _decode_words(_codec.unpack(value[: end - length]))
        numbers = _decode_numbers(value[end - length : end])
        return _life(words, numbers, sample_id)
    except (DamagedValue, msgspec.MsgspecError, ValueError, IndexError, TypeError) as error:
        raise DamagedValue(f"the life of sample {sample_id} {error}") from None


def _life(words: Words, numbers: Numbers, sample_id: str) -> Life:
    marks, places = numbers.marks, iter(numbers.history)
    return Life(
        taken=words.taken and contract_of(words.taken, SampleTaken, sample_id=sample_id),
        taken_from=words.taken_from,
        received=words.received and contract_of(words.received, SampleReceived, sample_id=sample_id),
        voided=words.voided and contract_of(words.voided, SampleVoided, sample_id=sample_id),
        marks=frozenset([marks[place : place + _MARK] for place in range(0, len(marks), _MARK)]),
        history=tuple([Reference(_KINDS[kind], offset) for kind, offset in zip(places, places, strict=True)]),
        verdict_revision=numbers.verdict_revision,
        judged=_judged(*numbers.judged) if numbers.judged else UNJUDGED,
        watches={rule: Watch(*watch) for rule, watch in (numbers.watches or {}).items()},
        redacted=numbers.redacted,
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

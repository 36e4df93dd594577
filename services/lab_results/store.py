"""The dossiers of lab_results in Redis: a partition's are one hash of blocks. The counts are in `counts_store`."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

import msgspec
from redis.asyncio import Redis

from schemas.sampling import Sample
from schemas.structs import nested_structs, struct_of
from services.lab_results.domain import Dossier, Report, SampleFacts
from services.runtime.blocks import Blocks, Held
from services.runtime.codec import DamagedValue, codec_of
from services.runtime.stage import state_key

STAGE = "lab"


def dossiers_key(partition: int) -> str:
    """The hash that holds the dossiers of a partition's samples."""
    return state_key(STAGE, partition, "dossier_blocks")


async def load_dossiers(redis: Redis, partition: int, sample_ids: Iterable[str]) -> Held[Dossier]:
    """The dossiers of those samples of which there is one; raises DamagedValue."""
    return await DOSSIERS.load(redis, dossiers_key(partition), sample_ids)


_FIELDS = [name for name in SampleFacts.__struct_fields__ if name != "sample_id"]  # type: ignore[attr-defined]
#: Values told by their place, without the sample_id, by which Redis finds the dossier.
_KeptSample: Any = struct_of(Sample, only=_FIELDS, positional=True)
_values_of = attrgetter(*_FIELDS)
#: Of each party in a sample: its place among the fields, how it is made, and its values by place.
_PARTIES: list[tuple[int, Any, Any]] = [
    (_FIELDS.index(name), party, attrgetter(*party.__struct_fields__))
    for name, party in nested_structs(SampleFacts)
    if party is not None
]


class _Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A dossier as it is kept. Fields may be added at the end, with a default."""

    sample: _KeptSample | None
    reports: tuple[Report, ...]
    marks: tuple[bytes, ...]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Kept).decode


def pack_dossier(dossier: Dossier) -> bytes:
    """A dossier as it is kept; `unpack_dossier` is its inverse."""
    kept = None if dossier.sample is None else _by_place(dossier.sample)
    return _encode(_Kept(kept, dossier.reports, dossier.marks))


def _by_place(sample: Any) -> Any:
    """As a `_KeptSample` is written."""
    values = list(_values_of(sample))
    for place, _, values_of in _PARTIES:
        if values[place] is not None:
            values[place] = values_of(values[place])
    return values


def unpack_dossier(packed: bytes, sample_id: str) -> Dossier:
    """Reads what `pack_dossier` wrote; raises DamagedValue."""
    try:
        kept = _decode(packed)
    except (msgspec.MsgspecError, ValueError) as error:
        raise DamagedValue(f"the dossier of sample {sample_id} {error}") from None
    return Dossier(kept.sample and _sample(kept.sample, sample_id), kept.reports, kept.marks)


def _sample(kept: Any, sample_id: str) -> Any:
    fields = msgspec.structs.asdict(kept)
    for place, party, _ in _PARTIES:
        name = _FIELDS[place]
        if fields[name] is not None:
            fields[name] = msgspec.convert(fields[name], party, from_attributes=True)
    return SampleFacts(sample_id=sample_id, **fields)


DOSSIERS = Blocks("dossiers", pack_dossier, unpack_dossier, codec_of("dossiers"))

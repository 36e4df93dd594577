"""The dossiers of lab_results in Redis: a partition's are one hash, by sample. The counts are in `counts_store`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from redis.asyncio import Redis

from schemas.sampling import Sample
from schemas.structs import nested_structs, struct_of
from services.lab_results.domain import Dossier, Report, SampleFacts
from services.runtime.codec import DamagedValue, codec_of
from services.runtime.fields import read_fields
from services.runtime.stage import state_key

STAGE = "lab"


def dossiers_key(partition: int) -> str:
    """The hash that holds the dossiers of a partition's samples."""
    return state_key(STAGE, partition, "dossiers")


async def load_dossiers(redis: Redis, partition: int, sample_ids: Iterable[str]) -> dict[str, Dossier]:
    """The dossiers of those samples of which there is one."""
    kept = await read_fields(redis, dossiers_key(partition), sample_ids)
    return {name: unpack_dossier(value, name) for name, value in kept}


#: Values told by their place, without the sample_id, by which Redis finds the dossier.
_KeptSample: Any = struct_of(
    Sample,
    only=[name for name in SampleFacts.__struct_fields__ if name != "sample_id"],  # type: ignore[attr-defined]
    positional=True,
)


_PARTIES = [(name, party) for name, party in nested_structs(SampleFacts) if party is not None]


class _Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A dossier as it is kept. Fields may be added at the end, with a default."""

    sample: _KeptSample | None
    reports: tuple[Report, ...]
    marks: tuple[bytes, ...]


_codec = codec_of("dossiers")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Kept).decode


def pack_dossier(dossier: Dossier) -> bytes:
    """A dossier as it is kept; `unpack_dossier` is its inverse."""
    return _codec.pack(dossier_content(dossier))


def dossier_content(dossier: Dossier) -> bytes:
    """What is compressed of a dossier."""
    sample = dossier.sample
    kept = None if sample is None else msgspec.convert(sample, _KeptSample, from_attributes=True)
    return _encode(_Kept(kept, dossier.reports, dossier.marks))


def unpack_dossier(value: bytes, sample_id: str) -> Dossier:
    """Reads what `pack_dossier` wrote; raises DamagedValue."""
    try:
        kept = _decode(_codec.unpack(value))
    except (DamagedValue, msgspec.MsgspecError, ValueError) as error:
        raise DamagedValue(f"the dossier of sample {sample_id} {error}") from None
    return Dossier(kept.sample and _sample(kept.sample, sample_id), kept.reports, kept.marks)


def _sample(kept: Any, sample_id: str) -> Any:
    fields = msgspec.structs.asdict(kept)
    for name, party in _PARTIES:
        if fields[name] is not None:
            fields[name] = msgspec.convert(fields[name], party, from_attributes=True)
    return SampleFacts(sample_id=sample_id, **fields)

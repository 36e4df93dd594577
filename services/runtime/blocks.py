"""What is kept of neighbouring samples, in one value of Redis: they are alike, and compress together to half the bytes.

Numbers of samples are handed out in turn, so those that differ in their last two digits alone make up a block. A block
is a field of a hash, named by what its samples' numbers have in common, with a star for the digits in which they
differ: the block `XBJ2637010000451*ZX` holds the sample `XBJ263701000045118ZX` under the ending `18`. A number without
digits at its end is in a block of its own. A partition gets one in twelve of a block's hundred samples.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar, cast

import msgspec
from redis.asyncio import Redis

from services.runtime.codec import Codec, DamagedValue
from services.runtime.fields import read_fields
from services.runtime.stage import Changes

V = TypeVar("V")

#: Of the last four characters.
_PLACE = re.compile(r"(.*?)([0-9]{0,2})([A-Z]{0,2})", re.DOTALL)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, bytes]).decode


def place_of(sample_id: str) -> tuple[str, str]:
    """The name of a sample's block, and its ending there."""
    ending = sample_id[-2:]
    if len(ending) == 2 and ending.isascii() and ending.isdecimal():
        return sample_id[:-2] + "*", ending
    head, ending, tail = cast(re.Match[str], _PLACE.fullmatch(sample_id[-4:])).groups()
    return f"{sample_id[:-4]}{head}*{tail}", ending


def sample_of(block: str, ending: str) -> str:
    """The sample whose place that is."""
    head, _, tail = block.rpartition("*")
    return head + ending + tail


class Held(dict[str, V]):
    """The values of the samples that were asked for, by sample_id; `blocks` has all of those their blocks hold, packed,
    by name and ending."""

    def __init__(
        self, values: Mapping[str, V] | None = None, blocks: Mapping[str, Mapping[str, bytes]] | None = None
    ) -> None:
        super().__init__(values or {})
        self.blocks = blocks or {}

    def __repr__(self) -> str:
        """Without the values: asyncio writes what a task came to into logs, and it names people."""
        return f"<Held: {len(self)} of {len(self.blocks)} blocks>"


class Blocks(Generic[V]):
    """How one kind of values is kept in blocks."""

    def __init__(
        self, kind: str, pack: Callable[[V], bytes], unpack: Callable[[bytes, str], V], codec: Codec | None = None
    ) -> None:
        """kind: what a block is said to hold when it is damaged. unpack is given the sample_id too, and raises
        DamagedValue. Without a codec blocks are not compressed."""
        self._kind = kind
        self._pack, self._unpack = pack, unpack
        self._codec = codec

    async def load(self, redis: Redis, key: str, sample_ids: Iterable[str]) -> Held[V]:
        """The values of those samples that have one; raises DamagedValue."""
        places = {sample_id: place_of(sample_id) for sample_id in sample_ids}
        blocks = await self._read(redis, key, [block for block, _ in places.values()])
        values = {
            sample_id: self._unpack(packed, sample_id)
            for sample_id, (block, ending) in places.items()
            if (packed := blocks[block].get(ending)) is not None
        }
        return Held(values, blocks)

    async def load_whole(self, redis: Redis, key: str, names: Iterable[str]) -> dict[str, V]:
        """The values of all samples in the blocks of these names; raises DamagedValue."""
        blocks = await self._read(redis, key, names)
        samples = (
            (sample_of(block, ending), packed) for block, held in blocks.items() for ending, packed in held.items()
        )
        return {sample_id: self._unpack(packed, sample_id) for sample_id, packed in samples}

    def put(self, changes: Changes, key: str, held: Held[V], values: Mapping[str, V]) -> None:
        """Writes the values that are not those which `held` has, of samples that were asked for when it was loaded."""
        grown: dict[str, dict[str, bytes]] = {}
        for sample_id, value in values.items():
            if value is held.get(sample_id):
                continue
            block, ending = place_of(sample_id)
            members = grown.get(block)
            if members is None:
                members = grown[block] = dict(held.blocks[block])
            members[ending] = self._pack(value)
        if grown:
            changes.put[key].update({block: self._packed(members) for block, members in grown.items()})

    async def _read(self, redis: Redis, key: str, names: Iterable[str]) -> dict[str, dict[str, bytes]]:
        blocks: dict[str, dict[str, bytes]] = {name: {} for name in names}
        for name, value in await read_fields(redis, key, blocks):
            blocks[name] = self._unpacked(value, name)
        return blocks

    def _packed(self, members: Mapping[str, bytes]) -> bytes:
        content = _encode(members)
        return self._codec.pack(content) if self._codec else content

    def _unpacked(self, value: bytes, name: str) -> dict[str, bytes]:
        try:
            return _decode(self._codec.unpack(value) if self._codec else value)
        except (DamagedValue, msgspec.MsgspecError, ValueError) as error:
            raise DamagedValue(f"the block {name} of {self._kind} {error}") from None

"""Which partition a key belongs to: Kafka's own murmur2, for one key and for a whole batch at once.

Clients that hash otherwise (librdkafka's default is CRC32) put a key elsewhere; the intake notices by these functions
and forwards such an event to the partition that owns the key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from aiokafka.partitioner import murmur2

_SEED, _M, _R = np.uint32(0x9747B28C), np.uint32(0x5BD1E995), np.uint32(24)
_POSITIVE = np.uint32(0x7FFFFFFF)
#: Below this many keys the vectorised form costs more than it saves.
_FEW = 8


@lru_cache(maxsize=65536)
def home_of(key: bytes, partitions: int) -> int:
    """The partition of `key`, as the Java client's default partitioner chooses it."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def homes_of(keys: Sequence[bytes], partitions: int) -> list[int]:
    """The partition of each key, in their order."""
    if len(keys) < _FEW:
        return [home_of(key, partitions) for key in keys]
    homes = [0] * len(keys)
    by_length: dict[int, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        by_length[len(key)].append(place)
    for length, places in by_length.items():
        hashes = _murmur2(b"".join([keys[place] for place in places]), len(places), length)
        for place, home in zip(places, ((hashes & _POSITIVE) % np.uint32(partitions)).tolist(), strict=True):
            homes[place] = home
    return homes


def _murmur2(joined: bytes, count: int, length: int) -> np.ndarray:
    """murmur2 of `count` keys of `length` bytes each; uint32 arithmetic wraps as the original's does."""
    data = np.frombuffer(joined, np.uint8).reshape(count, length)
    h = np.full(count, _SEED ^ np.uint32(length), np.uint32)
    whole = length - length % 4
    for words in np.ascontiguousarray(data[:, :whole]).view("<u4").T:
        k = words * _M
        k ^= k >> _R
        h = h * _M ^ k * _M
    if length % 4:
        for place in range(length % 4):
            h ^= data[:, whole + place].astype(np.uint32) << np.uint32(8 * place)
        h *= _M
    h ^= h >> np.uint32(13)
    h *= _M
    return h ^ h >> np.uint32(15)

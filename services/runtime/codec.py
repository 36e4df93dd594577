"""How values are kept in Redis: compressed against a dictionary of what such values usually say.

A value's first byte is the number of the dictionary it was written with, so that older values stay readable when a
newer dictionary is there. The dictionaries lie in `dictionaries/` as ``<kind>-<number>.zdict`` and are never changed;
`python -m bench.dictionaries` trains new ones. The frame of zstd behind the byte has no magic number, checksum or
dictionary id: Redis keeps what it is given, and the byte says which dictionary it takes.
"""

from __future__ import annotations

import re
from pathlib import Path

from zstandard import (
    FORMAT_ZSTD1_MAGICLESS,
    ZstdCompressionDict,
    ZstdCompressionParameters,
    ZstdCompressor,
    ZstdDecompressor,
    ZstdError,
)

DICTIONARIES = Path(__file__).with_name("dictionaries")
_FILE = re.compile(r"(.+)-(\d+)\.zdict")
#: The highest level that takes less than 2 µs for a value of some hundred bytes.
LEVEL = 3
PARAMETERS = ZstdCompressionParameters.from_level(
    LEVEL, format=FORMAT_ZSTD1_MAGICLESS, write_content_size=True, write_checksum=False, write_dict_id=False
)


class DamagedValue(ValueError):
    """A value in Redis cannot be read; the message says why."""


class Codec:
    """Compresses values with the newest dictionary, and reads those of every dictionary."""

    def __init__(self, dictionaries: dict[int, bytes]) -> None:
        """`dictionaries` by their numbers, 1 to 255."""
        newest = max(dictionaries)
        prepared = ZstdCompressionDict(dictionaries[newest])
        prepared.precompute_compress(compression_params=PARAMETERS)
        self._head = bytes((newest,))
        self._compress = ZstdCompressor(dict_data=prepared, compression_params=PARAMETERS).compress
        self._decompress = {
            number: ZstdDecompressor(dict_data=ZstdCompressionDict(content), format=FORMAT_ZSTD1_MAGICLESS).decompress
            for number, content in dictionaries.items()
        }

    def pack(self, content: bytes) -> bytes:
        """The value to keep."""
        return self._head + self._compress(content)

    def unpack(self, value: bytes) -> bytes:
        """What `pack` was given; raises DamagedValue."""
        if not value:
            raise DamagedValue("is empty")
        decompress = self._decompress.get(value[0])
        if decompress is None:
            known = ", ".join(map(str, self._decompress))
            raise DamagedValue(f"was written with dictionary {value[0]}, and this version has {known}")
        try:
            return decompress(value[1:])
        except (ZstdError, MemoryError) as error:
            raise DamagedValue(f"cannot be decompressed: {error}") from None


def codec_of(kind: str) -> Codec:
    """The codec of a kind of values, with the dictionaries that come with this version."""
    return Codec(dictionaries_of(kind))


def dictionaries_of(kind: str) -> dict[int, bytes]:
    """The dictionaries of a kind of values by number."""
    named = ((_FILE.fullmatch(path.name), path) for path in DICTIONARIES.iterdir())
    return {int(name[2]): path.read_bytes() for name, path in named if name is not None and name[1] == kind}

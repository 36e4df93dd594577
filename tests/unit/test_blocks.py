"""Samples that share a block come back one by one, each as it was put, whoever else was put meanwhile."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.runtime.blocks import Blocks, Held, place_of, sample_of
from services.runtime.codec import DamagedValue, codec_of
from services.runtime.stage import Changes
from tests.memory import FakeRedis
from tests.strategies import identifiers

KEY = "kept"


def _unpack(packed: bytes, sample_id: str) -> str:
    said, text = json.loads(packed)
    if said != sample_id:
        raise DamagedValue(f"{sample_id} has what was kept of {said}")
    return str(text)


BLOCKS = [
    Blocks("texts", lambda said: json.dumps(said).encode(), _unpack, codec)
    for codec in (codec_of("lives"), codec_of("dossiers"), None)
]
#: Numbers that meet in blocks, and whatever else a sender may think of.
numbers = st.one_of(
    st.from_regex(r"XB[JK]26[0-9]{1,4}(ZX|Z|)", fullmatch=True),
    st.text(st.sampled_from("A1٣*\nz"), min_size=1, max_size=6),
    identifiers,
)


@given(numbers)
@settings(max_examples=500)
def test_a_place_belongs_to_one_sample(sample_id: str) -> None:
    block, ending = place_of(sample_id)
    assert sample_of(block, ending) == sample_id
    assert place_of(sample_of(block, ending)) == (block, ending)
    assert ending == "" or (ending.isascii() and ending.isdecimal() and len(ending) <= 2)


@pytest.mark.parametrize(
    ("sample_id", "place"),
    [
        ("S00000048", ("S000000*", "48")),
        ("XBJ263701000045118ZX", ("XBJ2637010000451*ZX", "18")),
        ("S7", ("S*", "7")),
        ("7", ("*", "7")),
        ("no digits", ("no digits*", "")),
        ("3e1f-a", ("3e1f-a*", "")),
        ("S٣٣", ("S٣٣*", "")),
    ],
)
def test_those_that_differ_in_the_last_two_digits_alone_are_neighbours(sample_id: str, place: tuple[str, str]) -> None:
    assert place_of(sample_id) == place


@pytest.mark.parametrize("blocks", BLOCKS, ids=["lives", "dossiers", "plain"])
@given(batches=st.lists(st.dictionaries(numbers, st.text(max_size=20), max_size=12), max_size=6))
@settings(max_examples=100, deadline=None)
def test_what_was_put_last_comes_back(blocks: Blocks, batches: list[dict[str, str]]) -> None:  # type: ignore[type-arg]
    redis, wanted = FakeRedis(), dict[str, tuple[str, str]]()

    def load(sample_ids: list[str]) -> Held[str]:
        return asyncio.run(blocks.load(redis, KEY, sample_ids))  # type: ignore[arg-type]

    for batch in batches:
        held, changes = load(list(batch)), Changes()
        said = {sample_id: (sample_id, text) for sample_id, text in batch.items()}
        blocks.put(changes, KEY, held, said)
        assert KEY in changes.put or not batch
        redis.apply(changes)
        wanted |= said
    assert load([*wanted, "another"]) == {sample_id: text for sample_id, (_, text) in wanted.items()}
    names = list(redis.hashes[KEY])
    assert sorted(names) == sorted({place_of(sample_id)[0] for sample_id in wanted})
    whole = asyncio.run(blocks.load_whole(redis, KEY, names))  # type: ignore[arg-type]
    assert whole == load(list(wanted))


def test_what_is_put_leaves_what_was_loaded_as_it_was() -> None:
    """A batch may be folded twice on the same state."""
    held, first, second = Held({}, {"S*": {}}), Changes(), Changes()
    BLOCKS[2].put(first, KEY, held, {"S11": ("S11", "first")})
    BLOCKS[2].put(second, KEY, held, {"S12": ("S12", "second")})
    assert b"first" not in second.put[KEY]["S*"]


def test_a_sample_that_was_not_asked_for_cannot_be_put() -> None:
    with pytest.raises(KeyError):
        BLOCKS[0].put(Changes(), KEY, Held(), {"S11": ("S11", "lost neighbours")})


def test_damage_is_named_and_a_log_names_nobody() -> None:
    redis = FakeRedis()
    redis.hashes[KEY]["S*"] = b"\x01garbage"
    with pytest.raises(DamagedValue, match=r"the block S\* of texts"):
        asyncio.run(BLOCKS[0].load(redis, KEY, ["S11"]))  # type: ignore[arg-type]
    assert "欧阳" not in repr(Held({"S11": "欧阳"}, {"S*": {"11": "欧阳".encode()}}))


def test_neighbours_take_half_the_bytes() -> None:
    """What blocks are for."""
    alone, together = Changes(), Changes()
    said = {
        f"S{n:06}": (f"S{n:06}", f"酱油, 食品有限公司{n * 7919 % 9973}, 110101, production") for n in range(100, 108)
    }
    BLOCKS[0].put(together, KEY, Held({}, {"S0001*": {}}), said)
    for sample_id, text in said.items():
        BLOCKS[0].put(alone, KEY, Held({}, {"S0001*": {}}), {sample_id: text})
        alone.put[KEY][sample_id] = alone.put[KEY].pop("S0001*")
    sizes = [sum(map(len, changes.put[KEY].values())) for changes in (together, alone)]
    assert sizes[0] < sizes[1] / 2

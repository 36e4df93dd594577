"""What is kept in Redis comes back as it was, older dictionaries stay readable, and damage is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.structs import mirror
from services.alerts.store import alert_message, pack_alert
from services.lab_results import domain as lab
from services.lab_results.facts import content_mark, facts_of
from services.lab_results.store import pack_dossier, unpack_dossier
from services.runtime.codec import Codec, DamagedValue, codec_of, dictionaries_of
from services.runtime.marks import mark_of
from services.sampling.domain import UNKNOWN, Judged, Life, Reference, Watch
from services.sampling.packing import pack_life, unpack_life
from tests.strategies import (
    identifiers,
    optional,
    results_amended,
    results_reported,
    retests_reported,
    samples,
    samples_received,
    samples_taken,
    samples_voided,
)

_seconds = st.integers(0, 2**32)
_judged = st.builds(
    Judged,
    _seconds,
    _seconds,
    st.sampled_from(["pass", "fail", "inconclusive", None]),
    _seconds,
    st.integers(0, 9),
    _seconds,
)
_lives = st.builds(
    Life,
    taken=optional(samples_taken),
    taken_from=identifiers,
    received=optional(samples_received),
    voided=optional(samples_voided),
    marks=st.frozensets(st.binary(min_size=8, max_size=8), max_size=4),
    history=st.lists(
        st.builds(Reference, st.sampled_from(["event", "verdict"]), st.integers(0, 2**62)), max_size=40
    ).map(tuple),
    verdict_revision=st.integers(0, 10**9),
    judged=_judged,
    watches=st.dictionaries(identifiers, st.builds(Watch, st.integers(0, 9), _seconds), max_size=2),
)


def _said(life: Life) -> Life:
    """The life as it is kept: of sample S, and without what only says how an event was sent."""
    told = {"sample_id": "S", "source": None, "event_id": None}
    return replace(
        life,
        **{
            name: event.model_copy(update=told)
            for name in ("taken", "received", "voided")
            if (event := getattr(life, name)) is not None
        },
    )


@given(_lives)
@settings(max_examples=200)
def test_a_life_comes_back(life: Life) -> None:
    back = unpack_life(pack_life(life), "S")
    assert back == _said(life)
    if life.taken is not None and back.taken is not None:
        # with its offset too, which equality does not see
        assert back.taken.model_dump_json() == _said(life).taken.model_dump_json()  # type: ignore[union-attr]


@given(samples, st.lists(results_reported | results_amended | retests_reported, max_size=4))
@settings(max_examples=200)
def test_a_dossier_comes_back(sample: Any, events: list[Any]) -> None:
    dossier = lab.register(lab.EMPTY, mirror(sample, lab.SampleFacts))
    for event in events:
        dossier, _ = lab.take(dossier, facts_of(event), "lab", mark_of("lab", repr(event)), content_mark(event))
    back = unpack_dossier(pack_dossier(dossier), sample.sample_id)
    assert back == dossier
    assert lab.verdict_of(back) == lab.verdict_of(dossier)


def test_a_long_history_comes_back() -> None:
    life = replace(UNKNOWN, history=tuple(Reference("verdict", 10**9 + place) for place in range(5000)))
    assert unpack_life(pack_life(life), "S") == life


@given(st.binary(max_size=3000))
def test_values_of_an_older_dictionary_stay_readable(content: bytes) -> None:
    held = dictionaries_of("lives")[1]
    older, newer = Codec({1: held}), Codec({1: held, 2: dictionaries_of("dossiers")[1]})
    assert newer.unpack(older.pack(content)) == content
    assert (older.pack(content)[0], newer.pack(content)[0]) == (1, 2)
    with pytest.raises(DamagedValue, match="dictionary 2, and this version has 1"):
        older.unpack(newer.pack(content))


def test_damage_is_named() -> None:
    value = codec_of("lives").pack(b"a plain value " * 9)
    for damaged in (b"", value[:-3], value[:1], value[:1] + b"\xff" * 20):
        with pytest.raises(DamagedValue):
            codec_of("lives").unpack(damaged)
    with pytest.raises(DamagedValue, match="the life of sample S7"):
        unpack_life(b"\x01\x02\x03", "S7")
    with pytest.raises(DamagedValue, match="the dossier of sample S7"):
        unpack_dossier(codec_of("dossiers").pack(b"\x01"), "S7")
    with pytest.raises(DamagedValue, match="the alert 07-1 "):
        alert_message(pack_alert(b"{}")[:-1], "07-1")


@given(st.binary(max_size=3000))
def test_the_message_of_an_alert_comes_back(content: bytes) -> None:
    message = b"{" + content
    assert alert_message(pack_alert(message), "07-1") == message
    # as alerts were kept before they were compressed
    assert alert_message(message, "07-1") == message


def test_no_dictionary_has_the_number_that_says_an_alert_is_not_compressed() -> None:
    assert max(dictionaries_of("alerts")) < ord("{")


@given(_lives, st.data())
def test_a_damaged_life_is_another_life_or_an_error_of_its_own(life: Life, data: st.DataObject) -> None:
    value = bytearray(pack_life(life))
    value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        unpack_life(bytes(value), "S")
    except DamagedValue as error:
        assert "S" in str(error)

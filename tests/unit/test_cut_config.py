"""The file of cuts is checked, and no two cells share a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.lab_results.cut_config import Cut, CutError, parse_cuts, read_cuts
from services.lab_results.cuts import Cells, Place


def test_the_shipped_cuts() -> None:
    cuts = {cut.name: cut for cut in read_cuts()}
    assert cuts["county_category"] == Cut("county_category", ("county", "category_1"))
    assert not cuts["producer"].published and not cuts["sampled_party"].published and cuts["county"].published


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "'cuts'"),
        ({"cuts": {}}, "'all'"),
        ({"cuts": {"all": [], "By County": ["county"]}}, "By County"),
        ({"cuts": {"all": [], "x": ["moon"]}}, "'moon'"),
        ({"cuts": {"all": [], "x": ["county", "county"]}}, "different"),
        ({"cuts": {"all": [], "x": {"by": "county"}}}, "different attributes"),
        ({"cuts": {"all": [], "x": {"by": ["county"], "public": True}}}, "cut x"),
        ({"cuts": {"all": [], "x": {"by": ["county"], "published": "yes"}}}, "published"),
    ],
)
def test_a_wrong_file_is_refused_and_says_where(content: Any, said: str) -> None:
    with pytest.raises(CutError, match=said):
        parse_cuts(content)


def test_a_file_of_ones_own_and_one_that_is_none(tmp_path: Path) -> None:
    own = tmp_path / "cuts.yaml"
    own.write_text("cuts: {all: [], by_targeting: {by: [targeting, stage], published: false}}", encoding="utf-8")
    assert read_cuts(own)[1] == Cut("by_targeting", ("targeting", "stage"), published=False)
    own.write_text("cuts: [", encoding="utf-8")
    for path in (own, tmp_path / "none.yaml"):
        with pytest.raises(CutError, match=path.name):
            read_cuts(path)


_texts = st.text(st.sampled_from("a>× \\"), min_size=1, max_size=5)
_places = st.builds(
    Place,
    st.just("food"),
    st.just("supervision"),
    _texts.map(lambda text: f"p/{text}/{text}"),
    st.lists(_texts, min_size=1, max_size=4).map(tuple),
    st.just("circulation"),
    st.just("routine"),
)


@given(_places, _places)
def test_cells_of_different_values_have_different_names(one: Place, other: Place) -> None:
    cells = Cells(
        [
            Cut("deepest", ("category_4",)),
            Cut("two", ("category_2",)),
            Cut("crossed", ("county", "category_2")),
        ]
    )
    here, there = dict(cells.of_place(one)), dict(cells.of_place(other))
    for cut, depth, region in (("deepest", 4, False), ("two", 2, False), ("crossed", 2, True)):
        group = f"food|supervision|{cut}"
        if group in here and group in there and here[group] == there[group]:
            assert one.category[:depth] == other.category[:depth]
            assert not region or one.region == other.region

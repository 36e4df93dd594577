"""Charts: what is in them, that they are the same each time, and what is said where a font is missing."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from matplotlib.text import Text

from services.charts import Line, Point, Ranked, draw_ranking, draw_series, fonts
from services.charts.ranking import MOST_CELLS
from services.charts.series import MOST_LINES
from services.lab_results.rates import wilson

FIRST = date(2025, 1, 6)
SVG = "{http://www.w3.org/2000/svg}"


def line(name: str, weeks: tuple[int, ...] = (0, 1, 2, 3)) -> Line:
    points = []
    for week in weeks:
        passed, failed = 90 + week, 10
        first = FIRST + timedelta(weeks=week)
        share = passed / (passed + failed), *wilson(passed, failed)
        points.append(Point(first, first + timedelta(days=6), *share, passed + failed))
    return Line(name, points)


def cells(n: int, name: str = "6210") -> list[Ranked]:
    return [Ranked(f"{name}{i:02d}", 0.9, 0.85, 0.95, 0.92, 100 + i) for i in range(n)]


def group(content: bytes, gid: str) -> ET.Element:
    """The group of that id in an SVG."""
    [found] = [element for element in ET.fromstring(content).iter(f"{SVG}g") if element.get("id") == gid]
    return found


def marks(content: bytes, gid: str) -> int:
    """How many marks a group has."""
    return sum(1 for _ in group(content, gid).iter(f"{SVG}use"))


@pytest.fixture
def no_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without Chinese glyphs: matplotlib is left with the font that it brings."""
    from matplotlib import font_manager, get_data_path

    own = [font for font in font_manager.fontManager.ttflist if font.fname.startswith(get_data_path())]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [])
    fonts.chinese_family.cache_clear()
    yield
    fonts.chinese_family.cache_clear()


def test_a_series_has_a_mark_for_each_point_and_a_band() -> None:
    chart = draw_series([line("621002"), line("621021", (0, 1, 3, 4))], title="weeks")
    assert marks(chart.content, "line-0-621002") == 4
    assert marks(chart.content, "line-1-621021") == 4
    assert group(chart.content, "band-0-621002") is not None
    assert b"weeks" in chart.content
    assert chart.messages == ()


def test_a_gap_is_not_bridged_and_a_lone_point_has_its_interval() -> None:
    chart = draw_series([line("x", (0, 1, 5, 8, 9))], title="gaps")
    [path] = [
        path.get("d", "")
        for path in group(chart.content, "line-0-x").findall(f"{SVG}path")
        if "clip-path" in path.attrib
    ]
    assert path.count("L") == 2  # two runs of two weeks each
    assert len(group(chart.content, "alone-0-x").findall(f"{SVG}path")) == 1


def test_lines_are_told_apart_without_colour() -> None:
    content = draw_series([line("a"), line("b")], title="grey").content
    dashes = {
        path.get("style", "").partition("stroke-dasharray: ")[2].partition(";")[0]
        for gid in ("line-0-a", "line-1-b")
        for path in group(content, gid).findall(f"{SVG}path")
    }
    assert len(dashes) == 2
    colours = {word.partition(")")[0][:7] for word in content.decode().split("stroke: ")[1:] if word.startswith("#")}
    assert colours
    assert all(colour[1:3] == colour[3:5] == colour[5:7] for colour in colours), colours


def test_many_series_have_panels_and_the_rest_is_said_to_be_left_out() -> None:
    chart = draw_series([line(f"c{n}") for n in range(MOST_LINES + 2)], title="panels")
    assert marks(chart.content, f"line-0-c{MOST_LINES - 1}") == 4
    assert "2 more series" in chart.messages[-1]
    with pytest.raises(ValueError, match="nothing"):
        draw_series([Line("empty", [])], title="")


def test_a_ranking_has_both_rates_of_each_cell() -> None:
    chart = draw_ranking(cells(8), 0.93, title="counties")
    assert marks(chart.content, "own-rates") == marks(chart.content, "shrunken-rates") == 8
    assert b"621007  (n = 107)" in chart.content  # the SVG names what its glyphs say
    assert "3 more cells" in draw_ranking(cells(MOST_CELLS + 3), 0.93, title="").messages[-1]
    with pytest.raises(ValueError, match="nothing"):
        draw_ranking([], 0.93, title="")


@pytest.mark.parametrize("form", ["svg", "png"])
def test_the_same_input_gives_the_same_bytes(form: str) -> None:
    one, other = (draw_series([line("621002")], title="t", form=form).content for _ in range(2))  # type: ignore[arg-type]
    assert one == other
    assert one.startswith(b"\x89PNG" if form == "png" else b"<?xml")
    assert b"<dc:date>" not in one


@pytest.mark.usefixtures("no_font")
def test_without_a_font_names_become_codes_and_the_package_is_named() -> None:
    chart = draw_ranking([*cells(2), *cells(1, "食用农产品")], 0.93, title="category 类别", lang="zh")
    assert "fonts-noto-cjk" in chart.messages[0]
    assert chart.messages[1] == "C1: 食用农产品00"
    assert b"C1  (n = 100)" in chart.content
    assert b"621000" in chart.content


def test_with_a_font_names_are_drawn() -> None:
    if fonts.chinese_family() is None:
        pytest.skip("no font with Chinese glyphs is installed")
    chart = draw_ranking(cells(1, "食用农产品"), 0.93, title="合格率", lang="zh")
    assert chart.messages == ()
    assert "食用农产品00".encode() in chart.content


def test_the_command_line_starts_without_matplotlib() -> None:
    code = "import sys, services.cli.rates_plots, services.cli.query_commands; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", ["$\\frac$", "a$b$c", "50 % $"])
def test_a_name_with_dollars_is_no_formula(name: str) -> None:
    written: list[tuple[str, bool]] = []

    def note(text: Text, renderer: object) -> None:
        written.append((text.get_text(), text.get_parse_math()))
        draw(text, renderer)

    draw = Text.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", note)
        for lines in ([line(name)], [line(name)] * 3):
            draw_series(lines, title=name)
        draw_ranking([Ranked(name, 0.9, 0.85, 0.95, 0.92, 100)], 0.9, title=name)
    with_dollars = [math for text, math in written if "$" in text]
    assert len(with_dollars) >= 8 and not any(with_dollars)


def test_what_no_file_can_hold_is_left_out_of_names() -> None:
    name = "a\x01b\x1b\ufffe"
    drawn = draw_series([line(name)], title=name).content
    assert marks(drawn, "line-0-ab") == 4
    ET.fromstring(draw_ranking([Ranked(name, 0.9, 0.85, 0.95, 0.92, 100)], 0.9, title=name).content)

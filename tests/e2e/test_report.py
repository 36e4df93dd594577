"""The yearly report of two simulated years equals their ground truth in every figure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from docx import Document

from services.reports.figures import Verdicts
from services.simulate.endings import Happening
from services.simulate.simulate import Simulation, simulate
from services.simulate.truth import standing
from tests.system import System

YEARS = {2020: 3, 2021: 4}
SAMPLES = 2_000
_TIMES = {"SampleTaken": "sampled_at", "SampleReceived": "received_at", "SampleVoided": "voided_at"}
#: What the tables of a report divide by, and of which domains.
CUTS, DOMAINS = ("county", "stage", "category_1"), ("food", "drug", "medical_device", "cosmetic", "product")


class Truth:
    """What each sample comes to, counted by cell and calendar year from the simulated events alone."""

    def __init__(self) -> None:
        self.taken: dict[tuple[int, str], int] = defaultdict(int)
        self.verdicts: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0])

    def add(self, simulation: Simulation) -> None:
        told: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        for event in simulation:
            # an event that is sent twice is one
            told[event.sample_id][event.event_id] = json.loads(event.value)
        programmes: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for events in told.values():
            [sheet] = [body for body in events.values() if body["type"] == "SampleTaken"]
            counts = programmes[sheet["domain"], sheet["plan"]]
            counts[0] += 1
            found = standing([Happening(_minute(body, simulation.start), body) for body in events.values()])
            cells = list(_cells(sheet))
            if not any(body["type"] == "SampleVoided" for body in events.values()):
                for cell in cells:
                    self.taken[int(sheet["sampled_at"][:4]), cell] += 1
            if found is not None and found.outcome is not None:
                place = ("pass", "fail", "inconclusive").index(found.outcome)
                counts[1 + place] += 1
                for cell in cells:
                    self.verdicts[(simulation.start + timedelta(days=found.day)).year, cell][place] += 1
        said = {
            (row["domain"], row["plan"]): [row["samples"], row["pass"], row["fail"], row["inconclusive"]]
            for row in simulation.truth.as_dict()["programmes"]
        }
        assert said == programmes, "this recount is not the simulation's own truth"

    def of(self, year: int, cell: str) -> tuple[int | None, Verdicts]:
        """(samples taken, verdicts) of a cell; None and zeros where there is nothing."""
        return self.taken.get((year, cell)), Verdicts(*self.verdicts.get((year, cell), (0, 0, 0)))


def _minute(body: dict[str, Any], start: date) -> int:
    field = _TIMES.get(body["type"], "withdrawn_at" if body["type"] == "ResultWithdrawn" else "issued_at")
    midnight = datetime.fromisoformat(f"{start.isoformat()}T00:00:00+08:00")
    return int((datetime.fromisoformat(body[field]) - midnight).total_seconds() // 60)


def _cells(sheet: dict[str, Any]) -> Iterator[str]:
    programme = f"{sheet['domain']}|{sheet['plan']}"
    yield f"{programme}|all|all"
    yield f"{programme}|county|{sheet['region'][:6]}"
    yield f"{programme}|stage|{sheet['stage']}"
    yield f"{programme}|category_1|{sheet['category'][0]}"


@pytest.fixture(scope="module")
def truth(module_system: System) -> Truth:
    """Both years in the system, and what they come to."""
    found = Truth()
    for year, seed in YEARS.items():
        words = ("--samples", str(SAMPLES), "--seed", str(seed), "--start", f"{year}-01-01", "--publish")
        module_system.json("simulate", *words)
        found.add(simulate(SAMPLES, seed, date(year, 1, 1)))
    module_system.wait_idle()
    return found


def report(system: System, year: int, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(system.cli("report", "--year", str(year), "--format", "json", *words).stdout)
    return found


def expected(truth: Truth, year: int, cell: str, kind: str) -> float | int | None:
    """The value of a figure, by the truth."""
    taken, now = truth.of(year, cell)
    taken_before, before = truth.of(year - 1, cell)
    values: dict[str, float | int | None] = {
        "taken": taken,
        "taken_change": None if taken is None or taken_before is None else taken - taken_before,
        "concluded": now.passed + now.failed if any(now) else None,
        "inconclusive": now.inconclusive if any(now) else None,
        "failed": now.failed if any(now) else None,
        "failed_before": before.failed if any(before) else None,
        "rate": now.rate,
        "rate_before": before.rate,
        "rate_change": None if now.rate is None or before.rate is None else now.rate - before.rate,
    }
    return values[kind]


def cells_of(figures: Iterable[dict[str, Any]], kind: str) -> set[str]:
    return {figure["cell"] for figure in figures if figure["kind"] == kind}


@pytest.mark.parametrize("year", YEARS)
def test_every_figure_equals_the_truth(module_system: System, truth: Truth, year: int) -> None:
    said = report(module_system, year)
    figures = said["figures"]
    assert len(figures) > 300
    for figure in figures:
        assert figure["value"] == expected(truth, year, figure["cell"], figure["kind"]), figure
        for part, of in zip(figure["behind"], (year, year - 1), strict=False):
            counted = year - 1 if figure["kind"].endswith("_before") else of
            assert (part["from"], part["to"]) == (f"{counted}-01-01", f"{counted}-12-31")
            taken, verdicts = truth.of(counted, figure["cell"])
            if "taken" in part:
                assert part["taken"] == (taken or 0)
            else:
                assert (part["pass"], part["fail"], part["inconclusive"]) == verdicts

    # nothing that the truth has is left out
    supervised = {
        cell
        for cells in (truth.taken, truth.verdicts)
        for (of, cell) in cells
        if of == year and cell.split("|")[0] in DOMAINS and cell.split("|")[1] == "supervision"
    }
    assert cells_of(figures, "taken") >= supervised
    assert cells_of(figures, "rate") >= {cell for cell in supervised if any(truth.of(year, cell)[1])}
    with_rates = cells_of(figures, "rate")
    assert not [cell for cell in with_rates if "risk_monitoring" in cell or "food_rapid" in cell]
    monitored = {f"{domain}|risk_monitoring|all|all" for domain in DOMAINS}
    assert cells_of(figures, "failed") >= {*monitored, "food_rapid|supervision|all|all", "food_rapid|special|all|all"}
    assert "模拟数据" in said["text"]


def test_the_years_before_and_after_have_only_what_belongs_to_them(module_system: System, truth: Truth) -> None:
    empty = report(module_system, 2018, "--lang", "en")
    assert {figure["value"] for figure in empty["figures"]} == {None}
    # samples of December are reported in the next year
    later = report(module_system, 2022)["figures"]
    values = {figure["name"]: figure["value"] for figure in later}
    assert values["food|supervision|all|all|taken"] is None
    assert values["food|supervision|all|all|concluded"] == expected(
        truth, 2022, "food|supervision|all|all", "concluded"
    )
    assert values["food|supervision|all|all|concluded"]


def test_the_formats(module_system: System, truth: Truth, tmp_path: Path) -> None:
    text = module_system.cli("report", "--year", "2021", "--explain").stdout
    assert "数据依据" in text and "| 西峰区 |" in text
    out = tmp_path / "2021.docx"
    said = module_system.cli("report", "--year", "2021", "--format", "docx", "--explain", "--plot", "--out", str(out))
    assert f"wrote {out}" in said.stdout
    document = Document(str(out))
    assert len(document.inline_shapes) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["2021.docx"]
    words = ("--lang", "en", "--plot", "--out", str(tmp_path / "2021.md"))
    module_system.cli("report", "--year", "2021", *words)
    assert "](<2021-months.png>)" in (tmp_path / "2021.md").read_text("utf-8")
    assert (tmp_path / "2021-months.png").stat().st_size > 5_000
    assert (tmp_path / "2021-counties.png").stat().st_size > 5_000


def test_what_is_asked_wrongly(module_system: System) -> None:
    for words in (("--format", "docx"), ("--plot",), ("--plot", "--format", "json", "--out", "x")):
        done = module_system.cli("report", "--year", "2021", *words, check=False)
        assert done.returncode == 2, done.stderr

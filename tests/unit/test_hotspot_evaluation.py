"""The evaluation: what it promises of the detector holds in simulation, and it reads real records and clusters."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from services.alerts.hotspots.cell import Case, Visit, recount
from services.alerts.hotspots.detector import log_mean, log_stake
from services.alerts.hotspots.evaluation.evaluate import ESTIMATED, EXACT, KNOWN, Knowledge, false_alarms, power
from services.alerts.hotspots.evaluation.methods import detector
from services.alerts.hotspots.evaluation.real import Observation, evaluate, quarters
from services.alerts.hotspots.evaluation.world import Quarter, make_world, play
from services.alerts.hotspots.expected import MARGIN, Tally, fit
from services.alerts.hotspots.levels import confirmation_threshold
from services.cli.main import main

#: The one method that promises something.
CONFIRMED = {"detector, confirmed": detector}


@pytest.mark.parametrize("knowledge", [EXACT, KNOWN, ESTIMATED], ids=lambda one: one.name)
def test_at_most_one_cell_a_quarter_is_confirmed_by_chance(knowledge: Knowledge) -> None:
    (first,) = false_alarms(11, 200, 200, 0.0286, knowledge, methods=CONFIRMED)
    assert first.a_quarter.value + 3 * first.a_quarter.error < 1


def test_a_cell_at_five_times_its_odds_is_found() -> None:
    (first,) = power(12, 200, 200, 0.0286, ESTIMATED, 5, methods=CONFIRMED)
    assert first.power.value - 2 * first.power.error > 0.9
    assert first.median_delay < 30


def test_all_cells_at_once_agree_with_the_cell_of_the_service() -> None:
    random = np.random.default_rng(3)
    world = make_world(random, 20, 0.05)
    quarter, stratum = play(random, world, odds_ratio=4)
    p0 = world.probabilities[stratum]
    alarm = detector(quarter, p0)
    for row, planned in enumerate(quarter.planned):
        visits = [
            Visit(
                place, int(quarter.day[row, place]), (Case("s", 1, p0[row, place], bool(quarter.failed[row, place])),)
            )
            for place, failed in enumerate(quarter.failed[row, :planned])
        ]
        crossed = [
            place
            for place in range(planned)
            if log_mean(recount(visits[: place + 1], int(planned)).log_m) - log_stake(int(planned), int(planned))
            >= np.log(confirmation_threshold(20))
        ]
        assert alarm[row] == (quarter.day[row, crossed[0]] if crossed else np.inf)


def test_expectations_fall_back_along_the_category_tree() -> None:
    group = ("food", "supervision", "routine")
    strata = {
        (*group, "catering", "meat", "cured"): Tally(400, 40),
        (*group, "catering", "meat", "fresh"): Tally(400, 4),
        (*group, "catering", "tea"): Tally(400, 2),
        (*group, "production", "tea"): Tally(0, 0),
    }
    model = fit(strata, "v1")
    cured, fresh = (model.expect((*group, "catering", "meat", kind)) for kind in ("cured", "fresh"))
    assert len(cured.basis) == 6 and cured.p0 > 2 * fresh.p0
    unknown = model.expect((*group, "catering", "meat", "smoked", "cold"))
    assert unknown.basis == (*group, "catering", "meat") and fresh.p0 < unknown.p0 < cured.p0
    assert model.expect((*group, "production", "tea")).basis == group
    with pytest.raises(KeyError, match="drug"):
        model.expect(("drug", "supervision", "routine", "use", "tablets"))


def test_shrinkage_takes_a_stratum_of_two_samples_to_its_parent() -> None:
    group = ("food", "supervision", "routine", "catering")
    random = np.random.default_rng(5)
    strata = {(*group, f"c{n}"): Tally(500, int(random.binomial(500, 0.03))) for n in range(40)}
    strata[*group, "tiny"] = Tally(2, 1)
    model = fit(strata, "v1")
    odds = MARGIN * 0.03 / 0.97
    assert model.expect((*group, "tiny")).p0 == pytest.approx(odds / (1 + odds), rel=0.25)


def test_real_records_are_judged_by_what_was_known_on_the_quarters_first_day() -> None:
    random = np.random.default_rng(9)
    path = ("food", "supervision", "routine", "catering", "noodles")
    days = [date(2021, 1, 1) + timedelta(days=n) for n in range(2 * 365)]
    rise = date(2022, 7, 1)
    observations = [
        Observation(day, path, cell, bool(random.random() < (0.25 if cell == "b" and day >= rise else 0.03)))
        for day in days
        for cell in ("a", "b", "c")
        for _ in range(3)
    ]
    assert list(quarters(observations)) == [date(2022, month, 1) for month in (1, 4, 7, 10)]
    alarms = {one.quarter: one.cells for one in evaluate(observations) if one.method == "detector, confirmed"}
    assert alarms[date(2022, 1, 1)] == alarms[date(2022, 4, 1)] == ()
    assert alarms[rise] == ("b",)


def test_the_commands(tmp_path: Path) -> None:
    run = CliRunner().invoke(main, ["hotspots", "evaluate", "--replicates", "3", "--cells", "20", "--json"])
    assert run.exit_code == 0, run.output
    quiet, rises = json.loads(run.stdout)
    assert len(quiet["rows"]) == 5 and len(rises["rows"]) == 60
    grid = [(x, y) for x in range(8) for y in range(8)]
    rows = [f"{x}-{y},{x},{y},100,{12 if x < 2 and y < 2 else 2}" for x, y in grid]
    file = tmp_path / "places.csv"
    file.write_text("\n".join(["place,x,y,population,cases", *rows]))
    run = CliRunner().invoke(main, ["hotspots", "scan", str(file), "--json"])
    assert run.exit_code == 0, run.output
    first = json.loads(run.stdout)[0]
    assert set(first["places"]) == {"0-0", "0-1", "1-0", "1-1"} and first["observed"] == 48
    assert first["p_value"] == 0.001
    file.write_text("place,x,y,population,cases\na,1,1,5,6")
    run = CliRunner().invoke(main, ["hotspots", "scan", str(file)])
    assert run.exit_code == 1 and "more failures than samples" in run.output


def test_units_beyond_those_that_came_do_not_count() -> None:
    quarter = Quarter(np.array([[0.0, np.inf]]), np.array([[True, True]]), np.array([1]), np.array([1]))
    assert detector(quarter, np.array([[1e-4, 1e-4]]), threshold=1.0)[0] == 0.0
    assert np.isinf(detector(quarter, np.array([[0.5, 1e-4]]), threshold=100.0)[0])

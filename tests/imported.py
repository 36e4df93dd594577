"""Two files of real records, what is known of them, and their import."""

from __future__ import annotations

from typing import Any

from tests.system import ROOT, System

DATA = ROOT.parent / "shared" / "data"
FILES = {
    "uk-pesticides": DATA / "uk_pesticide_samples_2016_2020.csv.gz",
    "chicago": DATA / "chicago_food_inspections_2011_2013.csv.gz",
}
#: samples, passed, failed.
TOTALS = {"uk-pesticides": (15_947, 15_129, 818), "chicago": (17_823, 14_249, 3_574)}
ITEMS = {"uk-pesticides": 19_207, "chicago": 17_823}
#: Why tests on them are skipped; None where the files are there.
MISSING = None if all(path.exists() for path in FILES.values()) else f"the records are not in {DATA}"


def import_file(system: System, name: str, *words: str) -> dict[str, Any]:
    """Imports a file; returns the report."""
    report: dict[str, Any] = system.json("import", str(FILES[name]), "--format", name, *words)
    return report


def import_all(system: System) -> None:
    """Imports both files, samples first, and checks what the reports count."""
    for name in FILES:
        report = import_file(system, name)
        samples, passed, failed = TOTALS[name]
        counted = {key: report[key] for key in ("samples", "results", "items", "pass", "fail", "bad_rows")}
        assert counted == {
            "samples": samples,
            "results": samples,
            "items": ITEMS[name],
            "pass": passed,
            "fail": failed,
            "bad_rows": [],
        }
        # a result may still overtake its sample on its way through the sampling service
        assert report["accepted"] + report["parked"] == 2 * samples, report
    system.wait_idle()

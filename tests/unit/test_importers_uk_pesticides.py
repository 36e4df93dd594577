"""The importer of the United Kingdom's pesticide residue monitoring."""

from __future__ import annotations

import csv
import gzip
from datetime import date
from decimal import Decimal

import pytest

from services.importers import BadRow, Imported, NotThisFormat, describe, uk_pesticides

SAMPLE = {
    "sample_id": "1001/2016",
    "category": "Apple",
    "sub_category": "Eating",
    "sample_date": "2016-01-18",
    "description": "Jonagored Apples",
    "sampling_point": "Tesco",
    "address": "170 Newtonbreda Road",
    "postcode_area": "BT",
    "brand": "None stated",
    "packer": "McCann",
}
RESIDUE = {
    "sample_id": "1001/2016",
    "item": "dithiocarbamates",
    "value": "0.08",
    "unit": "mg/kg",
    "mrl": "5",
    "mrl_text": "MRL = 5",
    "exceeds_mrl": "0",
}


def test_a_sample_and_its_residues() -> None:
    over = {**RESIDUE, "item": "captan (sum)", "value": "5.01", "exceeds_mrl": "1"}
    (one,) = uk_pesticides.events([SAMPLE], [RESIDUE, over])
    assert isinstance(one, Imported) and one.result is not None
    sample, result = one.sample, one.result
    assert (sample.region, sample.category, sample.stage) == ("GB/UK/BT", ("Apple", "Eating"), "circulation")
    assert sample.brand is None and sample.producer is not None and sample.producer.name == "McCann"
    assert [(item.value, item.unit, item.limit, item.limit_kind, item.verdict) for item in result.items] == [
        (Decimal("0.08"), "mg/kg", Decimal(5), "max", "pass"),
        (Decimal("5.01"), "mg/kg", Decimal(5), "max", "fail"),
    ]
    assert {item.item_class for item in result.items} == {"pesticide_residue"}
    assert result.conclusion == "fail"
    assert result.lab_id == "unnamed"
    assert sample.sampled_at.date() == result.issued_at.date() == date(2016, 1, 18)
    assert result.issued_at > sample.sampled_at


def test_what_a_record_leaves_open() -> None:
    bare = {**SAMPLE, "sub_category": "", "postcode_area": "", "packer": "", "address": ""}
    no_limit = {**RESIDUE, "mrl": "", "mrl_text": "No MRL", "exceeds_mrl": ""}
    (one,) = uk_pesticides.events([bare], [no_limit])
    assert isinstance(one, Imported) and one.result is not None
    assert (one.sample.region, one.sample.category, one.sample.producer) == ("GB/UK", ("Apple",), None)
    (item,) = one.result.items
    assert (item.limit, item.limit_kind, item.verdict) == (None, None, "pass")


def test_a_sample_without_residues_passes_with_no_items() -> None:
    found = list(uk_pesticides.events([SAMPLE], []))
    assert describe(found) == {"samples": 1, "results": 1, "items": 0, "pass": 1, "fail": 0, "inconclusive": 0}


def test_a_residue_that_cannot_be_read_withholds_the_result() -> None:
    bad, one = uk_pesticides.events([SAMPLE], [{**RESIDUE, "value": "trace"}])
    assert isinstance(bad, BadRow) and bad.row == 2 and "trace" in bad.reason
    assert isinstance(one, Imported) and one.result is None


def test_the_cell_that_is_no_number_is_the_one_that_is_named() -> None:
    bad, _ = uk_pesticides.events([SAMPLE], [{**RESIDUE, "mrl": "n.a."}])
    assert isinstance(bad, BadRow) and bad.reason == "mrl: 'n.a.' is not a number"


def test_a_corrected_record_is_not_taken_for_a_repeat() -> None:
    ids = []
    for value in ("0.08", "0.08", "0.09"):
        (one,) = uk_pesticides.events([SAMPLE], [{**RESIDUE, "value": value}])
        assert isinstance(one, Imported) and one.result is not None
        ids.append((one.sample.event_id, one.result.event_id))
    assert ids[0] == ids[1] and ids[0][0] == ids[2][0] and ids[0][1] != ids[2][1]


def test_a_residue_of_an_unknown_sample_is_named() -> None:
    _, bad = uk_pesticides.events([SAMPLE], [{**RESIDUE, "sample_id": "9/2016"}])
    assert isinstance(bad, BadRow) and "9/2016" in bad.reason


def test_the_results_lie_beside_the_samples(tmp_path) -> None:
    for name, row in (("uk_samples_x.csv", SAMPLE), ("uk_results_x.csv", RESIDUE)):
        with (tmp_path / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            writer.writeheader()
            writer.writerow(row)
    assert describe(uk_pesticides.load(tmp_path / "uk_samples_x.csv"))["items"] == 1
    with pytest.raises(NotThisFormat, match="_samples_"):
        uk_pesticides.load(tmp_path / "uk_results_x.csv")
    (tmp_path / "uk_results_x.csv").unlink()
    with pytest.raises(NotThisFormat, match="not beside"):
        uk_pesticides.load(tmp_path / "uk_samples_x.csv")


def test_a_file_that_was_cut_off_in_a_row_names_the_row(tmp_path) -> None:
    samples, results = tmp_path / "x_samples_y.csv", tmp_path / "x_results_y.csv"
    for file, row, fields in ((samples, SAMPLE, 3), (results, RESIDUE, 2)):
        for name, of_name in ((samples, SAMPLE), (results, RESIDUE)):
            name.write_text(f"{','.join(of_name)}\n{','.join(of_name.values())}\n")
        with file.open("a") as end:
            end.write(",".join([*row.values()][:fields]))
        found = list(uk_pesticides.load(samples))
        assert [one.row for one in found if isinstance(one, BadRow)] == [3]


@pytest.mark.parametrize("broken", ["field too long", "download broken off"])
def test_what_can_not_be_read_to_its_end_is_not_this_format(tmp_path, broken) -> None:
    samples = tmp_path / "x_samples_y.csv.gz"
    rows = [f"{'x' * 200_000}"] if broken == "field too long" else [",".join(SAMPLE.values())] * 1000
    content = gzip.compress("\n".join([",".join(SAMPLE), *rows]).encode())
    samples.write_bytes(content if broken == "field too long" else content[:-20])
    (tmp_path / "x_results_y.csv.gz").write_bytes(gzip.compress(",".join(RESIDUE).encode()))
    with pytest.raises(NotThisFormat, match="can't be read to its end"):
        list(uk_pesticides.load(samples))

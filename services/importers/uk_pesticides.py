"""The United Kingdom's pesticide residue monitoring: samples, and every residue measured in them.

The verdict follows from value against limit, without measurement uncertainty: it is not the official one. No laboratory
is named. A residue without a limit cannot exceed one and passes; a sample without residues passes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from pydantic import ValidationError

from schemas.results import Item, ResultReported
from schemas.sampling import SampleTaken
from schemas.values import Party
from services.importers import (
    UNNAMED_LAB,
    BadRow,
    Found,
    Imported,
    NotThisFormat,
    bad_row,
    identified,
    moment,
    read_csv,
)

SOURCE = "import:uk-pesticides"
NATION = "GB/UK"

#: Column of each field that can be refused, for messages.
COLUMNS = {
    "sample_id": "sample_id",
    "report_no": "sample_id",
    "sampled_at": "sample_date",
    "issued_at": "sample_date",
    "category": "category",
    "product_name": "description",
    "brand": "brand",
    "producer": "packer",
    "sampled_party": "sampling_point",
    "region": "postcode_area",
    "items": "items",
}
_SAMPLE_COLUMNS = (
    *("sample_id", "category", "sub_category", "sample_date", "description", "sampling_point", "address"),
    *("postcode_area", "brand", "packer"),
)
_RESULT_COLUMNS = ("sample_id", "item", "value", "unit", "mrl", "mrl_text", "exceeds_mrl")
#: How the samples' file says that there is no brand.
_NO_BRAND = frozenset({"", "None stated"})


def events(samples: Iterable[Mapping[str, str]], results: Iterable[Mapping[str, str]]) -> Iterator[Found]:
    """A sample and a result for each row of `samples`, with the residues that `results` has for it."""
    items: defaultdict[str, list[Item]] = defaultdict(list)
    broken: dict[str, BadRow] = {}
    first_row: dict[str, int] = {}
    for number, row in enumerate(results, 2):
        first_row.setdefault(row["sample_id"], number)
        try:
            items[row["sample_id"]].append(_item(row))
        except (ValidationError, ValueError) as error:
            bad = bad_row(number, error, {"value": "value", "limit": "mrl", "item": "item", "unit": "unit"})
            # without one of its items a result could conclude otherwise: the sample goes without a result
            broken[row["sample_id"]] = bad
            yield bad
    for number, row in enumerate(samples, 2):
        sample_id = row["sample_id"]
        first_row.pop(sample_id, None)
        try:
            sample = _sample(row)
            residues = tuple(items.pop(sample_id, ()))
            yield Imported(sample, None if sample_id in broken else _result(row, residues))
        except (ValidationError, ValueError) as error:
            yield bad_row(number, error, COLUMNS)
    for sample_id, number in first_row.items():
        yield BadRow(number, "sample_id", f"{sample_id} is not among the samples")


def load(path: Path) -> Iterator[Found]:
    """The same from the samples' file and the results' file beside it: `_samples_` in the name becomes `_results_`."""
    results = path.with_name(path.name.replace("_samples_", "_results_"))
    if results == path:
        raise NotThisFormat(f"{path.name}: name the samples' file, with _samples_ in its name")
    if not results.exists():
        raise NotThisFormat(f"the results' file {results.name} is not beside {path.name}")
    return events(read_csv(path, _SAMPLE_COLUMNS), read_csv(results, _RESULT_COLUMNS))


def _item(row: Mapping[str, str]) -> Item:
    limit = _number(row, "mrl") if row["mrl"] else None
    return Item(
        item=row["item"],
        value=_number(row, "value"),
        unit=row["unit"] or None,
        limit=limit,
        limit_kind=None if limit is None else "max",
        basis=row["mrl_text"] or None,
        item_class="pesticide_residue",
        verdict="fail" if row["exceeds_mrl"] == "1" else "pass",
    )


def _number(row: Mapping[str, str], column: str) -> Decimal:
    try:
        return Decimal(row[column])
    except ArithmeticError:
        raise ValueError(f"{column}: {row[column]!r} is not a number") from None


def _sample(row: Mapping[str, str]) -> SampleTaken:
    area = row["postcode_area"]
    sample = SampleTaken(
        sample_id=row["sample_id"],
        domain="food",
        plan="supervision",
        category=tuple(name for name in (row["category"], row["sub_category"]) if name),
        product_name=row["description"],
        brand=None if row["brand"] in _NO_BRAND else row["brand"],
        producer=Party(name=row["packer"]) if row["packer"] else None,
        sampled_party=Party(name=row["sampling_point"], address=row["address"] or None),
        region=f"{NATION}/{area}" if area else NATION,
        stage="circulation",
        sampled_at=moment(row["sample_date"], 0),
    )
    return identified("sample", sample, SOURCE)


def _result(row: Mapping[str, str], items: tuple[Item, ...]) -> ResultReported:
    result = ResultReported(
        report_no=row["sample_id"],
        sample_id=row["sample_id"],
        lab_id=UNNAMED_LAB,
        issued_at=moment(row["sample_date"], 12),
        items=items,
        conclusion="fail" if any(item.verdict == "fail" for item in items) else "pass",
    )
    return identified("result", result, SOURCE)

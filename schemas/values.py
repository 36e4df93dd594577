"""The closed vocabularies and small values that the contracts share (design, section 4)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, StringConstraints

Domain = Literal["food", "food_rapid", "drug", "medical_device", "cosmetic", "product"]
Plan = Literal["supervision", "risk_monitoring", "evaluation", "special"]
Targeting = Literal["routine", "targeted"]
Stage = Literal["production", "circulation", "catering", "use", "online"]
Outcome = Literal["pass", "fail", "inconclusive"]
ItemVerdict = Literal["pass", "fail", "inconclusive", "untested"]
LimitKind = Literal["max", "min", "range", "absent"]

#: What a failing verdict is called and counted as; the three are never mixed.
Measure = Literal["qualification", "problem", "suspicion"]

#: Stands where a person was named, once that is redacted.
REDACTED: Final = "redacted"

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
LongText = Annotated[str, StringConstraints(max_length=4000)]
Timestamp = AwareDatetime


def _as_path(value: object) -> object:
    return value.split("/") if isinstance(value, str) else value


#: Category path, coarse to fine: at most the four levels of the national food category. A string is split at "/".
CategoryPath = Annotated[tuple[Text, ...], BeforeValidator(_as_path, json_schema_input_type=list[str] | str)]


class Contract(BaseModel):
    """Base of every contract: immutable, lenient about unknown fields, no NaN or infinity."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Party(Contract):
    """An enterprise: the producer named on the label, or the party a sample was taken from."""

    name: Text
    licence: Identifier | None = None
    address: LongText | None = None

    @property
    def identity(self) -> str:
        """What tells this enterprise from others: its licence, else its name."""
        return self.licence or self.name


def measure_of(domain: str, plan: str) -> Measure:
    """What a failure means: statutory 不合格, 问题样品 of risk monitoring, or 可疑 of a rapid test."""
    if domain == "food_rapid":
        return "suspicion"
    return "problem" if plan == "risk_monitoring" else "qualification"

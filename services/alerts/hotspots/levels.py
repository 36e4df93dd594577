"""What a cell's evidence amounts to: the three levels, and what each of them guarantees. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log
from typing import Literal

Level = Literal["high_confidence", "confirmed", "watch"]

#: How many cells may be confirmed by chance in a quarter, on average.
FALSE_ALARMS_A_QUARTER = 1.0
#: The share of false ones among the cells of high confidence, on average.
FALSE_DISCOVERY_RATE = 0.1
#: Evidence from which a cell is watched.
WATCH_EVIDENCE = 20.0

GUARANTEES: dict[Level, tuple[str, str]] = {
    "high_confidence": (
        "e-BH 检验,错误发现率不超过 10%:同一时刻列为高度可信的单元中,平均至多一成是偶然所致",
        "e-BH at false discovery rate 0.1: of the cells of high confidence at one time at most a tenth are chance, "
        "on average",
    ),
    "confirmed": (
        "全部单元合计,每季度因偶然而确认的热点平均不超过 1 个",
        "over all cells together at most one is confirmed by chance in a quarter, on average",
    ),
    "watch": (
        "未作多重比较校正:单看这一单元,偶然达到此水平的概率不超过 5%;单元众多时,每季度会有若干个偶然达到",
        "uncorrected: this cell alone gets here by chance with probability at most 0.05; among many cells some do, "
        "every quarter",
    ),
}


def confirmation_threshold(active_cells: int) -> float:
    """K / B: the evidence from which a cell is confirmed, for K active cells; never below that of the watch level, or
    one of three cells would be confirmed by chance every other quarter. Out of reach while K is not known (0)."""
    return inf if active_cells <= 0 else max(WATCH_EVIDENCE, active_cells / FALSE_ALARMS_A_QUARTER)


def level_of(log_evidence: float, active_cells: int) -> Literal["confirmed", "watch"] | None:
    """The level that one cell reaches by itself; high confidence takes all cells (`e_bh`)."""
    if log_evidence >= log(confirmation_threshold(active_cells)):
        return "confirmed"
    return "watch" if log_evidence >= log(WATCH_EVIDENCE) else None


def e_bh(log_evidences: Sequence[float], tests: int | None = None, alpha: float = FALSE_DISCOVERY_RATE) -> list[int]:
    """The positions (from 0) whose hypotheses e-BH rejects at level alpha, in ascending order.

    `tests` is how many hypotheses there are; those that are not listed have evidence 0. Rejected are the k largest,
    for the largest k whose k-th largest e-value is at least tests / (k alpha).
    Source: Wang and Ramdas, "False discovery rate control with e-values" (2022).
    """
    tests = len(log_evidences) if tests is None else tests
    if tests < len(log_evidences):
        raise ValueError(f"{len(log_evidences)} e-values of {tests} tests")
    order = sorted(range(len(log_evidences)), key=lambda place: -log_evidences[place])
    kept = 0
    for rank, place in enumerate(order, 1):
        # a hair of tolerance: e-values come from logarithms, and one at the border belongs inside
        if log_evidences[place] > -inf and log_evidences[place] >= log(tests / (rank * alpha)) - 1e-12:
            kept = rank
    return sorted(order[:kept])


def evidence(log_evidence: float) -> float:
    """E for people: exp, with the largest double in place of an overflow."""
    return exp(min(log_evidence, 709.0))
